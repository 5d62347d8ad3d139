//! Good AWS Lambda code as an import.
//!
//! `kiln` is what the best teams write again in each function, done once: on top of the official
//! [`lambda_runtime`], as functions and [`tower`] layers. A whole function:
//!
//! ```no_run
//! use kiln::{Error, LambdaEvent};
//! use serde_json::{Value, json};
//!
//! fn main() -> Result<(), Error> {
//!     kiln::run(greet)
//! }
//!
//! async fn greet(event: LambdaEvent<Value>) -> Result<Value, Error> {
//!     let name = event.payload["name"].as_str().unwrap_or("world");
//!     Ok(json!({ "greeting": format!("hello, {name}") }))
//! }
//! ```
//!
//! # Parts
//!
//! Each part is a feature of its own; `derive` and `logging` are on by default. With no features
//! the crate adds no dependency to a function but `lambda_runtime`.
//!
//! | module | feature | for |
//! | --- | --- | --- |
//! | [`run`](mod@run) | | the function's entry: state built once, layers, a runtime of the right size |
//! | [`deadline`] | | the time that is left, and an answer before it ends |
//! | [`errors`] | `derive` for the macro | stable error types, retryable or not, with an HTTP status |
//! | [`invocation`] | | what is being handled: request id, deadline, trace |
//! | [`compute`] | `compute` | CPU work beside the async threads, on rayon |
//! | [`io`] | `io` | many calls at once: bounded, retried, in time for the deadline |
//! | [`pipeline`] | `pipeline` | download, compute, upload: overlapping, in bounded memory |
//! | [`batch`] | `batch` | SQS, Kinesis, DynamoDB Streams, Kafka: failures reported one by one |
//! | [`idempotency`] | `idempotency`, `idempotency-dynamodb` | handlers that run once per key |
//! | [`parameters`] | `parameters`, `parameters-ssm`, `parameters-secretsmanager`, `parameters-appconfig`, `parameters-dynamodb`, `parameters-extension` | cached parameters and secrets |
//! | [`flags`] | `flags` | feature flags in the schema of Powertools |
//! | [`logging`] | `logging` | JSON logs with the keys of Lambda |
//! | [`metrics`] | `metrics` | CloudWatch metrics in the embedded metric format |
//! | [`tracing`] | `tracing` | OpenTelemetry traces, and X-Ray's header |
//! | [`http`](mod@http) | `http` | layers for functions that answer HTTP requests |
//! | [`testing`] | `testing` | events, contexts, a clock to set, and the real binary on the local Lambda |
#![cfg_attr(docsrs, feature(doc_cfg))]

// What the derive macros write names this crate from outside.
extern crate self as kiln;

#[cfg(doctest)]
mod book;
pub mod clock;
pub mod deadline;
pub mod environment;
pub mod errors;
#[cfg(any(all(test, feature = "flags", feature = "logging"), feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;
pub mod invocation;
#[cfg(any(feature = "logging", feature = "metrics"))]
mod json;
#[cfg(any(feature = "logging", feature = "metrics"))]
mod output;
#[cfg(any(feature = "logging", feature = "metrics"))]
mod redact;
pub mod run;
mod service_of;
#[cfg(any(
    feature = "idempotency",
    feature = "logging",
    feature = "metrics",
    feature = "parameters-extension",
    feature = "parameters-ssm",
    feature = "tracing",
))]
mod switch;
#[cfg(test)]
#[cfg(any(
    feature = "compute",
    feature = "idempotency",
    feature = "io",
    feature = "parameters",
))]
mod test_invocation;
mod unreadable;

#[cfg(feature = "batch")]
pub mod batch;
#[cfg(feature = "compute")]
pub mod compute;
#[cfg(feature = "flags")]
pub mod flags;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "idempotency")]
pub mod idempotency;
#[cfg(feature = "io")]
pub mod io;
#[cfg(feature = "logging")]
pub mod logging;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "parameters")]
pub mod parameters;
#[cfg(feature = "pipeline")]
pub mod pipeline;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tracing")]
pub mod tracing;

pub use deadline::Deadline;
pub use errors::LambdaError;
pub use lambda_runtime::{self, Context, Diagnostic, Error, LambdaEvent, service_fn, tower};
pub use run::{builder, run};
