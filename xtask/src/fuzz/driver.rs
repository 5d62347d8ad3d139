//! The programs of `fuzz/`: libFuzzer round the targets of one crate each.
//!
//! libFuzzer needs a compiler that tells it which code an input reaches. That is a pass of LLVM which
//! every Rust has; only sanitizers, which safe code gains little from, take a nightly one.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::log::{self, Finding};
use super::target::Target;
use crate::command::{self, cargo, output_of};
use crate::failure::Failure;
use crate::repository::Repository;
use crate::setup::cpp;

/// Counters for each edge between blocks of code, and the operands of comparisons: with these
/// libFuzzer finds what a parser compares its input with.
const INSTRUMENTATION: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    // Sections of counters that are split over object files may be dropped by linkers.
    "-Ccodegen-units=1",
];

/// No input should take a hundredth of it; libFuzzer calls it a finding.
const SECONDS_PER_INPUT: u32 = 10;

/// Below it are the drivers, and all that runs leave behind.
const DIRECTORY: &str = "target/fuzz";

/// The drivers, built.
#[derive(Debug)]
pub struct Drivers<'r> {
    repository: &'r Repository,
    programs: PathBuf,
}

/// What became of a target's run.
#[derive(Debug)]
pub struct Run {
    pub target: String,
    pub executions: Option<u64>,
    pub new_inputs: u64,
    pub duration: Duration,
    pub finding: Option<Finding>,
    /// The file of all that libFuzzer wrote.
    pub log: String,
}

impl<'r> Drivers<'r> {
    /// Builds what these targets take, with what that takes.
    ///
    /// # Errors
    /// Where libFuzzer does not run, without a C++ compiler, and when the code does not compile.
    pub fn build(repository: &'r Repository, targets: &[Target]) -> Result<Self, Failure> {
        if !cfg!(unix) {
            return Err(Failure::environment(
                "libFuzzer runs on Linux and macOS only",
            ));
        }
        cpp::ensure("building libFuzzer")?;
        let host =
            output_of(Command::new("rustc").args(["--print", "host-tuple"])).ok_or_else(|| {
                Failure::environment("cannot ask `rustc` what it compiles for")
                    .hint("install Rust 1.84 or newer with rustup, or put it on PATH")
            })?;
        let packages: BTreeSet<&str> = targets.iter().map(|target| &*target.package).collect();
        let mut build = cargo(repository);
        build
            .args(["build", "--release", "--locked"])
            .args(["--manifest-path", "fuzz/Cargo.toml"])
            .args(["--target-dir", DIRECTORY])
            // Also the host's own, so that build scripts and macros are spared the flags.
            .args(["--target", &host])
            .env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTATION.join("\x1f"));
        for package in packages {
            build.args(["--bin", package]);
        }
        command::run(&mut build)?;
        Ok(Self {
            repository,
            programs: repository.path(DIRECTORY).join(host).join("release"),
        })
    }

    /// Runs a target for this long, or until an input breaks it.
    ///
    /// # Errors
    /// When it cannot be started, or its files cannot be written.
    pub fn run(&self, target: &Target, time: Duration) -> Result<Run, Failure> {
        let name = &target.name;
        let corpus = format!("{DIRECTORY}/corpus/{name}");
        let findings = format!("{DIRECTORY}/findings/{name}/");
        let log = format!("{DIRECTORY}/logs/{name}.log");
        let logs = Path::new(&log).parent().unwrap_or(Path::new(""));
        for directory in [Path::new(&corpus), Path::new(&findings), logs] {
            let path = self.repository.path(directory);
            fs::create_dir_all(&path).map_err(|error| unwritable(&path, &error))?;
        }
        let path = self.repository.path(&log);
        let output = File::create(&path).map_err(|error| unwritable(&path, &error))?;
        let errors = output
            .try_clone()
            .map_err(|error| unwritable(&path, &error))?;

        let elapsed = super::stopwatch();
        let status = self
            .driver(target)
            // The first is where new inputs go.
            .args([corpus, format!("crates/{}/fuzz/{name}", target.package)])
            .arg(format!("-artifact_prefix={findings}"))
            .arg(format!("-max_total_time={}", time.as_secs()))
            .arg(format!("-timeout={SECONDS_PER_INPUT}"))
            .arg("-print_final_stats=1")
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .status()
            .map_err(|error| {
                Failure::environment(format!("cannot run `{}`: {error}", target.package))
            })?;
        let duration = elapsed();
        // What is not text is the input that libFuzzer shows.
        let written = fs::read(&path).map_err(|error| unwritable(&path, &error))?;
        let written = String::from_utf8_lossy(&written);
        Ok(Run {
            target: name.clone(),
            executions: log::executions(&written),
            new_inputs: log::new_inputs(&written),
            duration,
            finding: (!status.success()).then(|| log::finding(&written)),
            log,
        })
    }

    /// Runs a target with one input, its output in ours.
    ///
    /// # Errors
    /// When the input breaks it, or is not there.
    pub fn replay(&self, target: &Target, input: &Path) -> Result<(), Failure> {
        // Findings are named from the root; another file may be named from where one is.
        let input = fs::canonicalize(input)
            .or_else(|_| fs::canonicalize(self.repository.path(input)))
            .map_err(|error| {
                Failure::environment(format!("cannot read `{}`: {error}", input.display()))
            })?;
        let mut driver = self.driver(target);
        command::run(
            driver
                .arg(format!("-timeout={SECONDS_PER_INPUT}"))
                .arg(input),
        )
    }

    fn driver(&self, target: &Target) -> Command {
        let mut driver = Command::new(self.programs.join(&target.package));
        driver
            .current_dir(self.repository.path(""))
            .env("KILN_FUZZ_TARGET", &target.name)
            .env("RUST_BACKTRACE", "1");
        driver
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::environment(format!("cannot write `{}`: {error}", path.display()))
}
