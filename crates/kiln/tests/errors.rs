//! Error types as users write them.

use std::fmt::{Debug, Display};
use std::time::UNIX_EPOCH;

use kiln::deadline::{Deadline, DeadlineLayer};
use kiln::errors::StatusCode;
use kiln::idempotency::{Idempotency, IdempotencyError, MemoryStore, RunError};
use kiln::metrics::MetricsLayer;
use kiln::tower::{Layer as _, ServiceExt as _};
use kiln::tracing::TracingLayer;
use kiln::{Diagnostic, LambdaError, LambdaEvent, testing};

#[derive(Debug, thiserror::Error, LambdaError)]
#[error("the store does not answer")]
#[lambda_error(type = "StoreDown", retryable, status = 503)]
struct StoreError;

#[derive(Debug, thiserror::Error, LambdaError)]
enum OrderError {
    #[error("no order `{id}`")]
    #[lambda_error(status = 404)]
    NotFound { id: String },
    #[error(transparent)]
    #[lambda_error(transparent)]
    Store(#[from] StoreError),
    #[error("could not store")]
    #[lambda_error(transparent)]
    Boxed {
        #[from]
        source: Box<StoreError>,
    },
}

#[derive(Debug, thiserror::Error, LambdaError)]
#[error("bad {0}")]
struct Bad<T: Display>(T);

#[test]
fn types_retries_and_statuses_are_as_written() {
    let not_found = OrderError::NotFound { id: "7".to_owned() };
    let missing: RunError<StoreError> = IdempotencyError::MissingKey.into();
    let rows: [(&dyn LambdaError, &str, bool, u16); 7] = [
        (&not_found, "NotFound", false, 404),
        (&StoreError, "StoreDown", true, 503),
        (&OrderError::from(StoreError), "StoreDown", true, 503),
        (
            &OrderError::from(Box::new(StoreError)),
            "StoreDown",
            true,
            503,
        ),
        (&Bad("amount"), "Bad", false, 500),
        (&RunError::Handler(StoreError), "StoreDown", true, 503),
        (&missing, "IdempotencyMissingKey", false, 400),
    ];
    for (error, error_type, is_retryable, status) in rows {
        assert_eq!(error.error_type(), error_type);
        assert_eq!(error.is_retryable(), is_retryable, "{error}");
        assert_eq!(error.http_status(), StatusCode::from_u16(status).unwrap());
    }
}

#[tokio::test]
async fn a_handler_answers_with_the_type_and_the_message() {
    async fn find(event: LambdaEvent<String>) -> Result<(), OrderError> {
        Err(OrderError::NotFound { id: event.payload })
    }

    let answer = testing::invoke(find, testing::event("7".to_owned())).await;
    assert_is(&answer.unwrap_err(), "NotFound", "no order `7`");
}

#[tokio::test]
async fn a_handler_of_many_errors_turns_them_into_one() {
    async fn handle(event: LambdaEvent<u32>) -> Result<(), Diagnostic> {
        match event.payload {
            0 => Err(StoreError)?,
            1 => Err(Bad("amount"))?,
            _ => std::fs::metadata("/no/such/file").map(drop)?,
        }
        Ok(())
    }

    for (payload, error_type, message) in [
        (0, "StoreDown", "the store does not answer"),
        (1, "Bad", "bad amount"),
    ] {
        let answer = testing::invoke(handle, testing::event(payload)).await;
        assert_is(&answer.unwrap_err(), error_type, message);
    }
}

/// Also where a layer is not in `kiln::run`, which would name it.
#[tokio::test]
async fn a_layer_knows_an_error_of_the_library_in_a_box() {
    async fn late(_: LambdaEvent<u32>) -> Result<u32, kiln::Error> {
        Ok(Deadline::at(UNIX_EPOCH).within(async { 7 }).await?)
    }

    let provider = kiln::tracing::provider().build();
    let idempotency = Idempotency::builder(MemoryStore::new())
        .disabled(false)
        .build()
        .unwrap();
    let is_late = |diagnostic: Diagnostic| {
        let message = "the deadline of the invocation has passed";
        assert_is(&diagnostic, "DeadlineExceeded", message);
    };
    let event = || testing::event(7_u32);
    let handler = kiln::service_fn(late);
    let service = DeadlineLayer::new().layer(handler);
    is_late(service.oneshot(event()).await.unwrap_err());
    let service = MetricsLayer::new().layer(handler);
    is_late(service.oneshot(event()).await.unwrap_err());
    for enabled in [true, false] {
        let layer = TracingLayer::new(provider.clone()).enabled(enabled);
        is_late(layer.layer(handler).oneshot(event()).await.unwrap_err());
    }
    let layer = idempotency.layer(|event: &LambdaEvent<u32>| event.payload);
    is_late(layer.layer(handler).oneshot(event()).await.unwrap_err());
    let ran = idempotency.run(8, || late(event())).await;
    is_late(ran.unwrap_err().into());
}

#[track_caller]
fn assert_is(diagnostic: &Diagnostic, error_type: &str, message: &str) {
    assert_eq!(diagnostic.error_type, error_type);
    assert_eq!(diagnostic.error_message, message);
}
