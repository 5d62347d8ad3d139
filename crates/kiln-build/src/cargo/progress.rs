//! What a running build has said so far.

use std::process::ExitStatus;
use std::time::Instant;

use super::build::{BuildOutcome, Built, CargoError};
use super::message::Message;

/// Collects what cargo writes on standard output, line by line, whoever reads it.
#[derive(Debug)]
pub struct BuildProgress {
    started: Instant,
    artifacts: Vec<Built>,
    /// Whether the build got as far as compiling, successfully or not.
    finished: bool,
}

impl BuildProgress {
    /// A build that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            artifacts: Vec::new(),
            finished: false,
        }
    }

    /// Takes a line of cargo's standard output.
    pub fn line(&mut self, line: &str) {
        match Message::parse(line) {
            Some(Message::Artifact(artifact)) if artifact.is_program() => {
                if let Some(executable) = artifact.executable.clone() {
                    self.artifacts.push(Built {
                        artifact,
                        executable,
                        ready_after: self.started.elapsed(),
                    });
                }
            }
            Some(Message::Finished) => self.finished = true,
            _ => {}
        }
    }

    /// What the build came to, now that cargo has ended.
    ///
    /// # Errors
    ///
    /// [`CargoError::Failed`] when the code does not compile, [`CargoError::Refused`] when cargo
    /// did not get that far.
    pub fn end(self, status: ExitStatus) -> Result<BuildOutcome, CargoError> {
        if status.success() {
            Ok(BuildOutcome {
                artifacts: self.artifacts,
                duration: self.started.elapsed(),
            })
        } else if self.finished {
            Err(CargoError::Failed { status })
        } else {
            Err(CargoError::Refused { status })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_kept_and_the_rest_is_passed_over() {
        let artifact = |name: &str, kind: &str, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"path+file:///p#api@0.1.0","manifest_path":"/p/Cargo.toml","target":{{"kind":["{kind}"],"crate_types":["bin"],"name":"{name}","src_path":"/p/src/main.rs","edition":"2024","doc":true,"doctest":false,"test":true}},"profile":{{"opt_level":"0","debuginfo":2,"debug_assertions":true,"overflow_checks":true,"test":false}},"features":[],"filenames":[],"executable":{executable},"fresh":true}}"#
            )
        };
        let mut progress = BuildProgress::start();
        for line in [
            "text of a build script",
            &artifact("api", "bin", "\"/p/target/debug/api\""),
            "{",
            &artifact("library", "lib", "null"),
        ] {
            progress.line(line);
        }
        assert!(!progress.finished);
        progress.line(r#"{"reason":"build-finished","success":false}"#);
        assert!(progress.finished);
        let names: Vec<&str> = progress
            .artifacts
            .iter()
            .map(|built| built.target_name.as_str())
            .collect();
        assert_eq!(names, ["api"]);
    }
}
