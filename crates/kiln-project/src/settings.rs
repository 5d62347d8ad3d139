//! The table of all settings: each key is said once, and its flag, variable, names in the files,
//! type, default and description follow from that line.

use serde::Serialize;

use crate::error::ProjectError;
use crate::layers::Layers;
use crate::setting::Setting;
use crate::value::{
    Addresses, ApplicationLogLevel, BuildTarget, Compiler, Concurrency, EphemeralStorage,
    FunctionLayers, IdleTimeout, LogFormat, MaxConcurrency, Memory, OutputFormat,
    ProvisionedConcurrency, SettingValue, SystemLogLevel, Timeout,
};

/// What there is to know about a setting without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// The section it is in: `deploy`, `watch`, `build`.
    pub section: &'static str,
    /// Its names in files; the first is ours, the others are accepted too.
    pub names: &'static [&'static str],
    /// Names of switches that stand for one of its values, in files and, in capitals after
    /// `KILN_`, as variables.
    pub shorthands: &'static [(&'static str, &'static str)],
    /// The environment variable that sets it.
    pub variable: &'static str,
    /// cargo-lambda's variable for it, read where ours is not set.
    pub cargo_lambda_variable: Option<&'static str>,
    /// The flag that sets it.
    pub flag: &'static str,
    /// What values it takes, completing "expected …".
    pub allowed: &'static str,
    /// What it does.
    pub help: &'static str,
}

/// A key with its effective value in words, for a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Section and name: `deploy.memory`.
    pub key: String,
    /// The value in words; none when nobody set a setting that has no default.
    pub value: Option<String>,
    /// Where it came from, in words.
    pub origin: String,
}

/// What a report shows of a setting, with or without a default.
trait Reported {
    fn entry(&self, key: &Key) -> Entry;
}

impl<T: SettingValue> Reported for Setting<T> {
    fn entry(&self, key: &Key) -> Entry {
        Entry {
            key: format!("{}.{}", key.section, key.names[0]),
            value: Some(self.value.describe()),
            origin: self.origin.to_string(),
        }
    }
}

impl<T: SettingValue> Reported for Option<Setting<T>> {
    fn entry(&self, key: &Key) -> Entry {
        match self {
            Some(setting) => setting.entry(key),
            None => Entry {
                key: format!("{}.{}", key.section, key.names[0]),
                value: None,
                origin: "not set".into(),
            },
        }
    }
}

/// The type a setting is stored as: one without default may be missing.
macro_rules! stored {
    ($type:ty) => { Option<Setting<$type>> };
    ($type:ty, $default:expr) => { Setting<$type> };
}

/// What is stored when the search through the layers is over.
macro_rules! settled {
    ($found:expr) => {
        $found
    };
    ($found:expr, $default:expr) => {
        $found.unwrap_or_else(|| Setting::default_value($default))
    };
}

/// An optional part of a declaration as an `Option`.
macro_rules! optional {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}

/// Declares a section: its settings, the flags that override them, and its keys.
macro_rules! section {
    (
        $(#[doc = $settings_doc:literal])*
        $settings:ident, $overrides:ident = $section:literal {
            $(
                $(#[doc = $doc:literal])*
                $field:ident: $type:ty {
                    names: [$($name:literal),+],
                    $(shorthands: [$($shorthand:tt),+],)?
                    variable: $variable:literal,
                    $(cargo_lambda_variable: $cargo_lambda_variable:literal,)?
                    flag: $flag:literal
                    $(, default: $default:expr)?
                }
            )+
        }
    ) => {
        $(#[doc = $settings_doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[non_exhaustive]
        pub struct $settings {
            $(
                $(#[doc = $doc])*
                pub $field: stored!($type $(, $default)?),
            )+
        }

        #[doc = concat!("Values that flags give to [`", stringify!($settings), "`].")]
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $overrides {
            $(
                $(#[doc = $doc])*
                pub $field: Option<$type>,
            )+
        }

        impl $settings {
            /// The keys of the section, in the order of the fields.
            pub const KEYS: &'static [Key] = &[$(
                Key {
                    section: $section,
                    names: &[$($name),+],
                    shorthands: &[$($($shorthand),+)?],
                    variable: $variable,
                    cargo_lambda_variable: optional!($($cargo_lambda_variable)?),
                    flag: $flag,
                    allowed: <$type as SettingValue>::ALLOWED,
                    help: concat!($($doc, "\n"),*),
                }
            ),+];

            /// Finds each value in the strongest layer that has it.
            pub(crate) fn resolve(
                layers: &Layers<'_>,
                overrides: &$overrides,
            ) -> Result<Self, ProjectError> {
                let mut keys = Self::KEYS.iter();
                // The keys are in the order of the fields.
                $(
                    let $field = match keys.next() {
                        Some(key) => layers.resolve(key, overrides.$field.as_ref())?,
                        None => None,
                    };
                )+
                Ok(Self { $($field: settled!($field $(, $default)?)),+ })
            }

            /// Every setting in words, in the order of the table.
            pub fn entries(&self) -> Vec<Entry> {
                let fields: &[&dyn Reported] = &[$(&self.$field),+];
                Self::KEYS
                    .iter()
                    .zip(fields)
                    .map(|(key, field)| field.entry(key))
                    .collect()
            }
        }
    };
}

section! {
    /// How a function runs, on AWS and therefore here too.
    DeploySettings, DeployOverrides = "deploy" {
        /// Memory in megabytes; the share of a CPU follows from it.
        memory: Memory {
            names: ["memory", "memory_size"],
            variable: "KILN_MEMORY",
            flag: "--memory",
            default: Memory::DEFAULT
        }
        /// How long an invocation may take.
        timeout: Timeout {
            names: ["timeout"],
            variable: "KILN_TIMEOUT",
            flag: "--timeout",
            default: Timeout::DEFAULT
        }
        /// How much of the account's concurrency is the function's alone, and all it gets; 0
        /// refuses every invocation.
        reserved_concurrency: Concurrency {
            names: ["reserved_concurrency"],
            variable: "KILN_RESERVED_CONCURRENCY",
            flag: "--reserved-concurrency"
        }
        /// Environments that are started ahead of invocations and kept.
        provisioned_concurrency: ProvisionedConcurrency {
            names: ["provisioned_concurrency"],
            variable: "KILN_PROVISIONED_CONCURRENCY",
            flag: "--provisioned-concurrency"
        }
        /// Start environments from the state after a first init, with the runtime's hooks before and
        /// after.
        snap_start: bool {
            names: ["snap_start"],
            variable: "KILN_SNAP_START",
            flag: "--snap-start",
            default: false
        }
        /// Run on managed instances: how many events an environment takes at a time.
        max_concurrency: MaxConcurrency {
            names: ["max_concurrency"],
            variable: "KILN_MAX_CONCURRENCY",
            flag: "--max-concurrency"
        }
        /// Every invocation names a tenant, and no two tenants share an environment.
        tenant_isolation: bool {
            names: ["tenant_isolation"],
            variable: "KILN_TENANT_ISOLATION",
            flag: "--tenant-isolation",
            default: false
        }
        /// Size of `/tmp` in megabytes.
        ephemeral_storage: EphemeralStorage {
            names: ["ephemeral_storage"],
            variable: "KILN_EPHEMERAL_STORAGE",
            flag: "--ephemeral-storage",
            default: EphemeralStorage::DEFAULT
        }
        /// Directories of layers, which together become `/opt`; executables in their `extensions`
        /// run beside the function as external extensions.
        layers: FunctionLayers {
            names: ["layers", "layer"],
            variable: "KILN_LAYERS",
            flag: "--layers"
        }
        /// The workspace's own extensions that run beside the function; all that are served with it
        /// when nobody says.
        extensions: Vec<String> {
            names: ["extensions"],
            variable: "KILN_EXTENSIONS",
            flag: "--extensions"
        }
        /// The format of the log; `json` on managed instances, else `text`, when nobody says.
        log_format: LogFormat {
            names: ["log_format"],
            variable: "KILN_LOG_FORMAT",
            flag: "--log-format"
        }
        /// Lines of the function below this level are left out of a JSON log; `info` when nobody says.
        application_log_level: ApplicationLogLevel {
            names: ["application_log_level"],
            variable: "KILN_APPLICATION_LOG_LEVEL",
            flag: "--application-log-level"
        }
        /// Records of Lambda's own below this level are left out of a JSON log; `info` when nobody
        /// says.
        system_log_level: SystemLogLevel {
            names: ["system_log_level"],
            variable: "KILN_SYSTEM_LOG_LEVEL",
            flag: "--system-log-level"
        }
        /// The Lambda runtime to run on.
        runtime: String {
            names: ["runtime"],
            variable: "KILN_RUNTIME",
            flag: "--runtime",
            default: "provided.al2023".to_owned()
        }
        /// Files to add to the archive, as `path` or `path:place`.
        include: Vec<String> {
            names: ["include"],
            variable: "KILN_DEPLOY_INCLUDE",
            flag: "--include"
        }
    }
}

section! {
    /// How the local Lambda is served.
    WatchSettings, WatchOverrides = "watch" {
        /// The port to serve on; 0 picks a free one.
        port: u16 {
            names: ["port", "invoke_port"],
            variable: "KILN_PORT",
            flag: "--port",
            default: 9000
        }
        /// The addresses to serve on.
        address: Addresses {
            names: ["address", "invoke_address"],
            variable: "KILN_ADDRESS",
            flag: "--address",
            default: Addresses::loopback()
        }
        /// Serve what is built and do not reload on changes.
        ignore_changes: bool {
            names: ["ignore_changes", "no_reload"],
            variable: "KILN_IGNORE_CHANGES",
            flag: "--ignore-changes",
            default: false
        }
        /// Serve the Lambda APIs only; functions are started by hand, in a debugger for instance.
        only_lambda_apis: bool {
            names: ["only_lambda_apis"],
            variable: "KILN_ONLY_LAMBDA_APIS",
            flag: "--only-lambda-apis",
            default: false
        }
        /// The concurrency of the account: how many invocations may be in flight at a time, over all
        /// functions.
        account_concurrency: Concurrency {
            names: ["account_concurrency"],
            variable: "KILN_ACCOUNT_CONCURRENCY",
            flag: "--account-concurrency",
            default: Concurrency::ACCOUNT_DEFAULT
        }
        /// How long an environment rests before it ends; 0 or `never` for as long as Kiln runs.
        idle_timeout: IdleTimeout {
            names: ["idle_timeout"],
            variable: "KILN_IDLE_TIMEOUT",
            flag: "--idle-timeout",
            default: IdleTimeout::DEFAULT
        }
        /// Let no process of a function run between invocations.
        freeze: bool {
            names: ["freeze"],
            variable: "KILN_FREEZE",
            flag: "--no-freeze",
            default: true
        }
        /// Hold functions to the CPU and memory they are configured with.
        enforce_limits: bool {
            names: ["enforce_limits"],
            variable: "KILN_ENFORCE_LIMITS",
            flag: "--enforce-limits",
            default: false
        }
        /// Run functions in the file system of this machine, not in that of AWS.
        host_filesystem: bool {
            names: ["host_filesystem"],
            variable: "KILN_HOST_FILESYSTEM",
            flag: "--host-filesystem",
            default: false
        }
        /// Build with optimizations.
        release: bool {
            names: ["release"],
            variable: "KILN_WATCH_RELEASE",
            flag: "--release",
            default: false
        }
    }
}

section! {
    /// How a function is compiled and packaged.
    BuildSettings, BuildOverrides = "build" {
        /// What to build for: `arm64`, `x86_64`, or a Rust target with an optional glibc version:
        /// `aarch64-unknown-linux-gnu.2.34`.
        target: BuildTarget {
            names: ["target"],
            shorthands: [("arm64", "arm64"), ("x86_64", "x86_64")],
            variable: "KILN_TARGET",
            flag: "--target"
        }
        /// What compiles and links; chosen by what is needed when nobody says.
        compiler: Compiler {
            names: ["compiler"],
            variable: "KILN_COMPILER",
            cargo_lambda_variable: "CARGO_LAMBDA_COMPILER",
            flag: "--compiler"
        }
        /// The executable alone, or an archive ready for upload.
        output_format: OutputFormat {
            names: ["output_format"],
            variable: "KILN_OUTPUT_FORMAT",
            flag: "--output-format",
            default: OutputFormat::Binary
        }
        /// Files to add to the archive, as `path` or `path:place`.
        include: Vec<String> {
            names: ["include"],
            variable: "KILN_INCLUDE",
            flag: "--include"
        }
        /// The directory of the results, in place of `target/lambda`.
        lambda_dir: std::path::PathBuf {
            names: ["lambda_dir"],
            variable: "KILN_LAMBDA_DIR",
            flag: "--lambda-dir"
        }
        /// The binary whose result goes into the directory itself, not into one of its own.
        flatten: String {
            names: ["flatten"],
            variable: "KILN_FLATTEN",
            flag: "--flatten"
        }
        /// Cargo features to enable.
        features: Vec<String> {
            names: ["features"],
            variable: "KILN_FEATURES",
            flag: "--features"
        }
        /// Enable all cargo features.
        all_features: bool {
            names: ["all_features"],
            variable: "KILN_ALL_FEATURES",
            flag: "--all-features",
            default: false
        }
        /// Do not enable the `default` cargo feature.
        no_default_features: bool {
            names: ["no_default_features"],
            variable: "KILN_NO_DEFAULT_FEATURES",
            flag: "--no-default-features",
            default: false
        }
        /// Whether it is an extension; found out from its dependencies when nobody says.
        extension: bool {
            names: ["extension"],
            variable: "KILN_EXTENSION",
            flag: "--extension"
        }
        /// Whether an extension is an internal one, which runs inside the function's process.
        internal: bool {
            names: ["internal"],
            variable: "KILN_INTERNAL",
            flag: "--internal",
            default: false
        }
        /// Leave release builds as the project has them.
        disable_optimizations: bool {
            names: ["disable_optimizations"],
            variable: "KILN_DISABLE_OPTIMIZATIONS",
            flag: "--disable-optimizations",
            default: false
        }
        /// Do not check first that the Rust target is installed.
        skip_target_check: bool {
            names: ["skip_target_check"],
            variable: "KILN_SKIP_TARGET_CHECK",
            flag: "--skip-target-check",
            default: false
        }
        /// The cargo profile to build with. Not a setting of its own beside `release`, which stands
        /// for the profile of that name: of the two, the one in the stronger layer holds.
        profile: String {
            names: ["profile"],
            shorthands: [("release", "release")],
            variable: "KILN_PROFILE",
            flag: "--profile"
        }
    }
}

/// Every key of every section.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    [
        DeploySettings::KEYS,
        WatchSettings::KEYS,
        BuildSettings::KEYS,
        crate::variables::KEYS,
    ]
    .into_iter()
    .flatten()
}

/// Values from flags, the strongest layer. A flag that was not typed is `None`: its default is
/// the setting's, so that it cannot beat what is configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Flags of how a function runs.
    pub deploy: DeployOverrides,
    /// Flags of the local service.
    pub watch: WatchOverrides,
    /// Flags of the build.
    pub build: BuildOverrides,
    /// `--env-var` flags as typed, each `NAME=value[,NAME=value…]`; later ones win.
    pub env_var: Vec<String>,
    /// `--env-file`.
    pub env_file: Option<std::path::PathBuf>,
    /// Which side the environment of a function is for.
    pub purpose: Purpose,
}

/// Where a function is to run, which decides between the `env` of `[…watch]` and of `[…deploy]`:
/// a variable meant for production must not reach a function at home.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// On this machine.
    #[default]
    Local,
    /// On AWS.
    Deploy,
}

impl Purpose {
    /// The section that has the last word on variables.
    pub fn section(self) -> &'static str {
        match self {
            Self::Local => "watch",
            Self::Deploy => "deploy",
        }
    }
}
