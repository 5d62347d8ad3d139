//! The steps, cheapest first.

use std::path::Path;
use std::process::Command;

use clap::ValueEnum as _;

use crate::command::{self, cargo};
use crate::failure::Failure;
use crate::repository::Repository;
use crate::setup::{python, rust};

/// One step, in the order they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Step {
    /// All code is formatted
    Fmt,
    /// Clippy has nothing to say, about the workspace or the examples
    Clippy,
    /// The documentation builds without a warning
    Docs,
    /// Set up what tests use: zig, boto3 and the AWS CLI in a Python environment, Rust targets
    Tools,
    /// Build the functions that tests run, so that no test waits for it
    Functions,
    /// All tests of the workspace
    Tests,
    /// All tests of the examples
    Examples,
}

impl Step {
    /// Its name on the command line.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The steps that must have passed before.
    pub fn needs(self) -> &'static [Self] {
        match self {
            Self::Tests => &[Self::Tools, Self::Functions],
            _ => &[],
        }
    }

    /// Takes it.
    ///
    /// # Errors
    /// When what it checks does not hold, or it lacks something on this machine.
    pub fn take(self, repository: &Repository) -> Result<(), Failure> {
        match self {
            Self::Fmt => fmt(repository),
            Self::Clippy => clippy(repository),
            Self::Docs => docs(repository),
            Self::Tools => tools(repository).map(drop),
            Self::Functions => functions(repository),
            Self::Tests => tests(repository),
            Self::Examples => examples(repository),
        }
    }
}

fn fmt(repository: &Repository) -> Result<(), Failure> {
    rust::ensure_command(repository, "fmt", "rustfmt")?;
    let mut manifests = vec![repository.path("Cargo.toml"), repository.examples()];
    manifests.extend(repository.fixtures()?);
    for manifest in manifests {
        let manifest = relative(repository, &manifest);
        let mut fmt = cargo(repository);
        fmt.args(["fmt", "--all", "--check", "--manifest-path"])
            .arg(manifest);
        command::run(&mut fmt).map_err(|failure| {
            let manifest = manifest.display();
            failure.hint(format!("run `cargo fmt --all --manifest-path {manifest}`"))
        })?;
    }
    Ok(())
}

fn clippy(repository: &Repository) -> Result<(), Failure> {
    rust::ensure_command(repository, "clippy", "clippy")?;
    for manifest in [repository.path("Cargo.toml"), repository.examples()] {
        let mut clippy = cargo(repository);
        clippy
            .args(["clippy", "--workspace", "--all-targets", "--locked"])
            .arg("--manifest-path")
            .arg(relative(repository, &manifest))
            .args(["--", "--deny", "warnings"]);
        command::run(&mut clippy)?;
    }
    Ok(())
}

fn docs(repository: &Repository) -> Result<(), Failure> {
    let mut doc = cargo(repository);
    doc.args(["doc", "--workspace", "--no-deps", "--locked"])
        .env("RUSTDOCFLAGS", "--deny warnings");
    command::run(&mut doc)
}

fn tools(repository: &Repository) -> Result<python::Environment, Failure> {
    rust::ensure_targets()?;
    let requirements = repository.path("xtask/requirements.txt");
    python::Environment::ensure(repository.path(".venv"), &requirements)
}

/// Builds into the directories that `kiln-testing` and `kiln tour` use, in the same way.
fn functions(repository: &Repository) -> Result<(), Failure> {
    for manifest in [
        "fixtures/functions/Cargo.toml",
        "fixtures/streaming/Cargo.toml",
    ] {
        let mut fixture = cargo(repository);
        fixture
            .args(["build", "--bins", "--locked"])
            .args(["--manifest-path", manifest])
            .args(["--target-dir", "target/fixtures"]);
        command::run(&mut fixture)?;
    }
    let mut examples = in_examples(repository, "build");
    command::run(examples.arg("--bins"))
}

fn tests(repository: &Repository) -> Result<(), Failure> {
    let mut test = cargo(repository);
    test.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    with_tools(repository, &mut test)?;
    command::run(&mut test)
}

fn examples(repository: &Repository) -> Result<(), Failure> {
    let mut test = in_examples(repository, "test");
    command::run(test.arg("--no-fail-fast"))
}

fn in_examples(repository: &Repository, subcommand: &str) -> Command {
    let mut command = cargo(repository);
    command
        .args([subcommand, "--workspace", "--locked"])
        .args(["--manifest-path", "examples/Cargo.toml"])
        .args(["--target-dir", "examples/target"]);
    command
}

/// Lets tests find the Python environment: first on `PATH`, and by the names they ask for.
fn with_tools(repository: &Repository, command: &mut Command) -> Result<(), Failure> {
    let environment = tools(repository)?;
    command
        .env("PATH", command::path_with(&environment.programs())?)
        .env("KILN_TEST_PYTHON", environment.python());
    Ok(())
}

/// As one would type it in the root of the repository.
fn relative<'p>(repository: &Repository, path: &'p Path) -> &'p Path {
    path.strip_prefix(repository.path("")).unwrap_or(path)
}
