//! Kinesis data streams.

use aws_lambda_events::kinesis::KinesisEventRecord;
use aws_lambda_events::streams::KinesisEventResponse;

use super::{Source, lanes_by, lowest_of_each_lane, named};
use crate::batch::engine::AfterFailure;

/// A Kinesis data stream.
///
/// # Example
///
/// ```
/// // Made by `batch::kinesis`.
/// let batch = kiln::batch::kinesis(
///     kiln::batch::KinesisEvent::default(),
///     |_: kiln::batch::KinesisEventRecord| async { Ok::<_, kiln::Error>(()) },
/// );
/// assert!(format!("{batch:?}").contains("Kinesis"));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Kinesis;

impl Kinesis {
    pub(in crate::batch) fn new() -> Self {
        Self
    }
}

impl Source for Kinesis {
    type Raw = KinesisEventRecord;
    type Response = KinesisEventResponse;
    type Identifier = String;

    /// By shard, which stands before the sequence number in the event id: `shardId-000000000006:4959…`.
    fn lanes(&self, records: &[KinesisEventRecord]) -> Vec<usize> {
        lanes_by(records.iter().map(|record| {
            let id = record.event_id.as_deref().unwrap_or_default();
            id.split_once(':').map_or("", |(shard, _)| shard)
        }))
    }

    fn after_failure(&self) -> AfterFailure {
        AfterFailure::StopLane
    }

    fn identifier(&self, raw: &KinesisEventRecord) -> Option<String> {
        named(Some(&raw.kinesis.sequence_number))
    }

    fn respond(failed: Vec<(usize, String)>) -> KinesisEventResponse {
        let mut response = KinesisEventResponse::default();
        response.set_failures(lowest_of_each_lane(failed));
        response
    }
}
