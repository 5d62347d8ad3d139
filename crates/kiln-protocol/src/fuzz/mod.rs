//! Fuzz targets: what holds for whatever a caller, a runtime or an extension sends.

mod apis;
mod invoke;
mod logs;
mod samples;

use kiln_fuzz::Target;

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    Target {
        name: "function-references",
        run: invoke::function_references,
    },
    Target {
        name: "client-contexts",
        run: invoke::client_contexts,
    },
    Target {
        name: "payloads",
        run: invoke::payloads,
    },
    Target {
        name: "trace-headers",
        run: invoke::trace_headers,
    },
    Target {
        name: "api-paths",
        run: apis::paths,
    },
    Target {
        name: "error-types",
        run: apis::error_types,
    },
    Target {
        name: "extension-requests",
        run: apis::extension_requests,
    },
    Target {
        name: "subscriptions",
        run: apis::subscriptions,
    },
    Target {
        name: "event-streams",
        run: logs::event_streams,
    },
    Target {
        name: "json-logs",
        run: logs::json_logs,
    },
    Target {
        name: "sample-edits",
        run: samples::edits,
    },
];

/// Checks that the body of a refusal is JSON with a message and a type, on one line.
fn is_refusal(body: &str) {
    let parsed: serde_json::Value = serde_json::from_str(body).expect("a refusal is JSON");
    assert!(parsed["errorMessage"].is_string(), "{body}");
    assert!(parsed["errorType"].is_string(), "{body}");
    assert!(!body.trim_end().contains('\n'), "{body}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn corpora_hold() {
        kiln_fuzz::replay(env!("CARGO_MANIFEST_DIR"), super::TARGETS);
    }
}
