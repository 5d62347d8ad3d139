//! The event: order files arrived in a bucket.

use aws_lambda_events::s3::{S3Event, S3EventRecord};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use lambda_runtime::{LambdaEvent, tracing};
use percent_encoding::percent_decode_str;

use crate::error::Error;
use crate::objects::{ObjectRef, Objects};
use crate::order::Order;
use crate::work::{Outcome, Worker};

/// Objects of one event that may be under way at once.
const OBJECTS_AT_ONCE: usize = 8;

/// Works on every new object of one event. After an error Lambda tries the whole event again, twice
/// by default.
pub async fn handle(
    objects: &Objects,
    worker: &Worker,
    event: LambdaEvent<S3Event>,
) -> Result<Vec<Outcome>, Error> {
    let created: Vec<ObjectRef> = event.payload.records.iter().filter_map(created).collect();
    stream::iter(created)
        .map(|object| process(objects, worker, object))
        .buffered(OBJECTS_AT_ONCE)
        .try_collect()
        .await
}

/// The object that a record says was created, if that is what it says.
fn created(record: &S3EventRecord) -> Option<ObjectRef> {
    let name = record.event_name.as_deref()?;
    if !name.starts_with("ObjectCreated:") {
        tracing::warn!(event_name = name, "not a new object: skipped");
        return None;
    }
    Some(ObjectRef {
        bucket: record.s3.bucket.name.clone()?,
        key: decode(record.s3.object.key.as_deref()?),
    })
}

/// Keys are written as in an HTML form: `+` for a space, `%2B` for a plus.
fn decode(key: &str) -> String {
    let spaces = key.replace('+', " ");
    percent_decode_str(&spaces).decode_utf8_lossy().into_owned()
}

async fn process(objects: &Objects, worker: &Worker, object: ObjectRef) -> Result<Outcome, Error> {
    let bytes = objects.read(&object).await?;
    let order: Order = serde_json::from_slice(&bytes).map_err(Error::invalid_order)?;
    let outcome = worker.process(order).await?;
    tracing::info!(
        order_id = outcome.order_id,
        key = object.key,
        "order processed"
    );
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded() {
        let cases = [
            ("new/ord-1.json", "new/ord-1.json"),
            ("a+b%2Bc.json", "a b+c.json"),
            ("caf%C3%A9", "café"),
        ];
        for (key, expected) in cases {
            assert_eq!(decode(key), expected);
        }
    }
}
