//! What cargo says on standard output with `--message-format json-render-diagnostics`.
//!
//! See <https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>. Compiler
//! diagnostics do not come this way: in that mode cargo renders them on standard error itself,
//! coloured as its terminal allows.

use std::path::PathBuf;

use cargo_metadata::{Message as CargoMessage, PackageId, TargetKind};

/// A message that tells something about what was built.
#[derive(Debug)]
pub(crate) enum Message {
    /// A target is up to date, compiled just now or before.
    Artifact(Artifact),
    /// The last message of a build that got as far as compiling.
    Finished,
}

/// A compiled target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The package it belongs to, as in `cargo metadata`.
    pub package_id: PackageId,
    /// Name of the target: for a binary the name of its executable.
    pub target_name: String,
    /// What kind of target it is.
    pub kind: ArtifactKind,
    /// The executable, when the target is one.
    pub executable: Option<PathBuf>,
    /// Whether cargo found it up to date and compiled nothing.
    pub fresh: bool,
}

/// The kinds of targets a build distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArtifactKind {
    /// A binary target.
    Binary,
    /// An example.
    Example,
    /// Anything else: libraries, build scripts, procedural macros, test harnesses.
    Other,
}

impl Artifact {
    /// Whether this is something that can be shipped: the executable of a binary or an example.
    /// A test harness is an executable too, and is not.
    pub(crate) fn is_program(&self) -> bool {
        self.executable.is_some() && self.kind != ArtifactKind::Other
    }
}

impl Message {
    /// Reads one line of cargo's standard output. `None` for what is not a message of interest:
    /// other kinds of messages, and text that a build script or a wrapper printed.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        // Nearly every foreign line fails here, before a parser is set up.
        if !line.starts_with('{') {
            return None;
        }
        match serde_json::from_str(line).ok()? {
            CargoMessage::CompilerArtifact(artifact) => {
                let kind = if artifact.profile.test {
                    ArtifactKind::Other
                } else if artifact.target.kind.contains(&TargetKind::Bin) {
                    ArtifactKind::Binary
                } else if artifact.target.kind.contains(&TargetKind::Example) {
                    ArtifactKind::Example
                } else {
                    ArtifactKind::Other
                };
                Some(Self::Artifact(Artifact {
                    package_id: artifact.package_id,
                    target_name: artifact.target.name,
                    kind,
                    executable: artifact.executable.map(Into::into),
                    fresh: artifact.fresh,
                }))
            }
            CargoMessage::BuildFinished(_) => Some(Self::Finished),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn artifact(kind: &str, test: bool, executable: &str) -> String {
        format!(
            r#"{{"reason":"compiler-artifact","package_id":"path+file:///p#api@0.1.0","manifest_path":"/p/Cargo.toml","target":{{"kind":["{kind}"],"crate_types":["bin"],"name":"api","src_path":"/p/src/main.rs","edition":"2024","doc":true,"doctest":false,"test":true}},"profile":{{"opt_level":"0","debuginfo":2,"debug_assertions":true,"overflow_checks":true,"test":{test}}},"features":[],"filenames":["/p/target/debug/api"],"executable":{executable},"fresh":true}}"#
        )
    }

    #[test]
    fn artifacts_are_told_apart() {
        let cases = [
            (
                "bin",
                false,
                r#""/p/target/debug/api""#,
                ArtifactKind::Binary,
                true,
            ),
            (
                "example",
                false,
                r#""/p/target/debug/api""#,
                ArtifactKind::Example,
                true,
            ),
            (
                "bin",
                true,
                r#""/p/target/debug/api-1""#,
                ArtifactKind::Other,
                false,
            ),
            ("lib", false, "null", ArtifactKind::Other, false),
            (
                "custom-build",
                false,
                r#""/p/build-script""#,
                ArtifactKind::Other,
                false,
            ),
        ];
        for (kind, test, executable, expected, program) in cases {
            let line = artifact(kind, test, executable);
            let Some(Message::Artifact(artifact)) = Message::parse(&line) else {
                panic!("not an artifact: {line}");
            };
            assert_eq!(artifact.kind, expected, "{line}");
            assert_eq!(artifact.is_program(), program, "{line}");
            assert_eq!(artifact.target_name, "api");
            assert!(artifact.fresh);
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "\\PC*") {
            let _ = Message::parse(&line);
            let _ = Message::parse(&format!("{{\"reason\":\"compiler-artifact\",{line}"));
        }
    }
}
