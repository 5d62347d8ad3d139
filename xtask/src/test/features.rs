//! The parts of the library, each by its feature.

use std::fs;
use std::path::Path;

use crate::failure::Failure;

/// The features a manifest declares, without the two that are lists of others; and none at all.
///
/// # Errors
/// When the manifest cannot be read.
pub fn alone(manifest: &Path) -> Result<Vec<String>, Failure> {
    let text = fs::read_to_string(manifest).map_err(|error| {
        Failure::environment(format!("cannot read `{}`: {error}", manifest.display()))
    })?;
    let mut features = declared(&text);
    features.retain(|feature| feature != "default" && feature != "full");
    features.push(String::new());
    Ok(features)
}

/// The keys of `[features]`. This needs no parser of TOML: the manifest is ours, a feature begins its line.
fn declared(manifest: &str) -> Vec<String> {
    let section = manifest
        .lines()
        .skip_while(|line| *line != "[features]")
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    section
        .filter_map(|line| line.split_once(" = ["))
        .map(|(feature, _)| feature.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_the_keys_of_their_section() {
        let manifest = "[dependencies]\na = [1]\n\n[features]\n# Of use.\nfull = [\n    \"b\",\n]\nb = []\nb-c = [\"b\"]\n\n[lints]\nd = []\n";
        assert_eq!(declared(manifest), ["full", "b", "b-c"]);
    }

    #[test]
    fn the_library_has_parts() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/kiln/Cargo.toml");
        let features = alone(&manifest).unwrap();
        assert!(features.iter().any(|feature| feature == "compute"));
        assert!(!features.iter().any(|feature| feature == "full"));
    }
}
