//! The HTTP side: one resource, an order in and its outcome out.

use std::convert::Infallible;

use lambda_http::http::{Method, StatusCode, header};
use lambda_http::{Body, Request, Response, tracing};
use serde::Serialize;

use crate::error::Error;
use crate::order::Order;
use crate::work::{Outcome, Worker};

/// Answers one request. Every error is a response: to Lambda the function never fails.
pub async fn handle(worker: &Worker, request: Request) -> Result<Response<Body>, Infallible> {
    if request.method() != Method::POST {
        let problem = Problem {
            error: "MethodNotAllowed",
            message: "send an order with POST".to_owned(),
        };
        return Ok(json(StatusCode::METHOD_NOT_ALLOWED, &problem));
    }
    let response = match process(worker, request.body()).await {
        Ok(outcome) => {
            tracing::info!(order_id = outcome.order_id, "order processed");
            json(StatusCode::OK, &outcome)
        }
        Err(error) => refuse(&error),
    };
    Ok(response)
}

async fn process(worker: &Worker, body: &[u8]) -> Result<Outcome, Error> {
    let order: Order = serde_json::from_slice(body).map_err(Error::invalid_order)?;
    worker.process(order).await
}

/// The body of a response that is not a success.
#[derive(Serialize)]
struct Problem {
    error: &'static str,
    message: String,
}

fn refuse(error: &Error) -> Response<Body> {
    let (status, message) = if error.is_callers() {
        (StatusCode::UNPROCESSABLE_ENTITY, error.chain())
    } else {
        // The causes are for the log: callers get no addresses of ours.
        tracing::error!(
            error = error.chain(),
            error_type = error.error_type(),
            "order failed"
        );
        (StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    };
    let problem = Problem {
        error: error.error_type(),
        message,
    };
    json(status, &problem)
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let body = serde_json::to_string(value).expect("these types have no map with odd keys");
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response
            .headers_mut()
            .insert(header::ALLOW, header::HeaderValue::from_static("POST"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn refusals() {
        let cases = [
            ("GET", "", StatusCode::METHOD_NOT_ALLOWED),
            ("POST", "no JSON", StatusCode::UNPROCESSABLE_ENTITY),
            ("POST", "{}", StatusCode::UNPROCESSABLE_ENTITY),
        ];
        for (method, body, expected) in cases {
            let request = lambda_http::http::Request::builder()
                .method(method)
                .body(Body::from(body))
                .unwrap();
            let response = handle(&Worker::default(), request).await.unwrap();
            assert_eq!(response.status(), expected, "{method} {body}");
            let problem: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
            assert!(problem["error"].is_string(), "{problem}");
        }
    }
}
