//! Running a project's functions on the embedded local Lambda: what `watch` and `tour` share.

pub mod compile;
pub mod listen;
pub mod printer;
pub mod snapshots;
pub mod stop;

use std::io;

use kiln_project::{Function, FunctionSettings};
use kiln_service::filesystem::FileSystemSettings;
use kiln_service::{FunctionConfig, Service, ServiceConfig};

use crate::failure::Failure;

/// The threads of the service: half of the processors. The other half has callers and functions.
///
/// More are slower. A thread with nothing to do is woken by every call that another one takes up,
/// looks round and sleeps again: on two processors a second thread doubles both the latency of a warm
/// call and the service's processor time (`cargo xtask bench --only warm`).
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

/// What the service needs to know of a function.
pub fn function_config(function: &Function, settings: &FunctionSettings) -> FunctionConfig {
    let variables = settings
        .environment
        .iter()
        .map(|(name, setting)| (name.clone(), setting.value.clone()))
        .collect();
    FunctionConfig {
        memory_mb: settings.deploy.memory.value.megabytes().into(),
        timeout: settings.deploy.timeout.value.duration(),
        variables,
        reserved_concurrency: settings
            .deploy
            .reserved_concurrency
            .as_ref()
            .map(|reserved| reserved.value.invocations().into()),
        ..FunctionConfig::new(&function.name)
    }
}

/// Has the functions reserve what they are configured to, all of them or none.
///
/// # Errors
/// Too little of the account's concurrency would be left for the others.
pub fn reserve<'a>(
    service: &Service,
    functions: impl IntoIterator<Item = (&'a str, Option<u32>)>,
) -> Result<(), Failure> {
    let functions: Vec<_> = functions.into_iter().collect();
    service.reserve(functions.iter().copied()).map_err(|error| {
        let reserved = functions
            .iter()
            .filter_map(|(name, reserved)| reserved.map(|reserved| format!("`{name}` {reserved}")));
        let reserved: Vec<String> = reserved.collect();
        let account = service.config().account_concurrency;
        Failure::usage(error.message()).hint(format!(
            "`reserved_concurrency` of {} is too much together for an account of {account}: lower \
             it, or raise `--account-concurrency`",
            reserved.join(", ")
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
