//! Records as lines.

use lambda_extension::{LambdaLog, LambdaLogRecord};
use serde_json::{Value, json};

/// The line that a record becomes, or none for what nobody collects.
pub fn line_of(log: &LambdaLog) -> Option<Value> {
    let mut line = match &log.record {
        LambdaLogRecord::Function(text) => of_function(text),
        LambdaLogRecord::PlatformReport {
            request_id,
            metrics,
            ..
        } => json!({
            "type": "report",
            "requestId": request_id,
            "durationMs": metrics.duration_ms,
            "billedMs": metrics.billed_duration_ms,
            "maxMemoryMb": metrics.max_memory_used_mb,
        }),
        LambdaLogRecord::PlatformLogsDropped {
            dropped_records,
            reason,
            ..
        } => json!({ "type": "dropped", "records": dropped_records, "reason": reason }),
        _ => return None,
    };
    if line.get("timestamp").is_none() {
        line["timestamp"] = json!(log.time.to_rfc3339());
    }
    Some(line)
}

/// A line that is JSON already stays what it is.
fn of_function(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(line @ Value::Object(_)) => line,
        _ => json!({ "message": text.trim_end() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(kind: &str, record: &Value) -> LambdaLog {
        let log = json!({"time": "2026-03-01T12:00:00Z", "type": kind, "record": record});
        serde_json::from_value(log).unwrap()
    }

    #[test]
    fn lines_keep_what_they_say() {
        let line = line_of(&log("function", &json!("plain text\n"))).unwrap();
        assert_eq!(line["message"], "plain text");
        assert!(
            line["timestamp"]
                .as_str()
                .unwrap()
                .starts_with("2026-03-01T12:00:00")
        );

        let own = json!({"level": "INFO", "timestamp": "2026-03-01T11:59:59.999Z"});
        let line = line_of(&log("function", &json!(own.to_string()))).unwrap();
        assert_eq!(line, own);

        let start = log("platform.start", &json!({"requestId": "1"}));
        assert_eq!(line_of(&start), None);
    }
}
