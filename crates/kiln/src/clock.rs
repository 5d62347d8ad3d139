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
    fn now(&self) -> SystemTime;

    /// The time since 1970-01-01T00:00:00Z; zero before it.
    fn since_epoch(&self) -> Duration {
        self.now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

/// The clock of the machine.
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
