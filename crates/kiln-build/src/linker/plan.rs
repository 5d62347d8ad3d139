//! The decision, the ways it can fail, and carrying it out.

use std::error::Error;
use std::fmt;
use std::path::Path;

use cargo_metadata::{Metadata, PackageId};

use super::c_code::CCode;
use super::choose::choose;
use super::compiler::Compiler;
use super::facts::{LinkFacts, LinkRequest, TooNew, Toolchain};
use crate::cargo::CargoBuild;
use crate::target::{GlibcVersion, LambdaTarget};

/// A way to link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The host toolchain, as in any `cargo build`.
    Host,
    /// Plain cargo with the linker that its configuration names for the target.
    Configured,
    /// zig as linker and C compiler, set up by cargo-zigbuild.
    Zig,
    /// `rust-lld` and the C library that comes with Rust's musl target.
    Musl,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "the host toolchain",
            Self::Configured => "cargo's configured linker",
            Self::Zig => "zig",
            Self::Musl => "musl and rust-lld",
        })
    }
}

/// How a target will be linked, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkPlan {
    /// The way.
    pub way: Way,
    /// What is built: the musl sibling of what was asked for where that is the way.
    pub target: LambdaTarget,
    /// Why this way, as a clause: "this machine is `x86_64-unknown-linux-gnu` itself".
    pub reason: String,
}

impl LinkPlan {
    /// Decides for a target that the user named, for whoever runs cargo without
    /// [`compile`](crate::compile::compile()): in this directory, for the programs of these packages.
    ///
    /// # Errors
    ///
    /// When nothing links the target here.
    pub fn of_named(
        target: LambdaTarget,
        metadata: &Metadata,
        directory: &Path,
        roots: &[PackageId],
        examples: bool,
    ) -> Result<Self, LinkError> {
        let configuration = cargo_config2::Config::load_with_cwd(directory)
            .map_err(|error| LinkError::Configuration(error.into()))?;
        let toolchain = Toolchain::probe(directory, &configuration)?;
        let request = LinkRequest {
            compiler: Compiler::Auto,
            target,
            named: true,
            roots,
            examples,
            assume_installed: false,
            toolchain: &toolchain,
        };
        choose(&LinkFacts::gather(&request, metadata, &configuration)?)
    }

    /// Carries the plan out: sets target and environment of `build`.
    ///
    /// With [`Way::Host`] the target stays as the caller has it, because cargo keeps builds with
    /// and without `--target` apart, and only the caller knows which one to share.
    ///
    /// # Errors
    ///
    /// When zig's wrapper scripts cannot be written or zig does not answer.
    pub fn apply(&self, build: &mut CargoBuild) -> Result<(), LinkError> {
        match self.way {
            Way::Host => {}
            Way::Configured => build.options.target = vec![self.target.triple()],
            Way::Zig => {
                build.options.target = vec![self.target.with_glibc()];
                build.environment.extend(zig_environment(&build.options)?);
            }
            Way::Musl => {
                let triple = self.target.triple();
                // Found in the sysroot of the toolchain by its name alone. With it rustc links its
                // own copies of musl's start-up objects and libc.a, and needs no C toolchain.
                let variable = format!("CARGO_TARGET_{}_LINKER", variable_name(&triple));
                build
                    .environment
                    .push((variable.into(), Some("rust-lld".into())));
                build.options.target = vec![triple];
            }
        }
        Ok(())
    }
}

/// A target's name as it appears in cargo's environment variables.
pub(super) fn variable_name(triple: &str) -> String {
    triple.replace('-', "_").to_ascii_uppercase()
}

/// What cargo-zigbuild would set in the environment of cargo for these options.
fn zig_environment(
    options: &cargo_options::Build,
) -> Result<Vec<(std::ffi::OsString, Option<std::ffi::OsString>)>, LinkError> {
    let mut zig = cargo_zigbuild::Build::from(options.clone());
    // C code in build scripts needs an archiver that knows the target's object files too.
    zig.enable_zig_ar = true;
    let command = zig
        .build_command()
        .map_err(|error| LinkError::ZigSetup(error.into()))?;
    Ok(command
        .get_envs()
        .map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)))
        .collect())
}

/// Why a target cannot be linked here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// `rustc` did not tell about itself.
    #[error("cannot ask `{program}` about the toolchain")]
    Rustc {
        /// The program that was run.
        program: String,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Cargo's configuration files cannot be read.
    #[error("cannot read cargo's configuration")]
    Configuration(#[source] Box<dyn Error + Send + Sync>),
    /// The Rust standard library for the target is not there.
    #[error("the Rust target `{triple}` is not installed")]
    TargetMissing {
        /// The target.
        triple: String,
    },
    /// Nothing here can link the target.
    #[error("nothing on this machine links for `{target}`: {}", no_linker(.c_code.as_deref()))]
    NoLinker {
        /// The target.
        target: String,
        /// The package that rules out linking without a C toolchain, if one does.
        c_code: Option<Box<CCode>>,
        /// The command that fixes it.
        command: String,
    },
    /// Zig was asked for and is not there.
    #[error("zig was not found, neither as `zig` nor as Python's `ziglang`")]
    ZigMissing,
    /// Zig is there, and cannot be used.
    #[error("cannot set up zig as the linker")]
    ZigSetup(#[source] Box<dyn Error + Send + Sync>),
    /// The musl way was asked for, and a dependency needs a C compiler.
    #[error("{0}, and that cannot be linked with musl without a C compiler for it")]
    CCode(Box<CCode>),
    /// The toolchain comes without its own linker.
    #[error("this Rust toolchain has no `rust-lld`")]
    RustLldMissing,
    /// Plain cargo was asked for, and the host's linker is for another processor.
    #[error("plain cargo does not link for `{target}` on `{host}`")]
    OtherMachine {
        /// The target.
        target: String,
        /// The host.
        host: String,
    },
    /// The host's glibc is newer than the one the function will meet.
    #[error(
        "`{}` needs glibc {}, and the function will find {newest}; this machine's glibc is too new \
         to link against",
        .too_new.program,
        .too_new.needs
    )]
    GlibcTooNew {
        /// What was linked, and what it needs.
        too_new: TooNew,
        /// What it may need.
        newest: GlibcVersion,
        /// The command or flag that fixes it.
        way_out: String,
    },
}

fn no_linker(c_code: Option<&CCode>) -> String {
    match c_code {
        Some(c_code) => format!("zig was not found, and {c_code}, which needs a C compiler"),
        None => "zig was not found".to_owned(),
    }
}

impl LinkError {
    /// The one command, or the flag, that gets around it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Rustc { .. } => {
                Some("run `kiln doctor`, which says what this toolchain lacks".to_owned())
            }
            Self::Configuration(_) => None,
            Self::TargetMissing { triple } => Some(format!("run `{}`", target_command(triple))),
            Self::NoLinker { command, .. } => Some(format!("run `{command}`")),
            Self::ZigMissing => Some(format!("run `{ZIG_COMMAND}`")),
            Self::ZigSetup(_) => Some(
                "set `CARGO_ZIGBUILD_CACHE_DIR` to a writable directory if the default is not"
                    .to_owned(),
            ),
            Self::CCode(_) | Self::OtherMachine { .. } => {
                Some("use `--compiler zig`, which brings a C compiler for every target".to_owned())
            }
            Self::RustLldMissing => Some("use `--compiler zig`".to_owned()),
            Self::GlibcTooNew { way_out, .. } => Some(way_out.clone()),
        }
    }
}

/// The command that brings zig everywhere Python is.
pub(super) const ZIG_COMMAND: &str = "pip install ziglang";

/// The command that brings a Rust target.
pub(super) fn target_command(triple: &str) -> String {
    format!("rustup target add {triple}")
}
