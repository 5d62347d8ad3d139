//! The account's concurrency: what of it functions have for themselves, and who uses the rest.
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

/// What a function has of the account's concurrency for itself; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConcurrencyShare {
    /// Its reserved concurrency.
    pub reserved: Option<u32>,
    /// Its provisioned environments. They are part of what it reserves, where it reserves anything.
    pub provisioned: u32,
}

impl ConcurrencyShare {
    /// What nobody else can have.
    fn size(self) -> usize {
        self.reserved.unwrap_or(self.provisioned) as usize
    }
}

/// A change of a [`ConcurrencyShare`]; `None` keeps what there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ShareChange {
    pub(crate) reserved: Option<Option<u32>>,
    pub(crate) provisioned: Option<u32>,
}

impl From<ConcurrencyShare> for ShareChange {
    fn from(share: ConcurrencyShare) -> Self {
        Self {
            reserved: Some(share.reserved),
            provisioned: Some(share.provisioned),
        }
    }
}

/// How many invocations may be in flight at a time, over all functions.
#[derive(Debug)]
pub(crate) struct Account {
    limit: usize,
    /// By function. It changes with the configuration only.
    shares: Mutex<BTreeMap<String, ConcurrencyShare>>,
    /// The limit without what functions have for themselves.
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
            shares: Mutex::default(),
            unreserved: AtomicUsize::new(limit),
            in_flight: AtomicUsize::new(0),
            requests: SharedBucket::default(),
        }
    }

    /// Changes what functions have for themselves, all of it or nothing.
    ///
    /// # Errors
    /// Too little would stay for others, or functions have more provisioned than reserved: in the words
    /// of [PutFunctionConcurrency](https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html)
    /// and [PutProvisionedConcurrencyConfig](https://docs.aws.amazon.com/lambda/latest/api/API_PutProvisionedConcurrencyConfig.html).
    pub(crate) fn change<'a>(
        &self,
        changes: impl IntoIterator<Item = (&'a str, ShareChange)>,
    ) -> Result<(), ServiceError> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = shares.clone();
        // What is provisioned anew, and reserved by nobody.
        let mut provisioned_anew = 0;
        for (function, change) in changes {
            let share = changed.entry(function.to_owned()).or_default();
            share.reserved = change.reserved.unwrap_or(share.reserved);
            let before = share.provisioned;
            share.provisioned = change.provisioned.unwrap_or(before);
            let ConcurrencyShare {
                reserved,
                provisioned,
            } = *share;
            match reserved {
                Some(reserved) if provisioned > reserved => {
                    return Err(ServiceError::InvalidParameterValue(
                        if provisioned > before {
                            "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function".to_owned()
                        } else {
                            format!(
                                " ReservedConcurrentExecutions  {reserved} should not be lower than function's total provisioned concurrency [{provisioned}]."
                            )
                        },
                    ));
                }
                Some(_) => {}
                // All of it: the refusal tells how much there may be.
                None if provisioned > before => provisioned_anew += provisioned as usize,
                None => {}
            }
            if *share == ConcurrencyShare::default() {
                changed.remove(function);
            }
        }
        let minimum = MIN_UNRESERVED.min(self.limit);
        let taken = changed
            .values()
            .fold(0_usize, |taken, share| taken.saturating_add(share.size()));
        let before = taken.saturating_sub(provisioned_anew);
        let room = self.limit - minimum;
        if before > room {
            return Err(ServiceError::InvalidParameterValue(format!(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [{minimum}]."
            )));
        }
        if taken > room {
            let left = room - before;
            return Err(ServiceError::InvalidParameterValue(format!(
                "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{left}]."
            )));
        }
        *shares = changed;
        self.unreserved.store(self.limit - taken, Ordering::Relaxed);
        Ok(())
    }

    /// How many invocations of functions that reserve nothing may be in flight, beside those in
    /// provisioned environments.
    pub(crate) fn unreserved(&self) -> usize {
        self.unreserved.load(Ordering::Relaxed)
    }

    /// Counts an invocation of a function that reserves nothing, unless the limit is reached.
    pub(crate) fn try_begin(&self) -> bool {
        let limit = self.unreserved();
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
        let concurrency = self.unreserved() as u64;
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

    impl Account {
        /// Changes what functions reserve.
        pub(crate) fn reserve<'a>(
            &self,
            changes: impl IntoIterator<Item = (&'a str, Option<u32>)>,
        ) -> Result<(), ServiceError> {
            let change = |(name, reserved)| {
                let change = ShareChange {
                    reserved: Some(reserved),
                    provisioned: None,
                };
                (name, change)
            };
            self.change(changes.into_iter().map(change))
        }
    }

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
    fn what_is_provisioned_is_taken_from_what_is_there() {
        let more_than_reserved = "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function";
        let left = |left: usize| {
            format!(
                "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{left}]."
            )
        };
        let share = |reserved: Option<u32>, provisioned| ShareChange {
            reserved: Some(reserved),
            provisioned: Some(provisioned),
        };
        for (changes, expected) in [
            (&[("a", share(None, 900))][..], Ok(100)),
            (&[("a", share(None, 901))], Err(left(900))),
            (
                &[("a", share(None, 900)), ("b", share(None, 1))],
                Err(left(900)),
            ),
            // It is part of what is reserved.
            (&[("a", share(Some(10), 10))], Ok(990)),
            (
                &[("a", share(Some(10), 11))],
                Err(more_than_reserved.to_owned()),
            ),
            (
                &[("a", share(Some(0), 1))],
                Err(more_than_reserved.to_owned()),
            ),
            (
                &[("a", share(Some(800), 0)), ("b", share(None, 100))],
                Ok(100),
            ),
            (
                &[("a", share(Some(800), 0)), ("b", share(None, 101))],
                Err(left(100)),
            ),
            (&[("a", share(None, 5)), ("a", share(None, 0))], Ok(1_000)),
        ] {
            let account = Account::new(1_000);
            let changed = account.change(changes.iter().copied());
            assert_eq!(
                changed.map(|()| account.unreserved()),
                expected
                    .clone()
                    .map_err(ServiceError::InvalidParameterValue),
                "{changes:?}"
            );
            if expected.is_err() {
                assert_eq!(account.unreserved(), 1_000, "{changes:?}");
            }
        }
    }

    #[test]
    fn what_is_reserved_is_not_lowered_below_what_is_provisioned() {
        let account = Account::new(1_000);
        let provisioned = ShareChange {
            provisioned: Some(5),
            ..ShareChange::default()
        };
        account.reserve([("a", Some(10))]).unwrap();
        account.change([("a", provisioned)]).unwrap();
        // Both blanks are the service's.
        let text = " ReservedConcurrentExecutions  4 should not be lower than function's total provisioned concurrency [5].";
        assert_eq!(
            account.reserve([("a", Some(4))]),
            Err(ServiceError::InvalidParameterValue(text.to_owned()))
        );
        account.reserve([("a", None)]).unwrap();
        assert_eq!(account.unreserved(), 995);
        account.reserve([("a", Some(5))]).unwrap();
        // Both at once are as one wants them in the end.
        let both = ShareChange {
            reserved: Some(Some(3)),
            provisioned: Some(2),
        };
        account.change([("a", both)]).unwrap();
        assert_eq!(account.unreserved(), 997);
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
