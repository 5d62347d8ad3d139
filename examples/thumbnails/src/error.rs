//! What can go wrong.

use kiln::compute::ComputeError;
use kiln::{Error, LambdaError};

/// Why the function cannot start: the init fails, and so does the deployment.
#[derive(Debug, thiserror::Error, LambdaError)]
pub enum SetupError {
    /// A variable that it needs is not set.
    #[error("`{0}` is not set")]
    MissingVariable(&'static str),
    /// It gets no threads to compute on.
    #[error(transparent)]
    #[lambda_error(transparent)]
    Threads(#[from] ComputeError),
}

/// Why an object has no thumbnails.
#[derive(Debug, thiserror::Error, LambdaError)]
pub enum ThumbnailError {
    /// It is no image, or too large.
    #[error("`{key}` is not an image that can be made small: {source}")]
    #[lambda_error(type = "NoImage")]
    Image {
        /// The object.
        key: String,
        /// Why.
        source: image::ImageError,
    },
    /// S3 does not give the object.
    #[error("`{key}` cannot be read")]
    #[lambda_error(type = "ObjectNotRead", retryable)]
    Read {
        /// The object.
        key: String,
        /// What S3 or the network says.
        source: Error,
    },
    /// S3 does not take a thumbnail.
    #[error("the thumbnail `{key}` cannot be stored")]
    #[lambda_error(type = "ThumbnailNotStored", retryable)]
    Store {
        /// The thumbnail.
        key: String,
        /// What S3 or the network says.
        source: Error,
    },
    /// The invocation's time was up first.
    #[error(transparent)]
    #[lambda_error(transparent)]
    Compute(#[from] ComputeError),
}
