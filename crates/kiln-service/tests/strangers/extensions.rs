//! Extensions by the crate `lambda-extension`, external and internal, and functions that take part in
//! their environment's life by `lambda_runtime`: all from `fixtures/extensions`, which record what they
//! see.

use std::thread;
use std::time::Duration;

use kiln_service::{LogSource, Mode};
use kiln_testing::{Answer, eventually};
use serde_json::{Value, json};

use crate::served::ACCOUNT;
use crate::stage::{Stage, free_port};

fn arn() -> String {
    format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:staged")
}

#[test]
fn an_external_extension_sees_each_invocation_and_the_end() {
    let running = Stage::new("concurrent").extension("events").start();
    let answers = [(); 2].map(|()| running.invoke_alone(&json!({})));
    running.wait_for("event", 2);
    running.served.close();
    let records = running.records();
    assert_eq!(
        records[0]["registered"],
        json!(["staged", "$LATEST", "bootstrap"])
    );
    assert_eq!(records[0]["handler variable"], Value::Null);
    let events = running.events();
    assert_eq!(events.len(), 3, "{events:#?}");
    for (event, answer) in events.iter().zip(&answers) {
        assert_eq!(event["event"], "INVOKE");
        assert_eq!(
            event["request_id"],
            answer.header("x-amzn-requestid").unwrap()
        );
        assert_eq!(event["arn"], arn());
        assert_eq!(event["tracing"][0], "X-Amzn-Trace-Id");
        assert!(event["tracing"][1].as_str().unwrap().starts_with("Root=1-"));
        assert!(event["deadline_ms"].as_u64().unwrap() > 1_700_000_000_000);
    }
    assert_eq!(events[2]["event"], "SHUTDOWN");
    assert_eq!(events[2]["reason"], "spindown");
    let lines = running.served.log().lines(LogSource::Platform);
    let state = "EXTENSION\tName: events\tState: Ready\tEvents: [INVOKE, SHUTDOWN]";
    let states: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("EXTENSION"))
        .collect();
    assert_eq!(states, [state], "{lines:#?}");
    let written = running.served.log().lines(LogSource::Extension);
    assert!(
        written.iter().any(|line| line == "extension starts"),
        "{written:#?}"
    );
}

#[test]
fn a_timeout_ends_the_extension_too_and_says_why() {
    let running = Stage::new("graceful")
        .extension("events")
        .configure(|config| config.timeout = Duration::from_secs(2))
        .start();
    let answer = running.invoke(&json!({"do": "sleep"}));
    assert_eq!(answer.json()["errorType"], "Sandbox.Timedout");
    let ended = eventually("SHUTDOWN", || {
        running
            .events()
            .into_iter()
            .find(|event| event["event"] == "SHUTDOWN")
    });
    assert_eq!(ended["reason"], "timeout");
    // The next invocation finds both again.
    assert_eq!(running.invoke(&json!({})).status, 200);
    running.wait_for("registered", 2);
}

#[test]
fn a_crash_ends_the_extension_too_and_says_why() {
    let running = Stage::new("graceful").extension("events").start();
    let answer = running.invoke(&json!({"do": "exit"}));
    assert_eq!(answer.json()["errorType"], "Runtime.ExitError");
    let ended = eventually("SHUTDOWN", || {
        running
            .events()
            .into_iter()
            .find(|event| event["event"] == "SHUTDOWN")
    });
    assert_eq!(ended["reason"], "failure");
}

#[test]
fn an_extension_holds_its_environment_and_not_the_caller() {
    let running = Stage::new("concurrent")
        .extension("events")
        .variable("LINGER_MS", 1_500)
        .start();
    let first = running.invoke(&json!({}));
    // While the extension goes on, its environment takes no other invocation.
    let second = running.invoke(&json!({}));
    assert_ne!(first.json()["pid"], second.json()["pid"]);
}

#[test]
fn an_internal_extension_sees_each_invocation() {
    let running = Stage::new("internal").start();
    let ids: Vec<Value> = (0..3)
        .map(|_| running.invoke_alone(&json!({})).json()["request_id"].clone())
        .collect();
    running.wait_for("event", 3);
    let seen: Vec<Value> = running
        .events()
        .iter()
        .map(|event| event["request_id"].clone())
        .collect();
    assert_eq!(seen, ids);
    running.served.close();
    // SHUTDOWN is not for those inside.
    assert_eq!(running.events().len(), 3);
}

#[test]
fn a_function_that_shuts_down_gracefully_has_its_time() {
    let running = Stage::new("graceful").variable("HOOK_MS", 100).start();
    assert_eq!(running.invoke(&json!({})).status, 200);
    running.served.close();
    let shutdown = running.wait_for("shutdown", 2);
    assert_eq!(shutdown, [json!("began"), json!("done")]);
}

#[test]
fn a_function_that_shuts_down_too_slowly_is_killed() {
    let running = Stage::new("graceful").variable("HOOK_MS", 60_000).start();
    assert_eq!(running.invoke(&json!({})).status, 200);
    running.served.close();
    let came_to = running.wait_for("shutdown ms", 1);
    let last = came_to.last().unwrap().as_u64().unwrap();
    // 500 ms, on a machine with more to do than this.
    assert!((200..=5_000).contains(&last), "{last}");
    assert_eq!(running.wait_for("shutdown", 1), [json!("began")]);
}

#[test]
fn telemetry_is_in_order_and_complete() {
    let running = Stage::new("internal")
        .extension("telemetry")
        .variable("TELEMETRY_PORT", free_port())
        .start();
    let id = running.invoke(&json!({})).json()["request_id"].clone();
    let report = |records: &[Value]| {
        records
            .iter()
            .any(|record| record["type"] == "platform.report")
    };
    let records = eventually("the report", || {
        let found = running.wait_for("telemetry", 1);
        // What a process that is frozen has not read, it reads when it runs again.
        if !report(&found) {
            running.invoke(&json!({}));
        }
        report(&found).then_some(found)
    });
    let of = |kind: &str| records.iter().position(|record| record["type"] == kind);
    let order = [
        "platform.initStart",
        "platform.initRuntimeDone",
        "platform.initReport",
        "platform.start",
        "platform.runtimeDone",
        "platform.report",
    ];
    let places: Vec<usize> = order
        .iter()
        .map(|kind| of(kind).unwrap_or_else(|| panic!("no {kind}: {records:#?}")))
        .collect();
    assert!(places.is_sorted(), "{records:#?}");
    for kind in ["platform.start", "platform.runtimeDone", "platform.report"] {
        assert_eq!(
            records[of(kind).unwrap()]["record"]["requestId"],
            id,
            "{kind}"
        );
    }
    let line = records
        .iter()
        .find(|record| record["type"] == "function")
        .unwrap();
    assert_eq!(line["record"].as_str().unwrap().trim_end(), "function line");
    for kind in ["platform.extension", "platform.telemetrySubscription"] {
        assert!(of(kind).is_some(), "{kind}");
    }
}

#[test]
fn an_extension_may_wait_for_the_runtime_to_be_done_before_it_asks_for_its_next_event() {
    let running = Stage::new("concurrent")
        .extension("telemetry")
        .variable("TELEMETRY_PORT", free_port())
        .variable("AWAIT_RUNTIME_DONE", 1)
        // Far beyond anybody's patience: nothing but the record ends the invocation.
        .configure(|config| config.timeout = Duration::from_secs(600))
        .start();
    for _ in 0..2 {
        running.invoke_alone(&json!({}));
    }
    let failed = running.invoke_alone(&json!({"do": "fail"}));
    assert_eq!(failed.json()["errorMessage"], "boom");
    // The record of an error has its type, as far as that is one of Lambda's.
    let done = eventually("three records", || {
        let mut records = running.wait_for("telemetry", 1);
        records.retain(|record| record["type"] == "platform.runtimeDone");
        (records.len() >= 3).then_some(records)
    });
    let record = &done[2]["record"];
    assert_eq!(record["status"], "error", "{record}");
    assert_eq!(record["errorType"], "Runtime.Unknown", "{record}");
}

/// The state of a process, `T` where it is stopped.
#[cfg(target_os = "linux")]
fn is_stopped(pid: &Value) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let state = stat.rsplit(')').next().unwrap().trim_start();
    state.starts_with('T')
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_frozen_between_events_has_its_telemetry_and_its_end() {
    // By signals, which is what one can see.
    let running = Stage::new("graceful")
        .extension("telemetry")
        .variable("TELEMETRY_PORT", free_port())
        .limited()
        .start();
    let mut told_first = 0;
    let processes: Vec<Value> = (1..=3)
        .map(|number| {
            let pid = running.invoke_alone(&json!({})).json()["pid"].clone();
            eventually("the freeze", || is_stopped(&pid).then_some(()));
            let records = running.records();
            let telemetry = records.iter().map(|record| &record["telemetry"]);
            let reports = telemetry.filter(|it| it["type"] == "platform.report");
            told_first += usize::from(reports.count() == number);
            pid
        })
        .collect();
    // Who is frozen has been given what happened before, if it took that at once.
    assert!(told_first >= 1);
    assert!(processes.iter().all(|pid| *pid == processes[0]));
    // Both run again for their end, and have the time for it.
    running.served.close();
    let shutdown = running.wait_for("shutdown", 2);
    assert_eq!(shutdown, [json!("began"), json!("done")]);
    let events = running.events();
    assert_eq!(events.last().unwrap()["event"], "SHUTDOWN", "{events:#?}");
}

#[test]
fn the_logs_api_has_its_records() {
    let running = Stage::new("internal")
        .extension("logs")
        .variable("LOG_PORT", free_port())
        .start();
    running.invoke(&json!({}));
    let logs = eventually("the report", || {
        let found: Vec<String> = running
            .wait_for("log", 1)
            .iter()
            .map(|log| log.as_str().unwrap().to_owned())
            .collect();
        let there = found.iter().any(|log| log.starts_with("PlatformReport"));
        if !there {
            running.invoke(&json!({}));
        }
        there.then_some(found)
    });
    let of = |kind: &str| logs.iter().position(|log| log.starts_with(kind));
    assert!(of("PlatformStart") < of("PlatformEnd"), "{logs:#?}");
    assert!(of("PlatformEnd") < of("PlatformReport"), "{logs:#?}");
    assert!(
        logs.iter()
            .any(|log| log.starts_with("Function(\"function line")),
        "{logs:#?}"
    );
}

#[test]
fn hooks_run_once_before_the_snapshot_and_once_after_the_restore() {
    let running = Stage::new("snapstart")
        .configure(|config| config.mode = Mode::SnapStart)
        .start();
    assert_eq!(running.invoke_alone(&json!({})).status, 200);
    assert_eq!(running.invoke_alone(&json!({})).status, 200);
    let hook = |hook: &str, of: &str| json!({"hook": hook, "of": of});
    assert_eq!(
        running.records(),
        [
            json!({"init": "snap-start"}),
            hook("before", "second"),
            hook("before", "first"),
            hook("after", "first"),
            hook("after", "second"),
            json!("invoke"),
            json!("invoke"),
        ]
    );
}

#[test]
fn hooks_are_not_asked_without_snapstart() {
    let running = Stage::new("snapstart").start();
    assert_eq!(running.invoke(&json!({})).status, 200);
    assert_eq!(
        running.records(),
        [json!({"init": "on-demand"}), json!("invoke")]
    );
}

#[test]
fn one_process_takes_several_events_at_a_time() {
    let running = Stage::new("concurrent")
        .configure(|config| config.mode = Mode::Managed { max_concurrency: 4 })
        .start();
    let callers: Vec<_> = (0..4)
        .map(|number| {
            let client = running.served.client();
            let event = json!({"together": 4, "number": number});
            thread::spawn(move || client.invoke("staged", event.to_string()))
        })
        .collect();
    let answers: Vec<Answer> = callers
        .into_iter()
        .map(|caller| caller.join().unwrap())
        .collect();
    for (number, answer) in answers.iter().enumerate() {
        let body = answer.json();
        assert_eq!(body["number"], number, "{body}");
        assert_eq!(body["pid"], answers[0].json()["pid"]);
        assert_eq!(
            body["request_id"],
            answer.header("x-amzn-requestid").unwrap()
        );
    }
    let failed = running.invoke(&json!({"do": "fail"}));
    assert_eq!(failed.json()["errorMessage"], "boom");
}

#[test]
fn a_timeout_of_one_event_leaves_the_others_and_the_process() {
    let running = Stage::new("concurrent")
        .configure(|config| {
            config.mode = Mode::Managed { max_concurrency: 4 };
            config.timeout = Duration::from_secs(2);
        })
        .start();
    let before = running.invoke(&json!({})).json()["pid"].clone();
    let answer = running.invoke(&json!({"do": "sleep"}));
    assert_eq!(answer.json()["errorType"], "Sandbox.Timedout");
    assert_eq!(running.invoke(&json!({})).json()["pid"], before);
}
