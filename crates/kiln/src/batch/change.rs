//! Changes of a DynamoDB table, with typed images.

use std::mem;

use aws_lambda_events::dynamodb::EventRecord;
use serde::de::DeserializeOwned;
use serde_dynamo::{AttributeValue, Deserializer, Item};

use super::error::UnreadableRecord;
use super::record::{FromRecord, Record};
use crate::unreadable;

/// What has become of an item: the body of a DynamoDB record.
///
/// Which images there are is up to the stream's [view type][view], and to the change: there is no old one of
/// what is inserted, and no new one of what is removed.
///
/// [view]: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html#Streams.Enabling
///
/// # Example
///
/// ```
/// use kiln::batch::{self, Change, DynamoDbEvent, DynamoDbRecord, Record};
/// use kiln::testing;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Order {
///     customer: String,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), batch::BatchError> {
/// let event: DynamoDbEvent = testing::sample("dynamodb");
/// batch::dynamodb(event, |record: Record<Change<Order>, DynamoDbRecord>| async move {
///     match record.body {
///         Change { old: None, new: Some(new), .. } => println!("an order of {}", new.customer),
///         Change { old: Some(_), new: None, .. } => println!("an order less"),
///         _ => println!("an order has changed"),
///     }
///     Ok::<_, kiln::Error>(())
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change<T> {
    /// The item as it was, if the stream has old images.
    pub old: Option<T>,
    /// The item as it is, if the stream has new images.
    pub new: Option<T>,
}

/// The images are moved into the body, and no longer in [`raw`](Record::raw); the keys are.
impl<T: DeserializeOwned> FromRecord<EventRecord> for Record<Change<T>, EventRecord> {
    fn from_record(mut raw: EventRecord) -> Result<Self, UnreadableRecord> {
        let old = mem::take(&mut raw.change.old_image);
        let new = mem::take(&mut raw.change.new_image);
        let body = Change {
            old: image(old, "old")?,
            new: image(new, "new")?,
        };
        Ok(Self { body, raw })
    }
}

/// One image. An item has its keys at least: an empty one is none.
fn image<T: DeserializeOwned>(item: Item, which: &str) -> Result<Option<T>, UnreadableRecord> {
    let item = item.into_inner();
    if item.is_empty() {
        return Ok(None);
    }
    let item = Deserializer::from_attribute_value(AttributeValue::M(item));
    match serde_path_to_error::deserialize(item) {
        Ok(item) => Ok(Some(item)),
        Err(error) => {
            let what = unreadable::in_words(&error.inner().to_string());
            Err(UnreadableRecord::new(
                match error.path().to_string().as_str() {
                    "." => format!("{what}, in the {which} image"),
                    path => format!("{what}, at `{path}` of the {which} image"),
                },
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::dynamodb::Event;
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Deserialize, PartialEq, Eq)]
    struct Order {
        id: String,
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize, PartialEq, Eq)]
    struct Line {
        quantity: u8,
    }

    fn order(quantity: &Value) -> Value {
        json!({ "id": {"S": "o-1"}, "lines": {"L": [{"M": {"quantity": quantity}}]} })
    }

    fn read(images: Value) -> Result<Record<Change<Order>, EventRecord>, UnreadableRecord> {
        let mut change = json!({ "Keys": {"id": {"S": "o-1"}}, "SizeBytes": 1 });
        for (name, image) in images.as_object().unwrap() {
            change[name] = image.clone();
        }
        let event = json!({ "Records": [{
            "awsRegion": "eu-west-1",
            "eventID": "1",
            "eventName": "MODIFY",
            "dynamodb": change,
        }] });
        let event: Event = serde_json::from_value(event).unwrap();
        Record::from_record(event.records.into_iter().next().unwrap())
    }

    #[test]
    fn images_are_typed_and_may_be_missing() {
        let expected = |quantity| Order {
            id: "o-1".to_owned(),
            lines: vec![Line { quantity }],
        };
        let (one, two) = (order(&json!({"N": "1"})), order(&json!({"N": "2"})));
        for (images, old, new) in [
            (json!({}), None, None),
            (json!({"NewImage": two}), None, Some(2)),
            (json!({"OldImage": one}), Some(1), None),
            (json!({"OldImage": one, "NewImage": two}), Some(1), Some(2)),
            (json!({"OldImage": null, "NewImage": two}), None, Some(2)),
        ] {
            let record = read(images).unwrap();
            assert_eq!(record.body.old, old.map(expected));
            assert_eq!(record.body.new, new.map(expected));
            assert!(!record.raw.change.keys.is_empty());
        }
    }

    #[test]
    fn an_image_of_another_type_is_told_with_its_place() {
        for (quantity, place) in [
            (json!({"N": "4242"}), "lines[0].quantity"),
            (json!({"S": "hunter2"}), "lines[0].quantity"),
        ] {
            let error = read(json!({ "NewImage": order(&quantity) })).unwrap_err();
            let said = error.to_string();
            assert!(
                said.ends_with(&format!(", at `{place}` of the new image")),
                "{said}"
            );
            assert!(
                !said.contains("4242") && !said.contains("hunter2"),
                "{said}"
            );
        }
        let error = read(json!({ "OldImage": {"id": {"S": "o-1"}} })).unwrap_err();
        assert_eq!(error.to_string(), "missing field `lines`, in the old image");
    }
}
