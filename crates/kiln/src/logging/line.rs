//! A line, as JSON or as text.

use std::fmt::Write as _;

use tracing::Level;

use super::fields::Fields;
use super::level;
use super::settings::Format;
use super::shared::Shared;
use super::state::{CorrelationId, Logged};
use super::timestamp;
use crate::invocation::Invocation;
use crate::json;

/// What a line itself has under these names comes first; a field that is called so gets a `_` behind
/// its name. Two members of one name would leave it to the reader which one counts, and Lambda's
/// filter reads `level` and `timestamp`.
const TAKEN: [&str; 16] = [
    "level",
    "location",
    "message",
    "timestamp",
    "service",
    "cold_start",
    "function_name",
    "function_memory_size",
    "function_arn",
    "function_request_id",
    "xray_trace_id",
    "correlation_id",
    "tenant_id",
    "sampling_rate",
    "target",
    "fields_dropped",
];

/// Where a record comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) level: Level,
    pub(super) module: &'a str,
    pub(super) line: Option<u32>,
    pub(super) target: &'a str,
}

/// Appends a line, with its line break.
pub(super) fn write(
    out: &mut String,
    shared: &Shared,
    head: &Head<'_>,
    fields: &Fields,
    of: Option<(&Invocation, &Logged)>,
) {
    match shared.settings.format {
        Format::Json => write_json(out, shared, head, fields, of),
        Format::Text => write_text(out, shared, head, fields, of),
    }
    out.push('\n');
}

fn write_json(
    out: &mut String,
    shared: &Shared,
    head: &Head<'_>,
    fields: &Fields,
    of: Option<(&Invocation, &Logged)>,
) {
    let settings = &shared.settings;
    out.push_str("{\"level\":\"");
    out.push_str(level::name(head.level));
    out.push_str("\",\"location\":\"");
    write_location(out, head);
    out.push_str("\",\"message\":");
    json::string(out, &fields.message);
    out.push_str(",\"timestamp\":\"");
    timestamp::write(out, shared.now());
    out.push_str("\",\"service\":");
    json::string(out, &settings.service);
    if let Some((invocation, logged)) = of {
        out.push_str(&logged.context);
        let id = invocation.parts().get::<CorrelationId>().cloned();
        if let Some(CorrelationId(id)) = id {
            out.push_str(",\"correlation_id\":");
            json::string(out, &id);
        }
        if let Some(tenant) = &invocation.context.tenant_id {
            out.push_str(",\"tenant_id\":");
            json::string(out, tenant);
        }
    }
    if settings.sample_rate > 0.0 {
        out.push_str(",\"sampling_rate\":");
        json::float(out, settings.sample_rate);
    }
    if head.target != head.module {
        out.push_str(",\"target\":");
        json::string(out, head.target);
    }
    for (name, value) in &shared.keys {
        if !fields.has(name) {
            write_member(out, name, value);
        }
    }
    for (name, value) in fields.iter() {
        write_member(out, name, value);
    }
    if fields.dropped > 0 {
        let _infallible = write!(out, ",\"fields_dropped\":{}", fields.dropped);
    }
    out.push('}');
}

fn write_member(out: &mut String, name: &str, value: &str) {
    out.push_str(",\"");
    json::escape(out, name, true);
    if TAKEN.contains(&name) {
        out.push('_');
    }
    out.push_str("\":");
    out.push_str(value);
}

/// Time, level, place, message, fields, request id.
fn write_text(
    out: &mut String,
    shared: &Shared,
    head: &Head<'_>,
    fields: &Fields,
    of: Option<(&Invocation, &Logged)>,
) {
    timestamp::write(out, shared.now());
    let _infallible = write!(out, " {:>5} ", level::name(head.level));
    write_location(out, head);
    out.push_str(": ");
    json::escape(out, &fields.message, false);
    let mut pair = |name: &str, value: &str| {
        out.push(' ');
        json::escape(out, name, false);
        out.push('=');
        out.push_str(value);
    };
    for (name, value) in fields.iter() {
        pair(name, value);
    }
    for (name, value) in &shared.keys {
        if !fields.has(name) {
            pair(name, value);
        }
    }
    if let Some((invocation, _)) = of {
        out.push_str(" request_id=");
        json::escape(out, &invocation.context.request_id, false);
    }
}

fn write_location(out: &mut String, head: &Head<'_>) {
    json::escape(out, head.module, true);
    if let Some(line) = head.line {
        let _infallible = write!(out, ":{line}");
    }
}
