//! The command line: what can be typed. Each command's flags and its work are in `commands/`.

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand};

use crate::commands::{build, doctor, event, init, invoke, new, tour, watch};
use crate::failure::{Exit, Failure};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Build, run, check and ship Rust functions on AWS Lambda.
#[derive(Debug, Parser)]
#[command(
    name = "kiln",
    version,
    styles = STYLES,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "New here? `kiln tour` shows the whole story on a sample workspace."
)]
pub struct Cli {
    /// When to colour the output [default: auto: on a terminal, unless `NO_COLOR` is set].
    // The same shape as cargo's own flag, which the commands that run cargo take over.
    #[arg(long, global = true, value_name = "WHEN", value_parser = ["auto", "always", "never"])]
    pub color: Option<String>,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands, in the order of a function's life.
// Those without words here have them on their arguments, where `--help` finds the longer text too:
// words on a variant would take its place.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a new function project from a template.
    New(new::Args),
    /// Turn the current directory into a function project.
    Init(init::Args),
    // The order is said where cargo's flags bring one of their own.
    #[command(visible_alias = "start", display_order = 3)]
    // Boxed, as others below: all of cargo's flags are many times the size of any other variant.
    Watch(Box<watch::Args>),
    Invoke(Box<invoke::Args>),
    /// Print a sample event.
    Event(event::Args),
    /// Compile and package functions for AWS Lambda.
    #[command(display_order = 6)]
    Build(Box<build::Args>),
    /// Show what is missing on this machine, and the command that fixes it.
    #[command(visible_alias = "system", alias = "config")]
    Doctor(doctor::Args),
    Tour(tour::Args),
    /// The linker wrappers of a build with zig call this.
    #[command(hide = true, subcommand)]
    Zig(kiln_build::linker::ZigTool),
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> Result<Exit, Failure> {
        match self {
            Self::New(args) => new::run(args),
            Self::Init(args) => init::run(args),
            Self::Watch(args) => watch::run(*args),
            Self::Invoke(args) => invoke::run(*args),
            Self::Event(args) => event::run(args),
            Self::Build(args) => build::run(&args),
            Self::Doctor(args) => doctor::run(args),
            Self::Tour(args) => tour::run(args),
            Self::Zig(tool) => build::zig::run(&tool),
        }
    }
}
