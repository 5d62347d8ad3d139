//! Kafka: Amazon MSK and self-managed.

use std::fmt;

use aws_lambda_events::kafka::{KafkaEvent, KafkaRecord};
use serde::{Deserialize, Serialize};

use super::Source;
use crate::batch::engine::AfterFailure;

/// Topics of a Kafka cluster.
///
/// # Example
///
/// ```
/// // Made by `batch::kafka`.
/// let batch = kiln::batch::kafka(
///     kiln::batch::KafkaEvent::default(),
///     |_: kiln::batch::KafkaRecord| async { Ok::<_, kiln::Error>(()) },
/// );
/// assert!(format!("{batch:?}").contains("Kafka"));
/// ```
#[derive(Clone, Debug)]
pub struct Kafka {
    /// The partition of each record: the key that the event has it under, such as `orders-0`.
    partitions: Vec<usize>,
}

/// The answer to a batch of Kafka.
///
/// # Example
///
/// ```
/// use kiln::batch::{KafkaBatchResponse, KafkaIdentifier};
///
/// let failed = KafkaIdentifier::new("orders-0", 17);
/// let response = KafkaBatchResponse::of([failed]);
/// assert_eq!(
///     serde_json::to_value(response)?,
///     serde_json::json!({
///         "batchItemFailures": [{ "itemIdentifier": { "partition": "orders-0", "offset": 17 } }]
///     })
/// );
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct KafkaBatchResponse {
    /// The records that are to come back.
    pub batch_item_failures: Vec<KafkaItemFailure>,
}

impl KafkaBatchResponse {
    /// The answer that names these.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::batch::{KafkaBatchResponse, KafkaIdentifier};
    ///
    /// // Without any, the whole batch has succeeded.
    /// assert!(KafkaBatchResponse::of([]).batch_item_failures.is_empty());
    /// let failed = (17..20).map(|offset| KafkaIdentifier::new("orders-0", offset));
    /// assert_eq!(KafkaBatchResponse::of(failed).batch_item_failures.len(), 3);
    /// ```
    pub fn of(failed: impl IntoIterator<Item = KafkaIdentifier>) -> Self {
        let failed = failed.into_iter();
        Self {
            batch_item_failures: failed
                .map(|item_identifier| KafkaItemFailure { item_identifier })
                .collect(),
        }
    }
}

/// A record of Kafka that is to come back.
///
/// # Example
///
/// ```
/// use kiln::batch::{KafkaBatchResponse, KafkaIdentifier, KafkaItemFailure};
///
/// let response = KafkaBatchResponse::of([KafkaIdentifier::new("orders-0", 17)]);
/// // As a test of a handler looks at it.
/// let failed: &KafkaItemFailure = &response.batch_item_failures[0];
/// assert_eq!(failed.item_identifier.offset, 17);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct KafkaItemFailure {
    /// Which it is.
    pub item_identifier: KafkaIdentifier,
}

/// What a record of Kafka is called: an object, where other sources have a text.
///
/// # Example
///
/// ```
/// let identifier = kiln::batch::KafkaIdentifier::new("orders-0", 17);
/// assert_eq!(identifier.to_string(), "orders-0@17");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KafkaIdentifier {
    /// Topic and partition, such as `orders-0`.
    pub partition: String,
    /// Its offset in there.
    pub offset: i64,
}

impl KafkaIdentifier {
    /// The record at this offset of a partition, such as `orders-0`.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::batch::KafkaIdentifier;
    ///
    /// let identifier = KafkaIdentifier::new("orders-0", 17);
    /// assert_eq!(
    ///     serde_json::to_value(identifier)?,
    ///     serde_json::json!({ "partition": "orders-0", "offset": 17 })
    /// );
    /// # Ok::<_, serde_json::Error>(())
    /// ```
    pub fn new(partition: impl Into<String>, offset: i64) -> Self {
        Self {
            partition: partition.into(),
            offset,
        }
    }
}

impl fmt::Display for KafkaIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.partition, self.offset)
    }
}

impl Kafka {
    /// Its records, one partition after the other, each in its order.
    pub(in crate::batch) fn of(event: KafkaEvent) -> (Self, Vec<KafkaRecord>) {
        let mut partitions = Vec::new();
        let mut records = Vec::new();
        let mut keys: Vec<(String, Vec<KafkaRecord>)> = event.records.into_iter().collect();
        // The same event is gone through in the same order each time.
        keys.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (partition, (key, of_partition)) in keys.into_iter().enumerate() {
            for mut record in of_partition {
                // The identifier is made of it.
                if record.topic.is_none() {
                    let suffix = format!("-{}", record.partition);
                    record.topic = key.strip_suffix(&suffix).map(str::to_owned);
                }
                partitions.push(partition);
                records.push(record);
            }
        }
        (Self { partitions }, records)
    }
}

impl Source for Kafka {
    type Raw = KafkaRecord;
    type Response = KafkaBatchResponse;
    type Identifier = KafkaIdentifier;

    fn lanes(&self, _records: &[KafkaRecord]) -> Vec<usize> {
        self.partitions.clone()
    }

    fn after_failure(&self) -> AfterFailure {
        AfterFailure::StopLane
    }

    fn identifier(&self, raw: &KafkaRecord) -> Option<KafkaIdentifier> {
        let topic = raw.topic.as_deref().filter(|topic| !topic.is_empty())?;
        let partition = format!("{topic}-{}", raw.partition);
        Some(KafkaIdentifier::new(partition, raw.offset))
    }

    /// All that is not done. AWS documents that failed records are retried, and not whether those
    /// behind them in the partition are: naming them too is right either way.
    fn respond(failed: Vec<(usize, KafkaIdentifier)>) -> KafkaBatchResponse {
        KafkaBatchResponse::of(failed.into_iter().map(|(_, identifier)| identifier))
    }
}
