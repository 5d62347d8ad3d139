//! What the machine and the project have to say about linking.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::cargo_platform::Cfg;
use cargo_metadata::{Metadata, PackageId};

use super::c_code::{CCode, find_c_code};
use super::compiler::Compiler;
use super::plan::LinkError;
use crate::target::{CLibrary, GlibcVersion, LambdaTarget};

/// What is to be linked, as far as the choice of a way depends on it.
#[derive(Clone, Debug)]
pub struct LinkRequest<'a> {
    /// The user's word on the way.
    pub compiler: Compiler,
    /// The target.
    pub target: LambdaTarget,
    /// Whether the user named the target (`--target`, or cargo's configuration) rather than the
    /// architecture alone. Then its C library is not exchanged for another.
    pub named: bool,
    /// The packages whose programs are built.
    pub roots: &'a [PackageId],
    /// Whether examples are among those programs: they link what tests may use.
    pub examples: bool,
    /// Whether to take every Rust target for installed: the user says so, or the standard library
    /// is built along (`-Z build-std`).
    pub assume_installed: bool,
    /// The toolchain that cargo will use.
    pub toolchain: &'a Toolchain,
}

/// Everything that [`choose`](super::choose()) decides from.
#[derive(Clone, Debug)]
pub struct LinkFacts {
    /// The user's word on the way.
    pub compiler: Compiler,
    /// The target.
    pub target: LambdaTarget,
    /// Whether the user named that very target, see [`LinkRequest::named`].
    pub named: bool,
    /// The toolchain's own target.
    pub host: String,
    /// An executable for this target, linked by the host toolchain, that turned out to need a newer
    /// glibc than the target offers. `None` before anything was linked.
    pub too_new: Option<TooNew>,
    /// The linker that cargo's configuration or environment names for the target.
    pub configured_linker: Option<PathBuf>,
    /// The Rust targets that are installed, among those that matter here.
    pub installed: Vec<LambdaTarget>,
    /// Zig, if it was looked for and found.
    pub zig: Option<Zig>,
    /// Whether the toolchain has `rust-lld`.
    pub rust_lld: bool,
    /// A dependency that carries C code, if it was looked for and found.
    pub c_code: Option<CCode>,
}

/// An executable that needs a newer glibc than it will find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooNew {
    /// Name of the program.
    pub program: String,
    /// The glibc it needs.
    pub needs: GlibcVersion,
}

/// Where zig is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zig {
    program: PathBuf,
    arguments: Vec<String>,
}

impl Zig {
    /// Describes zig as a program with leading arguments.
    #[must_use]
    pub const fn new(program: PathBuf, arguments: Vec<String>) -> Self {
        Self { program, arguments }
    }

    /// Looks for Python's `ziglang`, then for `zig` on `PATH`; the environment variables
    /// `CARGO_ZIGBUILD_PYTHON_PATH` and `CARGO_ZIGBUILD_ZIG_PATH` name others. The answer is kept
    /// for the life of the process.
    #[must_use]
    pub fn find() -> Option<Self> {
        // The same search that the linker wrappers will do.
        let (program, arguments) = cargo_zigbuild::Zig::find_zig().ok()?;
        Some(Self::new(program, arguments))
    }
}

impl fmt::Display for Zig {
    /// As one would type it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.program.display())?;
        self.arguments
            .iter()
            .try_for_each(|argument| write!(f, " {argument}"))
    }
}

/// The Rust toolchain that cargo uses in a directory.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// The compiler.
    rustc: PathBuf,
    /// Where it was asked: rustup chooses by directory.
    directory: PathBuf,
    /// The toolchain's own target.
    pub host: String,
    /// Where it lies.
    pub sysroot: PathBuf,
}

impl Toolchain {
    /// Asks the compiler that cargo would use in `directory`.
    ///
    /// # Errors
    ///
    /// When there is none, or it does not answer.
    pub fn probe(
        directory: &Path,
        configuration: &cargo_config2::Config,
    ) -> Result<Self, LinkError> {
        let rustc = configuration
            .build
            .rustc
            .clone()
            .unwrap_or_else(|| PathBuf::from("rustc"));
        let output = ask(
            &rustc,
            directory,
            &["--print", "host-tuple", "--print", "sysroot"],
        )?;
        let mut lines = output.lines();
        match (lines.next(), lines.next()) {
            (Some(host), Some(sysroot)) => Ok(Self {
                rustc,
                directory: directory.to_owned(),
                host: host.to_owned(),
                sysroot: PathBuf::from(sysroot),
            }),
            _ => Err(LinkError::Rustc {
                program: rustc.display().to_string(),
                source: format!("unexpected answer `{}`", output.trim()).into(),
            }),
        }
    }

    /// Whether the standard library for `triple` is installed.
    #[must_use]
    pub fn has_target(&self, triple: &str) -> bool {
        let libraries = self.sysroot.join("lib/rustlib").join(triple).join("lib");
        // A directory alone may be what `rustup target remove` left.
        std::fs::read_dir(libraries).is_ok_and(|mut entries| {
            entries.any(|entry| {
                entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
            })
        })
    }

    /// Whether the toolchain brings a linker of its own.
    #[must_use]
    pub fn has_rust_lld(&self) -> bool {
        let name = format!("rust-lld{}", std::env::consts::EXE_SUFFIX);
        self.sysroot
            .join("lib/rustlib")
            .join(&self.host)
            .join("bin")
            .join(name)
            .is_file()
    }

    /// The `cfg` values of a target, which need not be installed.
    fn cfg(&self, triple: &str) -> Result<Vec<Cfg>, LinkError> {
        let output = ask(
            &self.rustc,
            &self.directory,
            &["--print", "cfg", "--target", triple],
        )?;
        Ok(output
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect())
    }
}

fn ask(rustc: &Path, directory: &Path, arguments: &[&str]) -> Result<String, LinkError> {
    let failed = |source: Box<dyn Error + Send + Sync>| LinkError::Rustc {
        program: rustc.display().to_string(),
        source,
    };
    let output = Command::new(rustc)
        .args(arguments)
        .current_dir(directory)
        .output()
        .map_err(|error| failed(error.into()))?;
    if !output.status.success() {
        return Err(failed(
            String::from_utf8_lossy(&output.stderr).trim().into(),
        ));
    }
    String::from_utf8(output.stdout).map_err(|error| failed(error.into()))
}

impl LinkFacts {
    /// Looks at the machine and the project. What takes time (zig, which may mean starting Python,
    /// and the search for C code) is left out when the host toolchain will do.
    ///
    /// # Errors
    ///
    /// When cargo's configuration cannot be read or the compiler does not answer.
    pub fn gather(
        request: &LinkRequest<'_>,
        metadata: &Metadata,
        configuration: &cargo_config2::Config,
    ) -> Result<Self, LinkError> {
        let toolchain = request.toolchain;
        let triple = request.target.triple();
        let configured_linker = configuration
            .linker(triple.as_str())
            .map_err(|error| LinkError::Configuration(error.into()))?;
        let architecture = request.target.architecture;
        let installed = [
            LambdaTarget::gnu(architecture),
            LambdaTarget::musl(architecture),
        ]
        .into_iter()
        .filter(|target| request.assume_installed || toolchain.has_target(&target.triple()))
        .collect();
        let mut facts = Self {
            compiler: request.compiler,
            target: request.target,
            named: request.named,
            rust_lld: toolchain.has_rust_lld(),
            host: toolchain.host.clone(),
            too_new: None,
            configured_linker,
            installed,
            zig: None,
            c_code: None,
        };
        let settled = facts.host_agrees() || facts.configured_linker.is_some();
        let far = match facts.compiler {
            Compiler::Auto => !settled,
            Compiler::Zig | Compiler::Musl => true,
            Compiler::Cargo => false,
        };
        if far {
            facts.look_further(request, metadata)?;
        }
        Ok(facts)
    }

    /// The same facts after an executable linked by the host toolchain turned out to need a newer
    /// glibc than the target offers, with what was left out so far.
    ///
    /// # Errors
    ///
    /// When the compiler cannot be asked.
    pub fn after_host_attempt(
        mut self,
        too_new: TooNew,
        request: &LinkRequest<'_>,
        metadata: &Metadata,
    ) -> Result<Self, LinkError> {
        self.too_new = Some(too_new);
        if self.compiler == Compiler::Auto {
            self.look_further(request, metadata)?;
        }
        Ok(self)
    }

    fn look_further(
        &mut self,
        request: &LinkRequest<'_>,
        metadata: &Metadata,
    ) -> Result<(), LinkError> {
        self.zig = Zig::find();
        let musl = LambdaTarget::musl(self.target.architecture).triple();
        let cfg = request.toolchain.cfg(&musl)?;
        self.c_code = find_c_code(metadata, request.roots, request.examples, &musl, &cfg);
        Ok(())
    }

    /// Whether the host toolchain links for the target by itself.
    #[must_use]
    pub fn host_agrees(&self) -> bool {
        self.host == self.target.triple()
    }

    /// Whether the Rust target is there.
    #[must_use]
    pub fn has_target(&self, target: LambdaTarget) -> bool {
        self.installed
            .iter()
            .any(|installed| installed.triple() == target.triple())
    }

    /// Whether musl may not stand in for glibc, because the user named a glibc target.
    #[must_use]
    pub fn insists_on_glibc(&self) -> bool {
        self.named && self.target.library == CLibrary::Gnu
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_toolchain_tells_about_itself() {
        let directory = tempfile::tempdir().unwrap();
        let configuration = cargo_config2::Config::load_with_cwd(directory.path()).unwrap();
        let toolchain = Toolchain::probe(directory.path(), &configuration).unwrap();
        assert!(toolchain.has_target(&toolchain.host));
        assert!(!toolchain.has_target("mips-unknown-nowhere"));
        let cfg = toolchain.cfg("aarch64-unknown-linux-musl").unwrap();
        assert!(cfg.contains(&"target_env=\"musl\"".parse().unwrap()));
    }

    #[test]
    fn a_missing_compiler_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let mut configuration = cargo_config2::Config::load_with_cwd(directory.path()).unwrap();
        configuration.build.rustc = Some("no-such-rustc".into());
        let error = Toolchain::probe(directory.path(), &configuration).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot ask `no-such-rustc` about the toolchain"
        );
    }
}
