//! What the platform writes to the log when something fails, as text and as JSON.

use std::time::Duration;

use kiln_protocol::json_log::{JsonLog, Level};
use kiln_service::{LogSource, ServiceConfig};
use kiln_testing::{Answer, eventually};
use serde_json::{Value, json};

use crate::serving::Serving;

/// The platform's lines without what differs each time.
fn lines(serving: &Serving, until: &str) -> Vec<String> {
    eventually(until, || {
        let reported = !serving.lines(LogSource::Platform, until).is_empty();
        reported.then_some(())
    });
    let lines = serving.lines(LogSource::Platform, "");
    let id = |line: &str| line.split_whitespace().nth(2).map(str::to_owned);
    let start = lines.iter().find(|line| line.starts_with("START "));
    let id = start.and_then(|line| id(line)).unwrap_or_default();
    lines
        .iter()
        .map(|line| {
            let line = line.replace(&id, "ID");
            let mut fields = line.split('\t');
            let first = fields.next().unwrap_or_default();
            let (first, _) = first.split_once(" Duration: ").unwrap_or((first, ""));
            let first = match first.split_once("Z ") {
                Some((_, first)) => first,
                None => first,
            };
            let rest = fields.filter(|field| {
                let told = ["Phase", "Status", "Error Type", "Init Duration"];
                told.iter().any(|name| field.starts_with(name))
            });
            let fields: Vec<&str> = std::iter::once(first).chain(rest).collect();
            fields.join(" | ")
        })
        .collect()
}

#[test]
fn an_init_that_fails_twice_is_told_in_the_order_of_aws() {
    let serving = Serving::start(ServiceConfig::default());
    serving.function_that_ends(|_| {});
    serving.client.invoke("f", "{}");
    let lines = lines(&serving, "REPORT RequestId");
    assert!(lines[0].starts_with("INIT_START Runtime Version: "));
    assert_eq!(
        lines[1..],
        [
            "INIT_REPORT Init | Phase: init | Status: error | Error Type: Runtime.ExitError",
            "INIT_REPORT Init | Phase: invoke | Status: error | Error Type: Runtime.ExitError",
            "START RequestId: ID Version: $LATEST",
            "RequestId: ID Error: Runtime exited with error: exit status 1",
            "Runtime.ExitError",
            "END RequestId: ID",
            "REPORT RequestId: ID | Status: error | Error Type: Runtime.ExitError",
        ]
    );
}

/// The log of a function in JSON that fails in each way, at a system level.
struct Json(Serving);

impl Json {
    fn start(system: Level) -> Self {
        let serving = Serving::start(ServiceConfig::default());
        serving.function(|config| {
            config.timeout = Duration::from_secs(2);
            config.json_log = Some(JsonLog {
                system,
                ..JsonLog::default()
            });
        });
        Self(serving)
    }

    /// Type, status and error type of the records about an invocation of this event.
    fn records(&self, event: &Value) -> (Answer, Vec<Value>) {
        let answer = self.0.client.invoke("f", event.to_string());
        let id = answer.header("x-amzn-requestid").unwrap();
        // After its last line.
        eventually("its end", || {
            let finished = self.0.finished();
            finished.iter().any(|it| it.request_id == id).then_some(())
        });
        let lines = self.0.lines(LogSource::Platform, id);
        let told = lines.iter().map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let record = &line["record"];
            json!([line["type"], record["status"], record["errorType"]])
        });
        (answer, told.collect())
    }
}

#[test]
fn failures_are_records_of_a_log_in_json_and_nothing_else() {
    let start = json!(["platform.start", null, null]);
    let ended = |status: &str, error_type: Value| {
        ["platform.runtimeDone", "platform.report"].map(|kind| json!([kind, status, error_type]))
    };
    for (event, failed, [done, report]) in [
        (json!({}), false, ended("success", Value::Null)),
        (
            json!({"do": "fail"}),
            true,
            ended("error", json!("Runtime.Unknown")),
        ),
        (
            json!({"do": "exit", "code": 3}),
            true,
            ended("error", json!("Runtime.ExitError")),
        ),
        (
            json!({"do": "sleep", "ms": 600_000}),
            true,
            ended("timeout", Value::Null),
        ),
    ] {
        for system in [Level::Debug, Level::Info, Level::Warn] {
            let json = Json::start(system);
            let (answer, records) = json.records(&event);
            let error = answer.header("x-amz-function-error");
            assert_eq!(error.is_some(), failed, "{}", answer.text());
            let expected: Vec<&Value> = match (failed, system) {
                (_, Level::Debug) | (true, Level::Info) => vec![&start, &done, &report],
                (false, Level::Info) => vec![&start, &report],
                (true, _) => vec![&done, &report],
                (false, _) => vec![],
            };
            assert_eq!(
                records.iter().collect::<Vec<_>>(),
                expected,
                "{event} {system:?}"
            );
        }
    }
}
