//! A function behind an SQS queue: reserves the stock for each order of a batch.
//!
//! - The records are handled side by side, so that a batch takes as long as its slowest record.
//! - A record that fails is reported alone (`batchItemFailures`): the others are not delivered again.
//!   The event source mapping needs `ReportBatchItemFailures` for that.
//! - A record that is not done shortly before the deadline is reported too, instead of losing the
//!   whole batch to the timeout.
//! - Queues deliver at least once, so reserving for an order twice reserves once.
//!
//! It is for standard queues: a FIFO queue needs its records in order, and everything after the
//! first failure reported.

use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::StreamExt as _;
use futures_util::stream;
use lambda_runtime::{Diagnostic, LambdaEvent, tracing};
use orders::{Order, OrderError};

mod warehouse;

pub use warehouse::{Refusal, Reservation, StockRoom, Warehouse};

/// How many records are handled at a time: a batch may have up to 10,000 of them, and what they call
/// has limits of its own.
pub const CONCURRENCY: usize = 16;

/// What is kept of the function's time to write the answer.
const MARGIN: Duration = Duration::from_millis(500);

/// Why a record is reported as failed.
///
/// All of them come back from the queue, also those that can never succeed: the redrive policy moves
/// them to the dead-letter queue, where somebody can look at them.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The record has no body.
    #[error("the message has no body")]
    NoBody,
    /// The body is not the JSON of an order.
    #[error("the message is not an order: {0}")]
    NotAnOrder(#[from] serde_json::Error),
    /// A rule of the shop is broken.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// The warehouse cannot serve it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The function's time is up.
    #[error("the time of the batch is up")]
    OutOfTime,
}

/// Why a batch fails as a whole.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// A failed record cannot be reported without its id; not to report it would delete it.
    #[error("record {index} of the batch failed and has no message id to report it by")]
    NoMessageId {
        /// The record, counted from 0.
        index: usize,
    },
}

/// What callers and alarms see as `errorType`: a name that stays when the crate is restructured.
impl From<BatchError> for Diagnostic {
    fn from(error: BatchError) -> Self {
        let error_type = match error {
            BatchError::NoMessageId { .. } => "NoMessageId",
        };
        Self {
            error_type: error_type.to_owned(),
            error_message: error.to_string(),
        }
    }
}

/// Handles a batch and names the records that are to come back.
///
/// # Errors
///
/// When a failed record cannot be named: then all of them come back.
pub async fn handle(
    event: LambdaEvent<SqsEvent>,
    warehouse: &impl Warehouse,
) -> Result<SqsBatchResponse, BatchError> {
    let time = event
        .context
        .deadline()
        .duration_since(SystemTime::now())
        .unwrap_or_default()
        .saturating_sub(MARGIN);
    handle_within(event.payload, warehouse, time).await
}

/// [`handle`], with the time there is for it.
async fn handle_within(
    batch: SqsEvent,
    warehouse: &impl Warehouse,
    time: Duration,
) -> Result<SqsBatchResponse, BatchError> {
    // One instant for all: the time is the batch's, not the record's.
    let until = tokio::time::Instant::now() + time;
    let records = batch.records.len();
    let mut failed: Vec<(usize, Option<String>)> =
        stream::iter(batch.records.into_iter().enumerate())
            .map(|(index, record)| async move {
                let handled = tokio::time::timeout_at(until, handle_record(&record, warehouse))
                    .await
                    .unwrap_or(Err(RecordError::OutOfTime));
                let message_id = record.message_id;
                match handled {
                    Ok(reservation) => {
                        let order_id = &reservation.order_id;
                        let pieces = reservation.pieces;
                        tracing::info!(message_id, order_id, pieces, "order reserved");
                        None
                    }
                    Err(error) => {
                        tracing::warn!(message_id, %error, "record failed");
                        Some((index, message_id))
                    }
                }
            })
            .buffer_unordered(CONCURRENCY)
            .filter_map(std::future::ready)
            .collect()
            .await;
    // In the order of the batch, whichever failed first.
    failed.sort_unstable();
    tracing::info!(records, failed = failed.len(), "batch handled");

    let mut response = SqsBatchResponse::default();
    for (index, message_id) in failed {
        // An empty id would make SQS take the whole batch for failed, in silence.
        match message_id.filter(|id| !id.is_empty()) {
            Some(message_id) => response.add_failure(message_id),
            None => return Err(BatchError::NoMessageId { index }),
        }
    }
    Ok(response)
}

/// Handles one record.
async fn handle_record(
    record: &SqsMessage,
    warehouse: &impl Warehouse,
) -> Result<Reservation, RecordError> {
    let body = record.body.as_deref().ok_or(RecordError::NoBody)?;
    let order: Order = serde_json::from_str(body)?;
    let accepted = order.accept()?;
    Ok(warehouse.reserve(accepted.order()).await?)
}

#[cfg(test)]
mod tests;
