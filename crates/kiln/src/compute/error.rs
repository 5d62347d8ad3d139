//! What keeps a computation from its result.

use std::any::Any;
use std::error::Error;
use std::fmt;

use lambda_runtime::Diagnostic;
use rayon::ThreadPoolBuildError;

use crate::deadline::DeadlineExceeded;
use crate::errors::{LambdaError, lambda_error};
use crate::run::panic_message;

/// A computation has no result.
///
/// # Example
///
/// ```
/// use kiln::compute::{self, ComputeError};
///
/// # kiln_doc(async {
/// let result = compute::run(|| panic!("no such currency")).await;
/// let Err(ComputeError::Panicked { message, .. }) = result else { unreachable!() };
/// assert_eq!(message, "no such currency");
/// # });
/// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
/// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ComputeError {
    /// A closure has panicked.
    #[non_exhaustive]
    Panicked {
        /// What it said.
        message: String,
    },
    /// The invocation's time is up.
    DeadlineExceeded(DeadlineExceeded),
    /// The threads of the pool cannot be started.
    NoThreads(ThreadPoolBuildError),
}

impl ComputeError {
    /// Of what a panic has left behind.
    pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Self {
        Self::Panicked {
            message: panic_message(payload).to_owned(),
        }
    }
}

impl fmt::Display for ComputeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked { message } => write!(f, "the computation panicked: `{message}`"),
            Self::DeadlineExceeded(_) => {
                f.write_str("the computation was not done when the invocation's time was up")
            }
            Self::NoThreads(_) => f.write_str("the threads for computing cannot be started"),
        }
    }
}

impl Error for ComputeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Panicked { .. } => None,
            Self::DeadlineExceeded(source) => Some(source),
            Self::NoThreads(source) => Some(source),
        }
    }
}

impl From<DeadlineExceeded> for ComputeError {
    fn from(error: DeadlineExceeded) -> Self {
        Self::DeadlineExceeded(error)
    }
}

lambda_error! {
    ComputeError: |error| (
        match error {
            ComputeError::Panicked { .. } => "ComputePanicked",
            ComputeError::DeadlineExceeded(_) => "DeadlineExceeded",
            ComputeError::NoThreads(_) => "ComputeNoThreads",
        },
        // A panic comes again with the same event.
        retryable: !matches!(error, ComputeError::Panicked { .. }),
        status: INTERNAL_SERVER_ERROR
    )
}

/// A computation over many items has no result.
///
/// # Example
///
/// ```
/// use kiln::compute::{self, TryMapError};
///
/// # kiln_doc(async {
/// let numbers = compute::try_map(vec!["1", "two", "3"], |text| text.parse::<u32>()).await;
/// let Err(TryMapError::Item { index, .. }) = numbers else { unreachable!() };
/// assert_eq!(index, 1);
/// # });
/// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
/// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum TryMapError<E> {
    /// An item has failed: the first of those that fail, counted as the items are.
    #[non_exhaustive]
    Item {
        /// Which one, counted from 0.
        index: usize,
        /// Why.
        error: E,
    },
    /// Not the items are to blame.
    Compute(ComputeError),
}

impl<E: fmt::Display> fmt::Display for TryMapError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item { index, error } => write!(f, "item {index}: {error}"),
            Self::Compute(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for TryMapError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Item { error, .. } => error.source(),
            Self::Compute(error) => error.source(),
        }
    }
}

impl<E> From<ComputeError> for TryMapError<E> {
    fn from(error: ComputeError) -> Self {
        Self::Compute(error)
    }
}

impl<E: LambdaError + 'static> LambdaError for TryMapError<E> {
    fn error_type(&self) -> &str {
        match self {
            Self::Item { error, .. } => error.error_type(),
            Self::Compute(error) => error.error_type(),
        }
    }
    fn is_retryable(&self) -> bool {
        match self {
            Self::Item { error, .. } => error.is_retryable(),
            Self::Compute(error) => error.is_retryable(),
        }
    }
    fn http_status(&self) -> http::StatusCode {
        match self {
            Self::Item { error, .. } => error.http_status(),
            Self::Compute(error) => error.http_status(),
        }
    }
}

impl<E: LambdaError + 'static> From<TryMapError<E>> for Diagnostic {
    fn from(error: TryMapError<E>) -> Self {
        error.diagnostic()
    }
}
