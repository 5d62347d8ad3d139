//! Watching memory where no control group limits it: how often to look, and when it is too much.

use std::time::Duration;

/// How fast a process can fill memory, bytes a second: page faults alone cost more than this allows.
const FASTEST: u64 = 4_000_000_000;
/// Looking more often finds nothing new.
const SOONEST: Duration = Duration::from_millis(1);
/// Whoever is far below the limit is looked at all the same: somebody may start many processes.
const LATEST: Duration = Duration::from_millis(50);

/// When to look again at a family that now has this much.
pub(crate) fn interval(resident: u64, limit: u64) -> Duration {
    let room = limit.saturating_sub(resident);
    let micros = room / (FASTEST / 1_000_000);
    Duration::from_micros(micros).clamp(SOONEST, LATEST)
}

/// Decides whether a family has more memory than it may.
///
/// Right after a fork the child shows all memory of its parent as its own. It is gone in a moment,
/// so that only what is too much twice is too much.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    suspected: bool,
}

impl Verdict {
    /// Takes a look; `proportional` is asked only when the cheap figure is too much.
    pub(crate) fn exceeded(
        &mut self,
        resident: u64,
        limit: u64,
        proportional: impl FnOnce() -> u64,
    ) -> bool {
        let too_much = resident > limit && proportional() > limit;
        std::mem::replace(&mut self.suspected, too_much) && too_much
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_the_limit_the_sooner() {
        let mb = 1_024 * 1_024;
        assert_eq!(interval(0, 10_240 * mb), LATEST);
        assert_eq!(interval(128 * mb, 128 * mb), SOONEST);
        assert_eq!(interval(200 * mb, 128 * mb), SOONEST);
        let near = interval(100 * mb, 128 * mb);
        assert!(near > SOONEST && near < LATEST, "{near:?}");
    }

    #[test]
    fn too_much_is_too_much_twice_and_not_shared() {
        let mut verdict = Verdict::default();
        assert!(!verdict.exceeded(200, 100, || 200));
        assert!(!verdict.exceeded(90, 100, || unreachable!()));
        assert!(!verdict.exceeded(200, 100, || 200));
        assert!(verdict.exceeded(200, 100, || 200));
        // Two processes, one memory.
        let mut verdict = Verdict::default();
        assert!(!verdict.exceeded(200, 100, || 100));
        assert!(!verdict.exceeded(200, 100, || 100));
    }
}
