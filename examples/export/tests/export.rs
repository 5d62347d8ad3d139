//! The export as callers get it.

#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

use axum::body::Body;
use axum::http::{Request, StatusCode};
use export::Ledger;
use http_body_util::BodyExt as _;
use kiln::tower::ServiceExt as _;

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_first_rows_do_not_wait_for_the_last() {
    let started = tokio::time::Instant::now();
    let answer = export::service(Ledger::default()).oneshot(get("/exports/2026-03"));
    let answer = answer.await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
    let mut body = answer.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "order,customer,cents\n");
    let second = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(second.starts_with(b"2026-03-000000,customer 0,100\n"));
    assert_eq!(started.elapsed().as_millis(), 20, "one page of ten is read");

    let rest = body.collect().await.unwrap().to_bytes();
    let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines(&second) + lines(&rest), 5_000);
    assert_eq!(started.elapsed().as_millis(), 200);
}

#[tokio::test(start_paused = true)]
async fn what_breaks_off_has_no_proper_end() {
    let ledger = Ledger {
        orders: 5_000,
        fails_at: Some(700),
    };
    let answer = export::service(ledger).oneshot(get("/exports/2026-03"));
    let error = answer
        .await
        .unwrap()
        .into_body()
        .collect()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("the ledger does not answer"));
}

#[tokio::test]
async fn nonsense_is_refused_before_the_stream_begins() {
    for month in ["2026", "2026-13", "2026-00", "26-03", "2026-3", "march"] {
        let path = format!("/exports/{month}");
        let answer = export::service(Ledger::default()).oneshot(get(&path));
        assert_eq!(
            answer.await.unwrap().status(),
            StatusCode::BAD_REQUEST,
            "{month}"
        );
    }
}
