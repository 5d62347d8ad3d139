//! The environment variables of a function's process.
//!
//! Source: [Defined runtime environment variables](https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime).
//! Nothing of the shell that started Kiln is among them, as on AWS.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::{FunctionConfig, ServiceConfig};

/// What holds the credentials of a function's role.
const CREDENTIALS: [&str; 3] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];
/// What shows that the user brings credentials.
const OWN_CREDENTIALS: [&str; 3] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

/// The variables the service sets, then the user's, which win where both name one.
///
/// `AWS_LAMBDA_RUNTIME_API` is not among them: it differs from environment to environment.
pub fn runtime_variables(
    service: &ServiceConfig,
    function: &FunctionConfig,
    task_root: &Path,
    log_stream: &str,
) -> BTreeMap<String, String> {
    let name = &function.name;
    let task_root = task_root.to_string_lossy();
    let memory = function.memory_mb.to_string();
    let log_group = format!("/aws/lambda/{name}");
    let fixed: [(&str, &str); 22] = [
        ("_HANDLER", "bootstrap"),
        ("AWS_REGION", &service.region),
        ("AWS_DEFAULT_REGION", &service.region),
        // Credentials of nobody: SDK clients can be built, and AWS refuses them.
        ("AWS_ACCESS_KEY_ID", "ASIAKILNLOCALFUNCTION"),
        ("AWS_SECRET_ACCESS_KEY", "kiln-local-function"),
        ("AWS_SESSION_TOKEN", "kiln-local-function"),
        ("AWS_LAMBDA_FUNCTION_NAME", name),
        (
            "AWS_LAMBDA_FUNCTION_VERSION",
            kiln_protocol::function::LATEST,
        ),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &log_group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", log_stream),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        ("AWS_XRAY_DAEMON_ADDRESS", "169.254.100.1:2000"),
        ("LAMBDA_TASK_ROOT", &task_root),
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
        ("PWD", &task_root),
        ("SHLVL", "0"),
    ];
    let mut variables: BTreeMap<String, String> = fixed
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    // The user's own credentials, of whatever kind, replace all of nobody's: a key without a session
    // token must not meet ours, and an SDK asks for keys before it looks at a profile.
    let own = |name: &str| function.variables.contains_key(name);
    if OWN_CREDENTIALS.into_iter().any(own) {
        for name in CREDENTIALS {
            variables.remove(name);
        }
    }
    variables.extend(function.variables.clone());
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_all_nobodys_or_all_the_users() {
        let credentials = |own: &[(&str, &str)]| {
            let own = own
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()));
            let function = FunctionConfig {
                variables: own.collect(),
                ..FunctionConfig::new("orders")
            };
            let config = ServiceConfig::default();
            let variables = runtime_variables(&config, &function, Path::new("/code"), "stream");
            CREDENTIALS.map(|name| variables.get(name).cloned())
        };
        assert!(credentials(&[]).iter().all(Option::is_some));
        assert_eq!(credentials(&[("AWS_PROFILE", "dev")]), [None, None, None]);
        let key = [
            ("AWS_ACCESS_KEY_ID", "AKIA"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ];
        let expected = [Some("AKIA".to_owned()), Some("secret".to_owned()), None];
        assert_eq!(credentials(&key), expected);
    }

    #[test]
    fn the_users_variables_win_and_what_the_rust_runtime_needs_is_there() {
        let function = FunctionConfig {
            memory_mb: 256,
            variables: [("TZ".to_owned(), "Europe/Berlin".to_owned())].into(),
            ..FunctionConfig::new("orders")
        };
        let variables = runtime_variables(
            &ServiceConfig::default(),
            &function,
            Path::new("/code"),
            "stream",
        );
        let get = |name: &str| variables.get(name).map(String::as_str);
        assert_eq!(get("TZ"), Some("Europe/Berlin"));
        assert_eq!(get("AWS_LAMBDA_FUNCTION_NAME"), Some("orders"));
        assert_eq!(get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), Some("256"));
        assert_eq!(get("AWS_LAMBDA_FUNCTION_VERSION"), Some("$LATEST"));
        assert_eq!(get("AWS_LAMBDA_LOG_GROUP_NAME"), Some("/aws/lambda/orders"));
        assert_eq!(get("HOME"), None);
    }
}
