//! Which programs a build is about.

use std::collections::{BTreeSet, HashMap, HashSet};

use cargo_metadata::{DependencyKind, Metadata, Package, PackageId, Target};
use kiln_build::cargo::{Artifact, ArtifactKind};

use crate::failure::Failure;

/// The crates whose presence makes a program a function.
const FUNCTION_CRATES: [&str; 2] = ["lambda_runtime", "lambda_http"];
/// The crate whose presence makes a program an extension, unless it is a function.
const EXTENSION_CRATE: &str = "lambda-extension";

/// A program to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The package.
    pub package: PackageId,
    /// Name of the target.
    pub name: String,
    /// Whether it is an example.
    pub example: bool,
    /// Whether by its dependencies it is an extension.
    pub extension: bool,
}

impl Program {
    /// Whether a compiled artefact is this program.
    pub fn is(&self, artifact: &Artifact) -> bool {
        self.package == artifact.package_id
            && self.name == artifact.target_name
            && self.example == (artifact.kind == ArtifactKind::Example)
    }
}

/// The programs of a build.
#[derive(Clone, Debug)]
pub struct Selection {
    /// In the order of the workspace.
    pub programs: Vec<Program>,
}

impl Selection {
    /// The packages of the programs, each once.
    pub fn packages(&self) -> Vec<PackageId> {
        let packages: BTreeSet<_> = self
            .programs
            .iter()
            .map(|program| &program.package)
            .collect();
        packages.into_iter().cloned().collect()
    }

    /// Whether there is an example among them.
    pub fn has_examples(&self) -> bool {
        self.programs.iter().any(|program| program.example)
    }

    /// Narrows cargo's flags to these programs.
    pub fn narrow(&self, metadata: &Metadata, options: &mut cargo_options::Build) {
        let names = |example: bool| -> Vec<String> {
            self.programs
                .iter()
                .filter(|program| program.example == example)
                .map(|program| program.name.clone())
                .collect()
        };
        options.bin = names(false);
        options.example = names(true);
        (options.bins, options.examples) = (false, false);
        // Cargo would look for the names in its default packages only.
        options.packages = self
            .packages()
            .iter()
            .map(|id| format!("{}@{}", metadata[id].name, metadata[id].version))
            .collect();
        (options.workspace, options.all) = (false, false);
        options.exclude.clear();
    }
}

/// Selects the programs that cargo's flags name; where they name none, the functions and
/// extensions among the programs that cargo would build, and all of those if there are none.
pub fn select(metadata: &Metadata, options: &cargo_options::Build) -> Result<Selection, Failure> {
    let named = !options.bin.is_empty() || !options.example.is_empty();
    let packages = packages(metadata, options)?;
    let features = Features::new(options);
    let mut programs: Vec<Program> = Vec::new();
    let mut deployable: HashSet<&PackageId> = HashSet::new();
    for package in &packages {
        let reached = Reached::by(metadata, &package.id);
        if reached.function || reached.extension {
            deployable.insert(&package.id);
        }
        for target in &package.targets {
            let example = target.is_example();
            let asked = if named {
                is_named(target, options)
            } else if example {
                options.examples
            } else {
                target.is_bin() && features.enable(package, target)
            };
            if asked {
                programs.push(Program {
                    package: package.id.clone(),
                    name: target.name.clone(),
                    example,
                    extension: reached.extension && !reached.function,
                });
            }
        }
    }
    if named {
        check_names(metadata, &packages, &programs, options)?;
    } else if options.packages.is_empty() {
        let is_deployable =
            |program: &Program| program.example || deployable.contains(&program.package);
        if programs.iter().any(is_deployable) {
            programs.retain(is_deployable);
        }
    }
    if programs.is_empty() {
        return Err(Failure::usage("there is no binary to build here")
            .hint("create a function with `kiln new NAME`, or choose a package with `-p NAME`"));
    }
    let mut seen = HashSet::new();
    if let Some(twice) = programs.iter().find(|program| !seen.insert(&program.name)) {
        let name = &twice.name;
        return Err(Failure::usage(format!(
            "two of the programs are named `{name}`, and both would be written to the same place"
        ))
        .hint("build them one at a time, with `-p PACKAGE`"));
    }
    Ok(Selection { programs })
}

/// The workspace's packages that cargo's flags select.
fn packages<'a>(
    metadata: &'a Metadata,
    options: &cargo_options::Build,
) -> Result<Vec<&'a Package>, Failure> {
    let members = metadata.workspace_packages();
    if !options.packages.is_empty() {
        if let Some(spec) = options
            .packages
            .iter()
            .find(|spec| !members.iter().any(|package| matches(package, spec)))
        {
            return Err(
                Failure::usage(format!("there is no package `{spec}` in this workspace")).hint(
                    format!(
                        "choose from {}",
                        list(members.iter().map(|package| package.name.as_str()))
                    ),
                ),
            );
        }
        let chosen =
            |package: &&Package| options.packages.iter().any(|spec| matches(package, spec));
        return Ok(members.into_iter().filter(chosen).collect());
    }
    if options.workspace || options.all {
        let kept = |package: &&Package| !options.exclude.iter().any(|spec| matches(package, spec));
        return Ok(members.into_iter().filter(kept).collect());
    }
    let default = metadata.workspace_default_packages();
    // A workspace may have a root package that is no program, with the functions beside it.
    let has_programs = default.iter().any(|package| {
        package
            .targets
            .iter()
            .any(|target| target.is_bin() || target.is_example())
    });
    Ok(if has_programs { default } else { members })
}

/// Whether a package is meant by one of cargo's package specifications: a name, `name@version`, a
/// pattern, or an identifier with a URL.
/// Source: <https://doc.rust-lang.org/cargo/reference/pkgid-spec.html>.
fn matches(package: &Package, spec: &str) -> bool {
    if spec.contains("://") || spec.contains('#') {
        return package.id.repr.ends_with(spec)
            || spec
                .rsplit(['#', '/'])
                .next()
                .is_some_and(|last| matches(package, last));
    }
    let (name, version) = match spec.split_once(['@', ':']) {
        Some((name, version)) => (name, Some(version)),
        None => (spec, None),
    };
    // A version may be cut short: `1` or `1.2`.
    let version_matches = version.is_none_or(|wanted| {
        let full = package.version.to_string();
        full == wanted || full.starts_with(&format!("{wanted}."))
    });
    glob(name, &package.name) && version_matches
}

/// Cargo's patterns for names, as far as anyone uses them: `*` and `?`.
fn glob(pattern: &str, name: &str) -> bool {
    match pattern.chars().next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            let mut tails = name.char_indices().map(|(place, _)| &name[place..]);
            tails.any(|tail| glob(rest, tail)) || glob(rest, "")
        }
        Some(first) => {
            let mut characters = name.chars();
            characters
                .next()
                .is_some_and(|character| first == '?' || first == character)
                && glob(&pattern[first.len_utf8()..], characters.as_str())
        }
    }
}

fn is_named(target: &Target, options: &cargo_options::Build) -> bool {
    let names = if target.is_bin() {
        &options.bin
    } else if target.is_example() {
        &options.example
    } else {
        return false;
    };
    names.iter().any(|pattern| glob(pattern, &target.name))
}

fn check_names(
    metadata: &Metadata,
    packages: &[&Package],
    programs: &[Program],
    options: &cargo_options::Build,
) -> Result<(), Failure> {
    for (example, word, patterns) in [
        (false, "binary", &options.bin),
        (true, "example", &options.example),
    ] {
        for pattern in patterns {
            let found = programs
                .iter()
                .any(|program| program.example == example && glob(pattern, &program.name));
            if found {
                continue;
            }
            let names_in = |packages: &[&Package]| -> Vec<String> {
                packages
                    .iter()
                    .flat_map(|package| &package.targets)
                    .filter(|target| {
                        if example {
                            target.is_example()
                        } else {
                            target.is_bin()
                        }
                    })
                    .map(|target| target.name.clone())
                    .collect()
            };
            let here = names_in(packages);
            let elsewhere = names_in(&metadata.workspace_packages());
            let failure = Failure::usage(format!("there is no {word} `{pattern}`"));
            return Err(if elsewhere.iter().any(|name| glob(pattern, name)) {
                failure.hint("it is in a package that was not selected: add `--workspace`")
            } else if here.is_empty() {
                failure.hint(format!("the selected packages have no {word} at all"))
            } else {
                failure.hint(format!(
                    "choose from {}",
                    list(here.iter().map(String::as_str))
                ))
            });
        }
    }
    Ok(())
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: BTreeSet<_> = names.map(|name| format!("`{name}`")).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// What a package's programs link, as far as it decides what they are.
#[derive(Clone, Copy, Debug, Default)]
struct Reached {
    function: bool,
    extension: bool,
}

impl Reached {
    /// Follows normal dependencies, however deep: a team's own crate may wrap the runtime.
    fn by(metadata: &Metadata, root: &PackageId) -> Self {
        let Some(resolve) = &metadata.resolve else {
            return Self::default();
        };
        let nodes: HashMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
        let names: HashMap<_, _> = metadata
            .packages
            .iter()
            .map(|package| (&package.id, package.name.as_str()))
            .collect();
        let mut reached = Self::default();
        let mut seen: HashSet<&PackageId> = HashSet::from([root]);
        let mut waiting = vec![root];
        while let Some(id) = waiting.pop() {
            let name = names.get(id).copied().unwrap_or_default();
            reached.function |= FUNCTION_CRATES.contains(&name);
            reached.extension |= name == EXTENSION_CRATE;
            let dependencies = nodes.get(id).map_or(&[][..], |node| &node.deps);
            for dependency in dependencies {
                let normal = dependency
                    .dep_kinds
                    .iter()
                    .any(|kind| kind.kind == DependencyKind::Normal);
                if normal && seen.insert(&dependency.pkg) {
                    waiting.push(&dependency.pkg);
                }
            }
        }
        reached
    }
}

/// The features that cargo's flags turn on, to tell which programs can be built at all.
struct Features<'a> {
    all: bool,
    named: Vec<&'a str>,
}

impl<'a> Features<'a> {
    fn new(options: &'a cargo_options::Build) -> Self {
        let mut named: Vec<&str> = options
            .common
            .features
            .iter()
            .flat_map(|list| list.split([',', ' ']))
            .collect();
        if !options.common.no_default_features {
            named.push("default");
        }
        Self {
            all: options.common.all_features,
            named,
        }
    }

    /// Whether what the target requires is on. Cargo skips targets that lack a feature unless they
    /// are named, and so do we.
    fn enable(&self, package: &Package, target: &Target) -> bool {
        if self.all || target.required_features.is_empty() {
            return true;
        }
        let mut on: HashSet<&str> = HashSet::new();
        let mut waiting: Vec<&str> = self
            .named
            .iter()
            .map(|name| {
                name.strip_prefix(&format!("{}/", package.name))
                    .unwrap_or(name)
            })
            .collect();
        while let Some(feature) = waiting.pop() {
            if on.insert(feature) {
                let implied = package.features.get(feature).into_iter().flatten();
                waiting.extend(implied.map(String::as_str));
            }
        }
        target
            .required_features
            .iter()
            .all(|feature| on.contains(feature.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn patterns_match_names() {
        let cases = [
            ("api", "api", true),
            ("api", "api2", false),
            ("a*", "api", true),
            ("*", "", true),
            ("*pi", "api", true),
            ("a?i", "api", true),
            ("a?", "api", false),
            ("", "api", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(glob(pattern, name), expected, "{pattern} {name}");
        }
    }
}
