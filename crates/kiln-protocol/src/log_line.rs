//! The platform's own log lines, in text format.
//!
//! Source: the lines CloudWatch Logs shows for a function; the REPORT fields are described in
//! [Viewing logs](https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html).
//! Fields after the request id are separated by tabs. None of these ends in a line break here.

use std::fmt;
use std::time::Duration;

use crate::invoke::PlatformError;

/// `START …`
pub fn start(request_id: &str, version: &str) -> String {
    format!("START RequestId: {request_id} Version: {version}")
}

/// `END …`
pub fn end(request_id: &str) -> String {
    format!("END RequestId: {request_id}")
}

/// What the platform writes before `END` when it ended the invocation itself.
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
        let mut line = format!(
            "REPORT RequestId: {request_id}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\t",
            milliseconds(self.duration),
            self.billed_ms(),
            self.memory_size_mb,
        );
        if let Some(used) = self.max_memory_used_mb {
            line.push_str(&format!("Max Memory Used: {used} MB\t"));
        }
        if let Some(init) = self.init_duration {
            line.push_str(&format!("Init Duration: {:.2} ms\t", milliseconds(init)));
        }
        line.push_str(&self.status.to_string());
        line
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
