//! One `cargo build` call: what to run, and what it answered.
//!
//! ```no_run
//! use std::process::Stdio;
//!
//! use kiln_build::cargo::{BuildProgress, CargoBuild};
//!
//! let mut build = CargoBuild::default();
//! build.options.release = true;
//! let mut progress = BuildProgress::start();
//! let output = build.command().stderr(Stdio::inherit()).output()?;
//! for line in String::from_utf8_lossy(&output.stdout).lines() {
//!     progress.line(line);
//! }
//! for program in progress.end(output.status)?.artifacts {
//!     println!("{} is at {}", program.target_name, program.executable.display());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build;
pub(crate) mod message;
mod progress;

pub use build::{BuildOutcome, Built, CargoBuild, CargoError};
pub use message::{Artifact, ArtifactKind};
pub use progress::BuildProgress;
