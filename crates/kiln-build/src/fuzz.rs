//! Fuzz targets: what holds for whatever file is read and whatever cargo says.

use kiln_fuzz::{Target, text};

use crate::cargo::message::Message;
use crate::elf::{self, Parsed};
use crate::target::{GlibcVersion, LambdaTarget};

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    Target {
        name: "elf-files",
        run: elf_files,
    },
    Target {
        name: "cargo-messages",
        run: cargo_messages,
    },
    Target {
        name: "build-targets",
        run: build_targets,
    },
];

/// Any file has facts or is refused.
fn elf_files(bytes: &[u8]) {
    if let Ok(Parsed::Facts(facts)) = elf::parse(bytes) {
        assert_eq!(usize::try_from(facts.size).ok(), Some(bytes.len()));
        assert!(facts.needed.len() <= bytes.len());
        serde_json::to_string(&facts).expect("facts are written as JSON");
    }
}

/// Any line is a message or passed over, and what can be shipped is a file with a name.
fn cargo_messages(bytes: &[u8]) {
    for line in text(bytes).into_iter().flat_map(str::lines) {
        if let Some(Message::Artifact(artifact)) = Message::parse(line) {
            assert!(!artifact.is_program() || artifact.executable.is_some());
        }
    }
}

/// What is understood as a target or a version is the same when it is written and read again.
fn build_targets(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    match text.parse::<LambdaTarget>() {
        Ok(target) => assert_eq!(target.to_string().parse(), Ok(target)),
        Err(refused) => drop((refused.to_string(), refused.hint())),
    }
    if let Ok(version) = text.parse::<GlibcVersion>() {
        assert_eq!(version.to_string().parse(), Ok(version));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn corpora_hold() {
        kiln_fuzz::replay(env!("CARGO_MANIFEST_DIR"), super::TARGETS);
    }
}
