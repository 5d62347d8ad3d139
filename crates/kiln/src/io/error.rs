//! What becomes of calls that do not succeed.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::StatusCode;
use lambda_runtime::Diagnostic;

use crate::errors::LambdaError;

/// A call has no result.
///
/// As `errorType`, a call that has failed reports that of its own error.
///
/// # Example
///
/// ```
/// use kiln::io::{self, CallError};
/// use std::time::Duration;
///
/// # kiln_doc(async {
/// let outcomes = io::fan_out([5, 5_000], 2, async |millis| {
///     tokio::time::sleep(Duration::from_millis(millis)).await;
///     Ok::<_, std::convert::Infallible>(millis)
/// })
/// .timeout(Duration::from_millis(500))
/// .collect_all()
/// .await;
/// assert!(matches!(outcomes[0], Ok(5)));
/// assert!(matches!(outcomes[1], Err(CallError::TimedOut { .. })));
/// # });
/// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
/// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError<E> {
    /// It has failed.
    #[non_exhaustive]
    Failed {
        /// Why: of the last attempt.
        error: E,
        /// How many attempts were made.
        attempts: u32,
    },
    /// It took longer than a call may. The other side may have done what it was asked to.
    #[non_exhaustive]
    TimedOut {
        /// How long each attempt was waited for.
        timeout: Duration,
        /// How many attempts were made.
        attempts: u32,
    },
    /// The invocation's time was up before it had ended. The other side may have done what it was
    /// asked to.
    DeadlineExceeded,
    /// The invocation's time was up before it could begin.
    NotStarted,
    /// It may not begin: the limit of the fan-out is zero.
    ZeroLimit,
}

impl<E> CallError<E> {
    pub(super) fn failed(error: E) -> Self {
        Self::Failed { error, attempts: 1 }
    }

    pub(super) fn timed_out(timeout: Duration) -> Self {
        Self::TimedOut {
            timeout,
            attempts: 1,
        }
    }

    /// The same after so many attempts.
    pub(super) fn after(mut self, made: u32) -> Self {
        if let Self::Failed { attempts, .. } | Self::TimedOut { attempts, .. } = &mut self {
            *attempts = made;
        }
        self
    }

    /// The error of the call itself, if it has failed.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::io;
    /// # use std::io::{Error, ErrorKind};
    ///
    /// # kiln_doc(async {
    /// let mut outcomes = io::fan_out(["mug"], 8, async |_| Err::<(), _>(Error::from(ErrorKind::NotFound)))
    ///     .collect_all()
    ///     .await;
    /// let error: Option<Error> = outcomes.remove(0).unwrap_err().into_failure();
    /// assert_eq!(error.unwrap().kind(), ErrorKind::NotFound);
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
    /// # }
    /// // It has not failed itself: nobody has made it.
    /// assert!(io::CallError::<Error>::NotStarted.into_failure().is_none());
    /// ```
    pub fn into_failure(self) -> Option<E> {
        match self {
            Self::Failed { error, .. } => Some(error),
            _ => None,
        }
    }
}

fn plural(attempts: u32) -> &'static str {
    if attempts == 1 { "" } else { "s" }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { error, attempts: 1 } => error.fmt(f),
            Self::Failed { error, attempts } => write!(f, "{error}, after {attempts} attempts"),
            Self::TimedOut { timeout, attempts } => {
                let plural = plural(*attempts);
                write!(
                    f,
                    "no answer within {timeout:?}, after {attempts} attempt{plural}"
                )
            }
            Self::DeadlineExceeded => {
                f.write_str("the call was not done when the invocation's time was up")
            }
            Self::NotStarted => {
                f.write_str("the call was not begun when the invocation's time was up")
            }
            Self::ZeroLimit => f.write_str("the call may not begin with a limit of `0` at once"),
        }
    }
}

impl<E: Error + 'static> Error for CallError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // Its own message is ours.
            Self::Failed { error, .. } => error.source(),
            _ => None,
        }
    }
}

impl<E: LambdaError + 'static> LambdaError for CallError<E> {
    fn error_type(&self) -> &str {
        match self {
            Self::Failed { error, .. } => error.error_type(),
            Self::TimedOut { .. } => "CallTimedOut",
            Self::DeadlineExceeded | Self::NotStarted => "DeadlineExceeded",
            Self::ZeroLimit => "ZeroLimit",
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::Failed { error, .. } => error.is_retryable(),
            Self::TimedOut { .. } | Self::DeadlineExceeded | Self::NotStarted => true,
            Self::ZeroLimit => false,
        }
    }

    fn http_status(&self) -> StatusCode {
        match self {
            Self::Failed { error, .. } => error.http_status(),
            Self::TimedOut { .. } | Self::DeadlineExceeded | Self::NotStarted => {
                StatusCode::GATEWAY_TIMEOUT
            }
            Self::ZeroLimit => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl<E: LambdaError + 'static> From<CallError<E>> for Diagnostic {
    fn from(error: CallError<E>) -> Self {
        error.diagnostic()
    }
}

/// One of many calls has no result, and so there is none of all of them.
///
/// # Example
///
/// ```
/// use kiln::io;
///
/// # kiln_doc(async {
/// let numbers = io::fan_out(["1", "two"], 8, async |text| text.parse::<u32>()).await;
/// let error = numbers.unwrap_err();
/// assert_eq!(error.index, 1);
/// assert_eq!(error.to_string(), "call 1: invalid digit found in string");
/// # });
/// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
/// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct FanOutError<E> {
    /// The item whose call it was, counted from 0.
    pub index: usize,
    /// What became of it.
    pub error: CallError<E>,
}

impl<E: fmt::Display> fmt::Display for FanOutError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {}: {}", self.index, self.error)
    }
}

impl<E: Error + 'static> Error for FanOutError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

impl<E: LambdaError + 'static> LambdaError for FanOutError<E> {
    fn error_type(&self) -> &str {
        self.error.error_type()
    }
    fn is_retryable(&self) -> bool {
        self.error.is_retryable()
    }
    fn http_status(&self) -> StatusCode {
        self.error.http_status()
    }
}

impl<E: LambdaError + 'static> From<FanOutError<E>> for Diagnostic {
    fn from(error: FanOutError<E>) -> Self {
        error.diagnostic()
    }
}
