//! Test harness: the real binary, real projects, a running `kiln watch`.
//!
//! Everything a test starts has its own port and directory and ends with the test; what it printed
//! is shown when the test fails. Waiting is always for a condition, with [patience](eventually).
//!
//! A harness panics where a library would return errors: the panic is the test's report.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a harness reports to whoever reads the failed test"
)]

pub mod aws;
mod client;
mod eventually;
mod kiln;
mod moto;
pub mod powertools;
mod process;
mod project;
mod stream;
mod terminal;
mod watch;

pub use client::{Answer, Client};
pub use eventually::{eventually, eventually_within};
pub use kiln::{Kiln, Output};
pub use moto::Moto;
pub use process::{descendants, is_running};
pub use project::{Project, built_fixture, fixture, workspace_root};
pub use stream::{Message, Stream};
pub use watch::Watch;
