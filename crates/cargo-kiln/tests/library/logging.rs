//! What functions log, as it is read on the terminal.

#![expect(clippy::unwrap_used, reason = "a panic in a test is its report")]

use kiln_testing::{Answer, Watch, eventually, fixture};
use serde_json::{Value, json};

use super::json_lines;

const KILN: &str = env!("CARGO_BIN_EXE_kiln");

fn watch(function: &str, arguments: &[&str]) -> Watch {
    let bin = format!("--bin={function}");
    let arguments: Vec<&str> = [bin.as_str()]
        .into_iter()
        .chain(arguments.iter().copied())
        .collect();
    Watch::start(KILN, fixture("library"), &arguments).ready()
}

fn request_id(answer: &Answer) -> String {
    answer.header("x-amzn-requestid").unwrap().to_owned()
}

/// What the function has logged as JSON for this invocation.
fn lines(watch: &Watch, answer: &Answer) -> Vec<Value> {
    let id = request_id(answer);
    // What is said of an invocation comes after all its lines.
    watch.wait_for(&format!("▸ {id} "));
    json_lines(watch)
        .into_iter()
        .filter(|line| line["function_request_id"] == *id)
        .collect()
}

fn messages(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .filter_map(|line| line["message"].as_str())
        .collect()
}

#[test]
fn a_function_that_sets_up_nothing_logs_json_with_its_request_id() {
    let watch = watch("logging", &[]);
    let client = watch.client();
    let levels = lines(&watch, &client.invoke("logging", r#"{"do": "levels"}"#));
    assert_eq!(messages(&levels), ["at info", "at warn", "at error"]);
    for (line, level) in levels.iter().zip(["INFO", "WARN", "ERROR"]) {
        assert_eq!(line["level"], level);
        assert_eq!(line["service"], "service_undefined");
        assert_eq!(line["cold_start"], true);
        assert_eq!(line["function_name"], "logging");
        let timestamp = line["timestamp"].as_str().unwrap();
        assert!(
            timestamp.len() == 24 && timestamp.ends_with('Z'),
            "{timestamp}"
        );
        assert!(
            line["xray_trace_id"].as_str().unwrap().starts_with("1-"),
            "{line}"
        );
    }

    let spawned = lines(&watch, &client.invoke("logging", r#"{"do": "spawn"}"#));
    assert_eq!(messages(&spawned), ["in a task", "in a thread"]);
    assert_eq!(spawned[0]["cold_start"], false);

    let many = lines(&watch, &client.invoke("logging", r#"{"do": "many"}"#));
    assert_eq!(many.len(), 400);

    let control = lines(&watch, &client.invoke("logging", r#"{"do": "control"}"#));
    assert_eq!(messages(&control), ["two\nlines, and \u{1b}[31mred"]);
    assert!(!watch.printed().contains('\u{1b}'));

    let secret = lines(&watch, &client.invoke("logging", r#"{"do": "secret"}"#));
    assert_eq!(secret[0]["id"], 7);
    assert_eq!(
        secret[1]["payload"],
        json!({"card": {"token": "[redacted]"}})
    );
    assert!(!watch.printed().contains("hunter2"));
}

#[test]
fn a_failure_is_one_line_and_so_is_a_panic() {
    let watch = watch("logging", &[]);
    let client = watch.client();
    let failed = lines(&watch, &client.invoke("logging", r#"{"do": "fail"}"#));
    assert_eq!(
        messages(&failed),
        ["before the failure", "the invocation failed"]
    );
    assert_eq!(failed[1]["level"], "ERROR");
    assert_eq!(failed[1]["error_message"], "no such order");

    let panicked = lines(&watch, &client.invoke("logging", r#"{"do": "panic"}"#));
    assert_eq!(messages(&panicked), ["the invocation failed"]);
    let told = panicked[0]["error_message"].as_str().unwrap();
    assert!(told.ends_with("as the event asks for it"), "{told}");
    // Nor has anybody said it without the request id.
    let all = json_lines(&watch);
    let errors = all.iter().filter(|line| line["level"] == "ERROR");
    assert_eq!(errors.count(), 2, "{all:?}");
}

#[test]
fn lambda_filters_by_level() {
    let watch = watch(
        "logging",
        &["--log-format=json", "--application-log-level=warn"],
    );
    let answer = watch.client().invoke("logging", r#"{"do": "levels"}"#);
    let id = request_id(&answer);
    let found = eventually("the last line", || {
        let lines = json_lines(&watch).into_iter();
        let lines: Vec<Value> = lines
            .filter(|line| line["function_request_id"] == *id)
            .collect();
        messages(&lines).contains(&"at error").then_some(lines)
    });
    assert_eq!(messages(&found), ["at warn", "at error"]);
}

#[test]
fn at_debug_the_log_has_what_the_function_says_and_nothing_of_what_carries_it() {
    let watch = watch("logging", &["--env-var=POWERTOOLS_LOG_LEVEL=trace"]);
    let client = watch.client();
    for _ in 0..3 {
        let found = lines(&watch, &client.invoke("logging", r#"{"do": "levels"}"#));
        assert_eq!(
            messages(&found),
            ["at debug", "at info", "at warn", "at error"]
        );
    }
    // Nor outside of invocations.
    let all = json_lines(&watch);
    assert_eq!(all.len(), 12, "{all:?}");

    // By name, it is there.
    let watch = self::watch("logging", &["--env-var=RUST_LOG=hyper_util=debug"]);
    watch.client().invoke("logging", "{}");
    watch.wait_for("\"location\":\"hyper_util::client::");
}

#[test]
fn details_are_written_when_something_fails() {
    let watch = watch("logs_buffered", &[]);
    let client = watch.client();
    for (event, expected) in [
        (r#"{"id": "e-1"}"#, &["handled"][..]),
        (
            r#"{"id": "e-2", "do": "error"}"#,
            &["handled", "a detail", "logged"],
        ),
        (
            r#"{"id": "e-3", "do": "fail"}"#,
            &["handled", "a detail", "the invocation failed"],
        ),
        (
            r#"{"id": "e-4", "do": "panic"}"#,
            &["handled", "a detail", "the invocation failed"],
        ),
    ] {
        let lines = lines(&watch, &client.invoke("logs_buffered", event));
        let (first, rest) = lines.split_first().unwrap();
        let event: Value = serde_json::from_str(event).unwrap();
        assert_eq!(first["event"], event);
        assert_eq!(messages(rest), expected);
        for line in &lines {
            assert_eq!(line["correlation_id"], event["id"]);
            assert_eq!(line["service"], "orders");
        }
    }
}
