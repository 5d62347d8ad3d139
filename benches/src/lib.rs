//! Kiln's figures beside its peers': same function, same machine, same run.
//!
//! `cargo xtask bench` builds and installs what this program measures, and runs it.
//! `docs/benchmarks.md` says what is measured, and how. It reads `/proc` and so runs on Linux.
//! [`soak`] is a part of its own, which a test of the command line uses too.
#![cfg(target_os = "linux")]

mod brood;
mod error;
mod figures;
mod machine;
mod perf;
mod procfs;
mod project;
mod report;
mod runtime_api;
mod server;
pub mod soak;
mod statistics;
mod tool;
mod traffic;
mod wire;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::brood::Brood;
use crate::error::BenchError;
use crate::figures::{Figure, Plan};
use crate::report::{Format, Report};

/// Measure Kiln beside cargo-lambda and the Runtime Interface Emulator
#[derive(Debug, clap::Parser)]
#[command(bin_name = "cargo xtask bench")]
struct Arguments {
    /// What to measure; all but `profile` and `soak` when nothing is named
    #[arg(value_name = "FIGURE")]
    figures: Vec<Figure>,

    /// How often each figure is measured; its median counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,

    /// How many invocations the soak makes
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=1_000_000_000))]
    invocations: u64,

    /// Have the soak's services enforce limits: CPU share, memory, freezing between invocations
    #[arg(long)]
    enforce_limits: bool,

    /// How to print the figures
    #[arg(short = 'o', long, value_name = "FORMAT", default_value = "text")]
    format: Format,

    /// The release build of `kiln`
    #[arg(long, value_name = "FILE")]
    kiln: PathBuf,

    /// The program `cargo-lambda`
    #[arg(long, value_name = "FILE")]
    cargo_lambda: PathBuf,

    /// The program `aws-lambda-rie`
    #[arg(long, value_name = "FILE")]
    emulator: PathBuf,

    /// The package of fixture functions
    #[arg(long, value_name = "DIR")]
    functions: PathBuf,

    /// The package of fixture functions that stream
    #[arg(long, value_name = "DIR")]
    streaming: PathBuf,

    /// Where functions are built
    #[arg(long, value_name = "DIR")]
    target_dir: PathBuf,
}

/// The program: reads its arguments, measures and prints.
pub fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(130),
        Err(error) => {
            say(&format!("error: {error}"));
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                say(&format!("  {error}"));
                cause = error.source();
            }
            if let Some(hint) = error.hint() {
                say(&format!("hint: {hint}"));
            }
            ExitCode::from(2)
        }
    }
}

/// Measures and prints; `false` when a signal came first. Nothing is left behind either way.
fn run(arguments: Arguments) -> Result<bool, BenchError> {
    // Owned here and not by the measuring thread, which a signal leaves where it is.
    let scratch = tempfile::Builder::new()
        .prefix("kiln-bench-")
        .tempdir()
        .map_err(BenchError::Machine)?;
    let plan = Plan::new(&arguments, scratch.path())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::Machine)?;
    let brood = Brood::adopt().map_err(BenchError::Machine)?;
    let finished = runtime.block_on(measure_until_signal(arguments, plan));
    // Before the directory that its processes use.
    drop(brood);
    finished
}

async fn measure_until_signal(arguments: Arguments, plan: Plan) -> Result<bool, BenchError> {
    let listen = |kind| signal(kind).map_err(BenchError::Machine);
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    let (sender, measured) = oneshot::channel();
    // A thread: it blocks. After a signal it ends with us.
    std::thread::spawn(move || {
        // Nobody is left to hear it when a signal came first.
        let _ = sender.send(measure(&arguments, &plan));
    });
    tokio::select! {
        // A panic drops the sender, and has said what it is.
        result = measured => result.unwrap_or(Err(BenchError::Panicked)).map(|()| true),
        _ = interrupt.recv() => Ok(false),
        _ = terminate.recv() => Ok(false),
        _ = hangup.recv() => Ok(false),
    }
}

fn measure(arguments: &Arguments, plan: &Plan) -> Result<(), BenchError> {
    let mut report = Report::new(machine::facts(plan));
    if arguments.format == Format::Text {
        print(&report.preamble());
    }
    let figures = Figure::chosen(&arguments.figures);
    if figures.iter().any(|figure| figure.invokes_functions()) {
        plan.prepare()?;
    }
    for figure in figures {
        let section = figure.measure(plan)?;
        if arguments.format == Format::Text {
            print(&section.to_string());
        }
        report.sections.push(section);
    }
    if arguments.format == Format::Json {
        print(&report.json());
    }
    Ok(())
}

/// Writes to stdout: the figures.
fn print(text: &str) {
    // A closed pipe is the reader's choice.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Writes to stderr: progress and problems.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
