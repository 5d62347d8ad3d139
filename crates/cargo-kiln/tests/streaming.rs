//! Functions that stream, on the official crates, through `kiln watch` and `kiln invoke --stream`.

#![expect(clippy::unwrap_used, reason = "a panic in a test is its report")]

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use kiln_testing::{Kiln, Project, Stream, Watch, fixture};
use serde_json::{Value, json};

const KILN: &str = env!("CARGO_BIN_EXE_kiln");

fn streaming() -> Watch {
    Watch::start(KILN, fixture("streaming"), &[]).ready()
}

/// An event whose chunks each wait for a file in the directory.
fn steps(chunks: &[&str], directory: &Path) -> Value {
    json!({"chunks": chunks, "directory": directory})
}

/// Reads chunks until these bytes have come, and no others.
#[track_caller]
fn expect(stream: &mut Stream, bytes: &[u8]) {
    let mut seen = Vec::new();
    while seen.len() < bytes.len() {
        seen.extend(stream.chunk());
    }
    assert_eq!(seen, bytes);
}

/// The prelude, which comes before the payload and ends with eight NULs.
fn prelude(stream: &mut Stream) -> Value {
    let mut seen = Vec::new();
    while !seen.ends_with(&[0; 8]) {
        seen.extend(stream.chunk());
    }
    serde_json::from_slice(&seen[..seen.len() - 8]).unwrap()
}

#[test]
fn fault_10_each_chunk_of_lambda_runtime_comes_before_the_next_is_sent() {
    let watch = streaming();
    let directory = tempfile::tempdir_in(Project::target_directory()).unwrap();
    let event = steps(&["one ", "two ", "three"], directory.path());
    let mut stream = watch.client().stream("stream", event.to_string());
    assert_eq!(stream.status, 200);
    assert_eq!(
        stream.header("x-amzn-remapped-content-type"),
        Some("application/vnd.awslambda.http-integration-response")
    );
    assert_eq!(prelude(&mut stream)["statusCode"], 200);
    expect(&mut stream, b"one ");
    File::create(directory.path().join("0")).unwrap();
    expect(&mut stream, b"two ");
    File::create(directory.path().join("1")).unwrap();
    assert_eq!(stream.rest(), (b"three".to_vec(), json!({})));
}

#[test]
fn lambda_http_streams_a_web_response() {
    let watch = streaming();
    let directory = tempfile::tempdir_in(Project::target_directory()).unwrap();
    let body = steps(&["hello ", "world"], directory.path());
    let event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/",
        "rawQueryString": "",
        "headers": {},
        "requestContext": {
            "http": {"method": "POST", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "test"},
            "routeKey": "$default", "stage": "$default", "requestId": "1", "timeEpoch": 0,
        },
        "body": body.to_string(),
        "isBase64Encoded": false,
    });
    let mut stream = watch.client().stream("web", event.to_string());
    assert_eq!(
        prelude(&mut stream),
        json!({
            "statusCode": 201,
            "headers": {"content-type": "text/plain"},
            "cookies": ["a=b", "c=d"],
        })
    );
    expect(&mut stream, b"hello ");
    File::create(directory.path().join("0")).unwrap();
    assert_eq!(stream.rest(), (b"world".to_vec(), json!({})));

    // A caller that does not stream gets it as a whole, the prelude uninterpreted.
    let answer = watch.client().invoke("web", event.to_string());
    assert_eq!(answer.header("x-amz-function-error"), None);
    assert!(answer.body.ends_with(b"\0\0\0\0\0\0\0\0hello world"));
}

#[test]
fn what_goes_wrong_half_way_is_told_once_and_the_next_call_works() {
    let watch = streaming();
    let client = watch.client();
    for (function, event, code, message) in [
        (
            "stream",
            json!({"chunks": ["x"], "then": "exit"}),
            "Runtime.ExitError",
            "Runtime exited with error: exit status 3",
        ),
        (
            "stream_quick",
            json!({"chunks": ["x"], "then": "hang"}),
            "Sandbox.Timedout",
            "Task timed out after 1.00 seconds",
        ),
    ] {
        let mut stream = client.stream(function, event.to_string());
        let id = stream.header("x-amzn-requestid").unwrap().to_owned();
        prelude(&mut stream);
        let (bytes, end) = stream.rest();
        assert_eq!(bytes, b"x", "{event}");
        assert_eq!(
            end,
            json!({
                "ErrorCode": code,
                "ErrorDetails": format!(
                    r#"{{"errorType":"{code}","errorMessage":"RequestId: {id} Error: {message}"}}"#
                ),
            })
        );
        let mut next = client.stream(function, r#"{"chunks": ["fine"]}"#);
        prelude(&mut next);
        assert_eq!(next.rest(), (b"fine".to_vec(), json!({})));
    }
    // The crate sends its own error as payload; whatever it sends, the caller has it, and an end.
    let mut stream = client.stream("stream", r#"{"chunks": ["x"], "then": "abort"}"#);
    let (bytes, end) = stream.rest();
    let text = String::from_utf8_lossy(&bytes);
    assert!(
        text.contains("\0x") && text.contains("Runtime.StreamError"),
        "{text}"
    );
    assert_eq!(end, json!({}));
}

#[test]
fn a_caller_that_goes_away_costs_the_function_nothing() {
    let watch = streaming();
    let client = watch.client();
    let mut stream = client.stream("stream", r#"{"mebibytes": 64}"#);
    stream.chunk();
    drop(stream);
    watch.wait_for(" stream ok ");
    let before = watch.children();
    let mut next = client.stream("stream", r#"{"chunks": ["fine"]}"#);
    prelude(&mut next);
    assert_eq!(next.rest(), (b"fine".to_vec(), json!({})));
    assert_eq!(watch.children(), before, "the same process answers");
}

#[test]
fn kiln_invoke_prints_what_comes_when_it_comes() {
    let watch = streaming();
    let directory = tempfile::tempdir_in(Project::target_directory()).unwrap();
    let event = steps(&["one ", "two"], directory.path()).to_string();
    let port = watch.port().to_string();
    let mut call = Command::new(KILN)
        .args(["invoke", "stream", "--stream", "--log", "--port", &port])
        .args(["-d", &event])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = call.stdout.take().unwrap();
    let mut printed = Vec::new();
    while !printed.ends_with(b"\0one ") {
        let mut byte = [0];
        stdout.read_exact(&mut byte).unwrap();
        printed.extend(byte);
    }
    File::create(directory.path().join("0")).unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "two");
    let output = call.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("REPORT RequestId: "));

    let invoke = |arguments: &[&str]| {
        Kiln::new(KILN)
            .in_dir(std::env::temp_dir())
            .args(["invoke", "--stream", "--port", &port])
            .args(arguments)
            .output()
    };
    invoke(&["stream", "-d", r#"{"fail": "boom"}"#])
        .expect_code(1)
        .expect_stderr("boom");
    invoke(&["stream", "-d", r#"{"chunks": ["x"], "then": "exit"}"#])
        .expect_code(1)
        .expect_stderr("the function failed with `Runtime.ExitError`");
    invoke(&["nope"])
        .expect_code(2)
        .expect_stderr("name one of: stream, stream_quick, web");
}
