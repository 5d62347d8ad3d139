//! A cargo workspace as Kiln sees it.

use std::io;
use std::path::{Path, PathBuf};

use cargo_metadata::{CargoOpt, Metadata, MetadataCommand, Package, PackageId};
use serde_json::{Map, Value};

use crate::environment::Environment;
use crate::error::ProjectError;
use crate::function::{Function, TargetKind};
use crate::graph::Graph;
use crate::layers::{Layer, Layers};
use crate::setting::Origin;

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
    /// `--target`, with or without a glibc version; dependencies of other platforms do not count.
    pub target: Option<String>,
    /// `--target-dir`; without it cargo's own answer holds, with `CARGO_TARGET_DIR` and its
    /// configuration files.
    pub target_dir: Option<PathBuf>,
    /// `--offline`: cargo may not use the network.
    pub offline: bool,
    /// `--locked`: `Cargo.lock` must be up to date.
    pub locked: bool,
    /// `--frozen`: both of these.
    pub frozen: bool,
    /// The variables settings may come from.
    pub environment: Environment,
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
    /// The files configuration was read from: manifests, `CargoLambda.toml`, configured env
    /// files. A change of any of them asks for a new `Project`.
    pub configuration_files: Vec<PathBuf>,
    /// Binaries that are no functions, and all examples: they count only when named.
    pub(crate) others: Vec<Function>,
    pub(crate) current_dir: PathBuf,
    pub(crate) environment: Environment,
    /// The member the command was pointed at, when that is not the whole workspace.
    pub(crate) current_member: Option<PackageId>,
    cargo_lambda: Option<Map<String, Value>>,
}

impl Project {
    /// Reads a project. Runs `cargo metadata`, which may write `Cargo.lock` and download what
    /// is in it unless the options forbid it.
    ///
    /// # Errors
    ///
    /// When there is no manifest, cargo refuses it, or `CargoLambda.toml` is not TOML. Settings
    /// are read when they are asked for.
    pub fn load(options: &LoadOptions) -> Result<Self, ProjectError> {
        // A relative directory has no parents to look in, and origins outlive a change of it.
        let options = &LoadOptions {
            current_dir: std::path::absolute(&options.current_dir)
                .unwrap_or_else(|_| options.current_dir.clone()),
            ..options.clone()
        };
        find_manifest(options)?;
        let metadata = run_cargo(options)?;
        let workspace_root: PathBuf = metadata.workspace_root.clone().into();
        let (functions, others) = functions(&metadata);
        let cargo_lambda_file = workspace_root.join(CARGO_LAMBDA_FILE);
        let cargo_lambda = read_cargo_lambda(&cargo_lambda_file)?;

        let mut configuration_files = vec![workspace_root.join("Cargo.toml")];
        for package in metadata.workspace_packages() {
            configuration_files.push(package.manifest_path.clone().into());
        }
        if cargo_lambda.is_some() {
            configuration_files.push(cargo_lambda_file);
        }
        let mut project = Self {
            target_directory: match &options.target_dir {
                Some(directory) => options.current_dir.join(directory),
                None => metadata.target_directory.clone().into(),
            },
            current_member: current_member(&metadata),
            workspace_root,
            functions,
            others,
            configuration_files,
            current_dir: options.current_dir.clone(),
            environment: options.environment.clone(),
            cargo_lambda,
            metadata,
        };
        let env_files = project.configured_env_files()?;
        project.configuration_files.extend(env_files);
        project.configuration_files.sort();
        project.configuration_files.dedup();
        Ok(project)
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
        let package = self
            .metadata
            .packages
            .iter()
            .find(|package| package.id == function.package_id)?;
        self.package_layer(package)
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

/// Says early, and in our words, what cargo would say about a directory without a manifest.
fn find_manifest(options: &LoadOptions) -> Result<(), ProjectError> {
    if let Some(path) = &options.manifest_path {
        let path = options.current_dir.join(path);
        return if path.is_file() {
            Ok(())
        } else {
            Err(ProjectError::NoManifest { path })
        };
    }
    let found = options
        .current_dir
        .ancestors()
        .any(|directory| directory.join("Cargo.toml").is_file());
    if found {
        Ok(())
    } else {
        Err(ProjectError::NotAProject {
            directory: options.current_dir.clone(),
        })
    }
}

/// Runs `cargo metadata`.
fn run_cargo(options: &LoadOptions) -> Result<Metadata, ProjectError> {
    let mut command = MetadataCommand::new();
    command.current_dir(&options.current_dir);
    if let Some(path) = &options.manifest_path {
        command.manifest_path(path);
    }
    if let Some(cargo) = options.environment.get("CARGO") {
        command.cargo_path(cargo);
    }
    if options.all_features {
        command.features(CargoOpt::AllFeatures);
    }
    if options.no_default_features {
        command.features(CargoOpt::NoDefaultFeatures);
    }
    if !options.features.is_empty() {
        command.features(CargoOpt::SomeFeatures(options.features.clone()));
    }
    let flags = [
        ("--offline", options.offline),
        ("--locked", options.locked),
        ("--frozen", options.frozen),
    ];
    let mut others: Vec<String> = flags
        .into_iter()
        .filter(|(_, wanted)| *wanted)
        .map(|(flag, _)| flag.to_owned())
        .collect();
    if let Some(platform) = platform(options.target.as_deref()) {
        others.push("--filter-platform".into());
        others.push(platform);
    }
    command.other_options(others);
    command.exec().map_err(|error| match error {
        cargo_metadata::Error::CargoMetadata { stderr } => ProjectError::Cargo {
            message: cargo_message(&stderr),
        },
        other => other.into(),
    })
}

/// The platform whose dependencies count. Leaving out those of others halves the answer and
/// spares cargo downloading crates that no build here would use.
fn platform(target: Option<&str>) -> Option<String> {
    match target {
        // The version of glibc is cargo-zigbuild's addition, unknown to rustc.
        Some(target) => Some(match target.split_once('.') {
            Some((triple, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => {
                triple.to_owned()
            }
            _ => target.to_owned(),
        }),
        // The two architectures of Lambda, whose triples are known without asking rustc.
        None if cfg!(target_os = "linux") => match std::env::consts::ARCH {
            architecture @ ("x86_64" | "aarch64") => {
                Some(format!("{architecture}-unknown-linux-gnu"))
            }
            _ => None,
        },
        None => None,
    }
}

/// Cargo's error without its progress, its warnings, and the word `error:` that whoever renders
/// ours will write.
fn cargo_message(stderr: &str) -> String {
    let start = stderr
        .match_indices("error")
        .map(|(at, _)| at)
        .find(|&at| at == 0 || stderr.as_bytes()[at - 1] == b'\n')
        .unwrap_or(0);
    let message = stderr[start..].trim();
    message
        .strip_prefix("error: ")
        .unwrap_or(message)
        .to_owned()
}

/// The member that cargo was pointed at, when there is more to the workspace than that.
fn current_member(metadata: &Metadata) -> Option<PackageId> {
    let root = metadata.resolve.as_ref()?.root.as_ref()?;
    let package = metadata
        .packages
        .iter()
        .find(|package| package.id == *root)?;
    let at_root = package.manifest_path.parent() == Some(metadata.workspace_root.as_path());
    (!at_root).then(|| root.clone())
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

/// Reads cargo-lambda's file where there is one.
fn read_cargo_lambda(path: &Path) -> Result<Option<Map<String, Value>>, ProjectError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(ProjectError::Unreadable {
                path: path.to_owned(),
                origin: Box::new(Origin::Default),
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
