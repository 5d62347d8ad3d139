//! The real extension beside a real function, on the local Lambda.

#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use kiln::testing;
use serde_json::Value;

/// A collector: its URL, and the lines it is sent.
fn collector() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/logs", listener.local_addr().unwrap());
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let sender = sender.clone();
            thread::spawn(move || take(stream.unwrap(), &sender));
        }
    });
    (url, lines)
}

/// Answers the requests of one connection.
fn take(mut stream: TcpStream, sender: &mpsc::Sender<Value>) {
    let mut request = String::new();
    let mut part = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut part) {
        request.push_str(&String::from_utf8_lossy(&part[..read]));
        let Some((head, body)) = request.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if body.len() < length.unwrap().parse().unwrap() {
            continue;
        }
        for line in body.lines() {
            let _ = sender.send(serde_json::from_str(line).unwrap());
        }
        request.clear();
        let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
    }
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
