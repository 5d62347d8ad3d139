//! How long this crate's own clients wait for a store.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::Deadline;

/// Kept for what is done when a store has not answered, as `io` and `pipeline` keep it; half of what
/// is left if that is less.
const MARGIN: Duration = Duration::from_millis(100);

/// What follows when a store has not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// An error, which takes no time: it has all that is left, but for [`MARGIN`].
    Fail,
    /// Work without it, which has half of what is left.
    GoOn,
}

/// A store has not answered in its part of the invocation's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unanswered {
    after: Duration,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after =
            Duration::from_millis(u64::try_from(self.after.as_millis()).unwrap_or(u64::MAX));
        write!(
            f,
            "no answer within {after:?}, the time it had of the invocation"
        )
    }
}

impl std::error::Error for Unanswered {}

impl Deadline {
    /// Awaits what a store answers, in its part of what is left. It is asked once also when nothing
    /// is left. Without a deadline the settings of its client count alone.
    ///
    /// # Cancellation
    /// The future is dropped when its time is up.
    pub(crate) async fn patiently<F: Future>(
        self,
        then: Then,
        at_most: Duration,
        answer: F,
    ) -> Result<F::Output, Unanswered> {
        let mut answer = pin!(answer);
        // What is in memory is there: no timer for it.
        if let Poll::Ready(answer) = poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await {
            return Ok(answer);
        }
        let Some(left) = self.remaining() else {
            return Ok(answer.await);
        };
        let kept = match then {
            Then::Fail => MARGIN.min(left / 2),
            Then::GoOn => left / 2,
        };
        let after = left.saturating_sub(kept).min(at_most);
        let answered = tokio::time::timeout(after, answer).await;
        answered.map_err(|_elapsed| Unanswered { after })
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::Instant;

    use super::*;

    const NO_LIMIT: Duration = Duration::MAX;

    #[tokio::test(start_paused = true)]
    async fn a_store_has_its_part_of_what_is_left() {
        let second = Duration::from_secs(1);
        for (left, then, at_most, waited) in [
            (10 * second, Then::Fail, NO_LIMIT, 9_900),
            (10 * second, Then::GoOn, NO_LIMIT, 5_000),
            (10 * second, Then::GoOn, second, 1_000),
            (10 * second, Then::Fail, second, 1_000),
            // Little is left: the margin is half of it.
            (second / 10, Then::Fail, NO_LIMIT, 50),
            (Duration::ZERO, Then::Fail, NO_LIMIT, 0),
        ] {
            let begun = Instant::now();
            let deadline = Deadline::after(left);
            let unanswered = deadline.patiently(then, at_most, pending::<()>()).await;
            let waited = Duration::from_millis(waited);
            let took = begun.elapsed();
            // What is left is read from another clock, which goes on meanwhile.
            let late = Duration::from_secs(2);
            assert!(
                took <= waited + Duration::from_millis(1) && took + late >= waited,
                "{left:?} {then:?}: {took:?}"
            );
            assert!(unanswered.is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_answered_at_once_is_taken_though_nothing_is_left() {
        let past = Deadline::after(Duration::ZERO);
        assert_eq!(past.patiently(Then::Fail, NO_LIMIT, ready(1)).await, Ok(1));
    }

    /// A runtime without timers does for what has no deadline.
    #[test]
    fn without_a_deadline_nothing_is_timed() {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let answer = Deadline::NEVER.patiently(Then::GoOn, Duration::ZERO, ready(1));
        assert_eq!(runtime.unwrap().block_on(answer), Ok(1));
    }

    #[test]
    fn the_time_is_told() {
        let after = Duration::from_nanos(1_450_000_001);
        let told = Unanswered { after }.to_string();
        assert_eq!(
            told,
            "no answer within 1.45s, the time it had of the invocation"
        );
    }
}
