//! The function's entry.

use lambda_runtime::{Error, LambdaEvent};
use serde::{Serialize, de::DeserializeOwned};

/// Runs the function: asks for an event, has the handler answer it, asks for the next.
///
/// # Errors
/// When the Runtime API cannot be spoken to.
pub fn run<A, R, E, F, H>(handler: H) -> Result<(), Error>
where
    H: Fn(LambdaEvent<A>) -> F,
    F: Future<Output = Result<R, E>>,
    A: DeserializeOwned,
    R: Serialize,
    E: Into<lambda_runtime::Diagnostic> + std::fmt::Debug,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(lambda_runtime::run(lambda_runtime::service_fn(handler)))
}

/// A function whose parts are chosen one by one.
pub fn builder() {}
