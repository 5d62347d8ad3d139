//! One `cargo build` call: what to run, and what it answered.
//!
//! ```no_run
//! use kiln_build::cargo::CargoBuild;
//!
//! let mut build = CargoBuild::default();
//! build.options.release = true;
//! let outcome = build.run()?;
//! for artifact in &outcome.artifacts {
//!     println!("{} is at {:?}", artifact.target_name, artifact.executable);
//! }
//! # Ok::<(), kiln_build::cargo::CargoError>(())
//! ```
//!
//! A caller with an event loop of its own takes [`CargoBuild::command`] and feeds each line of its
//! standard output to a [`BuildProgress`].

mod build;
mod message;
mod progress;

pub use build::{BuildOutcome, Built, CargoBuild, CargoError};
pub use message::{Artifact, ArtifactKind, Message};
pub use progress::BuildProgress;
