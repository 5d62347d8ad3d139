//! The environment variables that a function may have of its own.
//!
//! Source: [Defined runtime environment variables](https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime)
//! and what the service answers to a configuration it does not take.

use serde::ser::{SerializeMap, Serializer};

use crate::error::ServiceError;

/// How large the variables may be, as JSON.
pub const MAX_BYTES: usize = 4_096;

/// Names that only the service sets.
///
/// The others it sets can be changed: the log's format and level, X-Ray's address and what to do
/// without context, language, paths and time zone.
pub const RESERVED: [&str; 26] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "AWS_LAMBDA_METADATA_API",
    "AWS_LAMBDA_METADATA_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "PWD",
    "SHLVL",
    "_AWS_XRAY_DAEMON_ADDRESS",
    "_AWS_XRAY_DAEMON_PORT",
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
];

/// Whether only the service sets this variable.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Whether a function may bring this reserved variable when it runs on the user's own machine: that is
/// how it reaches AWS with the user's credentials, in a region of the user's choice.
pub fn is_for_local_runs(name: &str) -> bool {
    matches!(
        name,
        "AWS_ACCESS_KEY_ID"
            | "AWS_SECRET_ACCESS_KEY"
            | "AWS_SESSION_TOKEN"
            | "AWS_CONTAINER_CREDENTIALS_FULL_URI"
            | "AWS_CONTAINER_AUTHORIZATION_TOKEN"
            | "AWS_REGION"
            | "AWS_DEFAULT_REGION"
    )
}

/// Whether an extension's process gets this variable of the runtime's.
///
/// Extensions have the function's own variables and its credentials, and not what is about the
/// runtime.
pub fn is_for_extensions(name: &str) -> bool {
    !(name.starts_with('_')
        || name.starts_with("AWS_XRAY_")
        || matches!(
            name,
            "AWS_EXECUTION_ENV"
                | "AWS_LAMBDA_LOG_GROUP_NAME"
                | "AWS_LAMBDA_LOG_STREAM_NAME"
                | "LAMBDA_RUNTIME_DIR"
                | "LAMBDA_TASK_ROOT"
        ))
}

/// Checks the variables of a configuration: their names, who else sets them, their size.
///
/// # Errors
/// The service's refusal.
pub fn check<'a, I>(variables: I) -> Result<(), ServiceError>
where
    I: Iterator<Item = (&'a str, &'a str)> + Clone,
{
    let names = variables.clone().map(|(name, _)| name);
    let reserved: Vec<_> = names.clone().filter(|name| is_reserved(name)).collect();
    if !reserved.is_empty() {
        return Err(ServiceError::InvalidParameterValue(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    if !names.clone().all(is_name) {
        return Err(ServiceError::SensitiveValidation {
            field: "environment.variables",
            constraint: "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
        });
    }
    let json = json(variables);
    if json.len() > MAX_BYTES {
        return Err(ServiceError::InvalidParameterValue(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: {json}"
        )));
    }
    Ok(())
}

/// `[a-zA-Z]([a-zA-Z0-9_])+`
fn is_name(name: &str) -> bool {
    name.len() > 1
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn json<'a>(variables: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut json = Vec::new();
    let mut serializer = serde_json::Serializer::new(&mut json);
    // Writing strings into memory has nothing to fail at.
    if let Ok(mut map) = serializer.serialize_map(None) {
        for (name, value) in variables {
            let _ = map.serialize_entry(name, value);
        }
        let _ = map.end();
    }
    String::from_utf8(json).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_all(variables: &[(&str, &str)]) -> Result<(), ServiceError> {
        check(variables.iter().copied())
    }

    #[test]
    fn reserved_names_are_refused_together() {
        let error = check_all(&[
            ("TABLE", "x"),
            ("AWS_REGION", "x"),
            ("LANG", "x"),
            ("_HANDLER", "x"),
        ])
        .unwrap_err();
        assert_eq!(error.code(), "InvalidParameterValueException");
        assert_eq!(
            error.message(),
            "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_REGION, _HANDLER"
        );
        for name in RESERVED {
            assert!(check_all(&[(name, "x")]).is_err(), "{name}");
        }
    }

    #[test]
    fn what_may_be_changed_is_taken() {
        for name in [
            "AWS_LAMBDA_LOG_FORMAT",
            "AWS_LAMBDA_LOG_LEVEL",
            "AWS_XRAY_CONTEXT_MISSING",
            "AWS_XRAY_DAEMON_ADDRESS",
            "LANG",
            "LD_LIBRARY_PATH",
            "PATH",
            "TZ",
            "AWS_LAMBDA_EXEC_WRAPPER",
            "RUST_LOG",
            "aB",
        ] {
            assert_eq!(check_all(&[(name, "")]), Ok(()), "{name}");
        }
        assert_eq!(check_all(&[]), Ok(()));
    }

    #[test]
    fn names_follow_the_models_pattern() {
        for name in ["A", "1A", "_A", "A-B", "A B", "É1", "", "A\u{e9}"] {
            let error = check_all(&[(name, "secret")]).unwrap_err();
            assert_eq!(error.code(), "ValidationException", "{name}");
            assert_eq!(
                error.message(),
                "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]"
            );
        }
    }

    #[test]
    fn all_together_fit_in_4_kb() {
        // `{"KEY":"…"}` has ten bytes around the value.
        let fits = "x".repeat(MAX_BYTES - 10);
        assert_eq!(check_all(&[("KEY", &fits)]), Ok(()));
        let error = check_all(&[("KEY", &format!("{fits}x"))]).unwrap_err();
        assert_eq!(error.code(), "InvalidParameterValueException");
        assert_eq!(
            error.message(),
            format!(
                "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: {{\"KEY\":\"{fits}x\"}}"
            )
        );
    }

    #[test]
    fn extensions_get_what_is_not_the_runtimes() {
        for (name, gets) in [
            ("TABLE", true),
            ("AWS_ACCESS_KEY_ID", true),
            ("AWS_LAMBDA_RUNTIME_API", true),
            ("AWS_LAMBDA_FUNCTION_NAME", true),
            ("PATH", true),
            ("AWS_EXECUTION_ENV", false),
            ("AWS_LAMBDA_LOG_GROUP_NAME", false),
            ("AWS_LAMBDA_LOG_STREAM_NAME", false),
            ("AWS_XRAY_DAEMON_ADDRESS", false),
            ("AWS_XRAY_CONTEXT_MISSING", false),
            ("_AWS_XRAY_DAEMON_PORT", false),
            ("LAMBDA_TASK_ROOT", false),
            ("LAMBDA_RUNTIME_DIR", false),
            ("_HANDLER", false),
        ] {
            assert_eq!(is_for_extensions(name), gets, "{name}");
        }
    }

    #[test]
    fn local_runs_may_bring_credentials_and_a_region() {
        let brought: Vec<_> = RESERVED
            .into_iter()
            .filter(|name| is_for_local_runs(name))
            .collect();
        assert_eq!(
            brought,
            [
                "AWS_ACCESS_KEY_ID",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "AWS_DEFAULT_REGION",
                "AWS_REGION",
                "AWS_SECRET_ACCESS_KEY",
                "AWS_SESSION_TOKEN",
            ]
        );
        for name in ["TABLE", "AWS_PROFILE", "_HANDLER"] {
            assert!(!is_for_local_runs(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn the_size_is_that_of_the_json(
            variables in proptest::collection::btree_map("[a-z][a-z0-9_]{1,8}", ".{0,300}", 0..20)
        ) {
            let measured = serde_json::to_string(&variables).unwrap();
            let pairs = variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            prop_assert_eq!(check(pairs).is_ok(), measured.len() <= MAX_BYTES);
        }
    }
}
