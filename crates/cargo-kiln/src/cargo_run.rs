//! Running cargo as a future that can be dropped.

use std::io;

use kiln_build::cargo::{BuildOutcome, BuildProgress, CargoBuild, CargoError};
use kiln_service::process::{Family, Manners};
use tokio::io::{AsyncBufReadExt as _, BufReader};

/// Ends cargo and its compilers when the build is no longer wanted.
struct Cargo(Family);

impl Drop for Cargo {
    fn drop(&mut self) {
        self.0.kill();
    }
}

/// Runs a build. Cargo's progress and diagnostics go to stderr as they come.
///
/// Dropping the future ends cargo, its compilers and the build scripts: they are a family of their
/// own, which a Ctrl-C at the terminal does not reach.
pub async fn run(build: &CargoBuild) -> Result<BuildOutcome, CargoError> {
    let command = build.command();
    let program = command.get_program().to_string_lossy().into_owned();
    let mut progress = BuildProgress::start();
    let (family, mut child) = Family::spawn(command, Manners::default())
        .map_err(|source| CargoError::Start { program, source })?;
    let cargo = Cargo(family);
    if let Some(output) = child.stdout.take() {
        read(BufReader::new(output), &mut progress)
            .await
            .map_err(CargoError::Output)?;
    }
    let status = child.wait().await.map_err(CargoError::Output)?;
    // It has ended by itself: nobody is left to kill, and its id may be another's by now.
    std::mem::forget(cargo);
    progress.end(status)
}

async fn read(
    mut output: impl tokio::io::AsyncBufRead + Unpin,
    progress: &mut BuildProgress,
) -> io::Result<()> {
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).await? > 0 {
        // A build script may print any bytes.
        progress.line(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(())
}
