//! The time that is left, and an answer before it ends.
//!
//! Lambda ends an invocation at its deadline by killing the execution environment: the caller reads
//! `Task timed out`, what was computed is lost, and the next invocation waits for a new environment.

mod layer;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::Context;

use crate::invocation;

pub use layer::{DeadlineLayer, DeadlineService};

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
    pub const NEVER: Self = Self { at: None };

    /// At this time.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::Deadline;
    /// use std::time::SystemTime;
    ///
    /// let opening = SystemTime::now();
    /// assert_eq!(Deadline::at(opening).time(), Some(opening));
    /// assert!(Deadline::at(opening).has_passed());
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
    /// let deadline = Deadline::after(Duration::from_secs(10));
    /// assert!(!deadline.has_passed());
    /// assert!(deadline.remaining() <= Some(Duration::from_secs(10)));
    /// ```
    pub fn after(left: Duration) -> Self {
        Self {
            at: SystemTime::now().checked_add(left),
        }
    }

    /// Of an invocation. A context without one, as tests make them, has [none](Self::NEVER).
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::{Context, Deadline, testing};
    ///
    /// let event = testing::event("hello");
    /// assert!(!Deadline::of(&event.context).has_passed());
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
    /// use kiln::{Deadline, Error, LambdaEvent, testing};
    ///
    /// // Deep inside, where no context was handed to.
    /// fn has_time() -> bool {
    ///     Deadline::current().remaining().is_none_or(|left| left.as_secs() >= 5)
    /// }
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let handler = async |_event: LambdaEvent<()>| Ok::<_, Error>(has_time());
    /// assert!(testing::invoke(handler, testing::event(())).await.unwrap());
    /// # });
    /// // Outside of an invocation there is none.
    /// assert_eq!(Deadline::current(), Deadline::NEVER);
    /// ```
    pub fn current() -> Self {
        let Some(invocation) = invocation::current() else {
            return Self::NEVER;
        };
        let budget = invocation.extensions().get::<Budget>().copied();
        budget.map_or_else(|| invocation.deadline(), |Budget(deadline)| deadline)
    }

    /// When it is.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::Deadline;
    /// use kiln::testing::ContextBuilder;
    /// use std::time::{Duration, UNIX_EPOCH};
    ///
    /// let end = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    /// let context = ContextBuilder::new().deadline_at(end).build();
    /// assert_eq!(Deadline::of(&context).time(), Some(end));
    /// assert_eq!(Deadline::NEVER.time(), None);
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
    /// use std::time::{Duration, UNIX_EPOCH};
    ///
    /// let left = Deadline::after(Duration::from_secs(10)).remaining().unwrap();
    /// assert!(left <= Duration::from_secs(10));
    /// assert_eq!(Deadline::at(UNIX_EPOCH).remaining(), Some(Duration::ZERO));
    /// assert_eq!(Deadline::NEVER.remaining(), None);
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
    /// use std::time::{Duration, UNIX_EPOCH};
    ///
    /// let deadline = Deadline::after(Duration::from_secs(10));
    /// let mut pages = 1..=3;
    /// // Goes on where there is time for it.
    /// while !deadline.has_passed() && pages.next().is_some() {}
    /// assert!(pages.is_empty());
    /// assert!(Deadline::at(UNIX_EPOCH).has_passed());
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
    /// let deadline = Deadline::after(Duration::from_secs(10));
    /// // Two seconds are for what is written at the end.
    /// let reading = deadline.less(Duration::from_secs(2));
    /// assert!(reading.remaining() <= Some(Duration::from_secs(8)));
    /// assert_eq!(Deadline::NEVER.less(Duration::from_secs(2)), Deadline::NEVER);
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
    /// let invocation = Deadline::after(Duration::from_secs(10));
    /// let token = Deadline::after(Duration::from_secs(3));
    /// assert_eq!(invocation.earliest(token), token);
    /// assert_eq!(Deadline::NEVER.earliest(token), token);
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
    /// let usual = Duration::from_secs(5);
    /// assert_eq!(Deadline::after(Duration::from_secs(60)).at_most(usual), usual);
    /// assert!(Deadline::after(Duration::from_secs(1)).at_most(usual) <= Duration::from_secs(1));
    /// assert_eq!(Deadline::NEVER.at_most(usual), usual);
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
    /// let quick = async { "done" };
    /// assert_eq!(Deadline::after(Duration::from_secs(10)).within(quick).await, Ok("done"));
    /// let slow = tokio::time::sleep(Duration::from_secs(60));
    /// assert!(Deadline::after(Duration::from_millis(10)).within(slow).await.is_err());
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
