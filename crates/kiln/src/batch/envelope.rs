//! What AWS wraps around a body on its way into a queue or stream, as types to read it with.
//!
//! They nest: `Record<Sns<S3Notification>>` is what a bucket told a topic that a queue listens to. A
//! subscription with raw message delivery has no envelope: `Record<Order>`.
//!
//! ```
//! use kiln::batch::envelope::{EventBridge, Sns};
//! # #[derive(serde::Deserialize)]
//! # struct Order { quantity: u8 }
//!
//! let body = r#"{
//!     "Type": "Notification",
//!     "MessageId": "22b80b92",
//!     "TopicArn": "arn:aws:sns:eu-west-1:123456789012:orders",
//!     "Message": "{\"detail-type\":\"Order Placed\",\"source\":\"shop\",\"detail\":{\"quantity\":2}}"
//! }"#;
//! let sns: Sns<EventBridge<Order>> = serde_json::from_str(body)?;
//! assert_eq!(sns.message.detail.quantity, 2);
//! # Ok::<_, serde_json::Error>(())
//! ```

use std::collections::HashMap;

use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::{Deserialize, Serialize};

/// An event of Amazon EventBridge, with its `detail`.
///
/// Source: [EventBridge events](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html).
///
/// # Example
///
/// ```
/// use kiln::batch::envelope::EventBridge;
/// # #[derive(serde::Deserialize)]
/// # struct Order { quantity: u8 }
///
/// let body = r#"{
///     "detail-type": "Order Placed",
///     "source": "shop",
///     "resources": ["arn:aws:s3:::orders"],
///     "detail": {"quantity": 2}
/// }"#;
/// let event: EventBridge<Order> = serde_json::from_str(body)?;
/// assert_eq!(event.detail_type, "Order Placed");
/// assert_eq!(event.detail.quantity, 2);
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct EventBridge<T> {
    /// What happened, in the words of its source.
    pub detail_type: String,
    /// Who says so.
    pub source: String,
    /// The event's id.
    #[serde(default)]
    pub id: String,
    /// The account.
    #[serde(default)]
    pub account: String,
    /// The region.
    #[serde(default)]
    pub region: String,
    /// When, by RFC 3339.
    #[serde(default)]
    pub time: String,
    /// The ARNs of what it is about.
    #[serde(default)]
    pub resources: Vec<String>,
    /// The event itself.
    pub detail: T,
}

/// A notification of Amazon SNS, with its message read as JSON.
///
/// Source: [SNS message formats](https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html).
///
/// # Example
///
/// ```
/// use kiln::batch::envelope::Sns;
/// # #[derive(serde::Deserialize)]
/// # struct Order { quantity: u8 }
///
/// let body = r#"{
///     "MessageId": "22b80b92",
///     "TopicArn": "arn:aws:sns:eu-west-1:123456789012:orders",
///     "Subject": "a mug",
///     "Message": "{\"quantity\":2}"
/// }"#;
/// let sns: Sns<Order> = serde_json::from_str(body)?;
/// assert_eq!(sns.subject.as_deref(), Some("a mug"));
/// assert_eq!(sns.message.quantity, 2);
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", bound = "T: DeserializeOwned")]
#[non_exhaustive]
pub struct Sns<T> {
    /// The message's id.
    pub message_id: String,
    /// The topic.
    pub topic_arn: String,
    /// Its subject.
    #[serde(default)]
    pub subject: Option<String>,
    /// When it was published, by RFC 3339.
    #[serde(default)]
    pub timestamp: String,
    /// Its attributes.
    #[serde(default)]
    pub message_attributes: HashMap<String, SnsAttribute>,
    /// The message: JSON in a text.
    #[serde(deserialize_with = "json_in_text")]
    pub message: T,
}

/// An attribute of a notification of Amazon SNS.
///
/// # Example
///
/// ```
/// use kiln::batch::envelope::SnsAttribute;
///
/// let json = r#"{"Type": "String", "Value": "eu"}"#;
/// let attribute: SnsAttribute = serde_json::from_str(json)?;
/// assert_eq!(attribute.value, "eu");
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct SnsAttribute {
    /// Its type, such as `String`.
    pub r#type: String,
    /// Its value.
    pub value: String,
}

/// What a bucket of Amazon S3 tells of its objects.
///
/// The message that S3 sends when notifications are configured, `s3:TestEvent`, has no records.
///
/// Source: [event message structure](https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).
///
/// # Example
///
/// ```
/// use kiln::batch::envelope::S3Notification;
///
/// let body = r#"{"Records": [{
///     "eventName": "ObjectCreated:Put",
///     "s3": {"bucket": {"name": "photos"}, "object": {"key": "a+b%C3%BC.jpg", "size": 1024}}
/// }]}"#;
/// let notification: S3Notification = serde_json::from_str(body)?;
/// let object = &notification.objects[0];
/// assert_eq!((object.bucket.as_str(), object.key.as_str()), ("photos", "a bü.jpg"));
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Notification")]
#[non_exhaustive]
pub struct S3Notification {
    /// What happened to which object.
    pub objects: Vec<S3Object>,
}

/// An object of Amazon S3, and what happened to it.
///
/// # Example
///
/// ```
/// use kiln::batch::envelope::{S3Notification, S3Object};
///
/// fn is_gone(object: &S3Object) -> bool {
///     object.event_name.starts_with("ObjectRemoved:")
/// }
///
/// # let body = r#"{"Records": [{
/// #     "eventName": "ObjectRemoved:Delete",
/// #     "s3": {"bucket": {"name": "photos"}, "object": {"key": "a.jpg"}}
/// # }]}"#;
/// let notification: S3Notification = serde_json::from_str(body)?;
/// let object = &notification.objects[0];
/// assert!(is_gone(object));
/// assert_eq!((object.key.as_str(), object.size), ("a.jpg", None));
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct S3Object {
    /// What happened, such as `ObjectCreated:Put`.
    pub event_name: String,
    /// Its bucket.
    pub bucket: String,
    /// Its key, decoded: S3 writes it as in a URL.
    pub key: String,
    /// Its size in bytes; of a deleted object there is none.
    pub size: Option<u64>,
    /// Its version, in a bucket with versions.
    pub version_id: Option<String>,
    /// Its entity tag.
    pub e_tag: Option<String>,
    /// Of two events of one key, the later one's is greater.
    pub sequencer: Option<String>,
}

#[derive(Deserialize)]
struct Notification {
    #[serde(rename = "Records")]
    records: Option<Vec<NotificationRecord>>,
    #[serde(rename = "Event")]
    event: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NotificationRecord {
    event_name: String,
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    key: String,
    size: Option<u64>,
    version_id: Option<String>,
    e_tag: Option<String>,
    sequencer: Option<String>,
}

impl TryFrom<Notification> for S3Notification {
    type Error = &'static str;

    fn try_from(notification: Notification) -> Result<Self, Self::Error> {
        let records = match (notification.records, notification.event.as_deref()) {
            (Some(records), _) => records,
            (None, Some("s3:TestEvent")) => Vec::new(),
            // Taken for empty, it would be deleted without having been handled.
            (None, _) => return Err("no notification of S3"),
        };
        let objects = records.into_iter().map(|record| {
            let NotificationRecord { event_name, s3 } = record;
            Ok(S3Object {
                event_name,
                bucket: s3.bucket.name,
                key: url_decoded(&s3.object.key).ok_or("a key that is not URL-encoded UTF-8")?,
                size: s3.object.size,
                version_id: s3.object.version_id,
                e_tag: s3.object.e_tag,
                sequencer: s3.object.sequencer,
            })
        });
        Ok(Self {
            objects: objects.collect::<Result<_, Self::Error>>()?,
        })
    }
}

/// Reads JSON that stands in a text.
fn json_in_text<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<T, D::Error> {
    let text = String::deserialize(from)?;
    // Without its text, which may quote the message.
    serde_json::from_str(&text).map_err(|_error| D::Error::custom("an unexpected message"))
}

/// A text as forms encode it: `+` for a space, and `%` with two hexadecimal digits.
fn url_decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn keys_are_decoded() {
        for (key, decoded) in [
            ("plain/key.txt", Some("plain/key.txt")),
            ("a+b%2Bc", Some("a b+c")),
            ("%C3%BC", Some("ü")),
            ("%c3%bc", Some("ü")),
            ("100%", None),
            ("%zz", None),
            ("%FF", None),
        ] {
            assert_eq!(url_decoded(key).as_deref(), decoded, "{key}");
        }
    }

    #[test]
    fn a_test_event_has_no_objects_and_anything_else_is_refused() {
        let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"});
        let test: S3Notification = serde_json::from_value(test).unwrap();
        assert!(test.objects.is_empty());
        for other in [
            json!({}),
            json!({"Event": "s3:Other"}),
            json!({"Records": [{}]}),
        ] {
            assert!(serde_json::from_value::<S3Notification>(other).is_err());
        }
    }

    #[test]
    fn a_message_must_be_what_is_wanted() {
        let sns = |message: Value| json!({"MessageId": "1", "TopicArn": "arn", "Message": message});
        let read = |message| serde_json::from_value::<Sns<u8>>(sns(message));
        assert_eq!(read(json!("7")).unwrap().message, 7);
        let error = read(json!("\"secret\"")).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
        assert!(read(json!(7)).is_err());
    }
}
