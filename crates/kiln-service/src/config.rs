//! What a function is, and what the service tells every function.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use kiln_protocol::json_log::JsonLog;
use kiln_sandbox::{FileSystemSettings, ResourceSettings, StreamLimits};

use crate::account::ConcurrencyShare;

/// What is the same for every function of the service.
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    /// Region in ARNs and in `AWS_REGION`.
    pub region: String,
    /// Account in ARNs when the caller's access key names none.
    pub account: String,
    /// The account's concurrency: how many invocations may be in flight at a time, over all functions.
    pub account_concurrency: u32,
    /// Most execution environments at a time, over all functions, idle ones included. It protects the
    /// machine: idle environments of other functions end to make room, and where there are none,
    /// invocations wait.
    pub max_environments: usize,
    /// How long an environment stays that has nothing to do; `None` keeps it. Provisioned ones stay.
    pub idle_timeout: Option<Duration>,
    /// Limit of the init phase on demand. Provisioned environments, SnapStart and managed instances have
    /// theirs, which AWS
    /// [gives](https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html) them.
    pub init_limit: Duration,
    /// Size and bandwidth of a streamed response.
    pub stream_limits: StreamLimits,
    /// Which limits of the machine's resources are wanted.
    pub resources: ResourceSettings,
    /// Which file system functions see.
    pub files: FileSystemSettings,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self {
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            // The default quota of an account, and a process for each of them.
            account_concurrency: 1_000,
            max_environments: 1_000,
            // AWS does not say how long; it has been seen to take 5 to 15 minutes.
            idle_timeout: Some(Duration::from_secs(10 * 60)),
            init_limit: Duration::from_secs(10),
            stream_limits: StreamLimits::default(),
            // A function with little memory is slow on AWS; here, somebody has to ask for that.
            resources: ResourceSettings::off(),
            files: FileSystemSettings::off(),
        }
    }
}

/// A function as it is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionConfig {
    /// Its name.
    pub name: String,
    /// Memory, MB.
    pub memory_mb: u32,
    /// Timeout of an invocation.
    pub timeout: Duration,
    /// The user's environment variables.
    pub variables: BTreeMap<String, String>,
    /// How much of the account's concurrency is this function's alone, and all it gets; 0 refuses
    /// every invocation. Without it, the function shares what nobody has reserved.
    pub reserved_concurrency: Option<u32>,
    /// Directories that make up `/opt`, in order: of two files of a name, that of the later one is seen.
    /// The executables in `extensions` of each are the function's external extensions.
    pub layers: Vec<PathBuf>,
    /// Size of `/tmp`, MB.
    pub ephemeral_storage_mb: u32,
    /// Writes its log in JSON, filtered by level; in text without.
    pub json_log: Option<JsonLog>,
    /// What becomes of its environments.
    pub mode: Mode,
    /// Every invocation names a tenant, and no two tenants share an environment.
    pub tenant_isolation: bool,
}

impl FunctionConfig {
    /// A function as AWS configures one of which only the name is known.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            memory_mb: 128,
            timeout: Duration::from_secs(3),
            variables: BTreeMap::new(),
            reserved_concurrency: None,
            layers: Vec::new(),
            ephemeral_storage_mb: 512,
            json_log: None,
            mode: Mode::OnDemand,
            tenant_isolation: false,
        }
    }

    /// What it has of the account's concurrency for itself.
    pub fn concurrency_share(&self) -> ConcurrencyShare {
        ConcurrencyShare {
            reserved: self.reserved_concurrency,
            provisioned: match self.mode {
                Mode::Provisioned { environments } => environments,
                Mode::OnDemand | Mode::SnapStart | Mode::Managed { .. } => 0,
            },
        }
    }
}

/// How a function's environments come to be, and what they take at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Started for an invocation that finds none idle; one event at a time.
    #[default]
    OnDemand,
    /// As on demand, and this many are started ahead, kept, and replaced when they end. They are taken
    /// from what the function reserves, or else from the account. On AWS a version or an alias has
    /// them, never `$LATEST`, which is all there is here.
    Provisioned {
        /// How many.
        environments: u32,
    },
    /// Restored from the state after init.
    SnapStart,
    /// A managed instance: an environment takes several events at a time and is never frozen.
    Managed {
        /// How many, 1 to 1,600.
        max_concurrency: u32,
    },
}

/// How a function's provisioned environments stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProvisionedState {
    /// How many it is to have.
    pub requested: usize,
    /// How many have come up, busy ones included.
    pub available: usize,
    /// No more are tried: their init fails, which is `FUNCTION_ERROR_INIT_FAILURE`.
    pub failed: bool,
}

/// Where a function's code is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// An executable of this machine.
    Executable {
        /// The bootstrap, which functions see as `/var/task/bootstrap` where they have a file system of
        /// their own.
        path: PathBuf,
        /// Where it runs: what is `/var/task` then.
        working_directory: PathBuf,
    },
    /// A process that somebody else starts, in a debugger say, and that calls in.
    External,
}
