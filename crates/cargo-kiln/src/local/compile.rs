//! One `cargo build` for all functions, as a future that can be dropped.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use kiln_build::cargo::{CargoBuild, Message};
use kiln_project::{Function, TargetKind};
use kiln_service::process::Family;
use tokio::io::{AsyncBufReadExt as _, BufReader};

/// The executables of a finished build.
#[derive(Debug)]
pub struct Compiled {
    /// By function name.
    pub executables: BTreeMap<String, PathBuf>,
    /// How long cargo ran.
    pub duration: Duration,
}

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// Cargo did not start.
    #[error("cannot run cargo")]
    Start(#[source] io::Error),
    /// Cargo's output ended in the middle.
    #[error("cannot read the output of cargo")]
    Output(#[source] io::Error),
    /// The code does not compile; cargo has said why on stderr.
    #[error("the build failed ({0})")]
    Failed(ExitStatus),
}

/// Ends cargo and its compilers when the build is no longer wanted.
struct Cargo(Family);

impl Drop for Cargo {
    fn drop(&mut self) {
        self.0.kill();
    }
}

/// The options that make cargo build these functions and nothing else.
pub fn select(options: &mut cargo_options::Build, functions: &[&Function]) {
    options.packages = functions
        .iter()
        .map(|function| function.package.clone())
        .collect();
    options.packages.sort();
    options.packages.dedup();
    let named = |target| {
        functions
            .iter()
            .filter(|function| function.target == target)
            .map(|function| function.name.clone())
            .collect()
    };
    options.bin = named(TargetKind::Bin);
    options.example = named(TargetKind::Example);
    options.workspace = false;
    options.exclude = Vec::new();
}

/// Runs the build. Cargo's progress and diagnostics go to stderr as they come.
///
/// Dropping the future ends cargo and its compilers.
pub async fn compile(build: &CargoBuild) -> Result<Compiled, CompileError> {
    let started = Instant::now();
    let (family, mut child) = Family::spawn(build.command(), None).map_err(CompileError::Start)?;
    let cargo = Cargo(family);
    let mut executables = BTreeMap::new();
    if let Some(output) = child.stdout.take() {
        let mut lines = BufReader::new(output).lines();
        while let Some(line) = lines.next_line().await.map_err(CompileError::Output)? {
            if let Some(Message::Artifact(artifact)) = Message::parse(&line)
                && artifact.is_program()
                && let Some(executable) = artifact.executable
            {
                executables.insert(artifact.target_name, executable);
            }
        }
    }
    let status = child.wait().await.map_err(CompileError::Output)?;
    // It has ended by itself: nobody is left to kill, and its id may be another's by now.
    std::mem::forget(cargo);
    if !status.success() {
        return Err(CompileError::Failed(status));
    }
    Ok(Compiled {
        executables,
        duration: started.elapsed(),
    })
}
