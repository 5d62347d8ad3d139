//! The work: measure what the platform tells, and sum it up when the environment ends.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lambda_extension::{LambdaTelemetry, LambdaTelemetryRecord, NextEvent, Status, tracing};
use serde_json::Value;

/// What the platform told so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// Lines of the function.
    pub lines: u64,
    /// Invocations that ended.
    pub invocations: u64,
    /// How many of them did not end well.
    pub failures: u64,
    /// Time of the initialization, in milliseconds.
    pub init_ms: f64,
    /// Time billed, in milliseconds.
    pub billed_ms: u64,
}

/// What is remembered between batches.
#[derive(Debug, Default)]
pub struct Processor {
    summary: Mutex<Summary>,
}

impl Processor {
    /// Takes one batch. Batches arrive while the function runs and up to the environment's end.
    pub fn process(&self, batch: &[LambdaTelemetry<Value>]) {
        let mut summary = self.lock();
        for telemetry in batch {
            match &telemetry.record {
                LambdaTelemetryRecord::Function(_) => summary.lines += 1,
                LambdaTelemetryRecord::PlatformInitReport { metrics, .. } => {
                    summary.init_ms += metrics.duration_ms;
                }
                LambdaTelemetryRecord::PlatformReport {
                    status, metrics, ..
                } => {
                    summary.invocations += 1;
                    summary.failures += u64::from(*status != Status::Success);
                    summary.billed_ms += metrics.billed_duration_ms;
                }
                _ => {}
            }
        }
    }

    /// Sums up, when this event is the environment's end.
    pub fn finish(&self, event: &NextEvent) {
        if let NextEvent::Shutdown(shutdown) = event {
            let summary = self.summary();
            tracing::info!(
                reason = shutdown.shutdown_reason,
                lines = summary.lines,
                invocations = summary.invocations,
                failures = summary.failures,
                init_ms = summary.init_ms,
                billed_ms = summary.billed_ms,
                "environment ends"
            );
        }
    }

    /// What the platform told so far.
    pub fn summary(&self) -> Summary {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Summary> {
        // A panic elsewhere cannot have left a number half written.
        self.summary.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
