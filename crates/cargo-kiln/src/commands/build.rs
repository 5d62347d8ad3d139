//! `kiln build`

use std::path::PathBuf;
use std::time::Instant;

use kiln_project::{BuildOverrides, BuildTarget, Compiler, OutputFormat, Overrides, Project};

use crate::cargo_flags::CargoFlags;
use crate::failure::{Exit, Failure};
use crate::output::{self, Format};
use crate::project;

mod artefact;
mod compile;
mod interrupt;
mod plan;
mod summary;
pub mod zig;

use compile::Finished;
use interrupt::Interruptible;
use plan::{Plan, Run};
use summary::{Summary, milliseconds};

const EXAMPLES: &str = "\
Examples:
  kiln build --release --arm64                  every function, for Graviton
  kiln build --release --bin api -o zip         one function, ready to upload
  kiln build --target x86_64-unknown-linux-gnu.2.26
                                                for Amazon Linux 2, with its older glibc
  kiln build --release -o zip -i assets:data    with the files of assets/ under data/

Output: target/lambda/<function>/bootstrap[.zip], where AWS SAM and the CDK look for it.

How it links: the host toolchain where it can; else zig, if it is there (as `zig`, or Python's
`ziglang`); else statically with musl, which needs nothing but `rustup target add` and works as long
as no dependency contains C code. It says which, and installs nothing.

Release builds get `strip`, thin LTO, one codegen unit and the baseline processor of Lambda's
machines (x86-64-v3, neoverse-n1) wherever your profile and rustflags say nothing.

What no flag says is taken from KILN_… variables, then [package.metadata.kiln.build] and the other
places that `kiln doctor --config` lists. Functions configured differently are built one after the
other.

Exit codes: 0 built; 1 the code does not compile; 2 anything else is not right.";

/// Flags of `kiln build`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Build for Lambda's arm64 (Graviton)
    #[arg(long, conflicts_with_all = ["x86_64", "target"])]
    arm64: bool,

    /// Build for Lambda's x86_64
    #[arg(long = "x86-64", alias = "x86_64", conflicts_with = "target")]
    x86_64: bool,

    /// What to write: the executable, or a zip to upload; `json` is short for `--format json`
    /// [default: binary]
    #[arg(short, long, value_enum, ignore_case = true, value_name = "FORMAT")]
    output_format: Option<OutputChoice>,

    /// How to print the summary
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,

    /// Directory for the artefacts, in place of `target/lambda`
    #[arg(short, long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    lambda_dir: Option<PathBuf>,

    /// Put this function's artefact into the directory itself, not into one below it
    #[arg(long, value_name = "NAME")]
    flatten: Option<String>,

    /// Add a file or directory to the zip, as `PATH` or as `PATH:NAME` with its name there
    #[arg(
        short,
        long,
        value_name = "PATH[:NAME]",
        value_delimiter = ',',
        value_hint = clap::ValueHint::AnyPath
    )]
    include: Vec<String>,

    /// Treat the programs as Lambda extensions (those that use `lambda-extension` and no function
    /// runtime are taken for extensions anyway)
    #[arg(long)]
    extension: bool,

    /// Package internal extensions, which run inside the function's process: their zip has no
    /// `extensions` directory
    #[arg(long, requires = "extension")]
    internal: bool,

    /// How to link: `auto`, `cargo`, `zig` (also `cargo-zigbuild`) or `musl` [default: auto]
    /// [env: KILN_COMPILER, CARGO_LAMBDA_COMPILER]
    #[arg(short, long, value_name = "WAY")]
    compiler: Option<Compiler>,

    /// Leave release builds as the project has them
    #[arg(long)]
    disable_optimizations: bool,

    /// Do not check first that the Rust target is installed
    #[arg(long)]
    skip_target_check: bool,

    #[command(flatten)]
    cargo: CargoFlags,
}

/// What `-o` takes: cargo-lambda's formats of the artefact, and Kiln's `-o json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum OutputChoice {
    /// The executable, named `bootstrap`
    Binary,
    /// A deployment package, `bootstrap.zip`
    Zip,
    /// What is configured, and the summary as JSON
    Json,
}

impl Args {
    /// Refuses what cannot be, whatever the project is.
    fn check(&self) -> Result<(), Failure> {
        let mut formats = self.cargo.message_format.iter();
        if let Some(format) = formats.find(|format| format.to_ascii_lowercase().contains("json")) {
            return Err(Failure::usage(format!(
                "`--message-format {format}` would hide from kiln what cargo builds"
            ))
            .hint("use `--format json` for a summary, or `cargo build` for cargo's messages"));
        }
        if self.cargo.unit_graph {
            return Err(Failure::usage("`--unit-graph` builds nothing")
                .hint("use `cargo build --unit-graph`"));
        }
        match self.cargo.target.as_slice() {
            [] => Ok(()),
            [one] => plan::target_choice(&BuildTarget::Triple(one.clone())).map(drop),
            [_, _, ..] => Err(Failure::usage(
                "a build is for one target, because its artefacts would overwrite each other",
            )
            .hint("run `kiln build` once for each, with `--lambda-dir DIR` to keep them apart")),
        }
    }

    /// The settings that flags give.
    fn overrides(&self) -> Overrides {
        let given = |flag: bool| flag.then_some(true);
        let listed = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
        let target = match self.cargo.target.first() {
            Some(triple) => Some(BuildTarget::Triple(triple.clone())),
            None if self.arm64 => Some(BuildTarget::Arm64),
            None if self.x86_64 => Some(BuildTarget::X86_64),
            None => None,
        };
        let release = self.cargo.release.then(|| "release".to_owned());
        Overrides {
            build: BuildOverrides {
                target,
                compiler: self.compiler.clone(),
                output_format: match self.output_format {
                    Some(OutputChoice::Binary) => Some(OutputFormat::Binary),
                    Some(OutputChoice::Zip) => Some(OutputFormat::Zip),
                    Some(OutputChoice::Json) | None => None,
                },
                include: listed(&self.include),
                lambda_dir: self.lambda_dir.clone(),
                flatten: self.flatten.clone(),
                features: listed(&self.cargo.features),
                all_features: given(self.cargo.all_features),
                no_default_features: given(self.cargo.no_default_features),
                extension: given(self.extension),
                internal: given(self.internal),
                disable_optimizations: given(self.disable_optimizations),
                skip_target_check: given(self.skip_target_check),
                profile: self.cargo.profile.clone().or(release),
            },
            ..Overrides::default()
        }
    }

    fn format(&self) -> Format {
        match self.output_format {
            Some(OutputChoice::Json) => Format::Json,
            _ => self.format,
        }
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let started = Instant::now();
    args.check()?;
    let overrides = args.overrides();
    let mut load = project::load_options(&args.cargo)?;
    load.target = overrides.build.target.clone();
    let project = Project::load(&load)?;
    let functions = project.select(&project::selection(&args.cargo))?;
    let plan = Plan::new(args, &project, &functions, &overrides)?;

    let mut cargo = Interruptible::new()?;
    // Everything is compiled before anything is written.
    let mut finished: Vec<(&Run<'_>, Finished)> = Vec::new();
    for run in &plan.runs {
        finished.push((
            run,
            compile::compile(args, run, &project, &load, &mut cargo)?,
        ));
    }
    let mut programs = Vec::new();
    for (run, finished) in &finished {
        for part in &run.parts {
            let program = finished.program(part.function)?;
            programs.push(part.package(program, finished, &project.target_directory)?);
            cargo.check().map_err(Failure::usage)?;
        }
    }
    programs.sort_by(|one, other| one.name.cmp(&other.name));
    let summary = Summary {
        programs,
        duration_ms: milliseconds(started.elapsed()),
    };
    match args.format() {
        Format::Text => summary.print(&load.current_dir),
        Format::Json => output::json(&summary)?,
    }
    Ok(Exit::Done)
}
