//! The function's entry: state built once, layers, a runtime of the right size.
//!
//! [`run`](run()) is enough for most functions; [`builder`] has the parts one by one:
//!
//! ```no_run
//! use kiln::{Error, LambdaEvent};
//! use serde_json::{Value, json};
//! use std::collections::HashMap;
//!
//! struct Prices(HashMap<String, u32>);
//!
//! async fn load() -> Result<Prices, Error> {
//!     Ok(Prices(HashMap::from([("apple".to_owned(), 30)])))
//! }
//!
//! async fn price(prices: &'static Prices, event: LambdaEvent<Value>) -> Result<Value, Error> {
//!     let item = event.payload["item"].as_str().unwrap_or_default();
//!     Ok(json!({ "price": prices.0.get(item) }))
//! }
//!
//! fn main() -> Result<(), Error> {
//!     kiln::builder().init(load).run(price)
//! }
//! ```
//!
//! # What it does
//!
//! - **A Tokio runtime of the size of the environment.** Where the memory setting gives one vCPU or
//!   less, one thread does everything: more would only hand work to each other. Else there is one
//!   worker per vCPU. See [`environment`](crate::environment).
//! - **[Every invocation in scope](crate::invocation::current)**, from the parsing of its event to the
//!   answer's last byte, inside the tracing span of `lambda_runtime` that has its request id.
//! - **Errors with a type.** A failed invocation is one `error` event of [`tracing`](https://docs.rs/tracing), with
//!   `error_type`, `error_message` and the error's `Debug` form; a panic of the handler is an error of
//!   the type [`HandlerPanicked`](PANICKED) with the panic's message, and the environment goes on. It
//!   takes `panic = "unwind"`, the default. An event that is not what the handler takes is one of the
//!   type [`InvalidEvent`](INVALID_EVENT): its message says what is wrong and where, and not what stands
//!   there.
//! - **An init that fails is reported** to [Lambda's Runtime API][init-error] with the type of its
//!   error, so that the caller and the logs have it, not only `Runtime.ExitError`.
//! - **As many invocations at once as the environment asks for**
//!   (`AWS_LAMBDA_MAX_CONCURRENCY`, on managed instances): each of its own task.
//!
//! [init-error]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror

mod assemble;
mod builder;
mod catch;
mod event;
mod init;
mod panics;
mod report;
mod scope;
mod serve;
mod start;

use std::fmt::Debug;

use lambda_runtime::{Diagnostic, Error, IntoFunctionResponse, LambdaEvent};
use serde::{Serialize, de::DeserializeOwned};

pub use assemble::Handler;
#[cfg(feature = "testing")]
pub(crate) use assemble::{Function, assemble, once};
pub use builder::{Builder, Init, NoInit};
pub use event::INVALID_EVENT;
pub use panics::PANICKED;
#[cfg(any(feature = "compute", feature = "http"))]
pub(crate) use panics::message as panic_message;
pub use scope::{InvocationLayer, InvocationService};
pub use start::StartError;

/// Runs the function: asks for an event, has the handler answer it, asks for the next.
///
/// It builds the Tokio runtime, so `main` is a plain function, and returns only with an error.
///
/// The handler may answer with anything that serializes, or with a [`StreamResponse`]
/// (`lambda_runtime::StreamResponse`) for a streaming response.
///
/// # Example
///
/// ```no_run
/// use kiln::{Error, LambdaEvent};
/// use serde_json::{Value, json};
///
/// fn main() -> Result<(), Error> {
///     kiln::run(greet)
/// }
///
/// async fn greet(event: LambdaEvent<Value>) -> Result<Value, Error> {
///     let name = event.payload["name"].as_str().unwrap_or("world");
///     Ok(json!({ "greeting": format!("hello, {name}") }))
/// }
/// ```
///
/// [`StreamResponse`]: lambda_runtime::StreamResponse
///
/// # Errors
/// [`StartError`] when this is not a Lambda execution environment, or the Runtime API's error when it
/// cannot be spoken to. Errors of the handler are answers to the caller, not the end of the function.
pub fn run<A, R, E, F, H, B, T, D, X>(handler: H) -> Result<(), Error>
where
    H: Fn(LambdaEvent<A>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<R, E>> + Send + 'static,
    A: DeserializeOwned + Send + 'static,
    R: IntoFunctionResponse<B, T> + Send + 'static,
    E: Into<Diagnostic> + Debug + 'static,
    B: Serialize + Send + 'static,
    T: futures_util::Stream<Item = Result<D, X>> + Unpin + Send + 'static,
    D: Into<bytes::Bytes> + Send + 'static,
    X: Into<Error> + Debug + Send + 'static,
{
    builder().run(handler)
}

/// A function whose parts are chosen one by one: see [`Builder`].
///
/// # Example
///
/// ```no_run
/// use kiln::{Error, LambdaEvent};
///
/// fn main() -> Result<(), Error> {
///     kiln::builder()
///         .worker_threads(2)
///         .run(async |event: LambdaEvent<String>| Ok::<_, Error>(event.payload))
/// }
/// ```
pub fn builder() -> Builder {
    Builder::new()
}
