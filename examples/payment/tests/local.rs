//! The function as it is deployed, on the local Lambda.

use serde_json::{Value, json};

#[tokio::test]
async fn a_payment_is_made_once() -> Result<(), kiln::Error> {
    // One environment, whose memory knows the first payment.
    let function = kiln::testing::local!().await?;
    let event: Value = serde_json::from_str(include_str!("../events/payment.json"))?;
    let first: Value = function.invoke(&event).await?.json()?;
    assert_eq!(first["chargeId"], "charge-1");
    assert_eq!(first["replayed"], false);
    let second: Value = function.invoke(&event).await?.json()?;
    assert_eq!(second["chargeId"], "charge-1");
    assert_eq!(second["replayed"], true);

    let mut changed = event.clone();
    changed["cents"] = json!(1);
    let refused = function.invoke(&changed).await?;
    assert_eq!(
        refused.json::<Value>()?["errorType"],
        "IdempotencyValidation"
    );
    assert!(function.printed().contains("IDEMPOTENCY_TABLE is not set"));
    Ok(())
}

/// Nobody listens there, so what fails is the store: not a card is charged.
#[tokio::test]
async fn a_table_that_cannot_be_reached_is_an_error() -> Result<(), kiln::Error> {
    let function = kiln::testing::local!()
        .env("IDEMPOTENCY_TABLE", "payments")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .env("AWS_MAX_ATTEMPTS", "1")
        .await?;
    let event: Value = serde_json::from_str(include_str!("../events/payment.json"))?;
    let answer: Value = function.invoke(&event).await?.json()?;
    assert_eq!(answer["errorType"], "IdempotencyPersistenceLayer");
    Ok(())
}
