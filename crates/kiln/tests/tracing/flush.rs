//! Collectors that fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
use kiln::tracing::TracingLayer;
use kiln::{Diagnostic, LambdaEvent};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use tokio::sync::Semaphore;

use crate::event;

async fn echo(event: LambdaEvent<String>) -> Result<String, Diagnostic> {
    Ok(event.payload)
}

/// Does not answer as long as the test lasts. The SDK's flush blocks a thread for five seconds, for
/// which the test's runtime would wait.
#[derive(Clone, Debug)]
struct Dead {
    begun: Arc<AtomicUsize>,
    buried: Arc<Semaphore>,
}

impl Dead {
    fn new() -> Self {
        Self {
            begun: Arc::default(),
            buried: Arc::new(Semaphore::new(0)),
        }
    }

    /// A layer that sends its spans there.
    fn layer(&self) -> TracingLayer {
        let provider = kiln::tracing::provider().with_batch_exporter(self.clone());
        TracingLayer::new(provider.build()).enabled(true)
    }

    /// Ends what it has begun.
    fn bury(&self) {
        self.buried.close();
    }
}

impl SpanExporter for Dead {
    async fn export(&self, _batch: Vec<SpanData>) -> OTelSdkResult {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let _closed = self.buried.acquire().await;
        Ok(())
    }
}

/// Always refuses.
#[derive(Debug)]
struct Refusing;

impl SpanExporter for Refusing {
    async fn export(&self, _batch: Vec<SpanData>) -> OTelSdkResult {
        Err(OTelSdkError::InternalFailure("refused".to_owned()))
    }
}

#[tokio::test]
async fn a_dead_collector_costs_its_time_once_as_long_as_it_hangs() {
    const WITHIN: Duration = Duration::from_secs(2);
    let dead = Dead::new();
    let service = dead.layer().flush_within(WITHIN).layer(service_fn(echo));
    let started = Instant::now();
    for _ in 0..100 {
        let answer = service.clone().oneshot(event(None)).await;
        assert_eq!(answer.unwrap(), "payload-7");
    }
    // Neither the five seconds of the SDK, nor its time for each of them.
    assert!(started.elapsed() < 2 * WITHIN, "{:?}", started.elapsed());
    assert_eq!(dead.begun.load(Ordering::Relaxed), 1);
    // When it is back, spans are sent again.
    dead.bury();
    while dead.begun.load(Ordering::Relaxed) == 1 {
        assert!(started.elapsed() < Duration::from_secs(60));
        service.clone().oneshot(event(None)).await.unwrap();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_flush_stops_before_the_deadline() {
    let dead = Dead::new();
    let layer = dead.layer().flush_within(Duration::from_secs(60));
    let mut event = event(None);
    let deadline = SystemTime::now() + Duration::from_millis(200);
    let deadline = deadline.duration_since(UNIX_EPOCH).unwrap().as_millis();
    event.context.deadline = u64::try_from(deadline).unwrap();
    let answer = layer.layer(service_fn(echo)).oneshot(event);
    let answer = tokio::time::timeout(Duration::from_secs(4), answer).await;
    assert_eq!(answer.unwrap().unwrap(), "payload-7");
    dead.bury();
}

#[tokio::test]
async fn what_is_not_sent_does_not_fail_the_invocation() {
    let provider = kiln::tracing::provider()
        .with_batch_exporter(Refusing)
        .build();
    let service = TracingLayer::new(provider)
        .enabled(true)
        .layer(service_fn(echo));
    assert_eq!(service.oneshot(event(None)).await.unwrap(), "payload-7");
}
