//! Running a project's functions on the embedded local Lambda: what `watch` and `tour` share.

pub mod compile;
pub mod json_line;
pub mod listen;
pub mod printer;
pub mod snapshots;
pub mod stop;
pub mod variables;

use std::io;
use std::path::Path;

use kiln_project::{DeploySettings, Function, FunctionSettings, LogFormat};
use kiln_protocol::json_log::JsonLog;
use kiln_service::filesystem::FileSystemSettings;
use kiln_service::{ConcurrencyShare, FunctionConfig, Mode, Service, ServiceConfig};

use crate::failure::Failure;

/// The threads of the service: half of the processors. The other half has callers and functions.
///
/// More are slower. A thread with nothing to do is woken by every call that another one takes up,
/// looks round and sleeps again: on two processors a second thread doubles both the latency of a warm
/// call and the service's processor time (`cargo xtask bench warm`).
///
/// # Errors
/// The system refuses a thread or a descriptor.
pub fn runtime() -> io::Result<tokio::runtime::Runtime> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads((processors / 2).max(1))
        .enable_all()
        .build()
}

/// What the service needs to know of a function. Layers that lie on AWS are not among its layers.
pub fn function_config(function: &Function, settings: &FunctionSettings) -> FunctionConfig {
    let variables = settings
        .environment
        .iter()
        .map(|(name, setting)| (name.clone(), setting.value.clone()))
        .collect();
    let deploy = &settings.deploy;
    let layers = deploy.layers.iter();
    FunctionConfig {
        memory_mb: deploy.memory.value.megabytes().into(),
        timeout: deploy.timeout.value.duration(),
        variables,
        reserved_concurrency: deploy
            .reserved_concurrency
            .as_ref()
            .map(|reserved| reserved.value.invocations().into()),
        layers: layers
            .flat_map(|layers| layers.value.directories())
            .map(Path::to_owned)
            .collect(),
        ephemeral_storage_mb: deploy.ephemeral_storage.value.get().into(),
        json_log: json_log(deploy),
        mode: mode(deploy),
        tenant_isolation: deploy.tenant_isolation.value,
        ..FunctionConfig::new(&function.name)
    }
}

fn json_log(deploy: &DeploySettings) -> Option<JsonLog> {
    let default = JsonLog::default();
    let application = deploy.application_log_level.as_ref();
    let system = deploy.system_log_level.as_ref();
    (deploy.effective_log_format() == LogFormat::Json).then(|| JsonLog {
        application: application.map_or(default.application, |level| level.value.level()),
        system: system.map_or(default.system, |level| level.value.level()),
    })
}

/// Settings of two modes have been refused before.
fn mode(deploy: &DeploySettings) -> Mode {
    if let Some(max_concurrency) = &deploy.max_concurrency {
        Mode::Managed {
            max_concurrency: max_concurrency.value.get().into(),
        }
    } else if let Some(provisioned) = &deploy.provisioned_concurrency {
        Mode::Provisioned {
            environments: provisioned.value.get().into(),
        }
    } else if deploy.snap_start.value {
        Mode::SnapStart
    } else {
        Mode::OnDemand
    }
}

/// Has the functions reserve and provision what they are configured to, all of them or none.
///
/// # Errors
/// Too little of the account's concurrency would be left for the others.
pub fn reserve<'a>(
    service: &Service,
    functions: impl IntoIterator<Item = (&'a str, ConcurrencyShare)>,
) -> Result<(), Failure> {
    let functions: Vec<_> = functions.into_iter().collect();
    service
        .allocate(functions.iter().copied())
        .map_err(|error| {
            let reserved = functions
                .iter()
                .filter_map(|(name, share)| share.reserved.map(|size| format!("`{name}` {size}")));
            let provisioned = functions
                .iter()
                .filter(|(_, share)| share.reserved.is_none() && share.provisioned > 0)
                .map(|(name, share)| format!("`{name}` {}", share.provisioned));
            let of = |key: &str, those: Vec<String>| {
                (!those.is_empty()).then(|| format!("`{key}` of {}", those.join(", ")))
            };
            let parts = [
                of("reserved_concurrency", reserved.collect()),
                of("provisioned_concurrency", provisioned.collect()),
            ];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            let account = service.config().account_concurrency;
            Failure::usage(error.message()).hint(format!(
                "{} is too much together for an account of {account}: lower it, or raise \
                 `--account-concurrency`",
                parts.join(" and ")
            ))
        })
}

/// Region and limits of the service: the region of the user's shell, so that ARNs look familiar; and
/// the file system of AWS, which costs nothing where it is to be had.
pub fn service_config() -> ServiceConfig {
    let mut config = ServiceConfig {
        files: FileSystemSettings::Auto,
        ..ServiceConfig::default()
    };
    let region = ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
        .filter(|region| !region.is_empty());
    if let Some(region) = region {
        config.region = region;
    }
    config
}
