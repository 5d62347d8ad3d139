//! All flags of `cargo build`, for the commands that build.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use crate::output::Color;

/// The flags of `cargo build`, spelt and grouped as cargo does.
///
/// Cargo's own `--color` is Kiln's global one: whatever is said of the one goes for the other.
#[derive(Clone, Debug)]
pub struct CargoFlags(pub cargo_options::Build);

impl Args for CargoFlags {
    fn augment_args(command: Command) -> Command {
        let command = cargo_options::Build::augment_args(command);
        share_color(command).mut_args(explain_target)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for CargoFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        // The value is Kiln's type here and would not be cargo's.
        let color = matches.remove_one::<Color>("color");
        let mut options = cargo_options::Build::from_arg_matches_mut(matches)?;
        options.common.color = match color {
            Some(Color::Always) => Some("always".to_owned()),
            Some(Color::Never) => Some("never".to_owned()),
            Some(Color::Auto) | None => None,
        };
        Ok(Self(options))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Makes the flag's definition here agree with the global one, with which it shares its name and
/// therefore its value.
fn share_color(command: Command) -> Command {
    command.mut_arg("color", |arg| {
        arg.value_parser(clap::builder::EnumValueParser::<Color>::new())
            .help("When to colour the output")
    })
}

/// A sentence that cargo's help has no reason to have.
fn explain_target(arg: Arg) -> Arg {
    if arg.get_id() == "target" {
        arg.help("Build for this Rust target, as in `x86_64-unknown-linux-gnu.2.26` with the glibc it must run on")
    } else {
        arg
    }
}
