//! Running cargo so that an interrupted build leaves no process behind.

use kiln_build::cargo::{BuildOutcome, CargoBuild, CargoError};
use tokio::runtime::Runtime;

use crate::cargo_run;
use crate::failure::Failure;
use crate::local::stop::Stop;

/// Runs cargo until it ends or a signal ends the build.
///
/// Cargo and all it starts have a process group of their own, so they end together whoever is
/// meant by the signal: this process alone (`kill`, a supervisor) or its group (Ctrl-C at a
/// terminal).
#[derive(Debug)]
pub struct Interruptible {
    runtime: Runtime,
    stop: Stop,
}

impl Interruptible {
    /// From here on signals do not end the process by themselves: see to [`check`](Self::check).
    pub fn new() -> Result<Self, Failure> {
        // A thread of its own takes note of signals while this one packages.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(Failure::usage)?;
        let stop = runtime.block_on(async { Stop::listen() })?;
        Ok(Self { runtime, stop })
    }

    /// Runs a build to its end.
    pub fn run(&mut self, build: &CargoBuild) -> Result<BuildOutcome, CargoError> {
        let Self { runtime, stop } = self;
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = stop.requested() => Err(CargoError::Interrupted),
                outcome = cargo_run::run(build) => outcome,
            }
        })
    }

    /// Whether the build is still wanted.
    pub fn check(&mut self) -> Result<(), CargoError> {
        let Self { runtime, stop } = self;
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = stop.requested() => Err(CargoError::Interrupted),
                () = std::future::ready(()) => Ok(()),
            }
        })
    }
}
