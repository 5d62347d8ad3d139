//! One execution environment of AWS Lambda: its lifecycle, its Runtime API, its processes.
//!
//! An [`Environment`] runs one invocation at a time in a process family of its own and survives
//! what that process does: it starts over after a crash or a timeout and answers every caller
//! exactly once. It knows nothing of functions, aliases or queues; whoever owns it (its [`Host`])
//! is told when it can take the next [`Invocation`].
//!
//! The order of things is decided by [`lifecycle::Machine`], which does no I/O and reads no clock;
//! [`Environment`] feeds it events and carries out the effects it answers with.

mod bandwidth;
pub mod environment;
mod extensions_api;
pub mod filesystem;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod invocation;
pub mod lifecycle;
mod logs;
mod metadata_api;
pub mod process;
pub mod resources;
mod runtime_api;
pub mod telemetry;
mod text;
mod timestamp;

pub use bandwidth::StreamLimits;
pub use environment::{Environment, EnvironmentConfig, Host, Identity, Launch, LogSource};
pub use filesystem::{FileSystem, FileSystemSettings, FileSystems};
pub use invocation::{Invocation, InvocationReport, InvocationResult, Outcome, ResponsePart};
pub use kiln_protocol::telemetry_record::InitializationType;
pub use resources::{Controls, ResourceSettings};
pub use telemetry::Telemetry;
