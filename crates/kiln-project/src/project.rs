//! A cargo workspace as Kiln sees it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cargo_metadata::{Metadata, Package};
use serde_json::{Map, Value};

use crate::cargo;
use crate::environment::Environment;
use crate::error::ProjectError;
use crate::function::{Function, FunctionKind, TargetKind};
use crate::graph::Graph;
use crate::layers::{Layer, Layers};
use crate::setting::Origin;
use crate::settings::Overrides;
use crate::value::BuildTarget;

/// The name of cargo-lambda's configuration file.
const CARGO_LAMBDA_FILE: &str = "CargoLambda.toml";

/// Where a project is and how its dependency graph is to be resolved.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// `--manifest-path`; without it the manifest is looked for from `current_dir` upwards.
    pub manifest_path: Option<PathBuf>,
    /// The directory the command runs in; relative paths of flags start here.
    pub current_dir: PathBuf,
    /// `--features`.
    pub features: Vec<String>,
    /// `--all-features`.
    pub all_features: bool,
    /// `--no-default-features`.
    pub no_default_features: bool,
    /// What it is built for, where that is not this machine; dependencies of other platforms do
    /// not count.
    pub target: Option<BuildTarget>,
    /// `--target-dir`; without it cargo's own answer holds, with `CARGO_TARGET_DIR` and its
    /// configuration files.
    pub target_dir: Option<PathBuf>,
    /// `--offline`: cargo may not use the network.
    pub offline: bool,
    /// `--locked`: `Cargo.lock` must be up to date.
    pub locked: bool,
    /// `--frozen`: both of these.
    pub frozen: bool,
    /// `--config`: values for cargo's configuration, or files of them.
    pub config: Vec<String>,
    /// `-Z`: cargo's unstable flags.
    pub unstable_flags: Vec<String>,
    /// Leave the dependency graph out, which takes cargo most of its time. Then nobody knows which
    /// binaries link Lambda's runtime: all of them count as functions.
    pub no_dependencies: bool,
    /// The variables settings may come from.
    pub environment: Environment,
    /// Is given each line cargo writes while it works, such as the names of crates it downloads:
    /// in a fresh clone that takes a while, and silence looks like a hang.
    pub progress: Option<fn(&str)>,
    /// How long cargo may take, which waits for other cargos and for downloads; for ever unless
    /// set.
    pub patience: Option<Duration>,
}

impl LoadOptions {
    /// What a command run in this directory begins with: no flags, no variables.
    pub fn new(current_dir: impl Into<PathBuf>) -> Self {
        Self {
            current_dir: current_dir.into(),
            ..Self::default()
        }
    }
}

/// A cargo workspace with its functions and its configuration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Project {
    /// The directory of the workspace's manifest.
    pub workspace_root: PathBuf,
    /// Where cargo builds.
    pub target_directory: PathBuf,
    /// Everything cargo says about the workspace, the resolved graph included.
    pub metadata: Metadata,
    /// The functions, sorted by name: the binaries that link Lambda's runtime or extension API,
    /// or all binaries where none does.
    pub functions: Vec<Function>,
    /// The files configuration is read from: manifests, `CargoLambda.toml`, configured env files,
    /// those that do not exist yet included. A change of any of them asks for a new `Project`.
    pub configuration_files: Vec<PathBuf>,
    /// Binaries that are no functions, and all examples: they count only when named.
    pub(crate) others: Vec<Function>,
    pub(crate) current_dir: PathBuf,
    pub(crate) environment: Environment,
    cargo_lambda: Option<Map<String, Value>>,
}

impl Project {
    /// Reads a project. Runs `cargo metadata`, which may write `Cargo.lock` and download what
    /// is in it unless the options forbid it.
    ///
    /// # Errors
    ///
    /// When there is no manifest, cargo refuses it, `CargoLambda.toml` is not TOML, or a setting
    /// of the build is not possible. Other settings are read when they are asked for.
    pub fn load(options: &LoadOptions) -> Result<Self, ProjectError> {
        // A relative directory has no parents to look in, and origins outlive a change of it.
        let options = &LoadOptions {
            current_dir: std::path::absolute(&options.current_dir)
                .unwrap_or_else(|_| options.current_dir.clone()),
            ..options.clone()
        };
        let metadata = cargo::metadata(options)?;
        let workspace_root: PathBuf = metadata.workspace_root.clone().into();
        let (functions, others) = functions(&metadata);
        let cargo_lambda_file = workspace_root.join(CARGO_LAMBDA_FILE);
        let cargo_lambda = read_cargo_lambda(&cargo_lambda_file)?;

        let mut configuration_files = vec![workspace_root.join("Cargo.toml")];
        for package in metadata.workspace_packages() {
            configuration_files.push(package.manifest_path.clone().into());
        }
        configuration_files.push(cargo_lambda_file);
        let mut project = Self {
            target_directory: match &options.target_dir {
                Some(directory) => options.current_dir.join(directory),
                None => metadata.target_directory.clone().into(),
            },
            workspace_root,
            functions,
            others,
            configuration_files,
            current_dir: options.current_dir.clone(),
            environment: options.environment.clone(),
            cargo_lambda,
            metadata,
        };
        project.apply_configuration()?;
        let env_files = project.configured_env_files()?;
        project.configuration_files.extend(env_files);
        project.configuration_files.sort();
        project.configuration_files.dedup();
        Ok(project)
    }

    /// Corrects what was concluded from cargo's answer by what `[….build]` says: which functions
    /// are extensions, and the features it turns on.
    fn apply_configuration(&mut self) -> Result<(), ProjectError> {
        let mut functions = std::mem::take(&mut self.functions);
        let mut others = std::mem::take(&mut self.others);
        for function in functions.iter_mut().chain(&mut others) {
            let build = self.build_settings(function, &Overrides::default())?;
            match build.extension.map(|extension| extension.value) {
                Some(true) => function.kind = FunctionKind::Extension,
                Some(false) => function.kind = FunctionKind::Function,
                None => {}
            }
            if build.all_features.value {
                function.missing_features.clear();
            } else if let Some(features) = build.features {
                let package = self.package(function);
                let declared = package.map(|package| &package.features);
                let enabled = with_implied(features.value, declared);
                let missing = |feature: &String| !enabled.contains(feature);
                function.missing_features.retain(missing);
            }
        }
        (self.functions, self.others) = (functions, others);
        Ok(())
    }

    /// The directory that relative paths start from, in a value of this origin.
    pub fn directory_of(&self, origin: &Origin) -> PathBuf {
        match origin {
            // Files are named relative to the workspace root where they lie inside.
            Origin::Metadata { file, .. } | Origin::EnvFile(file) => {
                let file = self.workspace_root.join(file);
                file.parent().map(Path::to_owned).unwrap_or_default()
            }
            Origin::Flag(_) | Origin::Variable(_) | Origin::Default => self.current_dir.clone(),
        }
    }

    /// The layers that hold for a function, strongest first.
    pub(crate) fn layers(&self, function: &Function) -> Result<Layers<'_>, ProjectError> {
        let package = self.package_tables(function);
        let workspace = self.workspace_tables();
        let mut tables = Vec::new();
        for tool in ["kiln", "lambda"] {
            for metadata in [&package, &workspace].into_iter().flatten() {
                if let Some(table) = metadata.table(tool)? {
                    tables.extend(bin_table(&table, &function.name)?);
                    tables.push(table);
                }
            }
        }
        tables.extend(self.cargo_lambda_table());
        Ok(self.layers_of(tables))
    }

    /// These tables with the variables above them.
    pub(crate) fn layers_of<'a>(&'a self, tables: Vec<Layer<'a>>) -> Layers<'a> {
        Layers {
            environment: &self.environment,
            current_dir: &self.current_dir,
            tables,
        }
    }

    /// `[package.metadata]` of a function's package.
    pub(crate) fn package_tables(&self, function: &Function) -> Option<Layer<'_>> {
        self.package_layer(self.package(function)?)
    }

    /// The package of a function.
    fn package(&self, function: &Function) -> Option<&Package> {
        let mut packages = self.metadata.packages.iter();
        packages.find(|package| package.id == function.package_id)
    }

    /// `[package.metadata]` of a package.
    pub(crate) fn package_layer<'a>(&self, package: &'a Package) -> Option<Layer<'a>> {
        self.manifest_layer(
            "package.metadata",
            package.manifest_path.as_std_path(),
            &package.metadata,
        )
    }

    /// `[workspace.metadata]`.
    pub(crate) fn workspace_tables(&self) -> Option<Layer<'_>> {
        self.manifest_layer(
            "workspace.metadata",
            &self.workspace_root.join("Cargo.toml"),
            &self.metadata.workspace_metadata,
        )
    }

    /// The top of `CargoLambda.toml`.
    pub(crate) fn cargo_lambda_table(&self) -> Option<Layer<'_>> {
        Some(Layer {
            table: String::new(),
            file: CARGO_LAMBDA_FILE.into(),
            directory: self.workspace_root.clone(),
            value: self.cargo_lambda.as_ref()?,
        })
    }

    fn manifest_layer<'a>(
        &self,
        table: &str,
        manifest: &Path,
        metadata: &'a Value,
    ) -> Option<Layer<'a>> {
        Some(Layer {
            table: table.to_owned(),
            file: self.shown(manifest),
            directory: manifest.parent()?.to_owned(),
            value: metadata.as_object()?,
        })
    }

    /// A path as people of the project would write it.
    pub(crate) fn shown(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.workspace_root)
            .unwrap_or(path)
            .to_owned()
    }
}

/// The table of one binary inside a tool's table.
pub(crate) fn bin_table<'a>(
    tool: &Layer<'a>,
    binary: &str,
) -> Result<Option<Layer<'a>>, ProjectError> {
    let Some(binaries) = tool.table("bin")? else {
        return Ok(None);
    };
    // A binary's name is the user's word: here `-` and `_` differ.
    if binaries.value.contains_key(binary) {
        binaries.table(binary)
    } else {
        Ok(None)
    }
}

/// The functions, and what could be one by name only.
fn functions(metadata: &Metadata) -> (Vec<Function>, Vec<Function>) {
    let graph = Graph::new(metadata);
    let mut all: Vec<(bool, Function)> = Vec::new();
    for package in metadata.workspace_packages() {
        let reach = graph.lambda(&package.id);
        let linked = reach.runtime || reach.extension;
        for function in Function::all_of(package, &graph) {
            all.push((linked, function));
        }
    }
    all.sort_by(|(_, a), (_, b)| (&a.name, &a.package).cmp(&(&b.name, &b.package)));
    let is_bin = |function: &Function| function.target == TargetKind::Bin;
    // Someone may speak the Runtime API by hand.
    let by_hand = !all
        .iter()
        .any(|(linked, function)| *linked && is_bin(function));
    let (functions, others): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|(linked, function)| is_bin(function) && (*linked || by_hand));
    let bare = |list: Vec<(bool, Function)>| list.into_iter().map(|(_, it)| it).collect();
    (bare(functions), bare(others))
}

/// Features with those that they turn on in turn.
fn with_implied(
    mut features: Vec<String>,
    declared: Option<&BTreeMap<String, Vec<String>>>,
) -> Vec<String> {
    let mut at = 0;
    while let Some(feature) = features.get(at) {
        let implied = declared.and_then(|declared| declared.get(feature));
        for feature in implied.into_iter().flatten() {
            if !features.contains(feature) {
                features.push(feature.clone());
            }
        }
        at += 1;
    }
    features
}

/// Reads cargo-lambda's file where there is one.
fn read_cargo_lambda(path: &Path) -> Result<Option<Map<String, Value>>, ProjectError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(ProjectError::UnreadableFile {
                path: path.to_owned(),
                source,
            });
        }
    };
    let table = toml::from_str(&text).map_err(|source| ProjectError::InvalidFile {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    Ok(Some(table))
}
