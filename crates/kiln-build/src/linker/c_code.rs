//! Whether a dependency graph carries C code, which rules out linking without a C toolchain.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use cargo_metadata::cargo_platform::Cfg;
use cargo_metadata::{DependencyKind, Metadata, NodeDep, Package, PackageId, TargetKind};

/// A package that compiles or binds C code, and what gave it away.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CCode {
    /// Name of the package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// What gave it away.
    pub evidence: Evidence,
}

/// What gives away a package with C code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Evidence {
    /// Its build script uses this package, whose purpose is to compile or find C code.
    BuildDependency(String),
    /// It binds this native library (`links` in its manifest).
    Links(String),
}

impl fmt::Display for CCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            package,
            version,
            evidence,
        } = self;
        match evidence {
            Evidence::BuildDependency(tool) => {
                write!(f, "`{package} {version}` builds C code (with `{tool}`)")
            }
            Evidence::Links(library) => {
                write!(f, "`{package} {version}` binds the C library `{library}`")
            }
        }
    }
}

/// Packages that build scripts use to compile C code, or to find a C library on the machine.
const C_TOOLS: [&str; 11] = [
    "autotools",
    "bindgen",
    "cc",
    "cmake",
    "cxx-build",
    "gcc",
    "meson-next",
    "nasm-rs",
    "pkg-config",
    "system-deps",
    "vcpkg",
];

/// Packages that use a C tool without compiling anything for Linux.
const NO_C_ON_LINUX: [&str; 2] = [
    // Asks the preprocessor for Android's API level, and only on Android.
    "backtrace",
    // Compiles a C++ shim for Haiku.
    "iana-time-zone-haiku",
];

/// Finds the first package, in order of name, that carries C code into the programs of `roots`
/// when they are built for the target whose `cfg` values are `target_cfg`.
///
/// Followed are the dependencies that end up in the program: normal ones of the target's platform
/// with the features that are on, and those of the roots' tests with `dev` (examples use them).
/// What runs at build time is no matter, because it is compiled with the host's own toolchain:
/// procedural macros, build scripts and all below them.
///
/// A `links` key alone proves nothing (`rayon-core` has one to be unique in a graph); it counts
/// in a package that by its name binds a library, `…-sys`.
///
/// `metadata` needs no platform filter. Without a resolved graph (`--no-deps`) nothing is found.
#[must_use]
pub fn find_c_code(
    metadata: &Metadata,
    roots: &[PackageId],
    dev: bool,
    triple: &str,
    target_cfg: &[Cfg],
) -> Option<CCode> {
    let resolve = metadata.resolve.as_ref()?;
    let nodes: HashMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let packages: HashMap<_, _> = metadata
        .packages
        .iter()
        .map(|package| (&package.id, package))
        .collect();

    let applies = |dependency: &NodeDep, wanted: &[DependencyKind]| {
        dependency.dep_kinds.iter().any(|kind| {
            let on_platform = kind
                .target
                .as_ref()
                .is_none_or(|platform| platform.matches(triple, target_cfg));
            on_platform && wanted.contains(&kind.kind)
        })
    };

    let mut seen: BTreeSet<&PackageId> = roots.iter().collect();
    let mut waiting: Vec<&PackageId> = roots.iter().collect();
    let mut found = Vec::new();
    while let Some(id) = waiting.pop() {
        let (Some(node), Some(package)) = (nodes.get(id), packages.get(id)) else {
            continue;
        };
        if is_proc_macro(package) {
            continue;
        }
        let tools = node
            .deps
            .iter()
            .filter(|dependency| applies(dependency, &[DependencyKind::Build]))
            .filter_map(|dependency| packages.get(&dependency.pkg))
            .map(|tool| tool.name.as_str());
        found.extend(evidence(package, tools).map(|evidence| CCode {
            package: package.name.to_string(),
            version: package.version.to_string(),
            evidence,
        }));

        let kinds: &[DependencyKind] = if dev && roots.contains(id) {
            &[DependencyKind::Normal, DependencyKind::Development]
        } else {
            &[DependencyKind::Normal]
        };
        for dependency in &node.deps {
            if applies(dependency, kinds) && seen.insert(&dependency.pkg) {
                waiting.push(&dependency.pkg);
            }
        }
    }
    found
        .into_iter()
        .min_by(|one, other| one.package.cmp(&other.package))
}

fn is_proc_macro(package: &Package) -> bool {
    package
        .targets
        .iter()
        .any(|target| target.kind.contains(&TargetKind::ProcMacro))
}

fn evidence<'a>(package: &Package, tools: impl Iterator<Item = &'a str>) -> Option<Evidence> {
    if NO_C_ON_LINUX.contains(&package.name.as_str()) {
        return None;
    }
    let tool = tools
        // `openssl-src`, `lua-src` and their like carry the C sources themselves.
        .filter(|tool| C_TOOLS.contains(tool) || tool.ends_with("-src"))
        .min();
    if let Some(tool) = tool {
        return Some(Evidence::BuildDependency(tool.to_owned()));
    }
    match &package.links {
        Some(library) if package.name.ends_with("-sys") => Some(Evidence::Links(library.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A package of a made-up graph: name, `links`, whether it is a procedural macro, and its
    /// dependencies as `kind name` or `kind name platform`.
    type Entry<'a> = (&'a str, Option<&'a str>, bool, &'a [&'a str]);

    fn graph(entries: &[Entry<'_>]) -> Metadata {
        let id = |name: &str| format!("path+file:///{name}#0.1.0");
        let packages: Vec<Value> = entries
            .iter()
            .map(|(name, links, proc_macro, _)| {
                let kind = if *proc_macro { "proc-macro" } else { "lib" };
                json!({
                    "name": name, "version": "0.1.0", "id": id(name), "links": links,
                    "dependencies": [], "features": {}, "edition": "2024",
                    "manifest_path": format!("/{name}/Cargo.toml"),
                    "targets": [{
                        "name": name, "kind": [kind], "crate_types": [kind],
                        "src_path": format!("/{name}/src/lib.rs"), "edition": "2024",
                    }],
                })
            })
            .collect();
        let nodes: Vec<Value> = entries
            .iter()
            .map(|(name, _, _, dependencies)| {
                let deps: Vec<Value> = dependencies
                    .iter()
                    .map(|dependency| {
                        let words: Vec<&str> = dependency.splitn(3, ' ').collect();
                        let kind = if words[0] == "normal" {
                            Value::Null
                        } else {
                            json!(words[0])
                        };
                        json!({
                            "name": words[1], "pkg": id(words[1]),
                            "dep_kinds": [{ "kind": kind, "target": words.get(2) }],
                        })
                    })
                    .collect();
                json!({ "id": id(name), "dependencies": [], "deps": deps, "features": [] })
            })
            .collect();
        serde_json::from_value(json!({
            "packages": packages, "workspace_members": [id("app")],
            "resolve": { "nodes": nodes, "root": null },
            "workspace_root": "/", "target_directory": "/target", "version": 1,
        }))
        .unwrap()
    }

    fn find(entries: &[Entry<'_>], dev: bool) -> Option<String> {
        let metadata = graph(entries);
        let roots = metadata.workspace_members.clone();
        let cfg: Vec<Cfg> = ["unix", "target_os=\"linux\"", "target_env=\"musl\""]
            .iter()
            .map(|cfg| cfg.parse().unwrap())
            .collect();
        find_c_code(&metadata, &roots, dev, "aarch64-unknown-linux-musl", &cfg)
            .map(|found| found.to_string())
    }

    #[test]
    fn c_code_is_found_where_it_is_and_only_there() {
        let cc: Entry<'_> = ("cc", None, false, &[]);
        let cases: [(&str, Vec<Entry<'_>>, Option<&str>); 11] = [
            ("nothing", vec![("app", None, false, &[])], None),
            (
                "a dependency's build script uses cc",
                vec![
                    ("app", None, false, &["normal middle"]),
                    ("middle", None, false, &["normal ring"]),
                    ("ring", Some("ring_core"), false, &["build cc"]),
                    cc,
                ],
                Some("`ring 0.1.0` builds C code (with `cc`)"),
            ),
            (
                "the program's own build script does",
                vec![("app", None, false, &["build cc"]), cc],
                Some("`app 0.1.0` builds C code (with `cc`)"),
            ),
            (
                "a -sys package binds a library",
                vec![
                    ("app", None, false, &["normal foo-sys"]),
                    ("foo-sys", Some("foo"), false, &[]),
                ],
                Some("`foo-sys 0.1.0` binds the C library `foo`"),
            ),
            (
                "C sources in a package",
                vec![
                    ("app", None, false, &["normal lua"]),
                    ("lua", None, false, &["build lua-src"]),
                    ("lua-src", None, false, &[]),
                ],
                Some("`lua 0.1.0` builds C code (with `lua-src`)"),
            ),
            (
                "links only to be unique",
                vec![
                    ("app", None, false, &["normal rayon-core"]),
                    ("rayon-core", Some("rayon-core"), false, &[]),
                ],
                None,
            ),
            (
                "C below a procedural macro runs on the host",
                vec![
                    ("app", None, false, &["normal macros"]),
                    ("macros", None, true, &["normal ring"]),
                    ("ring", None, false, &["build cc"]),
                    cc,
                ],
                None,
            ),
            (
                "C below a build script runs on the host",
                vec![
                    ("app", None, false, &["build generator"]),
                    ("generator", None, false, &["normal ring"]),
                    ("ring", None, false, &["build cc"]),
                    cc,
                ],
                None,
            ),
            (
                "C on another platform",
                vec![
                    ("app", None, false, &["normal ring cfg(windows)"]),
                    ("ring", None, false, &["build cc"]),
                    cc,
                ],
                None,
            ),
            (
                "C on this platform",
                vec![
                    (
                        "app",
                        None,
                        false,
                        &["normal ring cfg(target_os = \"linux\")"],
                    ),
                    ("ring", None, false, &["build cc"]),
                    cc,
                ],
                Some("`ring 0.1.0` builds C code (with `cc`)"),
            ),
            (
                "asks a preprocessor about Android only",
                vec![
                    ("app", None, false, &["normal backtrace"]),
                    ("backtrace", None, false, &["build cc"]),
                    cc,
                ],
                None,
            ),
        ];
        for (case, entries, expected) in &cases {
            assert_eq!(find(entries, false).as_deref(), *expected, "{case}");
        }
    }

    #[test]
    fn test_dependencies_count_for_examples_only() {
        let entries: [Entry<'_>; 3] = [
            ("app", None, false, &["dev ring"]),
            ("ring", None, false, &["build cc"]),
            ("cc", None, false, &[]),
        ];
        assert_eq!(find(&entries, false), None);
        assert!(find(&entries, true).is_some());
    }
}
