//! The file system of execution environments, and functions that treat theirs badly, through the front
//! door: `kiln watch` with real functions. On Linux, where a process can have a file system of its own.

#![cfg(target_os = "linux")]

use kiln_testing::{Project, Watch, eventually, fixture, is_running};
use serde_json::{Value, json};

const KILN: &str = env!("CARGO_BIN_EXE_kiln");

fn serving(arguments: &[&str]) -> Watch {
    Watch::start(KILN, fixture("functions"), arguments).ready()
}

/// The same, where functions have the file system of AWS.
#[track_caller]
fn serving_as_on_aws() -> Watch {
    let watch = serving(&[]);
    let printed = watch.printed();
    assert!(
        printed.contains("files: as on AWS"),
        "this test needs mount namespaces, which this machine refuses; kiln says why"
    );
    watch
}

fn behave(watch: &Watch, event: &Value) -> Value {
    let answer = watch.client().invoke("behave", event.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// What a script prints that the function runs.
#[track_caller]
fn run(watch: &Watch, script: &str) -> String {
    let said = behave(watch, &json!({"do": "run", "script": script}));
    let text = said.as_str().map(str::to_owned);
    text.unwrap_or_else(|| panic!("{said}"))
}

/// A process that the function starts with a script which prints its id at last.
#[track_caller]
fn started(watch: &Watch, script: &str) -> i32 {
    let said = run(watch, script);
    said.trim().parse().unwrap_or_else(|_| panic!("{said}"))
}

#[test]
fn a_function_has_the_files_of_aws() {
    let watch = serving_as_on_aws();
    let places = behave(&watch, &json!({"do": "where"}));
    let expected = json!({
        "executable": "/var/task/bootstrap",
        "directory": "/var/task",
        "sandbox": ["127.0.0.1"],
    });
    assert_eq!(places, expected);
    for (script, said) in [
        (
            "echo $LAMBDA_TASK_ROOT $PWD $TMPDIR",
            "/var/task /var/task\n",
        ),
        // The package is there, its changes are seen, and nobody here writes to it.
        (
            "ls -d Cargo.toml src bootstrap",
            "Cargo.toml\nbootstrap\nsrc\n",
        ),
        (
            "touch written 2>&1 | grep -o 'Read-only file system'",
            "Read-only file system\n",
        ),
        ("ls -A /opt /tmp", "/opt:\n\n/tmp:\n"),
        ("stat -c %a /tmp", "1777\n"),
        ("stat -fc '%b * %S' /tmp", "131072 * 4096\n"),
    ] {
        assert_eq!(run(&watch, script), said, "{script}");
    }
}

#[test]
fn tmp_outlives_a_crash_and_is_nobody_elses() {
    let watch = serving_as_on_aws();
    assert_eq!(
        run(&watch, "echo kept > /tmp/kept; cat /tmp/kept"),
        "kept\n"
    );
    let crashed = behave(&watch, &json!({"do": "exit", "code": 7}));
    assert_eq!(crashed["errorType"], "Runtime.ExitError");
    assert_eq!(run(&watch, "cat /tmp/kept"), "kept\n");
    assert!(!std::path::Path::new("/tmp/kept").exists());
    // Another environment has another.
    let gate = Project::target_directory().join(format!("gate-{}", watch.pid()));
    let event = json!({"do": "wait for", "path": gate, "tell": true}).to_string();
    let client = watch.client();
    let waiting = std::thread::spawn(move || client.invoke("behave", event));
    watch.wait_for("behave pid ");
    assert_eq!(run(&watch, "ls -A /tmp"), "");
    std::fs::write(&gate, "").unwrap();
    assert_eq!(waiting.join().unwrap().status, 200);
    std::fs::remove_file(&gate).unwrap();
}

#[test]
fn a_full_tmp_is_an_error_and_the_next_call_works() {
    let watch = serving_as_on_aws();
    let filled = run(
        &watch,
        "head -c 600000000 /dev/zero > /tmp/file; stat -c %s /tmp/file",
    );
    assert!(filled.contains("No space left on device"), "{filled}");
    assert!(filled.ends_with("\n536870912\n"), "{filled}");
    assert_eq!(behave(&watch, &json!({"do": "echo"}))["do"], "echo");
    assert_eq!(
        run(&watch, "rm /tmp/file; echo again > /tmp/a; cat /tmp/a"),
        "again\n"
    );
}

#[test]
fn what_a_function_leaves_behind_ends_with_its_process() {
    let watch = serving_as_on_aws();
    for script in [
        // A child that outlives its parent, a daemon, and one that has forgotten all variables.
        "sleep 600 > /dev/null 2>&1 & echo $!",
        "setsid sleep 600 > /dev/null 2>&1 & echo $!",
        "(env -i setsid sh -c 'echo $$; exec sleep 600 > /dev/null 2>&1' &)",
    ] {
        let left = started(&watch, script);
        // It lives as long as the function's process does.
        assert_eq!(behave(&watch, &json!({"do": "echo"}))["do"], "echo");
        assert!(is_running(left), "{script}");
        let crashed = behave(&watch, &json!({"do": "exit", "code": 1}));
        assert_eq!(crashed["errorType"], "Runtime.ExitError", "{script}");
        eventually("what was left to end", || (!is_running(left)).then_some(()));
        assert_eq!(behave(&watch, &json!({"do": "echo"}))["do"], "echo");
    }
    // And with Kiln.
    let left = started(
        &watch,
        "(env -i setsid sh -c 'echo $$; exec sleep 600 > /dev/null 2>&1' &)",
    );
    assert_eq!(watch.stop(), Some(0));
    eventually("the daemon to end", || (!is_running(left)).then_some(()));
}

#[test]
fn a_function_that_ignores_sigterm_ends_at_its_timeout_and_with_kiln() {
    let watch = serving(&["--timeout", "1"]);
    let deaf = behave(&watch, &json!({"do": "be deaf"}))["pid"]
        .as_i64()
        .unwrap();
    let timed_out = behave(&watch, &json!({"do": "sleep", "ms": 60_000}));
    assert_eq!(timed_out["errorType"], "Sandbox.Timedout");
    let pid = i32::try_from(deaf).unwrap();
    eventually("the deaf process to end", || {
        (!is_running(pid)).then_some(())
    });
    let deaf = behave(&watch, &json!({"do": "be deaf"}))["pid"]
        .as_i64()
        .unwrap();
    assert_eq!(watch.stop(), Some(0));
    let pid = i32::try_from(deaf).unwrap();
    eventually("the deaf process to end", || {
        (!is_running(pid)).then_some(())
    });
}

#[test]
fn a_function_that_closes_its_stdout_goes_on() {
    let watch = serving(&[]);
    assert_eq!(behave(&watch, &json!({"do": "close stdout"})), Value::Null);
    watch.wait_for("stderr is still there");
    let printed = behave(&watch, &json!({"do": "print", "text": "after"}));
    assert_eq!(printed, Value::Null);
    watch.wait_for("err: \"after\"");
}

#[test]
fn the_machines_file_system_is_there_on_request() {
    let watch = serving(&["--host-filesystem"]);
    watch.wait_for("file system layout (--host-filesystem)\n");
    let package = fixture("functions").display().to_string();
    let places = run(&watch, "pwd; echo $LAMBDA_TASK_ROOT $TMPDIR");
    assert_eq!(places, format!("{package}\n{package}\n"));
}
