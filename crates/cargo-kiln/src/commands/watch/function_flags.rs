//! Flags for how functions run, in place of what is configured for each.

use kiln_project::{
    ApplicationLogLevel, Concurrency, DeployOverrides, EphemeralStorage, FunctionLayers, LogFormat,
    MaxConcurrency, Memory, ProvisionedConcurrency, SettingValue as _, SystemLogLevel, Timeout,
};

/// The flags, which hold for every function that is served.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct FunctionFlags {
    /// Memory of every function, in MB.
    #[arg(long, value_name = "MB", visible_alias = "memory-size")]
    memory: Option<Memory>,

    /// Timeout of every function (`30`, `30s`, `2m`).
    #[arg(long, value_name = "DURATION")]
    timeout: Option<Timeout>,

    /// Size of `/tmp`, in MB.
    #[arg(long, value_name = "MB")]
    ephemeral_storage: Option<EphemeralStorage>,

    /// Directories of layers, with commas between; together they become `/opt`.
    ///
    /// Executables in their `extensions` run beside the functions as external extensions.
    #[arg(
        long,
        visible_alias = "layer",
        value_name = "DIR",
        value_delimiter = ','
    )]
    layers: Option<Vec<String>>,

    /// Extensions of this workspace to run beside the functions [default: all that are served].
    ///
    /// `--extensions ''` runs none.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    extensions: Option<Vec<String>>,

    /// Format of the functions' logs, `text` or `json`.
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,

    /// Leave out lines of functions below this level; for logs in JSON.
    #[arg(long, value_name = "LEVEL")]
    application_log_level: Option<ApplicationLogLevel>,

    /// Leave out records of Lambda below this level: `debug`, `info`, `warn`; for logs in JSON.
    #[arg(long, value_name = "LEVEL")]
    system_log_level: Option<SystemLogLevel>,

    /// Concurrency that is each function's alone, and all it gets.
    #[arg(long, value_name = "NUMBER")]
    reserved_concurrency: Option<Concurrency>,

    /// Environments of each function that are started ahead and kept.
    #[arg(long, value_name = "NUMBER")]
    provisioned_concurrency: Option<ProvisionedConcurrency>,

    /// Run as on managed instances: this many events at a time in an environment.
    ///
    /// For functions with the feature `concurrency-tokio` of `lambda_runtime`.
    #[arg(long, value_name = "NUMBER")]
    max_concurrency: Option<MaxConcurrency>,

    /// Start environments from the state after a first init.
    #[arg(long)]
    snap_start: bool,

    /// Invocations name a tenant, and no two tenants share an environment.
    #[arg(long)]
    tenant_isolation: bool,
}

impl FunctionFlags {
    /// The flags that were typed.
    pub(super) fn overrides(&self) -> DeployOverrides {
        let given = |flag: bool| flag.then_some(true);
        let names = |names: &Vec<String>| {
            let names = names.iter().filter(|name| !name.is_empty());
            names.cloned().collect()
        };
        DeployOverrides {
            memory: self.memory,
            timeout: self.timeout,
            ephemeral_storage: self.ephemeral_storage,
            layers: self
                .layers
                .as_ref()
                .and_then(|layers| FunctionLayers::from_text(&layers.join(","))),
            extensions: self.extensions.as_ref().map(names),
            log_format: self.log_format,
            application_log_level: self.application_log_level,
            system_log_level: self.system_log_level,
            reserved_concurrency: self.reserved_concurrency,
            provisioned_concurrency: self.provisioned_concurrency,
            max_concurrency: self.max_concurrency,
            snap_start: given(self.snap_start),
            tenant_isolation: given(self.tenant_isolation),
            ..DeployOverrides::default()
        }
    }
}
