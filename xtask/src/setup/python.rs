//! A Python virtual environment from a pinned requirements file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::debian;
use crate::command::{output_of, run, works};
use crate::console::{DIM, say, styled};
use crate::failure::Failure;

/// Made last, so that what was left half done is done again.
const STAMP: &str = "requirements.installed";

/// A virtual environment that has what its requirements file asks for.
#[derive(Clone, Debug)]
pub struct Environment {
    directory: PathBuf,
}

impl Environment {
    /// The one in `directory`, made anew unless it is there and its requirements are the same.
    ///
    /// # Errors
    /// No Python 3, no way to make environments with it, or an installation that fails.
    pub fn ensure(directory: PathBuf, requirements: &Path) -> Result<Self, Failure> {
        let environment = Self { directory };
        let wanted = fs::read_to_string(requirements).map_err(|error| {
            Failure::environment(format!("cannot read `{}`: {error}", requirements.display()))
        })?;
        if environment.has(&wanted) {
            let shown = environment.directory.display();
            say(styled(DIM, format!("{shown} is up to date")));
            return Ok(environment);
        }
        environment.make()?;
        let mut pip = environment.pip_install(requirements);
        run(&mut pip).map_err(Failure::in_setup)?;
        let stamp = environment.directory.join(STAMP);
        fs::write(&stamp, wanted).map_err(|error| {
            Failure::environment(format!("cannot write `{}`: {error}", stamp.display()))
        })?;
        Ok(environment)
    }

    /// Its interpreter.
    pub fn python(&self) -> PathBuf {
        let name = if cfg!(windows) {
            "python.exe"
        } else {
            "python3"
        };
        self.programs().join(name)
    }

    /// The directory of its programs.
    pub fn programs(&self) -> PathBuf {
        self.directory
            .join(if cfg!(windows) { "Scripts" } else { "bin" })
    }

    /// What installs the packages of a requirements file.
    pub fn pip_install(&self, requirements: &Path) -> Command {
        let mut pip = Command::new(self.python());
        pip.args(["-m", "pip", "install", "--disable-pip-version-check"])
            .args(["--no-input", "--requirement"])
            .arg(requirements);
        pip
    }

    /// Whether this was installed, and still works: the Python it was made with may be gone.
    fn has(&self, wanted: &str) -> bool {
        let installed = fs::read_to_string(self.directory.join(STAMP));
        installed.is_ok_and(|installed| installed == wanted)
            && works(Command::new(self.python()).arg("--version"))
    }

    fn make(&self) -> Result<(), Failure> {
        let python = interpreter()?;
        // Debian keeps what makes a working environment in a package of its own.
        if !works(Command::new(python).args(["-c", "import ensurepip, venv"])) {
            debian::install("python3-venv", "cannot make Python virtual environments")?;
        }
        // Made from nothing: what the requirements no longer name must not linger.
        let mut venv = Command::new(python);
        venv.args(["-m", "venv", "--clear"]).arg(&self.directory);
        run(&mut venv).map_err(Failure::in_setup)
    }
}

/// The name under which this machine has Python 3.
fn interpreter() -> Result<&'static str, Failure> {
    let is_python_3 = |name: &&str| {
        let version = output_of(Command::new(name).arg("--version"));
        version.is_some_and(|version| version.starts_with("Python 3."))
    };
    let found = ["python3", "python"].into_iter().find(is_python_3);
    found.ok_or_else(|| {
        Failure::environment("Python 3 is not installed, or not on PATH").hint(
            "install it as this system does: `apt-get install python3-venv`, `brew install python`",
        )
    })
}
