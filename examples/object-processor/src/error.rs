//! What can go wrong.

use kiln::{Diagnostic, LambdaError};

type SdkError = Box<dyn std::error::Error + Send + Sync>;

/// Why an object is not summed up.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The event names no object.
    #[error("the event names no object")]
    NoObject,
    /// A line that is none of ours.
    #[error("line {line} of `{key}` is not `sku,quantity,cents`")]
    Line {
        /// The object.
        key: String,
        /// Counted from 1.
        line: u64,
    },
    /// S3 does not give the object, or not all of it.
    #[error("`{key}` cannot be read")]
    Read {
        /// The object.
        key: String,
        /// What S3 or the network says.
        source: SdkError,
    },
    /// S3 does not take the report.
    #[error("the report `{key}` cannot be stored")]
    Store {
        /// The report.
        key: String,
        /// What S3 or the network says.
        source: SdkError,
    },
}

impl LambdaError for ObjectError {
    fn error_type(&self) -> &str {
        match self {
            Self::NoObject => "NoObject",
            Self::Line { .. } => "InvalidLine",
            Self::Read { .. } => "ObjectNotRead",
            Self::Store { .. } => "ReportNotStored",
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::Read { .. } | Self::Store { .. })
    }
}

impl From<ObjectError> for Diagnostic {
    fn from(error: ObjectError) -> Self {
        error.diagnostic()
    }
}
