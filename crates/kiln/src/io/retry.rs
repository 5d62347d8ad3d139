//! How often to try again, and when.

use std::time::Duration;

use super::call::Time;
use super::{CallError, MARGIN};
use crate::deadline::Deadline;
use crate::errors::LambdaError;

/// How often a call is made, and how long is waited in between: exponential backoff with full jitter.
///
/// Before the n-th retry the pause is a random time between zero and `base × 2ⁿ⁻¹`, at most `cap`.
/// Random from zero, so that the callers of a service that has just failed all of them do not come back
/// together: see [Exponential Backoff And Jitter][jitter].
///
/// SDK clients of AWS [retry on their own][sdk]: do not multiply that by trying their calls again here.
///
/// # Example
///
/// ```
/// use kiln::io::Retry;
/// use std::time::Duration;
///
/// let policy = Retry::attempts(5)
///     .base(Duration::from_millis(50))
///     .cap(Duration::from_secs(1));
/// assert_eq!(policy.most_attempts(), 5);
/// assert_eq!(Retry::default().most_attempts(), 3);
/// ```
///
/// [jitter]: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
/// [sdk]: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    attempts: u32,
    base: Duration,
    cap: Duration,
}

impl Default for Retry {
    /// 3 attempts, a base of 100 ms, a cap of 5 s.
    fn default() -> Self {
        Self::attempts(3)
    }
}

impl Retry {
    /// At most so many attempts, the first included. Of 0 attempts, the first is made all the same.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::io::{self, CallError, Retry};
    ///
    /// # kiln_doc(async {
    /// let policy = Retry::attempts(5);
    /// let outcome = io::retry_if(policy, |_| true, async || Err::<(), _>("busy")).await;
    /// assert!(matches!(outcome, Err(CallError::Failed { attempts: 5, .. })));
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// #     runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
    /// # }
    /// ```
    pub const fn attempts(attempts: u32) -> Self {
        Self {
            attempts,
            base: Duration::from_millis(100),
            cap: Duration::from_secs(5),
        }
    }

    /// The longest pause before the first retry: 100 ms unless set.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::io::{self, Retry};
    /// use std::time::Duration;
    ///
    /// # kiln_doc(async {
    /// let begun = tokio::time::Instant::now();
    /// let policy = Retry::attempts(3).base(Duration::from_millis(10));
    /// let outcome = io::retry_if(policy, |_| true, async || Err::<(), _>("busy")).await;
    /// assert!(outcome.is_err());
    /// // At most 10 ms before the second attempt, and 20 ms before the third.
    /// assert!(begun.elapsed() <= Duration::from_millis(40));
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// #     runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
    /// # }
    /// ```
    pub const fn base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// The longest pause there is: 5 s unless set.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::io::{self, Retry};
    /// use std::time::Duration;
    ///
    /// # kiln_doc(async {
    /// let begun = tokio::time::Instant::now();
    /// let policy = Retry::attempts(8).cap(Duration::from_millis(200));
    /// let outcome = io::retry_if(policy, |_| true, async || Err::<(), _>("busy")).await;
    /// assert!(outcome.is_err());
    /// // Seven pauses, of 200 ms at most.
    /// assert!(begun.elapsed() <= Duration::from_millis(1_500));
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// #     runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
    /// # }
    /// ```
    pub const fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// How many attempts are made at most.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::io::Retry;
    ///
    /// assert_eq!(Retry::attempts(5).most_attempts(), 5);
    /// // A call is made at least once.
    /// assert_eq!(Retry::attempts(0).most_attempts(), 1);
    /// ```
    pub const fn most_attempts(&self) -> u32 {
        if self.attempts == 0 { 1 } else { self.attempts }
    }

    /// The longest pause after so many attempts.
    pub(super) fn longest_pause(&self, made: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(made.saturating_sub(1));
        self.base.saturating_mul(doubled).min(self.cap)
    }

    /// A pause after so many attempts.
    pub(super) fn pause(&self, made: u32) -> Duration {
        let longest = u64::try_from(self.longest_pause(made).as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(fastrand::u64(0..=longest))
    }
}

/// Makes a call, and again while it fails with an error that [is
/// retryable](LambdaError::is_retryable).
///
/// Ends [`MARGIN`] before the deadline of the current invocation; a retry whose pause would pass it is
/// not waited for, and the error is that of the last attempt. For a time per attempt, put
/// [`tokio::time::timeout`] into the closure, or use [`fan_out`](super::fan_out()) of one item.
///
/// # Cancellation
/// Dropping the future drops the attempt.
///
/// # Errors
/// [`CallError::Failed`] with the last attempt's error, [`CallError::DeadlineExceeded`] when an attempt
/// was under way when time was up, [`CallError::NotStarted`] when it was up before the first.
///
/// # Example
///
/// ```
/// use kiln::io::{self, Retry};
/// # #[derive(Debug)]
/// # struct Busy;
/// # impl std::fmt::Display for Busy {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("busy") }
/// # }
/// # impl std::error::Error for Busy {}
/// # impl kiln::LambdaError for Busy {
/// #     fn error_type(&self) -> &str { "Busy" }
/// #     fn is_retryable(&self) -> bool { true }
/// # }
///
/// # kiln_doc(async {
/// let mut asked = 0;
/// let answer = io::retry(Retry::default(), || {
///     asked += 1;
///     std::future::ready(if asked < 3 { Err(Busy) } else { Ok("answer") })
/// })
/// .await;
/// assert_eq!(answer.unwrap(), "answer");
/// assert_eq!(asked, 3);
/// # });
/// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
/// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
/// # }
/// ```
pub async fn retry<R, E, F>(policy: Retry, call: impl FnMut() -> F) -> Result<R, CallError<E>>
where
    F: Future<Output = Result<R, E>>,
    E: LambdaError,
{
    retry_if(policy, E::is_retryable, call).await
}

/// Makes a call, and again while it fails with an error of which `when` says so.
///
/// Otherwise as [`retry`].
///
/// # Cancellation
/// As of [`retry`].
///
/// # Errors
/// As of [`retry`].
///
/// # Example
///
/// ```
/// use kiln::io::{self, CallError, Retry};
/// use std::io::{Error, ErrorKind};
///
/// # kiln_doc(async {
/// let interrupted = |error: &Error| error.kind() == ErrorKind::Interrupted;
/// let outcome: Result<(), _> = io::retry_if(Retry::default(), interrupted, async || {
///     Err(Error::from(ErrorKind::NotFound))
/// })
/// .await;
/// assert!(matches!(outcome, Err(CallError::Failed { attempts: 1, .. })));
/// # });
/// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
/// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
/// # }
/// ```
pub async fn retry_if<R, E, F>(
    policy: Retry,
    when: impl Fn(&E) -> bool + Send + Sync,
    call: impl FnMut() -> F,
) -> Result<R, CallError<E>>
where
    F: Future<Output = Result<R, E>>,
{
    let time = Time::until(Deadline::current().less(MARGIN), None);
    time.attempts(policy, &when, call).await
}
