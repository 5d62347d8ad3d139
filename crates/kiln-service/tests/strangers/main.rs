//! Fidelity proved by strangers: programs that were written for AWS, unchanged.
//!
//! `cargo xtask test` installs them, and tells where they are by variables.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a panic in a test is its report, and what a function wrote belongs to it"
)]

mod bad_calls;
mod bad_extensions;
mod boto3;
mod clients;
mod extensions;
mod oracle;
mod served;
mod stage;
