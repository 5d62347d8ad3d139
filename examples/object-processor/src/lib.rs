//! A function behind an S3 bucket: sums up each CSV file that is put there, and stores the report in
//! another bucket.
//!
//! The object is read as it arrives, so that memory is needed for a line and not for the file.

use aws_lambda_events::s3::{S3Event, S3EventRecord};
use kiln::LambdaEvent;
use kiln::logging::info;
use percent_encoding::percent_decode_str;
use serde::Serialize;

mod error;
mod objects;
mod sales;

pub use error::{MissingVariable, ObjectError};
pub use objects::Objects;
pub use sales::{Sales, SalesReader};

/// What the function answers, for those who invoke it by hand: S3 does not look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The reports that were stored, as keys of the report bucket.
    pub reports: Vec<String>,
}

/// Handles what S3 tells: usually one object per event.
///
/// # Errors
///
/// The first object that cannot be read, or its report not stored. S3 events are asynchronous: Lambda
/// tries twice again, and then the event goes to the function's failure destination, if it has one.
pub async fn handle(objects: &Objects, event: LambdaEvent<S3Event>) -> Result<Answer, ObjectError> {
    let mut reports = Vec::new();
    for record in &event.payload.records {
        reports.push(sum_up(objects, record).await?);
    }
    Ok(Answer { reports })
}

async fn sum_up(objects: &Objects, record: &S3EventRecord) -> Result<String, ObjectError> {
    let bucket = record.s3.bucket.name.as_deref();
    let key = record.s3.object.key.as_deref().and_then(decoded);
    let (Some(bucket), Some(key)) = (bucket, key) else {
        return Err(ObjectError::NoObject);
    };
    // The version that the event is about, if there are versions: the object may have changed since.
    let version = record.s3.object.version_id.as_deref();
    let sales = objects.read(bucket, &key, version).await?;
    info!(
        key,
        rows = sales.rows,
        total_cents = sales.total_cents,
        "summed up"
    );
    let report = format!("{key}.report.json");
    objects.store(&report, &sales).await?;
    Ok(report)
}

/// The key itself: events have it encoded as in a form, where `+` is a space.
///
/// The crate's own field for it, `url_decoded_key`, is not in the events that S3 sends.
fn decoded(key: &str) -> Option<String> {
    let spaced = key.replace('+', " ");
    let key = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(key.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_once() {
        for (encoded, key) in [
            ("plain.csv", Some("plain.csv")),
            ("march+2026.csv", Some("march 2026.csv")),
            ("a%2Bb%252F.csv", Some("a+b%2F.csv")),
            ("gr%C3%BCn.csv", Some("grün.csv")),
            ("%FF.csv", None),
        ] {
            assert_eq!(decoded(encoded).as_deref(), key, "{encoded}");
        }
    }
}
