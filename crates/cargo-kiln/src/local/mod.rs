//! Running a project's functions on the embedded local Lambda: what `watch` and `tour` share.

pub mod compile;
pub mod listen;
pub mod printer;
pub mod snapshots;

use kiln_project::{Function, FunctionSettings};
use kiln_service::FunctionConfig;

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
