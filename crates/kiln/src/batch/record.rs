//! What a handler takes: a typed body beside the raw record, or the raw record alone.

use aws_lambda_events::dynamodb::EventRecord;
use aws_lambda_events::encodings::Base64Data;
use aws_lambda_events::kafka::KafkaRecord;
use aws_lambda_events::kinesis::KinesisEventRecord;
use aws_lambda_events::sqs::SqsMessage;
use serde::de::{Deserialize, DeserializeOwned};
use serde_json::Value;

use super::error::UnreadableRecord;
use crate::unreadable;

/// A record: its body, read as JSON, and all that came with it.
///
/// `M` is the record as it came: of SQS unless said otherwise. An [envelope](super::envelope) is a
/// body too: `Record<Sns<Order>>`.
///
/// # Example
///
/// ```
/// use kiln::batch::{FromRecord as _, Record, SqsMessage};
///
/// let mut message = SqsMessage::default();
/// message.body = Some(r#"{"quantity": 2}"#.to_owned());
/// message.attributes.insert("ApproximateReceiveCount".to_owned(), "3".to_owned());
///
/// let record = Record::<serde_json::Value>::from_record(message)?;
/// assert_eq!(record.body["quantity"], 2);
/// assert_eq!(record.receive_count(), 3);
/// # Ok::<_, kiln::batch::UnreadableRecord>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Record<T, M = SqsMessage> {
    /// The body: of an SQS message, the data of a Kinesis record, the value of a Kafka record, the
    /// [`Change`](super::Change) of a DynamoDB record.
    pub body: T,
    /// The record as it came: identifiers, attributes, keys.
    pub raw: M,
}

impl<T> Record<T, SqsMessage> {
    /// The message's id, empty if it has none.
    ///
    /// # Example
    ///
    /// ```
    /// # use kiln::batch::{FromRecord as _, Record, SqsMessage};
    /// # let mut message = SqsMessage::default();
    /// # message.body = Some("1".to_owned());
    /// message.message_id = Some("059f36b4".to_owned());
    /// # let record = Record::<u8>::from_record(message)?;
    /// assert_eq!(record.message_id(), "059f36b4");
    /// # Ok::<_, kiln::batch::UnreadableRecord>(())
    /// ```
    pub fn message_id(&self) -> &str {
        self.raw.message_id.as_deref().unwrap_or_default()
    }

    /// How often the message was delivered without being deleted, this time included; at least 1.
    ///
    /// Approximately, as the attribute `ApproximateReceiveCount` says.
    ///
    /// # Example
    ///
    /// ```
    /// # use kiln::batch::{FromRecord as _, Record, SqsMessage};
    /// # let mut message = SqsMessage::default();
    /// # message.body = Some("1".to_owned());
    /// message.attributes.insert("ApproximateReceiveCount".to_owned(), "3".to_owned());
    /// # let record = Record::<u8>::from_record(message)?;
    /// let is_delivered_again = record.receive_count() > 1;
    /// assert!(is_delivered_again);
    /// # Ok::<_, kiln::batch::UnreadableRecord>(())
    /// ```
    pub fn receive_count(&self) -> u32 {
        let count = self.attribute("ApproximateReceiveCount");
        count.and_then(|count| count.parse().ok()).unwrap_or(1)
    }

    /// Its message group.
    ///
    /// # Example
    ///
    /// ```
    /// # use kiln::batch::{FromRecord as _, Record, SqsMessage};
    /// # let mut message = SqsMessage::default();
    /// # message.body = Some("1".to_owned());
    /// message.attributes.insert("MessageGroupId".to_owned(), "ada".to_owned());
    /// # let record = Record::<u8>::from_record(message)?;
    /// assert_eq!(record.group_id(), Some("ada"));
    /// # Ok::<_, kiln::batch::UnreadableRecord>(())
    /// ```
    pub fn group_id(&self) -> Option<&str> {
        self.attribute("MessageGroupId")
    }

    /// A system attribute, such as `SentTimestamp`.
    ///
    /// # Example
    ///
    /// ```
    /// # use kiln::batch::{FromRecord as _, Record, SqsMessage};
    /// # let mut message = SqsMessage::default();
    /// # message.body = Some("1".to_owned());
    /// message.attributes.insert("MessageGroupId".to_owned(), "ada".to_owned());
    /// # let record = Record::<u8>::from_record(message)?;
    /// assert_eq!(record.attribute("MessageGroupId"), record.group_id());
    /// # Ok::<_, kiln::batch::UnreadableRecord>(())
    /// ```
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.raw.attributes.get(name).map(String::as_str)
    }
}

/// What a handler may take, made of a record as it came.
///
/// A [`Record`] with its JSON read, or with the images of a DynamoDB [`Change`](super::Change); or the
/// record itself, for bodies that are not JSON. Implement it for a type of your own to read other formats: an error makes the
/// record a failed one, without the handler being called.
///
/// # Example
///
/// ```
/// use kiln::batch::{self, FromRecord, SqsEvent, SqsMessage, UnreadableRecord};
///
/// struct Line(Vec<String>);
///
/// impl FromRecord<SqsMessage> for Line {
///     fn from_record(raw: SqsMessage) -> Result<Self, UnreadableRecord> {
///         let body = raw.body.ok_or(UnreadableRecord::new("no body"))?;
///         Ok(Self(body.split(';').map(str::to_owned).collect()))
///     }
/// }
///
/// # async fn example(event: SqsEvent) -> Result<(), batch::BatchError> {
/// let response = batch::sqs(event, |line: Line| async move {
///     println!("{} columns", line.0.len());
///     Ok::<_, kiln::Error>(())
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
pub trait FromRecord<M>: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// When it is not what the handler takes.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::batch::{FromRecord as _, Record, SqsMessage};
    ///
    /// let mut message = SqsMessage::default();
    /// message.body = Some("2".to_owned());
    /// assert_eq!(Record::<u8>::from_record(message.clone())?.body, 2);
    ///
    /// message.body = Some("two".to_owned());
    /// assert!(Record::<u8>::from_record(message).is_err());
    /// # Ok::<_, kiln::batch::UnreadableRecord>(())
    /// ```
    fn from_record(raw: M) -> Result<Self, UnreadableRecord>;
}

macro_rules! taken_as_it_is {
    ($($raw:ty),*) => {$(
        impl FromRecord<$raw> for $raw {
            fn from_record(raw: $raw) -> Result<Self, UnreadableRecord> {
                Ok(raw)
            }
        }
    )*};
}

taken_as_it_is!(SqsMessage, KinesisEventRecord, EventRecord, KafkaRecord);

/// Reads JSON.
fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, UnreadableRecord> {
    serde_json::from_slice(json)
        .map_err(|_quotes_it| UnreadableRecord::new(unreadable::what::<T>(json)))
}

impl<T: DeserializeOwned> FromRecord<SqsMessage> for Record<T, SqsMessage> {
    fn from_record(raw: SqsMessage) -> Result<Self, UnreadableRecord> {
        let body = raw
            .body
            .as_deref()
            .ok_or(UnreadableRecord::new("no body"))?;
        let body = read(body.as_bytes())?;
        Ok(Self { body, raw })
    }
}

impl<T: DeserializeOwned> FromRecord<KinesisEventRecord> for Record<T, KinesisEventRecord> {
    fn from_record(raw: KinesisEventRecord) -> Result<Self, UnreadableRecord> {
        let body = read(&raw.kinesis.data)?;
        Ok(Self { body, raw })
    }
}

/// A record without a value, a tombstone, has the body `null`: `Option<T>` takes both.
impl<T: DeserializeOwned> FromRecord<KafkaRecord> for Record<T, KafkaRecord> {
    fn from_record(mut raw: KafkaRecord) -> Result<Self, UnreadableRecord> {
        let Some(value) = raw.value.take() else {
            let body = read(b"null")?;
            return Ok(Self { body, raw });
        };
        // Decoded as the crate decodes the data of Kinesis; the text is moved there and back.
        let value = Value::String(value);
        let decoded =
            Base64Data::deserialize(&value).map_err(|_error| UnreadableRecord::new("no base64"))?;
        let body = read(&decoded)?;
        if let Value::String(value) = value {
            raw.value = Some(value);
        }
        Ok(Self { body, raw })
    }
}
