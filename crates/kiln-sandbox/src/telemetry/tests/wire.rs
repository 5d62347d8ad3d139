//! Deliveries to real servers, in real time.

use std::convert::Infallible;
use std::net::Ipv4Addr;

use http::header::{CONTENT_TYPE, HOST};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;

/// A request as it arrived, and on which connection.
#[derive(Debug)]
struct Arrived {
    connection: usize,
    request: Request<Bytes>,
}

/// How a server answers the request of a number, and whether it closes the connection then.
type Answers = fn(usize) -> (StatusCode, bool);

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn serve(listener: TcpListener, answers: Answers) -> mpsc::UnboundedReceiver<Arrived> {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        for connection in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            let (sender, count) = (sender.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                let service = service_fn(|request: Request<Incoming>| {
                    let (sender, count) = (sender.clone(), Arc::clone(&count));
                    async move {
                        let (parts, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        let request = Request::from_parts(parts, body);
                        let (status, close) = answers(count.fetch_add(1, Ordering::Relaxed));
                        let _ = sender.send(Arrived {
                            connection,
                            request,
                        });
                        let mut response = Response::new(Full::new(Bytes::from("thank you")));
                        *response.status_mut() = status;
                        if close {
                            let close = http::HeaderValue::from_static("close");
                            response.headers_mut().insert("connection", close);
                        }
                        Ok::<_, Infallible>(response)
                    }
                });
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    receiver
}

fn to(destination: Destination) -> Subscription {
    Subscription {
        destination,
        ..subscription(&ALL)
    }
}

fn to_http(port: u16) -> Subscription {
    to(Destination::Http {
        port,
        path: "/telemetry?from=kiln".to_owned(),
    })
}

fn put(telemetry: &Telemetry, name: &str, subscription: Subscription) {
    let answer = telemetry.subscribe(Api::Telemetry, name, subscription);
    assert_eq!(answer, Answer::Subscribed);
}

fn lines(body: &[u8]) -> Vec<String> {
    let records: Vec<Value> = serde_json::from_slice(body).unwrap();
    let text = |record: &Value| record["record"].as_str().unwrap().to_owned();
    records.iter().map(text).collect()
}

#[tokio::test]
async fn batches_are_posted_as_json_on_one_connection() {
    let (listener, port) = listen().await;
    // Any 2xx is an acknowledgement.
    let mut arrived = serve(listener, |_| (StatusCode::ACCEPTED, false));
    let telemetry = Telemetry::new();
    put(&telemetry, "e", to_http(port));
    for number in 0..5 {
        let text = number.to_string();
        say(&telemetry, &text);
        flush(&telemetry).await;
        let Arrived {
            connection,
            request,
        } = arrived.recv().await.unwrap();
        assert_eq!(connection, 0);
        assert_eq!(request.method(), "POST");
        assert_eq!(request.uri(), "/telemetry?from=kiln");
        assert_eq!(request.headers()[CONTENT_TYPE], "application/json");
        let host = format!("sandbox.localdomain:{port}");
        assert_eq!(request.headers()[HOST], host);
        assert_eq!(lines(request.body()), [text]);
    }
    assert_eq!(telemetry.take_lost(), []);
}

#[tokio::test]
async fn errors_and_closed_connections_lose_nothing() {
    let (listener, port) = listen().await;
    let answers: Answers = |number| match number % 3 {
        0 => (StatusCode::INTERNAL_SERVER_ERROR, false),
        1 => (StatusCode::OK, true),
        _ => (StatusCode::NOT_FOUND, true),
    };
    let mut arrived = serve(listener, answers);
    let telemetry = Telemetry::new();
    put(&telemetry, "e", to_http(port));
    let mut expected = Vec::new();
    for number in 0..4 {
        expected.push(number.to_string());
        say(&telemetry, &number.to_string());
        flush(&telemetry).await;
    }
    let mut seen = Vec::new();
    for number in 0.. {
        let Ok(Arrived { request, .. }) = arrived.try_recv() else {
            break;
        };
        if answers(number).0.is_success() {
            seen.extend(lines(request.body()));
        }
    }
    assert_eq!(seen, expected);
    assert_eq!(telemetry.take_lost(), []);
}

#[tokio::test]
async fn a_server_that_is_not_ready_yet_loses_nothing() {
    let (listener, port) = listen().await;
    let telemetry = Telemetry::new();
    say(&telemetry, "early");
    put(&telemetry, "e", to_http(port));
    let late = async {
        for _ in 0..2 {
            // Closed without an answer.
            listener.accept().await.unwrap();
        }
        serve(listener, |_| (StatusCode::OK, false))
    };
    let (mut arrived, ()) = tokio::join!(late, flush(&telemetry));
    let Arrived { request, .. } = arrived.recv().await.unwrap();
    assert_eq!(lines(request.body()), ["early"]);
    assert_eq!(telemetry.take_lost(), []);
}

#[tokio::test]
async fn where_nobody_listens_records_are_lost_and_counted() {
    // Held, so that nobody else listens there, either.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let port = socket.local_addr().unwrap().port();
    let telemetry = Telemetry::new();
    put(&telemetry, "http", to_http(port));
    put(&telemetry, "tcp", to(Destination::Tcp { port }));
    say(&telemetry, "lost");
    flush(&telemetry).await;
    let lost = telemetry.take_lost();
    assert_eq!(lost.len(), 2);
    for (lost, subscriber) in lost.iter().zip(["http", "tcp"]) {
        assert_eq!((lost.records, lost.bytes), (1, 4));
        assert_eq!(lost.subscriber, subscriber);
        assert!(lost.reason.contains("refused"), "{}", lost.reason);
    }
}

#[tokio::test]
async fn tcp_carries_one_record_in_a_line() {
    let (listener, port) = listen().await;
    let telemetry = Telemetry::new();
    put(&telemetry, "e", to(Destination::Tcp { port }));
    say(&telemetry, "one\ttwo");
    tell(&telemetry, start("id"));
    let accept = async || BufReader::new(listener.accept().await.unwrap().0).lines();
    let (mut first, ()) = tokio::join!(accept(), flush(&telemetry));
    let line = first.next_line().await.unwrap().unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&line).unwrap(),
        json!({"time": "1970-01-01T00:00:00.000Z", "type": "function", "record": "one\ttwo"})
    );
    assert!(
        first
            .next_line()
            .await
            .unwrap()
            .unwrap()
            .contains("platform.start")
    );
    say(&telemetry, "again");
    flush(&telemetry).await;
    assert!(first.next_line().await.unwrap().unwrap().contains("again"));
    // A subscriber that has closed its connection is called anew before anything is written.
    drop(first);
    say(&telemetry, "more");
    let (mut second, ()) = tokio::join!(accept(), flush(&telemetry));
    assert!(second.next_line().await.unwrap().unwrap().contains("more"));
    assert_eq!(telemetry.take_lost(), []);
}

/// A subscriber that never reads takes what the kernel takes for it, and no memory beyond its limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_for_somebody_who_does_not_read_is_bounded() {
    let (listener, port) = listen().await;
    let telemetry = Telemetry::new();
    put(&telemetry, "e", to(Destination::Tcp { port }));
    let text = "x".repeat(1_000);
    for _ in 0..100_000 {
        say(&telemetry, &text);
    }
    let began = std::time::Instant::now();
    assert!(
        !telemetry
            .flush(Instant::now() + Duration::from_millis(50))
            .await
    );
    assert!(began.elapsed() < Duration::from_secs(5));
    telemetry.end();
    let lost = telemetry.take_lost();
    assert_eq!(lost.len(), 1);
    // 100 MB were said. What is not lost is in the kernel's buffers.
    assert!((60_000..100_000).contains(&lost[0].records), "{lost:?}");
    assert_eq!(lost[0].bytes, lost[0].records * 1_000);
    drop(listener);
}
