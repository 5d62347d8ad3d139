//! Calls by boto3.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// Makes the calls it reads, one after the other, and prints what came of each.
const SCRIPT: &str = r#"
import base64, json, sys, boto3
client = boto3.client("lambda", endpoint_url=sys.argv[1])
found = []
for call in json.load(sys.stdin):
    if "ClientContext" in call:
        call["ClientContext"] = base64.b64encode(json.dumps(call["ClientContext"]).encode()).decode()
    answer = client.invoke(**call, LogType="Tail")
    payload = answer["Payload"].read().decode()
    found.append({
        "status": answer["StatusCode"],
        "error": answer.get("FunctionError"),
        "payload": json.loads(payload) if len(payload) < 100_000 else len(payload),
        "request_id": answer["ResponseMetadata"]["RequestId"],
        "log": base64.b64decode(answer["LogResult"]).decode(),
    })
print(json.dumps(found))
"#;

/// The Python of the virtual environment.
pub fn python() -> PathBuf {
    let python = std::env::var_os("KILN_TEST_PYTHON").expect(
        "`KILN_TEST_PYTHON` names no Python with boto3 and awslambdaric: run the tests by `cargo xtask test`",
    );
    PathBuf::from(python)
}

/// What came of these calls.
#[track_caller]
pub fn invoke(endpoint: &str, calls: &Value) -> Vec<Value> {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("calls.json");
    std::fs::write(&input, calls.to_string()).unwrap();
    let output = Command::new(python())
        .args(["-c", SCRIPT, endpoint])
        .stdin(std::fs::File::open(input).unwrap())
        .env("AWS_ACCESS_KEY_ID", crate::served::ACCOUNT)
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}
