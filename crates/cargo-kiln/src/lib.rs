//! The command line of Kiln: arguments, rendering, exit codes.
//!
//! Work that another front end would want (the service, builds, project settings) lives in the
//! crates below this one; this is the only place that talks to a person.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

mod aws;
mod cargo_flags;
mod cargo_run;
mod cli;
mod commands;
mod failure;
mod local;
mod output;
mod project;

use failure::Exit;

/// Parses the arguments, runs the command and turns its one result into an exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = without_cargo_word(args);
    if let Some(exit) = commands::build::zig::called_as_tool(&args) {
        return exit;
    }
    let cli = match cli::Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers (0); anything else is wrong usage (2).
            let _ = error.print();
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
            return exit.into();
        }
    };
    output::set_color(cli.color.as_deref());
    match std::panic::catch_unwind(|| cli.command.run()) {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(failure)) => {
            output::failure(&failure);
            failure.exit.into()
        }
        // The panic hook has printed where and why.
        Err(_) => {
            output::say(
                "hint: this is a defect of kiln: please report it with the command you ran",
            );
            Exit::Bug.into()
        }
    }
}

/// Drops the word `kiln` that cargo passes when it runs us as `cargo kiln …`.
fn without_cargo_word(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let by_cargo = args
        .first()
        .and_then(|program| std::path::Path::new(program).file_stem())
        .is_some_and(|stem| stem == "cargo-kiln");
    if by_cargo && args.get(1).is_some_and(|word| word == "kiln") {
        args.remove(1);
    }
    args
}
