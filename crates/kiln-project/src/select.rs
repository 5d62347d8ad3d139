//! Which functions a command is about.

use cargo_metadata::Package;
use glob::Pattern;

use crate::error::ProjectError;
use crate::function::{Function, TargetKind};
use crate::project::Project;

/// Cargo's selection flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// `-p`, `--package`: names, `name@version`, or patterns with `*`, `?` and `[…]`.
    pub packages: Vec<String>,
    /// `--workspace`.
    pub workspace: bool,
    /// `--exclude`, in the same forms.
    pub exclude: Vec<String>,
    /// `--bin`: names or patterns.
    pub bins: Vec<String>,
    /// `--example`: names or patterns.
    pub examples: Vec<String>,
    /// `--bins`: every binary, whether it looks like a function or not.
    pub all_bins: bool,
    /// `--examples`: every example.
    pub all_examples: bool,
}

impl Selection {
    /// Whether flags say which targets, not only which packages.
    fn names_targets(&self) -> bool {
        self.all_bins || self.all_examples || !self.bins.is_empty() || !self.examples.is_empty()
    }
}

impl Project {
    /// The functions of a selection, in the order of their names.
    ///
    /// What is named is taken, whether it looks like a function or not: a target, or a package
    /// without functions. Without names these are the functions of the packages; without packages,
    /// those of the member the command was run in or of the workspace's `default-members`, else of
    /// the whole workspace.
    ///
    /// # Errors
    ///
    /// [`ProjectError::Unknown`] for a name that nothing has, [`ProjectError::NoBinary`] when
    /// there is nothing to select from, [`ProjectError::NothingSelected`] when nothing is left,
    /// [`ProjectError::SameName`] when two have one name.
    pub fn select(&self, selection: &Selection) -> Result<Vec<&Function>, ProjectError> {
        let packages = self.selected_packages(selection)?;
        let inside = |function: &&Function| packages.contains(&function.package.as_str());
        let mut selected: Vec<&Function> = if selection.names_targets() {
            self.named_targets(selection, &inside)?
        } else {
            let has_function = |package: &str| {
                let mut functions = self.functions.iter();
                functions.any(|function| function.package == package)
            };
            let named = |function: &&Function| {
                selection
                    .packages
                    .iter()
                    .any(|spec| spec_name(spec) == function.package)
            };
            let others = self.others.iter().filter(inside).filter(named);
            let others = others
                .filter(|other| other.target == TargetKind::Bin && !has_function(&other.package));
            let functions = self.functions.iter().filter(inside);
            functions.chain(others).filter(buildable).collect()
        };
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
        match selected
            .windows(2)
            .find(|pair| pair[0].name == pair[1].name)
        {
            Some(pair) => Err(ProjectError::SameName {
                name: pair[0].name.clone(),
                first: pair[0].package.clone(),
                second: pair[1].package.clone(),
            }),
            None => Ok(selected),
        }
    }

    /// The binaries and examples that flags name.
    fn named_targets(
        &self,
        selection: &Selection,
        inside: &impl Fn(&&Function) -> bool,
    ) -> Result<Vec<&Function>, ProjectError> {
        let kinds = [
            (
                TargetKind::Bin,
                "binary",
                selection.all_bins,
                &selection.bins,
            ),
            (
                TargetKind::Example,
                "example",
                selection.all_examples,
                &selection.examples,
            ),
        ];
        let mut selected = Vec::new();
        for (target, kind, all, names) in kinds {
            let is_kind = |function: &&Function| function.target == target;
            let there: Vec<&Function> = self.everything().filter(is_kind).filter(inside).collect();
            if all {
                selected.extend(there.iter().filter(|function| buildable(function)));
            }
            for name in names {
                selected.extend(named(name, kind, &there).map_err(|error| {
                    let mut elsewhere = self.everything().filter(is_kind);
                    error_elsewhere(error, elsewhere.find(|it| matches(name, &it.name)))
                })?);
            }
        }
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
    pub(crate) fn everything(&self) -> impl Iterator<Item = &Function> {
        self.functions.iter().chain(&self.others)
    }

    /// The names of the packages to choose from.
    fn selected_packages(&self, selection: &Selection) -> Result<Vec<&str>, ProjectError> {
        let members = self.metadata.workspace_packages();
        let matching = |spec: &String| {
            let found = members.iter().filter(|package| is_meant(package, spec));
            let found: Vec<&str> = found.map(|package| package.name.as_str()).collect();
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
        if selection.packages.is_empty() {
            let default = if selection.workspace || selection.names_targets() {
                None
            } else {
                self.default_packages()
            };
            let default = default.unwrap_or(members.clone());
            packages.extend(default.iter().map(|package| package.name.as_str()));
        }
        for spec in &selection.exclude {
            let excluded = matching(spec)?;
            packages.retain(|package| !excluded.contains(package));
        }
        Ok(packages)
    }

    /// The packages that cargo builds where it stands, as long as there are functions among them.
    /// Those of a workspace's root package lie beside it more often than in it.
    fn default_packages(&self) -> Option<Vec<&Package>> {
        let default = self.metadata.workspace_default_packages();
        let is_root_package = |package: &&Package| {
            package.manifest_path.parent() == Some(self.metadata.workspace_root.as_path())
        };
        let has_function = |package: &&Package| {
            let mut functions = self.functions.iter();
            functions.any(|function| function.package_id == package.id)
        };
        let only_root = default.len() == 1 && default.iter().all(is_root_package);
        (!only_root && default.iter().any(has_function)).then_some(default)
    }
}

/// Whether a package is meant by one of cargo's package specifications: a name or a pattern, with
/// a version or a part of one (`api@1.2`), or cargo's identifier of it.
///
/// Source: <https://doc.rust-lang.org/cargo/reference/pkgid-spec.html>.
fn is_meant(package: &Package, spec: &str) -> bool {
    if spec.contains("://") {
        // The fragment may be a version alone, which says nothing by itself.
        return package.id.repr == spec || package.id.repr.ends_with(&format!("+{spec}"));
    }
    let version = spec.split_once(['@', ':']).map(|(_, version)| version);
    let version_matches = version.is_none_or(|wanted| {
        let full = package.version.to_string();
        full == wanted || full.starts_with(&format!("{wanted}."))
    });
    matches(spec_name(spec), &package.name) && version_matches
}

/// The name in a package specification.
fn spec_name(spec: &str) -> &str {
    spec.split_once(['@', ':']).map_or(spec, |(name, _)| name)
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
pub(crate) fn names<'a>(functions: impl Iterator<Item = &'a Function>) -> Vec<String> {
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
        elsewhere: None,
    }
}

/// The error with the package that would have had what was looked for.
fn error_elsewhere(mut error: ProjectError, found: Option<&Function>) -> ProjectError {
    if let (ProjectError::Unknown { elsewhere, .. }, Some(function)) = (&mut error, found) {
        *elsewhere = Some(function.package.clone());
    }
    error
}

/// The name that was probably meant: at most every third letter is wrong.
pub(crate) fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|other| (strsim::damerau_levenshtein(name, other), other))
        .filter(|(distance, other)| *distance * 3 <= name.len().max(other.len()))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

/// Whether a name fits a pattern, as cargo reads those of its flags: `*`, `?` and `[…]`.
fn matches(pattern: &str, name: &str) -> bool {
    pattern == name || Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(name))
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
            ("a[op]i", "api", true),
            ("a[!p]i", "api", false),
            ("a[", "api", false),
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
