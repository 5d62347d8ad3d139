//! The event: a batch of changes of one table, each with an order as the new image of its item.
//!
//! Needs `ReportBatchItemFailures` on the event source mapping (without it Lambda takes any answer
//! for success), and a stream view that has new images.

use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use lambda_runtime::{LambdaEvent, tracing};

use crate::error::Error;
use crate::order::Order;
use crate::work::Worker;

/// Works through one batch, in the order of the stream, up to the first record that fails.
///
/// Lambda goes on from the lowest sequence number in the answer: everything after it comes again,
/// so that going on here would only do work twice.
pub async fn handle(
    worker: &Worker,
    event: LambdaEvent<Event>,
) -> Result<DynamoDbEventResponse, Error> {
    let mut response = DynamoDbEventResponse::default();
    for mut record in event.payload.records {
        // An empty identifier makes Lambda return the whole batch: the safe reading of a record
        // without a sequence number.
        let sequence_number = record.change.sequence_number.take().unwrap_or_default();
        if let Err(error) = process(worker, record).await {
            tracing::error!(
                sequence_number,
                error = error.chain(),
                error_type = error.error_type(),
                "record failed"
            );
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = Some(sequence_number);
            response.batch_item_failures.push(failure);
            break;
        }
    }
    Ok(response)
}

async fn process(worker: &Worker, record: EventRecord) -> Result<(), Error> {
    if record.event_name == "REMOVE" {
        return Ok(());
    }
    // An item that is not an order fails its record, not the batch.
    let order: Order =
        serde_dynamo::from_item(record.change.new_image).map_err(Error::invalid_order)?;
    let outcome = worker.process(order).await?;
    tracing::info!(order_id = outcome.order_id, "order processed");
    Ok(())
}
