//! What every part of a log has in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tracing::Level;

use super::buffer::Buffer;
use super::fields::Fields;
use super::line::{self, Head};
use super::settings::Settings;
use super::state::Logged;
use crate::clock::Clock;
use crate::invocation::Invocation;
use crate::output::Output;
use crate::redact::Redaction;

/// Whether there is a log that wants events as they come: they are kept in memory for it.
static WANTS_EVENTS: AtomicBool = AtomicBool::new(false);

pub(super) fn wants_events() -> bool {
    WANTS_EVENTS.load(Ordering::Relaxed)
}

/// A log as it was configured.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) buffer: Option<Buffer>,
    pub(super) redaction: Redaction,
    pub(super) correlation_id_path: Option<String>,
    /// Constant keys with their values as JSON.
    pub(super) keys: Vec<(String, String)>,
    /// Whether DEBUG lines are written that belong to no invocation: drawn once.
    pub(super) sampled: bool,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) output: Output,
}

impl Shared {
    /// Says what is wanted beside records.
    pub(super) fn announce(&self) {
        if self.settings.log_event || self.correlation_id_path.is_some() {
            WANTS_EVENTS.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.since_epoch()
    }

    /// The most talkative level that is kept back or sampled, of what the level leaves out.
    pub(super) fn detail(&self) -> Option<Level> {
        let sampled = (self.settings.sample_rate > 0.0).then_some(Level::DEBUG);
        let kept = self.buffer.as_ref();
        let kept = kept.map(|buffer| buffer.level.max(Level::DEBUG));
        // The more talkative of two levels is the greater.
        let level = sampled.max(kept)?;
        (level <= self.settings.ceiling).then_some(level)
    }

    /// Says what the buffer could not do, in a line of the invocation.
    pub(super) fn warn(&self, message: String, logged: &Logged, invocation: &Invocation) {
        let head = Head {
            level: Level::WARN,
            module: module_path!(),
            line: None,
            target: module_path!(),
        };
        let mut fields = Fields::default();
        fields.message = message;
        let mut line = String::new();
        line::write(&mut line, self, &head, &fields, Some((invocation, logged)));
        self.output.write(&line);
    }
}
