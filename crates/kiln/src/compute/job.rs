//! From the async thread to the pool and back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;

use super::scope::Scope;
use super::{ComputeError, MARGIN, pool};
use crate::deadline::{Deadline, DeadlineExceeded};

/// What a computation knows while it runs.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) scope: Scope,
    /// Set when nobody waits for the result any more.
    stopped: Arc<AtomicBool>,
}

/// What a stopped computation unwinds with.
pub(super) struct Stopped;

impl Job {
    /// Whether nobody waits any more. A glance: no item is waited for, none is hurried.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

/// Sets the flag when the future ends, whichever way.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `work` on the pool, within the scope of the caller.
pub(super) async fn dispatch<T, F>(work: F) -> Result<T, ComputeError>
where
    F: FnOnce(&Job) -> T + Send + 'static,
    T: Send + 'static,
{
    let deadline = Deadline::current().less(MARGIN);
    // Nothing is begun whose result would come too late.
    if deadline.has_passed() {
        return Err(DeadlineExceeded.into());
    }

    let stop = StopOnDrop(Arc::default());
    let job = Job {
        scope: Scope::current(),
        stopped: stop.0.clone(),
    };
    let (sender, result) = oneshot::channel();
    pool()?.spawn(move || {
        // All of it: a panic that reaches rayon's thread aborts the process, and what the closure
        // has captured, or a result that nobody takes, may panic while it is dropped.
        let finish = AssertUnwindSafe(move || {
            if job.is_stopped() {
                return;
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| job.scope.enter(|| work(&job))));
            let outcome = outcome.map_err(|payload| ComputeError::panicked(payload.as_ref()));
            // The receiver is gone when the computation has been stopped.
            drop(sender.send(outcome));
        });
        drop(catch_unwind(finish));
    });
    match deadline.within(result).await? {
        Ok(outcome) => outcome,
        // The closure is always called while we wait, and what it does is sent.
        Err(lost) => Err(ComputeError::Panicked {
            message: lost.to_string(),
        }),
    }
}
