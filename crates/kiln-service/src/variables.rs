//! What the processes of an execution environment are told about themselves: their variables, the log
//! stream, the runtime version.
//!
//! Source: [Defined runtime environment variables](https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime).
//! Nothing of the shell that started Kiln is among them, as on AWS.

use std::collections::BTreeMap;
use std::path::Path;

use kiln_protocol::environment_variables::is_for_extensions;
use kiln_protocol::function::LATEST;
use kiln_protocol::log_stream::{log_group_name, log_stream_name};
use kiln_protocol::metadata_api;
use kiln_protocol::runtime_version::RuntimeVersion;
use kiln_protocol::telemetry_record::InitializationType;

use crate::config::{FunctionConfig, Mode, ServiceConfig};

/// Credentials that stand for those of a function's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// `AWS_ACCESS_KEY_ID`
    pub access_key_id: &'static str,
    /// `AWS_SECRET_ACCESS_KEY`
    pub secret_access_key: &'static str,
    /// `AWS_SESSION_TOKEN`
    pub session_token: &'static str,
}

impl Credentials {
    /// Credentials of nobody: SDK clients can be built, and AWS refuses them.
    pub const NOBODYS: Self = Self {
        access_key_id: "ASIAKILNLOCALFUNCTION",
        secret_access_key: "kiln-local-function",
        session_token: "kiln-local-function",
    };

    fn variables(&self) -> [(&'static str, &'static str); 3] {
        [
            ("AWS_ACCESS_KEY_ID", self.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", self.secret_access_key),
            ("AWS_SESSION_TOKEN", self.session_token),
        ]
    }
}

/// The handler, which a runtime of one's own ignores.
pub(crate) const HANDLER: &str = "bootstrap";

/// What shows that the user brings credentials.
const OWN_CREDENTIALS: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

/// Whether the user's variables bring credentials, of whatever kind. They replace all of nobody's, keys
/// and endpoint: a key without a session token must not meet ours, and an SDK asks for keys before it
/// looks at a profile.
pub fn brings_credentials(function: &FunctionConfig) -> bool {
    OWN_CREDENTIALS
        .into_iter()
        .any(|name| function.variables.contains_key(name))
}

/// The runtime process's variables: those the service sets, then the user's, which win where both name
/// one.
///
/// Those that differ from listener to listener are not among them: `AWS_LAMBDA_RUNTIME_API`,
/// `AWS_LAMBDA_METADATA_API` with its token, and with SnapStart the address and the token of the
/// credentials, which stand in the place of keys because a snapshot would keep those for ever.
///
/// `AWS_EXECUTION_ENV` is absent: Lambda sets it for managed runtimes and images, not for `provided`.
pub fn runtime_variables(
    service: &ServiceConfig,
    function: &FunctionConfig,
    task_root: &Path,
    log_stream: &str,
) -> BTreeMap<String, String> {
    let task_root = task_root.to_string_lossy();
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    let mut set = |name: &str, value: &str| {
        variables.insert(name.to_owned(), value.to_owned());
    };
    set("_HANDLER", HANDLER);
    set("AWS_REGION", &service.region);
    set("AWS_DEFAULT_REGION", &service.region);
    set("AWS_LAMBDA_FUNCTION_NAME", &function.name);
    set("AWS_LAMBDA_FUNCTION_VERSION", LATEST);
    set(
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        &function.memory_mb.to_string(),
    );
    set(
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        function.mode.initialization_type().name(),
    );
    set("AWS_LAMBDA_LOG_GROUP_NAME", &log_group_name(&function.name));
    set("AWS_LAMBDA_LOG_STREAM_NAME", log_stream);
    set("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR");
    set("AWS_XRAY_DAEMON_ADDRESS", "169.254.100.1:2000");
    set("_AWS_XRAY_DAEMON_ADDRESS", "169.254.100.1");
    set("_AWS_XRAY_DAEMON_PORT", "2000");
    set("LAMBDA_TASK_ROOT", &task_root);
    set("LAMBDA_RUNTIME_DIR", "/var/runtime");
    set("LANG", "en_US.UTF-8");
    set("TZ", ":UTC");
    set(
        "PATH",
        "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    );
    set(
        "LD_LIBRARY_PATH",
        "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    );
    set("PWD", &task_root);
    set("SHLVL", "0");
    if let Some(json) = function.json_log {
        set("AWS_LAMBDA_LOG_FORMAT", "JSON");
        set("AWS_LAMBDA_LOG_LEVEL", json.application.name());
    }
    if let Mode::Managed { max_concurrency } = function.mode {
        set("AWS_LAMBDA_MAX_CONCURRENCY", &max_concurrency.to_string());
    }
    if function.mode != Mode::SnapStart && !brings_credentials(function) {
        for (name, value) in Credentials::NOBODYS.variables() {
            set(name, value);
        }
    }
    variables.extend(function.variables.clone());
    variables
}

/// The variables of an extension's process, from those of the runtime's: the function's own and its
/// credentials, and nothing about the runtime.
pub fn extension_variables(runtime: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    runtime
        .iter()
        .filter(|(name, _)| is_for_extensions(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The credentials that a function asks for over HTTP, because variables would be in its snapshot: with
/// SnapStart, unless it brings its own.
pub(crate) fn snapshot_credentials(function: &FunctionConfig) -> Option<metadata_api::Credentials> {
    if function.mode != Mode::SnapStart || brings_credentials(function) {
        return None;
    }
    let Credentials {
        access_key_id,
        secret_access_key,
        session_token,
    } = Credentials::NOBODYS;
    // Nobody's do not run out; what asks anew every six hours asks no oftener than on AWS.
    let expiration = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(6);
    Some(metadata_api::Credentials {
        access_key_id: access_key_id.to_owned(),
        secret_access_key: secret_access_key.to_owned(),
        token: session_token.to_owned(),
        expiration: expiration.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    })
}

/// The log stream of an environment that begins now.
pub(crate) fn new_log_stream(version: &str) -> String {
    let date = jiff::Timestamp::now().strftime("%Y/%m/%d").to_string();
    log_stream_name(&date, version, uuid::Uuid::new_v4().as_u128())
}

/// The runtime version of the service's environments.
pub fn runtime_version(service: &ServiceConfig) -> RuntimeVersion {
    RuntimeVersion::local(&service.region, env!("CARGO_PKG_VERSION"))
}

impl Mode {
    /// How its environments begin.
    pub fn initialization_type(self) -> InitializationType {
        match self {
            Self::OnDemand => InitializationType::OnDemand,
            Self::Provisioned { .. } => InitializationType::ProvisionedConcurrency,
            Self::SnapStart => InitializationType::SnapStart,
            Self::Managed { .. } => InitializationType::LambdaManagedInstances,
        }
    }
}

#[cfg(test)]
mod tests {
    use kiln_protocol::json_log::{JsonLog, Level};

    use super::*;

    const STREAM: &str = "2026/11/22/[$LATEST]0123456789abcdef0123456789abcdef";

    /// The variables of a function on demand that logs in text, in the order of AWS's page.
    const ON_DEMAND: [(&str, &str); 24] = [
        ("_HANDLER", "bootstrap"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "ASIAKILNLOCALFUNCTION"),
        ("AWS_SECRET_ACCESS_KEY", "kiln-local-function"),
        ("AWS_SESSION_TOKEN", "kiln-local-function"),
        ("AWS_LAMBDA_FUNCTION_NAME", "orders"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/orders"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", STREAM),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        ("AWS_XRAY_DAEMON_ADDRESS", "169.254.100.1:2000"),
        ("_AWS_XRAY_DAEMON_ADDRESS", "169.254.100.1"),
        ("_AWS_XRAY_DAEMON_PORT", "2000"),
        ("LAMBDA_TASK_ROOT", "/var/task"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
        (
            "PATH",
            "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        ),
        (
            "LD_LIBRARY_PATH",
            "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
        ),
        ("PWD", "/var/task"),
        ("SHLVL", "0"),
    ];

    fn orders() -> FunctionConfig {
        FunctionConfig {
            memory_mb: 256,
            ..FunctionConfig::new("orders")
        }
    }

    fn variables(function: &FunctionConfig) -> BTreeMap<String, String> {
        let service = ServiceConfig {
            region: "eu-central-1".to_owned(),
            ..ServiceConfig::default()
        };
        runtime_variables(&service, function, Path::new("/var/task"), STREAM)
    }

    fn own(variables: &[(&str, &str)]) -> FunctionConfig {
        let own = variables
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        FunctionConfig {
            variables: own.collect(),
            ..orders()
        }
    }

    #[test]
    fn every_mode_has_lambdas_variables_and_no_others() {
        let json = JsonLog {
            application: Level::Debug,
            ..JsonLog::default()
        };
        let logs = ("AWS_LAMBDA_LOG_FORMAT", "JSON");
        let begins = |how| ("AWS_LAMBDA_INITIALIZATION_TYPE", how);
        let keys: &[&str] = &[
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
        ];
        type Case<'a> = (
            Mode,
            Option<JsonLog>,
            &'a [(&'a str, &'a str)],
            &'a [&'a str],
        );
        let cases: [Case<'_>; 5] = [
            (Mode::OnDemand, None, &[], &[]),
            (
                Mode::OnDemand,
                Some(json),
                &[logs, ("AWS_LAMBDA_LOG_LEVEL", "DEBUG")],
                &[],
            ),
            (
                Mode::Provisioned { environments: 2 },
                None,
                &[begins("provisioned-concurrency")],
                &[],
            ),
            (Mode::SnapStart, None, &[begins("snap-start")], keys),
            (
                Mode::Managed { max_concurrency: 8 },
                Some(JsonLog::default()),
                &[
                    begins("lambda-managed-instances"),
                    ("AWS_LAMBDA_MAX_CONCURRENCY", "8"),
                    logs,
                    ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
                ],
                &[],
            ),
        ];
        for (mode, json_log, other, absent) in cases {
            let found = variables(&FunctionConfig {
                mode,
                json_log,
                ..orders()
            });
            let mut expected: BTreeMap<&str, &str> = ON_DEMAND.into();
            expected.extend(other.iter().copied());
            expected.retain(|name, _| !absent.contains(name));
            let found: BTreeMap<&str, &str> = found
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            assert_eq!(found, expected, "{mode:?}");
        }
    }

    #[test]
    fn extensions_have_the_functions_variables_and_none_of_the_runtimes() {
        let runtime = variables(&own(&[("TABLE", "orders"), ("TZ", "Europe/Berlin")]));
        let extension = extension_variables(&runtime);
        let found: Vec<&str> = extension.keys().map(String::as_str).collect();
        assert_eq!(
            found,
            [
                "AWS_ACCESS_KEY_ID",
                "AWS_DEFAULT_REGION",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                "AWS_LAMBDA_FUNCTION_NAME",
                "AWS_LAMBDA_FUNCTION_VERSION",
                "AWS_LAMBDA_INITIALIZATION_TYPE",
                "AWS_REGION",
                "AWS_SECRET_ACCESS_KEY",
                "AWS_SESSION_TOKEN",
                "LANG",
                "LD_LIBRARY_PATH",
                "PATH",
                "PWD",
                "SHLVL",
                "TABLE",
                "TZ",
            ]
        );
        for (name, value) in &extension {
            assert_eq!(runtime.get(name), Some(value), "{name}");
        }
    }

    #[test]
    fn credentials_are_all_nobodys_or_all_the_users() {
        let names = Credentials::NOBODYS.variables().map(|(name, _)| name);
        let credentials = |function: &FunctionConfig| {
            let variables = variables(function);
            names.map(|name| variables.get(name).cloned())
        };
        assert!(credentials(&orders()).iter().all(Option::is_some));
        for name in OWN_CREDENTIALS.into_iter().skip(1) {
            assert_eq!(credentials(&own(&[(name, "x")])), [None, None, None]);
        }
        let key = own(&[
            ("AWS_ACCESS_KEY_ID", "AKIA"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ]);
        let expected = [Some("AKIA".to_owned()), Some("secret".to_owned()), None];
        assert_eq!(credentials(&key), expected);
        // In a snapshot too: the user has put them there.
        let snap_start = FunctionConfig {
            mode: Mode::SnapStart,
            ..key
        };
        assert_eq!(credentials(&snap_start), expected);
    }

    #[test]
    fn the_users_variables_win_and_what_the_rust_runtime_needs_is_there() {
        let variables = variables(&own(&[
            ("TZ", "Europe/Berlin"),
            ("AWS_REGION", "eu-west-1"),
        ]));
        let get = |name: &str| variables.get(name).map(String::as_str);
        assert_eq!(get("TZ"), Some("Europe/Berlin"));
        assert_eq!(get("AWS_REGION"), Some("eu-west-1"));
        assert_eq!(get("AWS_LAMBDA_FUNCTION_NAME"), Some("orders"));
        assert_eq!(get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), Some("256"));
        assert_eq!(get("AWS_LAMBDA_FUNCTION_VERSION"), Some("$LATEST"));
    }

    #[test]
    fn a_log_stream_has_its_day_and_digits_of_its_own() {
        let (one, other) = (new_log_stream(LATEST), new_log_stream(LATEST));
        assert_ne!(one, other);
        let (date, id) = one.split_once("/[$LATEST]").unwrap();
        let date: Vec<usize> = date.split('/').map(str::len).collect();
        assert_eq!(date, [4, 2, 2]);
        assert_eq!(id.len(), 32);
        assert!(id.bytes().all(|digit| digit.is_ascii_hexdigit()));
    }
}
