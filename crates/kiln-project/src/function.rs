//! A function: a binary of the workspace that Lambda can run.

use std::path::PathBuf;

use cargo_metadata::{Package, PackageId, Target};
use serde::Serialize;

use crate::graph::Graph;

/// A binary (or an example) of a workspace member.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Function {
    /// The target's name, which is the function's.
    pub name: String,
    /// The name of the package it is in.
    pub package: String,
    /// Cargo's id of that package.
    pub package_id: PackageId,
    /// The package's directory.
    pub package_root: PathBuf,
    /// The package's manifest.
    pub manifest_path: PathBuf,
    /// The file with `main`.
    pub src_path: PathBuf,
    /// What it is to Lambda.
    pub kind: FunctionKind,
    /// What it is to cargo.
    pub target: TargetKind,
    /// The directories of all packages on this disk whose change changes the function: its own
    /// and those of its path dependencies, sorted.
    pub source_roots: Vec<PathBuf>,
    /// Whether its package has a build script, whose inputs may lie anywhere.
    pub has_build_script: bool,
    /// Features without which cargo does not build the target, and which are not on.
    pub missing_features: Vec<String>,
}

/// What a binary is to Lambda.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FunctionKind {
    /// It answers invocations.
    Function,
    /// It runs beside functions.
    Extension,
}

/// What kind of target a function is to cargo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// Built by `--bin`.
    Bin,
    /// Built by `--example`.
    Example,
}

impl Function {
    /// All binaries and examples of a package.
    pub(crate) fn all_of(package: &Package, graph: &Graph<'_>) -> Vec<Self> {
        let reach = graph.lambda(&package.id);
        let features = graph.features(&package.id);
        let has_build_script = package.targets.iter().any(Target::is_custom_build);
        let root = package
            .manifest_path
            .parent()
            .map(|root| root.as_std_path().to_owned())
            .unwrap_or_default();
        let kind_of = |target: &Target| {
            if target.is_bin() {
                Some(TargetKind::Bin)
            } else if target.is_example() {
                Some(TargetKind::Example)
            } else {
                None
            }
        };
        package
            .targets
            .iter()
            .filter_map(|target| Some((target, kind_of(target)?)))
            .map(|(target, target_kind)| Self {
                name: target.name.clone(),
                package: package.name.to_string(),
                package_id: package.id.clone(),
                package_root: root.clone(),
                manifest_path: package.manifest_path.clone().into(),
                src_path: target.src_path.clone().into(),
                kind: if reach.extension && !reach.runtime {
                    FunctionKind::Extension
                } else {
                    FunctionKind::Function
                },
                target: target_kind,
                source_roots: graph.source_roots(&package.id, target_kind == TargetKind::Example),
                has_build_script,
                missing_features: target
                    .required_features
                    .iter()
                    .filter(|feature| !features.contains(feature))
                    .cloned()
                    .collect(),
            })
            .collect()
    }
}
