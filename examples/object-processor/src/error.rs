//! What can go wrong.

use kiln::LambdaError;

type SdkError = Box<dyn std::error::Error + Send + Sync>;

/// A variable that the function needs is not set: the init fails, and so does the deployment.
#[derive(Debug, thiserror::Error, LambdaError)]
#[error("`{0}` is not set")]
pub struct MissingVariable(pub &'static str);

/// Why an object is not summed up.
#[derive(Debug, thiserror::Error, LambdaError)]
pub enum ObjectError {
    /// The event names no object.
    #[error("the event names no object")]
    NoObject,
    /// A line that is none of ours.
    #[error("line {line} of `{key}` is not `sku,quantity,cents`")]
    #[lambda_error(type = "InvalidLine")]
    Line {
        /// The object.
        key: String,
        /// Counted from 1.
        line: u64,
    },
    /// S3 does not give the object, or not all of it.
    #[error("`{key}` cannot be read")]
    #[lambda_error(type = "ObjectNotRead", retryable)]
    Read {
        /// The object.
        key: String,
        /// What S3 or the network says.
        source: SdkError,
    },
    /// S3 does not take the report.
    #[error("the report `{key}` cannot be stored")]
    #[lambda_error(type = "ReportNotStored", retryable)]
    Store {
        /// The report.
        key: String,
        /// What S3 or the network says.
        source: SdkError,
    },
}
