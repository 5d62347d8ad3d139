//! What the project says about the functions to serve.

use std::collections::{BTreeMap, BTreeSet};

use kiln_project::{Function, FunctionKind, Project};
use kiln_service::{ConcurrencyShare, FunctionConfig};

use super::Watch;
use crate::failure::Failure;
use crate::local::function_config;
use crate::project;

/// The functions to serve, and how.
pub(super) struct Configuration {
    pub(super) functions: Vec<Function>,
    /// What the service needs to know of each.
    pub(super) configs: BTreeMap<String, FunctionConfig>,
    /// Features that `[….build]` tables enable, each as `package/feature`.
    pub(super) features: BTreeSet<String>,
}

impl Configuration {
    /// How much concurrency each function has for itself.
    pub(super) fn reserved(&self) -> impl Iterator<Item = (&str, ConcurrencyShare)> {
        let configs = self.configs.values();
        configs.map(|config| (config.name.as_str(), config.concurrency_share()))
    }

    /// Reads it for the functions that cargo's flags select.
    pub(super) fn read(watch: &Watch, project: &Project) -> Result<Self, Failure> {
        let selected = project.select(&project::selection(&watch.args.cargo))?;
        let functions: Vec<Function> = selected
            .into_iter()
            // Extensions run beside functions; the local Lambda does not start them yet.
            .filter(|function| function.kind == FunctionKind::Function)
            .cloned()
            .collect();
        if functions.is_empty() {
            return Err(
                Failure::usage("there are only extensions here, and no function to serve")
                    .hint("add a function with `kiln new NAME`"),
            );
        }
        let mut configs = BTreeMap::new();
        let mut features = BTreeSet::new();
        for function in &functions {
            let build = project.build_settings(function, &watch.overrides)?;
            let configured = build.features.into_iter().flat_map(|setting| setting.value);
            // Named with their package: one cargo run builds them all, and others may not have them.
            features.extend(configured.map(|feature| match feature.contains('/') {
                true => feature,
                false => format!("{}/{feature}", function.package),
            }));
            let settings = project.settings(function, &watch.overrides)?;
            let mut config = function_config(function, &settings);
            for (name, value) in &watch.passed {
                let variable = config.variables.entry(name.clone());
                variable.or_insert_with(|| value.clone());
            }
            configs.insert(function.name.clone(), config);
        }
        Ok(Self {
            functions,
            configs,
            features,
        })
    }
}
