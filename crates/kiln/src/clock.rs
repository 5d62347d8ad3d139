//! The time of day, as something that tests can set.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where the time of day comes from.
///
/// Ages and deadlines are counted by the time of day, not by a monotonic clock: an execution
/// environment is frozen between invocations, or restored from a snapshot, and what its monotonic
/// clock does meanwhile is not documented.
///
/// # Example
///
/// ```
/// use kiln::clock::{Clock, SystemClock};
/// use std::time::SystemTime;
///
/// assert!(SystemClock.now() <= SystemTime::now());
/// ```
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time of day.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::clock::Clock;
    /// use std::time::{Duration, SystemTime, UNIX_EPOCH};
    ///
    /// #[derive(Debug)]
    /// struct AtOne;
    ///
    /// impl Clock for AtOne {
    ///     fn now(&self) -> SystemTime {
    ///         UNIX_EPOCH + Duration::from_secs(1)
    ///     }
    /// }
    /// assert_eq!(AtOne.since_epoch().as_secs(), 1);
    /// ```
    fn now(&self) -> SystemTime;

    /// The time since 1970-01-01T00:00:00Z; zero before it.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::clock::Clock;
    /// use kiln::testing::FakeClock;
    /// use std::time::{Duration, UNIX_EPOCH};
    ///
    /// let clock = FakeClock::at_epoch_seconds(60);
    /// assert_eq!(clock.since_epoch(), Duration::from_secs(60));
    /// clock.set(UNIX_EPOCH - Duration::from_secs(1));
    /// assert_eq!(clock.since_epoch(), Duration::ZERO);
    /// ```
    fn since_epoch(&self) -> Duration {
        self.now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

/// The clock of the machine.
///
/// # Example
///
/// ```
/// use kiln::clock::{Clock, SystemClock};
/// use kiln::testing::FakeClock;
/// use std::time::{Duration, SystemTime};
///
/// fn is_old(made: SystemTime, clock: &dyn Clock) -> bool {
///     clock.now().duration_since(made).unwrap_or_default() > Duration::from_secs(60)
/// }
/// // In the function, and in its tests.
/// assert!(!is_old(SystemTime::now(), &SystemClock));
/// assert!(is_old(SystemTime::UNIX_EPOCH, &FakeClock::at_epoch_seconds(61)));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> SystemTime {
        self.as_ref().now()
    }
}
