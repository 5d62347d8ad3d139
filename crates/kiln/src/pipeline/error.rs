//! What becomes of items that do not come through.

use std::error::Error;
use std::fmt;

use http::StatusCode;
use lambda_runtime::Diagnostic;

use crate::compute::ComputeError;
use crate::errors::LambdaError;

/// A stage of a pipeline.
///
/// # Example
///
/// ```
/// assert_eq!(kiln::pipeline::Stage::Compute.to_string(), "compute");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Its input is fetched.
    Download,
    /// Its output is made.
    Compute,
    /// Its output is stored.
    Upload,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Download => "download",
            Self::Compute => "compute",
            Self::Upload => "upload",
        })
    }
}

/// An item has not come through.
///
/// As `errorType`, an item that has failed reports that of its own error.
///
/// # Example
///
/// ```
/// use kiln::pipeline::{self, Cause, Stage};
/// # use std::num::ParseIntError;
///
/// # kiln_doc(async {
/// let report = pipeline::items(vec!["1", "two", "3"], |_| 1)
///     .download(async |text| Ok::<_, ParseIntError>(text))
///     .compute(|text: &str| text.parse::<u32>())
///     .upload(async |number| Ok(number))
///     .run()
///     .await;
/// let error = report.failures().next().unwrap();
/// assert_eq!((error.index, error.stage), (1, Some(Stage::Compute)));
/// assert!(matches!(error.cause, Cause::Failed(_)));
/// assert_eq!(error.to_string(), "item 1, compute: invalid digit found in string");
/// # });
/// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
/// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct ItemError<E> {
    /// Which one, counted from 0.
    pub index: usize,
    /// How far it came: the last stage that it began, or none.
    pub stage: Option<Stage>,
    /// What has ended it.
    pub cause: Cause<E>,
}

/// What has ended an item: see [`ItemError`].
///
/// # Example
///
/// ```
/// use kiln::pipeline::{self, Cause};
///
/// # kiln_doc(async {
/// let report = pipeline::items(["1", "two", "3, but large"], |text| text.len() as u64)
///     .memory(10)
///     .download(async |text: &str| text.parse::<u32>())
///     .compute(Ok)
///     .upload(async |number| Ok(number))
///     .run()
///     .await;
/// // What another try does not help.
/// let is_hopeless = |cause: &Cause<_>| matches!(cause, Cause::Failed(_) | Cause::TooLarge { .. });
/// assert_eq!(report.failures().filter(|error| is_hopeless(&error.cause)).count(), 2);
/// # });
/// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
/// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause<E> {
    /// Its stage has failed.
    Failed(E),
    /// Its stage has panicked.
    #[non_exhaustive]
    Panicked {
        /// What it said.
        message: String,
    },
    /// The invocation's time was up. Without a stage, the item was not begun; with one, the other side
    /// of a transfer may have done its part.
    DeadlineExceeded,
    /// Another item had failed, and the pipeline was to stop at that: the item was not begun.
    Stopped,
    /// It takes more memory than there is for all: the item was not begun.
    #[non_exhaustive]
    TooLarge {
        /// How much it takes, in bytes.
        bytes: u64,
        /// How much there is, in bytes.
        memory: u64,
    },
    /// The limit of transfers is zero: the item was not begun.
    ZeroTransfers,
    /// The threads for computing cannot be started.
    NoThreads(ComputeError),
}

impl<E: fmt::Display> fmt::Display for ItemError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "item {}", self.index)?;
        if let Some(stage) = self.stage {
            write!(f, ", {stage}")?;
        }
        write!(f, ": {}", self.cause)
    }
}

impl<E: fmt::Display> fmt::Display for Cause<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Panicked { message } => write!(f, "panicked: `{message}`"),
            Self::DeadlineExceeded => f.write_str("the invocation's time was up"),
            Self::Stopped => f.write_str("not begun, because another item had failed"),
            Self::TooLarge { bytes, memory } => {
                write!(
                    f,
                    "takes {bytes} bytes, and the pipeline has `{memory}` for all"
                )
            }
            Self::ZeroTransfers => f.write_str("the pipeline may make `0` transfers at once"),
            Self::NoThreads(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for ItemError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            // Its own message is ours.
            Cause::Failed(error) => error.source(),
            Cause::NoThreads(error) => error.source(),
            _ => None,
        }
    }
}

impl<E: LambdaError + 'static> LambdaError for ItemError<E> {
    fn error_type(&self) -> &str {
        match &self.cause {
            Cause::Failed(error) => error.error_type(),
            Cause::Panicked { .. } => "ItemPanicked",
            Cause::DeadlineExceeded => "DeadlineExceeded",
            Cause::Stopped => "PipelineStopped",
            Cause::TooLarge { .. } => "ItemTooLarge",
            Cause::ZeroTransfers => "ZeroTransfers",
            Cause::NoThreads(error) => error.error_type(),
        }
    }

    fn is_retryable(&self) -> bool {
        match &self.cause {
            Cause::Failed(error) => error.is_retryable(),
            Cause::DeadlineExceeded | Cause::Stopped => true,
            Cause::Panicked { .. } | Cause::TooLarge { .. } | Cause::ZeroTransfers => false,
            Cause::NoThreads(error) => error.is_retryable(),
        }
    }

    fn http_status(&self) -> StatusCode {
        match &self.cause {
            Cause::Failed(error) => error.http_status(),
            Cause::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
            Cause::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl<E: LambdaError + 'static> From<ItemError<E>> for Diagnostic {
    fn from(error: ItemError<E>) -> Self {
        error.diagnostic()
    }
}
