//! The event: a batch of records from one shard, each with an order as its data.
//!
//! Needs `ReportBatchItemFailures` on the event source mapping; without it Lambda takes any answer
//! for success.

use aws_lambda_events::kinesis::{KinesisEvent, KinesisEventRecord};
use aws_lambda_events::streams::KinesisEventResponse;
use lambda_runtime::{LambdaEvent, tracing};

use crate::error::Error;
use crate::order::Order;
use crate::work::Worker;

/// Works through one batch, in the order of the shard, up to the first record that fails.
///
/// Lambda goes on from the lowest sequence number in the answer: everything after it comes again,
/// so that going on here would only do work twice.
pub async fn handle(
    worker: &Worker,
    event: LambdaEvent<KinesisEvent>,
) -> Result<KinesisEventResponse, Error> {
    let mut response = KinesisEventResponse::default();
    for record in event.payload.records {
        if let Err(error) = process(worker, &record).await {
            let sequence_number = record.kinesis.sequence_number;
            tracing::error!(
                sequence_number,
                error = error.chain(),
                error_type = error.error_type(),
                "record failed"
            );
            response.add_failure(sequence_number);
            break;
        }
    }
    Ok(response)
}

async fn process(worker: &Worker, record: &KinesisEventRecord) -> Result<(), Error> {
    // Data that is not an order fails its record, not the batch.
    let order: Order =
        serde_json::from_slice(&record.kinesis.data).map_err(Error::invalid_order)?;
    let outcome = worker.process(order).await?;
    tracing::info!(order_id = outcome.order_id, "order processed");
    Ok(())
}
