//! What is to be built, from flags and configuration, in as few cargo runs as possible.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kiln_build::compile::TargetChoice;
use kiln_build::linker::Compiler;
use kiln_build::package::{self, Include, Layout, PackageError, Placement, ProgramKind};
use kiln_build::target::Architecture;
use kiln_project::{
    BuildSettings, BuildTarget, CompilerKind, Function, FunctionKind, Origin, OutputFormat,
    Overrides, Project, Setting,
};

use super::Args;
use crate::failure::Failure;

/// The runs of cargo that a build takes.
#[derive(Debug)]
pub struct Plan<'a> {
    /// In the order they are carried out.
    pub runs: Vec<Run<'a>>,
}

/// What cargo builds at once.
#[derive(Debug)]
pub struct Run<'a> {
    /// What holds for all of it.
    pub settings: RunSettings,
    /// The functions.
    pub parts: Vec<Part<'a>>,
}

/// The settings that a run of cargo has one value of.
///
/// Features are among them though cargo could enable each package's own in one run: it would unify
/// those of shared dependencies, and a function would be another one depending on what is built
/// beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSettings {
    /// What it is for, as configured.
    pub build_target: Option<BuildTarget>,
    /// What it is for, as understood.
    pub target: TargetChoice,
    /// How to link.
    pub compiler: Compiler,
    /// The cargo profile; cargo's own choice if none.
    pub profile: Option<String>,
    /// Cargo features to enable.
    pub features: Vec<String>,
    /// All of them.
    pub all_features: bool,
    /// None that is not named.
    pub no_default_features: bool,
    /// Whether a release build gets kiln's defaults.
    pub optimize: bool,
    /// Whether to go on without asking whether the Rust target is installed.
    pub skip_target_check: bool,
}

/// One function of a run.
#[derive(Debug)]
pub struct Part<'a> {
    /// The function.
    pub function: &'a Function,
    /// What it is packaged as.
    pub kind: ProgramKind,
    /// What is written.
    pub format: package::OutputFormat,
    /// Where it is written.
    pub placement: Placement,
    /// More files for the zip.
    pub includes: Vec<Include>,
}

impl<'a> Plan<'a> {
    /// Settles how these functions are built. Nothing is begun when any of it is wrong.
    pub fn new(
        args: &Args,
        project: &Project,
        functions: &[&'a Function],
        overrides: &Overrides,
    ) -> Result<Self, Failure> {
        check_flatten(args, functions)?;
        let mut runs: Vec<Run<'a>> = Vec::new();
        for &function in functions {
            let settings = project.build_settings(function, overrides)?;
            let part = Part::new(project, function, &settings)?;
            let settings = RunSettings::new(settings)?;
            match runs.iter_mut().find(|run| run.settings == settings) {
                Some(run) => run.parts.push(part),
                None => runs.push(Run {
                    settings,
                    parts: vec![part],
                }),
            }
        }
        let parts = || runs.iter().flat_map(|run| &run.parts);
        check_places(parts())?;
        check_writable(&project.target_directory)?;
        for part in parts() {
            part.placement
                .binary
                .parent()
                .map_or(Ok(()), check_writable)?;
        }
        if !args.include.is_empty()
            && parts().all(|part| part.format == package::OutputFormat::Binary)
        {
            return Err(
                Failure::usage("`--include` has nowhere to put files without a zip")
                    .hint("add `--output-format zip`"),
            );
        }
        Ok(Self { runs })
    }
}

impl Run<'_> {
    /// The functions alone.
    pub fn functions(&self) -> Vec<&Function> {
        self.parts.iter().map(|part| part.function).collect()
    }
}

impl RunSettings {
    fn new(settings: BuildSettings) -> Result<Self, Failure> {
        let build_target = settings.target;
        let target = match &build_target {
            Some(setting) => target_choice(&setting.value).map_err(|failure| {
                if matches!(setting.origin, Origin::Flag(_)) {
                    failure
                } else {
                    from(&setting.origin, failure)
                }
            })?,
            None => TargetChoice::Default,
        };
        Ok(Self {
            build_target: build_target.map(|setting| setting.value),
            target,
            compiler: settings
                .compiler
                .map_or(Ok(Compiler::Auto), |it| compiler(&it))?,
            profile: settings.profile.map(|setting| setting.value),
            features: settings
                .features
                .map(|setting| setting.value)
                .unwrap_or_default(),
            all_features: settings.all_features.value,
            no_default_features: settings.no_default_features.value,
            optimize: !settings.disable_optimizations.value,
            skip_target_check: settings.skip_target_check.value,
        })
    }
}

impl<'a> Part<'a> {
    fn new(
        project: &Project,
        function: &'a Function,
        settings: &BuildSettings,
    ) -> Result<Self, Failure> {
        let configured = settings.extension.as_ref().map(|setting| setting.value);
        let extension = configured.unwrap_or(function.kind == FunctionKind::Extension);
        let kind = match (extension, settings.internal.value) {
            (true, true) => ProgramKind::InternalExtension,
            (true, false) => ProgramKind::ExternalExtension,
            (false, _) => ProgramKind::Function,
        };
        let format = match settings.output_format.value {
            OutputFormat::Binary => package::OutputFormat::Binary,
            OutputFormat::Zip => package::OutputFormat::Zip,
        };
        let directory = match &settings.lambda_dir {
            Some(setting) => setting.value.clone(),
            None => project.target_directory.join("lambda"),
        };
        let flatten = settings
            .flatten
            .as_ref()
            .map(|setting| setting.value.clone());
        Ok(Self {
            function,
            kind,
            format,
            placement: Layout::new(directory, flatten).placement(&function.name, kind),
            includes: match (&settings.include, format) {
                (Some(setting), package::OutputFormat::Zip) => includes(project, setting)?,
                _ => Vec::new(),
            },
        })
    }
}

/// The files to include, which all have to be there.
fn includes(project: &Project, setting: &Setting<Vec<String>>) -> Result<Vec<Include>, Failure> {
    let directory = project.directory_of(&setting.origin);
    let mut includes = Vec::new();
    for text in &setting.value {
        let include = Include::parse(text, &directory);
        if !include.source().exists() {
            return Err(Failure::usage(format!(
                "the included path `{text}` does not exist ({})",
                setting.origin
            ))
            .hint(format!("the path is taken from `{}`", directory.display())));
        }
        include.check().map_err(unpackable)?;
        includes.push(include);
    }
    Ok(includes)
}

/// The same failure, with the place that it comes from.
fn from(origin: &Origin, mut failure: Failure) -> Failure {
    failure.error = format!("{failure} ({origin})").into();
    failure
}

/// What a configured target means to the build.
pub fn target_choice(target: &BuildTarget) -> Result<TargetChoice, Failure> {
    match target {
        BuildTarget::Arm64 => Ok(TargetChoice::Architecture(Architecture::Arm64)),
        BuildTarget::X86_64 => Ok(TargetChoice::Architecture(Architecture::X86_64)),
        BuildTarget::Triple(text) => TargetChoice::named(text).map_err(|error| {
            let hint = error.hint();
            Failure::usage(error).maybe_hint(hint)
        }),
    }
}

/// What a configured compiler means to the build.
fn compiler(setting: &Setting<kiln_project::Compiler>) -> Result<Compiler, Failure> {
    let compiler = &setting.value;
    let origin = &setting.origin;
    if !compiler.subcommand.is_empty() || !compiler.extra_args.is_empty() {
        return Err(Failure::usage(format!(
            "`subcommand` and `extra_args` of a compiler mean nothing to kiln ({origin})"
        ))
        .hint("give cargo's flags to `kiln build`, or write them to `.cargo/config.toml`"));
    }
    match compiler.kind {
        CompilerKind::Auto => Ok(Compiler::Auto),
        CompilerKind::Cargo => Ok(Compiler::Cargo),
        CompilerKind::Zig => Ok(Compiler::Zig),
        CompilerKind::Musl => Ok(Compiler::Musl),
        CompilerKind::Cross => Err(Failure::usage(format!(
            "the compiler `cross` builds inside a container of its own and is not supported \
             ({origin})"
        ))
        .hint("use `--compiler zig`, which does the same without a container")),
    }
}

/// Whether there is the function that `--flatten` names.
fn check_flatten(args: &Args, functions: &[&Function]) -> Result<(), Failure> {
    match &args.flatten {
        Some(name) if !functions.iter().any(|function| function.name == *name) => {
            let names: Vec<String> = functions
                .iter()
                .map(|function| format!("`{}`", function.name))
                .collect();
            Err(
                Failure::usage(format!("`--flatten {name}` names no program of this build"))
                    .hint(format!("choose from {}", names.join(", "))),
            )
        }
        _ => Ok(()),
    }
}

/// Whether the build could write there.
fn check_writable(directory: &Path) -> Result<(), Failure> {
    package::check_writable(directory).map_err(unpackable)
}

/// What stands in the way of an artefact.
pub fn unpackable(error: PackageError) -> Failure {
    let hint = error.hint();
    Failure::usage(error).maybe_hint(hint)
}

/// Whether each artefact has a place of its own: two that are flattened may not.
fn check_places<'p>(parts: impl Iterator<Item = &'p Part<'p>>) -> Result<(), Failure> {
    let mut taken: BTreeMap<&PathBuf, &str> = BTreeMap::new();
    for part in parts {
        let (name, place) = (&part.function.name, &part.placement.binary);
        if let Some(other) = taken.insert(place, name) {
            return Err(Failure::usage(format!(
                "`{other}` and `{name}` would both be written to `{}`",
                place.display()
            ))
            .hint("give one of them another `lambda_dir`, or build them one at a time"));
        }
    }
    Ok(())
}
