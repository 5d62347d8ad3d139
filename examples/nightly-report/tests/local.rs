//! The function as it is deployed, on the local Lambda.

#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

use serde_json::{Value, json};

/// An event of `events/`.
fn event(name: &str) -> Value {
    let path = format!("{}/events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn reports_are_made_by_schedule_and_on_demand() -> Result<(), kiln::Error> {
    let function = kiln::testing::local!().await?;
    // What `kiln event schedule` prints: a Monday.
    let scheduled = kiln::testing::sample::<Value>("schedule");
    let answer = function.invoke(&scheduled).await?;
    assert_eq!(
        answer.json::<Value>()?,
        json!({
            "shop": "main",
            "orders": 2,
            "revenueCents": 5_740,
            "bestSellers": ["KILN-MUG", "KILN-CAP"],
            "weeklySummary": true,
        })
    );
    // A Friday, and a shop without best sellers.
    let answer = function.invoke(&event("outlet")).await?;
    assert_eq!(
        answer.json::<Value>()?,
        json!({"shop": "outlet", "orders": 1, "revenueCents": 2_970, "weeklySummary": false})
    );
    let error = function
        .invoke(&event("unknown-shop"))
        .await?
        .error()
        .unwrap();
    assert_eq!(error.error_type, "UnknownShop");
    assert_eq!(error.error_message, "there is no shop `attic`");
    Ok(())
}
