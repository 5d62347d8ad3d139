//! AWS Lambda's wire types and rules as pure functions: names, ARNs, headers, error bodies,
//! log lines.
//!
//! Nothing here opens a socket, reads a clock or rolls a die: what depends on the moment (a request
//! id, an arrival time) is handed in. That keeps every rule table-testable and fuzzable, and lets
//! the local service, the deployer and the tests speak of the same strings.
//!
//! Strings that go over the wire are AWS's, byte for byte; the comment above each names the page
//! or the behaviour it reproduces.

pub mod environment_variables;
pub mod error;
pub mod event_stream;
pub mod extension_event;
pub mod extensions_api;
pub mod function;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod headers;
pub mod invoke;
pub mod json_log;
pub mod log_line;
pub mod log_stream;
pub mod metadata_api;
pub mod runtime_api;
pub mod runtime_version;
pub mod samples;
pub mod telemetry_api;
pub mod telemetry_record;
pub mod trace;
mod uuid;
