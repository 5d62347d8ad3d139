//! One call: its attempts, within the time there is.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::{CallError, Retry};
use crate::deadline::Deadline;

/// The time there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    /// When everything ends.
    until: Option<Instant>,
    /// How long an attempt may take.
    pub(super) timeout: Option<Duration>,
}

impl Time {
    /// Until a deadline. Read once: from here on the runtime's clock counts, which tests can pause.
    pub(super) fn until(deadline: Deadline, timeout: Option<Duration>) -> Self {
        let left = deadline.remaining();
        Self {
            until: left.and_then(|left| Instant::now().checked_add(left)),
            timeout,
        }
    }

    /// Whether it has ended after so long from now.
    fn is_up_after(&self, duration: Duration) -> bool {
        self.until
            .is_some_and(|until| Instant::now() + duration >= until)
    }

    /// Makes one attempt, if there is time for it.
    pub(super) async fn attempt<R, E, F>(&self, call: impl FnOnce() -> F) -> Result<R, CallError<E>>
    where
        F: Future<Output = Result<R, E>>,
    {
        if self.is_up_after(Duration::ZERO) {
            return Err(CallError::NotStarted);
        }
        let timeout = self.timeout.map(|timeout| (Instant::now(), timeout));
        let timeout = timeout.and_then(|(now, timeout)| now.checked_add(timeout));
        let Some(end) = timeout.into_iter().chain(self.until).min() else {
            return call().await.map_err(CallError::failed);
        };
        match timeout_at(end, call()).await {
            Ok(result) => result.map_err(CallError::failed),
            Err(_elapsed) if Some(end) == self.until => Err(CallError::DeadlineExceeded),
            Err(_elapsed) => Err(CallError::timed_out(self.timeout.unwrap_or_default())),
        }
    }

    /// Attempts until one succeeds, none is left, or there is no time for another.
    pub(super) async fn attempts<R, E, F>(
        &self,
        policy: Retry,
        when: &(dyn Fn(&E) -> bool + Send + Sync),
        mut call: impl FnMut() -> F,
    ) -> Result<R, CallError<E>>
    where
        F: Future<Output = Result<R, E>>,
    {
        let mut made = 0;
        let mut last = None;
        loop {
            let error = match (self.attempt(&mut call).await, last) {
                (Ok(result), _) => return Ok(result),
                // The pause was longer than it said, as timers are: what is known is the last failure.
                (Err(CallError::NotStarted), Some(last)) => return Err(last),
                (Err(error), _) => error,
            };
            made += 1;
            let error = error.after(made);
            let retryable = match &error {
                CallError::Failed { error, .. } => when(error),
                CallError::TimedOut { .. } => true,
                _ => false,
            };
            let pause = policy.pause(made);
            if !retryable || made >= policy.most_attempts() || self.is_up_after(pause) {
                return Err(error);
            }
            last = Some(error);
            sleep(pause).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_ends_late_leaves_the_last_failure() {
        // Timers count milliseconds: a pause within this one ends after it.
        let time = Time {
            until: Some(Instant::now() + Duration::from_micros(900)),
            timeout: None,
        };
        let policy = Retry::attempts(2).base(Duration::from_micros(800));
        let mut made = 0;
        let outcome: Result<(), _> = time
            .attempts(policy, &|_: &&str| true, || {
                made += 1;
                async { Err("busy") }
            })
            .await;
        let Err(CallError::Failed { error, attempts }) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!((error, attempts), ("busy", made));
    }
}
