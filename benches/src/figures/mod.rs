//! The figures, one file each.

mod added_latency;
mod cpu_share;
mod first_call;
mod footprint;
mod library;
mod parallel;
mod profile;
mod reload;
mod soak;
mod warm;

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum as _;

use crate::error::BenchError;
use crate::report::Section;
use crate::tool::Tools;
use crate::{Arguments, brood, say};

/// A figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Figure {
    /// From an edit to the first answer of the new code
    Reload,
    /// The first call of a function that is built and does not run
    FirstCall,
    /// What the service adds to a function's own loop over its Runtime API
    AddedLatency,
    /// Calls of a function that runs, over 1, 4, 16 and 64 connections
    Warm,
    /// 200 and 500 calls at once of a function that sleeps a second
    Parallel,
    /// Start-up of the command, memory of the idle service
    Footprint,
    /// The share of CPU that a function gets, beside the one its memory says
    CpuShare,
    /// The library's batches: 10,000 SQS records with 1 % failures
    Batch,
    /// The library's layers for HTTP, per request
    Http,
    /// The library's idempotent calls, in memory
    Idempotency,
    /// The library: a million small items, and how late a timer is beside them
    Compute,
    /// The library: 100 calls over HTTP, one that hangs, and a service that refuses some
    FanOut,
    /// The library: 64 items that are downloaded, computed and uploaded
    Pipeline,
    /// The library: what logs, metrics and the deadline add to an invocation
    Layers,
    /// The library: the start of a function that does nothing
    Start,
    /// The library: 20,000 events, and the connections to the Runtime API that they take
    Connections,
    /// The library's parameters: read from memory, fetched, and missed by 1,000 callers at once
    Parameters,
    /// The library's feature flags: asked for, with the document kept, fetched and parsed
    Flags,
    /// The library: ten spans of an invocation, to a collector that answers, and to one that does not
    Tracing,
    /// The library: how long a test takes, of a handler and of the real binary
    Testing,
    /// The library: a function with an extension beside it
    Extension,
    /// Where the time of a warm invocation goes, by `perf`: only when named
    Profile,
    /// A million invocations of functions that answer, fail, crash and hang: measured only when named
    Soak,
}

/// What is measured, and with what.
#[derive(Debug)]
pub struct Plan {
    /// The tools.
    pub tools: Tools,
    /// The package of fixture functions.
    pub functions: PathBuf,
    /// The package of fixture functions that stream.
    pub streaming: PathBuf,
    /// How often each figure is measured.
    pub runs: u32,
    /// How many invocations the soak makes.
    pub invocations: u64,
    /// Whether its services enforce limits.
    pub enforce_limits: bool,
}

impl Plan {
    /// The plan of a command line; `scratch` is for files that nobody needs afterwards.
    pub fn new(arguments: &Arguments, scratch: &Path) -> Result<Self, BenchError> {
        let absolute = |path: &Path| std::path::absolute(path).map_err(BenchError::file(path));
        let tools = Figure::chosen(&arguments.figures);
        let tools = !tools.iter().all(|figure| figure.is_of_the_library());
        let existing = |path: &Path| match tools {
            true => path.canonicalize().map_err(BenchError::file(path)),
            false => Ok(path.to_owned()),
        };
        Ok(Self {
            tools: Tools {
                kiln: existing(&arguments.kiln)?,
                cargo_lambda: existing(&arguments.cargo_lambda)?,
                emulator: existing(&arguments.emulator)?,
                target_directory: absolute(&arguments.target_dir)?,
                scratch: scratch.to_owned(),
            },
            functions: existing(&arguments.functions)?,
            streaming: existing(&arguments.streaming)?,
            runs: arguments.runs,
            invocations: arguments.invocations,
            enforce_limits: arguments.enforce_limits,
        })
    }

    /// Builds the fixture functions in release, for the figures that are not about building.
    pub fn prepare(&self) -> Result<(), BenchError> {
        say("building the functions");
        let mut build = self
            .tools
            .cargo(&self.functions, &["build", "--release", "--locked"]);
        finish(&mut build)
    }

    /// A fixture function, as built in release.
    pub fn function(&self, name: &str) -> PathBuf {
        self.tools.target_directory.join("release").join(name)
    }
}

impl Figure {
    /// Those asked for, in the order of the report; or all but those that take long, or tools of their own.
    pub fn chosen(asked: &[Self]) -> Vec<Self> {
        let all = Self::value_variants().iter().copied();
        all.filter(|figure| match asked {
            [] => !matches!(figure, Self::Profile | Self::Soak),
            asked => asked.contains(figure),
        })
        .collect()
    }

    /// Whether it is about the library alone: it builds its own functions, and calls no tool.
    pub fn is_of_the_library(self) -> bool {
        matches!(
            self,
            Self::Batch
                | Self::Compute
                | Self::Connections
                | Self::FanOut
                | Self::Flags
                | Self::Http
                | Self::Idempotency
                | Self::Layers
                | Self::Parameters
                | Self::Pipeline
                | Self::Start
                | Self::Tracing
        )
    }

    /// Measures it.
    pub fn measure(self, plan: &Plan) -> Result<Section, BenchError> {
        let measured = match self {
            Self::Reload => reload::measure(plan),
            Self::FirstCall => first_call::measure(plan),
            Self::AddedLatency => added_latency::measure(plan),
            Self::Warm => warm::measure(plan),
            Self::Parallel => parallel::measure(plan),
            Self::Footprint => footprint::measure(plan),
            Self::CpuShare => cpu_share::measure(plan),
            Self::Batch => library::batch::measure(plan),
            Self::Http => library::http::measure(plan),
            Self::Idempotency => library::idempotency::measure(plan),
            Self::Compute => library::compute::measure(plan),
            Self::FanOut => library::fan_out::measure(plan),
            Self::Pipeline => library::pipeline::measure(plan),
            Self::Layers => library::layers::measure(plan),
            Self::Start => library::start::measure(plan),
            Self::Connections => library::connections::measure(plan),
            Self::Parameters => library::parameters::measure(plan),
            Self::Flags => library::flags::measure(plan),
            Self::Tracing => library::tracing::measure(plan),
            Self::Testing => library::testing::measure(plan),
            Self::Extension => library::extension::measure(plan),
            Self::Profile => profile::measure(plan),
            Self::Soak => soak::measure(plan),
        };
        let mut section = measured?;
        section.figure = self.name();
        Ok(section)
    }

    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

pub use library::compute::lateness;

/// Says which round of a figure begins.
fn round(what: &str, number: u32, of: u32) {
    say(&format!("{what}: round {} of {of}", number + 1));
}

/// Runs a program to its end.
fn finish(command: &mut Command) -> Result<(), BenchError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = brood::spawn(command)?;
    let status = child.wait().map_err(BenchError::Machine)?;
    if status.success() {
        return Ok(());
    }
    let reason = format!("it ended ({status})");
    Err(BenchError::Program { program, reason })
}
