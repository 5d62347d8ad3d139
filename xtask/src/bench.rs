//! `cargo xtask bench`: Kiln's figures beside its peers'.

use std::ffi::OsString;
use std::process::Command;

use crate::command::{cargo, run};
use crate::failure::Failure;
use crate::repository::Repository;
use crate::setup::{emulator, python};

/// Print Kiln's figures beside its peers': same function, same machine, same run
///
/// Builds Kiln in release, and installs cargo-lambda and the Runtime Interface Emulator from their
/// Python packages into `target/bench`. A whole run takes some minutes; close what else is busy on this
/// machine. `docs/benchmarks.md` says what is measured, and how; `cargo xtask bench -- --help` lists the
/// figures.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to measure, such as `warm` or `soak`, and how: see `-- --help`.
    #[arg(
        value_name = "FIGURES AND OPTIONS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    arguments: Vec<OsString>,
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
    let emulator = emulator::ensure(&repository, &environment)?;
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
        .arg("--emulator")
        .arg(emulator)
        .arg("--functions")
        .arg(repository.path("fixtures/functions"))
        .arg("--streaming")
        .arg(repository.path("fixtures/streaming"))
        .arg("--target-dir")
        .arg(repository.path("target/bench"))
        .args(&args.arguments);
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
