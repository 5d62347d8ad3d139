//! Token buckets: how many requests a second, how many new environments in ten seconds.
//!
//! A bucket begins full, is refilled continuously, and knows no clock: it is told the time. Its whole
//! state is one moment, at which it would be full again, so that a bucket that all functions share
//! is one atomic number and no lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How large a bucket is, and how fast it fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refill {
    /// In which one token comes back, nanoseconds.
    interval: u64,
    /// In which an empty bucket fills, nanoseconds.
    fill: u64,
}

/// A bucket with one owner. The number is the moment at which it is full again.
#[derive(Debug, Default)]
pub(crate) struct Bucket(u64);

/// A bucket that several take from at the same time.
#[derive(Debug, Default)]
pub(crate) struct SharedBucket(AtomicU64);

impl Refill {
    /// New environments of one function: 1,000 in ten seconds.
    ///
    /// Source: [Concurrency scaling rate](https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html).
    pub(crate) const NEW_ENVIRONMENTS: Self = Self::new(1_000, Duration::from_secs(10));

    /// A bucket of so many tokens, of which as many come back within `fill`.
    pub(crate) const fn new(tokens: u64, fill: Duration) -> Self {
        // Whoever has no concurrency is refused for want of it, and never asks for a token.
        let tokens = if tokens == 0 { 1 } else { tokens };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a bucket that fills in less than five centuries"
        )]
        let interval = fill.as_nanos() as u64 / tokens;
        Self {
            interval,
            fill: interval * tokens,
        }
    }

    /// Requests to a pool of this concurrency: ten a second for each that may run at a time.
    ///
    /// Source: [Understanding and visualizing concurrency](https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html),
    /// "Concurrency quotas and requests per second".
    pub(crate) const fn requests(concurrency: u64) -> Self {
        Self::new(concurrency.saturating_mul(10), Duration::from_secs(1))
    }

    /// When the bucket is full again after one more token was taken now, or how long to wait for one.
    fn take(self, full_at: u64, now: Duration) -> Result<u64, Duration> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let full_at = full_at.max(now).saturating_add(self.interval);
        match (full_at - now).checked_sub(self.fill) {
            None | Some(0) => Ok(full_at),
            Some(missing) => Err(Duration::from_nanos(missing)),
        }
    }
}

impl Bucket {
    /// Takes a token.
    ///
    /// # Errors
    /// There is none; the next comes after this time.
    pub(crate) fn take(&mut self, refill: Refill, now: Duration) -> Result<(), Duration> {
        self.0 = refill.take(self.0, now)?;
        Ok(())
    }

    /// Whether there is a token to take.
    ///
    /// # Errors
    /// There is none; the next comes after this time.
    pub(crate) fn look(&self, refill: Refill, now: Duration) -> Result<(), Duration> {
        refill.take(self.0, now).map(drop)
    }
}

impl SharedBucket {
    /// Takes a token.
    ///
    /// # Errors
    /// There is none; the next comes after this time.
    pub(crate) fn take(&self, refill: Refill, now: Duration) -> Result<(), Duration> {
        let mut full_at = self.0.load(Ordering::Relaxed);
        loop {
            let next = refill.take(full_at, now)?;
            // Tokens order nothing but themselves.
            let swapped =
                self.0
                    .compare_exchange_weak(full_at, next, Ordering::Relaxed, Ordering::Relaxed);
            match swapped {
                Ok(_) => return Ok(()),
                Err(taken) => full_at = taken,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn buckets_have_the_services_sizes() {
        for (name, refill, tokens, interval) in [
            ("new environments", Refill::NEW_ENVIRONMENTS, 1_000, ms(10)),
            (
                "an account's requests",
                Refill::requests(1_000),
                10_000,
                Duration::from_micros(100),
            ),
            ("one reserved unit", Refill::requests(1), 10, ms(100)),
            (
                "three",
                Refill::requests(3),
                30,
                Duration::from_nanos(33_333_333),
            ),
        ] {
            let mut bucket = Bucket::default();
            let now = Duration::from_secs(5);
            let taken = (0..)
                .take_while(|_| bucket.take(refill, now).is_ok())
                .count();
            assert_eq!(taken, tokens, "{name}");
            assert_eq!(bucket.look(refill, now), Err(interval), "{name}");
            assert_eq!(bucket.take(refill, now + interval), Ok(()), "{name}");
            assert!(bucket.take(refill, now + interval).is_err(), "{name}");
        }
    }

    #[test]
    fn a_bucket_that_rested_holds_no_more_than_it_can() {
        let refill = Refill::requests(1);
        let mut bucket = Bucket::default();
        for now in [ms(0), ms(60_000)] {
            let taken = (0..)
                .take_while(|_| bucket.take(refill, now).is_ok())
                .count();
            assert_eq!(taken, 10, "at {now:?}");
        }
    }

    #[test]
    fn many_takers_get_each_token_once() {
        let bucket = SharedBucket::default();
        let refill = Refill::requests(100);
        let taken: usize = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        (0..1_000)
                            .filter(|_| bucket.take(refill, ms(7)).is_ok())
                            .count()
                    })
                })
                .collect();
            takers.into_iter().map(|taker| taker.join().unwrap()).sum()
        });
        assert_eq!(taken, 1_000);
    }

    proptest! {
        /// Whoever comes when: never more than the bucket holds and what came back, and whoever
        /// waits as long as told is served.
        #[test]
        fn no_window_has_more_than_its_tokens(
            tokens in 1_u64..200,
            fill in 1_u64..20_000,
            gaps in prop::collection::vec(0_u64..50, 1..300),
        ) {
            let refill = Refill::new(tokens, ms(fill));
            let mut bucket = Bucket::default();
            let mut now = Duration::ZERO;
            let mut granted = Vec::new();
            for gap in gaps {
                now += ms(gap);
                match bucket.take(refill, now) {
                    Ok(()) => granted.push(now),
                    Err(wait) => {
                        prop_assert!(bucket.look(refill, now + wait - Duration::from_nanos(1)).is_err());
                        prop_assert_eq!(bucket.look(refill, now + wait), Ok(()));
                    }
                }
            }
            for (index, first) in granted.iter().enumerate() {
                for (count, last) in (1_u64..).zip(&granted[index..]) {
                    let window = u64::try_from((*last - *first).as_nanos()).unwrap();
                    prop_assert!(count <= tokens + window / refill.interval);
                }
            }
        }
    }
}
