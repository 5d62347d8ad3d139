//! A clock to set.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::clock::Clock;

/// A clock that stands still until it is told otherwise. Clones show the same time.
///
/// # Example
///
/// ```
/// use kiln::clock::Clock;
/// use kiln::testing::FakeClock;
/// use std::time::Duration;
///
/// let clock = FakeClock::at_epoch_seconds(1_700_000_000);
/// let seen_by_the_code = clock.clone();
/// clock.advance(Duration::from_secs(300));
/// assert_eq!(seen_by_the_code.since_epoch().as_secs(), 1_700_000_300);
/// ```
#[derive(Clone, Debug)]
pub struct FakeClock {
    now: Arc<Mutex<SystemTime>>,
}

impl FakeClock {
    /// A clock that shows this time.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::clock::Clock;
    /// use kiln::testing::FakeClock;
    /// use std::time::SystemTime;
    ///
    /// let now = SystemTime::now();
    /// let clock = FakeClock::new(now);
    /// // However long the test takes.
    /// assert_eq!(clock.now(), now);
    /// ```
    pub fn new(now: SystemTime) -> Self {
        Self {
            now: Arc::new(Mutex::new(now)),
        }
    }

    /// A clock that shows this many seconds since 1970-01-01T00:00:00Z.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::clock::Clock;
    /// use kiln::testing::FakeClock;
    /// use std::time::{Duration, UNIX_EPOCH};
    ///
    /// let clock = FakeClock::at_epoch_seconds(1_700_000_000);
    /// assert_eq!(clock.now(), UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    /// ```
    pub fn at_epoch_seconds(seconds: u64) -> Self {
        Self::new(UNIX_EPOCH + Duration::from_secs(seconds))
    }

    /// Sets it, forwards or back.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::clock::Clock;
    /// use kiln::testing::FakeClock;
    /// use std::time::UNIX_EPOCH;
    ///
    /// let clock = FakeClock::default();
    /// let seen_by_the_code = clock.clone();
    /// clock.set(UNIX_EPOCH);
    /// assert_eq!(seen_by_the_code.now(), UNIX_EPOCH);
    /// ```
    pub fn set(&self, now: SystemTime) {
        *self.lock() = now;
    }

    /// Lets time pass.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::clock::Clock;
    /// use kiln::testing::FakeClock;
    /// use std::time::Duration;
    ///
    /// let clock = FakeClock::at_epoch_seconds(100);
    /// clock.advance(Duration::from_secs(5));
    /// clock.advance(Duration::from_secs(5));
    /// assert_eq!(clock.since_epoch(), Duration::from_secs(110));
    /// ```
    pub fn advance(&self, by: Duration) {
        *self.lock() += by;
    }

    fn lock(&self) -> MutexGuard<'_, SystemTime> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for FakeClock {
    /// At 2026-01-01T00:00:00Z: a time that is the same in every run.
    fn default() -> Self {
        Self::at_epoch_seconds(1_767_225_600)
    }
}

impl Clock for FakeClock {
    fn now(&self) -> SystemTime {
        *self.lock()
    }
}
