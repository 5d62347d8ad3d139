//! The project's own chores.
//!
//! `cargo xtask test` checks everything that continuous integration checks, and sets up what that
//! takes. `cargo xtask bench` prints Kiln's figures beside its peers'. `cargo xtask fuzz` attacks what
//! parses and what races.

mod bench;
mod command;
mod console;
mod failure;
mod fuzz;
mod repository;
mod setup;
mod test;

use std::process::ExitCode;

use clap::Parser as _;

/// The project's own chores
#[derive(Debug, clap::Parser)]
#[command(bin_name = "cargo xtask")]
enum Chore {
    Test(test::Args),
    Bench(bench::Args),
    Fuzz(fuzz::Args),
}

fn main() -> ExitCode {
    let outcome = match Chore::parse() {
        Chore::Test(args) => test::run(&args),
        Chore::Bench(args) => bench::run_benchmarks(&args),
        Chore::Fuzz(args) => fuzz::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            console::failure(&failure);
            failure.exit_code()
        }
    }
}
