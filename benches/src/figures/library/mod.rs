//! Figures of the library `kiln`, each beside the same written by hand, in one run.

pub mod compute;
pub mod pipeline;

use crate::error::BenchError;

/// The runtime of a function with one vCPU.
fn runtime() -> Result<tokio::runtime::Runtime, BenchError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(BenchError::Machine)
}
