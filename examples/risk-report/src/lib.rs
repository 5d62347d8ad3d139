//! A function that computes: how much may a portfolio lose?
//!
//! The async runtime must go on answering while all cores are busy (extensions, telemetry, timeouts
//! hang on it), so the shape is: async at the boundary, `spawn_blocking` for the step over, rayon for
//! the cores. The answer depends on the request alone, not on how many cores there were.

use lambda_runtime::{Diagnostic, LambdaEvent, tracing};
use tokio::task::JoinError;

mod request;
mod simulation;

pub use request::{Portfolio, Position, RequestError, RiskRequest};
pub use simulation::{RiskReport, simulate};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum RiskError {
    /// The request makes no sense.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The computation panicked, or the runtime is shutting down.
    #[error("the simulation did not finish: {0}")]
    Unfinished(#[from] JoinError),
}

/// What callers and alarms see as `errorType`: a name that stays when the crate is restructured.
impl From<RiskError> for Diagnostic {
    fn from(error: RiskError) -> Self {
        let error_type = match &error {
            RiskError::Request(_) => "InvalidRequest",
            RiskError::Unfinished(_) => "UnfinishedSimulation",
        };
        Self {
            error_type: error_type.to_owned(),
            error_message: error.to_string(),
        }
    }
}

/// Answers a request with a report.
///
/// # Errors
///
/// When the request makes no sense, or the simulation panics.
pub async fn handle(event: LambdaEvent<RiskRequest>) -> Result<RiskReport, RiskError> {
    let portfolio = event.payload.check()?;
    let started = std::time::Instant::now();
    let report = tokio::task::spawn_blocking(move || simulate(&portfolio)).await?;
    tracing::info!(
        simulations = report.simulations,
        threads = rayon::current_num_threads(),
        seconds = started.elapsed().as_secs_f64(),
        "simulated"
    );
    Ok(report)
}
