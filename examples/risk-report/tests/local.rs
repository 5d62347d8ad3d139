//! The function as it is deployed, on the local Lambda.

use kiln::testing;
use serde_json::{Value, json};

#[tokio::test]
async fn reports_and_refusals_reach_the_caller() -> Result<(), kiln::Error> {
    let function = testing::local!().await?;
    let mut event: Value = testing::sample("eventbridge");
    event["detail"] = serde_json::from_str(include_str!("../events/portfolio.json"))?;
    let answer: Value = function.invoke(&event).await?.json()?;
    assert_eq!(answer["valueAtRisk"], 72_483.44, "{answer}");

    event["detail"]["confidence"] = json!(1.5);
    let answer: Value = function.invoke(&event).await?.json()?;
    assert_eq!(answer["errorType"], "InvalidRequest", "{answer}");
    Ok(())
}
