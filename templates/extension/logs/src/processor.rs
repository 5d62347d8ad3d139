//! The work: count what the function's log tells, and sum it up when the environment ends.
//!
//! The Telemetry API tells more than the Logs API used here, and is where AWS adds things.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lambda_extension::{LambdaLog, LambdaLogRecord, NextEvent, tracing};

/// What the log told so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines of the function.
    pub lines: u64,
    /// Invocations that ended.
    pub invocations: u64,
    /// Time billed for them, in milliseconds.
    pub billed_ms: u64,
    /// Records that Lambda dropped because this extension was too slow.
    pub dropped: u64,
}

/// What is remembered between batches.
#[derive(Debug, Default)]
pub struct Processor {
    summary: Mutex<Summary>,
}

impl Processor {
    /// Takes one batch. Batches arrive while the function runs and up to the environment's end.
    pub fn process(&self, batch: &[LambdaLog]) {
        let mut summary = self.lock();
        for log in batch {
            match &log.record {
                LambdaLogRecord::Function(_) => summary.lines += 1,
                LambdaLogRecord::PlatformReport { metrics, .. } => {
                    summary.invocations += 1;
                    summary.billed_ms += metrics.billed_duration_ms;
                }
                LambdaLogRecord::PlatformLogsDropped {
                    dropped_records, ..
                } => summary.dropped += dropped_records,
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
                billed_ms = summary.billed_ms,
                dropped = summary.dropped,
                "environment ends"
            );
        }
    }

    /// What the log told so far.
    pub fn summary(&self) -> Summary {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Summary> {
        // A panic elsewhere cannot have left a number half written.
        self.summary.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
