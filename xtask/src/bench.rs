//! `cargo xtask bench`: Kiln's figures beside cargo-lambda's.

use std::process::Command;

use clap::builder::PossibleValuesParser;

use crate::command::{cargo, run};
use crate::failure::Failure;
use crate::repository::Repository;
use crate::setup::python;

/// Print Kiln's figures beside cargo-lambda's: same function, same machine, same run
///
/// Builds Kiln in release and installs cargo-lambda from its Python package into
/// `target/bench/venv`. A whole run takes some minutes; close what else is busy on this machine.
/// `docs/benchmarks.md` says what is measured, and how.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Measure this alone; repeatable.
    #[arg(long, value_name = "FIGURE", value_parser = PossibleValuesParser::new([
        "reload", "first-call", "warm", "parallel", "footprint", "cpu-share", "floor",
    ]))]
    only: Vec<String>,

    /// How often each figure is measured; its median counts.
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,

    /// How to print the figures.
    #[arg(short = 'o', long, value_name = "FORMAT", default_value = "text",
        value_parser = PossibleValuesParser::new(["text", "json"]))]
    format: String,
}

/// Runs the chore.
///
/// # Errors
/// When something cannot be set up, built or measured.
pub fn run_benchmarks(args: &Args) -> Result<(), Failure> {
    let repository = Repository::current()?;
    let environment = python::Environment::ensure(
        repository.path("target/bench/venv"),
        &repository.path("benches/requirements.txt"),
    )?;
    let mut build = cargo(&repository);
    build
        .args([
            "build",
            "--release",
            "--locked",
            "--bins",
            "--target-dir",
            "target",
        ])
        .args(["--package", "cargo-kiln", "--package", "kiln-bench"]);
    run(&mut build)?;

    let releases = repository.path("target/release");
    let mut bench = Command::new(releases.join("kiln-bench"));
    bench
        .arg("--kiln")
        .arg(releases.join("kiln"))
        .arg("--cargo-lambda")
        .arg(environment.programs().join("cargo-lambda"))
        .arg("--functions")
        .arg(repository.path("fixtures/functions"))
        .arg("--target-dir")
        .arg(repository.path("target/bench"))
        .args(["--runs", &args.runs.to_string()])
        .args(["--format", &args.format]);
    for figure in &args.only {
        bench.args(["--only", figure]);
    }
    become_program(&mut bench)
}

/// Puts the program in our place, so that Ctrl-C and signals reach it alone and it can clean up.
#[cfg(unix)]
fn become_program(command: &mut Command) -> Result<(), Failure> {
    use std::os::unix::process::CommandExt as _;
    let error = command.exec();
    Err(Failure::environment(format!(
        "cannot run the benchmarks: {error}"
    )))
}

#[cfg(not(unix))]
fn become_program(_command: &mut Command) -> Result<(), Failure> {
    Err(Failure::environment("the benchmarks run on Linux only"))
}
