//! One `cargo build` for all functions, as a future that can be dropped.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use kiln_build::cargo::{CargoBuild, CargoError};

use crate::cargo_run;

/// The executables of a finished build.
#[derive(Debug)]
pub struct Compiled {
    /// By function name.
    pub executables: BTreeMap<String, PathBuf>,
    /// How long cargo ran.
    pub duration: Duration,
}

/// Runs the build. Cargo's progress and diagnostics go to stderr as they come.
///
/// Dropping the future ends cargo and its compilers.
pub async fn compile(build: &CargoBuild) -> Result<Compiled, CargoError> {
    let outcome = cargo_run::run(build).await?;
    let executables = outcome.artifacts.into_iter();
    Ok(Compiled {
        executables: executables
            .map(|built| (built.artifact.target_name, built.executable))
            .collect(),
        duration: outcome.duration,
    })
}
