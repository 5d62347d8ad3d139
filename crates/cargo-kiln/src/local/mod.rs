//! Running a project's functions on the embedded local Lambda: what `watch` and `tour` share.

pub mod compile;
pub mod listen;
pub mod printer;
pub mod snapshots;
pub mod stop;

use kiln_project::{Function, FunctionSettings};
use kiln_service::{FunctionConfig, ServiceConfig};

/// What the service needs to know of a function.
pub fn function_config(function: &Function, settings: &FunctionSettings) -> FunctionConfig {
    let variables = settings
        .environment
        .iter()
        .map(|(name, setting)| (name.clone(), setting.value.clone()))
        .collect();
    FunctionConfig {
        name: function.name.clone(),
        memory_mb: settings.deploy.memory.value.megabytes().into(),
        timeout: settings.deploy.timeout.value.duration(),
        variables,
    }
}

/// Region and limits of the service: the region of the user's shell, so that ARNs look familiar.
pub fn service_config() -> ServiceConfig {
    let mut config = ServiceConfig::default();
    let region = ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
        .filter(|region| !region.is_empty());
    if let Some(region) = region {
        config.region = region;
    }
    config
}
