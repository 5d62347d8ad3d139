//! Callers that were written for AWS: boto3 and the AWS CLI, unchanged, against `kiln watch`.
//!
//! They come from the virtual environment that `cargo xtask test` sets up.

use kiln_testing::aws::{json_of, program};
use kiln_testing::{Project, Watch, fixture};
use serde_json::{Value, json};

const KILN: &str = env!("CARGO_BIN_EXE_kiln");

fn functions() -> Watch {
    Watch::start(KILN, fixture("functions"), &[]).ready()
}

#[test]
fn boto3_sees_answers_errors_and_logs() {
    let watch = functions();
    let script = r#"
import base64, json, sys, boto3
client = boto3.client("lambda", endpoint_url=sys.argv[1])
def invoke(**arguments):
    answer = client.invoke(**arguments)
    return {
        "status": answer["StatusCode"],
        "error": answer.get("FunctionError"),
        "version": answer.get("ExecutedVersion"),
        "payload": answer["Payload"].read().decode(),
        "log": base64.b64decode(answer.get("LogResult", "")).decode(),
    }
found = {
    "ok": invoke(FunctionName="behave", Payload=b'{"do": "context"}', LogType="Tail"),
    "failed": invoke(FunctionName="behave", Payload=b'{"do": "fail"}'),
    "exited": invoke(FunctionName="arn:aws:lambda:eu-west-1:123456789012:function:behave", Qualifier="$LATEST", Payload=b'{"do": "exit", "code": 9}'),
    "event": invoke(FunctionName="behave", InvocationType="Event", Payload=b"{}"),
    "dry": invoke(FunctionName="behave", InvocationType="DryRun"),
}
for name, arguments in {
    "missing": {"FunctionName": "nope"},
    "not_json": {"FunctionName": "behave", "Payload": b"{nope"},
}.items():
    try:
        client.invoke(**arguments)
    except client.exceptions.ClientError as error:
        found[name] = [type(error).__name__, error.response["Error"]["Message"], error.response["ResponseMetadata"]["HTTPStatusCode"]]
print(json.dumps(found))
"#;
    let output = program("python3")
        .args(["-c", script, watch.endpoint()])
        .output()
        .unwrap();
    let found = json_of(&output);
    let ok = &found["ok"];
    assert_eq!(
        (&ok["status"], &ok["error"], &ok["version"]),
        (&json!(200), &Value::Null, &json!("$LATEST"))
    );
    let payload: Value = serde_json::from_str(ok["payload"].as_str().unwrap()).unwrap();
    assert_eq!(
        payload["arn"],
        "arn:aws:lambda:eu-west-1:123456789012:function:behave"
    );
    assert!(ok["log"].as_str().unwrap().contains("REPORT RequestId: "));
    assert_eq!(found["failed"]["error"], "Unhandled");
    assert!(
        found["exited"]["payload"]
            .as_str()
            .unwrap()
            .contains("exit status 9")
    );
    assert_eq!(found["event"]["status"], 202);
    assert_eq!(found["dry"]["status"], 204);
    assert_eq!(
        found["missing"],
        json!([
            "ResourceNotFoundException",
            "Function not found: arn:aws:lambda:eu-west-1:123456789012:function:nope:$LATEST",
            404
        ])
    );
    assert_eq!(found["not_json"][0], "InvalidRequestContentException");
}

#[test]
fn boto3_streams_answers() {
    let watch = Watch::start(KILN, fixture("streaming"), &[]).ready();
    let directory = tempfile::tempdir_in(Project::target_directory()).unwrap();
    // Each file lets the function send its next chunk: had a chunk not come before, nobody would
    // write it.
    let script = r#"
import base64, json, pathlib, sys, boto3
client = boto3.client("lambda", endpoint_url=sys.argv[1])
def stream(event, **arguments):
    answer = client.invoke_with_response_stream(FunctionName="stream", Payload=json.dumps(event), **arguments)
    chunks, ends = [], []
    for message in answer["EventStream"]:
        if "PayloadChunk" in message:
            chunks.append(message["PayloadChunk"]["Payload"])
            text = b"".join(chunks).split(b"\0" * 8)[-1].decode()
            if "directory" in event and text:
                (pathlib.Path(event["directory"]) / str(len(text) - 1)).touch()
        else:
            ends.append(message["InvokeComplete"])
    return {
        "status": answer["StatusCode"],
        "version": answer["ExecutedVersion"],
        "type": answer["ResponseStreamContentType"],
        "text": b"".join(chunks).split(b"\0" * 8)[-1].decode(),
        "ends": ends,
    }
found = {
    "steps": stream({"chunks": ["a", "b", "c"], "directory": sys.argv[2]}, LogType="Tail"),
    "failed": stream({"fail": "boom"}),
    "exited": stream({"chunks": ["before"], "then": "exit"}),
    "large": len(stream({"mebibytes": 7})["text"]),
}
found["steps"]["log"] = base64.b64decode(found["steps"]["ends"][0].pop("LogResult")).decode()
try:
    client.invoke_with_response_stream(FunctionName="nope")
except client.exceptions.ResourceNotFoundException as error:
    found["missing"] = error.response["ResponseMetadata"]["HTTPStatusCode"]
print(json.dumps(found))
"#;
    let output = program("python3")
        .args(["-c", script, watch.endpoint()])
        .arg(directory.path())
        .output()
        .unwrap();
    let found = json_of(&output);
    let steps = &found["steps"];
    assert_eq!(
        (&steps["status"], &steps["version"], &steps["type"]),
        (
            &json!(200),
            &json!("$LATEST"),
            &json!("application/vnd.amazon.eventstream")
        )
    );
    assert_eq!(
        (&steps["text"], &steps["ends"]),
        (&json!("abc"), &json!([{}]))
    );
    assert!(
        steps["log"]
            .as_str()
            .unwrap()
            .contains("REPORT RequestId: ")
    );
    assert_eq!(found["failed"]["ends"][0]["ErrorCode"], "Unhandled");
    assert_eq!(found["exited"]["text"], "before");
    assert_eq!(found["exited"]["ends"][0]["ErrorCode"], "Runtime.ExitError");
    assert_eq!(found["large"], 7 << 20);
    assert_eq!(found["missing"], 404);
}

#[test]
fn the_aws_cli_invokes() {
    let watch = functions();
    let directory = tempfile::tempdir_in(Project::target_directory()).unwrap();
    let file = directory.path().join("answer.json");
    let output = program("aws")
        .args(["lambda", "invoke", "--endpoint-url", watch.endpoint()])
        .args(["--function-name", "behave", "--log-type", "Tail"])
        .args(["--payload", r#"{"a": 1}"#])
        .arg(&file)
        .output()
        .unwrap();
    let printed = json_of(&output);
    assert_eq!(printed["StatusCode"], 200);
    assert_eq!(printed["ExecutedVersion"], "$LATEST");
    assert_eq!(std::fs::read_to_string(file).unwrap(), r#"{"a":1}"#);
}
