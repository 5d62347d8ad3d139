//! The real extension beside a real function, on the local Lambda.

#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use kiln::testing;
use serde_json::Value;
use stand_ins::serve;

/// A collector: its URL, and the lines it is sent.
fn collector() -> (String, Receiver<Value>) {
    let (sender, lines) = mpsc::channel();
    let url = serve(move |asked| {
        let body = String::from_utf8(asked.body).unwrap();
        for line in body.lines() {
            let _ = sender.send(serde_json::from_str(line).unwrap());
        }
        (204, Vec::new())
    });
    (format!("{url}/logs"), lines)
}

/// Builds the function beside it, unless all examples are built already.
fn build_function() {
    let extension = Path::new(env!("CARGO_BIN_EXE_log-shipper"));
    if extension.with_file_name("orders-queue").exists() {
        return;
    }
    let status = Command::new(env!("CARGO"))
        .args(["build", "--package", "orders-queue"])
        .status();
    assert!(status.unwrap().success());
}

#[tokio::test]
async fn what_the_function_logs_arrives() -> Result<(), kiln::Error> {
    build_function();
    let (url, lines) = collector();
    let local = testing::local!()
        .arg("--package=orders-queue")
        .arg("--extensions=log-shipper")
        .env("LOG_COLLECTOR_URL", url)
        .await?;
    let event: Value = testing::sample("sqs");
    let answer = local.invoke_function("orders-queue", &event).await?;
    assert_eq!(answer.function_error, None, "{}", answer.text());

    // Its own line, and Lambda's report of the invocation.
    let mut reports = 0;
    let mut own = 0;
    while reports == 0 || own == 0 {
        let line = lines.recv_timeout(Duration::from_secs(10))?;
        assert!(line["timestamp"].is_string(), "{line}");
        if line["type"] == "report" {
            reports += 1;
            assert!(line["durationMs"].is_number(), "{line}");
        } else {
            own += 1;
        }
    }
    Ok(())
}
