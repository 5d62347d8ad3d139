//! The call itself.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use super::message::Artifact;

/// A `cargo build` call, described but not run.
///
/// The program is `$CARGO` when that is set (cargo sets it for its subcommands, so that the
/// toolchain stays the one the user asked for), else `cargo` from `PATH`.
#[derive(Clone, Debug, Default)]
pub struct CargoBuild {
    /// The flags. A glibc suffix on `--target` (`aarch64-unknown-linux-gnu.2.26`) is dropped on
    /// the way to cargo, which does not know it.
    pub options: cargo_options::Build,
    /// Environment variables to set (`Some`) or to remove (`None`), in order.
    pub environment: Vec<(OsString, Option<OsString>)>,
    /// Where cargo runs; it looks for `.cargo/config.toml` from there upwards. The current
    /// directory if `None`.
    pub directory: Option<PathBuf>,
}

/// What a finished `cargo build` left behind.
#[derive(Clone, Debug)]
pub struct BuildOutcome {
    /// The programs of this very build, up to date, in the order cargo reported them. Never what
    /// else lies in the profile directory from earlier builds.
    pub artifacts: Vec<Built>,
    /// Time from the start of cargo to its end.
    pub duration: Duration,
}

/// A program that a build produced.
#[derive(Clone, Debug)]
pub struct Built {
    /// Cargo's report of it.
    pub artifact: Artifact,
    /// The executable; the same path as in the artifact, where it is optional.
    pub executable: PathBuf,
    /// Time from the start of cargo until it was ready.
    pub ready_after: Duration,
}

impl std::ops::Deref for Built {
    type Target = Artifact;

    fn deref(&self) -> &Artifact {
        &self.artifact
    }
}

/// Why there is no build.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CargoError {
    /// Cargo did not start.
    #[error("cannot run `{program}`")]
    Start {
        /// The program that was tried.
        program: String,
        /// Why the system refused.
        source: io::Error,
    },
    /// Cargo's output broke off.
    #[error("cannot read the output of cargo")]
    Output(#[source] io::Error),
    /// The code does not compile; cargo has said why on standard error.
    #[error("cargo build failed ({status})")]
    Failed {
        /// How cargo ended.
        status: ExitStatus,
    },
    /// Cargo did not even begin to compile: a flag, a feature, the lock file or the network is not
    /// as it should be. It has said which on standard error.
    #[error("cargo refused to build ({status})")]
    Refused {
        /// How cargo ended.
        status: ExitStatus,
    },
    /// Whoever asked for the build does not want it any more.
    #[error("the build was interrupted")]
    Interrupted,
}

impl CargoError {
    /// The way out, where there is one beyond reading cargo's own message.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Start { .. } => Some("install Rust with rustup: https://rustup.rs".to_owned()),
            Self::Output(_) | Self::Failed { .. } | Self::Refused { .. } | Self::Interrupted => {
                None
            }
        }
    }
}

impl CargoBuild {
    /// The command, ready to spawn: standard output carries the messages that a
    /// [`BuildProgress`](super::BuildProgress) reads, standard error is inherited and shows progress and rendered diagnostics.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut options = self.options.clone();
        // Cargo renders diagnostics itself; of the user's formats only the length matters here.
        let short = options
            .message_format
            .iter()
            .any(|format| matches!(format.as_str(), "short" | "json-diagnostic-short"));
        options.message_format = vec!["json-render-diagnostics".to_owned()];
        if short {
            options
                .message_format
                .push("json-diagnostic-short".to_owned());
        }
        let mut command = options.command();
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }
}

#[cfg(test)]
mod tests {
    use super::super::BuildProgress;
    use super::*;

    fn arguments(build: &CargoBuild) -> Vec<String> {
        build
            .command()
            .get_args()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn the_command_asks_for_messages_and_rendered_diagnostics() {
        let mut build = CargoBuild::default();
        assert_eq!(
            arguments(&build),
            ["build", "--message-format", "json-render-diagnostics"]
        );
        build.options.message_format = vec!["short".to_owned()];
        build.options.target = vec!["aarch64-unknown-linux-gnu.2.26".to_owned()];
        assert_eq!(
            arguments(&build),
            [
                "build",
                "--target",
                "aarch64-unknown-linux-gnu",
                "--message-format",
                "json-render-diagnostics",
                "--message-format",
                "json-diagnostic-short",
            ]
        );
    }

    #[test]
    fn environment_is_set_and_removed() {
        let build = CargoBuild {
            environment: vec![("KILN_A".into(), Some("1".into())), ("KILN_B".into(), None)],
            ..CargoBuild::default()
        };
        let command = build.command();
        let set = |name: &str| {
            command
                .get_envs()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.map(std::ffi::OsStr::to_owned))
        };
        assert_eq!(set("KILN_A"), Some(Some("1".into())));
        assert_eq!(set("KILN_B"), Some(None));
    }

    fn run(build: &CargoBuild) -> Result<BuildOutcome, CargoError> {
        let mut progress = BuildProgress::start();
        let output = build.command().output().unwrap();
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            progress.line(line);
        }
        progress.end(output.status)
    }

    #[test]
    fn a_build_reports_its_own_programs_and_a_failure_its_status() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(directory.path().join("src/bin")).unwrap();
        let manifest =
            "[package]\nname = \"pair\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n";
        std::fs::write(directory.path().join("Cargo.toml"), manifest).unwrap();
        for name in ["one", "two"] {
            let source = directory.path().join(format!("src/bin/{name}.rs"));
            std::fs::write(source, "fn main() {}").unwrap();
        }
        let mut build = CargoBuild {
            directory: Some(directory.path().to_owned()),
            ..CargoBuild::default()
        };
        build.options.quiet = true;
        build.options.target_dir = Some(directory.path().join("target"));
        let names = |outcome: &BuildOutcome| {
            let mut names: Vec<_> = outcome
                .artifacts
                .iter()
                .map(|built| built.target_name.clone())
                .collect();
            names.sort();
            names
        };
        assert_eq!(names(&run(&build).unwrap()), ["one", "two"]);
        // `two` is still in the profile directory, and no part of this build.
        build.options.bin = vec!["one".to_owned()];
        let again = run(&build).unwrap();
        assert_eq!(names(&again), ["one"]);
        assert!(again.artifacts[0].fresh && again.artifacts[0].executable.is_file());

        std::fs::write(
            directory.path().join("src/bin/one.rs"),
            "fn main() { nonsense }",
        )
        .unwrap();
        assert!(matches!(run(&build), Err(CargoError::Failed { .. })));
        build.options.features = vec!["nonsense".to_owned()];
        assert!(matches!(run(&build), Err(CargoError::Refused { .. })));
    }
}
