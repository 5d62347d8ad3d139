//! Records become lines.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::buffer::Buffer;
use super::fields::Fields;
use super::line::{self, Head};
use super::shared::Shared;
use super::state::{Logged, RawEvent};
use crate::invocation::{self, Invocation};

/// The target of the record that says which event came.
pub(super) const EVENT_TARGET: &str = "kiln::logging::event";
/// Where `lambda_runtime` logs the failures of handlers.
const RUNTIME_FAILURES: &str = "lambda_runtime::layers::panic";

/// Whether [`run`](crate::run()) logs the failures of the handler itself.
static FAILURES_ARE_LOGGED: AtomicBool = AtomicBool::new(false);

/// Says that failures of the handler are logged elsewhere, so that `lambda_runtime`'s record of each,
/// made when the invocation is over and its request id gone, is not wanted.
pub(crate) fn failures_are_logged() {
    FAILURES_ARE_LOGGED.store(true, Ordering::Relaxed);
}

thread_local! {
    /// What the last line of this thread was made of, for the next one.
    static SCRATCH: Cell<Scratch> = Cell::default();
}

#[derive(Debug, Default)]
struct Scratch {
    fields: Fields,
    line: String,
}

/// Does not keep the space of an uncommonly long line.
const SCRATCH_LIMIT: usize = 64 * 1024;

/// Which records are wanted.
#[derive(Debug)]
pub(super) struct LogFilter(pub(super) Arc<Shared>);

/// Writes lines.
#[derive(Debug)]
pub(super) struct LogLayer(pub(super) Arc<Shared>);

/// The fields of a span, and the invocation it was made in.
struct SpanData {
    fields: Fields,
    /// For what is logged within it where no task leads to the invocation, on managed instances.
    invocation: Option<Arc<Invocation>>,
}

impl Shared {
    /// Whether a record is written whatever the invocation.
    fn is_wanted(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.target() == EVENT_TARGET && !self.settings.log_event {
            return false;
        }
        let levels = &self.settings.levels;
        levels.would_enable(metadata.target(), metadata.level())
    }

    /// Whether a record is wanted in some invocations: where it is sampled or kept back.
    fn is_detail(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        if target == EVENT_TARGET || self.settings.is_carrier(target) {
            return false;
        }
        let within = |detail| *metadata.level() <= detail;
        // What a directive has made quieter than the rest stays so.
        let levels = &self.settings.levels;
        let is_rest = || {
            let rest = levels.default_level().unwrap_or(LevelFilter::OFF);
            rest.into_level()
                .is_some_and(|rest| levels.would_enable(target, &rest))
        };
        self.detail().is_some_and(within) && is_rest()
    }

    /// Whether records of this level are kept back. Errors never are.
    fn is_kept_level(&self, level: Level) -> bool {
        let kept = |buffer: &Buffer| level >= buffer.level && level != Level::ERROR;
        self.buffer.as_ref().is_some_and(kept)
    }

    fn is_unwanted_failure(metadata: &Metadata<'_>) -> bool {
        metadata.target() == RUNTIME_FAILURES && FAILURES_ARE_LOGGED.load(Ordering::Relaxed)
    }
}

/// The invocation that a record belongs to: that of the task, or of the spans it is in.
fn invocation_of<'a, S>(mut spans: impl Iterator<Item = SpanRef<'a, S>>) -> Option<Arc<Invocation>>
where
    S: for<'b> LookupSpan<'b> + 'a,
{
    invocation::current().or_else(|| {
        spans.find_map(|span| {
            let extensions = span.extensions();
            extensions.get::<SpanData>()?.invocation.clone()
        })
    })
}

impl<S> Filter<S> for LogFilter
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        let Self(shared) = self;
        if Shared::is_unwanted_failure(metadata) {
            return false;
        }
        shared.is_wanted(metadata)
            || shared.is_detail(metadata)
                && match invocation_of(
                    context
                        .lookup_current()
                        .into_iter()
                        .flat_map(|span| span.scope()),
                ) {
                    Some(_) if shared.is_kept_level(*metadata.level()) => true,
                    Some(invocation) => Logged::of(&invocation, shared).sampled,
                    None => shared.sampled,
                }
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        let Self(shared) = self;
        if metadata.target() == RUNTIME_FAILURES {
            Interest::sometimes()
        } else if shared.is_wanted(metadata) {
            Interest::always()
        } else if shared.is_detail(metadata) {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let Self(shared) = self;
        let levels = &shared.settings.levels;
        let default = levels.default_level();
        let most = levels.iter().map(|(_, level)| level).max().max(default);
        most.max(shared.detail().map(LevelFilter::from_level))
    }
}

impl<S> Layer<S> for LogLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        let mut fields = Fields::default();
        // The runtime's own span says again what every line says.
        if !attributes.metadata().target().starts_with("lambda_runtime") {
            attributes.record(&mut fields.visitor(&self.0.redaction));
        }
        let invocation = invocation::current();
        span.extensions_mut()
            .insert(SpanData { fields, invocation });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        if span.metadata().target().starts_with("lambda_runtime") {
            return;
        }
        // Before the span is locked: values are written by code of others.
        let mut fields = Fields::default();
        values.record(&mut fields.visitor(&self.0.redaction));
        if let Some(data) = span.extensions_mut().get_mut::<SpanData>() {
            for (name, value) in data.fields.iter() {
                fields.inherit(name, value);
            }
            data.fields = fields;
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Self(shared) = self;
        let mut scratch = SCRATCH.take();
        scratch.fields.clear();
        scratch.line.clear();
        event.record(&mut scratch.fields.visitor(&shared.redaction));

        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(data) = span.extensions().get::<SpanData>() {
                for (name, value) in data.fields.iter() {
                    scratch.fields.inherit(name, value);
                }
            }
        }
        let invocation = invocation_of(context.event_scope(event).into_iter().flatten());
        shared.log(event.metadata(), invocation.as_deref(), &mut scratch);
        if scratch.line.capacity() <= SCRATCH_LIMIT {
            SCRATCH.set(scratch);
        }
    }
}

impl Shared {
    fn log(
        self: &Arc<Self>,
        metadata: &Metadata<'_>,
        invocation: Option<&Invocation>,
        scratch: &mut Scratch,
    ) {
        let Scratch { fields, line } = scratch;
        let of = invocation.map(|invocation| (invocation, Logged::of(invocation, self)));
        let of = of
            .as_ref()
            .map(|(invocation, logged)| (*invocation, logged));
        if metadata.target() == EVENT_TARGET {
            let event = of.and_then(|(of, _)| of.parts().get::<RawEvent>().cloned());
            let Some(RawEvent(body)) = event else { return };
            fields.document("event", &String::from_utf8_lossy(&body), &self.redaction);
        }
        let head = Head {
            level: *metadata.level(),
            module: metadata.module_path().unwrap_or(metadata.target()),
            line: metadata.line(),
            target: metadata.target(),
        };
        line::write(line, self, &head, fields, of);

        let sampled = of.map_or(self.sampled, |(_, logged)| logged.sampled);
        if let (Some(buffer), Some((invocation, logged)), false) = (&self.buffer, of, sampled)
            && self.is_kept_level(*metadata.level())
        {
            if !logged.keep(line, buffer.max_bytes) {
                let message = format!(
                    "the next log line is not kept back because its {} bytes are more than the buffer holds: increase its size to keep it",
                    line.len()
                );
                self.warn(message, logged, invocation);
                self.output.write(line);
            }
            return;
        }
        if let (Some(buffer), Some((invocation, logged))) = (&self.buffer, of)
            && buffer.flush_on_error
            && *metadata.level() == Level::ERROR
        {
            logged.flush(invocation);
        }
        self.output.write(line);
    }
}
