//! What an executable was made of, as cargo writes it down in the `.d` file beside it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The files an executable was made of, from the `.d` file that cargo writes beside it.
pub fn made_of(executable: &Path) -> BTreeSet<PathBuf> {
    let rules = fs::read_to_string(executable.with_extension("d")).unwrap_or_default();
    rules.lines().flat_map(prerequisites).collect()
}

/// The files on the right of a make rule; a blank in a name is written `\ `.
fn prerequisites(rule: &str) -> Vec<PathBuf> {
    let Some((_, list)) = rule.split_once(": ") else {
        return Vec::new();
    };
    let mut files = Vec::new();
    let mut file = String::new();
    let mut characters = list.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.peek() == Some(&' ') => {
                file.push(' ');
                characters.next();
            }
            ' ' => files.push(std::mem::take(&mut file)),
            other => file.push(other),
        }
    }
    files.push(file);
    files
        .into_iter()
        .filter(|file| !file.is_empty())
        .map(PathBuf::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dep_info_is_read_with_blanks_in_names() {
        for (rule, files) in [
            (
                "/t/orders: /p/src/main.rs /p/src/lib.rs",
                vec!["/p/src/main.rs", "/p/src/lib.rs"],
            ),
            (
                r"/t/a\ b: /p/with\ blank/main.rs",
                vec!["/p/with blank/main.rs"],
            ),
            ("/t/orders:", vec![]),
            ("", vec![]),
        ] {
            let files: Vec<PathBuf> = files.into_iter().map(PathBuf::from).collect();
            assert_eq!(prerequisites(rule), files, "{rule}");
        }
    }
}
