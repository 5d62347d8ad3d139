//! The function as Lambda calls it: events in, answers out.

#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

use lambda_runtime::{Context, LambdaEvent};
use orders_queue::{StockRoom, handle};
use serde_json::{Value, json};

/// An event of `events/`, as the runtime hands it over.
fn event<T: serde::de::DeserializeOwned>(name: &str) -> LambdaEvent<T> {
    let path = format!("{}/events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut context = Context::default();
    context.deadline = u64::MAX / 2_000;
    LambdaEvent::new(serde_json::from_str(&text).unwrap(), context)
}

/// The answer to an event, as JSON.
async fn answer(name: &str) -> Value {
    let warehouse = StockRoom::opening_stock();
    let response = handle(event(name), &warehouse).await.unwrap();
    serde_json::to_value(response).unwrap()
}

#[tokio::test]
async fn a_good_batch_has_no_failures() {
    assert_eq!(answer("batch").await, json!({"batchItemFailures": []}));
}

#[tokio::test]
async fn what_fails_is_named_and_nothing_else() {
    assert_eq!(
        answer("partial-failure").await,
        json!({"batchItemFailures": [
            {"itemIdentifier": "2e1424d4-f796-459a-8184-9c92662be6da"},
            {"itemIdentifier": "c0ffee00-0000-4000-8000-000000000003"},
        ]})
    );
}
