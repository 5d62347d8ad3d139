//! `kiln new`, and in its modules what it shares with `kiln init`.

use std::path::PathBuf;

use kiln_project::scaffold::{Plan, ScaffoldError};

use crate::failure::{Exit, Failure};

mod cargo_lambda;
mod choice;
mod options;
mod prepared;
mod prompt;

pub use choice::Choice;

/// Flags of `kiln new`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Directory to make; its last part is the project's name.
    #[arg(value_name = "PATH")]
    path: PathBuf,

    #[command(flatten)]
    choice: Choice,
}

const EXAMPLES: &str = "\
Examples:
  kiln new orders                           a function that is invoked with JSON
  kiln new orders --kind http               an HTTP function on axum
  kiln new orders --kind sqs --workload mixed
                                            queue messages; async at the ends, rayon in the middle
  kiln new audit --kind extension --extension-api telemetry
  kiln new orders --template ../our-template --render-var team=checkout

Templates are part of kiln: this works offline.
A template of your own is a directory or ZIP file. `Cargo.toml`, `README.md`, everything below
`src/` and files that end in `.j2` are rendered with `{{ project_name }}`, `{{ crate_name }}`,
`{{ binary_name }}` and your `--render-var`s; the rest is copied.";

/// Runs the command.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let is_free = || Plan::check_destination(&args.path);
    let made = args.choice.prepare(&args.path, is_free)?;
    made.plan.create(&args.path).map_err(failure)?;
    made.announce(&format!(
        "made {} in `{}`",
        made.what(),
        args.path.display()
    ));
    made.next_steps(Some(&args.path));
    Ok(Exit::Done)
}

/// Everything that can go wrong here is wrong usage or a machine that is not right for it.
pub fn failure(error: ScaffoldError) -> Failure {
    let hint = error.hint();
    Failure::usage(error).maybe_hint(hint)
}
