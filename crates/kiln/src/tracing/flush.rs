//! Sends what is traced, in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::sync::Mutex;

/// Flushes a provider: one flush at a time, each awaited no longer than there is time for.
#[derive(Clone, Debug)]
pub(super) struct Flusher {
    provider: SdkTracerProvider,
    /// Held by the thread that flushes: while one hangs, no other is started.
    running: Arc<Mutex<()>>,
    /// Whether the time was up for the last one that was awaited.
    given_up: Arc<AtomicBool>,
}

impl Flusher {
    pub(super) fn new(provider: SdkTracerProvider) -> Self {
        Self {
            provider,
            running: Arc::default(),
            given_up: Arc::default(),
        }
    }

    /// Sends all spans that have ended. What fails is a warning: the invocation has an answer, and
    /// that is what it is for.
    ///
    /// When time is up the flush goes on by itself, in this invocation or the next. As long as it does,
    /// nobody waits for it again: what ends meanwhile is sent by the first flush behind it.
    pub(super) async fn flush(&self, within: Duration) {
        if self.given_up.load(Ordering::Relaxed) && self.running.try_lock().is_err() {
            return;
        }
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
        let flushed = tokio::time::timeout(within, flushed).await;
        self.given_up.store(flushed.is_err(), Ordering::Relaxed);
        match flushed {
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
