//! AWS's runtime interface clients as functions: Python's `awslambdaric` and Node's `aws-lambda-ric`,
//! called by boto3.

use std::path::PathBuf;
use std::time::Duration;

use kiln_service::{FunctionConfig, Mode};
use kiln_testing::fixture;
use serde_json::{Value, json};

use crate::boto3;
use crate::served::{ACCOUNT, Served, bootstrap, variable};

/// A language with its client.
struct Language {
    name: &'static str,
    variables: Vec<(String, String)>,
}

fn python() -> Language {
    Language {
        name: "python",
        variables: vec![variable("PYTHON", boto3::python())],
    }
}

fn node() -> Language {
    let node = std::env::var_os("KILN_TEST_NODE").expect(
        "`KILN_TEST_NODE` names no Node.js with aws-lambda-ric: run the tests by `cargo xtask test`",
    );
    let node = PathBuf::from(node);
    // It lies in a package of its own, beside the client.
    let packages = node.ancestors().nth(3).unwrap();
    Language {
        name: "node",
        variables: vec![
            variable("NODE", &node),
            variable("CLIENT", packages.join("aws-lambda-ric")),
        ],
    }
}

impl Language {
    fn serve(self, timeout: Duration) -> Served {
        self.serve_as(Mode::OnDemand, timeout)
    }

    fn serve_as(self, mode: Mode, timeout: Duration) -> Served {
        let mut variables = self.variables;
        variables.push(variable("CODE", fixture(self.name)));
        let config = FunctionConfig {
            timeout,
            memory_mb: 256,
            mode,
            variables: variables.into_iter().collect(),
            ..FunctionConfig::new("stranger")
        };
        Served::start(config, bootstrap(self.name))
    }
}

fn call(payload: &Value) -> Value {
    json!({"FunctionName": "stranger", "Payload": payload.to_string()})
}

const LONG: Duration = Duration::from_secs(60);

#[track_caller]
fn answers(language: Language) {
    let served = language.serve(LONG);
    let event = json!({"text": "☃ Grüße \u{1f980} \u{0}\"\\", "n": [1.5, null, true]});
    let found = boto3::invoke(
        served.endpoint(),
        &json!([
            call(&event),
            call(&json!({"do": "count"})),
            call(&json!({"do": "count"})),
            call(&json!({"do": "print"})),
            call(&json!({"do": "large", "bytes": 6_000_000})),
            call(&json!({"do": "large", "bytes": 6_300_000})),
            call(&json!({"pad": "x".repeat(5_000_000)})),
            call(&json!({"do": "count"})),
        ]),
    );
    let payload = |number: usize| &found[number]["payload"];
    assert_eq!((payload(0), &found[0]["error"]), (&event, &Value::Null));
    // One process, warm from then on.
    assert_eq!(payload(1)["calls"], 2);
    assert_eq!(payload(2)["calls"], 3);
    assert_eq!(payload(1)["pid"], payload(2)["pid"]);
    assert_eq!(payload(3), &Value::Null);
    assert!(found[3]["log"].as_str().unwrap().contains("printed ☃"));
    assert_eq!(payload(4), &json!(6_000_002));
    assert_eq!(payload(5)["errorType"], "Function.ResponseSizeTooLarge");
    // Python writes a blank that JavaScript does not.
    assert!((5_000_010..=5_000_011).contains(&payload(6).as_u64().unwrap()));
    // Whatever the client makes of a refused answer (Python's ends), the next call works.
    assert!(payload(7)["calls"].is_u64());
}

#[track_caller]
fn context(language: Language) {
    let served = language.serve(LONG);
    let mut with_client = call(&json!({"do": "context"}));
    with_client["ClientContext"] = json!({"custom": {"a": "☃"}, "env": {"locale": "en"}});
    let found = boto3::invoke(
        served.endpoint(),
        &json!([with_client, call(&json!({"do": "context"}))]),
    );
    let (first, second) = (&found[0]["payload"], &found[1]["payload"]);
    let remaining = first["remaining_ms"].as_i64().unwrap();
    assert!((1..=60_000).contains(&remaining), "{remaining}");
    assert_eq!(first["request_id"], found[0]["request_id"]);
    assert_ne!(first["request_id"], second["request_id"]);
    assert_eq!(
        first["arn"],
        format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:stranger")
    );
    for (field, value) in [
        ("name", json!("stranger")),
        ("version", json!("$LATEST")),
        ("memory", json!(256)),
        ("log_group", json!("/aws/lambda/stranger")),
        (
            "client",
            json!({"custom": {"a": "☃"}, "env": {"locale": "en"}}),
        ),
    ] {
        assert_eq!(first[field], value, "{field}");
    }
    assert!(first["log_stream"].as_str().unwrap().contains("[$LATEST]"));
    assert!(first["trace"].as_str().unwrap().starts_with("Root=1-"));
    assert_eq!(second["client"], Value::Null);
}

#[track_caller]
fn errors(language: Language, error_type: &str, trace_of: &str) {
    let served = language.serve(LONG);
    let found = boto3::invoke(
        served.endpoint(),
        &json!([
            call(&json!({"do": "fail"})),
            call(&json!({"do": "unserializable"})),
            call(&json!({"do": "count"})),
        ]),
    );
    let failed = &found[0];
    assert_eq!(failed["error"], "Unhandled");
    assert_eq!(failed["payload"]["errorType"], error_type);
    assert_eq!(failed["payload"]["errorMessage"], "boom ☃");
    // In the client's words: nobody on the way has one for it.
    let name = if failed["payload"]["trace"].is_array() {
        "trace"
    } else {
        "stackTrace"
    };
    assert!(
        failed["payload"][name].to_string().contains(trace_of),
        "{failed}"
    );
    assert_eq!(found[1]["error"], "Unhandled");
    assert!(found[1]["payload"]["errorType"].is_string());
    // A handler that fails has not ended its process.
    assert_eq!(found[2]["payload"]["calls"], 3);
}

#[track_caller]
fn ends(language: Language) {
    let served = language.serve(Duration::from_secs(3));
    let found = boto3::invoke(
        served.endpoint(),
        &json!([
            call(&json!({"do": "count"})),
            call(&json!({"do": "sleep"})),
            call(&json!({"do": "count"})),
            call(&json!({"do": "exit"})),
            call(&json!({"do": "count"})),
        ]),
    );
    let timed_out = &found[1];
    assert_eq!(timed_out["error"], "Unhandled");
    assert_eq!(
        timed_out["payload"],
        json!({
            "errorType": "Sandbox.Timedout",
            "errorMessage": format!(
                "RequestId: {} Error: Task timed out after 3.00 seconds",
                timed_out["request_id"].as_str().unwrap()
            ),
        })
    );
    let exited = &found[3];
    assert_eq!(
        exited["payload"],
        json!({
            "errorType": "Runtime.ExitError",
            "errorMessage": format!(
                "RequestId: {} Error: Runtime exited with error: exit status 3",
                exited["request_id"].as_str().unwrap()
            ),
        })
    );
    let process = |number: usize| {
        (
            &found[number]["payload"]["pid"],
            &found[number]["payload"]["calls"],
        )
    };
    let first = json!(1);
    for number in [2, 4] {
        assert_eq!(process(number).1, &first, "a process of its own");
        assert_ne!(process(number).0, process(number - 2).0);
    }
}

#[test]
fn python_answers() {
    answers(python());
}

#[test]
fn python_sees_its_context() {
    context(python());
}

#[test]
fn errors_of_python_are_passed_on() {
    errors(python(), "Refused", "handler.py");
}

#[test]
fn python_times_out_and_exits() {
    ends(python());
}

#[test]
fn node_answers() {
    answers(node());
}

#[test]
fn node_sees_its_context() {
    context(node());
}

#[test]
fn errors_of_node_are_passed_on() {
    errors(node(), "Refused", "handler.mjs");
}

#[test]
fn node_times_out_and_exits() {
    ends(node());
}

#[test]
fn python_asks_where_it_is() {
    let served = python().serve(LONG);
    let found = boto3::invoke(served.endpoint(), &json!([call(&json!({"do": "zone"}))]));
    let zone = json!([{"AvailabilityZoneID": "use1-az1"}, "max-age=86400"]);
    assert_eq!(found[0]["payload"], json!([zone, 401]));
}

#[test]
fn python_finds_its_credentials_in_variables_or_with_snapstart_at_its_listener() {
    for (mode, by, variable) in [
        (Mode::OnDemand, "env", json!("ASIAKILNLOCALFUNCTION")),
        (Mode::SnapStart, "container-role", Value::Null),
    ] {
        let served = python().serve_as(mode, LONG);
        let event = json!([call(&json!({"do": "credentials"}))]);
        let found = boto3::invoke(served.endpoint(), &event);
        let expected = json!({
            "by": by,
            "key": "ASIAKILNLOCALFUNCTION",
            "secret": "kiln-local-function",
            "token": "kiln-local-function",
            "variable": variable,
        });
        assert_eq!(found[0]["payload"], expected);
    }
}
