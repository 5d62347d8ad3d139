//! The steps, cheapest first.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum as _;

use super::features;
use crate::command::{self, cargo};
use crate::failure::Failure;
use crate::repository::Repository;
use crate::setup::{emulator, node, python, qemu, rust};

/// One step, in the order they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Step {
    /// All code is formatted
    Fmt,
    /// Clippy has nothing to say, about the workspace, the examples or what drives the fuzz targets
    Clippy,
    /// What does not take a C compiler of that system is sound on macOS as well, to clippy's eyes
    Macos,
    /// Each part of the library compiles without the others
    Features,
    /// The documentation builds without a warning
    Docs,
    /// Set up what tests use: zig, boto3, the AWS CLI and moto in a Python environment, AWS's runtimes
    /// for Python and Node.js, its Runtime Interface Emulator, QEMU, Rust targets
    Tools,
    /// Build the functions that tests run, so that no test waits for it
    Functions,
    /// All tests of the workspace
    Tests,
    /// All tests of the examples, on the local Lambda among others
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
            Self::Examples => &[Self::Tools],
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
            Self::Macos => macos(repository),
            Self::Features => features(repository),
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
    let mut manifests = vec![
        repository.path("Cargo.toml"),
        repository.examples(),
        repository.fuzz(),
    ];
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
    // The targets and their corpora are part of the crates' tests. What else `cargo xtask fuzz` takes
    // is checked without libFuzzer itself, for the sake of its C++, and shares what was checked above.
    let mut clippy = cargo(repository);
    clippy
        .args(["clippy", "--all-targets", "--no-default-features"])
        .args(["--locked", "--manifest-path"])
        .arg(relative(repository, &repository.fuzz()))
        .args(["--target-dir", "target", "--", "--deny", "warnings"]);
    command::run(&mut clippy)
}

/// The crates that have code of their own for systems other than Linux, and those they take. Others
/// depend on crates that compile C, for which there is no compiler here.
const ON_MACOS: [&str; 4] = [
    "kiln-project",
    "kiln-protocol",
    "kiln-sandbox",
    "kiln-service",
];

fn macos(repository: &Repository) -> Result<(), Failure> {
    rust::ensure_command(repository, "clippy", "clippy")?;
    rust::ensure_targets(&[rust::MACOS])?;
    let mut clippy = cargo(repository);
    clippy.args(["clippy", "--locked", "--target", rust::MACOS]);
    for package in ON_MACOS {
        clippy.args(["--package", package]);
    }
    command::run(clippy.args(["--", "--deny", "warnings"]))
}

fn features(repository: &Repository) -> Result<(), Failure> {
    let manifest = repository.path("crates/kiln/Cargo.toml");
    for feature in features::alone(&manifest)? {
        let mut check = cargo(repository);
        check
            .args(["clippy", "--package", "kiln", "--locked"])
            .args(["--no-default-features", "--features", &feature])
            .args(["--", "--deny", "warnings"]);
        command::run(&mut check)?;
    }
    Ok(())
}

fn docs(repository: &Repository) -> Result<(), Failure> {
    // The library is documented with all its parts, and would lack those that no program here uses.
    for arguments in [
        ["--workspace", "--exclude=kiln"],
        ["--package=kiln", "--all-features"],
    ] {
        let mut doc = cargo(repository);
        doc.args(["doc", "--no-deps", "--locked"])
            .args(arguments)
            .env("RUSTDOCFLAGS", "--deny warnings");
        command::run(&mut doc)?;
    }
    Ok(())
}

/// What tests find by the variables of [`with_tools`].
struct Tools {
    python: python::Environment,
    /// Of Linux alone, as the next.
    node: Option<node::Packages>,
    emulator: Option<PathBuf>,
}

fn tools(repository: &Repository) -> Result<Tools, Failure> {
    rust::ensure_targets(&rust::TARGETS)?;
    if cfg!(target_os = "linux") {
        qemu::ensure()?;
    }
    let requirements = repository.path("xtask/requirements.txt");
    let python = python::Environment::ensure(repository.path(".venv"), &requirements)?;
    let packages = repository.path("xtask/node");
    let node = node::Packages::SUPPORTED
        .then(|| node::Packages::ensure(repository.path("target/tools/node"), &packages))
        .transpose()?;
    let emulator = cfg!(target_os = "linux")
        .then(|| emulator::ensure(repository, &python))
        .transpose()?;
    Ok(Tools {
        python,
        node,
        emulator,
    })
}

/// Builds into the directories that `kiln-testing` and `kiln tour` use, in the same way.
fn functions(repository: &Repository) -> Result<(), Failure> {
    for (manifest, which) in [
        ("fixtures/functions/Cargo.toml", &["--bins"][..]),
        ("fixtures/streaming/Cargo.toml", &["--bins"]),
        ("fixtures/extensions/Cargo.toml", &["--bins"]),
        ("fixtures/library/Cargo.toml", &["--bins"]),
        (
            "fixtures/library/Cargo.toml",
            &["--bin=shop", "--bin=streamed_http", "--features=http"],
        ),
    ] {
        let mut fixture = cargo(repository);
        fixture
            .args(["build", "--locked"])
            .args(which)
            .args(["--manifest-path", manifest])
            .args(["--target-dir", "target/fixtures"]);
        command::run(&mut fixture)?;
    }
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        for_arm64(repository)?;
    }
    // Those of the tour, as it builds them: with more packages, they would have other features.
    let mut examples = in_examples(repository, "build");
    for function in ["orders-api", "orders-queue", "risk-report"] {
        examples.args(["--package", function, "--bin", function]);
    }
    command::run(&mut examples)
}

/// The function that an emulator runs, linked as `kiln watch` links it.
fn for_arm64(repository: &Repository) -> Result<(), Failure> {
    rust::ensure_targets(&rust::TARGETS)?;
    let mut fixture = cargo(repository);
    fixture
        .args(["build", "--bin", "behave", "--locked"])
        .args(["--manifest-path", "fixtures/functions/Cargo.toml"])
        .args(["--target", "aarch64-unknown-linux-musl"])
        .args(["--target-dir", "target/fixtures"])
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER", "rust-lld");
    command::run(&mut fixture)
}

fn tests(repository: &Repository) -> Result<(), Failure> {
    let mut test = cargo(repository);
    test.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    with_tools(repository, &mut test)?;
    command::run(&mut test)
}

fn examples(repository: &Repository) -> Result<(), Failure> {
    // Their tests serve them on the local Lambda.
    let mut kiln = cargo(repository);
    kiln.args(["build", "--package", "cargo-kiln", "--bin", "kiln"])
        .args(["--locked", "--target-dir", "target"]);
    command::run(&mut kiln)?;
    let mut fixtures = cargo(repository);
    fixtures
        .args(["test", "--locked", "--no-fail-fast"])
        .args(["--manifest-path", "fixtures/library/Cargo.toml"])
        .args(["--target-dir", "target/fixtures"]);
    let mut examples = in_examples(repository, "test");
    examples.args(["--workspace", "--no-fail-fast"]);
    for mut test in [fixtures, examples] {
        with_tools(repository, &mut test)?;
        command::run(test.env("KILN", repository.path("target/debug/kiln")))?;
    }
    Ok(())
}

fn in_examples(repository: &Repository, subcommand: &str) -> Command {
    let mut command = cargo(repository);
    command
        .args([subcommand, "--locked"])
        .args(["--manifest-path", "examples/Cargo.toml"])
        .args(["--target-dir", "examples/target"]);
    command
}

/// Lets tests find the Python environment, first on `PATH`, and all tools by the names they ask for.
fn with_tools(repository: &Repository, command: &mut Command) -> Result<(), Failure> {
    let tools = tools(repository)?;
    command
        .env("PATH", command::path_with(&tools.python.programs())?)
        .env("KILN_TEST_PYTHON", tools.python.python());
    if let Some(node) = tools.node {
        command.env("KILN_TEST_NODE", node.node());
    }
    if let Some(emulator) = tools.emulator {
        command.env("KILN_TEST_RIE", emulator);
    }
    Ok(())
}

/// As one would type it in the root of the repository.
fn relative<'p>(repository: &Repository, path: &'p Path) -> &'p Path {
    path.strip_prefix(repository.path("")).unwrap_or(path)
}
