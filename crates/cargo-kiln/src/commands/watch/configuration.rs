//! What the project says about the functions to serve.

use std::collections::{BTreeMap, BTreeSet};

use kiln_project::{DeploySettings, Function, FunctionKind, Project, Setting};
use kiln_service::{ConcurrencyShare, FunctionConfig, Mode};

use super::Watch;
use crate::failure::Failure;
use crate::local::function_config;
use crate::local::variables::check_variables;
use crate::project;

/// The functions to serve, and how.
pub(super) struct Configuration {
    pub(super) functions: Vec<Function>,
    /// The external extensions among what is selected, which are built too.
    pub(super) extensions: Vec<Function>,
    /// What the service needs to know of each function.
    pub(super) configs: BTreeMap<String, FunctionConfig>,
    /// The extensions of the workspace that run beside each function, in the order of their names.
    extensions_of: BTreeMap<String, Vec<String>>,
    /// What is configured and has no effect here.
    pub(super) warnings: BTreeSet<String>,
    /// Features that `[….build]` tables enable, each as `package/feature`.
    pub(super) features: BTreeSet<String>,
}

impl Configuration {
    /// How much concurrency each function has for itself.
    pub(super) fn reserved(&self) -> impl Iterator<Item = (&str, ConcurrencyShare)> {
        let configs = self.configs.values();
        configs.map(|config| (config.name.as_str(), config.concurrency_share()))
    }

    /// Everything that is built.
    pub(super) fn built(&self) -> impl Iterator<Item = &Function> {
        self.functions.iter().chain(&self.extensions)
    }

    /// The extensions of the workspace that run beside a function.
    pub(super) fn extensions_of(&self, function: &str) -> &[String] {
        self.extensions_of
            .get(function)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Each function with what is configured for it, in words.
    pub(super) fn described(&self) -> impl Iterator<Item = (&str, String)> {
        self.configs.iter().map(|(name, config)| {
            let words = describe(config, self.extensions_of(name));
            (name.as_str(), words)
        })
    }

    /// Reads it for the functions that cargo's flags select.
    pub(super) fn read(watch: &Watch, project: &Project) -> Result<Self, Failure> {
        let selected = project.select(&project::selection(&watch.args.cargo))?;
        let (functions, selected): (Vec<&Function>, Vec<&Function>) = selected
            .into_iter()
            .partition(|function| function.kind == FunctionKind::Function);
        if functions.is_empty() {
            return Err(
                Failure::usage("there are only extensions here, and no function to serve")
                    .hint("add a function with `kiln new NAME`"),
            );
        }
        let mut extensions = Vec::new();
        // A function that somebody else starts has no environment to run extensions in.
        if !watch.settings.only_lambda_apis.value {
            for extension in selected {
                let build = project.build_settings(extension, &watch.overrides)?;
                // An internal one runs within a function's process: there is nothing to start.
                if !build.internal.value {
                    extensions.push(extension.clone());
                }
            }
        }
        let mut configuration = Self {
            functions: functions.into_iter().cloned().collect(),
            extensions,
            configs: BTreeMap::new(),
            extensions_of: BTreeMap::new(),
            warnings: BTreeSet::new(),
            features: BTreeSet::new(),
        };
        configuration.read_features(watch, project)?;
        for function in &configuration.functions {
            let settings = project.settings(function, &watch.overrides)?;
            check_variables(&function.name, &settings.environment, &watch.passed)?;
            let mut config = function_config(function, &settings);
            for (name, value) in &watch.passed {
                let variable = config.variables.entry(name.clone());
                variable.or_insert_with(|| value.clone());
            }
            let beside = beside(&settings.deploy, &configuration.extensions)?;
            configuration
                .extensions_of
                .insert(function.name.clone(), beside);
            configuration.configs.insert(function.name.clone(), config);
            let layers = settings.deploy.layers.iter();
            for arn in layers.flat_map(|layers| layers.value.arns()) {
                configuration.warnings.insert(format!(
                    "the layer `{arn}` lies on AWS and cannot be fetched: functions run without it; \
                     name a directory with what is in it"
                ));
            }
        }
        Ok(configuration)
    }

    fn read_features(&mut self, watch: &Watch, project: &Project) -> Result<(), Failure> {
        let mut features = BTreeSet::new();
        for function in self.built() {
            let build = project.build_settings(function, &watch.overrides)?;
            let configured = build.features.into_iter().flat_map(|setting| setting.value);
            // Named with their package: one cargo run builds them all, and others may not have them.
            features.extend(configured.map(|feature| match feature.contains('/') {
                true => feature,
                false => format!("{}/{feature}", function.package),
            }));
        }
        self.features = features;
        Ok(())
    }
}

/// The extensions that a function asks for; all of them when it says nothing.
fn beside(deploy: &DeploySettings, extensions: &[Function]) -> Result<Vec<String>, Failure> {
    let there: Vec<String> = extensions.iter().map(|it| it.name.clone()).collect();
    let Some(Setting { value, origin }) = &deploy.extensions else {
        return Ok(there);
    };
    if let Some(name) = value.iter().find(|name| !there.contains(name)) {
        let known = match there.as_slice() {
            [] => "there is none among what is served".to_owned(),
            known => format!("there are {}", known.join(", ")),
        };
        return Err(Failure::usage(format!(
            "no external extension is named `{name}` ({origin}): {known}"
        ))
        .hint("select its package too, with `-p` or `--workspace`; `layers` is for built ones"));
    }
    Ok(there.into_iter().filter(|it| value.contains(it)).collect())
}

/// A function's configuration in a line: memory and timeout, and what is not as usual.
fn describe(config: &FunctionConfig, extensions: &[String]) -> String {
    let mut words = vec![
        format!("{} MB", config.memory_mb),
        format!("timeout {} s", config.timeout.as_secs()),
    ];
    let usual = FunctionConfig::new("");
    if config.ephemeral_storage_mb != usual.ephemeral_storage_mb {
        words.push(format!("/tmp {} MB", config.ephemeral_storage_mb));
    }
    if let Some(reserved) = config.reserved_concurrency {
        words.push(format!("reserved concurrency {reserved}"));
    }
    match config.mode {
        Mode::OnDemand => {}
        Mode::Provisioned { environments } => {
            words.push(format!("provisioned concurrency {environments}"));
        }
        Mode::SnapStart => words.push("SnapStart".to_owned()),
        Mode::Managed { max_concurrency } => {
            words.push(format!("{max_concurrency} events at a time"));
        }
    }
    if config.tenant_isolation {
        words.push("tenants apart".to_owned());
    }
    if config.json_log.is_some() {
        words.push("logs in JSON".to_owned());
    }
    match config.layers.len() {
        0 => {}
        1 => words.push("1 layer".to_owned()),
        layers => words.push(format!("{layers} layers")),
    }
    if !extensions.is_empty() {
        words.push(format!("with {}", extensions.join(", ")));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use kiln_protocol::json_log::JsonLog;

    use super::*;

    #[test]
    fn a_function_is_described_by_what_is_not_as_usual() {
        let usual = FunctionConfig::new("orders");
        assert_eq!(describe(&usual, &[]), "128 MB, timeout 3 s");
        let unusual = FunctionConfig {
            ephemeral_storage_mb: 1_024,
            reserved_concurrency: Some(0),
            mode: Mode::Provisioned { environments: 2 },
            tenant_isolation: true,
            json_log: Some(JsonLog::default()),
            layers: vec!["a".into(), "b".into()],
            ..usual
        };
        assert_eq!(
            describe(&unusual, &["audit".to_owned(), "trace".to_owned()]),
            "128 MB, timeout 3 s, /tmp 1024 MB, reserved concurrency 0, provisioned concurrency 2, \
             tenants apart, logs in JSON, 2 layers, with audit, trace"
        );
    }
}
