//! `kiln invoke` through its front door: the real binary calls the real service by the AWS SDK.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use kiln_testing::{Kiln, Output, Project, Watch, fixture};
use serde_json::{Value, json};

const KILN: &str = env!("CARGO_BIN_EXE_kiln");

fn functions() -> Watch {
    Watch::start(KILN, fixture("functions"), &[]).ready()
}

/// A call from a directory that is no project.
fn invoke(watch: &Watch, arguments: &[&str]) -> Kiln {
    Kiln::new(KILN)
        .in_dir(std::env::temp_dir())
        .args(["invoke", "--port", &watch.port().to_string()])
        .args(arguments)
}

#[track_caller]
fn answer(output: &Output) -> Value {
    serde_json::from_str(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", output.stdout))
}

#[test]
fn the_event_comes_from_a_flag_a_file_stdin_or_a_sample() {
    let watch = functions();
    let project = Project::empty();
    project.write("event.json", r#"{"from": "file"}"#);
    let file = project.path().join("event.json");
    let file = file.to_string_lossy();
    for (arguments, stdin, expected) in [
        (
            vec!["--data-ascii", r#"{"from": "flag"}"#],
            None,
            json!({"from": "flag"}),
        ),
        (vec!["-d", "[1]"], None, json!([1])),
        (vec!["--data-file", &file], None, json!({"from": "file"})),
        (
            vec!["-F", "-"],
            Some(r#"{"from": "-F -"}"#),
            json!({"from": "-F -"}),
        ),
        (vec!["-"], Some(r#"{"from": "-"}"#), json!({"from": "-"})),
        (vec![], Some(r#"{"from": "pipe"}"#), json!({"from": "pipe"})),
        (vec![], None, json!({})),
    ] {
        let mut call = invoke(&watch, &["behave"]).args(&arguments);
        if let Some(stdin) = stdin {
            call = call.stdin(stdin);
        }
        assert_eq!(
            answer(&call.output().expect_code(0)),
            expected,
            "{arguments:?}"
        );
    }
    let sample = [
        "behave",
        "--event",
        "sqs",
        "--set",
        "Records.0.body=changed",
    ];
    let sent = answer(&invoke(&watch, &sample).output().expect_code(0));
    assert_eq!(sent["Records"][0]["body"], "changed");
}

#[test]
fn the_answer_is_data_and_the_log_is_conversation() {
    let watch = functions();
    let event = r#"{"do": "print", "text": "hello"}"#;
    let output = invoke(&watch, &["behave", "-d", event, "--log"])
        .output()
        .expect_code(0);
    assert_eq!(output.stdout, "null\n");
    for part in [
        "START RequestId: ",
        "out: \"hello\"",
        "REPORT RequestId: ",
        "Init Duration: ",
    ] {
        assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
    }
    let quiet = invoke(&watch, &["behave", "-d", event])
        .output()
        .expect_code(0);
    assert_eq!(quiet.stderr, "");
    let indented = invoke(&watch, &["behave", "-d", r#"{"a":1}"#, "-o", "json"]).output();
    assert_eq!(indented.stdout, "{\n  \"a\": 1\n}\n");
}

#[test]
fn a_function_error_is_exit_code_one() {
    let watch = functions();
    let failed = invoke(&watch, &["behave", "-d", r#"{"do": "fail"}"#])
        .output()
        .expect_code(1)
        .expect_stderr("boom");
    assert_eq!(answer(&failed)["errorMessage"], "boom");
    invoke(&watch, &["quick", "-d", r#"{"do": "sleep", "ms": 60000}"#])
        .output()
        .expect_code(1)
        .expect_stderr("the function failed with `Sandbox.Timedout`: RequestId: ");
}

#[test]
fn an_unknown_function_is_answered_with_those_there_are() {
    let watch = functions();
    let there_are = "hint: name one of: behave, broken_init, noop, quick";
    invoke(&watch, &["nope"])
        .output()
        .expect_code(2)
        .expect_stderr("there is no function `nope`")
        .expect_stderr(there_are);
    invoke(&watch, &[])
        .output()
        .expect_code(2)
        .expect_stderr("which function is to be invoked?")
        .expect_stderr(there_are);
}

#[test]
fn an_unknown_alias_is_not_taken_for_an_unknown_function() {
    let watch = functions();
    for arguments in [&["behave", "--alias", "live"][..], &["behave:live"]] {
        invoke(&watch, arguments)
            .output()
            .expect_code(2)
            .expect_stderr("there is no version or alias `live` here")
            .expect_stderr("hint: the local Lambda runs `$LATEST`");
    }
}

#[test]
fn the_only_function_needs_no_name() {
    let watch = Watch::start(KILN, fixture("functions"), &["--bin", "behave"]).ready();
    let output = invoke(&watch, &["-d", "1"]).output().expect_code(0);
    assert_eq!(answer(&output), json!(1));
    let piped = invoke(&watch, &["-"]).stdin("2").output().expect_code(0);
    assert_eq!(answer(&piped), json!(2));
}

#[test]
fn remote_calls_go_the_way_of_the_aws_cli() {
    let watch = functions();
    let output = Kiln::new(KILN)
        .in_dir(std::env::temp_dir())
        .args([
            "invoke",
            "behave",
            "--remote",
            "--endpoint-url",
            watch.endpoint(),
        ])
        .args([
            "--region",
            "eu-west-1",
            "--alias",
            "$LATEST",
            "-d",
            r#"{"do": "context"}"#,
        ])
        .env("AWS_ACCESS_KEY_ID", "123456789012")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        // Neither the user's files nor an instance's credentials.
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .expect_code(0);
    assert_eq!(
        answer(&output)["arn"],
        "arn:aws:lambda:eu-west-1:123456789012:function:behave:$LATEST"
    );
}

#[test]
fn a_pipe_that_nothing_comes_through_is_told() {
    let mut call = Kiln::new(KILN)
        .args(["invoke", "behave", "--port", "1"])
        .into_command()
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(call.stderr.take().unwrap()).lines();
    let waiting = said.next().unwrap().unwrap();
    assert!(
        waiting.starts_with("waiting for the event on stdin"),
        "{waiting}"
    );
    // Its end is an event too: the empty one, which nobody serves here.
    drop(call.stdin.take());
    let refused = said.next().unwrap().unwrap();
    assert!(refused.contains("no local Lambda answers"), "{refused}");
    assert_eq!(call.wait().unwrap().code(), Some(2));
}

#[test]
fn without_credentials_the_way_to_them_is_told() {
    Kiln::new(KILN)
        .in_dir(std::env::temp_dir())
        .args(["invoke", "behave", "--remote", "--region", "eu-west-1"])
        // Should it call after all, then nobody.
        .args(["--endpoint-url", "http://127.0.0.1:1"])
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .expect_code(2)
        .expect_stderr("error: the call got no answer\n")
        .expect_stderr("no credentials found")
        .expect_stderr("hint: check region and credentials with `kiln doctor`");
}

#[test]
fn without_a_port_it_is_that_of_the_project() {
    let called = |project: &Project, endpoint: &str| {
        Kiln::new(KILN)
            .in_dir(project.path())
            .arg("invoke")
            .output()
            .expect_code(2)
            .expect_stderr(&format!("no local Lambda answers at {endpoint}\n"));
    };
    let package = |port: &str| {
        format!("[package]\nname = \"lone\"\nversion = \"0.0.0\"\nedition = \"2024\"\n{port}")
    };
    let port = "[package.metadata.kiln.watch]\nport = 1\naddress = \"127.0.0.2\"\n";
    let lone = Project::empty();
    lone.write("Cargo.toml", &package(port));
    lone.write("src/main.rs", "fn main() {}\n");
    called(&lone, "http://127.0.0.2:1");
    // Of several packages only those of functions count: the library says nothing here.
    let workspace = Project::empty();
    workspace.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"lone\", \"aside\"]\n\
         [workspace.metadata.kiln.watch]\nport = 2\n",
    );
    workspace.write("lone/Cargo.toml", &package(""));
    workspace.write("lone/src/main.rs", "fn main() {}\n");
    let aside = package(port).replace("lone", "aside");
    workspace.write("aside/Cargo.toml", &aside);
    workspace.write("aside/src/lib.rs", "");
    called(&workspace, "http://127.0.0.1:2");
}

#[test]
fn the_client_context_reaches_the_function() {
    let watch = functions();
    let context = r#"{"custom": {"user": "ada"}}"#;
    let event = r#"{"do": "context"}"#;
    let arguments = ["behave", "-d", event, "--client-context-ascii", context];
    let output = invoke(&watch, &arguments).output().expect_code(0);
    assert_eq!(answer(&output)["clientContext"], json!({"user": "ada"}));
}

#[test]
fn the_tenant_reaches_the_service() {
    let watch = functions();
    // Which refuses it, in Lambda's words, for a function that does not ask for one.
    for streaming in [&[][..], &["--stream"]] {
        let arguments = [&["behave", "--tenant-id", "blue"][..], streaming].concat();
        invoke(&watch, &arguments)
            .output()
            .expect_code(2)
            .expect_stderr("The invoked function is not enabled with tenancy configuration");
    }
}

#[test]
fn what_cannot_be_sent_is_said_before_it_is() {
    // Nothing serves here.
    let call = |arguments: &[&str]| {
        Kiln::new(KILN)
            .in_dir(std::env::temp_dir())
            .args(["invoke", "behave", "--port", "1"])
            .args(arguments)
            .output()
            .expect_code(2)
    };
    call(&["{}"]).expect_stderr("an event is given by `-d '{}'`");
    call(&["-d", "{nope"]).expect_stderr("`--data-ascii` is not JSON: ");
    call(&["-F", "/nonexistent.json"]).expect_stderr("cannot read `/nonexistent.json`");
    call(&["-E", "nonsense"]).expect_stderr("`nonsense`");
    call(&["-d", "1", "-E", "sqs"]).expect_stderr("cannot be used with");
    call(&["--client-context-ascii", "nope"]).expect_stderr("the client context is not JSON");
    call(&["--endpoint-url", "localhost:9000"])
        .expect_stderr("`--endpoint-url localhost:9000`: this is no URL")
        .expect_stderr("hint: it begins with its scheme: http://");
    call(&["--endpoint-url", "https://lambda.eu-west-1.amazonaws.com"])
        .expect_stderr("the local Lambda speaks HTTP without TLS")
        .expect_stderr("`--remote`");
    call(&["-d", "1"])
        .expect_stderr("no local Lambda answers at http://127.0.0.1:1")
        .expect_stderr("hint: start it with `kiln watch`");
}
