use lambda_extension::{LambdaLog, LambdaTelemetry, LambdaTelemetryRecord};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const TIME: &str = "2026-01-01T00:00:00.000Z";
const SCHEMAS: [Schema; 5] = [
    Schema::Logs20200815,
    Schema::Logs20210318,
    Schema::Telemetry20220701,
    Schema::Telemetry20221213,
    Schema::Telemetry20250129,
];

fn line(text: &str, json: bool) -> Line {
    Line {
        text: text.to_owned(),
        json,
    }
}

fn tracing() -> Option<Tracing> {
    Some(Tracing::new("Root=1-2-3").with_span("24cd7d670fa455f0"))
}

fn metrics() -> ReportMetrics {
    ReportMetrics::from(&log_line::Report {
        duration: Duration::from_micros(1_233_960),
        init_duration: Some(Duration::from_micros(463_512)),
        memory_size_mb: 256,
        max_memory_used_mb: Some(123),
        status: log_line::Status::Success,
    })
}

/// One of each, with all that it can have, and its JSON in the newest schema of the Telemetry API,
/// or of the Logs API where it is in no other.
fn all() -> Vec<(Record, Value)> {
    let (name, request_id) = ("ext".to_owned(), "id".to_owned());
    let instance = Instance {
        runtime_version: Some("provided:al2023.v90".to_owned()),
        runtime_version_arn: Some("arn:r".to_owned()),
        function_name: Some("f".to_owned()),
        function_arn: Some("arn:f".to_owned()),
        function_version: Some("$LATEST".to_owned()),
        instance_id: Some("stream".to_owned()),
        instance_max_memory: Some(268_435_456),
    };
    let spans = vec![
        Span {
            name: SpanName::ResponseLatency,
            start: TIME.to_owned(),
            duration_ms: Millis(Duration::from_micros(5_100)),
        },
        Span {
            name: SpanName::ExtensionOverhead,
            start: TIME.to_owned(),
            duration_ms: Millis(Duration::ZERO),
        },
    ];
    let spans_json = json!([
        {"name": "responseLatency", "start": TIME, "durationMs": 5.1},
        {"name": "extensionOverhead", "start": TIME, "durationMs": 0},
    ]);
    let tracing_json =
        json!({"spanId": "24cd7d670fa455f0", "type": "X-Amzn-Trace-Id", "value": "Root=1-2-3"});
    let ten = DurationMetrics {
        duration_ms: Millis(Duration::from_millis(10)),
    };
    vec![
        (
            Record::InitStart {
                initialization_type: InitializationType::OnDemand,
                phase: Phase::Init,
                instance: instance.clone(),
                tracing: tracing(),
            },
            json!({
                "initializationType": "on-demand", "phase": "init",
                "runtimeVersion": "provided:al2023.v90", "runtimeVersionArn": "arn:r",
                "functionName": "f", "functionArn": "arn:f", "functionVersion": "$LATEST",
                "instanceId": "stream", "instanceMaxMemory": 268_435_456, "tracing": tracing_json,
            }),
        ),
        (
            Record::InitRuntimeDone {
                initialization_type: InitializationType::ProvisionedConcurrency,
                phase: Phase::Invoke,
                status: Status::Error,
                error_type: Some("Runtime.ExitError".to_owned()),
                tracing: None,
            },
            json!({
                "initializationType": "provisioned-concurrency", "phase": "invoke",
                "status": "error", "errorType": "Runtime.ExitError",
            }),
        ),
        (
            Record::InitReport {
                initialization_type: InitializationType::SnapStart,
                phase: Phase::Init,
                metrics: ten.clone(),
                status: Status::Success,
                error_type: None,
                tracing: None,
            },
            json!({
                "initializationType": "snap-start", "phase": "init",
                "metrics": {"durationMs": 10}, "status": "success",
            }),
        ),
        (
            Record::RestoreStart {
                instance: Instance {
                    function_name: Some("f".to_owned()),
                    ..Instance::default()
                },
                tracing: None,
            },
            json!({"functionName": "f"}),
        ),
        (
            Record::RestoreRuntimeDone {
                status: Status::Failure,
                error_type: Some("Runtime.ExitError".to_owned()),
                spans: Vec::new(),
                tracing: None,
            },
            json!({"status": "failure", "errorType": "Runtime.ExitError"}),
        ),
        (
            Record::RestoreReport {
                status: Status::Timeout,
                error_type: None,
                metrics: ten,
            },
            json!({"status": "timeout", "metrics": {"durationMs": 10}}),
        ),
        (
            Record::Start {
                request_id: request_id.clone(),
                function_arn: Some("arn:f".to_owned()),
                version: Some("$LATEST".to_owned()),
                tenant_id: Some("blue".to_owned()),
                tracing: tracing(),
            },
            json!({
                "requestId": "id", "functionArn": "arn:f", "version": "$LATEST",
                "tenantId": "blue", "tracing": tracing_json,
            }),
        ),
        (
            Record::RuntimeDone {
                request_id: request_id.clone(),
                status: Status::Error,
                error_type: Some("Function.Unknown".to_owned()),
                metrics: Some(RuntimeDoneMetrics {
                    duration_ms: Millis(Duration::from_micros(1)),
                    produced_bytes: Some(41),
                }),
                spans: spans.clone(),
                tenant_id: None,
                tracing: None,
            },
            json!({
                "requestId": "id", "status": "error", "errorType": "Function.Unknown",
                "metrics": {"durationMs": 0.001, "producedBytes": 41}, "spans": spans_json,
            }),
        ),
        (
            Record::End {
                request_id: request_id.clone(),
            },
            json!({"requestId": "id"}),
        ),
        (
            Record::Report {
                request_id,
                metrics: metrics(),
                status: Status::Success,
                error_type: None,
                spans,
                tenant_id: None,
                tracing: tracing(),
            },
            json!({
                "requestId": "id",
                "metrics": {
                    "durationMs": 1233.96, "billedDurationMs": 1698, "memorySizeMB": 256,
                    "maxMemoryUsedMB": 123, "initDurationMs": 463.512,
                },
                "status": "success", "spans": spans_json, "tracing": tracing_json,
            }),
        ),
        (
            Record::Fault("what\nhappened".to_owned()),
            json!("what\nhappened"),
        ),
        (
            Record::Extension {
                name: name.clone(),
                state: "Ready".to_owned(),
                events: vec![EventType::Invoke, EventType::Shutdown],
                error_type: None,
            },
            json!({"name": "ext", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"]}),
        ),
        (
            Record::TelemetrySubscription {
                name: name.clone(),
                state: SubscriptionState::Subscribed,
                types: vec![Category::Platform, Category::Function],
            },
            json!({"name": "ext", "state": "Subscribed", "types": ["platform", "function"]}),
        ),
        (
            Record::LogsSubscription {
                name,
                state: SubscriptionState::Subscribed,
                types: vec![Category::Extension],
            },
            json!({"name": "ext", "state": "Subscribed", "types": ["extension"]}),
        ),
        (
            Record::LogsDropped {
                reason: "slow".to_owned(),
                dropped_records: 1,
                dropped_bytes: 2,
            },
            json!({"reason": "slow", "droppedRecords": 1, "droppedBytes": 2}),
        ),
        (Record::FunctionLine(line("hello", false)), json!("hello")),
        (
            Record::ExtensionLine(line("{\"a\":1}", true)),
            json!({"a": 1}),
        ),
    ]
}

#[test]
fn records_have_the_documented_members() {
    for (record, expected) in all() {
        let json = record
            .json(TIME, Schema::Telemetry20250129)
            .or_else(|| record.json(TIME, Schema::Logs20210318))
            .unwrap();
        // Compared as text: the order is the schema's too, and 10 is not 10.0.
        assert_eq!(
            json,
            json!({"time": TIME, "type": record.type_name(), "record": expected}).to_string()
        );
    }
}

#[test]
fn schemas_have_the_records_of_their_time() {
    let telemetry = [false, false, true, true, true];
    for (name, in_schemas) in [
        ("platform.initStart", telemetry),
        ("platform.initRuntimeDone", telemetry),
        ("platform.initReport", telemetry),
        ("platform.restoreStart", [false, false, false, true, true]),
        (
            "platform.restoreRuntimeDone",
            [false, false, false, true, true],
        ),
        ("platform.restoreReport", [false, false, false, true, true]),
        ("platform.start", [true; 5]),
        ("platform.runtimeDone", [false, true, true, true, true]),
        ("platform.end", [true, true, false, false, false]),
        ("platform.report", [true; 5]),
        ("platform.fault", [true, true, false, false, false]),
        ("platform.extension", [true; 5]),
        ("platform.telemetrySubscription", telemetry),
        (
            "platform.logsSubscription",
            [true, true, false, false, false],
        ),
        ("platform.logsDropped", [true; 5]),
        ("function", [true; 5]),
        ("extension", [true; 5]),
    ] {
        let all = all();
        let (record, _) = all
            .iter()
            .find(|(record, _)| record.type_name() == name)
            .unwrap();
        assert_eq!(
            SCHEMAS.map(|schema| record.json(TIME, schema).is_some()),
            in_schemas,
            "{name}"
        );
        let category = match name {
            "function" => Category::Function,
            "extension" => Category::Extension,
            _ => Category::Platform,
        };
        assert_eq!(record.category(), category);
    }
}

#[test]
fn the_logs_api_has_fewer_members() {
    for (name, schema, expected) in [
        (
            "platform.start",
            Schema::Logs20200815,
            json!({"requestId": "id"}),
        ),
        (
            "platform.start",
            Schema::Logs20210318,
            json!({"requestId": "id", "version": "$LATEST"}),
        ),
        (
            "platform.runtimeDone",
            Schema::Logs20210318,
            json!({"requestId": "id", "status": "failure"}),
        ),
        (
            "platform.report",
            Schema::Logs20210318,
            json!({"requestId": "id", "metrics": {
                "durationMs": 1233.96, "billedDurationMs": 1698, "memorySizeMB": 256,
                "maxMemoryUsedMB": 123, "initDurationMs": 463.512,
            }}),
        ),
        ("extension", Schema::Logs20210318, json!("{\"a\":1}")),
    ] {
        let all = all();
        let (record, _) = all
            .iter()
            .find(|(record, _)| record.type_name() == name)
            .unwrap();
        let json: Value = serde_json::from_str(&record.json(TIME, schema).unwrap()).unwrap();
        assert_eq!(json["record"], expected, "{name}");
    }
}

#[test]
fn lines_of_json_are_objects_where_format_and_schema_say_so() {
    let text = r#"{"n": 12345678901234567890123, "x": 1.10}"#;
    let quoted = serde_json::to_string(text).unwrap();
    for (schema, json, written) in [
        (Schema::Logs20210318, true, quoted.as_str()),
        (Schema::Telemetry20220701, true, &quoted),
        (Schema::Telemetry20221213, true, text),
        (Schema::Telemetry20221213, false, &quoted),
        (Schema::Telemetry20250129, true, text),
    ] {
        let record = Record::FunctionLine(line(text, json));
        assert_eq!(
            record.json(TIME, schema).unwrap(),
            format!("{{\"time\":\"{TIME}\",\"type\":\"function\",\"record\":{written}}}"),
            "{schema:?} {json}"
        );
    }
    for no_object in ["plain", "[1]", "1", "\"x\"", "{", "{} {}", "{\n}", ""] {
        let json = Record::ExtensionLine(line(no_object, true))
            .json(TIME, Schema::Telemetry20250129)
            .unwrap();
        let read: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["record"], no_object);
    }
}

#[test]
fn a_managed_instance_reports_its_duration_only() {
    let metrics = ReportMetrics::of_managed_instance(Duration::from_nanos(1_234_567));
    assert_eq!(
        serde_json::to_string(&metrics).unwrap(),
        r#"{"durationMs":1.234}"#
    );
}

/// AWS's crate drops a whole batch for one record that it cannot read.
#[test]
fn the_official_crate_reads_every_batch_it_can_ask_for() {
    let batch = |schema| {
        let records: Vec<_> = all()
            .iter()
            .filter_map(|(record, _)| record.json(TIME, schema))
            .collect();
        (records.len(), format!("[{}]", records.join(",")))
    };
    // It asks for these two versions.
    let (sent, text) = batch(Schema::Telemetry20220701);
    let read: Vec<LambdaTelemetry> = serde_json::from_str(&text).unwrap();
    assert_eq!(read.len(), sent);
    assert!(read.iter().any(|entry| matches!(
        &entry.record,
        LambdaTelemetryRecord::PlatformReport { metrics, spans, .. }
            if metrics.max_memory_used_mb == 123 && spans.len() == 2
    )));

    let (sent, text) = batch(Schema::Logs20210318);
    let read: Vec<LambdaLog> = serde_json::from_str(&text).unwrap();
    assert_eq!(read.len(), sent);
}

/// Through the crate's types and back, nothing it models is lost.
#[test]
fn the_official_crate_writes_back_what_it_read() {
    for (record, _) in all() {
        let Some(json) = record.json(TIME, Schema::Telemetry20220701) else {
            continue;
        };
        let read: LambdaTelemetry = serde_json::from_str(&json).unwrap();
        let back: LambdaTelemetry =
            serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
        assert_eq!(read, back, "{json}");
        let type_of = |text: &str| serde_json::from_str::<Value>(text).unwrap()["type"].clone();
        assert_eq!(
            type_of(&json),
            type_of(&serde_json::to_string(&read).unwrap())
        );
    }
}

#[test]
fn a_restore_is_reported_and_billed() {
    let metrics = ReportMetrics::from(&log_line::Report {
        duration: Duration::from_micros(13_820),
        init_duration: None,
        memory_size_mb: 512,
        max_memory_used_mb: Some(71),
        status: log_line::Status::Success,
    })
    .with_restore(&log_line::Restore {
        duration: Duration::from_micros(204_270),
        billed_ms: 115,
    });
    assert_eq!(
        serde_json::to_string(&metrics).unwrap(),
        r#"{"durationMs":13.82,"billedDurationMs":129,"memorySizeMB":512,"maxMemoryUsedMB":71,"restoreDurationMs":204.27,"billedRestoreDurationMs":115}"#
    );
}

#[test]
fn a_peak_that_nobody_measured_does_not_cost_the_batch() {
    let metrics = ReportMetrics::from(&log_line::Report {
        duration: Duration::ZERO,
        init_duration: None,
        memory_size_mb: 128,
        max_memory_used_mb: None,
        status: log_line::Status::Success,
    });
    assert_eq!(
        serde_json::to_string(&metrics).unwrap(),
        r#"{"durationMs":0,"billedDurationMs":1,"memorySizeMB":128,"maxMemoryUsedMB":0}"#
    );
}

proptest! {
    #[test]
    fn every_line_of_every_process_is_one_line_of_json(text: String, json: bool, extension: bool) {
        let line = line(&text, json);
        let record = if extension { Record::ExtensionLine(line) } else { Record::FunctionLine(line) };
        for schema in SCHEMAS {
            let written = record.json(TIME, schema).unwrap();
            prop_assert!(!written.contains(['\n', '\r']));
            let read: Value = serde_json::from_str(&written).unwrap();
            prop_assert!(read["record"] == text || read["record"].is_object());
        }
        let written = record.json(TIME, Schema::Telemetry20220701).unwrap();
        let read: LambdaTelemetry = serde_json::from_str(&written).unwrap();
        prop_assert!(matches!(
            read.record,
            LambdaTelemetryRecord::Function(read) | LambdaTelemetryRecord::Extension(read) if read == text
        ));
    }

    #[test]
    fn times_keep_their_microseconds(micros in 0_u64..10_000_000_000) {
        let written = serde_json::to_string(&Millis(Duration::from_micros(micros))).unwrap();
        let read: f64 = written.parse().unwrap();
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let exact = micros as f64 / 1_000.0;
        prop_assert!((read - exact).abs() < 1e-6);
        prop_assert!(written.split_once('.').is_none_or(|(_, decimals)| decimals.len() <= 3));
    }
}
