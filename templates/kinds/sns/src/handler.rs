//! The event: a notification with an order as its message.

use aws_lambda_events::sns::SnsEvent;
use lambda_runtime::{LambdaEvent, tracing};

use crate::error::Error;
use crate::order::Order;
use crate::work::{Outcome, Worker};

/// Works on one notification. After an error Lambda tries the whole event again, twice by default.
pub async fn handle(worker: &Worker, event: LambdaEvent<SnsEvent>) -> Result<Vec<Outcome>, Error> {
    // SNS sends one record per event; the format would allow more.
    let mut outcomes = Vec::with_capacity(event.payload.records.len());
    for record in event.payload.records {
        let order: Order =
            serde_json::from_str(&record.sns.message).map_err(Error::invalid_order)?;
        let outcome = worker.process(order).await?;
        tracing::info!(
            order_id = outcome.order_id,
            message_id = record.sns.message_id,
            "order processed"
        );
        outcomes.push(outcome);
    }
    Ok(outcomes)
}
