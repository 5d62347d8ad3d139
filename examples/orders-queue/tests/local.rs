//! The function as it is deployed, on the local Lambda.

use serde_json::{Value, json};

/// An event of `events/`.
fn event(name: &str) -> Result<Value, kiln::Error> {
    let path = format!("{}/events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
}

#[tokio::test]
async fn what_fails_is_named_and_nothing_else() -> Result<(), kiln::Error> {
    let function = kiln::testing::local!().await?;
    let good = json!({"batchItemFailures": []});
    for event in [event("batch")?, kiln::testing::sample("sqs")] {
        assert_eq!(function.invoke(&event).await?.json::<Value>()?, good);
    }
    let answer = function.invoke(&event("partial-failure")?).await?;
    assert_eq!(
        answer.json::<Value>()?,
        json!({"batchItemFailures": [
            {"itemIdentifier": "2e1424d4-f796-459a-8184-9c92662be6da"},
            {"itemIdentifier": "c0ffee00-0000-4000-8000-000000000003"},
        ]})
    );
    Ok(())
}

#[tokio::test]
async fn a_batch_without_a_good_record_fails() -> Result<(), kiln::Error> {
    let function = kiln::testing::local!().await?;
    let batch = json!({"Records": [{"messageId": "1", "body": "not an order"}]});
    let answer = function.invoke(&batch).await?;
    assert!(answer.function_error.is_some(), "{answer:?}");
    assert_eq!(answer.json::<Value>()?["errorType"], "EveryRecordFailed");
    Ok(())
}
