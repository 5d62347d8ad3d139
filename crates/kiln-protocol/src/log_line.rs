//! The platform's own log lines, in text format.
//!
//! Source: the lines CloudWatch Logs shows for a function; the REPORT fields are described in
//! [Viewing logs](https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html).
//! Fields after the request id are separated by tabs. None of these ends in a line break here.

use std::fmt;
use std::time::Duration;

use crate::extension_event::EventType;
use crate::invoke::PlatformError;
use crate::telemetry_api::Api;
use crate::telemetry_record::Category;

/// `INIT_START …`, when an environment begins.
pub fn init_start(runtime_version: &str, runtime_version_arn: &str) -> String {
    format!(
        "INIT_START Runtime Version: {runtime_version}\tRuntime Version ARN: {runtime_version_arn}"
    )
}

/// `RESTORE_START …`, when an environment is restored from a snapshot.
pub fn restore_start(runtime_version: &str, runtime_version_arn: &str) -> String {
    format!(
        "RESTORE_START Runtime Version: {runtime_version}\tRuntime Version ARN: {runtime_version_arn}"
    )
}

/// `EXTENSION …`, once for each extension when the init ends. `state` is named as in the Extensions
/// API; `error_type` is why it failed, if it did.
pub fn extension(
    name: &str,
    state: &str,
    events: &[EventType],
    error_type: Option<&str>,
) -> String {
    let events: Vec<_> = events.iter().map(|event| event.name()).collect();
    let mut line = format!(
        "EXTENSION\tName: {name}\tState: {state}\tEvents: [{}]",
        events.join(", ")
    );
    if let Some(error_type) = error_type {
        line.push_str(&format!("\tError Type: {error_type}"));
    }
    line
}

/// `TELEMETRY …` or `LOGS …`, when an extension has subscribed.
pub fn subscription(api: Api, name: &str, types: &[Category]) -> String {
    let types: Vec<_> = types
        .iter()
        .map(|category| match category {
            Category::Platform => "Platform",
            Category::Function => "Function",
            Category::Extension => "Extension",
        })
        .collect();
    let api = match api {
        Api::Telemetry => "TELEMETRY",
        Api::Logs => "LOGS",
    };
    format!(
        "{api}\tName: {name}\tState: Subscribed\tTypes: [{}]",
        types.join(", ")
    )
}

/// `XRAY …`, below the REPORT of a traced invocation.
pub fn xray(trace_id: &str, segment_id: &str, sampled: bool) -> String {
    format!("XRAY TraceId: {trace_id}\tSegmentId: {segment_id}\tSampled: {sampled}\t")
}

/// `START …`
pub fn start(request_id: &str, version: &str) -> String {
    format!("START RequestId: {request_id} Version: {version}")
}

/// `END …`
pub fn end(request_id: &str) -> String {
    format!("END RequestId: {request_id}")
}

/// What the platform writes before `END` when it ended the invocation itself; nothing for an answer
/// that is too large, which the runtime was told.
///
/// `timestamp` is RFC 3339 in UTC with milliseconds, which the timeout line opens with.
pub fn failure(error: &PlatformError, request_id: &str, timestamp: &str) -> Vec<String> {
    match error {
        PlatformError::TimedOut(_) => {
            vec![
                format!("{timestamp} {request_id} {}", error.reason()),
                String::new(),
            ]
        }
        PlatformError::ResponseTooLarge(_) => Vec::new(),
        _ => vec![
            format!("RequestId: {request_id} Error: {}", error.reason()),
            error.error_type().to_owned(),
        ],
    }
}

/// How an invocation or an init ended, for REPORT and INIT_REPORT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing is added to the line.
    Success,
    /// `Status: timeout`
    Timeout,
    /// `Status: error` with its type.
    Error(String),
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => Ok(()),
            Self::Timeout => write!(f, "Status: timeout"),
            Self::Error(error_type) => write!(f, "Status: error\tError Type: {error_type}"),
        }
    }
}

/// The numbers of one finished invocation.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// From handing over the event to the end of the invocation.
    pub duration: Duration,
    /// Time of the init this invocation waited for; `None` when the environment was warm.
    pub init_duration: Option<Duration>,
    /// Configured memory, MB.
    pub memory_size_mb: u32,
    /// Peak memory of the environment's processes, MB; `None` where the platform does not tell.
    pub max_memory_used_mb: Option<u64>,
    /// How it ended.
    pub status: Status,
}

impl Report {
    /// Billed time: duration and init together (since August 2025), rounded up to a millisecond,
    /// at least one.
    pub fn billed_ms(&self) -> u64 {
        let billed = self.duration + self.init_duration.unwrap_or_default();
        let ms = billed.as_nanos().div_ceil(1_000_000);
        u64::try_from(ms).unwrap_or(u64::MAX).max(1)
    }

    /// The `REPORT` line.
    pub fn line(&self, request_id: &str) -> String {
        self.line_with(request_id, None)
    }

    /// The `REPORT` line of an invocation that waited for its environment to be restored.
    pub fn line_after_restore(&self, request_id: &str, restore: &Restore) -> String {
        self.line_with(request_id, Some(restore))
    }

    fn line_with(&self, request_id: &str, restore: Option<&Restore>) -> String {
        let mut line = format!(
            "REPORT RequestId: {request_id}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\t",
            milliseconds(self.duration),
            self.billed_ms() + restore.map_or(0, |restore| restore.billed_ms),
            self.memory_size_mb,
        );
        if let Some(used) = self.max_memory_used_mb {
            line.push_str(&format!("Max Memory Used: {used} MB\t"));
        }
        if let Some(init) = self.init_duration {
            line.push_str(&format!("Init Duration: {:.2} ms\t", milliseconds(init)));
        }
        if let Some(restore) = restore {
            line.push_str(&format!(
                "Restore Duration: {:.2} ms\tBilled Restore Duration: {} ms\t",
                milliseconds(restore.duration),
                restore.billed_ms
            ));
        }
        line.push_str(&self.status.to_string());
        line
    }
}

/// The numbers of a restore from a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restore {
    /// From the snapshot to the end of the after-restore hook.
    pub duration: Duration,
    /// What of it is billed: loading the runtime and the hook.
    pub billed_ms: u64,
}

/// The `RESTORE_REPORT` line.
pub fn restore_report(duration: Duration, status: &Status) -> String {
    let line = format!(
        "RESTORE_REPORT Restore Duration: {:.2} ms",
        milliseconds(duration)
    );
    match status {
        Status::Success => line,
        failed => format!("{line}\t{failed}"),
    }
}

/// The `INIT_REPORT` line of an init that failed. `phase` is `init`, or `invoke` for the rerun
/// inside the first invocation.
pub fn init_report(duration: Duration, phase: &str, status: &Status) -> String {
    format!(
        "INIT_REPORT Init Duration: {:.2} ms\tPhase: {phase}\t{status}",
        milliseconds(duration)
    )
}

/// Milliseconds with a fraction.
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invoke::ExitCause;

    #[test]
    fn lines_are_the_services() {
        let mut report = Report {
            duration: Duration::from_micros(1_230),
            init_duration: Some(Duration::from_millis(100)),
            memory_size_mb: 128,
            max_memory_used_mb: Some(36),
            status: Status::Success,
        };
        assert_eq!(
            report.line("id"),
            "REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 102 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 100.00 ms\t"
        );
        report.init_duration = None;
        report.status = Status::Error("Runtime.ExitError".to_owned());
        assert_eq!(
            report.line("id"),
            "REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tStatus: error\tError Type: Runtime.ExitError"
        );
        assert_eq!(
            start("id", "$LATEST"),
            "START RequestId: id Version: $LATEST"
        );
        assert_eq!(end("id"), "END RequestId: id");
        assert_eq!(
            init_report(Duration::from_micros(9_999_790), "init", &Status::Timeout),
            "INIT_REPORT Init Duration: 9999.79 ms\tPhase: init\tStatus: timeout"
        );
        assert_eq!(
            init_report(
                Duration::from_micros(12_340),
                "init",
                &Status::Error("Runtime.ExitError".to_owned())
            ),
            "INIT_REPORT Init Duration: 12.34 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError"
        );
    }

    #[test]
    fn what_happens_around_invocations_has_lines() {
        use EventType::{Invoke, Shutdown};
        let arn = "arn:aws:lambda:us-east-1::runtime:0123";
        for (line, expected) in [
            (
                init_start("provided:al2023.v90", arn),
                "INIT_START Runtime Version: provided:al2023.v90\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:0123",
            ),
            (
                restore_start("java:11.v21", arn),
                "RESTORE_START Runtime Version: java:11.v21\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:0123",
            ),
            (
                extension("my-ext", "Ready", &[Invoke, Shutdown], None),
                "EXTENSION\tName: my-ext\tState: Ready\tEvents: [INVOKE, SHUTDOWN]",
            ),
            (
                extension("my-ext", "LaunchError", &[], Some("PermissionDenied")),
                "EXTENSION\tName: my-ext\tState: LaunchError\tEvents: []\tError Type: PermissionDenied",
            ),
            (
                subscription(
                    Api::Telemetry,
                    "my-ext",
                    &[Category::Platform, Category::Function],
                ),
                "TELEMETRY\tName: my-ext\tState: Subscribed\tTypes: [Platform, Function]",
            ),
            (
                subscription(Api::Logs, "my-ext", &[Category::Extension]),
                "LOGS\tName: my-ext\tState: Subscribed\tTypes: [Extension]",
            ),
            (
                xray("1-5", "24cd7d670fa455f0", true),
                "XRAY TraceId: 1-5\tSegmentId: 24cd7d670fa455f0\tSampled: true\t",
            ),
            (
                restore_report(Duration::from_micros(511_250), &Status::Success),
                "RESTORE_REPORT Restore Duration: 511.25 ms",
            ),
            (
                restore_report(Duration::from_micros(1_236_040), &Status::Timeout),
                "RESTORE_REPORT Restore Duration: 1236.04 ms\tStatus: timeout",
            ),
        ] {
            assert_eq!(line, expected);
        }
        let report = Report {
            duration: Duration::from_micros(13_820),
            init_duration: None,
            memory_size_mb: 512,
            max_memory_used_mb: Some(71),
            status: Status::Success,
        };
        let restore = Restore {
            duration: Duration::from_micros(204_270),
            billed_ms: 115,
        };
        assert_eq!(
            report.line_after_restore("id", &restore),
            "REPORT RequestId: id\tDuration: 13.82 ms\tBilled Duration: 129 ms\tMemory Size: 512 MB\tMax Memory Used: 71 MB\tRestore Duration: 204.27 ms\tBilled Restore Duration: 115 ms\t"
        );
    }

    #[test]
    fn the_platform_says_why_it_ended_an_invocation() {
        let timed_out = PlatformError::TimedOut(Duration::from_secs(3));
        assert_eq!(
            failure(&timed_out, "id", "2026-01-01T00:00:03.000Z"),
            [
                "2026-01-01T00:00:03.000Z id Task timed out after 3.00 seconds",
                ""
            ]
        );
        let exited = PlatformError::RuntimeExited(ExitCause::Code(1));
        assert_eq!(
            failure(&exited, "id", ""),
            [
                "RequestId: id Error: Runtime exited with error: exit status 1",
                "Runtime.ExitError"
            ]
        );
    }

    #[test]
    fn billing_rounds_up_and_includes_the_init() {
        let report = |duration: u64, init_duration: Option<u64>| Report {
            duration: Duration::from_micros(duration),
            init_duration: init_duration.map(Duration::from_micros),
            memory_size_mb: 128,
            max_memory_used_mb: None,
            status: Status::Success,
        };
        // The first pair is a live capture.
        for (duration, init, billed) in [
            (1_233_960, Some(463_512), 1_698),
            (0, None, 1),
            (1_000, None, 1),
            (1_001, None, 2),
        ] {
            assert_eq!(report(duration, init).billed_ms(), billed);
        }
    }
}
