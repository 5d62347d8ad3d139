//! The promises of the engine, for any layout of lanes and any failures.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::sleep;

use super::*;

/// What a handler does with a record.
#[derive(Clone, Copy, Debug)]
struct Work {
    lane: usize,
    fails: bool,
    /// How long it takes, ms.
    takes: u64,
}

fn work() -> impl Strategy<Value = Vec<Work>> {
    let one = (0..5_usize, prop::bool::weighted(0.2), 0..4_u64);
    let one = one.prop_map(|(lane, fails, takes)| Work { lane, fails, takes });
    prop::collection::vec(one, 0..40)
}

/// What was seen of a run.
struct Seen {
    fates: Vec<Result<(), Failure>>,
    begun: Vec<usize>,
    most_at_once: usize,
}

/// Runs it all, on a clock that jumps.
fn run(work: &[Work], after_failure: AfterFailure, concurrency: usize, until: Deadline) -> Seen {
    let plan = Plan {
        lanes: work.iter().map(|work| work.lane).collect(),
        after_failure,
        concurrency,
        until,
    };
    let begun = RefCell::new(Vec::new());
    let busy = RefCell::new(Vec::new());
    let most_at_once = Cell::new(0);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let fates = runtime.block_on(plan.run(|index| {
        begun.borrow_mut().push(index);
        let (busy, most_at_once) = (&busy, &most_at_once);
        async move {
            let Work { lane, fails, takes } = work[index];
            if after_failure != AfterFailure::GoOn {
                assert!(!busy.borrow().contains(&lane), "two of one lane at once");
            }
            busy.borrow_mut().push(lane);
            most_at_once.set(most_at_once.get().max(busy.borrow().len()));
            sleep(Duration::from_millis(takes)).await;
            busy.borrow_mut().retain(|other| *other != lane);
            match fails {
                true => Err(Failure::Handler("Failed".to_owned())),
                false => Ok(()),
            }
        }
    }));
    Seen {
        fates,
        begun: begun.into_inner(),
        most_at_once: most_at_once.get(),
    }
}

fn skipped(fate: &Result<(), Failure>) -> bool {
    *fate == Err(Failure::Skipped)
}

proptest! {
    #[test]
    fn without_order_exactly_what_fails_is_reported(mut work in work(), concurrency in 1..8_usize) {
        for (index, work) in work.iter_mut().enumerate() {
            work.lane = index;
        }
        let seen = run(&work, AfterFailure::GoOn, concurrency, Deadline::NEVER);
        prop_assert!(seen.most_at_once <= concurrency);
        for (work, fate) in work.iter().zip(&seen.fates) {
            prop_assert_eq!(work.fails, fate.is_err());
        }
    }

    #[test]
    fn a_lane_is_done_up_to_its_first_failure(work in work(), concurrency in 1..8_usize) {
        let seen = run(&work, AfterFailure::StopLane, concurrency, Deadline::NEVER);
        prop_assert!(seen.most_at_once <= concurrency);
        let mut failed = [false; 5];
        for (work, fate) in work.iter().zip(&seen.fates) {
            if failed[work.lane] {
                prop_assert!(skipped(fate));
            } else {
                prop_assert_eq!(fate.is_err(), work.fails);
            }
            failed[work.lane] |= work.fails;
        }
        prop_assert!(in_order_within_lanes(&work, &seen.begun));
    }

    #[test]
    fn one_at_a_time_goes_through_the_batch_in_order(work in work()) {
        let seen = run(&work, AfterFailure::StopAll, 1, Deadline::NEVER);
        let first = work.iter().position(|work| work.fails).unwrap_or(work.len());
        let begun: Vec<usize> = (0..work.len().min(first + 1)).collect();
        prop_assert_eq!(seen.begun, begun);
        for (index, fate) in seen.fates.iter().enumerate() {
            prop_assert_eq!(fate.is_err(), index >= first);
        }
    }

    #[test]
    fn stopped_lanes_keep_their_order(work in work(), concurrency in 1..8_usize) {
        let seen = run(&work, AfterFailure::StopAll, concurrency, Deadline::NEVER);
        prop_assert!(in_order_within_lanes(&work, &seen.begun));
        let mut not_done = [false; 5];
        for (index, (work, fate)) in work.iter().zip(&seen.fates).enumerate() {
            // What was begun was finished, and the rest is reported.
            prop_assert_eq!(skipped(fate), !seen.begun.contains(&index));
            // Nothing of a group is done behind what is not.
            prop_assert!(!(not_done[work.lane] && fate.is_ok()));
            not_done[work.lane] |= fate.is_err();
        }
        prop_assert_eq!(
            seen.fates.iter().any(Result::is_err),
            work.iter().any(|work| work.fails)
        );
    }

    #[test]
    fn time_that_is_up_loses_nothing(work in work(), left in 0..30_u64) {
        // Real time passes too, so which records are done is not told exactly: those that are not
        // are reported, and order is kept.
        let until = Deadline::after(Duration::from_millis(left));
        let seen = run(&work, AfterFailure::StopLane, 2, until);
        let mut not_done = [false; 5];
        for (work, fate) in work.iter().zip(&seen.fates) {
            prop_assert!(!(not_done[work.lane] && fate.is_ok()));
            prop_assert!(!(work.fails && fate.is_ok()));
            not_done[work.lane] |= fate.is_err();
        }
        prop_assert_eq!(seen.fates.len(), work.len());
    }
}

fn in_order_within_lanes(work: &[Work], begun: &[usize]) -> bool {
    (0..5).all(|lane| {
        begun
            .iter()
            .filter(|index| work[**index].lane == lane)
            .is_sorted()
    })
}

#[test]
fn a_deadline_that_has_passed_begins_nothing() {
    let work = [Work {
        lane: 0,
        fails: false,
        takes: 0,
    }; 3];
    let past = Deadline::at(std::time::UNIX_EPOCH);
    let seen = run(&work, AfterFailure::GoOn, 16, past);
    assert!(seen.begun.is_empty());
    assert_eq!(seen.fates, vec![Err(Failure::OutOfTime); 3]);
}
