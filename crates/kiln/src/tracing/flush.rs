//! Sends what is traced, in time.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::sync::Mutex;

/// Flushes a provider: one flush at a time, each awaited no longer than there is time for.
#[derive(Clone, Debug)]
pub(super) struct Flusher {
    provider: SdkTracerProvider,
    /// Held by the thread that flushes: while one hangs, no other is started.
    running: Arc<Mutex<()>>,
}

impl Flusher {
    pub(super) fn new(provider: SdkTracerProvider) -> Self {
        Self {
            provider,
            running: Arc::default(),
        }
    }

    /// Sends all spans that have ended. What fails is a warning: the invocation has an answer, and
    /// that is what it is for.
    ///
    /// When time is up the flush goes on by itself, in this invocation or the next.
    pub(super) async fn flush(&self, within: Duration) {
        let flushed = async {
            let running = self.running.clone().lock_owned().await;
            let provider = self.provider.clone();
            // The SDK blocks the thread until the collector has answered.
            let flushing = tokio::task::spawn_blocking(move || {
                let flushed = provider.force_flush();
                drop(running);
                flushed
            });
            flushing.await
        };
        match tokio::time::timeout(within, flushed).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => ::tracing::warn!("spans were not sent: {error}"),
            Ok(Err(_panicked)) => ::tracing::warn!("spans were not sent: the exporter panicked"),
            Err(_elapsed) => {
                let within = within.as_millis();
                ::tracing::warn!("spans were not sent within {within} ms");
            }
        }
    }
}
