//! The function as it is deployed, on the local Lambda.

use kiln::testing;
use serde_json::{Value, json};

#[tokio::test]
async fn every_front_door_leads_to_an_order() -> Result<(), kiln::Error> {
    let function = testing::local!().await?;
    // The same order each time: to send it again is fine.
    for event in ["http", "function-url", "apigw-v1", "alb"] {
        let event: Value = testing::sample(event);
        let answer: Value = function.invoke(&event).await?.json()?;
        assert_eq!(answer["statusCode"], 201, "{answer}");
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap_or_default())?;
        assert_eq!(body["totalCents"], 4490);
    }

    let mut unknown: Value = testing::sample("http");
    unknown["requestContext"]["http"]["method"] = json!("DELETE");
    let answer = function.invoke(&unknown).await?;
    assert_eq!(
        answer.function_error, None,
        "a caller's mistake is an answer"
    );
    let problem: Value = answer.json()?;
    assert_eq!(problem["statusCode"], 405);
    assert!(problem["headers"]["x-request-id"].is_string(), "{problem}");
    Ok(())
}
