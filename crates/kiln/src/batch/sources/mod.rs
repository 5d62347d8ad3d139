//! What each event source calls its records, what order it keeps, and what answer it wants.

mod dynamodb;
mod kafka;
mod kinesis;
mod sqs;

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

pub use dynamodb::DynamoDb;
pub use kafka::{Kafka, KafkaBatchResponse, KafkaIdentifier, KafkaItemFailure};
pub use kinesis::Kinesis;
pub use sqs::Sqs;

use super::engine::AfterFailure;

/// An event source of batches: [`Sqs`], [`Kinesis`], [`DynamoDb`] or [`Kafka`].
///
/// Sealed: their rules are Lambda's.
///
/// # Example
///
/// ```
/// use kiln::batch::{self, Batch, Source, SqsEvent, SqsMessage};
/// use std::time::Duration;
///
/// /// The settings of all our functions, whatever their source.
/// fn usual<S: Source, I, H>(batch: Batch<'_, S, I, H>) -> Batch<'_, S, I, H> {
///     batch.concurrency(64).margin(Duration::from_secs(2))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), batch::BatchError> {
/// let handler = |_: SqsMessage| async { Ok::<_, kiln::Error>(()) };
/// let response = usual(batch::sqs(SqsEvent::default(), handler)).await?;
/// assert!(response.batch_item_failures.is_empty());
/// # Ok(())
/// # }
/// ```
pub trait Source: sealed::Sealed + fmt::Debug + Send + Sync + 'static {
    /// A record as it comes.
    type Raw: Send + Sync;
    /// The answer, for Lambda.
    type Response;
    #[doc(hidden)]
    type Identifier: fmt::Display + Send + Sync;

    /// The lane of each record: its order is kept.
    #[doc(hidden)]
    fn lanes(&self, records: &[Self::Raw]) -> Vec<usize>;
    #[doc(hidden)]
    fn after_failure(&self) -> AfterFailure;
    #[doc(hidden)]
    fn identifier(&self, raw: &Self::Raw) -> Option<Self::Identifier>;
    /// The answer; `failed` is lane and identifier of what is not done, in the order of the batch.
    #[doc(hidden)]
    fn respond(failed: Vec<(usize, Self::Identifier)>) -> Self::Response;
}

#[doc(hidden)]
mod sealed {
    pub trait Sealed {}
    impl Sealed for super::DynamoDb {}
    impl Sealed for super::Kafka {}
    impl Sealed for super::Kinesis {}
    impl Sealed for super::Sqs {}
}

/// A lane for each key.
fn lanes_by<K: Eq + Hash>(keys: impl Iterator<Item = K>) -> Vec<usize> {
    let mut known = HashMap::new();
    keys.map(|key| {
        let new = known.len();
        *known.entry(key).or_insert(new)
    })
    .collect()
}

/// The lowest sequence number of each lane: Lambda resumes a stream there, so more would say nothing.
fn lowest_of_each_lane(failed: Vec<(usize, String)>) -> Vec<String> {
    let mut lowest: Vec<(usize, String)> = Vec::new();
    for (lane, number) in failed {
        match lowest.iter_mut().find(|(known, _)| *known == lane) {
            None => lowest.push((lane, number)),
            Some((_, least)) if is_lower(&number, least) => *least = number,
            Some(_) => {}
        }
    }
    lowest.into_iter().map(|(_, number)| number).collect()
}

/// Whether a sequence number is lower than another: of decimal digits, more than any integer holds.
fn is_lower(one: &str, other: &str) -> bool {
    let digits = |text: &str| {
        let text = text.trim_start_matches('0').to_owned();
        (text.len(), text)
    };
    digits(one) < digits(other)
}

/// An identifier, unless it is empty: Lambda takes that for the failure of the whole batch.
fn named(identifier: Option<&str>) -> Option<String> {
    identifier.filter(|id| !id.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_are_compared_as_numbers() {
        let long = "49590338271490256608559692538361571095921575989136588898";
        for (one, other, lower) in [
            ("9", "10", true),
            ("10", "9", false),
            ("111", "111", false),
            ("0009", "10", true),
            ("9999", long, true),
            (long, "9999", false),
        ] {
            assert_eq!(is_lower(one, other), lower, "{one} and {other}");
        }
    }

    #[test]
    fn each_lane_resumes_at_its_lowest() {
        let failed = [(0, "12"), (1, "7"), (0, "9"), (1, "8")];
        let failed = failed.map(|(lane, number)| (lane, number.to_owned()));
        assert_eq!(lowest_of_each_lane(failed.into()), ["9", "7"]);
        assert!(lowest_of_each_lane(Vec::new()).is_empty());
    }
}
