//! The event: an order as it is.

use lambda_runtime::{LambdaEvent, tracing};
use serde::Deserialize as _;
use serde_json::Value;

use crate::error::Error;
use crate::order::Order;
use crate::work::{Outcome, Worker};

/// Answers one invocation.
pub async fn handle(worker: &Worker, event: LambdaEvent<Value>) -> Result<Outcome, Error> {
    // Read here and not by the runtime: a bad payload is then reported under our error type.
    let order = Order::deserialize(event.payload).map_err(Error::invalid_order)?;
    let outcome = worker.process(order).await?;
    tracing::info!(order_id = outcome.order_id, "order processed");
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use lambda_runtime::{Context, Diagnostic};
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_bad_payload_has_a_stable_error_type() {
        for payload in [json!({}), json!("text"), json!({"orderId": 1})] {
            let event = LambdaEvent::new(payload, Context::default());
            let error = handle(&Worker::default(), event).await.unwrap_err();
            let diagnostic = Diagnostic::from(error);
            assert_eq!(diagnostic.error_type, "InvalidOrder");
            assert!(diagnostic.error_message.starts_with("invalid order: "));
        }
    }
}
