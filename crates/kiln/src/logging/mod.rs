//! JSON logs with the keys of Lambda.
//!
//! Records of [`tracing`](mod@::tracing) become lines that CloudWatch Logs Insights finds its way in and
//! [Lambda's own filter][filter] understands: `level` and an RFC 3339 `timestamp` on every line, the
//! request id and trace id too, also where a task or thread was spawned. [`run`](crate::run()) turns it on;
//! a function without it calls [`init`].
//!
//! ```text
//! {"level":"INFO","location":"orders:12","message":"order placed","timestamp":"2026-11-22T22:37:46.123Z",
//!  "service":"orders","cold_start":true,"function_name":"orders","function_memory_size":128,
//!  "function_arn":"arn:aws:lambda:eu-west-1:123456789012:function:orders",
//!  "function_request_id":"79b4f56e-95b1-4643-9700-2807f4e68189","xray_trace_id":"1-5759e988-bd862e3fe1be46a994272793",
//!  "order_id":"o-1"}
//! ```
//!
//! (One line; broken here.) The keys are those of the Logger of Powertools, in its order, then the
//! fields of the record, then those of its spans.
//!
//! # Example
//!
//! ```
//! use kiln::logging::{self, info, instrument};
//!
//! logging::init();
//!
//! #[instrument(skip_all, fields(order_id = order_id))]
//! fn place(order_id: &str, api_key: &str) {
//!     // The value of `api_key` is not written: its name says what it is.
//!     info!(api_key, total = 12.5, "order placed");
//! }
//! place("o-1", "k-123");
//! ```
//!
//! # Settings
//!
//! | variable | |
//! | --- | --- |
//! | `AWS_LAMBDA_LOG_LEVEL` | the level; set by Lambda for functions that log in JSON, and before all others |
//! | `POWERTOOLS_LOG_LEVEL` | the level, unless [code](Logging::level) says it |
//! | `RUST_LOG` | the level after these; and levels by target, as in `info,hyper=warn` |
//! | `POWERTOOLS_SERVICE_NAME` | `service` |
//! | `POWERTOOLS_LOGGER_SAMPLE_RATE` | the share of invocations, 0 to 1, whose DEBUG lines are written |
//! | `POWERTOOLS_LOGGER_LOG_EVENT` | `true`: each event is logged, without secrets |
//! | `KILN_LOGGER_FORMAT` | `json` or `text`; unless set, JSON on Lambda and text elsewhere |
//!
//! What carries the Runtime API, the crates `hyper_util` and `lambda_runtime`, has nothing below INFO in
//! the log, nor in its buffer, unless `RUST_LOG` names it: `hyper_util=debug`.
//!
//! `AWS_LAMBDA_LOG_FORMAT` is not among them: it says how Lambda treats lines, and is `Text` unless
//! somebody changes it; JSON lines are as good there, and Powertools writes them too.
//!
//! [filter]: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html

mod buffer;
mod builder;
mod captured;
pub mod correlation_paths;
mod fields;
mod layer;
mod level;
mod line;
pub(crate) mod pointer;
mod service;
mod settings;
mod shared;
mod state;
#[cfg(test)]
mod tests;
mod timestamp;

pub use ::tracing::{
    Instrument, Level, Span, debug, debug_span, error, error_span, info, info_span, trace,
    trace_span, warn, warn_span,
};

/// The attribute `#[instrument]` of `tracing`: a function call as a span.
///
/// What it writes names the crate `tracing`, which must be among the function's own dependencies; the
/// macros beside it do without.
///
/// # Example
///
/// ```
/// use kiln::logging::{info, instrument};
///
/// #[instrument]
/// fn place(order_id: u32) {
///     info!("order placed");
/// }
/// place(1);
/// ```
pub use ::tracing::instrument;

pub use buffer::Buffer;
pub use builder::Logging;
pub use captured::Captured;
pub use service::{LoggingFuture, LoggingLayer, LoggingService};
pub use settings::Format;

use bytes::Bytes;

use crate::invocation::{self, Invocation};
use state::{CorrelationId, Logged, RawEvent};

/// Logs as the environment asks for it, unless a subscriber is set already.
///
/// Returns whether it does. See the [module](self) for the variables.
///
/// # Example
///
/// ```
/// kiln::logging::init();
/// // A second time changes nothing.
/// assert!(!kiln::logging::init());
/// ```
pub fn init() -> bool {
    Logging::new().init()
}

/// Logs from here on, as [`run`](crate::run()) does: it reports failures itself.
pub(crate) fn begin() {
    layer::failures_are_logged();
    init();
}

/// Keeps the event as it came, if the log wants something of it.
pub(crate) fn keep_event(invocation: &Invocation, body: &Bytes) {
    if shared::wants_events() {
        invocation.parts().insert(RawEvent(body.clone()));
    }
}

/// Sets `correlation_id` on the lines of the invocation that is being handled, from here on.
///
/// Does nothing outside of an invocation. For an id that is always at the same place of the event,
/// see [`Logging::correlation_id_path`].
///
/// # Example
///
/// ```
/// kiln::logging::set_correlation_id("c-1");
/// ```
pub fn set_correlation_id(id: impl Into<String>) {
    if let Some(invocation) = invocation::current() {
        let id = CorrelationId(id.into().into());
        invocation.parts().insert(id);
    }
}

/// Writes what the [buffer](Buffer) has kept of the invocation that is being handled.
///
/// # Example
///
/// ```
/// kiln::logging::flush_buffer();
/// ```
pub fn flush_buffer() {
    if let Some(invocation) = invocation::current()
        && let Some(logged) = Logged::existing(&invocation)
    {
        logged.flush(&invocation);
    }
}

/// Forgets what the [buffer](Buffer) has kept of the invocation that is being handled.
///
/// # Example
///
/// ```
/// kiln::logging::clear_buffer();
/// ```
pub fn clear_buffer() {
    if let Some(logged) = invocation::current().and_then(|current| Logged::existing(&current)) {
        logged.forget();
    }
}
