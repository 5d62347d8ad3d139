//! The same closure over many items.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

use super::job::{self, Job, Stopped};
use super::scope::Scoped;
use super::{ComputeError, TryMapError};

/// Calls a closure with each item, on all threads of the pool, and gives the results in the order of
/// the items.
///
/// `items` is a `Vec`, a range, or what else rayon makes an indexed parallel iterator of. Small items
/// are fine: rayon cuts them into pieces, a few for each thread and more where threads run idle.
///
/// # Cancellation
/// Items not yet begun are not begun; those that run come to their end, and their results are dropped.
///
/// # Errors
/// [`ComputeError::Panicked`] when the closure panics, [`ComputeError::DeadlineExceeded`] when the
/// deadline of the invocation less [`MARGIN`](super::MARGIN) comes first, and
/// [`ComputeError::NoThreads`] when the pool cannot be started.
///
/// # Example
///
/// ```
/// use kiln::compute::{self, ComputeError};
///
/// # kiln_doc(async {
/// let words = vec!["async at the boundary", "compute in the middle"];
/// let lengths = compute::map(words, str::len).await?;
/// assert_eq!(lengths, [21, 21]);
///
/// let squares = compute::map(0..1_000_000_u32, |n| u64::from(n) * u64::from(n)).await?;
/// assert_eq!(squares[1_000], 1_000_000);
/// # Ok::<_, ComputeError>(())
/// # }).unwrap();
/// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
/// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
/// # }
/// ```
pub async fn map<I, R, F>(items: I, f: F) -> Result<Vec<R>, ComputeError>
where
    I: IntoParallelIterator<Iter: IndexedParallelIterator> + Send + 'static,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
    R: Send + 'static,
{
    job::dispatch(move |job| {
        let items = Scoped::new(items.into_par_iter(), &job.scope);
        if cfg!(panic = "unwind") {
            let call = |item| {
                if job.is_stopped() {
                    // Leaves all pieces, without the panic hook. What rayon has for leaving early,
                    // `while_some` and the like, copies the results once more, or has a place in each
                    // for not being there, as below: `collect` in place demands all of them.
                    resume_unwind(Box::new(Stopped));
                }
                f(item)
            };
            items.map(call).collect()
        } else {
            whole(items.map(|item| unless_stopped(job, || f(item))).collect())
        }
    })
    .await
}

/// [`map`] where each item may fail: all results, or the error of the first item that fails.
///
/// "First" is by the order of the items, whichever was computed first: the same items have the same
/// error every time. Items after one that has failed are not begun; those before it are.
///
/// # Cancellation
/// As of [`map`].
///
/// # Errors
/// [`TryMapError::Item`] with the index and the error of the item; [`TryMapError::Compute`] as of
/// [`map`].
///
/// # Example
///
/// ```
/// use kiln::compute::{self, TryMapError};
/// use std::num::ParseIntError;
///
/// # kiln_doc(async {
/// let numbers = compute::try_map(vec!["1", "2", "3"], |text| text.parse::<u32>()).await?;
/// assert_eq!(numbers, [1, 2, 3]);
/// # Ok::<_, TryMapError<ParseIntError>>(())
/// # }).unwrap();
/// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
/// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
/// # }
/// ```
pub async fn try_map<I, R, E, F>(items: I, f: F) -> Result<Vec<R>, TryMapError<E>>
where
    I: IntoParallelIterator<Iter: IndexedParallelIterator> + Send + 'static,
    F: Fn(I::Item) -> Result<R, E> + Send + Sync + 'static,
    R: Send + 'static,
    E: Send + 'static,
{
    let outcome = job::dispatch(move |job| {
        let failures = Failures::default();
        let items = Scoped::new(items.into_par_iter().enumerate(), &job.scope);
        let call = |(index, item)| {
            if failures.has_one_before(index) {
                return None;
            }
            let result = unless_stopped(job, || f(item))?;
            result.map_err(|error| failures.add(index, error)).ok()
        };
        let results = items.map(call).collect();
        match failures.into_first() {
            Some((index, error)) => Err(TryMapError::Item { index, error }),
            None => Ok(whole(results)),
        }
    });
    outcome.await?
}

fn unless_stopped<R>(job: &Job, call: impl FnOnce() -> R) -> Option<R> {
    (!job.is_stopped()).then(call)
}

/// The results, which are all there unless nobody waits for them.
fn whole<R>(results: Vec<Option<R>>) -> Vec<R> {
    // In place where the sizes allow it.
    results.into_iter().flatten().collect()
}

/// The failure that comes first by the order of the items.
struct Failures<E> {
    /// Its index, for a glance from every item.
    index: AtomicUsize,
    first: Mutex<Option<(usize, E)>>,
}

impl<E> Default for Failures<E> {
    fn default() -> Self {
        Self {
            index: AtomicUsize::new(usize::MAX),
            first: Mutex::new(None),
        }
    }
}

impl<E> Failures<E> {
    fn has_one_before(&self, index: usize) -> bool {
        self.index.load(Ordering::Relaxed) < index
    }

    fn add(&self, index: usize, error: E) {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if first.as_ref().is_none_or(|(known, _)| index < *known) {
            *first = Some((index, error));
            self.index.store(index, Ordering::Relaxed);
        }
    }

    fn into_first(self) -> Option<(usize, E)> {
        self.first
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
