//! What CloudWatch would drop without a word.

use std::error::Error;
use std::fmt;

/// A metric that CloudWatch would refuse, or would not find.
///
/// CloudWatch extracts metrics from lines after the fact and tells nobody what it could not use: here
/// it is refused when it is added, and nothing of it is kept.
///
/// # Example
///
/// ```
/// use kiln::metrics::{self, MetricError, Metrics, Unit};
///
/// Metrics::new().namespace("Orders").init()?;
/// let refused = metrics::add("Price", Unit::None, f64::NAN).unwrap_err();
/// assert_eq!(refused.to_string(), "`NaN` is no value for the metric `Price`: it is not finite");
/// assert!(matches!(refused, MetricError::InvalidValue { .. }));
/// # Ok::<(), MetricError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MetricError {
    /// No namespace was set, in code or by `POWERTOOLS_METRICS_NAMESPACE`.
    NoNamespace,
    /// A name of a namespace, metric, dimension or metadata.
    #[non_exhaustive]
    InvalidName {
        /// What it is the name of: `metric`, for example.
        what: &'static str,
        /// The name, or its beginning.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The value of a dimension.
    #[non_exhaustive]
    InvalidDimensionValue {
        /// The name of the dimension.
        dimension: String,
        /// What is wrong with the value.
        reason: &'static str,
    },
    /// The value of a metric.
    #[non_exhaustive]
    InvalidValue {
        /// The name of the metric.
        metric: String,
        /// The value.
        value: f64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The value of metadata has no JSON, or too much.
    #[non_exhaustive]
    InvalidMetadata {
        /// The key.
        key: String,
        /// What is wrong with the value.
        reason: &'static str,
    },
    /// A metric was added before with another unit or resolution.
    #[non_exhaustive]
    Redefined {
        /// Its name.
        metric: String,
    },
    /// Metrics, dimensions and metadata of a line share their names.
    #[non_exhaustive]
    NameTaken {
        /// The name.
        name: String,
    },
    /// A metric has no more than 30 dimensions, the service included.
    #[non_exhaustive]
    TooManyDimensions {
        /// The one that was too many.
        dimension: String,
    },
    /// A line has no more than 158 KiB of dimensions, their sets and metadata: an event of CloudWatch
    /// Logs has a limit, and what is longer would be split and no metric any more.
    #[non_exhaustive]
    LineTooLong {
        /// The dimension, the first of a set, or the metadata that has no room.
        name: String,
    },
    /// CloudWatch takes no data older than two weeks or more than two hours ahead.
    TimestampOutOfRange,
    /// An invocation has added no metric, and [was to](super::MetricsLayer::fail_if_empty).
    NothingAdded,
    /// Metrics were [configured](super::Metrics::init) already, or in use.
    AlreadyConfigured,
}

impl fmt::Display for MetricError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNamespace => f.write_str(
                "metrics have no namespace: set `POWERTOOLS_METRICS_NAMESPACE`, or `Metrics::namespace`",
            ),
            Self::InvalidName { what, name, reason } => {
                write!(f, "`{name}` is no name for a {what}: it {reason}")
            }
            Self::InvalidDimensionValue { dimension, reason } => {
                write!(f, "the value of the dimension `{dimension}` {reason}")
            }
            Self::InvalidValue {
                metric,
                value,
                reason,
            } => write!(f, "`{value}` is no value for the metric `{metric}`: it {reason}"),
            Self::InvalidMetadata { key, reason } => {
                write!(f, "the value of the metadata `{key}` {reason}")
            }
            Self::Redefined { metric } => write!(
                f,
                "the metric `{metric}` was added with another unit or resolution before"
            ),
            Self::NameTaken { name } => write!(
                f,
                "`{name}` is taken: metrics, dimensions and metadata share their names"
            ),
            Self::TooManyDimensions { dimension } => write!(
                f,
                "the dimension `{dimension}` is one too many: 29 beside the service are the most"
            ),
            Self::LineTooLong { name } => write!(
                f,
                "there is no room for `{name}`: dimensions, their sets and metadata of an invocation have 158 KiB together"
            ),
            Self::TimestampOutOfRange => f.write_str(
                "the timestamp is more than 14 days in the past or more than 2 hours in the future",
            ),
            Self::NothingAdded => f.write_str("the invocation has added no metric"),
            Self::AlreadyConfigured => f.write_str("metrics are configured or in use already"),
        }
    }
}

impl Error for MetricError {}

crate::errors::lambda_error! {
    MetricError: |_error| (
        match _error {
            MetricError::NothingAdded => "NoMetrics",
            _ => "InvalidMetric",
        },
        retryable: false,
        status: INTERNAL_SERVER_ERROR
    )
}
