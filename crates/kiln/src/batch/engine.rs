//! Which record is begun when: side by side where order allows, in time for the deadline.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::pin::pin;

use futures_util::future::{Either, pending};
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::error::UnreadableRecord;
use crate::deadline::Deadline;

/// What a failure means for the records that are not begun yet.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// Nothing.
    GoOn,
    /// Those of the same lane are not.
    StopLane,
    /// None is.
    StopAll,
}

/// Why a record is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The handler's error, by its type.
    Handler(String),
    /// It is not what the handler takes.
    Unreadable(UnreadableRecord),
    /// The handler has panicked.
    Panicked,
    /// It took longer than a record may.
    TimedOut,
    /// It was not begun, because of an earlier failure.
    Skipped,
    /// The time was up before it was done.
    OutOfTime,
}

impl Failure {
    pub(super) fn error_type(&self) -> &str {
        match self {
            Self::Handler(error_type) => error_type,
            Self::Unreadable(_) => "UnreadableRecord",
            Self::Panicked => "RecordPanicked",
            Self::TimedOut => "RecordTimedOut",
            Self::Skipped => "RecordSkipped",
            Self::OutOfTime => "DeadlineExceeded",
        }
    }
}

/// How a batch is gone through.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The lane of each record: a lane has one record under way at a time, and keeps their order.
    pub(super) lanes: Vec<usize>,
    pub(super) after_failure: AfterFailure,
    /// How many records are under way at once, at least one.
    pub(super) concurrency: usize,
    /// When what is not done is given up.
    pub(super) until: Deadline,
}

impl Plan {
    /// Handles all records, each begun by its index; the earliest that may be begun comes first.
    ///
    /// Nothing is spawned: dropping the future drops what is under way.
    pub(super) async fn run<F>(&self, mut begin: impl FnMut(usize) -> F) -> Vec<Result<(), Failure>>
    where
        F: Future<Output = Result<(), Failure>>,
    {
        let Lanes { mut ready, next } = Lanes::of(&self.lanes);
        let mut fates = vec![None; self.lanes.len()];
        let mut under_way = FuturesUnordered::new();
        let mut time_is_up = pin!(match self.until.remaining() {
            Some(left) => Either::Left(tokio::time::sleep(left)),
            None => Either::Right(pending()),
        });
        // What becomes of those that are never begun.
        let mut rest = Failure::Skipped;
        let mut stopped = false;
        'batch: loop {
            while !stopped && under_way.len() < self.concurrency {
                let Some(Reverse(index)) = ready.pop() else {
                    break;
                };
                // Handlers that never wait would keep the timer from being looked at.
                if self.until.has_passed() {
                    rest = Failure::OutOfTime;
                    break 'batch;
                }
                let work = begin(index);
                under_way.push(async move { (index, work.await) });
            }
            tokio::select! {
                biased;
                () = &mut time_is_up => {
                    rest = Failure::OutOfTime;
                    break;
                }
                done = under_way.next() => {
                    let Some((index, result)) = done else { break };
                    let goes_on = result.is_ok() || self.after_failure == AfterFailure::GoOn;
                    stopped |= !goes_on && self.after_failure == AfterFailure::StopAll;
                    if let Some(fate) = fates.get_mut(index) {
                        *fate = Some(result);
                    }
                    if goes_on && let Some(following) = next.get(index).copied().flatten() {
                        ready.push(Reverse(following));
                    }
                }
            }
        }
        fates
            .into_iter()
            .map(|fate| fate.unwrap_or_else(|| Err(rest.clone())))
            .collect()
    }
}

/// The records as lanes: those that may be begun, and which follows which.
struct Lanes {
    ready: BinaryHeap<Reverse<usize>>,
    next: Vec<Option<usize>>,
}

impl Lanes {
    fn of(lanes: &[usize]) -> Self {
        let mut ready = BinaryHeap::new();
        let mut next = vec![None; lanes.len()];
        let mut last = HashMap::new();
        for (index, lane) in lanes.iter().enumerate() {
            match last.insert(lane, index) {
                None => ready.push(Reverse(index)),
                Some(before) => {
                    if let Some(follower) = next.get_mut(before) {
                        *follower = Some(index);
                    }
                }
            }
        }
        Self { ready, next }
    }
}

#[cfg(test)]
mod tests;
