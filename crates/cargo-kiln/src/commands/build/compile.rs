//! One run of cargo.

use std::borrow::Cow;

use kiln_build::cargo::{Artifact, ArtifactKind, CargoError};
use kiln_build::compile::{self, CompileError, CompileRequest, Compiled, CompiledProgram, Notice};
use kiln_build::optimize::selected_profile;
use kiln_project::cargo_metadata::Metadata;
use kiln_project::{Function, LoadOptions, Project, TargetKind};

use super::Args;
use super::interrupt::Interruptible;
use super::plan::{Run, RunSettings};
use crate::failure::Failure;
use crate::output::{self, GOOD};
use crate::project;

/// What came out of a run.
#[derive(Debug)]
pub struct Finished {
    /// The programs, and how they were linked.
    pub compiled: Compiled,
    /// The cargo profile they were built with.
    pub profile: String,
}

impl Finished {
    /// The program of a function.
    pub fn program(&self, function: &Function) -> Result<&CompiledProgram, Failure> {
        let mut programs = self.compiled.programs.iter();
        programs
            .find(|program| is(&program.built, function))
            .ok_or_else(|| {
                Failure::bug(format!(
                    "cargo was asked for `{}`, succeeded, and did not report it",
                    function.name
                ))
            })
    }
}

/// Whether an artefact is the program of a function.
fn is(artifact: &Artifact, function: &Function) -> bool {
    let kind = match function.target {
        TargetKind::Bin => ArtifactKind::Binary,
        TargetKind::Example => ArtifactKind::Example,
    };
    artifact.package_id == function.package_id
        && artifact.target_name == function.name
        && artifact.kind == kind
}

/// Compiles the functions of a run.
pub fn compile(
    args: &Args,
    run: &Run<'_>,
    project: &Project,
    load: &LoadOptions,
    cargo: &mut Interruptible,
) -> Result<Finished, Failure> {
    let functions = run.functions();
    let mut options = args.cargo.0.clone();
    project::narrow(&mut options, &functions);
    run.settings.apply(&mut options);
    let profile = selected_profile(&options).to_owned();
    let quiet = options.quiet;
    let metadata = metadata(&run.settings, project, load)?;
    let mut roots: Vec<_> = functions.iter().map(|it| it.package_id.clone()).collect();
    roots.sort();
    roots.dedup();
    let request = CompileRequest {
        metadata: &metadata,
        options,
        target: run.settings.target,
        compiler: run.settings.compiler,
        roots,
        examples: functions.iter().any(|it| it.target == TargetKind::Example),
        optimize: run.settings.optimize,
        skip_target_check: run.settings.skip_target_check,
        directory: load.current_dir.clone(),
    };
    let wanted = |artifact: &Artifact| functions.iter().any(|function| is(artifact, function));
    let mut tell = |notice: Notice<'_>| tell(&notice, quiet);
    let mut run = |build: &_| cargo.run(build);
    compile::compile(&request, &wanted, &mut run, &mut tell)
        .map(|compiled| Finished { compiled, profile })
        .map_err(failure)
}

impl RunSettings {
    /// Puts the settings in the place of the flags they are made of.
    fn apply(&self, options: &mut cargo_options::Build) {
        options.release = false;
        options.profile.clone_from(&self.profile);
        options.features.clone_from(&self.features);
        options.all_features = self.all_features;
        options.no_default_features = self.no_default_features;
    }
}

/// The dependencies of what is built: those of the project as it was loaded, unless configuration
/// enables other features or means another platform.
fn metadata<'p>(
    settings: &RunSettings,
    project: &'p Project,
    load: &LoadOptions,
) -> Result<Cow<'p, Metadata>, Failure> {
    let exact = LoadOptions {
        features: settings.features.clone(),
        all_features: settings.all_features,
        no_default_features: settings.no_default_features,
        target: settings.build_target.clone(),
        ..load.clone()
    };
    let as_loaded = exact.features == load.features
        && exact.all_features == load.all_features
        && exact.no_default_features == load.no_default_features
        && exact.target == load.target;
    if as_loaded {
        Ok(Cow::Borrowed(&project.metadata))
    } else {
        Ok(Cow::Owned(Project::load(&exact)?.metadata))
    }
}

fn tell(notice: &Notice<'_>, quiet: bool) {
    match notice {
        Notice::Linking(plan) if !quiet => output::say(format!(
            "{GOOD}{:>12}{GOOD:#} `{}` with {}: {}",
            "Linking", plan.target, plan.way, plan.reason,
        )),
        Notice::GlibcTooNew { too_new, newest } => output::warn(format!(
            "`{}` needs glibc {}, and the function will find {newest}; building again",
            too_new.program, too_new.needs
        )),
        _ => {}
    }
}

fn failure(error: CompileError) -> Failure {
    let hint = error.hint();
    match error {
        // The code does not compile; cargo has said where.
        CompileError::Cargo(CargoError::Failed { .. }) => Failure::failed(error),
        _ => Failure::usage(error),
    }
    .maybe_hint(hint)
}
