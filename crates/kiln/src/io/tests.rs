use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use lambda_runtime::Diagnostic;
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::*;
use crate::deadline::Deadline;
use crate::errors::LambdaError;
use crate::test_invocation::{in_time, invocation};

/// What a service says.
#[derive(Debug, PartialEq)]
enum Trouble {
    Busy,
    Refused,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Trouble {}

impl LambdaError for Trouble {
    fn error_type(&self) -> &str {
        "Trouble"
    }
    fn is_retryable(&self) -> bool {
        *self == Self::Busy
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

fn paused<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(in_time(test))
}

proptest! {
    #[test]
    fn order_bound_and_outcomes_hold(calls in prop::collection::vec((1..50_u64, any::<bool>()), 0..60), limit in 1..10_usize) {
        let (now, most) = (Cell::new(0), Cell::new(0));
        let service = async |(index, (millis, good))| {
            now.set(now.get() + 1);
            most.set(most.get().max(now.get()));
            sleep(MS * u32::try_from(millis).unwrap()).await;
            now.set(now.get() - 1);
            if good { Ok(index) } else { Err(Trouble::Refused) }
        };
        let items: Vec<_> = calls.iter().copied().enumerate().collect();
        let outcomes = paused(fan_out(items, limit, service).collect_all());
        prop_assert_eq!(outcomes.len(), calls.len());
        for (index, (outcome, (_, good))) in outcomes.into_iter().zip(&calls).enumerate() {
            match outcome {
                Ok(number) => prop_assert!(*good && number == index),
                Err(error) => prop_assert!(!good && error.into_failure() == Some(Trouble::Refused)),
            }
        }
        prop_assert_eq!(most.get(), limit.min(calls.len()));
    }

    #[test]
    fn pauses_are_within_their_bounds(base in 0..10_000_u64, cap in 0..100_000_u64, made in 1..u32::MAX) {
        let (base, cap) = (Duration::from_millis(base), Duration::from_millis(cap));
        let policy = Retry::attempts(u32::MAX).base(base).cap(cap);
        prop_assert!(policy.pause(made) <= policy.longest_pause(made));
        prop_assert!(policy.longest_pause(made) <= cap);
        prop_assert!(policy.longest_pause(made) <= policy.longest_pause(made.saturating_add(1)));
    }
}

#[test]
fn the_longest_pause_doubles_up_to_the_cap() {
    let policy = Retry::default();
    let pauses: Vec<_> = (1..=8)
        .map(|made| policy.longest_pause(made).as_millis())
        .collect();
    assert_eq!(pauses, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
}

#[test]
fn the_first_failure_drops_the_rest() {
    let (begun, finished) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let result = paused(async {
        fan_out(0..100_u32, 4, |number| {
            let (begun, finished) = (begun.clone(), finished.clone());
            async move {
                begun.fetch_add(1, Ordering::Relaxed);
                sleep(MS * (number + 1)).await;
                finished.fetch_add(1, Ordering::Relaxed);
                if number == 2 {
                    Err(Trouble::Refused)
                } else {
                    Ok(number)
                }
            }
        })
        .await
    });
    let error = result.unwrap_err();
    assert_eq!(error.index, 2);
    assert_eq!(error.to_string(), "call 2: Refused");
    assert_eq!(error.error_type(), "Trouble");
    assert_eq!(Diagnostic::from(error).error_message, "call 2: Refused");
    assert_eq!(
        (
            begun.load(Ordering::Relaxed),
            finished.load(Ordering::Relaxed)
        ),
        (6, 3)
    );
}

#[test]
fn dropping_the_future_drops_all_calls() {
    let alive = Arc::new(());
    paused(async {
        let calls = fan_out(0..10, 5, |_| {
            let held = alive.clone();
            async move {
                sleep(SECOND).await;
                drop(held);
                Ok::<_, Trouble>(())
            }
        });
        let mut calls = calls.into_future();
        assert!(calls.as_mut().now_or_never().is_none());
        assert_eq!(Arc::strong_count(&alive), 6);
        drop(calls);
        assert_eq!(Arc::strong_count(&alive), 1);
    });
}

#[test]
fn a_limit_of_zero_is_an_error_of_every_call() {
    paused(async {
        let call = async |number: u32| Ok::<_, Trouble>(number);
        let outcomes = fan_out([1, 2], 0, call).collect_all().await;
        assert_eq!(outcomes.len(), 2);
        assert!(
            outcomes
                .iter()
                .all(|outcome| matches!(outcome, Err(CallError::ZeroLimit)))
        );
        let outcomes = fan_out([1, 2], 0, call)
            .retry(Retry::default())
            .collect_all()
            .await;
        assert!(matches!(outcomes[1], Err(CallError::ZeroLimit)));
        let nothing = fan_out([], 0, async |number: u32| Ok::<_, Trouble>(number)).collect_all();
        assert!(nothing.await.is_empty());
    });
}

#[test]
fn each_attempt_has_the_timeout() {
    paused(async {
        let began = Instant::now();
        let outcomes = fan_out([10, 5_000], 2, async |millis| {
            sleep(MS * millis).await;
            Ok::<_, Trouble>(millis)
        })
        .timeout(SECOND)
        .retry(Retry::attempts(2).base(Duration::ZERO))
        .collect_all()
        .await;
        assert_eq!(*outcomes[0].as_ref().unwrap(), 10);
        let error = outcomes[1].as_ref().unwrap_err();
        assert!(matches!(
            error,
            CallError::TimedOut {
                timeout: SECOND,
                attempts: 2
            }
        ));
        assert_eq!(error.to_string(), "no answer within 1s, after 2 attempts");
        assert_eq!(began.elapsed(), SECOND * 2);
    });
}

#[test]
fn what_is_retryable_is_retried_and_nothing_else() {
    for (trouble, attempts) in [(Trouble::Busy, 4), (Trouble::Refused, 1)] {
        let made = AtomicUsize::new(0);
        let outcome = paused(retry(Retry::attempts(4), || {
            made.fetch_add(1, Ordering::Relaxed);
            let again = if trouble == Trouble::Busy {
                Trouble::Busy
            } else {
                Trouble::Refused
            };
            std::future::ready(Err::<(), _>(again))
        }));
        let error = outcome.unwrap_err();
        assert_eq!(made.load(Ordering::Relaxed), attempts);
        assert!(
            matches!(error, CallError::Failed { attempts: made, .. } if made as usize == attempts)
        );
        assert_eq!(error.is_retryable(), trouble == Trouble::Busy);
    }
    // No attempts are one.
    let outcome = paused(retry(Retry::attempts(0), || {
        std::future::ready(Ok::<_, Trouble>(1))
    }));
    assert_eq!(outcome.unwrap(), 1);
}

#[test]
fn everything_ends_in_time_and_says_what_was_not_begun() {
    paused(async {
        let began = Instant::now();
        let outcomes = fan_out(0..6, 2, async |_| {
            sleep(SECOND * 4).await;
            Ok::<_, Trouble>(())
        })
        .deadline(Deadline::after(SECOND * 7))
        .margin(SECOND)
        .collect_all()
        .await;
        let said = outcomes.iter().map(|outcome| match outcome {
            Ok(()) => "done",
            Err(CallError::DeadlineExceeded) => "cut off",
            Err(CallError::NotStarted) => "not begun",
            Err(_) => "else",
        });
        let said: Vec<_> = said.collect();
        assert_eq!(
            said,
            [
                "done",
                "done",
                "cut off",
                "cut off",
                "not begun",
                "not begun"
            ]
        );
        let took = began.elapsed();
        assert!(took > SECOND * 5 && took <= SECOND * 6 + MS, "{took:?}");
    });
}

#[test]
fn the_invocation_has_a_deadline_too() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let calls = || async {
        let call = async |_| {
            sleep(SECOND).await;
            Ok::<_, Trouble>(())
        };
        fan_out([1], 1, call).collect_all().await
    };
    let runtime = runtime.unwrap();
    let outcomes = runtime.block_on(invocation(SECOND).scope(calls()));
    assert!(matches!(outcomes[0], Err(CallError::DeadlineExceeded)));
    // One already past begins nothing; so does one that leaves no more than the margin.
    for left in [Duration::ZERO, MARGIN / 2] {
        let outcomes = runtime.block_on(invocation(left).scope(calls()));
        assert!(matches!(outcomes[0], Err(CallError::NotStarted)));
    }
}

#[test]
fn a_pause_that_would_pass_the_deadline_is_not_waited_for() {
    paused(async {
        let began = Instant::now();
        let made = AtomicUsize::new(0);
        let outcomes = fan_out([()], 1, async |()| {
            made.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(Trouble::Busy)
        })
        .deadline(Deadline::after(SECOND))
        // The pause is longer with all but certainty: by 1 to 10⁹.
        .retry(
            Retry::attempts(9)
                .base(SECOND * 1_000_000_000)
                .cap(SECOND * 1_000_000_000),
        )
        .collect_all()
        .await;
        assert!(matches!(
            outcomes[0],
            Err(CallError::Failed {
                error: Trouble::Busy,
                attempts: 1
            })
        ));
        assert_eq!(
            (made.load(Ordering::Relaxed), began.elapsed()),
            (1, Duration::ZERO)
        );
    });
}
