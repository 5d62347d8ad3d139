//! A server that accepts connections and never answers must not take the whole invocation.

use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kiln::idempotency::{DynamoDbStore, Idempotency, IdempotencyError, RunError, StoreFailure};
use kiln::invocation::Invocation;

/// What the invocations of these tests have.
const LEFT: Duration = Duration::from_secs(1);

/// Accepts on a port of its own, and keeps what it has accepted.
fn silent() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let _accepted: Vec<TcpStream> = listener.incoming().map_while(Result::ok).collect();
    });
    port
}

/// Within an invocation that ends soon; fails if it would have been killed.
async fn in_time<F: Future>(future: F) -> F::Output {
    let mut context = kiln::Context::default();
    let end = SystemTime::now() + LEFT;
    let end = end.duration_since(UNIX_EPOCH).unwrap().as_millis();
    context.deadline = u64::try_from(end).unwrap();
    let begun = Instant::now();
    let output = Invocation::new(context).scope(future).await;
    assert!(begun.elapsed() < LEFT, "{:?}", begun.elapsed());
    output
}

#[tokio::test]
async fn of_idempotency_is_an_error_or_no_protection() {
    let endpoint = format!("http://127.0.0.1:{}", silent());
    let store = DynamoDbStore::new(client!(aws_sdk_dynamodb, endpoint), "idempotency");
    let charge = || async { Ok::<u32, String>(4490) };
    let fails = Idempotency::builder(store.clone()).disabled(false);
    let fails = fails.build().unwrap();
    let failed = in_time(fails.run("order", charge)).await.unwrap_err();
    let RunError::Idempotency(IdempotencyError::PersistenceLayer(error)) = failed else {
        panic!("{failed:?}");
    };
    assert!(error.is_timeout(), "{error:?}");

    let runs = Idempotency::builder(store)
        .disabled(false)
        .on_store_failure(StoreFailure::RunUnprotected)
        .build()
        .unwrap();
    assert_eq!(in_time(runs.run("order", charge)).await.unwrap(), 4490);
}
