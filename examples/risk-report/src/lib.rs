//! A function that computes: how much may a portfolio lose? It is told of portfolios by EventBridge.
//!
//! The async runtime must go on answering while all cores are busy (extensions, telemetry, timeouts
//! hang on it), so the shape is: async at the boundary, `kiln::compute` for the step over to the cores.
//! The answer depends on the request alone, not on how many cores there were.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use kiln::compute::{self, ComputeError};
use kiln::logging::info;
use kiln::{LambdaError, LambdaEvent};

mod request;
mod simulation;

pub use request::{Portfolio, Position, RequestError, RiskRequest};
pub use simulation::{RiskReport, simulate};

/// Why there is no report: callers and alarms see a name that stays when the crate is restructured.
#[derive(Debug, thiserror::Error, LambdaError)]
pub enum RiskError {
    /// The request makes no sense.
    #[error(transparent)]
    #[lambda_error(type = "InvalidRequest")]
    Request(#[from] RequestError),
    /// The computation panicked, or the invocation's time was up.
    #[error(transparent)]
    #[lambda_error(transparent)]
    Compute(#[from] ComputeError),
}

/// Answers a request, the event's detail, with a report: for the function's destination on success.
///
/// # Errors
///
/// When the request makes no sense, the simulation panics, or the time is up before it is done.
pub async fn handle(
    event: LambdaEvent<EventBridgeEvent<RiskRequest>>,
) -> Result<RiskReport, RiskError> {
    let portfolio = event.payload.detail.check()?;
    let started = std::time::Instant::now();
    let report = compute::run(move || simulate(&portfolio)).await?;
    info!(
        simulations = report.simulations,
        threads = compute::threads(),
        seconds = started.elapsed().as_secs_f64(),
        "simulated"
    );
    Ok(report)
}
