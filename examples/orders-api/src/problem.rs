//! Errors as callers see them: problem documents (RFC 9457).

use axum::extract::rejection::JsonRejection;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use kiln::LambdaError;
use kiln::http::Problem;
use orders::OrderError;

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

/// By hand and not derived: what is wrong with a body, and so its status, axum knows.
impl LambdaError for ApiError {
    /// What clients match on.
    fn error_type(&self) -> &str {
        match self {
            Self::Body(_) => "invalid-body",
            Self::Order(_) => "invalid-order",
            Self::Book(BookError::Taken { .. }) => "order-id-taken",
            Self::Book(BookError::Full) => "order-book-full",
            Self::UnknownOrder { .. } => "unknown-order",
            Self::UnknownPath { .. } => "unknown-path",
            Self::WrongMethod { .. } => "wrong-method",
        }
    }

    fn http_status(&self) -> StatusCode {
        match self {
            Self::Body(rejection) => rejection.status(),
            Self::Order(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Book(BookError::Taken { .. }) => StatusCode::CONFLICT,
            Self::Book(BookError::Full) => StatusCode::SERVICE_UNAVAILABLE,
            Self::UnknownOrder { .. } | Self::UnknownPath { .. } => StatusCode::NOT_FOUND,
            Self::WrongMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
        }
    }
}

/// Logged, and told to the caller as far as it is the caller's business.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        Problem::reported(&self).response()
    }
}
