//! Which functions a command is about.

use crate::error::ProjectError;
use crate::function::{Function, TargetKind};
use crate::project::Project;

/// Cargo's selection flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// `-p`, `--package`: names, `name@version`, or patterns with `*` and `?`.
    pub packages: Vec<String>,
    /// `--workspace`.
    pub workspace: bool,
    /// `--exclude`, in the same forms.
    pub exclude: Vec<String>,
    /// `--bin`: names or patterns.
    pub bins: Vec<String>,
    /// `--example`: names or patterns.
    pub examples: Vec<String>,
}

impl Project {
    /// The functions of a selection, in the order of their names.
    ///
    /// What is named is taken, whether it looks like a function or not. Without names these are
    /// the functions of the packages; without packages, those of the member the command was run
    /// in, or of the whole workspace at its root.
    ///
    /// # Errors
    ///
    /// [`ProjectError::Unknown`] for a name that nothing has, [`ProjectError::NoBinary`] when
    /// there is nothing to select from, [`ProjectError::NothingSelected`] when nothing is left.
    pub fn select(&self, selection: &Selection) -> Result<Vec<&Function>, ProjectError> {
        let packages = self.selected_packages(selection)?;
        let inside = |function: &&Function| packages.contains(&function.package.as_str());
        let mut selected: Vec<&Function> = Vec::new();
        if !selection.bins.is_empty() || !selection.examples.is_empty() {
            let kinds = [
                (TargetKind::Bin, "binary", &selection.bins),
                (TargetKind::Example, "example", &selection.examples),
            ];
            for (target, kind, names) in kinds {
                let there: Vec<&Function> = self
                    .everything()
                    .filter(|function| function.target == target)
                    .filter(inside)
                    .collect();
                for name in names {
                    selected.extend(named(name, kind, &there)?);
                }
            }
        } else {
            selected.extend(self.functions.iter().filter(inside).filter(buildable));
            if selected.is_empty() && !selection.packages.is_empty() {
                let binaries = self.others.iter().filter(inside).filter(buildable);
                selected.extend(binaries.filter(|other| other.target == TargetKind::Bin));
            }
        }
        if selected.is_empty() {
            return Err(if self.functions.is_empty() {
                ProjectError::NoBinary {
                    workspace_root: self.workspace_root.clone(),
                }
            } else {
                ProjectError::NothingSelected {
                    known: names(self.functions.iter()),
                }
            });
        }
        selected.sort_by(|a, b| (&a.name, &a.package).cmp(&(&b.name, &b.package)));
        selected.dedup();
        Ok(selected)
    }

    /// The function of that name.
    ///
    /// # Errors
    ///
    /// [`ProjectError::Unknown`], which lists those there are.
    pub fn function(&self, name: &str) -> Result<&Function, ProjectError> {
        self.functions
            .iter()
            .find(|function| function.name == name)
            .ok_or_else(|| unknown("function", name, names(self.functions.iter())))
    }

    /// Every binary and example of the workspace.
    fn everything(&self) -> impl Iterator<Item = &Function> {
        self.functions.iter().chain(&self.others)
    }

    /// The names of the packages to choose from.
    fn selected_packages(&self, selection: &Selection) -> Result<Vec<&str>, ProjectError> {
        let members = self.metadata.workspace_packages();
        let matching = |spec: &String| {
            let found: Vec<&str> = members
                .iter()
                .filter(|package| {
                    let (name, version) = match spec.split_once('@') {
                        Some((name, version)) => (name, Some(version)),
                        None => (spec.as_str(), None),
                    };
                    matches(name, &package.name)
                        && version.is_none_or(|version| package.version.to_string() == version)
                })
                .map(|package| package.name.as_str())
                .collect();
            if found.is_empty() {
                let known = members.iter().map(|package| package.name.to_string());
                Err(unknown("package", spec, known.collect()))
            } else {
                Ok(found)
            }
        };
        let mut packages: Vec<&str> = Vec::new();
        for spec in &selection.packages {
            packages.extend(matching(spec)?);
        }
        let names_given = !selection.bins.is_empty() || !selection.examples.is_empty();
        if selection.packages.is_empty() {
            let current = self
                .functions
                .iter()
                .find(|function| Some(&function.package_id) == self.current_member.as_ref());
            match current {
                Some(function) if !selection.workspace && !names_given => {
                    packages.push(&function.package);
                }
                _ => packages.extend(members.iter().map(|package| package.name.as_str())),
            }
        }
        for spec in &selection.exclude {
            let excluded = matching(spec)?;
            packages.retain(|package| !excluded.contains(package));
        }
        Ok(packages)
    }
}

/// Whether a build without naming it builds it.
fn buildable(function: &&Function) -> bool {
    function.missing_features.is_empty()
}

/// The functions that a name or pattern means.
fn named<'a>(
    name: &str,
    kind: &'static str,
    there: &[&'a Function],
) -> Result<Vec<&'a Function>, ProjectError> {
    let found: Vec<&Function> = there
        .iter()
        .filter(|function| matches(name, &function.name))
        .copied()
        .collect();
    if found.is_empty() {
        return Err(unknown(kind, name, names(there.iter().copied())));
    }
    Ok(found)
}

/// The names of functions.
fn names<'a>(functions: impl Iterator<Item = &'a Function>) -> Vec<String> {
    functions.map(|function| function.name.clone()).collect()
}

/// The error for a name that nothing has.
fn unknown(kind: &'static str, name: &str, mut known: Vec<String>) -> ProjectError {
    known.sort();
    known.dedup();
    ProjectError::Unknown {
        kind,
        name: name.to_owned(),
        suggestion: closest(name, known.iter().map(String::as_str)).map(str::to_owned),
        known,
    }
}

/// The name that was probably meant: at most every third letter is wrong.
pub(crate) fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|other| (strsim::damerau_levenshtein(name, other), other))
        .filter(|(distance, other)| *distance * 3 <= name.len().max(other.len()))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

/// Whether a name fits a pattern, where `*` stands for any letters and `?` for one.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    // Row by row of the usual table: `fits[i]` says whether the pattern so far fits the first
    // `i` letters.
    let mut fits = vec![false; name.len() + 1];
    fits[0] = true;
    for letter in pattern {
        let before = fits.clone();
        fits[0] = before[0] && letter == '*';
        for at in 1..=name.len() {
            fits[at] = match letter {
                '*' => before[at] || fits[at - 1],
                '?' => before[at - 1],
                letter => before[at - 1] && name[at - 1] == letter,
            };
        }
    }
    fits[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let cases = [
            ("api", "api", true),
            ("api", "apis", false),
            ("*", "", true),
            ("a*", "api", true),
            ("*i", "api", true),
            ("a?i", "api", true),
            ("a?", "api", false),
            ("*a*a*", "banana", true),
            ("*x*", "banana", false),
            ("", "a", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn suggestions() {
        let known = ["orders", "thumbnails", "a"];
        let cases = [
            ("order", Some("orders")),
            ("odrers", Some("orders")),
            ("thumbnail", Some("thumbnails")),
            ("payments", None),
            ("b", None),
        ];
        for (name, expected) in cases {
            assert_eq!(closest(name, known.into_iter()), expected, "{name}");
        }
    }
}
