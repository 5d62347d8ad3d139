//! Errors as callers see them: problem documents (RFC 9457).

use axum::extract::rejection::JsonRejection;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lambda_http::tracing;
use orders::OrderError;
use serde_json::json;

use crate::book::BookError;

/// Why a request is not answered with what it asked for.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The body is not JSON, not declared as JSON, or not an order.
    #[error("{}", .0.body_text())]
    Body(#[from] JsonRejection),
    /// A rule of the shop is broken.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// The order cannot be entered.
    #[error(transparent)]
    Book(#[from] BookError),
    /// Nobody placed this order.
    #[error("there is no order `{order_id}`")]
    UnknownOrder {
        /// The id that was asked for.
        order_id: String,
    },
    /// No route.
    #[error("there is nothing at `{path}`")]
    UnknownPath {
        /// The path that was asked for.
        path: String,
    },
    /// A route, but not for this method.
    #[error("`{path}` does not answer {method}")]
    WrongMethod {
        /// The method used.
        method: Method,
        /// The path that was asked for.
        path: String,
    },
}

impl ApiError {
    /// The HTTP status, and a name that clients can match on.
    fn status_and_kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Body(rejection) => (rejection.status(), "invalid-body"),
            Self::Order(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid-order"),
            Self::Book(BookError::Taken { .. }) => (StatusCode::CONFLICT, "order-id-taken"),
            Self::Book(BookError::Full) => (StatusCode::SERVICE_UNAVAILABLE, "order-book-full"),
            Self::UnknownOrder { .. } => (StatusCode::NOT_FOUND, "unknown-order"),
            Self::UnknownPath { .. } => (StatusCode::NOT_FOUND, "unknown-path"),
            Self::WrongMethod { .. } => (StatusCode::METHOD_NOT_ALLOWED, "wrong-method"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, kind) = self.status_and_kind();
        let detail = self.to_string();
        if status.is_server_error() {
            tracing::error!(kind, detail, "request failed");
        } else {
            // The caller's mistake: worth knowing, not worth waking anyone.
            tracing::info!(kind, detail, "request refused");
        }
        let problem = json!({
            "type": kind,
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": detail,
        });
        let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
        (status, content_type, problem.to_string()).into_response()
    }
}
