//! Records as lines.

use lambda_extension::{LambdaLog, LambdaLogRecord};
use serde_json::{Map, Value, json};

/// The line that a record becomes, or none for what nobody collects.
pub fn line_of(log: &LambdaLog) -> Option<Value> {
    let mut line = match &log.record {
        LambdaLogRecord::Function(text) => of_function(text),
        LambdaLogRecord::PlatformReport {
            request_id,
            metrics,
            ..
        } => {
            let mut line = Map::new();
            line.insert("type".to_owned(), json!("report"));
            line.insert("requestId".to_owned(), json!(request_id));
            line.insert("durationMs".to_owned(), json!(metrics.duration_ms));
            line.insert("billedMs".to_owned(), json!(metrics.billed_duration_ms));
            line.insert("maxMemoryMb".to_owned(), json!(metrics.max_memory_used_mb));
            line
        }
        LambdaLogRecord::PlatformLogsDropped {
            dropped_records,
            reason,
            ..
        } => {
            let mut line = Map::new();
            line.insert("type".to_owned(), json!("dropped"));
            line.insert("records".to_owned(), json!(dropped_records));
            line.insert("reason".to_owned(), json!(reason));
            line
        }
        _ => return None,
    };
    line.entry("timestamp")
        .or_insert_with(|| json!(log.time.to_rfc3339()));
    Some(Value::Object(line))
}

/// A line that is JSON already stays what it is.
fn of_function(text: &str) -> Map<String, Value> {
    match serde_json::from_str(text) {
        Ok(Value::Object(line)) => line,
        _ => {
            let mut line = Map::new();
            line.insert("message".to_owned(), json!(text.trim_end()));
            line
        }
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
