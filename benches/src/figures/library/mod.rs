//! The figures of the library `kiln`, each beside the usual hand-written way in the same run.
//!
//! But for `extension` and `testing` they need no tool. What is measured is compiled into this program, or a function of
//! `fixtures/start` that is fed by a Runtime API of the benchmark. The column `bare` is what is written by
//! hand.

pub(super) mod batch;
mod both;
pub(super) mod compute;
pub(super) mod connections;
pub(super) mod extension;
pub(super) mod fan_out;
pub(super) mod flags;
mod functions;
pub(super) mod http;
pub(super) mod idempotency;
pub(super) mod layers;
pub(super) mod parameters;
pub(super) mod pipeline;
mod stand_in;
pub(super) mod start;
pub(super) mod testing;
pub(super) mod tracing;

use tokio::runtime::{Builder, Runtime};

use crate::error::BenchError;

/// The runtime of a function with one vCPU.
fn runtime() -> Result<Runtime, BenchError> {
    let built = Builder::new_current_thread().enable_all().build();
    built.map_err(BenchError::Machine)
}

/// Runs what is asynchronous on one thread, as a function of one vCPU does.
fn on_one_thread<F: Future>(future: F) -> Result<F::Output, BenchError> {
    Ok(runtime()?.block_on(future))
}

/// What is measured does not do what it is to be measured at.
fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BenchError {
    BenchError::Machine(std::io::Error::other(error))
}
