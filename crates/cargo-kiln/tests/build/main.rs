//! `kiln build` through its front door: the real binary on real Cargo projects.
//!
//! Tests named after a fault keep us from repeating it; the faults are those that other tools have
//! in the same place.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: a panic there is the report"
)]

mod configuration;
mod errors;
#[cfg(target_os = "linux")]
mod interrupt;
mod linking;
mod machine;
mod optimization;
mod output;
mod project;
mod selection;
