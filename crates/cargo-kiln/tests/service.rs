//! The local Lambda through its front door: `kiln watch`, real functions, plain HTTP.
//!
//! Tests named `fault_…` each hold a fault of an older tool that must not come back.

#![expect(clippy::unwrap_used, reason = "a panic in a test is its report")]

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use kiln_testing::{Answer, Kiln, Project, Watch, built_fixture, eventually, fixture};
use serde_json::{Value, json};

const KILN: &str = env!("CARGO_BIN_EXE_kiln");

fn functions() -> Watch {
    Watch::start(KILN, fixture("functions"), &[]).ready()
}

fn serving(arguments: &[&str]) -> Watch {
    Watch::start(KILN, fixture("functions"), arguments).ready()
}

/// The text of the log that came with an answer.
fn tail(answer: &Answer) -> String {
    use base64::Engine as _;
    let encoded = answer.header("x-amz-log-result").unwrap();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(encoded)
        .unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn an_answer_has_the_services_headers() {
    let watch = functions();
    let answer = watch.client().invoke("behave", r#"{"hello": "world"}"#);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), json!({"hello": "world"}));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-amz-executed-version"), Some("$LATEST"));
    assert_eq!(answer.header("x-amz-function-error"), None);
    assert_eq!(answer.header("kiln-stale"), None);
    assert_eq!(answer.header("x-amzn-requestid").map(str::len), Some(36));
    assert!(
        answer
            .header("x-amzn-trace-id")
            .unwrap()
            .starts_with("Root=1-")
    );
    // A function that returns nothing returns null, and no event is an empty object.
    assert_eq!(watch.client().invoke("noop", "{}").text(), "null");
    assert_eq!(watch.client().invoke("behave", "").json(), json!({}));
}

#[test]
fn the_function_sees_the_invocation_as_on_aws() {
    let watch = serving(&["--timeout", "7"]);
    let sent = Instant::now();
    let answer = watch.client().invoke_with(
        "behave",
        r#"{"do": "context"}"#,
        &[
            ("x-amz-client-context", "eyJjdXN0b20iOiB7ImEiOiAiYiJ9fQ=="),
            ("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"),
            ("authorization", "AWS4-HMAC-SHA256 Credential=123456789012/20260101/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=0"),
        ],
    );
    let context = answer.json();
    assert_eq!(
        context["requestId"],
        answer.header("x-amzn-requestid").unwrap()
    );
    assert_eq!(
        context["arn"],
        "arn:aws:lambda:eu-west-1:123456789012:function:behave"
    );
    assert_eq!(
        context["trace"],
        "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
    );
    assert_eq!(context["clientContext"], json!({"a": "b"}));
    assert_eq!(context["memory"], 256);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let left = context["deadline"].as_u64().unwrap() as i128 - now.as_millis() as i128;
    let waited = sent.elapsed().as_millis() as i128;
    assert!(
        (7_000 - waited..=7_000).contains(&left),
        "{left} ms left of 7000"
    );
}

#[test]
fn a_function_that_exceeds_its_memory_is_killed_and_the_next_call_works() {
    let watch = serving(&["--enforce-limits"]);
    let client = watch.client();
    // Configured are 256 MB.
    let event = r#"{"do": "allocate", "mb": 600}"#;
    let killed = client.invoke_with("behave", event, &[("X-Amz-Log-Type", "Tail")]);
    assert_eq!(killed.header("x-amz-function-error"), Some("Unhandled"));
    let id = killed.header("x-amzn-requestid").unwrap();
    assert_eq!(
        killed.text(),
        format!(
            r#"{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {id} Error: Runtime exited with error: signal: killed"}}"#
        )
    );
    let log = tail(&killed);
    assert!(
        log.contains("Status: error\tError Type: Runtime.OutOfMemory"),
        "{log}"
    );
    let fits = client.invoke("behave", r#"{"do": "allocate", "mb": 100}"#);
    assert_eq!(fits.json(), json!(104_857_600));
}

/// Calls a function that leaves a thread behind, which would spin for a minute; returns its process.
fn spinning(watch: &Watch) -> u64 {
    let event = r#"{"do": "work on", "ms": 60000}"#;
    watch.client().invoke("behave", event).json()["pid"]
        .as_u64()
        .unwrap()
}

/// How long the threads of a process have run.
fn run_time(pid: u64) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let stats = tasks.map(|task| {
        let file = task.unwrap().path().join("schedstat");
        let text = std::fs::read_to_string(file).unwrap();
        text.split(' ').next().unwrap().parse::<u64>().unwrap()
    });
    stats.sum::<u64>()
}

#[test]
fn nothing_runs_between_invocations() {
    for flags in [&[][..], &["--enforce-limits"]] {
        let watch = serving(flags);
        let pid = spinning(&watch);
        let mut before = run_time(pid);
        eventually("the function to be frozen", || {
            thread::sleep(Duration::from_millis(100));
            let now = run_time(pid);
            (std::mem::replace(&mut before, now) == now).then_some(())
        });
        let thawed = watch.client().invoke("behave", r#"{"do": "count"}"#).json();
        assert_eq!(thawed["pid"], json!(pid), "{flags:?}");
    }
}

#[test]
fn what_is_not_frozen_runs_on() {
    let watch = serving(&["--no-freeze"]);
    let pid = spinning(&watch);
    let before = run_time(pid);
    // More than it could have before it would be frozen.
    let enough = before + 500_000_000;
    eventually("the function to work on", || {
        (run_time(pid) > enough).then_some(())
    });
}

#[test]
fn fault_1_a_crash_answers_the_caller_and_the_next_call_works() {
    let watch = functions();
    for (event, message) in [
        (
            r#"{"do": "exit", "code": 3}"#,
            "Runtime exited with error: exit status 3",
        ),
        (
            r#"{"do": "exit", "code": 0}"#,
            "Runtime exited without providing a reason",
        ),
        (
            r#"{"do": "abort"}"#,
            "Runtime exited with error: signal: aborted",
        ),
    ] {
        let before = watch.client().invoke("behave", r#"{"do": "count"}"#);
        let answer = watch.client().invoke("behave", event);
        let id = answer.header("x-amzn-requestid").unwrap();
        assert_eq!(answer.status, 200, "{event}");
        assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
        assert_eq!(
            answer.text(),
            format!(
                r#"{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {id} Error: {message}"}}"#
            )
        );
        let next = watch.client().invoke("behave", r#"{"do": "count"}"#);
        assert_ne!(next.json()["pid"], before.json()["pid"]);
        assert_eq!(next.json()["calls"], 1, "a new process answers");
    }
}

#[test]
fn fault_3_and_4_a_timeout_kills_the_process_and_answers_as_the_service_does() {
    let watch = functions();
    for event in [
        r#"{"do": "sleep", "ms": 60000, "tell": true}"#,
        r#"{"do": "spin", "tell": true}"#,
    ] {
        let began = Instant::now();
        let answer = watch
            .client()
            .invoke_with("quick", event, &[("x-amz-log-type", "Tail")]);
        assert!(began.elapsed() >= Duration::from_secs(1));
        let id = answer.header("x-amzn-requestid").unwrap().to_owned();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
        assert_eq!(
            answer.text(),
            format!(
                r#"{{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: {id} Error: Task timed out after 1.00 seconds"}}"#
            )
        );
        let log = tail(&answer);
        assert!(
            log.contains(&format!(
                "Z {id} Task timed out after 1.00 seconds\n\nEND RequestId: {id}\n"
            )),
            "{log}"
        );
        assert!(log.contains("Duration: 1000.00 ms"), "{log}");
        assert!(log.trim_end().ends_with("Status: timeout"), "{log}");
        let killed: i32 = log
            .lines()
            .find_map(|line| line.strip_prefix("pid ")?.parse().ok())
            .unwrap();
        eventually("the killed process to end", || {
            (!watch.children().contains(&killed)).then_some(())
        });
        let next = watch.client().invoke("quick", r#"{"do": "count"}"#);
        assert_eq!(next.status, 200);
        assert_ne!(next.json()["pid"], killed);
    }
}

#[test]
fn fault_5_and_9_functions_are_named_by_arns_and_qualifiers() {
    let watch = functions();
    let client = watch.client();
    for name in [
        "behave",
        "behave:$LATEST",
        "behave:%24LATEST",
        "123456789012:function:behave",
        "arn:aws:lambda:us-east-1:123456789012:function:behave",
        "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Abehave",
    ] {
        assert_eq!(client.invoke(name, "{}").status, 200, "{name}");
    }
    let arn = client
        .invoke("behave:$LATEST", r#"{"do": "context"}"#)
        .json()["arn"]
        .clone();
    assert_eq!(
        arn,
        "arn:aws:lambda:us-east-1:000000000000:function:behave:$LATEST"
    );

    let missing = client.invoke("behave:7", "{}");
    assert_eq!(missing.status, 404);
    assert_eq!(
        missing.header("x-amzn-errortype"),
        Some("ResourceNotFoundException")
    );
    let both = client.post(
        "/2015-03-31/functions/behave:1/invocations?Qualifier=2",
        "{}",
        &[],
    );
    assert_eq!(both.status, 400);
    assert_eq!(
        both.json()["message"],
        "The derived qualifier from the function name does not match the specified qualifier."
    );
}

#[test]
fn fault_6_a_function_error_is_an_answer_not_a_failure_of_the_service() {
    let watch = functions();
    let before = watch.client().invoke("behave", r#"{"do": "count"}"#);
    let failed = watch.client().invoke("behave", r#"{"do": "fail"}"#);
    assert_eq!(failed.status, 200);
    assert_eq!(failed.header("x-amz-function-error"), Some("Unhandled"));
    assert_eq!(failed.header("x-amz-executed-version"), Some("$LATEST"));
    assert_eq!(failed.json()["errorMessage"], "boom");
    let panicked = watch.client().invoke("behave", r#"{"do": "panic"}"#);
    assert_eq!(
        panicked.json()["errorMessage"],
        "Lambda panicked: out of cheese"
    );
    // The processes survive both.
    let pid = i32::try_from(before.json()["pid"].as_i64().unwrap()).unwrap();
    assert!(watch.children().contains(&pid));
}

#[test]
fn fault_7_invocation_types_are_honoured() {
    let watch = functions();
    let client = watch.client();
    let dry = client.invoke_with("behave", "{}", &[("x-amz-invocation-type", "DryRun")]);
    assert_eq!((dry.status, dry.text()), (204, String::new()));
    let event = client.invoke_with(
        "behave",
        r#"{"do": "print", "text": "from an event"}"#,
        &[("x-amz-invocation-type", "Event")],
    );
    assert_eq!((event.status, event.text()), (202, String::new()));
    assert_eq!(event.header("x-amz-executed-version"), None);
    watch.wait_for("from an event");
    // The same under the path of before 2015, with and without the slash of its clients.
    for path in ["invoke-async", "invoke-async/"] {
        let path = format!("/2014-11-13/functions/behave/{path}");
        let text = format!("by {path}");
        let event = format!(r#"{{"do": "print", "text": "{text}"}}"#);
        let answer = client.post(&path, &event, &[]);
        assert_eq!((answer.status, answer.text()), (202, String::new()));
        watch.wait_for(&text);
    }
    let unknown = client.invoke_with("behave", "{}", &[("x-amz-invocation-type", "Later")]);
    assert_eq!(unknown.status, 400);
    assert_eq!(
        unknown.header("x-amzn-errortype"),
        Some("ValidationException")
    );
}

#[test]
fn fault_8_the_log_comes_with_the_answer_and_has_the_report_line() {
    let watch = functions();
    let headers = [("x-amz-log-type", "Tail")];
    let event = r#"{"do": "print", "text": "hello"}"#;
    let answer = watch.client().invoke_with("behave", event, &headers);
    let id = answer.header("x-amzn-requestid").unwrap().to_owned();
    let log = tail(&answer);
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines[0], format!("START RequestId: {id} Version: $LATEST"));
    assert_eq!(lines[1..3], ["out: \"hello\"", "err: \"hello\""]);
    assert_eq!(lines[3], format!("END RequestId: {id}"));
    let report: Vec<&str> = lines[4].split('\t').collect();
    assert_eq!(report[0], format!("REPORT RequestId: {id}"));
    let names: Vec<_> = report[1..]
        .iter()
        .filter_map(|field| field.split(':').next())
        .collect();
    assert_eq!(
        names,
        [
            "Duration",
            "Billed Duration",
            "Memory Size",
            "Max Memory Used",
            "Init Duration",
            ""
        ]
    );
    assert_eq!(report[3], "Memory Size: 256 MB");
    let warm = tail(&watch.client().invoke_with("behave", event, &headers));
    assert!(!warm.contains("Init Duration"), "{warm}");
    let quiet = watch.client().invoke("behave", event);
    assert_eq!(quiet.header("x-amz-log-result"), None);
}

#[test]
fn fault_14_payload_limits_hold_in_both_directions() {
    let watch = functions();
    let client = watch.client();
    let json = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    assert_eq!(client.invoke("behave", json(6_291_456)).status, 200);
    let refused = client.invoke("behave", json(6_291_457));
    assert_eq!(refused.status, 413);
    assert_eq!(
        refused.header("x-amzn-errortype"),
        Some("RequestTooLargeException")
    );
    let event = [("x-amz-invocation-type", "Event")];
    assert_eq!(
        client.invoke_with("behave", json(1_048_577), &event).status,
        413
    );

    let large = |bytes: usize| json!({"do": "big", "bytes": bytes}).to_string();
    assert_eq!(
        client.invoke("behave", large(6_291_556 - 2)).body.len(),
        6_291_556
    );
    let answer = client.invoke("behave", large(6_291_556 - 1));
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
    assert_eq!(
        answer.text(),
        r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#
    );
    // The function itself goes on.
    assert!(
        client.invoke("behave", r#"{"do": "count"}"#).json()["calls"]
            .as_u64()
            .unwrap()
            > 1
    );
}

#[test]
fn fault_16_two_hundred_parallel_calls_are_all_answered() {
    let watch = functions();
    let client = watch.client();
    let answers = in_parallel(200, || {
        client.invoke("behave", r#"{"do": "sleep", "ms": 200}"#)
    });
    assert!(answers.iter().all(|answer| answer.status == 200));
    let pids: BTreeSet<u64> = answers
        .iter()
        .filter_map(|answer| answer.json()["pid"].as_u64())
        .collect();
    assert!(
        pids.len() > 20,
        "they ran beside each other: {} processes",
        pids.len()
    );
}

#[test]
fn five_hundred_parallel_calls_start_five_hundred_environments() {
    let watch = serving(&["--timeout", "300"]);
    let client = watch.client();
    // Nobody is answered before all are called: each needs an environment of its own.
    // Not in `/tmp`: functions have another.
    let directory = tempfile::tempdir_in(Project::target_directory()).unwrap();
    let gate = directory.path().join("gate");
    let event = json!({"do": "wait for", "path": gate}).to_string();
    let (running, answers) = thread::scope(|scope| {
        let callers = scope.spawn(|| in_parallel(500, || client.invoke("behave", &event)));
        let running = eventually("500 processes to run", || {
            let running = watch.children().len();
            (running >= 500 || callers.is_finished()).then_some(running)
        });
        std::fs::write(&gate, "").unwrap();
        (running, callers.join().unwrap())
    });
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(
            answer.header("x-amz-function-error"),
            None,
            "{}",
            answer.text()
        );
    }
    assert_eq!(running, 500, "one for each, and no more");
    // They are idle, and do not count: there is room for as many calls of another function.
    let answers = in_parallel(100, || client.invoke("noop", "{}"));
    assert!(answers.iter().all(|answer| answer.status == 200));
}

#[test]
fn reserved_concurrency_comes_from_the_configuration_and_throttled_calls_are_shown() {
    let command = Kiln::new(KILN)
        .in_dir(fixture("functions"))
        .args(["watch", "--port", "0", "--target-dir"])
        .arg(Project::target_directory())
        .env("KILN_RESERVED_CONCURRENCY", "1")
        .into_command();
    let watch = Watch::spawn(command).ready();
    watch.wait_for("quick 256 MB, timeout 1 s, reserved concurrency 1\n");
    // Not in `/tmp`: functions have another.
    let directory = tempfile::tempdir_in(Project::target_directory()).unwrap();
    let gate = directory.path().join("gate");
    let event = json!({"do": "wait for", "path": gate, "tell": true}).to_string();
    let client = watch.client();
    let running = {
        let (client, event) = (client.clone(), event.clone());
        thread::spawn(move || client.invoke("behave", event))
    };
    watch.wait_for("behave pid ");
    let refused = client.invoke("behave", "{}");
    assert_eq!(refused.status, 429);
    let reason = "ReservedFunctionConcurrentInvocationLimitExceeded";
    assert_eq!(
        refused.text(),
        format!(r#"{{"Reason":"{reason}","Type":"User","message":"Rate Exceeded."}}"#)
    );
    let id = refused.header("x-amzn-requestid").unwrap();
    watch.wait_for(&format!(
        "▸ {id} behave throttled {reason} its `reserved_concurrency` is in use\n"
    ));
    // Others have their own, and events wait in line.
    assert_eq!(client.invoke("noop", "{}").status, 200);
    for _ in 0..3 {
        let asynchronous = [("x-amz-invocation-type", "Event")];
        assert_eq!(
            client.invoke_with("behave", &event, &asynchronous).status,
            202
        );
    }
    std::fs::write(&gate, "").unwrap();
    assert_eq!(running.join().unwrap().status, 200);
    eventually("all events to have run in the one process", || {
        let printed = watch.printed();
        let pids: Vec<&str> = printed
            .lines()
            .filter(|line| line.starts_with("behave pid "))
            .collect();
        assert!(pids.iter().all(|pid| *pid == pids[0]), "{pids:?}");
        (pids.len() == 4).then_some(())
    });
}

#[test]
fn reservations_that_leave_too_little_are_refused_in_the_services_words() {
    Kiln::new(KILN)
        .in_dir(fixture("functions"))
        .args(["watch", "--port", "0", "--bin", "noop", "--bin", "quick"])
        .env("KILN_RESERVED_CONCURRENCY", "451")
        .exits(2)
        .expect_stderr("error: Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].")
        .expect_stderr("`noop` 451, `quick` 451");
}

#[test]
fn idle_environments_do_not_count_as_concurrency() {
    let watch = serving(&["--account-concurrency", "1"]);
    let client = watch.client();
    for _ in 0..2 {
        for function in ["noop", "behave", "quick"] {
            let answer = client.invoke(function, "{}");
            assert_eq!(answer.status, 200, "{function}: {}", answer.text());
        }
    }
}

#[test]
fn fault_17_a_caller_that_hangs_up_while_waiting_costs_no_invocation() {
    use std::io::Write as _;
    // A function somebody else starts: calls wait until it does.
    let watch = Watch::start(
        KILN,
        fixture("functions"),
        &["--only-lambda-apis", "--bin", "behave"],
    );
    let mut caller = TcpStream::connect(("127.0.0.1", watch.port())).unwrap();
    caller
        .write_all(b"POST /2015-03-31/functions/behave/invocations HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\n{\"n\": 1}")
        .unwrap();
    let second = {
        let client = watch.client();
        thread::spawn(move || client.invoke("behave", r#"{"n": 2}"#))
    };
    // Both wait; then the first goes away.
    drop(caller);
    let runtime = watch.client();
    let next = loop {
        let next = runtime.get("/.rt/behave/2018-06-01/runtime/invocation/next");
        let id = next
            .header("lambda-runtime-aws-request-id")
            .unwrap()
            .to_owned();
        runtime.post(
            &format!("/.rt/behave/2018-06-01/runtime/invocation/{id}/response"),
            "1",
            &[],
        );
        // The hang-up may be noticed only after the first event was handed out.
        if next.json()["n"] == 2 {
            break next;
        }
    };
    assert_eq!(next.status, 200);
    assert_eq!(second.join().unwrap().text(), "1");
}

#[test]
fn fault_19_one_call_starts_one_process_and_a_warm_one_is_used_again() {
    let watch = functions();
    let client = watch.client();
    let call = || client.invoke("behave", r#"{"do": "count"}"#).json();
    let first = call();
    assert_eq!(first["calls"], 1);
    assert_eq!(watch.children().len(), 1);
    let mut processes = BTreeSet::from([first["pid"].as_u64()]);
    for _ in 0..20 {
        processes.insert(call()["pid"].as_u64());
    }
    // A process that a busy machine keeps from coming back for tens of milliseconds may be joined
    // by one other; without reuse there would be twenty.
    assert!(processes.len() <= 2, "{processes:?}");
    assert_eq!(watch.children().len(), processes.len());
}

#[test]
fn fault_20_unknown_paths_reach_no_function() {
    let watch = functions();
    for path in [
        "/",
        "/2015-03-31/functions/behave",
        "/2020-01-01/extension/register",
        "/nonsense",
    ] {
        let answer = watch.client().post(path, "{}", &[]);
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(
            answer.header("x-amzn-errortype"),
            Some("UnknownOperationException")
        );
    }
    assert_eq!(watch.children(), [] as [i32; 0]);
}

#[test]
fn fault_21_a_function_that_ends_in_its_init_answers_its_own_callers() {
    let watch = functions();
    let answer = watch.client().invoke("broken_init", "{}");
    let id = answer.header("x-amzn-requestid").unwrap();
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
    assert_eq!(
        answer.text(),
        format!(
            r#"{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {id} Error: Runtime exited with error: exit status 7"}}"#
        )
    );
    assert_eq!(watch.client().invoke("noop", "{}").status, 200);
}

#[test]
fn fault_22_the_runtime_api_answers_in_the_services_codes() {
    let watch = Watch::start(
        KILN,
        fixture("functions"),
        &["--only-lambda-apis", "--bin", "behave"],
    );
    let client = watch.client();
    let api = |path: &str| format!("/.rt/behave/2018-06-01{path}");
    assert_eq!(client.get(&api("/ping")).text(), "pong");
    assert_eq!(client.get(&api("/nonsense")).status, 404);
    let early = client.post(&api("/runtime/invocation/x/response"), "1", &[]);
    assert_eq!(
        (early.status, early.text().as_str()),
        (
            400,
            "{\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}\n"
        )
    );
    let caller = {
        let client = client.clone();
        thread::spawn(move || client.invoke("behave", r#"{"n": 1}"#))
    };
    let next = client.get(&api("/runtime/invocation/next"));
    assert_eq!(next.json(), json!({"n": 1}));
    // Asked again before the answer, the same event comes: a restarted debugger loses nothing.
    let again = client.get(&api("/runtime/invocation/next"));
    let id = next.header("lambda-runtime-aws-request-id").unwrap();
    assert_eq!(again.header("lambda-runtime-aws-request-id"), Some(id));
    assert!(
        next.header("lambda-runtime-deadline-ms")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            > 1_700_000_000_000
    );
    let unknown = client.post(
        &api("/runtime/invocation/00000000-0000-0000-0000-000000000000/response"),
        "1",
        &[],
    );
    assert_eq!(
        (unknown.status, unknown.text().as_str()),
        (
            400,
            "{\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}\n"
        )
    );
    let taken = client.post(
        &api(&format!("/runtime/invocation/{id}/response")),
        "42",
        &[],
    );
    assert_eq!(
        (taken.status, taken.text().as_str()),
        (202, "{\"status\":\"OK\"}\n")
    );
    assert_eq!(caller.join().unwrap().text(), "42");
    let twice = client.post(
        &api(&format!("/runtime/invocation/{id}/response")),
        "43",
        &[],
    );
    assert_eq!(twice.status, 403);
}

#[test]
fn a_function_started_by_hand_with_the_printed_variables_answers() {
    let watch = functions();
    // Built by now; from here on nobody starts it but us.
    drop(watch);
    let watch = Watch::start(
        KILN,
        fixture("functions"),
        &["--only-lambda-apis", "--bin", "quick"],
    );
    watch.wait_for("FROM_PACKAGE=package");
    let printed = watch.printed();
    let variables = printed.lines().filter_map(|line| {
        let (name, value) = line.strip_prefix("  ")?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    let mut function = std::process::Command::new(Project::target_directory().join("debug/quick"))
        .env_clear()
        .envs(variables)
        .spawn()
        .unwrap();
    let answer = watch.client().invoke("quick", r#"{"do": "context"}"#);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let deadline = Duration::from_millis(answer.json()["deadline"].as_u64().unwrap());
    // Its timeout is a second; no deadline bounds it while somebody looks at it.
    assert!(deadline > now + Duration::from_secs(3_600));
    assert_eq!(answer.json()["memory"], 256);
    function.kill().unwrap();
    function.wait().unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn no_timeout_fires_while_a_debugger_holds_the_process() {
    let watch = functions();
    // Its timeout is a second.
    let answer = watch
        .client()
        .invoke("quick", r#"{"do": "sleep traced", "ms": 2000}"#);
    assert_eq!(answer.text(), r#""woke up""#);
    assert_eq!(answer.header("x-amz-function-error"), None);
}

#[test]
fn fault_26_the_service_listens_on_the_loopback_only() {
    let watch = Watch::start(KILN, fixture("functions"), &["--only-lambda-apis"]);
    let port = format!("{:04X}", watch.port());
    let mut addresses = BTreeSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in std::fs::read_to_string(table)
            .unwrap_or_default()
            .lines()
            .skip(1)
        {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (address, local_port) = fields[1].rsplit_once(':').unwrap();
            if local_port == port && fields[3] == "0A" {
                addresses.insert(address.to_owned());
            }
        }
    }
    let loopback = ["0100007F", "00000000000000000000000001000000"];
    assert!(!addresses.is_empty());
    assert!(
        addresses
            .iter()
            .all(|address| loopback.contains(&address.as_str())),
        "{addresses:?}"
    );
}

#[test]
fn fault_28_memory_timeout_and_variables_come_from_the_configuration() {
    let watch = serving(&["--env-var", "FROM_FLAG=flag"]);
    let environment = watch.client().invoke("behave", r#"{"do": "env"}"#).json();
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_NAME", "behave"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("_HANDLER", "bootstrap"),
        ("TZ", ":UTC"),
        ("FROM_PACKAGE", "package"),
        ("FROM_FLAG", "flag"),
    ] {
        assert_eq!(environment[name], value, "{name}");
    }
    // Nothing of the shell's.
    for name in ["HOME", "USER", "CARGO", "NO_COLOR"] {
        assert_eq!(environment[name], Value::Null, "{name}");
    }
}

#[test]
fn variables_of_the_shell_are_passed_on_request() {
    let command = Kiln::new(KILN)
        .in_dir(fixture("functions"))
        .args(["watch", "--port", "0", "--pass-env", "MINE", "--target-dir"])
        .arg(Project::target_directory())
        .env("MINE", "of the shell")
        .env("NOT_MINE", "of the shell")
        .into_command();
    let watch = Watch::spawn(command).ready();
    let environment = watch.client().invoke("behave", r#"{"do": "env"}"#).json();
    assert_eq!(environment["MINE"], "of the shell");
    assert_eq!(environment["NOT_MINE"], Value::Null);
    Kiln::new(KILN)
        .in_dir(fixture("functions"))
        .args(["watch", "--pass-env", "NO_SUCH_VARIABLE"])
        .output()
        .expect_code(2)
        .expect_stderr("`--pass-env NO_SUCH_VARIABLE`: this shell has no such variable");
}

#[test]
fn bad_requests_are_refused_in_the_services_words() {
    let watch = functions();
    let client = watch.client();
    let unknown = client.invoke("nope", "{}");
    assert_eq!(unknown.status, 404);
    assert_eq!(
        unknown.json(),
        json!({
            "Type": "User",
            "Message": "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nope:$LATEST",
            "Functions": ["behave", "broken_init", "noop", "quick"],
        })
    );
    let not_json = client.invoke("behave", "{nope");
    assert_eq!(not_json.status, 400);
    assert_eq!(
        not_json.header("x-amzn-errortype"),
        Some("InvalidRequestContentException")
    );
    assert_eq!(client.invoke("no%20name", "{}").status, 400);
    let id = client.invoke_with("behave", "{}", &[("x-amzn-requestid", "not-a-uuid")]);
    assert_eq!(
        id.header("x-amzn-errortype"),
        Some("InvalidRequestContentException")
    );
}

#[test]
fn ctrl_c_leaves_no_process_behind() {
    let watch = functions();
    let client = watch.client();
    let running = {
        let client = client.clone();
        thread::spawn(move || client.invoke("behave", r#"{"do": "sleep", "ms": 60000}"#))
    };
    let functions = eventually("the function to run", || {
        let children = watch.children();
        (!children.is_empty()).then_some(children)
    });
    assert_eq!(watch.stop(), Some(0));
    // The caller is told, not cut off.
    let answer = running.join().unwrap();
    assert_eq!(answer.status, 500);
    assert_eq!(answer.header("x-amzn-errortype"), Some("ServiceException"));
    for pid in functions {
        assert!(
            !std::path::Path::new(&format!("/proc/{pid}")).exists(),
            "{pid} lives on"
        );
    }
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_extensions() {
    let layer = Project::empty();
    let extension = layer.path().join("extensions/events");
    std::fs::create_dir(layer.path().join("extensions")).unwrap();
    std::fs::copy(built_fixture("extensions", "events"), extension).unwrap();
    let layers = format!("--layers={}", layer.path().display());
    // It works on for a minute, and asks for no event before.
    let variables = "--env-var=RECORDS=/dev/null,LINGER_MS=60000";
    let watch = serving(&["--bin", "behave", variables, &layers]);
    assert_eq!(watch.client().invoke("behave", "{}").status, 200);
    let family = watch.descendants();
    assert_eq!(family.len(), 2, "{family:?}");
    watch.signal(rustix::process::Signal::INT);
    watch.wait_for("extensions have up to 2 s to shut down, as on AWS; Ctrl-C ends them now");
    watch.signal(rustix::process::Signal::INT);
    let kiln = watch.pid();
    eventually("kiln to end", || {
        let executable = format!("/proc/{kiln}/exe");
        std::fs::read_link(executable).is_err().then_some(())
    });
    assert_eq!(watch.stop(), Some(0));
    for pid in family {
        let process = format!("/proc/{pid}");
        assert!(!std::path::Path::new(&process).exists(), "{pid} lives on");
    }
}

#[test]
fn functions_die_with_a_service_that_is_killed() {
    let watch = functions();
    assert_eq!(watch.client().invoke("behave", "{}").status, 200);
    let functions = watch.children();
    assert_eq!(functions.len(), 1);
    watch.signal(rustix::process::Signal::KILL);
    eventually("the function to end", || {
        functions
            .iter()
            .all(|pid| {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                stat.is_empty() || stat.contains(") Z ")
            })
            .then_some(())
    });
}

/// Runs `call` on this many threads at once.
fn in_parallel<T: Send>(count: usize, call: impl Fn() -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let calls: Vec<_> = (0..count).map(|_| scope.spawn(&call)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    })
}
