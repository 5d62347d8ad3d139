//! The function as Lambda calls it: events in, answers out.

#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

use aws_lambda_events::eventbridge::EventBridgeEvent;
use kiln::{Diagnostic, LambdaEvent, testing};
use risk_report::{RiskRequest, handle};
use serde_json::{Value, json};

/// What `events/portfolio.json` asks for.
fn portfolio() -> Value {
    serde_json::from_str(include_str!("../events/portfolio.json")).unwrap()
}

/// The event of `kiln event eventbridge` with this detail, as the runtime hands it over.
fn event(detail: &Value) -> LambdaEvent<EventBridgeEvent<RiskRequest>> {
    let mut event: Value = testing::sample("eventbridge");
    event["detail"] = detail.clone();
    testing::event(serde_json::from_value(event).unwrap())
}

#[tokio::test]
async fn a_report_is_the_same_every_time() {
    for _ in 0..2 {
        let report = handle(event(&portfolio())).await.unwrap();
        assert_eq!(
            serde_json::to_value(report).unwrap(),
            json!({
                "portfolioValue": 1_150_000.0,
                "valueAtRisk": 72_483.44,
                "expectedShortfall": 82_747.68,
                "worstLoss": 130_055.5,
                "confidence": 0.99,
                "horizonDays": 10,
                "simulations": 200_000,
            })
        );
    }
}

#[tokio::test]
async fn nonsense_is_refused_by_name() {
    let mut invalid = portfolio();
    invalid["confidence"] = json!(1.5);
    let error = handle(event(&invalid)).await.unwrap_err();
    assert_eq!(
        Diagnostic::from(error),
        Diagnostic {
            error_type: "InvalidRequest".to_owned(),
            error_message: "`confidence` is 1.5 instead of 0.5 to 0.9999".to_owned(),
        }
    );
}

#[test]
fn misspelled_members_are_refused() {
    let mut request = portfolio();
    request["horizon"] = json!(10);
    let error = serde_json::from_value::<RiskRequest>(request).unwrap_err();
    assert!(
        error.to_string().contains("unknown field `horizon`"),
        "{error}"
    );
}
