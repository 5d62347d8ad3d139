//! What the log knows of an invocation.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::buffer::Kept;
use super::pointer;
use super::shared::Shared;
use crate::invocation::Invocation;
use crate::json;

/// The event as it came, for what is found in it by path.
#[derive(Clone, Debug)]
pub(super) struct RawEvent(pub(super) Bytes);

/// The id that leads from one service's log to the next one's.
#[derive(Clone, Debug)]
pub(super) struct CorrelationId(pub(super) Arc<str>);

/// Of one invocation, and the log that it is written to.
#[derive(Clone, Debug)]
pub(super) struct Logged {
    shared: Arc<Shared>,
    /// Whether DEBUG lines are written.
    pub(super) sampled: bool,
    /// The keys of the context, as a line has them.
    pub(super) context: Arc<str>,
    kept: Arc<Mutex<Kept>>,
}

impl Logged {
    /// That of this invocation, made when its first line is written.
    pub(super) fn of(invocation: &Invocation, shared: &Arc<Shared>) -> Self {
        if let Some(logged) = Self::existing(invocation) {
            return logged;
        }
        let event = invocation.parts().get::<RawEvent>().cloned();
        let pointer = shared.correlation_id_path.as_deref();
        let correlation_id = pointer
            .zip(event)
            .and_then(|(pointer, RawEvent(body))| pointer::find(&body, pointer));
        let logged = Self {
            shared: Arc::clone(shared),
            sampled: draw(shared.settings.sample_rate, &invocation.context.request_id),
            context: context(invocation).into(),
            kept: Arc::default(),
        };
        let mut extensions = invocation.parts();
        if let Some(id) = correlation_id
            && extensions.get::<CorrelationId>().is_none()
        {
            extensions.insert(CorrelationId(id.into()));
        }
        // Another thread may have been faster.
        extensions.get_or_insert(logged).clone()
    }

    /// That of this invocation, if a line was written.
    pub(super) fn existing(invocation: &Invocation) -> Option<Self> {
        invocation.parts().get::<Self>().cloned()
    }

    /// Keeps a line for later, and returns whether there is room for it.
    pub(super) fn keep(&self, line: &str, max_bytes: usize) -> bool {
        self.kept().keep(line, max_bytes)
    }

    /// Writes what was kept.
    pub(super) fn flush(&self, invocation: &Invocation) {
        // Taken first: nothing is written twice, and nothing under the lock.
        let (lines, dropped) = self.kept().take();
        for line in lines {
            self.shared.output.write(&line);
        }
        if dropped > 0 {
            let message = format!(
                "{dropped} log lines are not displayed because the buffer was full: increase its size to keep more"
            );
            self.shared.warn(message, self, invocation);
        }
    }

    /// Forgets what was kept.
    pub(super) fn forget(&self) {
        self.kept().take();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this one is among the share.
///
/// With its name: what is random of a process is the same in all that are restored from one snapshot.
pub(super) fn draw(rate: f64, of: &str) -> bool {
    if rate <= 0.0 {
        return false;
    }
    // Keyed at random, and differently each time: enough for a lot, without a crate.
    let number = RandomState::new().hash_one(of);
    #[expect(clippy::cast_precision_loss, reason = "a share needs no 64 digits")]
    let share = number as f64 / u64::MAX as f64;
    share < rate || rate >= 1.0
}

/// The keys of the context in their order.
fn context(invocation: &Invocation) -> String {
    let context = &invocation.context;
    let mut keys = String::with_capacity(384);
    // Writing to a string does not fail.
    let _infallible = write!(keys, ",\"cold_start\":{}", invocation.cold_start);
    keys.push_str(",\"function_name\":");
    json::string(&mut keys, &context.env_config.function_name);
    let memory = context.env_config.memory;
    let _infallible = write!(keys, ",\"function_memory_size\":{memory}");
    keys.push_str(",\"function_arn\":");
    json::string(&mut keys, &context.invoked_function_arn);
    keys.push_str(",\"function_request_id\":");
    json::string(&mut keys, &context.request_id);
    if let Some(header) = &context.xray_trace_id {
        keys.push_str(",\"xray_trace_id\":");
        json::string(&mut keys, trace_id(header));
    }
    keys
}

/// The trace of an X-Ray header, `Root=1-…;Parent=…;Sampled=1`, by which it is found.
fn trace_id(header: &str) -> &str {
    header
        .split(';')
        .find_map(|part| part.trim().strip_prefix("Root="))
        .unwrap_or(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_known_by_its_root() {
        for (header, id) in [
            (
                "Root=1-5759e988-bd862e3f;Parent=53995c3f;Sampled=1",
                "1-5759e988-bd862e3f",
            ),
            ("Parent=5; Root=1-2-3", "1-2-3"),
            ("something else", "something else"),
        ] {
            assert_eq!(trace_id(header), id);
        }
    }

    #[test]
    fn a_draw_takes_its_share() {
        let taken = |rate| (0..2_000).filter(|_| draw(rate, "r-1")).count();
        assert_eq!(taken(0.0), 0);
        assert_eq!(taken(1.0), 2_000);
        // Ten standard deviations from the mean.
        assert!((776..1_224).contains(&taken(0.5)));
    }
}
