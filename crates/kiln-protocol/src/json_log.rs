//! A function's log in JSON format: the same records as in telemetry, filtered by level.
//!
//! Source: [Log format and levels](https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html)
//! and the lines CloudWatch Logs shows for functions that log in JSON.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use crate::telemetry_record::{Record, Schema, Status};

/// A level of `LoggingConfig`, the most talkative first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "their names say it")]
pub enum Level {
    Trace,
    Debug,
    #[default]
    Info,
    Warn,
    Error,
    Fatal,
}

impl Level {
    const ALL: [(&'static str, Self); 6] = [
        ("TRACE", Self::Trace),
        ("DEBUG", Self::Debug),
        ("INFO", Self::Info),
        ("WARN", Self::Warn),
        ("ERROR", Self::Error),
        ("FATAL", Self::Fatal),
    ];

    /// Reads a level in whatever case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, level)| *level)
    }

    /// The name, upper case, as in `AWS_LAMBDA_LOG_LEVEL`.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, level)| *level == self)
            .map_or("INFO", |(name, _)| name)
    }
}

/// The filters of a function that logs in JSON; both are INFO by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonLog {
    /// `ApplicationLogLevel`: lines of the function below it are dropped.
    pub application: Level,
    /// `SystemLogLevel`: records of the platform below it are dropped. DEBUG, INFO or WARN.
    pub system: Level,
}

impl JsonLog {
    /// Whether a line of the function is not below its level. Text has none, and passes.
    pub fn passes(&self, line: &str) -> bool {
        level_of(line).is_none_or(|level| level >= self.application)
    }

    /// The line of the log, without its line break; `None` when it is filtered out, or belongs to
    /// the Logs API only.
    ///
    /// `time` is RFC 3339 in UTC with milliseconds.
    pub fn line<'a>(&self, time: &str, record: &'a Record) -> Option<Cow<'a, str>> {
        match record {
            // What a runtime of one's own writes is left as it is; managed runtimes wrap it.
            Record::FunctionLine(line) => {
                // Text has no level, and no rule drops it.
                self.passes(&line.text).then_some(Cow::Borrowed(&line.text))
            }
            // Extensions are not subject to the function's levels.
            Record::ExtensionLine(line) => Some(Cow::Borrowed(&line.text)),
            _ if system_level(record) >= self.system => {
                record.json(time, Schema::Telemetry20250129).map(Cow::Owned)
            }
            _ => None,
        }
    }
}

/// The level in the member `level` of a line that is a JSON object; INFO where there is none that is
/// known, as AWS takes it.
fn level_of(line: &str) -> Option<Level> {
    #[derive(Deserialize)]
    struct Members {
        #[serde(default)]
        level: Value,
    }
    if !line.trim_start().starts_with('{') {
        return None;
    }
    let Members { level } = serde_json::from_str(line).ok()?;
    Some(level.as_str().and_then(Level::parse).unwrap_or_default())
}

/// The level of a record of the platform.
pub fn system_level(record: &Record) -> Level {
    let unless_failed = |status: &Status, level| match status {
        Status::Success => level,
        Status::Failure | Status::Error | Status::Timeout => Level::Warn,
    };
    match record {
        Record::InitStart { .. } | Record::RestoreStart { .. } | Record::Start { .. } => {
            Level::Info
        }
        Record::Report { status, .. } | Record::RestoreReport { status, .. } => {
            unless_failed(status, Level::Info)
        }
        Record::InitRuntimeDone { status, .. }
        | Record::InitReport { status, .. }
        | Record::RestoreRuntimeDone { status, .. }
        | Record::RuntimeDone { status, .. } => unless_failed(status, Level::Debug),
        Record::Extension { error_type, .. } => match error_type {
            Some(_) => Level::Warn,
            None => Level::Debug,
        },
        Record::TelemetrySubscription { .. } | Record::LogsSubscription { .. } => Level::Debug,
        Record::LogsDropped { .. } | Record::Fault(_) => Level::Warn,
        Record::End { .. } | Record::FunctionLine(_) | Record::ExtensionLine(_) => Level::Info,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::telemetry_record::{
        DurationMetrics, InitializationType, Line, Millis, Phase, ReportMetrics,
    };

    fn init_runtime_done(status: Status) -> Record {
        Record::InitRuntimeDone {
            initialization_type: InitializationType::OnDemand,
            phase: Phase::Init,
            status,
            error_type: None,
            tracing: None,
        }
    }

    fn report(status: Status) -> Record {
        Record::Report {
            request_id: "id".to_owned(),
            metrics: ReportMetrics {
                billed_duration_ms: Some(1_698),
                memory_size_mb: Some(256),
                max_memory_used_mb: Some(123),
                init_duration_ms: Some(Millis(Duration::from_micros(463_512))),
                ..ReportMetrics::of_managed_instance(Duration::from_micros(1_233_960))
            },
            status,
            error_type: None,
            spans: Vec::new(),
            tenant_id: None,
            tracing: None,
        }
    }

    #[test]
    fn the_platforms_lines_are_records() {
        assert_eq!(
            JsonLog::default()
                .line("2026-01-01T00:00:00.000Z", &report(Status::Success))
                .unwrap(),
            r#"{"time":"2026-01-01T00:00:00.000Z","type":"platform.report","record":{"requestId":"id","metrics":{"durationMs":1233.96,"billedDurationMs":1698,"memorySizeMB":256,"maxMemoryUsedMB":123,"initDurationMs":463.512},"status":"success"}}"#
        );
    }

    #[test]
    fn the_system_level_filters_records() {
        let start = Record::Start {
            request_id: "id".to_owned(),
            function_arn: None,
            version: None,
            tenant_id: None,
            tracing: None,
        };
        let init_report = Record::InitReport {
            initialization_type: InitializationType::OnDemand,
            phase: Phase::Init,
            metrics: DurationMetrics {
                duration_ms: Millis(Duration::from_millis(1)),
            },
            status: Status::Timeout,
            error_type: None,
            tracing: None,
        };
        let dropped = Record::LogsDropped {
            reason: String::new(),
            dropped_records: 1,
            dropped_bytes: 1,
        };
        let extension = Record::Extension {
            name: "ext".to_owned(),
            state: "Ready".to_owned(),
            events: Vec::new(),
            error_type: None,
        };
        // Shown at DEBUG, INFO, WARN.
        for (record, shown) in [
            (start, [true, true, false]),
            (report(Status::Success), [true, true, false]),
            (report(Status::Timeout), [true, true, true]),
            (init_runtime_done(Status::Success), [true, false, false]),
            (init_runtime_done(Status::Error), [true, true, true]),
            (init_report, [true, true, true]),
            (extension, [true, false, false]),
            (dropped, [true, true, true]),
            // Of the Logs API.
            (
                Record::End {
                    request_id: "id".to_owned(),
                },
                [false, false, false],
            ),
        ] {
            let seen = [Level::Debug, Level::Info, Level::Warn].map(|system| {
                let log = JsonLog {
                    system,
                    ..JsonLog::default()
                };
                log.line("", &record).is_some()
            });
            assert_eq!(seen, shown, "{record:?}");
        }
    }

    #[test]
    fn the_application_level_filters_lines_of_json() {
        let log = JsonLog {
            application: Level::Warn,
            system: Level::Info,
        };
        for (text, shown) in [
            (r#"{"level":"INFO","message":"m"}"#, false),
            (r#"{"level":"warn","message":"m"}"#, true),
            (r#"{"level":"\u0045RROR"}"#, true),
            (r#"{"level":"FATAL"}"#, true),
            (r#"{"level":"loud"}"#, false),
            (r#"{"level":50}"#, false),
            (r#"{"message":"m"}"#, false),
            ("thread 'main' panicked", true),
            (r#""level""#, true),
            ("{level: INFO}", true),
            ("", true),
        ] {
            let line = Line {
                text: text.to_owned(),
                json: true,
            };
            let function = Record::FunctionLine(line.clone());
            assert_eq!(
                log.line("", &function).as_deref(),
                shown.then_some(text),
                "{text}"
            );
            let extension = Record::ExtensionLine(line);
            assert_eq!(log.line("", &extension).as_deref(), Some(text));
        }
    }

    #[test]
    fn levels_have_names() {
        for (name, level) in Level::ALL {
            assert_eq!(Level::parse(name), Some(level));
            assert_eq!(level.name(), name);
        }
        assert!(Level::Debug < Level::Info);
        assert_eq!(Level::parse("loud"), None);
    }

    proptest! {
        #[test]
        fn a_line_comes_out_as_it_went_in_or_not_at_all(text in ".{0,60}|\\{\"level\":\".{0,9}\"\\}") {
            let log = JsonLog { application: Level::Error, system: Level::Info };
            let record = Record::FunctionLine(Line { text: text.clone(), json: true });
            if let Some(line) = log.line("", &record) {
                prop_assert_eq!(line, text);
            }
        }
    }
}
