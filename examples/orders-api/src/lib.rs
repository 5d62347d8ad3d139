//! An HTTP API on Lambda: axum does the routing, `lambda_http` turns events into requests, and layers
//! of `kiln` do what neither does.
//!
//! | request | answer |
//! | --- | --- |
//! | `POST /orders` | 201 with the total, 409 when the id is taken, 422 when a rule is broken |
//! | `GET /orders/{id}` | 200, or 404 |
//! | `GET /health` | 200 |
//!
//! The same function answers behind a function URL, an HTTP API, a REST API and a load balancer.
//! Every error is a problem document (RFC 9457), those of the framework included.

use std::convert::Infallible;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use kiln::http::lambda_http::Request;
use kiln::http::{BodyLimitLayer, ETagLayer, StageLayer};
use kiln::logging::info;
use kiln::tower::{Service, ServiceBuilder};
use orders::{AcceptedOrder, Order};
use serde_json::json;

mod book;
mod problem;

pub use book::{BookError, OrderBook};
pub use problem::ApiError;

/// The largest order, in bytes: a hundred lines are a tenth of it.
const LARGEST_BODY: u64 = 128 * 1024;

/// The service, for `run_http`.
pub fn service(
    book: OrderBook,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    let router = Router::new()
        .route("/orders", post(place_order))
        .route("/orders/{order_id}", get(find_order))
        .route("/health", get(health))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(book);
    ServiceBuilder::new()
        // Routes should not depend on where the function is deployed.
        .layer(StageLayer::new())
        .layer(ETagLayer::new())
        .layer(BodyLimitLayer::new(LARGEST_BODY))
        .service(router)
}

/// `POST /orders`
async fn place_order(
    State(book): State<OrderBook>,
    order: Result<Json<Order>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(order) = order?;
    let accepted = order.accept()?;
    book.enter(&accepted)?;
    let order_id = &accepted.order().order_id;
    let total_cents = accepted.total_cents();
    info!(order_id, total_cents, "order accepted");
    let location = [(header::LOCATION, format!("/orders/{order_id}"))];
    Ok((StatusCode::CREATED, location, Json(accepted)).into_response())
}

/// `GET /orders/{order_id}`
async fn find_order(
    State(book): State<OrderBook>,
    Path(order_id): Path<String>,
) -> Result<Json<AcceptedOrder>, ApiError> {
    book.find(&order_id)
        .map(Json)
        .ok_or(ApiError::UnknownOrder { order_id })
}

/// `GET /health`
async fn health() -> Json<serde_json::Value> {
    Json(json!({"status": "ok"}))
}

async fn unknown_path(uri: Uri) -> ApiError {
    ApiError::UnknownPath {
        path: uri.path().to_owned(),
    }
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    ApiError::WrongMethod {
        method,
        path: uri.path().to_owned(),
    }
}
