//! Waiting where waiting is honest.

use std::time::{Duration, Instant};

/// How long a condition may take. Generous: it only matters when a test fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(10);

/// Waits until `condition` gives a value.
///
/// # Panics
/// When it has not within a minute, naming `what` was waited for.
pub fn eventually<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, condition)
}

/// As [`eventually`], with a patience of its own: a first build takes minutes.
///
/// # Panics
/// When the patience is at its end.
pub fn eventually_within<T>(
    patience: Duration,
    what: &str,
    mut condition: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(INTERVAL);
    }
}
