//! The limits of CloudWatch.
//!
//! Sources: [the specification of the format][emf], [MetricDatum][datum], [Dimension][dimension],
//! [PutMetricData][put].
//!
//! [emf]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
//! [datum]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
//! [dimension]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html
//! [put]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html

use std::time::Duration;

use super::error::MetricError;

/// Metrics per line.
pub(super) const METRICS: usize = 100;
/// Values per metric and line.
pub(super) const VALUES: usize = 100;
/// All metrics of a line with their values, in bytes: together with [`REST`] a line stays below the
/// 256 KB that an [event] had until April 2025, when it became 1 MB. What stands between a function
/// and CloudWatch may not have followed.
///
/// [event]: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
pub(super) const BODY: usize = 96 * 1024;
/// Everything else of a line, in bytes: dimensions, their sets, metadata. A set that is as large as it
/// may be has room in it, together with as much metadata as there may be.
pub(super) const REST: usize = 158 * 1024;
/// What a value takes at most: no number has more than 25 digits, and there is a comma.
pub(super) const VALUE: usize = 26;
/// Dimensions of a set, the service among them.
pub(super) const DIMENSIONS: usize = 30;
/// All metadata of a line, in bytes.
pub(super) const METADATA: usize = 64 * 1024;

const NAME: usize = 255;
/// The format allows less than the API, which has 255.
const DIMENSION_NAME: usize = 250;
const DIMENSION_VALUE: usize = 1_024;
/// 2^360: CloudWatch refuses what is further from zero.
const LARGEST: f64 = f64::from_bits((1023 + 360) << 52);

const PAST: Duration = Duration::from_secs(14 * 24 * 60 * 60);
const FUTURE: Duration = Duration::from_secs(2 * 60 * 60);

pub(super) fn namespace(name: &str) -> Result<(), MetricError> {
    let reason = text(name, NAME)
        .or_else(|| begins_with_colon(name))
        .or_else(|| {
            name.starts_with("AWS/")
                .then_some("begins as those of AWS's own services")
        });
    refuse(reason, "namespace", name)
}

pub(super) fn metric(name: &str) -> Result<(), MetricError> {
    refuse(text(name, NAME).or_else(|| reserved(name)), "metric", name)
}

pub(super) fn dimension(name: &str) -> Result<(), MetricError> {
    let reason = text(name, DIMENSION_NAME)
        .or_else(|| begins_with_colon(name))
        .or_else(|| reserved(name));
    refuse(reason, "dimension", name)
}

pub(super) fn dimension_value(dimension: &str, value: &str) -> Result<(), MetricError> {
    match text(value, DIMENSION_VALUE) {
        None => Ok(()),
        Some(reason) => Err(MetricError::InvalidDimensionValue {
            dimension: excerpt(dimension),
            reason,
        }),
    }
}

pub(super) fn metadata(key: &str) -> Result<(), MetricError> {
    let reason = key.is_empty().then_some("is empty");
    refuse(reason.or_else(|| reserved(key)), "metadata", key)
}

pub(super) fn value(metric: &str, value: f64) -> Result<(), MetricError> {
    let reason = if !value.is_finite() {
        "is not finite"
    } else if value.abs() > LARGEST {
        "is further from zero than 2^360"
    } else {
        return Ok(());
    };
    Err(MetricError::InvalidValue {
        metric: excerpt(metric),
        value,
        reason,
    })
}

/// A time since 1970, now being the other.
pub(super) fn timestamp(time: Duration, now: Duration) -> Result<(), MetricError> {
    if time + PAST < now || time > now + FUTURE {
        return Err(MetricError::TimestampOutOfRange);
    }
    Ok(())
}

/// What is wrong with a text of at most so many characters.
fn text(text: &str, most: usize) -> Option<&'static str> {
    if text.is_empty() {
        Some("is empty")
    } else if !text.is_ascii() {
        Some("has characters that are not ASCII")
    } else if text.bytes().any(|byte| byte.is_ascii_control()) {
        Some("has control characters")
    } else if text.trim().is_empty() {
        Some("has nothing but blanks")
    } else if text.len() > most {
        Some(match most {
            NAME => "is longer than 255 characters",
            DIMENSION_NAME => "is longer than 250 characters",
            _ => "is longer than 1,024 characters",
        })
    } else {
        None
    }
}

fn begins_with_colon(name: &str) -> Option<&'static str> {
    name.starts_with(':').then_some("begins with a colon")
}

fn reserved(name: &str) -> Option<&'static str> {
    (name == "_aws").then_some("is that of the format's own member")
}

fn refuse(reason: Option<&'static str>, what: &'static str, name: &str) -> Result<(), MetricError> {
    match reason {
        None => Ok(()),
        Some(reason) => Err(MetricError::InvalidName {
            what,
            name: excerpt(name),
            reason,
        }),
    }
}

/// How long a text is at most as JSON, in bytes.
pub(super) fn written(text: &str) -> usize {
    let each = text.bytes().map(|byte| match byte {
        b'"' | b'\\' => 2,
        0..=0x1f | 0x7f => "\\u0000".len(),
        // Of the characters beyond ASCII that are escaped, none has less than two bytes.
        0x80.. => 3,
        _ => 1,
    });
    each.sum::<usize>() + 2
}

/// Enough of a name to know it by.
pub(super) fn excerpt(name: &str) -> String {
    const ENOUGH: usize = 80;
    match name.char_indices().nth(ENOUGH) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_limits() {
        let long = |length| "n".repeat(length);
        for (name, metric_ok, dimension_ok, namespace_ok) in [
            ("Orders Placed/v2#1", true, true, true),
            ("", false, false, false),
            ("  ", false, false, false),
            ("größe", false, false, false),
            ("a\nb", false, false, false),
            ("a\u{7f}", false, false, false),
            ("_aws", false, false, true),
            (":colon", true, false, false),
            ("AWS/Lambda", true, true, false),
            (&long(250), true, true, true),
            (&long(251), true, false, true),
            (&long(255), true, false, true),
            (&long(256), false, false, false),
        ] {
            assert_eq!(metric(name).is_ok(), metric_ok, "metric {name}");
            assert_eq!(dimension(name).is_ok(), dimension_ok, "dimension {name}");
            assert_eq!(namespace(name).is_ok(), namespace_ok, "namespace {name}");
        }
    }

    #[test]
    fn values_of_dimensions_have_limits_and_are_not_repeated_in_errors() {
        for (value, ok) in [
            ("prod", true),
            ("", false),
            (" ", false),
            ("tab\t", false),
            (&"v".repeat(1_024), true),
            (&"v".repeat(1_025), false),
        ] {
            assert_eq!(dimension_value("stage", value).is_ok(), ok, "{value}");
        }
        let refused = dimension_value("card", "hunter2\n")
            .unwrap_err()
            .to_string();
        assert_eq!(
            refused,
            "the value of the dimension `card` has control characters"
        );
    }

    #[test]
    fn values_are_finite_and_within_what_cloudwatch_keeps() {
        for (number, ok) in [
            (0.0, true),
            (-1.5, true),
            (2_f64.powi(360), true),
            (-2_f64.powi(360), true),
            (2_f64.powi(360) * 1.000_001, false),
            (f64::MAX, false),
            (f64::NAN, false),
            (f64::INFINITY, false),
            (f64::NEG_INFINITY, false),
        ] {
            assert_eq!(value("m", number).is_ok(), ok, "{number}");
        }
    }

    #[test]
    fn timestamps_are_recent() {
        let now = Duration::from_secs(1_795_348_800);
        for (time, ok) in [
            (now, true),
            (now - PAST, true),
            (now - PAST - Duration::from_millis(1), false),
            (now + FUTURE, true),
            (now + FUTURE + Duration::from_millis(1), false),
        ] {
            assert_eq!(timestamp(time, now).is_ok(), ok, "{time:?}");
        }
    }

    #[test]
    fn an_error_shows_the_beginning_of_a_long_name() {
        let refused = metric(&"x".repeat(10_000)).unwrap_err().to_string();
        assert!(refused.len() < 200, "{refused}");
    }
}
