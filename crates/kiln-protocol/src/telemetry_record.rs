//! Records of telemetry: what the platform and the processes of an environment have to tell, and
//! how each version of the Telemetry and the Logs API writes it.
//!
//! Source: [Telemetry API schema](https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html)
//! and [Logs API](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-logs-api.html).
//!
//! Subscribers written with AWS's crate give up a whole batch for one `type` that they do not know,
//! and they ask for the oldest schema. So a record that came later is not written in an older one:
//! [`Record::json`] answers `None` there.

use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

pub use crate::extension_event::{EventType, Tracing};
use crate::log_line;

/// A version of the schema, which a subscriber chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Schema {
    /// Logs API, `2020-08-15`.
    Logs20200815,
    /// Logs API, `2021-03-18`: with `platform.runtimeDone`.
    Logs20210318,
    /// Telemetry API, `2022-07-01`: lines are strings.
    Telemetry20220701,
    /// Telemetry API, `2022-12-13`: lines of JSON are objects.
    Telemetry20221213,
    /// Telemetry API, `2025-01-29`: managed instances.
    Telemetry20250129,
}

impl Schema {
    /// `schemaVersion` on the wire.
    pub fn version(self) -> &'static str {
        match self {
            Self::Logs20200815 => "2020-08-15",
            Self::Logs20210318 => "2021-03-18",
            Self::Telemetry20220701 => "2022-07-01",
            Self::Telemetry20221213 => "2022-12-13",
            Self::Telemetry20250129 => "2025-01-29",
        }
    }

    fn is_logs(self) -> bool {
        matches!(self, Self::Logs20200815 | Self::Logs20210318)
    }
}

/// What a subscriber asks for, in `types`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// The platform's own records.
    Platform,
    /// Lines of the function.
    Function,
    /// Lines of extensions.
    Extension,
}

impl Category {
    /// Reads the name on the wire.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "platform" => Some(Self::Platform),
            "function" => Some(Self::Function),
            "extension" => Some(Self::Extension),
            _ => None,
        }
    }
}

/// How environments of a function begin; the value of `AWS_LAMBDA_INITIALIZATION_TYPE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitializationType {
    /// For an invocation that found no environment.
    OnDemand,
    /// Ahead of invocations.
    ProvisionedConcurrency,
    /// From a snapshot.
    SnapStart,
    /// On instances that take several events at a time.
    LambdaManagedInstances,
}

impl InitializationType {
    /// The name, as functions and records have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::ProvisionedConcurrency => "provisioned-concurrency",
            Self::SnapStart => "snap-start",
            Self::LambdaManagedInstances => "lambda-managed-instances",
        }
    }
}

/// When an init ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// In its own phase.
    Init,
    /// Again, inside an invocation.
    Invoke,
}

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Well.
    Success,
    /// A process failed.
    Failure,
    /// The function answered with an error, or the platform did for it.
    Error,
    /// Its time was up.
    Timeout,
}

impl From<&log_line::Status> for Status {
    fn from(status: &log_line::Status) -> Self {
        match status {
            log_line::Status::Success => Self::Success,
            log_line::Status::Timeout => Self::Timeout,
            log_line::Status::Error(_) => Self::Error,
        }
    }
}

/// A measured time, written in milliseconds with up to three decimals, as whole numbers are in
/// JSON where it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Millis(pub Duration);

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let micros = u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX);
        if micros.is_multiple_of(1_000) {
            serializer.serialize_u64(micros / 1_000)
        } else {
            let (whole, rest) = (micros / 1_000, micros % 1_000);
            // By way of text, so that 1.1 does not come out as 1.1000000000000001.
            let text = format!("{whole}.{rest:03}");
            serializer.serialize_f64(text.parse().unwrap_or_default())
        }
    }
}

/// A part of an invocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// Which part.
    pub name: SpanName,
    /// When it began, RFC 3339.
    pub start: String,
    /// How long it took.
    pub duration_ms: Millis,
}

/// The parts of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SpanName {
    /// From the event to the first byte of the answer.
    ResponseLatency,
    /// From the first byte of the answer to the last.
    ResponseDuration,
    /// From the answer to the next call of the runtime.
    RuntimeOverhead,
    /// From there until the last extension is done.
    ExtensionOverhead,
}

/// `metrics` of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportMetrics {
    /// Time of the invocation.
    pub duration_ms: Millis,
    /// Billed time; this and what follows are not there on managed instances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billed_duration_ms: Option<u64>,
    /// Configured memory.
    #[serde(rename = "memorySizeMB", skip_serializing_if = "Option::is_none")]
    pub memory_size_mb: Option<u32>,
    /// Peak memory. AWS's crate needs it wherever the configured one is.
    #[serde(rename = "maxMemoryUsedMB", skip_serializing_if = "Option::is_none")]
    pub max_memory_used_mb: Option<u64>,
    /// Time of the init that the invocation waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_duration_ms: Option<Millis>,
    /// Time of the restore that the invocation waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_duration_ms: Option<Millis>,
    /// Billed part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billed_restore_duration_ms: Option<u64>,
}

impl ReportMetrics {
    /// Those of an invocation on a managed instance.
    pub fn of_managed_instance(duration: Duration) -> Self {
        Self {
            duration_ms: Millis(duration),
            billed_duration_ms: None,
            memory_size_mb: None,
            max_memory_used_mb: None,
            init_duration_ms: None,
            restore_duration_ms: None,
            billed_restore_duration_ms: None,
        }
    }

    /// Adds a restore that the invocation waited for, and its billed part to what is billed.
    pub fn with_restore(mut self, restore: &log_line::Restore) -> Self {
        self.restore_duration_ms = Some(Millis(restore.duration));
        self.billed_restore_duration_ms = Some(restore.billed_ms);
        if let Some(billed) = &mut self.billed_duration_ms {
            *billed += restore.billed_ms;
        }
        self
    }
}

impl From<&log_line::Report> for ReportMetrics {
    /// A peak that the platform did not tell becomes 0, which no process can have: readers built on
    /// AWS's crate give up the batch for a report without the number.
    fn from(report: &log_line::Report) -> Self {
        Self {
            billed_duration_ms: Some(report.billed_ms()),
            memory_size_mb: Some(report.memory_size_mb),
            max_memory_used_mb: Some(report.max_memory_used_mb.unwrap_or(0)),
            init_duration_ms: report.init_duration.map(Millis),
            ..Self::of_managed_instance(report.duration)
        }
    }
}

/// `metrics` of an init or a restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DurationMetrics {
    /// How long it took.
    pub duration_ms: Millis,
}

/// `metrics` of a runtime that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeDoneMetrics {
    /// How long it took.
    pub duration_ms: Millis,
    /// Size of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub produced_bytes: Option<u64>,
}

/// The environment, in records about its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// Such as `provided:al2023.v90`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_version: Option<String>,
    /// Its ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_version_arn: Option<String>,
    /// The function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_name: Option<String>,
    /// The function's ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_arn: Option<String>,
    /// `$LATEST` or a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_version: Option<String>,
    /// The name of its log stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// Configured memory, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_max_memory: Option<u64>,
}

/// A line of a process, without its line break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The line.
    pub text: String,
    /// The function's log format is JSON, so that lines of JSON are written as what they are.
    pub json: bool,
}

/// Something to tell. Each variant is the `type` it is named after; `None`s are not written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
#[expect(
    missing_docs,
    reason = "the fields are the schema's, and documented there"
)]
pub enum Record {
    /// `platform.initStart`
    InitStart {
        initialization_type: InitializationType,
        phase: Phase,
        #[serde(flatten)]
        instance: Instance,
        #[serde(skip_serializing_if = "Option::is_none")]
        tracing: Option<Tracing>,
    },
    /// `platform.initRuntimeDone`
    InitRuntimeDone {
        initialization_type: InitializationType,
        phase: Phase,
        status: Status,
        #[serde(skip_serializing_if = "Option::is_none")]
        error_type: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tracing: Option<Tracing>,
    },
    /// `platform.initReport`
    InitReport {
        initialization_type: InitializationType,
        phase: Phase,
        metrics: DurationMetrics,
        status: Status,
        #[serde(skip_serializing_if = "Option::is_none")]
        error_type: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tracing: Option<Tracing>,
    },
    /// `platform.restoreStart`
    RestoreStart {
        #[serde(flatten)]
        instance: Instance,
        #[serde(skip_serializing_if = "Option::is_none")]
        tracing: Option<Tracing>,
    },
    /// `platform.restoreRuntimeDone`
    RestoreRuntimeDone {
        status: Status,
        #[serde(skip_serializing_if = "Option::is_none")]
        error_type: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        spans: Vec<Span>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tracing: Option<Tracing>,
    },
    /// `platform.restoreReport`
    RestoreReport {
        status: Status,
        #[serde(skip_serializing_if = "Option::is_none")]
        error_type: Option<String>,
        metrics: DurationMetrics,
    },
    /// `platform.start`
    Start {
        request_id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        function_arn: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tenant_id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tracing: Option<Tracing>,
    },
    /// `platform.runtimeDone`
    RuntimeDone {
        request_id: String,
        status: Status,
        #[serde(skip_serializing_if = "Option::is_none")]
        error_type: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        metrics: Option<RuntimeDoneMetrics>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        spans: Vec<Span>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tenant_id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tracing: Option<Tracing>,
    },
    /// `platform.end`, of the Logs API.
    End { request_id: String },
    /// `platform.report`
    Report {
        request_id: String,
        metrics: ReportMetrics,
        status: Status,
        #[serde(skip_serializing_if = "Option::is_none")]
        error_type: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        spans: Vec<Span>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tenant_id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tracing: Option<Tracing>,
    },
    /// `platform.fault`, of the Logs API: what the platform says about a failure.
    Fault(String),
    /// `platform.extension`
    Extension {
        name: String,
        state: String,
        events: Vec<EventType>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error_type: Option<String>,
    },
    /// `platform.telemetrySubscription`
    TelemetrySubscription {
        name: String,
        state: SubscriptionState,
        types: Vec<Category>,
    },
    /// `platform.logsSubscription`, of the Logs API.
    LogsSubscription {
        name: String,
        state: SubscriptionState,
        types: Vec<Category>,
    },
    /// `platform.logsDropped`
    LogsDropped {
        reason: String,
        dropped_records: u64,
        dropped_bytes: u64,
    },
    /// `function`
    #[serde(serialize_with = "line_as_text")]
    FunctionLine(Line),
    /// `extension`
    #[serde(serialize_with = "line_as_text")]
    ExtensionLine(Line),
}

/// `state` of a subscription: there is one only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum SubscriptionState {
    /// The extension is subscribed.
    #[default]
    Subscribed,
}

fn line_as_text<S: Serializer>(line: &Line, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&line.text)
}

impl Record {
    /// `type` on the wire.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::InitStart { .. } => "platform.initStart",
            Self::InitRuntimeDone { .. } => "platform.initRuntimeDone",
            Self::InitReport { .. } => "platform.initReport",
            Self::RestoreStart { .. } => "platform.restoreStart",
            Self::RestoreRuntimeDone { .. } => "platform.restoreRuntimeDone",
            Self::RestoreReport { .. } => "platform.restoreReport",
            Self::Start { .. } => "platform.start",
            Self::RuntimeDone { .. } => "platform.runtimeDone",
            Self::End { .. } => "platform.end",
            Self::Report { .. } => "platform.report",
            Self::Fault(_) => "platform.fault",
            Self::Extension { .. } => "platform.extension",
            Self::TelemetrySubscription { .. } => "platform.telemetrySubscription",
            Self::LogsSubscription { .. } => "platform.logsSubscription",
            Self::LogsDropped { .. } => "platform.logsDropped",
            Self::FunctionLine(_) => "function",
            Self::ExtensionLine(_) => "extension",
        }
    }

    /// Which subscribers get it.
    pub fn category(&self) -> Category {
        match self {
            Self::FunctionLine(_) => Category::Function,
            Self::ExtensionLine(_) => Category::Extension,
            _ => Category::Platform,
        }
    }

    /// Whether a schema has such a record.
    pub fn is_in(&self, schema: Schema) -> bool {
        match self {
            Self::Start { .. }
            | Self::Report { .. }
            | Self::Extension { .. }
            | Self::LogsDropped { .. }
            | Self::FunctionLine(_)
            | Self::ExtensionLine(_) => true,
            Self::End { .. } | Self::Fault(_) | Self::LogsSubscription { .. } => schema.is_logs(),
            Self::RuntimeDone { .. } => schema != Schema::Logs20200815,
            Self::InitStart { .. }
            | Self::InitRuntimeDone { .. }
            | Self::InitReport { .. }
            | Self::TelemetrySubscription { .. } => !schema.is_logs(),
            // AWS's crate asks for the oldest schema and does not know these.
            Self::RestoreStart { .. }
            | Self::RestoreRuntimeDone { .. }
            | Self::RestoreReport { .. } => schema >= Schema::Telemetry20221213,
        }
    }

    /// The record in its envelope, on one line; `None` when the schema has no such record.
    ///
    /// `time` is RFC 3339 in UTC with milliseconds.
    pub fn json(&self, time: &str, schema: Schema) -> Option<String> {
        if !self.is_in(schema) {
            return None;
        }
        Some(match self {
            Self::FunctionLine(line) | Self::ExtensionLine(line)
                if line.json && schema >= Schema::Telemetry20221213 =>
            {
                match line.object() {
                    Some(object) => self.envelope(time, &object),
                    None => self.envelope(time, &line.text),
                }
            }
            _ if schema.is_logs() => self.legacy_json(time, schema),
            _ => self.envelope(time, self),
        })
    }

    /// The Logs API's records, which have fewer members.
    fn legacy_json(&self, time: &str, schema: Schema) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Members<'a> {
            request_id: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            version: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            status: Option<Status>,
            #[serde(skip_serializing_if = "Option::is_none")]
            metrics: Option<&'a ReportMetrics>,
        }
        let only = |request_id| Members {
            request_id,
            version: None,
            status: None,
            metrics: None,
        };
        match self {
            Self::Start {
                request_id,
                version,
                ..
            } => self.envelope(
                time,
                &Members {
                    // The older version has the id alone.
                    version: version
                        .as_deref()
                        .filter(|_| schema == Schema::Logs20210318),
                    ..only(request_id)
                },
            ),
            Self::Report {
                request_id,
                metrics,
                ..
            } => self.envelope(
                time,
                &Members {
                    metrics: Some(metrics),
                    ..only(request_id)
                },
            ),
            Self::RuntimeDone {
                request_id, status, ..
            } => self.envelope(
                time,
                &Members {
                    // `error` came with the Telemetry API.
                    status: Some(match status {
                        Status::Error => Status::Failure,
                        other => *other,
                    }),
                    ..only(request_id)
                },
            ),
            _ => self.envelope(time, self),
        }
    }

    fn envelope<T: Serialize + ?Sized>(&self, time: &str, record: &T) -> String {
        #[derive(Serialize)]
        struct Envelope<'a, T: ?Sized> {
            time: &'a str,
            #[serde(rename = "type")]
            type_name: &'static str,
            record: &'a T,
        }
        let envelope = Envelope {
            time,
            type_name: self.type_name(),
            record,
        };
        serde_json::to_string(&envelope).unwrap_or_default()
    }
}

impl Line {
    /// The line as the JSON object it is, byte for byte; `None` when it is none, or one that would
    /// cost its readers the batch: JSON allows numbers, escapes and depths that they do not.
    pub fn object(&self) -> Option<&RawValue> {
        let text = self.text.trim();
        // Records are written one to a line.
        if !text.starts_with('{') || text.contains(['\n', '\r']) {
            return None;
        }
        let object = serde_json::from_str(text).ok()?;
        // As deep as it is in a batch.
        let batch = format!("[{{\"record\":{text}}}]");
        serde_json::from_str::<Value>(&batch).ok().map(|_| object)
    }
}

#[cfg(test)]
#[path = "telemetry_record/tests.rs"]
mod tests;
