//! What an environment tells: the caller's answer, the log, the report.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kiln_protocol::invoke::PlatformError;
use kiln_protocol::log_line::{self, Report, Status};
use kiln_protocol::telemetry_record::InitializationType;
use tokio::sync::oneshot;

use super::{Active, Core, Environment, LogSource};
use crate::invocation::{InvocationReport, InvocationResult, Outcome};
use crate::lifecycle::Settlement;
use crate::timestamp::timestamp;

/// How old the figure of the peak memory may be in a report nobody waits for. Asking the kernel takes
/// as long as a tenth of a warm invocation, and a peak only grows.
const MEMORY_INTERVAL: Duration = Duration::from_millis(50);

impl Environment {
    /// Writes the START line, once, before anything else of the invocation.
    pub(super) fn log_start(&self, active: &mut Active) {
        if !active.start_logged {
            active.start_logged = true;
            let line = log_line::start(&active.invocation.request_id, &self.config.version);
            self.log_platform(&[line]);
        }
    }

    /// Writes the invocation's last lines, tells the host; returns the answer to a caller that waited
    /// for the log.
    pub(super) fn finish(&self, core: &mut Core, status: Status) -> Option<CallerAnswer> {
        let mut active = core.active.take()?;
        let duration = match &active.platform_error {
            // The invocation took as long as it was allowed to.
            Some(PlatformError::TimedOut(timeout)) => *timeout,
            _ => active.began.elapsed(),
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
        last_lines.push(log_line::end(request_id));
        last_lines.push(report.line(request_id));
        self.log_platform(&last_lines);
        let log_tail = self.logs.as_ref().and_then(|logs| logs.lock().take_tail());
        let Active {
            invocation,
            deferred,
            function_error,
            inline_init,
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
            cold: (report.init_duration.is_some() && !ahead) || inline_init,
            report,
            function_error,
            total,
        };
        self.host.finished(self, report);
        answer
    }

    pub(super) fn log(&self, source: LogSource, line: &str) -> bool {
        self.host.log(self, source, line)
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
pub(super) fn settle(core: &mut Core, settlement: Settlement) -> Option<CallerAnswer> {
    let body = core.posted.take();
    let active = core.active.as_mut()?;
    let forwarded = active.stream.take_if(|stream| stream.forwarded);
    let body = body.unwrap_or_default();
    let result = match settlement {
        Settlement::Answer { failed } => match (forwarded, failed) {
            (None, false) => InvocationResult::Answer(body),
            (None, true) => InvocationResult::FunctionError(body),
            (Some(_), false) => InvocationResult::Streamed,
            (Some(stream), true) => InvocationResult::StreamFailed {
                error_type: stream.error_type.unwrap_or_default(),
                body,
            },
        },
        Settlement::InitError => {
            InvocationResult::FunctionError(core.init_error.take().unwrap_or_default())
        }
        Settlement::Platform(error) => {
            active.platform_error = Some(error.clone());
            let request_id = active.invocation.request_id.clone();
            InvocationResult::Platform { error, request_id }
        }
        Settlement::Closed => InvocationResult::Closed,
    };
    active.function_error = match &result {
        InvocationResult::Platform { error, .. } => Some(error.error_type().to_owned()),
        InvocationResult::FunctionError(_) => Some("Unhandled".to_owned()),
        InvocationResult::StreamFailed { error_type, .. } => Some(error_type.clone()),
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
