//! DynamoDB Streams.

use aws_lambda_events::dynamodb::EventRecord;
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};

use super::{Source, lowest_of_each_lane, named};
use crate::batch::engine::AfterFailure;

/// A DynamoDB stream.
///
/// # Example
///
/// ```
/// // Made by `batch::dynamodb`.
/// let batch = kiln::batch::dynamodb(
///     kiln::batch::DynamoDbEvent::default(),
///     |_: kiln::batch::DynamoDbRecord| async { Ok::<_, kiln::Error>(()) },
/// );
/// assert!(format!("{batch:?}").contains("DynamoDb"));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DynamoDb;

impl DynamoDb {
    pub(in crate::batch) fn new() -> Self {
        Self
    }
}

impl Source for DynamoDb {
    type Raw = EventRecord;
    type Response = DynamoDbEventResponse;
    type Identifier = String;

    /// One: an event is of one shard, and its records do not say of which.
    fn lanes(&self, records: &[EventRecord]) -> Vec<usize> {
        vec![0; records.len()]
    }

    fn after_failure(&self) -> AfterFailure {
        AfterFailure::StopLane
    }

    fn identifier(&self, raw: &EventRecord) -> Option<String> {
        named(raw.change.sequence_number.as_deref())
    }

    fn respond(failed: Vec<(usize, String)>) -> DynamoDbEventResponse {
        let mut response = DynamoDbEventResponse::default();
        for number in lowest_of_each_lane(failed) {
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = Some(number);
            response.batch_item_failures.push(failure);
        }
        response
    }
}
