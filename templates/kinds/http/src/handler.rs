//! The HTTP side: routes, and what each outcome looks like as a response.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use lambda_http::tracing;
use serde::Serialize;

use crate::error::Error;
use crate::order::Order;
use crate::work::{Outcome, Worker};

/// All routes of the function.
pub fn router(worker: Arc<Worker>) -> Router {
    Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/orders", post(place_order))
        .with_state(worker)
}

async fn place_order(
    State(worker): State<Arc<Worker>>,
    order: Result<Json<Order>, JsonRejection>,
) -> Result<Json<Outcome>, Error> {
    let Json(order) = order.map_err(Error::invalid_order)?;
    let outcome = worker.process(order).await?;
    tracing::info!(order_id = outcome.order_id, "order processed");
    Ok(Json(outcome))
}

/// The body of a response that is not a success.
#[derive(Serialize)]
struct Problem {
    error: &'static str,
    message: String,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, message) = if self.is_callers() {
            (StatusCode::UNPROCESSABLE_ENTITY, self.chain())
        } else {
            // The causes are for the log: callers get no addresses of ours.
            tracing::error!(
                error = self.chain(),
                error_type = self.error_type(),
                "order failed"
            );
            (StatusCode::SERVICE_UNAVAILABLE, self.to_string())
        };
        let problem = Problem {
            error: self.error_type(),
            message,
        };
        (status, Json(problem)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn status(method: &str, path: &str, body: &'static str) -> StatusCode {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(Body::from(body))
            .unwrap();
        let router = router(Arc::new(Worker::default()));
        router.oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn routes_and_refusals() {
        let cases = [
            ("GET", "/health", "", StatusCode::OK),
            ("GET", "/orders", "", StatusCode::METHOD_NOT_ALLOWED),
            ("POST", "/nowhere", "", StatusCode::NOT_FOUND),
            (
                "POST",
                "/orders",
                "no JSON",
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
            ("POST", "/orders", "{}", StatusCode::UNPROCESSABLE_ENTITY),
        ];
        for (method, path, body, expected) in cases {
            let status = status(method, path, body).await;
            assert_eq!(status, expected, "{method} {path} {body}");
        }
    }
}
