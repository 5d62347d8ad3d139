//! How many environments are kept provisioned, and what becomes of those whose init fails.
//!
//! Source: [Configuring provisioned concurrency](https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html).

use std::time::Duration;

/// How often an environment is tried before provisioning is given up, with
/// `FUNCTION_ERROR_INIT_FAILURE`: about as often as on AWS, where it takes minutes.
const ATTEMPTS: u32 = 6;
/// How long nothing is tried after the first failure; twice as long after each further one.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What is wanted, and how it went so far.
#[derive(Debug, Default)]
pub(super) struct Provisioning {
    target: usize,
    /// In a row.
    failures: u32,
    retry_at: Duration,
}

impl Provisioning {
    /// So many are wanted; nothing has been tried.
    pub(super) fn new(target: usize) -> Self {
        Self {
            target,
            ..Self::default()
        }
    }

    /// How many are wanted.
    pub(super) fn target(&self) -> usize {
        self.target
    }

    /// Whether nothing is tried any more.
    pub(super) fn is_given_up(&self) -> bool {
        self.failures >= ATTEMPTS
    }

    /// How many are missing and still tried, when so many are there.
    pub(super) fn missing(&self, there: usize) -> usize {
        if self.is_given_up() {
            0
        } else {
            self.target.saturating_sub(there)
        }
    }

    /// How many to start now, when so many are there, of which so many have not come up yet. After a
    /// failure it is one at a time, until one comes up.
    pub(super) fn wants(&self, there: usize, starting: usize, now: Duration) -> usize {
        let missing = self.missing(there);
        match self.failures {
            0 => missing,
            _ if starting > 0 || now < self.retry_at => 0,
            _ => missing.min(1),
        }
    }

    /// The init of one has failed. Returns whether that was the last attempt.
    pub(super) fn failed(&mut self, now: Duration) -> bool {
        // Those that were started together fail together: that is one attempt.
        if self.is_given_up() || now < self.retry_at {
            return false;
        }
        self.failures += 1;
        self.retry_at = now + BACK_OFF * 2_u32.pow(self.failures - 1);
        self.failures == ATTEMPTS
    }

    /// One has come up.
    pub(super) fn succeeded(&mut self) {
        if !self.is_given_up() {
            self.failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn failures_are_tried_again_more_and_more_seldom_and_then_given_up() {
        let mut provisioning = Provisioning::new(3);
        assert_eq!(provisioning.wants(0, 0, ms(0)), 3);
        assert_eq!(provisioning.wants(2, 2, ms(0)), 1);
        // All three at once are one attempt.
        let mut now = ms(5);
        for _ in 0..3 {
            assert!(!provisioning.failed(now));
        }
        let mut waited = Vec::new();
        loop {
            let from = now;
            while provisioning.wants(0, 0, now) == 0 {
                now += ms(1);
            }
            waited.push((now - from).as_millis());
            assert_eq!(provisioning.wants(0, 0, now), 1, "one at a time");
            assert_eq!(provisioning.wants(1, 1, now), 0);
            if provisioning.failed(now) {
                break;
            }
        }
        assert_eq!(waited, [100, 200, 400, 800, 1_600]);
        now += ms(60_000);
        assert_eq!(provisioning.wants(0, 0, now), 0, "given up");
        assert_eq!(provisioning.missing(0), 0);
        assert!(!provisioning.failed(now), "said once");
        provisioning.succeeded();
        assert_eq!(provisioning.wants(0, 0, now), 0);
    }

    #[test]
    fn a_success_brings_the_rest() {
        let mut provisioning = Provisioning::new(3);
        assert!(!provisioning.failed(ms(0)));
        assert_eq!(provisioning.wants(0, 0, ms(100)), 1);
        provisioning.succeeded();
        assert_eq!(provisioning.wants(1, 0, ms(100)), 2);
        assert_eq!(provisioning.wants(3, 0, ms(100)), 0);
        assert_eq!(provisioning.wants(4, 0, ms(100)), 0, "more than wanted");
    }
}
