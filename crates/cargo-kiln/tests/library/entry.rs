//! The function's entry.

use std::process::Command;
use std::thread;

use kiln_testing::{Kiln, Watch, eventually, fixture, workspace_root};
use rustix::process::Signal;
use serde_json::{Value, json};

const KILN: &str = env!("CARGO_BIN_EXE_kiln");

fn watch(bin: &str, arguments: &[&str]) -> Watch {
    let bin = format!("--bin={bin}");
    let arguments: Vec<&str> = [bin.as_str()].iter().chain(arguments).copied().collect();
    Watch::start(KILN, fixture("library"), &arguments).ready()
}

#[test]
fn the_smallest_function_answers() {
    let watch = watch("hello", &[]);
    let answer = watch.client().invoke("hello", "{}");
    assert_eq!(answer.json(), "hello");
}

#[test]
fn the_state_is_built_once_and_kept() {
    let watch = watch("entry", &["--memory=1769"]);
    for calls in 1..=3 {
        let answer = watch.client().invoke("entry", "{}").json();
        assert_eq!(answer["inits"], 1, "{answer}");
        assert_eq!(answer["calls"], calls, "{answer}");
        assert_eq!(answer["cold"], calls == 1, "{answer}");
        // One vCPU: one thread.
        assert_eq!(answer["threads"], 1, "{answer}");
    }
}

#[test]
fn an_init_that_fails_answers_with_its_type() {
    for (init, error_type, message) in [
        ("fail", "TableMissing", "there is no table `orders`"),
        (
            "panic",
            "InitPanicked",
            "the init hook panicked: no table at all",
        ),
    ] {
        let variable = format!("--env-var=INIT={init}");
        let watch = watch("entry", &[&variable]);
        let answer = watch.client().invoke("entry", "{}");
        assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
        let expected = json!({ "errorType": error_type, "errorMessage": message });
        assert_eq!(answer.json(), expected);
        watch.wait_for(&format!("the init failed: {error_type}: {message}"));
    }
}

#[test]
fn after_a_panic_the_same_process_goes_on() {
    let watch = watch("entry", &[]);
    let before = watch.client().invoke("entry", "{}").json();
    let answer = watch.client().invoke("entry", r#"{"do":"panic"}"#);
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
    let expected = json!({
        "errorType": "HandlerPanicked",
        "errorMessage": "the handler panicked: call 2",
    });
    assert_eq!(answer.json(), expected);
    watch.wait_for("src/bin/entry.rs:");
    let after = watch.client().invoke("entry", "{}").json();
    assert_eq!(after["pid"], before["pid"]);
    assert_eq!(after["calls"], 3);
}

#[test]
fn an_error_answers_with_the_type_that_is_derived() {
    let watch = watch("entry", &["--env-var=HANDLER=declined"]);
    let answer = watch.client().invoke("entry", "{}");
    let expected = json!({ "errorType": "CardDeclined", "errorMessage": "the bank says no" });
    assert_eq!(answer.json(), expected);
}

#[test]
fn an_error_in_a_box_answers_with_one_type() {
    let watch = watch("entry", &[]);
    let answer = watch.client().invoke("entry", r#"{"do":"error"}"#);
    let expected = json!({ "errorType": "Error", "errorMessage": "an error of no type" });
    assert_eq!(answer.json(), expected);
}

#[test]
fn an_event_that_is_not_what_the_handler_takes_answers_with_its_type_and_place() {
    let watch = watch("entry", &["--env-var=HANDLER=typed"]);
    let client = watch.client();
    assert_eq!(
        client.invoke("entry", r#"{"items":[{"sku":"a"}]}"#).json(),
        1
    );
    let answer = client.invoke("entry", r#"{"items":[{"sku":"a"},{"sku":4242}]}"#);
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
    let message = "the event is not what the handler takes: invalid type: integer, expected a string, \
                   at `items[1].sku`";
    let expected = json!({ "errorType": "InvalidEvent", "errorMessage": message });
    assert_eq!(answer.json(), expected);
    // A failure as others, in one line, which does not quote the event.
    watch.wait_for("InvalidEvent");
    assert!(!watch.printed().contains("4242"), "{}", watch.printed());
}

#[test]
fn the_deadline_layer_answers_before_the_timeout() {
    let watch = watch("entry", &["--timeout=2"]);
    let before = watch.client().invoke("entry", "{}").json();
    let left = before["left_ms"].as_u64().unwrap();
    assert!(left <= 1_500, "{left}");
    let answer = watch.client().invoke("entry", r#"{"do":"sleep"}"#).json();
    assert_eq!(answer["errorType"], "DeadlineExceeded", "{answer}");
    let after = watch.client().invoke("entry", "{}").json();
    assert_eq!(after["pid"], before["pid"]);
}

#[test]
fn managed_instances_are_given_several_events_at_a_time() {
    let watch = watch("entry", &["--max-concurrency=2"]);
    let client = watch.client();
    let meet = || client.invoke("entry", r#"{"do":"meet"}"#).json();
    let answers: [Value; 2] = thread::scope(|scope| {
        let other = scope.spawn(meet);
        [meet(), other.join().unwrap()]
    });
    assert_eq!(
        answers,
        [json!({ "is_own": true }), json!({ "is_own": true })]
    );
}

#[test]
fn hooks_run_before_the_environment_ends() {
    let watch = watch("shutdown", &[]);
    assert_eq!(watch.client().invoke("shutdown", "{}").json(), 1);
    assert_eq!(watch.client().invoke("shutdown", "{}").json(), 2);
    watch.signal(Signal::INT);
    watch.wait_for("flushed after 2 calls");
    let printed = watch.printed();
    assert!(
        printed.find("first hook") < printed.find("flushed"),
        "{printed}"
    );
}

#[test]
fn hooks_run_as_well_when_an_environment_has_been_idle() {
    let watch = watch("shutdown", &["--idle-timeout=1s"]);
    for _ in 0..3 {
        // Each ends before the next call comes.
        let ended = |printed: &str| printed.matches("Graceful shutdown completed").count();
        let before = ended(&watch.printed());
        assert_eq!(watch.client().invoke("shutdown", "{}").json(), 1);
        eventually("what it says last", || {
            (ended(&watch.printed()) > before).then_some(())
        });
    }
    let printed = watch.printed();
    assert_eq!(
        printed.matches("flushed after 1 calls").count(),
        3,
        "{printed}"
    );
}

#[test]
fn resources_are_let_go_before_a_snapshot_and_taken_up_after_it() {
    let with = watch("restored", &["--snap-start"]);
    let before = [
        "init",
        "before pool",
        "before credentials",
        "after credentials",
        "after pool",
        "invoke",
    ];
    let answer = with.client().invoke("restored", "{}").json();
    assert_eq!(answer, json!({ "happened": before, "cold": true }));
    let again = with.client().invoke("restored", "{}").json();
    assert_eq!(
        again["happened"].as_array().unwrap().len(),
        before.len() + 1
    );

    let without = watch("restored", &[]);
    let answer = without.client().invoke("restored", "{}").json();
    assert_eq!(
        answer,
        json!({ "happened": ["init", "invoke"], "cold": true })
    );
}

#[test]
fn a_resource_that_fails_is_told_to_the_caller() {
    let ask = |hook: &str| {
        let variable = format!("--env-var=FAIL={hook}");
        let watch = watch("restored", &["--snap-start", &variable]);
        let answer = watch.client().invoke("restored", "{}");
        watch.wait_for(&format!("Error: \"no {hook}\""));
        answer
    };
    // Before the snapshot it is the init that fails, and behind it the restore.
    let before = ask("before");
    assert_eq!(before.header("x-amz-function-error"), Some("Unhandled"));
    assert_eq!(before.json()["errorMessage"], "no before");
    let after = ask("after");
    assert_eq!(after.status, 400);
    let error_type = after.header("x-amzn-errortype");
    assert_eq!(error_type, Some("SnapStartException"));
    let message = after.json()["Message"].as_str().unwrap().to_owned();
    assert!(message.contains("Runtime.AfterRestoreError"), "{message}");
}

#[test]
fn outside_of_lambda_it_says_what_to_do() {
    // Built by the watch, run without it.
    let _built = (watch("hello", &[]), watch("in_tokio", &[]));
    for (bin, says) in [
        ("hello", "run it on the local Lambda with `kiln watch`"),
        ("in_tokio", "without `async` and `#[tokio::main]`"),
    ] {
        let program = kiln_testing::Project::target_directory()
            .join("debug")
            .join(bin);
        let mut command = Command::new(program);
        if bin == "in_tokio" {
            command
                .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9")
                .env("AWS_LAMBDA_FUNCTION_NAME", bin)
                .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
                .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128");
        }
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn without_kiln_a_test_says_how_to_install_it() {
    let cargo = Command::new("cargo")
        .args(["test", "--test", "local", "the_real_binary_answers"])
        .current_dir(fixture("library"))
        .env(
            "CARGO_TARGET_DIR",
            kiln_testing::Project::target_directory(),
        )
        .env("KILN", "no-such-kiln")
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&cargo.stdout);
    assert!(!cargo.status.success(), "{stdout}");
    assert!(stdout.contains("cannot start `no-such-kiln`"), "{stdout}");
    assert!(stdout.contains("cargo install cargo-kiln"), "{stdout}");
}

/// The library hands out the events that the command prints.
#[test]
fn sample_events_are_those_of_kiln_event() {
    let samples = workspace_root().join("crates/kiln/src/testing/samples");
    for sample in std::fs::read_dir(samples).unwrap() {
        let path = sample.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let printed = Kiln::new(KILN).args(["event", name]).exits(0);
        let file: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(printed.json(), file, "{name}");
    }
}
