//! Fuzz targets: what holds for whatever is written in env files, manifests and variables.

use std::fmt::Debug;

use kiln_fuzz::{Target, text};
use serde_json::Value;

use crate::env_file::{self, is_name};
use crate::value::{Addresses, BuildTarget, Compiler, Memory, OutputFormat, SettingValue, Timeout};

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    Target {
        name: "env-files",
        run: env_files,
    },
    Target {
        name: "setting-values",
        run: setting_values,
    },
];

/// Any text is variables, or the number of a line of it is told; any `--env-var` too.
fn env_files(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Err(line) = env_file::parse(text) {
        // An empty file has a first line, too.
        let lines = text.split('\n').count();
        assert!((1..=lines).contains(&line), "line {line} of {lines}");
    }
    match env_file::parse_pairs(text) {
        Ok(pairs) => assert!(!pairs.is_empty() && pairs.iter().all(|(name, _)| is_name(name))),
        Err(part) => assert!(text.contains(&part)),
    }
}

/// What is a value is within its bounds, and is the same when it is described and read again; as text
/// in a variable and as JSON of a manifest.
fn setting_values(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Some(memory) = again::<Memory>(text) {
        assert!((128..=10_240).contains(&memory.megabytes()));
    }
    if let Some(timeout) = again::<Timeout>(text) {
        assert!((1..=900).contains(&timeout.seconds()));
    }
    if let Some(addresses) = again::<Addresses>(text) {
        assert!(!addresses.0.is_empty(), "nowhere to listen");
    }
    again::<u16>(text);
    again::<bool>(text);
    again::<OutputFormat>(text);
    if let Some(target) = again::<BuildTarget>(text) {
        assert!(text.starts_with(target.triple()) || !matches!(target, BuildTarget::Triple(_)));
    }
    let _ = Compiler::from_text(text).map(|compiler| compiler.describe());
    let _ = Vec::<String>::from_text(text);
}

/// The value that the text is, if it is one.
fn again<T: SettingValue + PartialEq + Debug>(text: &str) -> Option<T> {
    if let Ok(json) = serde_json::from_str::<Value>(text)
        && let Some(value) = T::from_json(&json)
    {
        assert_eq!(T::from_text(&words::<T>(&value)), Some(value));
    }
    let value = T::from_text(text)?;
    assert_eq!(T::from_text(&words::<T>(&value)).as_ref(), Some(&value));
    Some(value)
}

/// A value as one writes it: descriptions have the unit of memory.
fn words<T: SettingValue>(value: &T) -> String {
    let words = value.describe();
    words
        .strip_suffix(" MB")
        .map_or(words.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    #[test]
    fn corpora_hold() {
        kiln_fuzz::replay(env!("CARGO_MANIFEST_DIR"), super::TARGETS);
    }
}
