//! `kiln init`

use std::io;
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
    let directory = existing(&args.path)?;
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

/// The directory, which is there. `.` has no name; the directory it stands for has one.
fn existing(path: &Path) -> Result<PathBuf, Failure> {
    let shown = path.display();
    Err(match path.canonicalize() {
        Ok(directory) if directory.is_dir() => return Ok(directory),
        Ok(_) => Failure::usage(format!("`{shown}` is not a directory")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Failure::usage(format!("there is no directory `{shown}`"))
                .hint(format!("`kiln new {shown}` makes it"))
        }
        Err(error) => Failure::usage(format!("failed to open `{shown}`: {error}")),
    })
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
