//! `kiln build`

use std::path::{Path, PathBuf};
use std::time::Instant;

use cargo_metadata::{Metadata, MetadataCommand};
use kiln_build::cargo::{Artifact, CargoError};
use kiln_build::compile::{
    CompileError, CompileRequest, Compiled, CompiledProgram, Notice, TargetChoice, compile,
    compiler_from_environment, staging_directory, target_directory,
};
use kiln_build::linker::{Compiler, CompilerError, Way};
use kiln_build::optimize::selected_profile;
use kiln_build::package::{
    Include, LARGEST_CONTENT, LARGEST_ZIP, Layout, OutputFormat, Package, ProgramKind,
};
use kiln_build::target::{Architecture, LambdaTarget, TargetError};

use crate::failure::{Exit, Failure};
use crate::output::{self, Format};

mod cargo_flags;
mod select;
mod summary;
pub mod zig;

pub use cargo_flags::CargoFlags;
use select::{Program, Selection, select};
use summary::{ProgramSummary, Summary, milliseconds, size};

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
machines (x86-64-v3, neoverse-n1) wherever your profile and rustflags say nothing.";

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
    #[arg(
        short,
        long,
        value_enum,
        ignore_case = true,
        default_value_t,
        value_name = "FORMAT"
    )]
    output_format: OutputChoice,

    /// How to print the summary
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,

    /// Directory for the artefacts instead of `target/lambda`
    #[arg(short, long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    lambda_dir: Option<PathBuf>,

    /// Put this function's artefact into that directory itself, not into one of its name
    #[arg(long, value_name = "NAME")]
    flatten: Option<String>,

    /// A file or directory for the zip too, `PATH` or `PATH:NAME` with the name it gets there
    #[arg(
        short,
        long,
        value_name = "PATH[:NAME]",
        value_delimiter = ',',
        value_hint = clap::ValueHint::AnyPath
    )]
    include: Vec<Include>,

    /// Treat the programs as Lambda extensions (those that use `lambda-extension` and no function
    /// runtime are taken for extensions anyway)
    #[arg(long)]
    extension: bool,

    /// An internal extension: it runs inside the function's process, so the zip has no
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

    /// Do not look whether the Rust target is installed
    #[arg(long)]
    skip_target_check: bool,

    #[command(flatten)]
    cargo: CargoFlags,
}

/// What `-o` takes: cargo-lambda's formats of the artefact, and Kiln's `-o json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum OutputChoice {
    /// The executable, named `bootstrap`
    #[default]
    Binary,
    /// A deployment package, `bootstrap.zip`
    Zip,
    /// The executable, and the summary as JSON
    Json,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let started = Instant::now();
    let directory = std::env::current_dir()
        .map_err(|error| Failure::usage(error).hint("change to a directory that exists"))?;
    let settings = Settings::from_args(args)?;
    let metadata = read_metadata(&args.cargo.0, settings.target)?;
    let selection = select(&metadata, &args.cargo.0)?;
    settings.check_flatten(&selection)?;

    let compiled = compile_selected(args, &settings, &metadata, &selection, &directory)?;
    let layout = Layout::new(
        args.lambda_dir.as_ref().map_or_else(
            || target_directory(&metadata, &args.cargo.0, &directory).join("lambda"),
            |lambda_dir| directory.join(lambda_dir),
        ),
        args.flatten.clone(),
    );
    let staging = staging_directory(&target_directory(&metadata, &args.cargo.0, &directory));
    let mut programs = Vec::new();
    // In the order of the workspace; cargo finishes them in any.
    for selected in &selection.programs {
        let mut compiled = compiled.programs.iter();
        if let Some(program) = compiled.find(|program| selected.is(&program.built)) {
            programs.push(settings.package(program, selected, &layout, &staging)?);
        }
    }
    let summary = Summary {
        programs,
        target: compiled.plan.target.to_string(),
        profile: selected_profile(&args.cargo.0).to_owned(),
        linker: match compiled.plan.way {
            Way::Host => "host",
            Way::Configured => "configured",
            Way::Zig => "zig",
            Way::Musl => "musl",
        },
        linker_reason: compiled.plan.reason,
        duration_ms: milliseconds(started.elapsed()),
    };
    match settings.format {
        Format::Text => summary.print(&directory),
        Format::Json => output::json(&summary)?,
    }
    Ok(Exit::Done)
}

/// The flags, settled among each other and with the environment.
#[derive(Debug)]
struct Settings {
    target: TargetChoice,
    compiler: Compiler,
    artefact: OutputFormat,
    format: Format,
    extension: bool,
    internal: bool,
    flatten: Option<String>,
    includes: Vec<Include>,
    measure_zip: bool,
}

impl Settings {
    fn from_args(args: &Args) -> Result<Self, Failure> {
        let cargo = &args.cargo.0;
        if let Some(format) = cargo
            .common
            .message_format
            .iter()
            .find(|format| format.contains("json"))
        {
            return Err(Failure::usage(format!(
                "`--message-format {format}` would hide from kiln what cargo builds"
            ))
            .hint("use `--format json` for a summary, or `cargo build` for cargo's messages"));
        }
        let artefact = match args.output_format {
            OutputChoice::Binary | OutputChoice::Json => OutputFormat::Binary,
            OutputChoice::Zip => OutputFormat::Zip,
        };
        if !args.include.is_empty() && artefact != OutputFormat::Zip {
            return Err(
                Failure::usage("`--include` has nowhere to put files without a zip")
                    .hint("add `--output-format zip`"),
            );
        }
        if let Some(missing) = args
            .include
            .iter()
            .find(|include| !include.source().exists())
        {
            let path = missing.source().display();
            return Err(
                Failure::usage(format!("the included path `{path}` does not exist"))
                    .hint("give a path that exists, relative to the current directory"),
            );
        }
        Ok(Self {
            target: target(args)?,
            compiler: compiler(args.compiler)?,
            artefact,
            format: if args.output_format == OutputChoice::Json {
                Format::Json
            } else {
                args.format
            },
            extension: args.extension,
            internal: args.internal,
            flatten: args.flatten.clone(),
            includes: args.include.clone(),
            // A debug executable takes seconds to compress, and nobody uploads it.
            measure_zip: selected_profile(cargo) != "dev",
        })
    }

    fn check_flatten(&self, selection: &Selection) -> Result<(), Failure> {
        match &self.flatten {
            Some(name) if !selection.programs.iter().any(|one| one.name == *name) => {
                let names: Vec<String> = selection
                    .programs
                    .iter()
                    .map(|program| format!("`{}`", program.name))
                    .collect();
                Err(
                    Failure::usage(format!("`--flatten {name}` names no program of this build"))
                        .hint(format!("choose from {}", names.join(", "))),
                )
            }
            _ => Ok(()),
        }
    }

    fn package(
        &self,
        program: &CompiledProgram,
        selected: &Program,
        layout: &Layout,
        staging: &Path,
    ) -> Result<ProgramSummary, Failure> {
        let started = Instant::now();
        let kind = match (self.extension || selected.extension, self.internal) {
            (true, true) => ProgramKind::InternalExtension,
            (true, false) => ProgramKind::ExternalExtension,
            (false, _) => ProgramKind::Function,
        };
        let package = Package {
            executable: &program.built.executable,
            placement: layout.placement(&selected.name, kind),
            includes: &self.includes,
        };
        let failed = |error: kiln_build::package::PackageError| {
            let hint = error.hint();
            Failure::usage(error).maybe_hint(hint)
        };
        let packaged = package.write(self.artefact, staging).map_err(failed)?;
        let zip_size = match packaged.zip_size {
            None if self.measure_zip => Some(package.zip_size().map_err(failed)?),
            known => known,
        };
        for excess in limits(&selected.name, zip_size, packaged.content_size) {
            output::warn(excess);
        }
        Ok(ProgramSummary {
            name: selected.name.clone(),
            kind: if kind == ProgramKind::Function {
                "function"
            } else {
                "extension"
            },
            path: packaged.path,
            size: program.facts.size,
            content_size: packaged.content_size,
            zip_size,
            architecture: program.facts.architecture,
            glibc: program.facts.glibc,
            needed: program.facts.needed.clone(),
            duration_ms: milliseconds(program.built.ready_after + started.elapsed()),
        })
    }
}

/// What is too much for Lambda about an artefact.
fn limits(name: &str, zip_size: Option<u64>, content_size: u64) -> Vec<String> {
    let mut excesses = Vec::new();
    if let Some(zipped) = zip_size.filter(|zipped| *zipped > LARGEST_ZIP) {
        excesses.push(format!(
            "`{name}` is {} zipped; Lambda takes at most {} directly, and more from S3 only",
            size(zipped),
            size(LARGEST_ZIP)
        ));
    }
    if content_size > LARGEST_CONTENT {
        excesses.push(format!(
            "`{name}` is {} unzipped; Lambda takes at most {}, layers included",
            size(content_size),
            size(LARGEST_CONTENT)
        ));
    }
    excesses
}

fn target(args: &Args) -> Result<TargetChoice, Failure> {
    if args.arm64 {
        return Ok(TargetChoice::Architecture(Architecture::Arm64));
    }
    if args.x86_64 {
        return Ok(TargetChoice::Architecture(Architecture::X86_64));
    }
    let failed = |error: TargetError| {
        let hint = error.hint();
        Failure::usage(error).maybe_hint(hint)
    };
    match args.cargo.0.common.target.as_slice() {
        [] => Ok(TargetChoice::Default),
        [one] => TargetChoice::named(one).map_err(failed),
        [_, _, ..] => Err(Failure::usage(
            "a build is for one target, because its artefacts would overwrite each other",
        )
        .hint("run `kiln build` once for each, with `--lambda-dir DIR` to keep them apart")),
    }
}

fn compiler(flag: Option<Compiler>) -> Result<Compiler, Failure> {
    if let Some(compiler) = flag {
        return Ok(compiler);
    }
    match compiler_from_environment(|name| std::env::var_os(name)) {
        None => Ok(Compiler::Auto),
        Some((variable, value)) => value.parse().map_err(|error: CompilerError| {
            let hint = error.hint();
            Failure::usage(format!(
                "environment variable `{variable}` is `{value}`: {error}"
            ))
            .maybe_hint(hint)
        }),
    }
}

/// The platforms whose dependencies are of interest, as flags. Without them cargo would download
/// those of every platform, Windows' among them, before the first build. A target that only cargo's
/// configuration names may differ in its processor, which hardly ever changes what a package needs.
fn platforms(target: TargetChoice) -> Vec<String> {
    let architecture = match target {
        TargetChoice::Architecture(architecture) => architecture,
        TargetChoice::Named(target) => target.architecture,
        TargetChoice::Default if cfg!(all(target_os = "linux", target_arch = "aarch64")) => {
            Architecture::Arm64
        }
        TargetChoice::Default => Architecture::X86_64,
    };
    [
        LambdaTarget::gnu(architecture),
        LambdaTarget::musl(architecture),
    ]
    .iter()
    .flat_map(|target| ["--filter-platform".to_owned(), target.triple()])
    .collect()
}

/// Asks cargo what there is. Its own words are the best when it refuses.
fn read_metadata(
    options: &cargo_options::Build,
    target: TargetChoice,
) -> Result<Metadata, Failure> {
    let mut command = MetadataCommand::new();
    if let Some(path) = &options.manifest_path {
        command.manifest_path(path);
    }
    let mut other = platforms(target);
    for (given, flag) in [
        (options.common.locked, "--locked"),
        (options.common.offline, "--offline"),
        (options.common.frozen, "--frozen"),
        (options.common.all_features, "--all-features"),
        (options.common.no_default_features, "--no-default-features"),
    ] {
        if given {
            other.push(flag.to_owned());
        }
    }
    for (flag, values) in [
        ("--features", &options.common.features),
        ("--config", &options.common.config),
        ("-Z", &options.common.unstable_flags),
    ] {
        for value in values {
            other.extend([flag.to_owned(), value.clone()]);
        }
    }
    command.other_options(other);
    command.exec().map_err(|error| match error {
        cargo_metadata::Error::CargoMetadata { stderr } => {
            let words = stderr.trim();
            let words = words.strip_prefix("error: ").unwrap_or(words);
            let hint = words
                .starts_with("could not find `Cargo.toml`")
                .then(|| "create a function with `kiln new NAME`".to_owned());
            Failure::usage(words.to_owned()).maybe_hint(hint)
        }
        other => Failure::usage(other),
    })
}

fn compile_selected(
    args: &Args,
    settings: &Settings,
    metadata: &Metadata,
    selection: &Selection,
    directory: &Path,
) -> Result<Compiled, Failure> {
    let mut options = args.cargo.0.clone();
    selection.narrow(metadata, &mut options);
    let quiet = options.common.quiet;
    let request = CompileRequest {
        metadata,
        options,
        target: settings.target,
        compiler: settings.compiler,
        roots: selection.packages(),
        examples: selection.has_examples(),
        optimize: !args.disable_optimizations,
        skip_target_check: args.skip_target_check,
        directory: directory.to_owned(),
    };
    let mut tell = |notice: Notice<'_>| match notice {
        Notice::Linking(plan) if !quiet => output::say(format!(
            "{GOOD}{:>12}{GOOD:#} `{}` with {}: {}",
            "Linking",
            plan.target,
            plan.way,
            plan.reason,
            GOOD = output::GOOD,
        )),
        Notice::GlibcTooNew {
            program,
            needs,
            newest,
        } => output::warn(format!(
            "`{program}` needs glibc {needs}, and the function will find {newest}; building again"
        )),
        _ => {}
    };
    let wanted = |artifact: &Artifact| {
        selection
            .programs
            .iter()
            .any(|program| program.is(artifact))
    };
    compile(&request, &wanted, &mut tell).map_err(|error| {
        let hint = error.hint();
        match error {
            // The code does not compile; cargo has said where.
            CompileError::Cargo(CargoError::Failed { .. }) => Failure::failed(error),
            _ => Failure::usage(error),
        }
        .maybe_hint(hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lambda_would_refuse_is_told() {
        const MIB: u64 = 1024 * 1024;
        assert_eq!(limits("api", Some(50 * MIB), 250 * MIB), [""; 0]);
        assert_eq!(limits("api", None, MIB), [""; 0]);
        assert_eq!(
            limits("api", Some(51 * MIB), 251 * MIB),
            [
                "`api` is 51.0 MiB zipped; Lambda takes at most 50.0 MiB directly, and more from \
                 S3 only",
                "`api` is 251.0 MiB unzipped; Lambda takes at most 250.0 MiB, layers included",
            ]
        );
    }
}
