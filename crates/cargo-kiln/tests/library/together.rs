//! Several invocations at once in one environment: nothing of one is in the log or the metrics of
//! another.

#![expect(clippy::unwrap_used, reason = "a panic in a test is its report")]

use std::thread;

use kiln_testing::{Answer, Watch, fixture};
use serde_json::{Value, json};

use super::json_lines;

const KILN: &str = env!("CARGO_BIN_EXE_kiln");

fn watch(arguments: &[&str]) -> Watch {
    let arguments: Vec<&str> = ["--bin=together"]
        .into_iter()
        .chain(arguments.iter().copied())
        .collect();
    Watch::start(KILN, fixture("library"), &arguments).ready()
}

/// Three invocations that wait for each other, answered.
fn three(watch: &Watch) -> [(&'static str, Answer); 3] {
    let client = watch.client();
    let events = [
        ("succeeds", json!({"name": "succeeds", "value": 1})),
        ("logs", json!({"name": "logs", "value": 2, "do": "error"})),
        ("fails", json!({"name": "fails", "value": 3, "do": "fail"})),
    ];
    let answers = thread::scope(|scope| {
        let client = &client;
        events
            .map(|(name, event)| {
                scope.spawn(move || (name, client.invoke("together", event.to_string())))
            })
            .map(|asked| asked.join().unwrap())
    });
    for (_, answer) in &answers {
        watch.wait_for(&format!("▸ {} ", id(answer)));
    }
    answers
}

fn id(answer: &Answer) -> &str {
    answer.header("x-amzn-requestid").unwrap()
}

#[test]
fn each_invocation_has_its_own_line_of_metrics() {
    let watch = watch(&[
        "--max-concurrency=3",
        "--env-var=POWERTOOLS_METRICS_NAMESPACE=Shop",
        "--env-var=POWERTOOLS_SERVICE_NAME=orders",
    ]);
    for round in 1..=3 {
        let answers = three(&watch);
        let lines = json_lines(&watch);
        let of_metrics: Vec<&Value> = lines
            .iter()
            .filter(|line| line["_aws"].is_object())
            .collect();
        assert_eq!(of_metrics.len(), 3 * round, "{of_metrics:?}");
        for (name, answer) in &answers {
            let own: Vec<&&Value> = of_metrics
                .iter()
                .filter(|line| line["request_id"] == id(answer))
                .collect();
            let [line] = own[..] else {
                panic!("one line of `{name}`: {own:?}")
            };
            let value = ["succeeds", "logs", "fails"]
                .iter()
                .position(|known| known == name)
                .map_or(0.0, |at| [1.0, 2.0, 3.0][at]);
            let expected = json!({
                "service": "orders", "name": name, "request_id": id(answer), "token": "[redacted]",
                "InTask": value, "Value": [value, value, value], format!("Of-{name}"): 1.0,
            });
            let mut members = (**line).clone();
            let directive = members.as_object_mut().unwrap().remove("_aws").unwrap();
            assert_eq!(members, expected);
            let directive = &directive["CloudWatchMetrics"][0];
            assert_eq!(directive["Dimensions"], json!([["service", "name"]]));
            let named = directive["Metrics"].as_array().unwrap().len();
            assert_eq!(named, 3, "{directive}");
        }
    }
}

#[test]
fn each_invocation_has_its_own_lines_and_an_error_writes_its_own_details() {
    let watch = watch(&[
        "--max-concurrency=3",
        // Managed instances log in JSON, and Lambda drops details unless told otherwise.
        "--application-log-level=debug",
        "--env-var=POWERTOOLS_METRICS_NAMESPACE=Shop",
    ]);
    for _ in 0..3 {
        let answers = three(&watch);
        let lines = json_lines(&watch);
        for (name, answer) in &answers {
            let own: Vec<&Value> = lines
                .iter()
                .filter(|line| line["function_request_id"] == id(answer))
                .collect();
            let messages: Vec<&str> = own
                .iter()
                .map(|line| line["message"].as_str().unwrap())
                .collect();
            let at_once = ["came", "in a task", "in a task that was told"];
            let details = ["a detail", "a detail of a task"];
            let expected: Vec<&str> = match *name {
                "succeeds" => at_once.to_vec(),
                "logs" => [&at_once[..], &details, &["logged"]].concat(),
                _ => [&at_once[..], &details, &["the invocation failed"]].concat(),
            };
            assert_eq!(messages, expected, "{name}");
            for line in &own {
                let is_failure = line["message"] == "the invocation failed";
                assert!(is_failure || line["name"] == *name, "{line}");
                if line["message"] == "a detail" {
                    assert_eq!(line["password"], "[redacted]");
                }
                if is_failure {
                    assert_eq!(line["error_message"], "fails failed with token=[redacted]");
                }
            }
        }
        assert!(!watch.printed().contains("hunter2"));
    }
}

/// The warning of it is a line of the invocation whose metric is the first.
#[test]
fn a_variable_that_cloudwatch_would_refuse_is_told_by_each_metric() {
    let watch = watch(&[
        "--env-var=POWERTOOLS_METRICS_NAMESPACE=Shop",
        "--env-var=POWERTOOLS_SERVICE_NAME=größe",
    ]);
    let refused = "the value of the dimension `service` has characters that are not ASCII";
    for _ in 0..2 {
        let answer = watch.client().invoke("together", "{}").json();
        let expected = json!({"errorType": "InvalidMetric", "errorMessage": refused});
        assert_eq!(answer, expected);
    }
    watch.wait_for(&format!(
        "metrics cannot be as the environment says: {refused}"
    ));
}
