//! CPU work beside the async threads.
//!
//! An async thread that computes answers nobody: timers fire late, calls under way time out, and with
//! one vCPU there is no other thread to take over. Here, closures run on a pool of threads of their
//! own, sized to the processors that come with the function's memory, and the handler awaits them.
//!
//! ```
//! use kiln::compute::{self, ComputeError};
//!
//! # kiln_doc(async {
//! let squares = compute::map(vec![1_u64, 2, 3], |n| n * n).await?;
//! assert_eq!(squares, [1, 4, 9]);
//! # Ok::<_, ComputeError>(())
//! # }).unwrap();
//! # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
//! #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
//! # }
//! ```
//!
//! | | for |
//! | --- | --- |
//! | [`run`] | one computation, also one that uses rayon itself |
//! | [`map`] | many of the same kind, results in order |
//! | [`try_map`] | the same, where each may fail |
//! | [`init`] | starting the threads during init, which runs at full speed |
//! | [`pool`] | the pool itself, for what has no future |
//!
//! # What closures have
//!
//! They see the [current invocation](crate::invocation::current) and the current span of `tracing`, so
//! that what they log carries the request id. Both are entered once per piece that rayon cuts off the
//! items, not once per item. Closures that use rayon on their own, within [`run`], have them on the
//! thread that they began on.
//!
//! # Panics
//!
//! A panic in a closure ends the computation with [`ComputeError::Panicked`]; items not yet begun are
//! not begun. It is an error rather than a panic of the caller because a handler can answer it with
//! what it knows. The panic hook has run, so the log has its place. With `panic = "abort"` a panic ends
//! the process, here as anywhere.
//!
//! # Cancellation and deadlines
//!
//! Dropping a future of this module, and the deadline of the invocation less [`MARGIN`], stop the
//! computation: items not yet begun are not begun. What runs already cannot be stopped and runs to its
//! end, on the pool's threads, with all that it holds; split work that takes long into items. The caller
//! reads [`ComputeError::DeadlineExceeded`]. For an earlier deadline, use [`Deadline::within`].
//!
//! # What it shares
//!
//! All computations of a process share the pool; a second one begins where the first leaves threads
//! idle, or after it. Do not block in a closure, on I/O or a lock: that takes a processor from the
//! others. For blocking calls there is [`tokio::task::spawn_blocking`].
//!
//! [`Deadline::within`]: crate::Deadline::within

use std::time::Duration;

mod error;
mod job;
mod map;
mod pool;
mod scope;

pub use error::{ComputeError, TryMapError};
pub use map::{map, try_map};
pub use pool::{init, pool, threads};
pub use rayon;

/// How long before the deadline of the invocation a computation is given up: 100 ms, in which the
/// handler can answer.
///
/// # Example
///
/// ```
/// use kiln::{Deadline, compute};
/// use std::time::Duration;
///
/// // Whether there is time for a computation of two seconds.
/// let left = Deadline::current().less(compute::MARGIN).remaining();
/// assert!(left.is_none_or(|left| left > Duration::from_secs(2)));
/// ```
pub const MARGIN: Duration = Duration::from_millis(100);

/// Runs a closure on the pool.
///
/// Within it, rayon's parallel iterators, `join` and `scope` use the same pool. Nothing begins before
/// the future is polled.
///
/// # Cancellation
/// A closure that has begun runs to its end, and its result is dropped. One that has not does not
/// begin.
///
/// # Errors
/// [`ComputeError::Panicked`] when the closure panics, [`ComputeError::DeadlineExceeded`] when the
/// deadline of the invocation less [`MARGIN`] comes first, and [`ComputeError::NoThreads`] when the
/// pool cannot be started.
///
/// # Example
///
/// ```
/// use kiln::compute::{self, ComputeError, rayon::prelude::*};
///
/// # kiln_doc(async {
/// let numbers: Vec<u64> = (1..=1_000).collect();
/// let sum = compute::run(move || numbers.par_iter().map(|n| n * n).sum::<u64>()).await?;
/// assert_eq!(sum, 333_833_500);
/// # Ok::<_, ComputeError>(())
/// # }).unwrap();
/// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
/// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
/// # }
/// ```
pub async fn run<T, F>(f: F) -> Result<T, ComputeError>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    job::dispatch(|_job| f()).await
}

#[cfg(test)]
mod tests;
