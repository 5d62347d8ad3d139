//! The function as it is deployed, on the local Lambda.

use serde_json::Value;

#[tokio::test]
async fn reports_and_refusals_reach_the_caller() -> Result<(), kiln::Error> {
    let function = kiln::testing::local!().await?;
    let report: Value = serde_json::from_str(include_str!("../events/report.json"))?;
    let answer: Value = function.invoke(&report).await?.json()?;
    assert_eq!(answer["valueAtRisk"], 72_483.44, "{answer}");

    let invalid: Value = serde_json::from_str(include_str!("../events/invalid.json"))?;
    let answer: Value = function.invoke(&invalid).await?.json()?;
    assert_eq!(answer["errorType"], "InvalidRequest", "{answer}");
    Ok(())
}
