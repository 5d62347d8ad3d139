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
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a new function project from a template.
    New(new::Args),
    /// Turn the current directory into a function project.
    Init(init::Args),
    /// Build, serve and reload every function of the workspace.
    #[command(visible_alias = "start")]
    // Boxed, as others below: all of cargo's flags are many times the size of any other variant.
    Watch(Box<watch::Args>),
    /// Invoke a function, local or on AWS, and print its answer.
    Invoke(Box<invoke::Args>),
    /// Print a sample event.
    Event(event::Args),
    /// Compile and package functions for AWS Lambda.
    Build(Box<build::Args>),
    /// Show what is missing on this machine, and the command that fixes it.
    #[command(visible_alias = "system", alias = "config")]
    Doctor(doctor::Args),
    /// See it all at work on a sample workspace, in a few minutes.
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
