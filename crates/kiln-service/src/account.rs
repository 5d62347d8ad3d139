//! The account's concurrency: what of it functions have reserved, and who uses the rest.
//!
//! Source: [Understanding Lambda function scaling](https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html)
//! and [Configuring reserved concurrency](https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kiln_protocol::error::ServiceError;

use crate::rate::{Refill, SharedBucket};

/// What must stay for functions that reserve nothing; a smaller account keeps all it has.
const MIN_UNRESERVED: usize = 100;

/// How many invocations may be in flight at a time, over all functions.
#[derive(Debug)]
pub(crate) struct Account {
    limit: usize,
    /// By function. It changes with the configuration only.
    reserved: Mutex<BTreeMap<String, u32>>,
    /// The limit without what is reserved.
    unreserved: AtomicUsize,
    /// Invocations in flight of the functions that reserve nothing.
    in_flight: AtomicUsize,
    requests: SharedBucket,
}

impl Account {
    /// An account with this limit, of which nothing is reserved.
    pub(crate) fn new(limit: u32) -> Self {
        let limit = limit as usize;
        Self {
            limit,
            reserved: Mutex::default(),
            unreserved: AtomicUsize::new(limit),
            in_flight: AtomicUsize::new(0),
            requests: SharedBucket::default(),
        }
    }

    /// Changes what functions reserve, all of it or nothing.
    ///
    /// # Errors
    /// Too little would stay unreserved.
    pub(crate) fn reserve<'a>(
        &self,
        changes: impl IntoIterator<Item = (&'a str, Option<u32>)>,
    ) -> Result<(), ServiceError> {
        let mut reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = reserved.clone();
        for (function, concurrency) in changes {
            match concurrency {
                Some(concurrency) => changed.insert(function.to_owned(), concurrency),
                None => changed.remove(function),
            };
        }
        let minimum = MIN_UNRESERVED.min(self.limit);
        let unreserved = changed.values().fold(self.limit, |left, reserved| {
            left.saturating_sub(*reserved as usize)
        });
        if unreserved < minimum {
            return Err(ServiceError::InvalidParameterValue(format!(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [{minimum}]."
            )));
        }
        *reserved = changed;
        self.unreserved.store(unreserved, Ordering::Relaxed);
        Ok(())
    }

    /// Counts an invocation of a function that reserves nothing, unless the limit is reached.
    pub(crate) fn try_begin(&self) -> bool {
        let limit = self.unreserved.load(Ordering::Relaxed);
        let begun =
            self.in_flight
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |in_flight| {
                    (in_flight < limit).then_some(in_flight + 1)
                });
        begun.is_ok()
    }

    /// Counts so many more, whatever the limit: they were let in before it was lowered.
    pub(crate) fn begin(&self, invocations: usize) {
        self.in_flight.fetch_add(invocations, Ordering::Relaxed);
    }

    /// Counts so many no longer.
    pub(crate) fn end(&self, invocations: usize) {
        self.in_flight.fetch_sub(invocations, Ordering::Relaxed);
    }

    /// Takes a token of the request rate of functions that reserve nothing.
    ///
    /// # Errors
    /// There is none; the next comes after this time.
    pub(crate) fn take_request(&self, now: Duration) -> Result<(), Duration> {
        let concurrency = self.unreserved.load(Ordering::Relaxed) as u64;
        self.requests.take(Refill::requests(concurrency), now)
    }

    /// How many invocations of functions that reserve nothing are in flight.
    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_leave_the_minimum_unreserved_or_change_nothing() {
        for (limit, minimum, changes, left) in [
            (1_000, 100, &[("a", Some(900))][..], Some(100)),
            (1_000, 100, &[("a", Some(901))], None),
            (1_000, 100, &[("a", Some(500)), ("b", Some(401))], None),
            (1_000, 100, &[("a", Some(900)), ("b", Some(0))], Some(100)),
            // New accounts have less, and nothing to reserve but zero.
            (10, 10, &[("a", Some(1))], None),
            (10, 10, &[("a", Some(0))], Some(10)),
            (150, 100, &[("a", Some(50))], Some(100)),
            (1_000, 100, &[("a", Some(u32::MAX)), ("b", Some(1))], None),
        ] {
            let account = Account::new(limit);
            let refused = format!(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [{minimum}]."
            );
            let expected = left
                .map(drop)
                .ok_or(ServiceError::InvalidParameterValue(refused));
            assert_eq!(
                account.reserve(changes.iter().copied()),
                expected,
                "{changes:?}"
            );
            let begun = (0..).take_while(|_| account.try_begin()).count();
            assert_eq!(begun, left.unwrap_or(limit as usize), "{changes:?}");
        }
    }

    #[test]
    fn functions_may_swap_what_they_reserve() {
        let account = Account::new(1_000);
        account.reserve([("a", Some(900))]).unwrap();
        assert!(account.reserve([("b", Some(900))]).is_err());
        account.reserve([("b", Some(900)), ("a", None)]).unwrap();
        account.reserve([("a", Some(0))]).unwrap();
    }

    #[test]
    fn requests_follow_the_unreserved_concurrency() {
        let account = Account::new(101);
        let taken = |at| {
            (0..)
                .take_while(|_| account.take_request(Duration::from_secs(at)).is_ok())
                .count()
        };
        assert_eq!(taken(0), 1_010);
        account.reserve([("a", Some(1))]).unwrap();
        assert_eq!(taken(9), 1_000);
    }
}
