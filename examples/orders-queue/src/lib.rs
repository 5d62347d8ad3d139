//! A function behind an SQS queue: reserves the stock for each order of a batch.
//!
//! - The records are handled side by side, so that a batch takes as long as its slowest record.
//! - A record that fails is reported alone (`batchItemFailures`): the others are not delivered again.
//!   The event source mapping needs `ReportBatchItemFailures` for that.
//! - A record that is not done shortly before the deadline is reported too, instead of losing the
//!   whole batch to the timeout.
//! - Queues deliver at least once, so reserving for an order twice reserves once.
//!
//! All of it but the last is `kiln::batch`. A FIFO queue is handled group by group, in order.

use kiln::batch::{self, BatchError, Record, SqsBatchResponse, SqsEvent};
use kiln::logging::info;
use kiln::{LambdaError, LambdaEvent};
use orders::{Order, OrderError};

mod warehouse;

pub use warehouse::{Refusal, Reservation, StockRoom, Warehouse};

/// How many records are handled at a time: a batch may have up to 10,000 of them, and what they call
/// has limits of its own.
pub const CONCURRENCY: usize = 16;

/// Why an order is not reserved for.
///
/// All of them come back from the queue, also those that can never succeed: the redrive policy moves
/// them to the dead-letter queue, where somebody can look at them. The log has the names below as
/// `error_type`.
#[derive(Debug, thiserror::Error, LambdaError)]
pub enum RecordError {
    /// A rule of the shop is broken.
    #[error(transparent)]
    #[lambda_error(type = "OrderRefused")]
    Order(#[from] OrderError),
    /// The warehouse cannot serve it.
    #[error(transparent)]
    #[lambda_error(transparent)]
    Refused(#[from] Refusal),
}

/// Handles a batch and names the records that are to come back.
///
/// # Errors
///
/// When no record succeeded, or a failed one cannot be named: then all of them come back.
pub async fn handle<W: Warehouse>(
    warehouse: &W,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, BatchError> {
    let records = event.payload.records.len();
    let response = batch::sqs(event, |record| reserve(record, warehouse))
        .concurrency(CONCURRENCY)
        .await?;
    let failed = response.batch_item_failures.len();
    info!(records, failed, "batch handled");
    Ok(response)
}

/// Handles one record.
async fn reserve(record: Record<Order>, warehouse: &impl Warehouse) -> Result<(), RecordError> {
    let message_id = record.message_id().to_owned();
    let accepted = record.body.accept()?;
    let reservation = warehouse.reserve(accepted.order()).await?;
    let Reservation { order_id, pieces } = reservation;
    info!(message_id, order_id, pieces, "order reserved");
    Ok(())
}

#[cfg(test)]
mod tests;
