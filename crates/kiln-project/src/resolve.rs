//! Effective settings: what the layers say about a function, the local service, a build.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::environment::Environment;
use crate::error::ProjectError;
use crate::function::Function;
use crate::layers::Layers;
use crate::project::Project;
use crate::setting::Setting;
use crate::settings::{BuildSettings, DeploySettings, Entry, Overrides, Purpose, WatchSettings};
use crate::variables::{self, Variables};

/// What a function runs with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FunctionSettings {
    /// Memory, timeout and the rest of its configuration.
    pub deploy: DeploySettings,
    /// Its environment variables.
    pub environment: Variables,
    /// The env file that some of them are from.
    pub env_file: Option<Setting<PathBuf>>,
}

impl FunctionSettings {
    /// Every setting and variable in words. Values from env files are not shown: that is where
    /// secrets are, and reports get pasted.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = self.deploy.entries();
        entries.extend(self.environment.iter().map(|(name, setting)| Entry {
            key: format!("env.{name}"),
            value: match &setting.origin {
                crate::Origin::EnvFile(_) => Some("(hidden)".into()),
                _ => Some(setting.value.clone()),
            },
            origin: setting.origin.to_string(),
        }));
        entries
    }
}

impl WatchSettings {
    /// The settings of the local service where there is no project: what flags and variables
    /// say, then the defaults. For commands that only talk to the service.
    ///
    /// # Errors
    ///
    /// A variable whose value is not possible.
    pub fn without_project(
        environment: &Environment,
        overrides: &Overrides,
    ) -> Result<Self, ProjectError> {
        let layers = Layers {
            environment,
            current_dir: Path::new(""),
            tables: Vec::new(),
        };
        Self::resolve(&layers, &overrides.watch)
    }
}

impl Project {
    /// The settings and variables of a function.
    ///
    /// # Errors
    ///
    /// A value that is not possible, naming its layer and key; an env file that cannot be read.
    pub fn settings(
        &self,
        function: &Function,
        overrides: &Overrides,
    ) -> Result<FunctionSettings, ProjectError> {
        let layers = self.layers(function)?;
        let env_file = variables::env_file(&layers, overrides)?;
        let deploy = DeploySettings::resolve(&layers, &overrides.deploy)?;
        deploy.check_together()?;
        if overrides.purpose == Purpose::Local {
            deploy.check_layers()?;
        }
        Ok(FunctionSettings {
            deploy,
            environment: variables::resolve(self, function, overrides, env_file.as_ref())?,
            env_file,
        })
    }

    /// The settings of the local service for these functions together.
    ///
    /// # Errors
    ///
    /// A value that is not possible; [`ProjectError::Conflict`] when packages disagree.
    pub fn watch_settings(
        &self,
        functions: &[&Function],
        overrides: &Overrides,
    ) -> Result<WatchSettings, ProjectError> {
        WatchSettings::resolve(&self.shared_layers(functions)?, &overrides.watch)
    }

    /// How a function is built. Functions of different packages may differ: group them by what
    /// cargo can do in one run.
    ///
    /// # Errors
    ///
    /// A value that is not possible, naming its layer and key.
    pub fn build_settings(
        &self,
        function: &Function,
        overrides: &Overrides,
    ) -> Result<BuildSettings, ProjectError> {
        BuildSettings::resolve(&self.layers(function)?, &overrides.build)
    }

    /// The env files that configuration names, whether they exist or not: one that is written
    /// later is a change too.
    pub(crate) fn configured_env_files(&self) -> Result<Vec<PathBuf>, ProjectError> {
        let overrides = Overrides::default();
        let mut files = Vec::new();
        for function in &self.functions {
            let file = variables::env_file(&self.layers(function)?, &overrides)?;
            files.extend(file.map(|setting| setting.value));
        }
        Ok(files)
    }

    /// The layers that hold for several functions at once.
    fn shared_layers(&self, functions: &[&Function]) -> Result<Layers<'_>, ProjectError> {
        let mut packages: Vec<&Function> = functions.to_vec();
        packages.sort_by(|a, b| a.manifest_path.cmp(&b.manifest_path));
        packages.dedup_by(|a, b| a.package_id == b.package_id);
        let manifests: Vec<_> = packages
            .into_iter()
            .filter_map(|function| self.package_tables(function))
            .chain(self.workspace_tables())
            .collect();
        let mut tables = Vec::new();
        for tool in ["kiln", "lambda"] {
            for metadata in &manifests {
                tables.extend(metadata.table(tool)?);
            }
        }
        tables.extend(self.cargo_lambda_table());
        Ok(self.layers_of(tables))
    }
}
