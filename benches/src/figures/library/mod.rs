//! The figures of the library `kiln`, each beside the usual hand-written way in the same run.
//!
//! They need no peer and no function: what is measured is compiled into this program. The column
//! `bare` is what is written by hand.

pub(super) mod batch;
pub(super) mod http;
pub(super) mod idempotency;

use crate::error::BenchError;

/// Runs what is asynchronous on one thread, as a function of one vCPU does.
fn on_one_thread<F: Future>(future: F) -> Result<F::Output, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::Machine)?;
    Ok(runtime.block_on(future))
}
