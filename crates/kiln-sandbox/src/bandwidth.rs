//! How much a streamed response may be, and how fast it may come.
//!
//! Source: [Response streaming](https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html)
//! ("the first 6 MB … have uncapped bandwidth", then 2 MBps; 200 MB in all).

use std::time::Duration;

use kiln_protocol::invoke::MAX_STREAMED_BYTES;
use tokio::time::Instant;

/// The limits of a streamed response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Largest response, in bytes.
    pub max_bytes: usize,
    /// How much of it goes as fast as it can.
    pub burst_bytes: u32,
    /// How much goes per second after that.
    pub bytes_per_second: u32,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            max_bytes: MAX_STREAMED_BYTES,
            burst_bytes: 6 * 1024 * 1024,
            bytes_per_second: 2 * 1024 * 1024,
        }
    }
}

/// A bucket of tokens, a byte each: full at first, refilled all the time.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    capacity: f64,
    per_second: f64,
    /// Below zero while bytes wait that have been promised.
    tokens: f64,
    refilled: Instant,
}

impl TokenBucket {
    pub(crate) fn new(limits: StreamLimits, now: Instant) -> Self {
        let capacity = f64::from(limits.burst_bytes);
        Self {
            capacity,
            // A rate of nothing would never let go of the function.
            per_second: f64::from(limits.bytes_per_second.max(1)),
            tokens: capacity,
            refilled: now,
        }
    }

    /// Takes a token for each of these bytes; returns how long they have to wait.
    pub(crate) fn take(&mut self, bytes: u32, now: Instant) -> Duration {
        let elapsed = now.saturating_duration_since(self.refilled);
        self.refilled = now;
        let refilled = self.tokens + elapsed.as_secs_f64() * self.per_second;
        self.tokens = refilled.min(self.capacity) - f64::from(bytes);
        Duration::try_from_secs_f64(-self.tokens / self.per_second).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: StreamLimits = StreamLimits {
        max_bytes: usize::MAX,
        burst_bytes: 6_000,
        bytes_per_second: 2_000,
    };

    #[test]
    fn the_first_bytes_are_free_and_the_rest_is_paced() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(LIMITS, start);
        assert_eq!(bucket.take(4_000, start), Duration::ZERO);
        assert_eq!(bucket.take(2_000, start), Duration::ZERO);
        assert_eq!(bucket.take(1_000, start), Duration::from_millis(500));
        let later = start + Duration::from_millis(500);
        assert_eq!(bucket.take(1_000, later), Duration::from_millis(500));
        // Who pauses may be fast again, as far as the bucket holds.
        let much_later = start + Duration::from_secs(3_600);
        assert_eq!(bucket.take(6_000, much_later), Duration::ZERO);
        assert_eq!(bucket.take(2_000, much_later), Duration::from_secs(1));
    }

    proptest! {
        #[test]
        fn nobody_gets_more_than_burst_and_rate_allow(pieces in proptest::collection::vec((0_u32..5_000, 0_u64..2_000), 1..60)) {
            let start = Instant::now();
            let mut bucket = TokenBucket::new(LIMITS, start);
            let (mut now, mut sent) = (start, 0_u64);
            for (bytes, pause) in pieces {
                now += Duration::from_millis(pause);
                now += bucket.take(bytes, now);
                sent += u64::from(bytes);
                let allowed = 6_000.0 + 2_000.0 * (now - start).as_secs_f64();
                prop_assert!(f64::from(u32::try_from(sent).unwrap()) <= allowed + 1.0);
            }
        }
    }
}
