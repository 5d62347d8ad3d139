//! Compile programs for Lambda: the steps of the other modules in their order.
//!
//! Decide how to link, add what a release build gets, run cargo, read what came out; and once
//! more with another linker when the host's glibc turns out to be too new.

use std::path::PathBuf;
use std::time::Duration;

use cargo_metadata::{Metadata, PackageId};

use crate::cargo::{Artifact, BuildOutcome, Built, CargoBuild, CargoError};
use crate::elf::{ArtifactFacts, ElfError};
use crate::linker::{
    Compiler, LinkError, LinkFacts, LinkPlan, LinkRequest, TooNew, Toolchain, Way, choose,
};
use crate::optimize::{self, OptimizeError, ProfileSources};
use crate::target::{Architecture, GlibcVersion, LambdaTarget, TargetError};

/// What to compile, and how.
#[derive(Clone, Debug)]
pub struct CompileRequest<'a> {
    /// The workspace.
    pub metadata: &'a Metadata,
    /// Cargo's flags; `--target` among them is ignored in favour of `target`.
    pub options: cargo_options::Build,
    /// What it is for.
    pub target: TargetChoice,
    /// How to link.
    pub compiler: Compiler,
    /// The packages whose programs are built.
    pub roots: Vec<PackageId>,
    /// Whether examples are among those programs.
    pub examples: bool,
    /// Whether a release build gets the defaults of [`optimize`].
    pub optimize: bool,
    /// Whether to go on without asking whether the Rust target is installed.
    pub skip_target_check: bool,
    /// Where cargo runs.
    pub directory: PathBuf,
}

/// What a build is for, in the user's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetChoice {
    /// Nothing said: `build.target` of cargo's configuration if Lambda runs that, else glibc on
    /// this machine's architecture if that is Linux, else on x86-64.
    #[default]
    Default,
    /// An architecture, with the C library that suits.
    Architecture(Architecture),
    /// This very target.
    Named(LambdaTarget),
}

impl TargetChoice {
    /// Reads what `--target` was given.
    ///
    /// # Errors
    ///
    /// When it is no target of Lambda's.
    pub fn named(text: &str) -> Result<Self, TargetError> {
        text.parse().map(Self::Named)
    }
}

/// What a caller may want to tell while a build goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// How the programs will be linked; cargo starts now.
    Linking(&'a LinkPlan),
    /// A program that the host linked cannot run on the target; it is built again.
    GlibcTooNew {
        /// The program, and the glibc it needs.
        too_new: &'a TooNew,
        /// The newest it may need.
        newest: GlibcVersion,
    },
}

/// Programs that are ready to be packaged.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// How they were linked.
    pub plan: LinkPlan,
    /// The programs, in the order cargo finished them.
    pub programs: Vec<CompiledProgram>,
    /// Time in cargo, all attempts together.
    pub duration: Duration,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct CompiledProgram {
    /// Cargo's report.
    pub built: Built,
    /// What the executable says about itself.
    pub facts: ArtifactFacts,
}

/// Why there are no programs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// Nothing links the target here.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The project's profiles or flags cannot be read.
    #[error(transparent)]
    Optimize(#[from] OptimizeError),
    /// Cargo failed.
    #[error(transparent)]
    Cargo(#[from] CargoError),
    /// What cargo built cannot be read.
    #[error(transparent)]
    Elf(#[from] ElfError),
    /// The executable needs a glibc that the target does not have, however it was linked.
    #[error("`{}` needs glibc {}, and the function will find {newest}", .too_new.program, .too_new.needs)]
    Glibc {
        /// The program, and the glibc it needs.
        too_new: TooNew,
        /// The newest it may need.
        newest: GlibcVersion,
    },
    /// The executable asks for a program loader that Lambda does not have.
    #[error("`{program}` asks for the program loader `{loader}`, which AWS Lambda does not have")]
    Loader {
        /// The program.
        program: String,
        /// The loader.
        loader: String,
    },
}

impl CompileError {
    /// The way out.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Link(error) => error.hint(),
            Self::Optimize(_) => None,
            Self::Cargo(error) => error.hint(),
            Self::Elf(error) => error.hint(),
            Self::Glibc { .. } => Some(
                "a native library of this machine is linked in; build it along, or use \
                 `--compiler musl`"
                    .to_owned(),
            ),
            Self::Loader { .. } => Some(
                "use `--compiler zig`, or `--compiler musl` for a static executable".to_owned(),
            ),
        }
    }
}

/// Compiles the programs that `wanted` picks among those cargo reports.
///
/// `run` runs cargo: the caller does, who has to be able to stop it.
///
/// # Errors
///
/// See [`CompileError`]. Artefacts of earlier builds are not touched.
pub fn compile(
    request: &CompileRequest<'_>,
    wanted: &dyn Fn(&Artifact) -> bool,
    run: &mut dyn FnMut(&CargoBuild) -> Result<BuildOutcome, CargoError>,
    notify: &mut dyn FnMut(Notice<'_>),
) -> Result<Compiled, CompileError> {
    let configuration = cargo_config2::Config::load_with_cwd(&request.directory)
        .map_err(|error| LinkError::Configuration(error.into()))?;
    let toolchain = Toolchain::probe(&request.directory, &configuration)?;
    let (target, named) = resolve_target(request.target, &configuration, &toolchain);
    let link = LinkRequest {
        compiler: request.compiler,
        target,
        named,
        roots: &request.roots,
        examples: request.examples,
        assume_installed: request.skip_target_check || builds_std(&request.options),
        toolchain: &toolchain,
    };
    let sources = ProfileSources::read(
        request
            .metadata
            .workspace_root
            .join("Cargo.toml")
            .as_std_path(),
        &request.directory,
        &request.options.config,
        std::env::vars_os(),
    )?;
    let mut facts = LinkFacts::gather(&link, request.metadata, &configuration)?;
    let mut plan = choose(&facts)?;
    let mut duration = Duration::ZERO;
    loop {
        notify(Notice::Linking(&plan));
        let mut build = CargoBuild {
            options: request.options.clone(),
            environment: Vec::new(),
            directory: Some(request.directory.clone()),
        };
        let release = optimize::is_release(&sources, optimize::selected_profile(&build.options));
        // A debug build for this machine is the one that `cargo build` and `cargo test` do, and
        // shares their work; cargo keeps builds with `--target` apart. A release build has flags
        // of its own, which must not reach build scripts: that is what `--target` is for.
        let plainly =
            plan.way == Way::Host && !release && !named && configuration.build.target.is_none();
        build.options.target = if plainly {
            Vec::new()
        } else {
            vec![plan.target.triple()]
        };
        plan.apply(&mut build)?;
        if request.optimize {
            optimize::apply(&mut build, &plan.target, &sources, &configuration)?;
        }
        let outcome = run(&build)?;
        duration += outcome.duration;
        let programs = read(outcome, wanted)?;

        let newest = target.newest_glibc();
        let Some(too_new) = too_new(&programs, newest) else {
            check_loaders(&programs)?;
            return Ok(Compiled {
                plan,
                programs,
                duration,
            });
        };
        if facts.too_new.is_some() || plan.way == Way::Zig {
            return Err(CompileError::Glibc { too_new, newest });
        }
        facts = facts.after_host_attempt(too_new.clone(), &link, request.metadata)?;
        plan = choose(&facts)?;
        notify(Notice::GlibcTooNew {
            too_new: &too_new,
            newest,
        });
    }
}

/// The wanted programs of a build, with their facts.
fn read(
    outcome: BuildOutcome,
    wanted: &dyn Fn(&Artifact) -> bool,
) -> Result<Vec<CompiledProgram>, ElfError> {
    let built = outcome.artifacts.into_iter();
    built
        .filter(|built| wanted(&built.artifact))
        .map(|built| {
            let facts = ArtifactFacts::read(&built.executable)?;
            Ok(CompiledProgram { built, facts })
        })
        .collect()
}

/// The program that needs the newest glibc, if that is newer than it may be.
fn too_new(programs: &[CompiledProgram], newest: GlibcVersion) -> Option<TooNew> {
    programs
        .iter()
        .filter_map(|program| Some((program, program.facts.glibc?)))
        .filter(|(_, needs)| *needs > newest)
        .max_by_key(|(_, needs)| *needs)
        .map(|(program, needs)| TooNew {
            program: program.built.target_name.clone(),
            needs,
        })
}

/// Refuses programs whose loader Lambda does not have, so that they would not even start: that of
/// a distribution with paths of its own, or of a musl that is not linked statically.
fn check_loaders(programs: &[CompiledProgram]) -> Result<(), CompileError> {
    for program in programs {
        if let Some(loader) = &program.facts.interpreter
            && loader != program.facts.architecture.loader()
            // Where layers and the function's own package lie: somebody ships a loader along.
            && !["/opt/", "/var/task/"].iter().any(|place| loader.starts_with(place))
        {
            return Err(CompileError::Loader {
                program: program.built.target_name.clone(),
                loader: loader.clone(),
            });
        }
    }
    Ok(())
}

/// The target, and whether the user named it.
fn resolve_target(
    choice: TargetChoice,
    configuration: &cargo_config2::Config,
    toolchain: &Toolchain,
) -> (LambdaTarget, bool) {
    match choice {
        TargetChoice::Named(target) => (target, true),
        TargetChoice::Architecture(architecture) => (LambdaTarget::gnu(architecture), false),
        TargetChoice::Default => {
            let configured = configuration.build.target.iter().flatten();
            let mut configured = configured.filter_map(|target| target.triple().parse().ok());
            match configured.next() {
                Some(target) => (target, true),
                None => {
                    let architecture = default_architecture(&toolchain.host);
                    (LambdaTarget::gnu(architecture), false)
                }
            }
        }
    }
}

/// The architecture that suits a machine: its own, where its executables could run on Lambda.
fn default_architecture(host: &str) -> Architecture {
    Architecture::of_triple(host)
        .filter(|_| host.contains("-linux-"))
        .unwrap_or(Architecture::X86_64)
}

fn builds_std(options: &cargo_options::Build) -> bool {
    options
        .unstable_flags
        .iter()
        .any(|flag| flag.starts_with("build-std"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_architecture_suits_the_machine() {
        let cases = [
            ("x86_64-unknown-linux-gnu", Architecture::X86_64),
            ("aarch64-unknown-linux-musl", Architecture::Arm64),
            // cargo-lambda's choice too: what runs here cannot run there anyway.
            ("aarch64-apple-darwin", Architecture::X86_64),
            ("x86_64-pc-windows-msvc", Architecture::X86_64),
        ];
        for (host, expected) in cases {
            assert_eq!(default_architecture(host), expected, "{host}");
        }
    }
}
