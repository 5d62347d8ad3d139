//! The event: something happened to an order, which is the event's detail.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use lambda_runtime::{LambdaEvent, tracing};
use serde::Deserialize as _;
use serde_json::Value;

use crate::error::Error;
use crate::order::Order;
use crate::work::{Outcome, Worker};

/// Works on one event. After an error Lambda tries it again, twice by default.
pub async fn handle(
    worker: &Worker,
    event: LambdaEvent<EventBridgeEvent<Value>>,
) -> Result<Outcome, Error> {
    let event = event.payload;
    // Read here and not by the runtime: a bad detail is then reported under our error type.
    let order = Order::deserialize(event.detail).map_err(Error::invalid_order)?;
    let outcome = worker.process(order).await?;
    tracing::info!(
        order_id = outcome.order_id,
        event_id = event.id,
        detail_type = event.detail_type,
        "order processed"
    );
    Ok(outcome)
}
