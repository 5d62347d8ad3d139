//! What an environment tells: the caller's answer, the log, the report.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use kiln_protocol::extension_event::Tracing;
use kiln_protocol::invoke::PlatformError;
use kiln_protocol::log_line::{self, Report, Status};
use kiln_protocol::telemetry_record::{
    self, Category, InitializationType, Millis, Record, ReportMetrics, RuntimeDoneMetrics, Span,
    SpanName,
};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Active, Core, Environment, LogSource, Posted};
use crate::invocation::{InvocationReport, InvocationResult, Outcome};
use crate::lifecycle::Settlement;
use crate::timestamp::timestamp;

/// How old the figure of the peak memory may be in a report nobody waits for. Asking the kernel takes
/// as long as a tenth of a warm invocation, and a peak only grows.
const MEMORY_INTERVAL: Duration = Duration::from_millis(50);

/// The moments of an invocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// By the clock on the wall.
    began_at: SystemTime,
    pub(super) began: Instant,
    /// The first of the answer came.
    pub(super) responded: Option<Instant>,
    /// The last of it.
    answered: Option<Instant>,
    /// The runtime asked for the next event.
    pub(super) returned: Option<Instant>,
}

impl Times {
    /// Those of an invocation that begins now.
    pub(super) fn begin() -> Self {
        Self {
            began_at: SystemTime::now(),
            began: Instant::now(),
            responded: None,
            answered: None,
            returned: None,
        }
    }

    fn span(&self, name: SpanName, from: Option<Instant>, to: Option<Instant>) -> Option<Span> {
        let (from, to) = from.zip(to)?;
        let start = self.began_at + from.saturating_duration_since(self.began);
        Some(Span {
            name,
            start: timestamp(start),
            duration_ms: Millis(to.saturating_duration_since(from)),
        })
    }

    /// The runtime's parts of the invocation, as far as it came.
    fn runtime_spans(&self) -> Vec<Span> {
        let began = Some(self.began);
        [
            self.span(SpanName::ResponseLatency, began, self.responded),
            self.span(SpanName::ResponseDuration, self.responded, self.answered),
            self.span(SpanName::RuntimeOverhead, self.answered, self.returned),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Environment {
    /// Writes the START line, once, before anything else of the invocation.
    pub(super) fn log_start(&self, active: &mut Active) {
        if active.start_logged {
            return;
        }
        active.start_logged = true;
        let version = &self.config.identity.function_version;
        let invocation = &active.invocation;
        let line = log_line::start(&invocation.request_id, version);
        self.tell(&[line], || {
            vec![Record::Start {
                request_id: invocation.request_id.clone(),
                function_arn: Some(invocation.function_arn.clone()),
                version: Some(version.clone()),
                tenant_id: invocation.tenant_id.clone(),
                tracing: Some(Tracing::new(&invocation.trace_id)),
            }]
        });
    }

    /// The runtime's part of the invocation is done, which is told at once: there are extensions that
    /// ask for their next event only when they have had this record, and with it all of the function's
    /// lines.
    pub(super) fn runtime_done(&self, active: &mut Active) {
        active.times.returned = Some(Instant::now());
        if self.config.json_log.is_none() && !self.telemetry.wants(Category::Platform) {
            return;
        }
        active.runtime_done_told = true;
        self.tell(&[], || vec![runtime_done(active, &Status::Success)]);
    }

    /// Writes the invocation's last lines, tells the host; returns the answer to a caller that waited
    /// for the log.
    pub(super) fn finish(
        &self,
        core: &mut Core,
        mut active: Active,
        status: Status,
    ) -> Option<CallerAnswer> {
        let duration = match &active.platform_error {
            // The invocation took as long as it was allowed to.
            Some(PlatformError::TimedOut(timeout)) => *timeout,
            _ => active.times.began.elapsed(),
        };
        if active.invocation.tail || core.peak_measured.elapsed() >= MEMORY_INTERVAL {
            core.measure_memory();
        }
        self.log_start(&mut active);
        let report = Report {
            duration,
            init_duration: active.init_duration,
            memory_size_mb: self.config.memory_mb,
            max_memory_used_mb: core.peak_memory.map(|bytes| bytes.div_ceil(1024 * 1024)),
            status,
        };
        let request_id = &active.invocation.request_id;
        let mut last_lines = match &active.platform_error {
            Some(error) => log_line::failure(error, request_id, &timestamp(SystemTime::now())),
            None => Vec::new(),
        };
        let fault = last_lines.first().cloned();
        last_lines.push(log_line::end(request_id));
        last_lines.push(match &active.restore {
            Some(restore) => report.line_after_restore(request_id, restore),
            None => report.line(request_id),
        });
        let managed = self.config.max_concurrency.is_some();
        self.tell(&last_lines, || {
            let done = (!active.runtime_done_told).then(|| runtime_done(&active, &report.status));
            let last = last_records(&active, &report, fault, managed);
            done.into_iter().chain(last).collect()
        });
        let log_tail = self.logs.as_ref().and_then(|logs| logs.lock().take_tail());
        let Active {
            invocation,
            deferred,
            function_error,
            inline_init,
            restore,
            ..
        } = active;
        let answer = deferred
            .zip(invocation.reply)
            .map(|(result, reply)| CallerAnswer {
                reply,
                outcome: Outcome { result, log_tail },
            });
        let total = invocation.arrived.elapsed().unwrap_or(duration);
        // One that was started ahead kept nobody waiting.
        let ahead = self.config.initialization == InitializationType::ProvisionedConcurrency;
        let report = InvocationReport {
            request_id: invocation.request_id,
            cold: (report.init_duration.is_some() && !ahead) || inline_init || restore.is_some(),
            report,
            function_error,
            total,
        };
        self.host.finished(self, report);
        answer
    }

    /// A line for the log; of a process, for telemetry too.
    pub(super) fn log(&self, source: LogSource, line: &str) -> bool {
        let (now, json) = (SystemTime::now(), self.config.json_log.is_some());
        match source {
            LogSource::Function => self.telemetry.function_line(now, line, json),
            LogSource::Extension => self.telemetry.extension_line(now, line, json),
            LogSource::Platform | LogSource::Notice => {}
        }
        self.host.log(self, source, line)
    }

    /// Tells something of the platform, after everything the processes have written so far: by these
    /// lines where the log is text, by the records where it is JSON, and by the records to whoever has
    /// subscribed.
    pub(super) fn tell(&self, text: &[String], records: impl FnOnce() -> Vec<Record>) {
        let subscribed = self.telemetry.wants(Category::Platform);
        let json = self.config.json_log;
        if !subscribed && json.is_none() {
            return self.log_platform(text);
        }
        let records = records();
        let now = SystemTime::now();
        match json {
            Some(filter) => {
                let time = timestamp(now);
                let lines = records
                    .iter()
                    .filter_map(|record| filter.line(&time, record));
                let lines: Vec<String> = lines.map(Cow::into_owned).collect();
                self.log_platform(&lines);
            }
            None => self.log_platform(text),
        }
        for record in records {
            self.telemetry.record(now, record);
        }
    }

    /// Writes lines of the platform, after everything the processes have written so far.
    pub(super) fn log_platform(&self, platform: &[String]) {
        let mut emit = |source, line: &str| self.log(source, line);
        let Some(logs) = &self.logs else {
            for line in platform {
                // Without processes there is no flood, and nothing that could have been dropped.
                emit(LogSource::Platform, line);
            }
            return;
        };
        let mut lines = logs.lock();
        logs.drain(&mut lines, &mut emit);
        lines.flush(&mut emit);
        for line in platform {
            lines.platform(line, &mut emit);
        }
    }

    pub(super) async fn read_logs(self: Arc<Self>) {
        let Some(logs) = &self.logs else { return };
        while logs.readable().await.is_ok() {
            loop {
                let emptied =
                    logs.drain(&mut logs.lock(), &mut |source, line| self.log(source, line));
                if emptied {
                    break;
                }
                // A flood of lines shares the worker with everybody else.
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Status and error type of an invocation in its records.
fn ended(active: &Active, status: &Status) -> (telemetry_record::Status, Option<String>) {
    match status {
        // What the function reports as its error is no failure of the platform's.
        Status::Success if active.function_error.is_some() => {
            let error_type = active.posted_error_type.clone();
            (telemetry_record::Status::Error, error_type)
        }
        Status::Error(error_type) => (status.into(), Some(error_type.clone())),
        Status::Success | Status::Timeout => (status.into(), None),
    }
}

/// The record about the end of the runtime's part.
fn runtime_done(active: &Active, status: &Status) -> Record {
    let (status, error_type) = ended(active, status);
    let times = &active.times;
    let done = times.returned.unwrap_or_else(Instant::now);
    Record::RuntimeDone {
        request_id: active.invocation.request_id.clone(),
        status,
        error_type,
        metrics: Some(RuntimeDoneMetrics {
            duration_ms: Millis(done.saturating_duration_since(times.began)),
            produced_bytes: times.answered.map(|_| active.produced),
        }),
        spans: times.runtime_spans(),
        tenant_id: active.invocation.tenant_id.clone(),
        tracing: Some(Tracing::new(&active.invocation.trace_id)),
    }
}

/// The records about the end of an invocation.
fn last_records(
    active: &Active,
    report: &Report,
    fault: Option<String>,
    managed: bool,
) -> Vec<Record> {
    let request_id = &active.invocation.request_id;
    let (status, error_type) = ended(active, &report.status);
    let times = &active.times;
    let mut metrics = match managed {
        // What memory and what share of an init were its own, nobody can tell.
        true => ReportMetrics::of_managed_instance(report.duration),
        false => ReportMetrics::from(report),
    };
    if let Some(restore) = &active.restore {
        metrics = metrics.with_restore(restore);
    }
    let overhead = times.span(
        SpanName::ExtensionOverhead,
        times.returned,
        Some(Instant::now()),
    );
    let fault = fault.map(Record::Fault);
    let end = Record::End {
        request_id: request_id.clone(),
    };
    let report = Record::Report {
        request_id: request_id.clone(),
        metrics,
        status,
        error_type,
        spans: overhead.into_iter().collect(),
        tenant_id: active.invocation.tenant_id.clone(),
        tracing: Some(Tracing::new(&active.invocation.trace_id)),
    };
    fault.into_iter().chain([end, report]).collect()
}

/// An outcome on its way to the caller.
pub(super) struct CallerAnswer {
    reply: oneshot::Sender<Outcome>,
    outcome: Outcome,
}

impl CallerAnswer {
    pub(super) fn send(self) {
        // A caller that has gone away asked for nothing any more.
        let _ = self.reply.send(self.outcome);
    }
}

/// What to answer the caller; nothing yet when the answer waits for the log tail to be complete.
pub(super) fn settle(
    active: &mut Active,
    posted: Option<Posted>,
    init_error: &Option<Bytes>,
    settlement: Settlement,
) -> Option<CallerAnswer> {
    let forwarded = active.stream.take_if(|stream| stream.forwarded);
    let Posted { body, error_type } = posted.unwrap_or_default();
    active.posted_error_type = error_type;
    if forwarded.is_none() {
        active.produced = body.len() as u64;
    }
    let result = match settlement {
        Settlement::Answer { failed } => match (forwarded, failed) {
            (None, false) => InvocationResult::Answer(body),
            (None, true) => InvocationResult::FunctionError(body),
            (Some(_), false) => InvocationResult::Streamed,
            (Some(_), true) => InvocationResult::StreamFailed {
                error_type: active.posted_error_type.clone().unwrap_or_default(),
                body,
            },
        },
        Settlement::InitError => {
            InvocationResult::FunctionError(init_error.clone().unwrap_or_default())
        }
        Settlement::Platform(error) => {
            active.platform_error = Some(error.clone());
            let request_id = active.invocation.request_id.clone();
            InvocationResult::Platform { error, request_id }
        }
        Settlement::NotRestored(status) => InvocationResult::NotRestored(status),
        Settlement::Closed => InvocationResult::Closed,
    };
    let now = Instant::now();
    if matches!(
        result,
        InvocationResult::Answer(_)
            | InvocationResult::FunctionError(_)
            | InvocationResult::Streamed
            | InvocationResult::StreamFailed { .. }
    ) {
        active.times.responded.get_or_insert(now);
        active.times.answered = Some(now);
    }
    active.function_error = match &result {
        InvocationResult::Platform { error, .. } => Some(error.error_type().to_owned()),
        InvocationResult::FunctionError(_) => Some("Unhandled".to_owned()),
        InvocationResult::StreamFailed { error_type, .. } => Some(error_type.clone()),
        InvocationResult::NotRestored(_) => Some("SnapStartException".to_owned()),
        InvocationResult::Answer(_) | InvocationResult::Streamed | InvocationResult::Closed => None,
    };
    if active.invocation.tail && result != InvocationResult::Closed {
        active.deferred = Some(result);
        return None;
    }
    let reply = active.invocation.reply.take()?;
    let log_tail = None;
    Some(CallerAnswer {
        reply,
        outcome: Outcome { result, log_tail },
    })
}
