//! The work: follow what the environment does, and sum it up when it ends.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};

use lambda_extension::{NextEvent, tracing};

/// What is remembered between events.
#[derive(Debug, Default)]
pub struct Processor {
    invocations: AtomicU64,
}

impl Processor {
    /// Takes one event. The environment freezes as soon as function and extensions are done with
    /// it: keep this short, or finish the work at the next event.
    pub fn process(&self, event: &NextEvent) -> Result<(), Infallible> {
        match event {
            NextEvent::Invoke(invoke) => {
                let invocation = 1 + self.invocations.fetch_add(1, Ordering::Relaxed);
                tracing::info!(
                    request_id = invoke.request_id,
                    invocation,
                    "invocation started"
                );
            }
            // Two seconds are left, for all extensions together.
            NextEvent::Shutdown(shutdown) => tracing::info!(
                reason = shutdown.shutdown_reason,
                invocations = self.invocations(),
                "environment ends"
            ),
        }
        Ok(())
    }

    /// Invocations seen so far.
    pub fn invocations(&self) -> u64 {
        self.invocations.load(Ordering::Relaxed)
    }
}
