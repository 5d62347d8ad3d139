//! Who does what next.
//!
//! One task holds all transfers and decides after each event; nothing is locked, and dropping it drops
//! everything. An item's memory is taken as a whole before its download and freed as a whole after its
//! end, and uploads come before downloads: so no item waits for memory that only it could free.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::{Instant, sleep_until};

use super::builder::Settings;
use super::{Cause, ItemError, Report, Stage};
use crate::compute::{self, ComputeError};
use crate::deadline::Deadline;
use crate::run::panic_message;

/// What a stage gives.
type Outcome<T, E> = Result<T, Cause<E>>;

pub(super) async fn run<T, D, Down, C, Input, Output, U, Up, R, E>(
    items: Vec<(u64, T)>,
    settings: Settings,
    download: D,
    compute: C,
    upload: U,
) -> Report<R, E>
where
    D: Fn(T) -> Down,
    Down: Future<Output = Result<Input, E>>,
    C: Fn(Input) -> Result<Output, E> + Send + Sync + 'static,
    U: Fn(Output) -> Up,
    Up: Future<Output = Result<R, E>>,
    Input: Send + 'static,
    Output: Send + 'static,
    E: Send + 'static,
{
    let time = Time::of(&settings);
    let mut ledger = Ledger::new(settings, items.iter().map(|(bytes, _)| *bytes));
    let compute = Arc::new(compute);
    let download = async |index, item| (index, caught(async { download(item).await }).await);
    let upload = async |index, output| (index, caught(async { upload(output).await }).await);
    let compute = |index, input| {
        let compute = compute.clone();
        let computing = compute::run(move || compute(input));
        computing.map(move |outcome| (index, computed(outcome)))
    };

    let mut waiting = items.into_iter().map(|(_, item)| item).enumerate();
    let mut outputs = VecDeque::new();
    let mut downloads = FuturesUnordered::new();
    let mut computations = FuturesUnordered::new();
    let mut uploads = FuturesUnordered::new();
    let mut end = std::pin::pin!(time.end());
    loop {
        // Written out twice: a closure would borrow the transfers across the `await`, and they would have
        // to be `Sync`, which those of the AWS SDK are not.
        while downloads.len() + uploads.len() < settings.transfers
            && let Some((index, output)) = outputs.pop_front()
        {
            ledger.enter(index, Stage::Upload);
            uploads.push(upload(index, output));
        }
        while downloads.len() + uploads.len() < settings.transfers
            && time.is_left()
            && ledger.may_begin_next()
        {
            let Some((index, item)) = waiting.next() else {
                break;
            };
            if ledger.begin(index) {
                downloads.push(download(index, item));
            }
        }
        if downloads.is_empty() && computations.is_empty() && uploads.is_empty() {
            // All have ended, or none may begin.
            break;
        }
        tokio::select! {
            () = &mut end => break,
            Some((index, outcome)) = downloads.next() => match outcome {
                Ok(input) => {
                    ledger.enter(index, Stage::Compute);
                    computations.push(compute(index, input));
                }
                Err(cause) => ledger.settle(index, Err(cause)),
            },
            Some((index, outcome)) = computations.next() => match outcome {
                Ok(output) => outputs.push_back((index, output)),
                Err(cause) => ledger.settle(index, Err(cause)),
            },
            Some((index, outcome)) = uploads.next() => ledger.settle(index, outcome),
        }
    }
    ledger.close()
}

/// The time there is. Read once: from here on the runtime's clock counts.
struct Time {
    end: Option<Instant>,
    /// When the last item may begin.
    last_begin: Option<Instant>,
}

impl Time {
    fn of(settings: &Settings) -> Self {
        let deadline = Deadline::current().earliest(settings.deadline);
        let left = |deadline: Deadline| Instant::now().checked_add(deadline.remaining()?);
        let deadline = deadline.less(settings.margin);
        Self {
            end: left(deadline),
            last_begin: left(deadline.less(settings.lead)),
        }
    }

    fn is_left(&self) -> bool {
        self.last_begin.is_none_or(|last| Instant::now() < last)
    }

    fn end(&self) -> impl Future<Output = ()> + use<> {
        let end = self.end;
        async move {
            match end {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        }
    }
}

/// A transfer's outcome. A panic in it is the item's, not that of all others.
async fn caught<T, E>(transfer: impl Future<Output = Result<T, E>>) -> Outcome<T, E> {
    // Nothing of it is looked at after a panic: it is dropped.
    match AssertUnwindSafe(transfer).catch_unwind().await {
        Ok(result) => result.map_err(Cause::Failed),
        Err(payload) => Err(Cause::Panicked {
            message: panic_message(payload.as_ref()).to_owned(),
        }),
    }
}

/// A computation's outcome.
fn computed<T, E>(outcome: Result<Result<T, E>, ComputeError>) -> Outcome<T, E> {
    match outcome {
        Ok(result) => result.map_err(Cause::Failed),
        Err(ComputeError::Panicked { message }) => Err(Cause::Panicked { message }),
        Err(ComputeError::DeadlineExceeded(_)) => Err(Cause::DeadlineExceeded),
        Err(error @ ComputeError::NoThreads(_)) => Err(Cause::NoThreads(error)),
    }
}

/// How far each item is, and what they hold.
struct Ledger<R, E> {
    settings: Settings,
    entries: Vec<Entry<R, E>>,
    /// The item that is next to begin.
    next: usize,
    held_bytes: u64,
    peak_bytes: u64,
    failed: bool,
}

struct Entry<R, E> {
    bytes: u64,
    stage: Option<Stage>,
    outcome: Option<Outcome<R, E>>,
}

impl<R, E> Ledger<R, E> {
    fn new(settings: Settings, sizes: impl Iterator<Item = u64>) -> Self {
        let entries = sizes.map(|bytes| Entry {
            bytes,
            stage: None,
            outcome: None,
        });
        Self {
            settings,
            entries: entries.collect(),
            next: 0,
            held_bytes: 0,
            peak_bytes: 0,
            failed: false,
        }
    }

    /// Whether the next item is not to wait: there is memory for it, or it can be told at once that
    /// there never is.
    fn may_begin_next(&self) -> bool {
        let free = self.settings.memory - self.held_bytes;
        let bytes = self.entries.get(self.next).map_or(0, |entry| entry.bytes);
        !self.stops() && (bytes <= free || bytes > self.settings.memory)
    }

    fn stops(&self) -> bool {
        self.failed && self.settings.stop_on_failure
    }

    /// Begins the next item, or settles that it is too large.
    fn begin(&mut self, index: usize) -> bool {
        self.next = index + 1;
        let (bytes, memory) = (self.entries[index].bytes, self.settings.memory);
        if bytes > memory {
            self.failed = true;
            self.entries[index].outcome = Some(Err(Cause::TooLarge { bytes, memory }));
            return false;
        }
        self.held_bytes += bytes;
        self.peak_bytes = self.peak_bytes.max(self.held_bytes);
        self.enter(index, Stage::Download);
        true
    }

    fn enter(&mut self, index: usize, stage: Stage) {
        self.entries[index].stage = Some(stage);
    }

    /// Ends an item that has begun.
    fn settle(&mut self, index: usize, outcome: Outcome<R, E>) {
        self.failed |= outcome.is_err();
        self.held_bytes -= self.entries[index].bytes;
        self.entries[index].outcome = Some(outcome);
    }

    /// The report, in which what has not ended was ended by the deadline.
    fn close(self) -> Report<R, E> {
        let unfinished = |stage: Option<Stage>| match stage {
            None if self.settings.transfers == 0 => Cause::ZeroTransfers,
            None if self.failed && self.settings.stop_on_failure => Cause::Stopped,
            _ => Cause::DeadlineExceeded,
        };
        let outcomes = self.entries.into_iter().enumerate().map(|(index, entry)| {
            let stage = entry.stage;
            let outcome = entry.outcome.unwrap_or_else(|| Err(unfinished(stage)));
            outcome.map_err(|cause| ItemError {
                index,
                stage,
                cause,
            })
        });
        Report {
            outcomes: outcomes.collect(),
            peak_bytes: self.peak_bytes,
        }
    }
}
