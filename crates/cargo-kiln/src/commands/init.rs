//! `kiln init`

use std::path::{Path, PathBuf};

use kiln_project::scaffold::ScaffoldError;

use super::new::{Choice, failure};
use crate::failure::{Exit, Failure};
use crate::output;

/// Flags of `kiln init`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
No file is overwritten: a README, a licence and a `.gitignore` stay as they are, and if any other
file of the project is there already, nothing is written at all.

Examples:
  kiln init                          a function that is invoked with JSON
  kiln init --kind sqs --name orders")]
pub struct Args {
    /// Directory to turn into a project.
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,

    #[command(flatten)]
    choice: Choice,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Exit, Failure> {
    // `.` has no name; the directory it stands for has one.
    let directory = args.path.canonicalize().map_err(|error| {
        Failure::usage(format!("there is no directory `{}`", args.path.display())).hint(format!(
            "`kiln new {}` makes it ({error})",
            args.path.display()
        ))
    })?;
    let prepared = args.choice.prepare(&directory, || is_free(&directory))?;
    let written = prepared.plan.write_into(&directory).map_err(failure)?;
    prepared.announce(&format!(
        "made {} in `{}`: {} files",
        prepared.what(),
        args.path.display(),
        written.written.len()
    ));
    if !written.kept.is_empty() {
        let kept: Vec<String> = written
            .kept
            .iter()
            .map(|path| format!("`{}`", path.display()))
            .collect();
        output::say(format!("kept as it was: {}", kept.join(", ")));
    }
    let elsewhere = (args.path != Path::new(".")).then_some(args.path.as_path());
    prepared.next_steps(elsewhere);
    Ok(Exit::Done)
}

/// Whether there is no manifest yet, which every template brings; what else is in the way is known
/// when the project is.
fn is_free(directory: &Path) -> Result<(), ScaffoldError> {
    let manifest = Path::new("Cargo.toml");
    if directory.join(manifest).symlink_metadata().is_ok() {
        return Err(ScaffoldError::Conflicts {
            directory: directory.to_owned(),
            files: vec![manifest.to_owned()],
        });
    }
    Ok(())
}
