//! The tools, and how each is called.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Ours.
    Kiln,
    /// The one for Rust.
    CargoLambda,
    /// AWS's own, the Runtime Interface Emulator: one function, which is built already, and one
    /// invocation at a time.
    Emulator,
}

/// Where the tools are.
#[derive(Clone, Debug)]
pub struct Tools {
    /// `kiln`.
    pub kiln: PathBuf,
    /// `cargo-lambda`.
    pub cargo_lambda: PathBuf,
    /// `aws-lambda-rie`.
    pub emulator: PathBuf,
    /// Where both build to, so that neither builds what the other has built.
    pub target_directory: PathBuf,
    /// For files that nobody needs afterwards: projects to edit, what servers print.
    pub scratch: PathBuf,
}

impl Tool {
    /// Those that build what they serve, in the order of the report's columns.
    pub const BOTH: [Self; 2] = [Self::Kiln, Self::CargoLambda];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kiln => "kiln",
            Self::CargoLambda => "cargo-lambda",
            Self::Emulator => "emulator",
        }
    }

    /// How long a call may wait during a reload before it is made again. Kiln answers every call,
    /// however long the build takes; cargo-lambda never answers one that it was reloaded under, and
    /// one that is repeated soon enough is waiting when the new process comes up.
    pub fn reload_patience(self) -> Duration {
        match self {
            Self::Kiln | Self::Emulator => Duration::from_secs(120),
            Self::CargoLambda => Duration::from_millis(500),
        }
    }
}

impl Tools {
    /// A command of a tool, such as `watch`.
    pub fn command(&self, tool: Tool, arguments: &[&str]) -> Command {
        let mut command = match tool {
            Tool::Kiln => Command::new(&self.kiln),
            Tool::CargoLambda => {
                let mut command = Command::new(&self.cargo_lambda);
                command.arg("lambda");
                command
            }
            Tool::Emulator => Command::new(&self.emulator),
        };
        command.args(arguments);
        self.clean(&mut command);
        command
    }

    /// `cargo` in a directory, with the target directory of the tools.
    pub fn cargo(&self, directory: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("cargo");
        command.args(arguments).current_dir(directory);
        self.clean(&mut command);
        command
    }

    /// Takes away what the shell, and the cargo that runs us, have set.
    fn clean(&self, command: &mut Command) {
        let settings = ["KILN_", "AWS_", "CARGO_"];
        // Where cargo lives, and where it looks for crates, is not ours to change.
        let kept = [
            "CARGO_HOME",
            "CARGO_HTTP_",
            "CARGO_NET_",
            "CARGO_REGISTR",
            "CARGO_SOURCE_",
        ];
        for (name, _) in std::env::vars_os() {
            let is = |prefix: &&str| name.to_str().is_some_and(|name| name.starts_with(*prefix));
            if settings.iter().any(is) && !kept.iter().any(is) {
                command.env_remove(&name);
            }
        }
        command
            .env("CARGO_TARGET_DIR", &self.target_directory)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
    }
}
