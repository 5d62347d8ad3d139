//! The layers for functions that answer HTTP requests, through the real mapping of `lambda_http`.

#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

mod caching;
mod compression;
mod cors;
mod errors;
mod limits;
mod origin;

use std::fmt;

use http::StatusCode;
use kiln::LambdaError;
use kiln::http::Events;
use kiln::tower::{Service, ServiceExt as _};
use kiln::{Context, LambdaEvent};
use lambda_http::{IntoResponse, Request};
use origin::Origin;
use serde_json::Value;

/// Sends an event through a service, as the runtime does, and returns what goes back to Lambda.
async fn answer<S>(service: S, event: Value) -> Value
where
    S: Service<Request> + Clone + Send + Sync + 'static,
    S::Response: IntoResponse + 'static,
    S::Error: LambdaError + Send + 'static,
    S::Future: Send + 'static,
{
    let mut context = Context::default();
    context.request_id = "req-1".to_owned();
    answer_with(service, event, context).await
}

async fn answer_with<S>(service: S, event: Value, context: Context) -> Value
where
    S: Service<Request> + Clone + Send + Sync + 'static,
    S::Response: IntoResponse + 'static,
    S::Error: LambdaError + Send + 'static,
    S::Future: Send + 'static,
{
    let event = LambdaEvent::new(serde_json::from_value(event).unwrap(), context);
    let answer = Events::new(service).oneshot(event).await.unwrap();
    serde_json::to_value(answer).unwrap()
}

/// A header of an answer, wherever its origin wants it.
fn header(answer: &Value, name: &str) -> Option<String> {
    let value = match &answer["multiValueHeaders"][name] {
        Value::Null => answer["headers"][name].clone(),
        values => values[0].clone(),
    };
    value.as_str().map(str::to_owned)
}

/// The body of an answer, as JSON.
fn json(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap_or_default()).unwrap()
}

/// An error with a status.
#[derive(Debug)]
struct Failure(StatusCode);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the table `orders-7` said {}", self.0.as_u16())
    }
}

impl std::error::Error for Failure {}

impl LambdaError for Failure {
    fn error_type(&self) -> &str {
        "TableFailed"
    }
    fn http_status(&self) -> StatusCode {
        self.0
    }
}

/// Every test that is the same for all of them.
const ORIGINS: [Origin; 4] = [Origin::Rest, Origin::Http, Origin::Url, Origin::Alb];
