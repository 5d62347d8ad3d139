//! What is configured for functions, as they and their callers see it.

#![expect(clippy::unwrap_used, reason = "a panic in a test is its report")]

use std::collections::BTreeSet;

use kiln_testing::{Kiln, Project, Watch, eventually, fixture};
use serde_json::{Map, Value};

const KILN: &str = env!("CARGO_BIN_EXE_kiln");

/// The variables that a function's process has, with those that its listener gives it left out.
fn variables(arguments: &[&str]) -> Map<String, Value> {
    let watch = Watch::start(KILN, fixture("functions"), arguments).ready();
    let answer = watch.client().invoke("behave", r#"{"do": "env"}"#).json();
    let mut variables = answer.as_object().unwrap().clone();
    let address = variables.remove("AWS_LAMBDA_RUNTIME_API").unwrap();
    let (_, port) = address.as_str().unwrap().split_once(':').unwrap();
    assert!(port.parse::<u16>().is_ok(), "{address}");
    let metadata = variables.remove("AWS_LAMBDA_METADATA_API");
    assert_eq!(metadata.as_ref(), Some(&address), "one listener has both");
    let token = variables.remove("AWS_LAMBDA_METADATA_TOKEN").unwrap();
    let groups: Vec<usize> = token.as_str().unwrap().split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12], "{token}");
    // The runtime's own, of the invocation.
    variables.remove("_X_AMZN_TRACE_ID");
    variables
}

#[test]
fn a_function_has_lambdas_variables_and_no_others() {
    let variables = variables(&[
        "--bin=behave",
        "--log-format=json",
        "--application-log-level=debug",
        "--env-var=AWS_REGION=eu-west-1",
    ]);
    let found: BTreeSet<&str> = variables.keys().map(String::as_str).collect();
    assert_eq!(
        found,
        BTreeSet::from([
            "AWS_ACCESS_KEY_ID",
            "AWS_DEFAULT_REGION",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            "AWS_LAMBDA_FUNCTION_NAME",
            "AWS_LAMBDA_FUNCTION_VERSION",
            "AWS_LAMBDA_INITIALIZATION_TYPE",
            "AWS_LAMBDA_LOG_FORMAT",
            "AWS_LAMBDA_LOG_GROUP_NAME",
            "AWS_LAMBDA_LOG_LEVEL",
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "AWS_REGION",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_XRAY_CONTEXT_MISSING",
            "AWS_XRAY_DAEMON_ADDRESS",
            "FROM_PACKAGE",
            "LAMBDA_RUNTIME_DIR",
            "LAMBDA_TASK_ROOT",
            "LANG",
            "LD_LIBRARY_PATH",
            "PATH",
            "PWD",
            "SHLVL",
            "TZ",
            "_AWS_XRAY_DAEMON_ADDRESS",
            "_AWS_XRAY_DAEMON_PORT",
            "_HANDLER",
        ])
    );
    for (name, value) in [
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_LAMBDA_LOG_LEVEL", "DEBUG"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_REGION", "eu-west-1"),
        ("_AWS_XRAY_DAEMON_PORT", "2000"),
    ] {
        assert_eq!(variables[name], value, "{name}");
    }
    let stream = variables["AWS_LAMBDA_LOG_STREAM_NAME"].as_str().unwrap();
    let (date, id) = stream.split_once("/[$LATEST]").unwrap();
    assert_eq!((date.len(), id.len()), ("2026/11/22".len(), 32), "{stream}");
}

#[test]
fn what_lambda_would_not_take_is_refused_at_the_start() {
    let too_large = format!("--env-var=LARGE={}", "x".repeat(4_096));
    for (arguments, message, hint) in [
        (
            &["--snap-start", "--provisioned-concurrency=2"][..],
            "`snap_start = true` (--snap-start) and `provisioned_concurrency = 2` \
             (--provisioned-concurrency) cannot both hold: SnapStart does not support provisioned \
             concurrency",
            "hint: leave one of them out",
        ),
        (
            &["--system-log-level=debug"],
            "log levels are not supported when the log format is text",
            "hint: leave one of them out",
        ),
        (
            &["--layers=no/such/layer"],
            "no/such/layer` (--layers) does not exist",
            "hint: a layer is a directory",
        ),
        (
            &["--env-var=_HANDLER=x"],
            "Reserved keys used in this request: _HANDLER",
            "hint: remove `_HANDLER` (--env-var)",
        ),
        (
            &[&too_large],
            "exceeded the 4KB limit.",
            "hint: keep large values in a file",
        ),
        (
            &["--extensions=audit"],
            "no external extension is named `audit` (--extensions): there is none",
            "hint: select its package too",
        ),
        (
            &["--ephemeral-storage=511"],
            "a whole number of megabytes from 512 to 10240",
            "--ephemeral-storage",
        ),
    ] {
        Kiln::new(KILN)
            .in_dir(fixture("functions"))
            .args(["watch", "--port", "0"])
            .args(arguments)
            .output()
            .expect_code(2)
            .expect_stderr(message)
            .expect_stderr(hint);
    }
}

#[test]
fn the_start_says_what_is_configured_and_which_layers_are_out_of_reach() {
    let arn = "arn:aws:lambda:us-east-1:123456789012:layer:audit:3";
    let layers = format!("--layers=src,{arn}");
    let watch = Watch::start(
        KILN,
        fixture("functions"),
        &[
            "--bin=noop",
            "--tenant-isolation",
            "--ephemeral-storage=1024",
            "--log-format=json",
            &layers,
        ],
    );
    watch
        .wait_for("noop 1769 MB, timeout 20 s, /tmp 1024 MB, tenants apart, logs in JSON, 1 layer");
    watch.wait_for(&format!(
        "warning: the layer `{arn}` lies on AWS and cannot be fetched"
    ));
}

#[test]
fn extensions_of_the_workspace_are_built_with_its_functions() {
    let watch = Watch::start(KILN, fixture("build-workspace"), &["--ignore-changes"]).ready();
    watch.wait_for("place 128 MB, timeout 30 s, with audit");
    watch.wait_for("(audit, cancel, place)");
    let kept = Project::target_directory().join(format!("kiln/watch-{}", watch.port()));
    let layer = eventually("the extension's layer", || {
        let mut generations = std::fs::read_dir(&kept).unwrap().flatten();
        generations.find_map(|generation| {
            let extension = generation.path().join("extensions/audit");
            extension.exists().then_some(extension)
        })
    });
    drop(watch);
    drop(layer);
    let none = ["--ignore-changes", "--extensions", ""];
    let watch = Watch::start(KILN, fixture("build-workspace"), &none).ready();
    watch.wait_for("place 128 MB, timeout 30 s\n");
}
