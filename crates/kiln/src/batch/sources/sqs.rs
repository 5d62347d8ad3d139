//! SQS, standard and FIFO.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsMessage};

use super::{Source, lanes_by, named};
use crate::batch::engine::AfterFailure;

/// An SQS queue.
///
/// # Example
///
/// ```
/// // Made by `batch::sqs` and `batch::sqs_fifo`.
/// let batch = kiln::batch::sqs_fifo(
///     kiln::batch::SqsEvent::default(),
///     |_: kiln::batch::SqsMessage| async { Ok::<_, kiln::Error>(()) },
/// );
/// assert!(format!("{batch:?}").contains("is_fifo: true"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Sqs {
    is_fifo: bool,
    skips_groups: bool,
}

impl Sqs {
    /// A FIFO queue if its name ends in `.fifo`, as that of every FIFO queue must.
    ///
    /// Not by its message groups: standard queues have them too, for fairness and without order.
    pub(in crate::batch) fn told_by_arn(records: &[SqsMessage]) -> Self {
        let arn = |record: &SqsMessage| {
            let arn = record.event_source_arn.as_deref();
            arn.is_some_and(|arn| arn.ends_with(".fifo"))
        };
        Self {
            is_fifo: records.iter().any(arn),
            skips_groups: false,
        }
    }

    pub(in crate::batch) fn fifo() -> Self {
        Self {
            is_fifo: true,
            skips_groups: false,
        }
    }

    pub(in crate::batch) fn skipping_groups(self) -> Self {
        Self {
            skips_groups: true,
            ..self
        }
    }
}

impl Source for Sqs {
    type Raw = SqsMessage;
    type Response = SqsBatchResponse;
    type Identifier = String;

    fn lanes(&self, records: &[SqsMessage]) -> Vec<usize> {
        if self.is_fifo {
            // Those without a group, which no FIFO queue has, keep their order too.
            lanes_by(
                records
                    .iter()
                    .map(|record| record.attributes.get("MessageGroupId")),
            )
        } else {
            (0..records.len()).collect()
        }
    }

    fn after_failure(&self) -> AfterFailure {
        match self {
            Self { is_fifo: false, .. } => AfterFailure::GoOn,
            Self {
                skips_groups: true, ..
            } => AfterFailure::StopLane,
            _ => AfterFailure::StopAll,
        }
    }

    fn identifier(&self, raw: &SqsMessage) -> Option<String> {
        named(raw.message_id.as_deref())
    }

    fn respond(failed: Vec<(usize, String)>) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        response.set_failures(failed.into_iter().map(|(_, id)| id));
        response
    }
}
