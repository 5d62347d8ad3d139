//! A function's code and configuration, and what its environments have of them.

use std::time::Duration;

use kiln_protocol::error::ServiceError;
use kiln_protocol::function::LATEST;
use kiln_protocol::invoke;
use kiln_sandbox::filesystem::{Layout, ReleaseFiles};
use kiln_sandbox::{EnvironmentConfig, Identity, InitializationType, Launch};

use crate::config::{Code, FunctionConfig, Mode, ServiceConfig};
use crate::service::Shared;
use crate::variables::{
    HANDLER, extension_variables, new_log_stream, runtime_variables, runtime_version,
    snapshot_credentials,
};

/// Code and configuration, as one thing that is replaced as a whole.
#[derive(Debug)]
pub(super) struct Release {
    pub(super) config: FunctionConfig,
    pub(super) code: Code,
    /// Its files, where it is started here.
    files: Option<ReleaseFiles>,
}

/// How long the init of an environment may take that is started ahead, as on AWS those of provisioned
/// concurrency, SnapStart and managed instances are: as long as an invocation, and not less or more than
/// this.
///
/// Source: [Lambda execution environment lifecycle](https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html),
/// "Init phase".
const INIT_AHEAD: [Duration; 2] = [Duration::from_secs(130), Duration::from_secs(15 * 60)];

fn init_limit_ahead(timeout: Duration) -> Duration {
    let [least, most] = INIT_AHEAD;
    timeout.clamp(least, most)
}

/// Tells a function why its environment was started.
const INITIALIZATION_TYPE: &str = "AWS_LAMBDA_INITIALIZATION_TYPE";

impl Release {
    pub(super) fn new(shared: &Shared, config: FunctionConfig, code: Code) -> Self {
        let files = match &code {
            Code::External => None,
            Code::Executable {
                path,
                working_directory,
            } => Some(shared.files.release(Layout {
                task_root: working_directory.clone(),
                bootstrap: path.clone(),
                layers: config.layers.clone(),
                tmp_mb: config.ephemeral_storage_mb,
            })),
        };
        Self {
            config,
            code,
            files,
        }
    }

    /// Whether it takes an invocation of this tenant, or of none.
    pub(super) fn check_tenant(&self, tenant: Option<&str>) -> Result<(), ServiceError> {
        invoke::tenant_id(tenant, self.config.tenant_isolation).map(drop)
    }

    /// What an environment of it is; `provisioned` for one that is started ahead.
    pub(super) fn environment(&self, shared: &Shared, provisioned: bool) -> EnvironmentConfig {
        let FunctionConfig {
            memory_mb, timeout, ..
        } = self.config;
        let initialization = match self.config.mode {
            _ if provisioned => InitializationType::ProvisionedConcurrency,
            // What is beyond the provisioned environments of a function is on demand.
            Mode::Provisioned { .. } => InitializationType::OnDemand,
            mode => mode.initialization_type(),
        };
        let init_limit = match initialization {
            InitializationType::OnDemand => shared.config.init_limit,
            // Nobody waits for their init on AWS.
            _ => init_limit_ahead(timeout),
        };
        let log_stream = new_log_stream(LATEST);
        let launch = self.files.as_ref().map(|files| {
            let mut variables =
                runtime_variables(&shared.config, &self.config, files.task_root(), &log_stream);
            variables.insert(
                INITIALIZATION_TYPE.to_owned(),
                initialization.name().to_owned(),
            );
            Launch {
                files: files.environment(),
                extension_variables: extension_variables(&variables).into_iter().collect(),
                variables: variables.into_iter().collect(),
                layers: self.config.layers.clone(),
                credentials: snapshot_credentials(&self.config),
            }
        });
        let ServiceConfig {
            region, account, ..
        } = &shared.config;
        let function_name = self.config.name.clone();
        let runtime = runtime_version(&shared.config);
        EnvironmentConfig {
            identity: Identity {
                function_arn: format!("arn:aws:lambda:{region}:{account}:function:{function_name}"),
                function_name,
                function_version: LATEST.to_owned(),
                handler: HANDLER.to_owned(),
                account: account.clone(),
                region: region.clone(),
                log_stream,
                runtime_version: runtime.version,
                runtime_version_arn: runtime.arn,
            },
            json_log: match self.config.mode {
                // They log in no other format.
                Mode::Managed { .. } => Some(self.config.json_log.unwrap_or_default()),
                _ => self.config.json_log,
            },
            max_concurrency: match self.config.mode {
                Mode::Managed { max_concurrency } => Some(max_concurrency),
                _ => None,
            },
            memory_mb,
            timeout,
            initialization,
            init_limit,
            stream_limits: shared.config.stream_limits,
            controls: shared.controls.clone(),
            launch,
        }
    }
}

/// How many environments a function has started ahead.
pub(crate) fn provisioned(config: &FunctionConfig, code: &Code) -> u32 {
    match code {
        Code::Executable { .. } => config.concurrency_share().provisioned,
        // A debugger starts its one process itself.
        Code::External => 0,
    }
}
