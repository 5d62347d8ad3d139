//! The collector beside the function.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
use kiln::tracing::TracingLayer;
use kiln::tracing::opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use kiln::{Diagnostic, LambdaEvent};

use crate::event;

#[tokio::test]
async fn spans_arrive_at_the_collector() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let collector = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut part = [0; 4096];
        while !is_whole(&request) {
            let read = stream.read(&mut part).unwrap();
            request.extend_from_slice(&part[..read]);
        }
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
        request
    });

    let provider = kiln::tracing::provider()
        .with_batch_exporter(kiln::tracing::otlp_to(&url).unwrap())
        .build();
    let service = TracingLayer::new(provider).enabled(true).layer(service_fn(
        |event: LambdaEvent<String>| async { Ok::<_, Diagnostic>(event.payload) },
    ));
    service.oneshot(event(None)).await.unwrap();

    let request = collector.join().unwrap();
    let text = String::from_utf8_lossy(&request);
    assert!(text.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{text}");
    assert!(text.contains("content-type: application/x-protobuf"));
    assert!(text.contains("faas.invocation_id"), "{text}");
    assert!(text.contains("req-1"), "{text}");
}

/// Tokio lets a task do some 128 things before it has others do theirs.
#[tokio::test]
async fn a_simple_exporter_sends_any_number_of_spans_from_one_task() {
    const SPANS: usize = 300;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let collector = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut part = [0; 4096];
        for _ in 0..SPANS {
            let mut request = Vec::new();
            while !is_whole(&request) {
                let read = stream.read(&mut part).unwrap();
                request.extend_from_slice(&part[..read]);
            }
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let provider = kiln::tracing::provider()
        .with_simple_exporter(kiln::tracing::otlp_to(&url).unwrap())
        .build();
    let tracer = provider.tracer("test");
    for _ in 0..SPANS {
        tracer.start("step").end();
    }
    collector.join().unwrap();
}

/// Whether the head has come, and as much of a body as it says.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, _)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length:")?
            .trim()
            .parse()
            .ok()
    });
    request.len() >= head.len() + 4 + length.unwrap_or(0)
}
