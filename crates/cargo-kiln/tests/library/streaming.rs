//! Responses that stream.

#![expect(clippy::unwrap_used, reason = "a panic in a test is its report")]

use std::fs::File;
use std::path::Path;

use kiln_testing::{Project, Stream, Watch, fixture};
use serde_json::{Value, json};
use tempfile::TempDir;

const KILN: &str = env!("CARGO_BIN_EXE_kiln");
/// What Lambda puts between the head of an answer and its body.
const SEPARATOR: [u8; 8] = [0; 8];

fn watch(arguments: &[&str]) -> Watch {
    Watch::start(KILN, fixture("library"), arguments).ready()
}

/// Where the function looks whether it may go on.
fn directory() -> TempDir {
    tempfile::tempdir_in(Project::target_directory()).unwrap()
}

/// Three chunks, of which each but the first waits for a file.
fn steps(directory: &TempDir) -> Value {
    json!({ "chunks": ["one ", "two ", "three"], "directory": directory.path() })
}

/// Lets the function write the chunk of this number.
fn go(directory: &Path, number: u32) {
    File::create(directory.join(number.to_string())).unwrap();
}

/// Reads chunks until all these bytes have come, and no others.
#[track_caller]
fn expect(stream: &mut Stream, bytes: &[u8]) {
    let mut seen = Vec::new();
    while seen.len() < bytes.len() {
        seen.extend(stream.chunk());
    }
    assert_eq!(seen, bytes);
}

/// Reads the head, which comes before anything of the body.
#[track_caller]
fn head(stream: &mut Stream) -> Value {
    let mut seen = Vec::new();
    while !seen.ends_with(&SEPARATOR) {
        seen.extend(stream.chunk());
    }
    serde_json::from_slice(seen.strip_suffix(&SEPARATOR).unwrap()).unwrap()
}

#[test]
fn the_first_part_arrives_before_the_last_is_written() {
    let (watch, directory) = (watch(&["--bin=streamed"]), directory());
    let event = steps(&directory).to_string();
    let mut stream = watch.client().stream("streamed", event);
    assert_eq!(stream.status, 200);
    assert_eq!(head(&mut stream)["statusCode"], 200);
    // The function writes nothing more before it is let.
    expect(&mut stream, b"one ");
    go(directory.path(), 1);
    expect(&mut stream, b"two ");
    go(directory.path(), 2);
    assert_eq!(stream.rest(), (b"three".to_vec(), json!({})));
}

#[test]
fn an_answer_over_http_streams_as_well() {
    let (watch, directory) = (
        watch(&["--bin=streamed_http", "--features=http"]),
        directory(),
    );
    let mut event: Value = serde_json::from_str(include_str!(
        "../../../kiln/src/testing/samples/function-url.json"
    ))
    .unwrap();
    event["body"] = json!(steps(&directory).to_string());
    event["isBase64Encoded"] = json!(false);
    let mut stream = watch.client().stream("streamed_http", event.to_string());
    let head = head(&mut stream);
    assert_eq!(head["statusCode"], 200);
    // The layers are around it as they are around other answers.
    let request_id = stream.header("x-amzn-requestid").unwrap();
    assert_eq!(head["headers"]["x-request-id"], request_id, "{head}");
    expect(&mut stream, b"one ");
    go(directory.path(), 1);
    expect(&mut stream, b"two ");
    go(directory.path(), 2);
    assert_eq!(stream.rest(), (b"three".to_vec(), json!({})));
}

#[test]
fn a_caller_that_waits_gets_the_whole() {
    let (watch, directory) = (watch(&["--bin=streamed"]), directory());
    go(directory.path(), 1);
    go(directory.path(), 2);
    let event = steps(&directory).to_string();
    let answer = watch.client().invoke("streamed", event);
    let text = answer.text();
    assert!(text.ends_with("one two three"), "{text}");
}
