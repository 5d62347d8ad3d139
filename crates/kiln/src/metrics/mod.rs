//! CloudWatch metrics in the embedded metric format.
//!
//! A metric is a line on stdout in the [embedded metric format][emf]: no call to an API, no permission,
//! no time of the invocation. CloudWatch extracts the metrics afterwards, and drops without a word what
//! is not as it wants it: everything is checked here, when it is [added](add).
//!
//! What is added during an invocation is one line at its end, written by [`MetricsLayer`] before Lambda
//! has the answer. A line that is full (100 metrics, or 100 values of one) is written at once, and the
//! next one begun.
//!
//! # Example
//!
//! ```
//! use kiln::metrics::{self, MetricError, Metrics, Unit};
//!
//! Metrics::new().namespace("Shop").service("orders").init()?;
//!
//! metrics::dimension("stage", "prod")?;
//! metrics::add("OrdersPlaced", Unit::Count, 1.0)?;
//! metrics::add("Checkout", Unit::Milliseconds, 12.5)?;
//! metrics::metadata("order_id", "o-1")?;
//! // In a function, the layer does this.
//! metrics::flush();
//! # Ok::<(), MetricError>(())
//! ```
//!
//! See [`Metrics`] for what the environment sets. A service with very many metrics per invocation may
//! prefer [`metrique`](https://docs.rs/metrique) with its writer for the same format.
//!
//! [emf]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

mod check;
mod config;
mod error;
mod service;
mod sheet;
mod sheets;
mod single;
#[cfg(test)]
mod tests;
mod unit;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::redact::{REDACTED, Redaction};

pub use config::Metrics;
pub use error::MetricError;
pub use service::{MetricsFuture, MetricsLayer, MetricsService};
pub use single::Single;
pub use unit::Unit;

/// Adds a value to a metric of the invocation that is being handled.
///
/// A name that was added before has one value more. Outside of an invocation, during init for
/// example, the value is on a line of its own at the end of the next one, or by [`flush`]; so is that of
/// a spawned task on managed instances, unless it is in its invocation's
/// [scope](crate::invocation::Invocation::scope).
///
/// # Errors
/// A name or value that CloudWatch would refuse, a unit other than before, no namespace. Then the value
/// is not added, and what was before stays.
///
/// # Example
///
/// ```
/// use kiln::metrics::{self, MetricError, Metrics, Unit};
///
/// Metrics::new().namespace("Shop").init()?;
/// metrics::add("Items", Unit::Count, 3.0)?;
/// metrics::add("Items", Unit::Count, 5.0)?;
/// assert!(metrics::add("Items", Unit::Bytes, 1.0).is_err());
/// # Ok::<(), MetricError>(())
/// ```
pub fn add(name: &str, unit: Unit, value: f64) -> Result<(), MetricError> {
    add_to_current(name, unit, false, value)
}

/// [Adds](add) a value to a metric that is kept by the second, in place of the minute.
///
/// CloudWatch charges the same, but [keeps it for three hours only][resolution] at that resolution.
///
/// # Errors
/// As [`add`]; a metric has one resolution.
///
/// # Example
///
/// ```
/// use kiln::metrics::{self, MetricError, Metrics, Unit};
///
/// Metrics::new().namespace("Shop").init()?;
/// metrics::add_high_resolution("Latency", Unit::Milliseconds, 3.5)?;
/// # Ok::<(), MetricError>(())
/// ```
///
/// [resolution]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/publishingMetrics.html#high-resolution-metrics
pub fn add_high_resolution(name: &str, unit: Unit, value: f64) -> Result<(), MetricError> {
    add_to_current(name, unit, true, value)
}

fn add_to_current(name: &str, unit: Unit, high: bool, value: f64) -> Result<(), MetricError> {
    let sheets = sheets::current();
    let mut sheet = sheets.lock();
    if let Some(line) = sheet.add(name, unit, high, value)? {
        let config = Arc::clone(sheet.config());
        drop(sheet);
        config.write(&line);
    }
    Ok(())
}

/// Adds a dimension to all metrics of the invocation that is being handled, or gives it another value.
///
/// # Errors
/// A name or value that CloudWatch would refuse, a name that is taken, a thirtieth dimension beside the
/// service, or one for which a line [has no room](MetricError::LineTooLong).
///
/// # Example
///
/// ```
/// use kiln::metrics::{self, MetricError};
///
/// metrics::dimension("stage", "prod")?;
/// let refused = metrics::dimension("stage", "").unwrap_err();
/// assert_eq!(refused.to_string(), "the value of the dimension `stage` is empty");
/// # Ok::<(), MetricError>(())
/// ```
pub fn dimension(name: &str, value: &str) -> Result<(), MetricError> {
    sheets::current().lock().dimension(name, value)
}

/// Has all metrics of the invocation that is being handled under a further set of dimensions, beside
/// the default ones.
///
/// A line has one value per name: a name in two sets has the value it was given last. A set that is
/// there already, in whatever order, is not added again: its values would count twice.
///
/// # Errors
/// As [`dimension`]. Then nothing of the set is added.
///
/// # Example
///
/// ```
/// use kiln::metrics;
///
/// metrics::dimension_set(&[("region", "eu-west-1")])?;
/// metrics::dimension_set(&[("region", "eu-west-1"), ("customer", "acme")])?;
/// # Ok::<(), metrics::MetricError>(())
/// ```
pub fn dimension_set(set: &[(&str, &str)]) -> Result<(), MetricError> {
    sheets::current().lock().dimension_set(set)
}

/// Adds to the line what is no metric and no dimension: to be found in the log, at no cost per value.
///
/// Secrets are left out by their names, as they are from the log: see
/// [`Logging::redact`](crate::logging::Logging::redact).
///
/// # Errors
/// A name that is taken, a value that has no JSON, more than 64 KiB for all of a line.
///
/// # Example
///
/// ```
/// kiln::metrics::metadata("order_id", "o-1")?;
/// # Ok::<(), kiln::metrics::MetricError>(())
/// ```
pub fn metadata(key: &str, value: impl Serialize) -> Result<(), MetricError> {
    // Before the lock: what serializes is code of others.
    let value = metadata_json(key, value)?;
    sheets::current().lock().metadata(key, value)
}

/// Sets the time of all metrics of the invocation that is being handled, in place of when they are
/// written.
///
/// # Errors
/// [`TimestampOutOfRange`](MetricError::TimestampOutOfRange): more than 14 days ago, or more than two
/// hours ahead.
///
/// # Example
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// kiln::metrics::timestamp(SystemTime::now() - Duration::from_secs(3600))?;
/// assert!(kiln::metrics::timestamp(SystemTime::UNIX_EPOCH).is_err());
/// # Ok::<(), kiln::metrics::MetricError>(())
/// ```
pub fn timestamp(time: SystemTime) -> Result<(), MetricError> {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    sheets::current().lock().timestamp(since_epoch)
}

/// A metric on a line of its own, with dimensions of its own.
///
/// # Example
///
/// ```
/// use kiln::logging::Captured;
/// use kiln::metrics::{self, Metrics, Unit};
///
/// let lines = Captured::default();
/// Metrics::new().namespace("Shop").writer(lines.clone()).init()?;
/// metrics::dimension("stage", "prod")?;
/// metrics::single("StockLeft", Unit::Count, 7.0).dimension("warehouse", "north").write()?;
/// // It is written at once, without the dimensions of the others.
/// let line = &lines.lines()[0];
/// assert!(line.contains(r#""warehouse":"north""#) && !line.contains("stage"));
/// # Ok::<(), kiln::metrics::MetricError>(())
/// ```
pub fn single(name: &str, unit: Unit, value: f64) -> Single {
    Single::new(name, unit, value)
}

/// Writes what was added so far. Afterwards there are no dimensions but the default ones, no metadata
/// and no timestamp.
///
/// # Example
///
/// ```
/// kiln::metrics::flush();
/// ```
pub fn flush() {
    sheets::current().finish();
}

fn metadata_json(key: &str, value: impl Serialize) -> Result<String, MetricError> {
    let redaction = Redaction::current();
    if redaction.covers(key) {
        return Ok(REDACTED.to_owned());
    }
    let json = serde_json::to_string(&value).ok();
    let mut clean = String::new();
    json.filter(|json| redaction.copy_json(&mut clean, json))
        .map(|_| clean)
        .ok_or_else(|| MetricError::InvalidMetadata {
            key: check::excerpt(key),
            reason: "has no JSON",
        })
}
