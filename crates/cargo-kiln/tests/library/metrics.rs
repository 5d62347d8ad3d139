//! Metrics of functions, as CloudWatch would read them off the log.

#![expect(clippy::unwrap_used, reason = "a panic in a test is its report")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kiln_testing::{Client, Watch, fixture};
use serde_json::{Value, json};

const KILN: &str = env!("CARGO_BIN_EXE_kiln");

/// The lines of metrics that Lambda had when it had the answer.
fn lines(client: &Client, event: &str) -> Vec<Value> {
    let answer = client.invoke_with("metrics", event, &[("x-amz-log-type", "Tail")]);
    let tail = STANDARD
        .decode(answer.header("x-amz-log-result").unwrap())
        .unwrap();
    let tail = String::from_utf8(tail).unwrap();
    let lines = tail.lines().filter(|line| line.contains("\"_aws\""));
    // Nothing before it, nothing behind it.
    lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

#[test]
fn metrics_are_written_before_the_answer_however_the_handler_ends() {
    let watch = Watch::start(KILN, fixture("library"), &["--bin=metrics"]).ready();
    let client = watch.client();

    let first = lines(&client, "{}");
    assert_eq!(first.len(), 2, "{first:?}");
    assert_eq!(first[0]["ColdStart"], 1.0);
    assert_eq!(first[0]["function_name"], "metrics");
    assert_eq!(first[1]["Placed"], 1.0);
    let directive = &first[1]["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Namespace"], "Shop");
    assert_eq!(directive["Dimensions"], json!([["service", "stage"]]));
    assert_eq!(
        directive["Metrics"],
        json!([{"Name": "Placed", "Unit": "Count"}])
    );

    for event in [
        r#"{"do": "fail"}"#,
        r#"{"do": "panic"}"#,
        r#"{"do": "refused"}"#,
    ] {
        let lines = lines(&client, event);
        assert_eq!(lines.len(), 1, "{event}");
        assert_eq!(lines[0]["Placed"], 1.0, "{event}");
    }

    let spawned = lines(&client, r#"{"do": "spawn"}"#);
    assert_eq!(spawned[0]["InTask"], 1.0);

    let refused = client.invoke("metrics", r#"{"do": "refused"}"#).json();
    assert_eq!(
        refused["errorMessage"],
        "`NaN` is no value for the metric `Price`: it is not finite"
    );
}

#[test]
fn a_line_that_is_full_is_written_at_once() {
    let watch = Watch::start(KILN, fixture("library"), &["--bin=metrics"]).ready();
    let client = watch.client();
    client.invoke("metrics", "{}");
    let answer = client.invoke("metrics", r#"{"do": "many"}"#);
    let id = answer.header("x-amzn-requestid").unwrap();
    watch.wait_for(&format!("▸ {id} "));
    let printed = watch.printed();
    let objects = printed
        .lines()
        .filter_map(|line| line.find("{\"_aws\"").map(|at| &line[at..]));
    let lines: Vec<Value> = objects
        .filter_map(|text| serde_json::from_str(text).ok())
        .collect();
    let counts = lines
        .iter()
        .filter_map(|line| line["Items"].as_array().map(Vec::len));
    assert_eq!(counts.collect::<Vec<_>>(), [100, 50]);
}
