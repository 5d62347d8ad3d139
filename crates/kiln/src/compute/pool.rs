//! The threads.

use std::num::NonZeroUsize;
use std::sync::OnceLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::ComputeError;
use crate::environment;

static POOL: OnceLock<ThreadPool> = OnceLock::new();

/// Starts the threads, if they are not running yet.
///
/// For init, which [runs at full speed][init] whatever the memory; otherwise the first computation
/// starts them.
///
/// # Errors
/// [`ComputeError::NoThreads`] when the system refuses a thread.
///
/// # Example
///
/// ```
/// kiln::compute::init()?;
/// # Ok::<_, kiln::compute::ComputeError>(())
/// ```
///
/// [init]: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
pub fn init() -> Result<(), ComputeError> {
    pool().map(drop)
}

/// How many threads compute at once: [as many](environment::Environment::threads) as the memory
/// setting has vCPUs, rounded up.
///
/// # Example
///
/// ```
/// assert!(kiln::compute::threads().get() >= 1);
/// ```
pub fn threads() -> NonZeroUsize {
    environment::current().threads()
}

/// The pool itself, for code that has use for rayon without a future.
///
/// What is spawned here directly has no deadline and no invocation, and a panic in it aborts the
/// process, as rayon has it: [`run`](super::run) is what handlers want. `install` blocks the calling
/// thread.
///
/// # Errors
/// [`ComputeError::NoThreads`] when the system refuses a thread.
///
/// # Example
///
/// ```
/// use kiln::compute::{self, rayon::prelude::*};
///
/// // During init, before there is anybody to be responsive to.
/// let table: Vec<u32> = compute::pool()?.install(|| (0..256_u32).into_par_iter().map(|n| n * n).collect());
/// assert_eq!(table[3], 9);
/// # Ok::<_, kiln::compute::ComputeError>(())
/// ```
pub fn pool() -> Result<&'static ThreadPool, ComputeError> {
    if let Some(pool) = POOL.get() {
        return Ok(pool);
    }
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads().get())
        .thread_name(|index| format!("kiln-compute-{index}"))
        .build()
        .map_err(ComputeError::NoThreads)?;
    // Of two that are built at the same moment, one is kept; the other ends without having run.
    Ok(POOL.get_or_init(|| pool))
}
