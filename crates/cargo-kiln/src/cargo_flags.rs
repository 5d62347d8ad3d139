//! All flags of `cargo build`, for the commands that build.

use std::ops::Deref;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

/// The flags of `cargo build`, spelt and grouped as cargo does.
#[derive(Clone, Debug)]
pub struct CargoFlags(pub cargo_options::Build);

impl Deref for CargoFlags {
    type Target = cargo_options::Build;

    fn deref(&self) -> &cargo_options::Build {
        &self.0
    }
}

impl Args for CargoFlags {
    fn augment_args(command: Command) -> Command {
        cargo_options::Build::augment_args(command).mut_args(explain)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for CargoFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        cargo_options::Build::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

/// What cargo's help has no reason to say, or says in a word; and what cargo takes without a value.
fn explain(arg: Arg) -> Arg {
    // Without a value cargo lists the possible ones and ends. Here the flag would look as if it
    // were not there, and everything would be built.
    let arg = match arg.get_id().as_str() {
        "packages" | "bin" | "example" | "target" => arg.num_args(1),
        _ => arg,
    };
    match arg.get_id().as_str() {
        "target" => arg.help(
            "Build for this Rust target; a glibc version after it says what the result must run \
             on, as in `x86_64-unknown-linux-gnu.2.26`",
        ),
        "color" => arg.help("When to colour the output"),
        _ => arg,
    }
}
