//! The local AWS Lambda: an HTTP edge that SDKs take for the service, the functions behind it, and
//! the scheduler that finds each invocation an execution environment.
//!
//! An invocation flows from the [`edge`] (the only place that knows HTTP) to a [`Function`], which
//! hands it to an idle environment or grows its pool, and back as an outcome.
//!
//! The crate prints nothing: what is worth showing goes to an [`Observer`].

mod account;
mod awake;
mod config;
pub mod edge;
mod function;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod pool;
mod rate;
mod service;
mod variables;

pub use account::ConcurrencyShare;
pub use config::{Code, FunctionConfig, Mode, ProvisionedState, ServiceConfig};
pub use function::{BuildState, Function};
pub use kiln_protocol::error::ThrottleReason;
pub use kiln_sandbox::{InvocationReport, InvocationResult, LogSource, Outcome, StreamLimits};
pub use kiln_sandbox::{filesystem, process, resources};
pub use service::{Observer, Service, Throttle};
pub use variables::{
    Credentials, brings_credentials, extension_variables, runtime_variables, runtime_version,
};
