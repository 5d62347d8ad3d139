//! The resolved dependency graph: what a package reaches.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use cargo_metadata::{DependencyKind, Metadata, Node, Package, PackageId};

/// The packages of a function, by how they make it one.
const RUNTIMES: [&str; 2] = ["lambda_runtime", "lambda_http"];
const EXTENSION: &str = "lambda-extension";

/// What of Lambda a package links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The runtime, or the HTTP layer over it.
    pub runtime: bool,
    /// The extension API.
    pub extension: bool,
}

/// The graph by package.
pub(crate) struct Graph<'a> {
    packages: HashMap<&'a PackageId, &'a Package>,
    nodes: HashMap<&'a PackageId, &'a Node>,
}

impl<'a> Graph<'a> {
    pub fn new(metadata: &'a Metadata) -> Self {
        let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
        Self {
            packages: metadata
                .packages
                .iter()
                .map(|package| (&package.id, package))
                .collect(),
            nodes: nodes.map(|node| (&node.id, node)).collect(),
        }
    }

    /// What a package links, itself or through the libraries it depends on. Dependencies of
    /// tests and of build scripts do not count: they are not in the binary.
    pub fn lambda(&self, package: &PackageId) -> Reach {
        let linked = self.closure(package, |_, kind| kind == DependencyKind::Normal);
        let mut reach = Reach::default();
        for package in linked {
            let name = package.name.as_str();
            reach.runtime |= RUNTIMES.contains(&name);
            reach.extension |= name == EXTENSION;
        }
        reach
    }

    /// The directories of all packages on this disk that go into a build of the package: itself,
    /// path dependencies and those of its build script. With `development`, its own
    /// dev-dependencies too, which examples link.
    pub fn source_roots(&self, package: &PackageId, development: bool) -> Vec<PathBuf> {
        let built = self.closure(package, |of, kind| {
            kind != DependencyKind::Development || (development && of == package)
        });
        let mut roots: Vec<PathBuf> = built
            .into_iter()
            // Registry and git packages have a source and do not change.
            .filter(|package| package.source.is_none())
            .filter_map(|package| package.manifest_path.parent())
            .map(|root| root.as_std_path().to_owned())
            .collect();
        roots.sort();
        roots
    }

    /// The features a package is built with.
    pub fn features(&self, package: &PackageId) -> Vec<String> {
        let node = self.nodes.get(package);
        node.map(|node| node.features.iter().map(ToString::to_string).collect())
            .unwrap_or_default()
    }

    /// A package and everything reached over the edges that `follow` accepts, by the package
    /// they start from and their kind.
    fn closure(
        &self,
        start: &PackageId,
        follow: impl Fn(&PackageId, DependencyKind) -> bool,
    ) -> Vec<&'a Package> {
        let mut seen: HashSet<&PackageId> = HashSet::new();
        let mut reached = Vec::new();
        let mut waiting: Vec<&PackageId> = vec![start];
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                continue;
            }
            reached.extend(self.packages.get(id));
            let Some(node) = self.nodes.get(id) else {
                continue;
            };
            for dependency in &node.deps {
                if dependency
                    .dep_kinds
                    .iter()
                    .any(|dep_kind| follow(id, dep_kind.kind))
                {
                    waiting.push(&dependency.pkg);
                }
            }
        }
        reached
    }
}
