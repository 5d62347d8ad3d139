//! The time that is left, and an answer before it ends.
//!
//! Lambda ends an invocation at its [timeout] by killing the processes of the execution environment and
//! [resetting] it: the caller reads `Task timed out`, what was computed is lost, and the next invocation
//! waits for another init. When that is comes with [each event][next], as a time of day.
//!
//! [timeout]: https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
//! [resetting]: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
//! [next]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-next

mod layer;
#[cfg(any(feature = "idempotency", feature = "parameters"))]
mod patience;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::Context;

use crate::invocation;

pub use layer::{DeadlineLayer, DeadlineService};
#[cfg(any(feature = "idempotency", feature = "parameters"))]
pub(crate) use patience::Then;
#[cfg(feature = "idempotency")]
pub(crate) use patience::Unanswered;

/// A point in time by which work must be done, or none.
///
/// # Example
///
/// ```
/// use kiln::Deadline;
/// use std::time::Duration;
///
/// let deadline = Deadline::after(Duration::from_secs(10));
/// // A client gets its usual timeout, or what is left if that is less.
/// let timeout = deadline.at_most(Duration::from_secs(3));
/// assert_eq!(timeout, Duration::from_secs(3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Deadline {
    at: Option<SystemTime>,
}

/// What a [`DeadlineLayer`] leaves to the handler, kept with the invocation.
#[derive(Clone, Copy, Debug)]
struct Budget(Deadline);

impl Deadline {
    /// No deadline: outside of an invocation.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(kiln::Deadline::NEVER.remaining(), None);
    /// ```
    pub const NEVER: Self = Self { at: None };

    /// At this time.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::Deadline;
    /// use std::time::SystemTime;
    ///
    /// let now = SystemTime::now();
    /// assert_eq!(Deadline::at(now).time(), Some(now));
    /// ```
    pub const fn at(time: SystemTime) -> Self {
        Self { at: Some(time) }
    }

    /// This much from now.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::Deadline;
    /// use std::time::Duration;
    ///
    /// assert!(!Deadline::after(Duration::from_secs(3)).has_passed());
    /// ```
    pub fn after(left: Duration) -> Self {
        Self {
            at: SystemTime::now().checked_add(left),
        }
    }

    /// Of an invocation. A context without one, as tests make them, has [none](Self::NEVER).
    ///
    /// Lambda's `Lambda-Runtime-Deadline-Ms`, in milliseconds since 1970: see
    /// [Next invocation](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-next).
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::{Context, Deadline};
    ///
    /// assert_eq!(Deadline::of(&Context::default()), Deadline::NEVER);
    /// ```
    pub fn of(context: &Context) -> Self {
        let since_epoch = Duration::from_millis(context.deadline);
        Self {
            at: (context.deadline > 0).then(|| UNIX_EPOCH + since_epoch),
        }
    }

    /// Of the invocation that is [being handled](invocation::current), or [none](Self::NEVER).
    ///
    /// Within a [`DeadlineLayer`] it is that of the layer: what is left for the handler.
    ///
    /// # Example
    ///
    /// ```
    /// // Outside of an invocation, as here, nothing ends.
    /// assert_eq!(kiln::Deadline::current(), kiln::Deadline::NEVER);
    /// ```
    pub fn current() -> Self {
        let Some(invocation) = invocation::current() else {
            return Self::NEVER;
        };
        let budget = invocation.parts().get::<Budget>().copied();
        budget.map_or_else(|| invocation.deadline(), |Budget(deadline)| deadline)
    }

    /// Makes it what [`current`](Self::current) is in the current invocation, if there is one: what
    /// the handler gives to its clients then ends before the layer that has set it.
    pub(crate) fn make_current(self) {
        if let Some(invocation) = invocation::current() {
            invocation.parts().insert(Budget(self));
        }
    }

    /// When it is.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(kiln::Deadline::NEVER.time(), None);
    /// ```
    pub fn time(&self) -> Option<SystemTime> {
        self.at
    }

    /// What is left, zero when it has passed. `None` if there is no deadline.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::Deadline;
    /// use std::time::Duration;
    ///
    /// let left = Deadline::after(Duration::from_secs(3)).remaining();
    /// assert!(left.is_some_and(|left| left <= Duration::from_secs(3)));
    /// ```
    pub fn remaining(&self) -> Option<Duration> {
        let left = self.at?.duration_since(SystemTime::now());
        Some(left.unwrap_or_default())
    }

    /// Whether no time is left.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::Deadline;
    /// use std::time::Duration;
    ///
    /// assert!(Deadline::after(Duration::ZERO).has_passed());
    /// assert!(!Deadline::NEVER.has_passed());
    /// ```
    pub fn has_passed(&self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }

    /// The deadline less a margin: time kept for what is done afterwards.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::Deadline;
    /// use std::time::Duration;
    ///
    /// // Two seconds for what comes afterwards.
    /// let deadline = Deadline::after(Duration::from_secs(10)).less(Duration::from_secs(2));
    /// assert!(deadline.remaining() <= Some(Duration::from_secs(8)));
    /// ```
    pub fn less(self, margin: Duration) -> Self {
        Self {
            at: self
                .at
                .map(|at| at.checked_sub(margin).unwrap_or(UNIX_EPOCH)),
        }
    }

    /// The earlier of the two.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::Deadline;
    /// use std::time::Duration;
    ///
    /// let own = Deadline::after(Duration::from_secs(3));
    /// assert_eq!(own.earliest(Deadline::current()), own);
    /// ```
    pub fn earliest(self, other: Self) -> Self {
        match (self.at, other.at) {
            (Some(one), Some(two)) => Self::at(one.min(two)),
            (one, two) => Self { at: one.or(two) },
        }
    }

    /// A timeout for a client: its own, or what is left if that is less.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::Deadline;
    /// use std::time::Duration;
    ///
    /// let usual = Duration::from_secs(3);
    /// assert_eq!(Deadline::NEVER.at_most(usual), usual);
    /// assert_eq!(Deadline::after(Duration::ZERO).at_most(usual), Duration::ZERO);
    /// ```
    pub fn at_most(&self, timeout: Duration) -> Duration {
        self.remaining().map_or(timeout, |left| left.min(timeout))
    }

    /// Awaits the future until the deadline.
    ///
    /// A deadline that has passed fails at once, without polling the future.
    ///
    /// # Cancellation
    /// The future is dropped at the deadline.
    ///
    /// # Errors
    /// [`DeadlineExceeded`] when the deadline comes first.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::Deadline;
    /// use std::time::Duration;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let deadline = Deadline::after(Duration::from_secs(10));
    /// assert_eq!(deadline.within(async { 1 }).await, Ok(1));
    /// let soon = Deadline::after(Duration::from_millis(10));
    /// let never = soon.within(std::future::pending::<()>()).await;
    /// assert_eq!(never.unwrap_err().to_string(), "the deadline of the invocation has passed");
    /// # });
    /// ```
    pub async fn within<F: Future>(self, future: F) -> Result<F::Output, DeadlineExceeded> {
        match self.remaining() {
            None => Ok(future.await),
            Some(Duration::ZERO) => Err(DeadlineExceeded),
            Some(left) => tokio::time::timeout(left, future)
                .await
                .map_err(|_elapsed| DeadlineExceeded),
        }
    }
}

/// The deadline of the invocation came before the work was done.
///
/// # Example
///
/// ```
/// use kiln::deadline::{Deadline, DeadlineExceeded};
/// use std::time::UNIX_EPOCH;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let too_late = Deadline::at(UNIX_EPOCH);
/// let related = match too_late.within(async { vec!["pear"] }).await {
///     Ok(found) => found,
///     // The answer does without.
///     Err(DeadlineExceeded { .. }) => Vec::new(),
/// };
/// assert!(related.is_empty());
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadlineExceeded;

impl std::fmt::Display for DeadlineExceeded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the deadline of the invocation has passed")
    }
}

impl std::error::Error for DeadlineExceeded {}

crate::errors::lambda_error! {
    DeadlineExceeded: |_error| ("DeadlineExceeded", retryable: true, status: GATEWAY_TIMEOUT)
}
