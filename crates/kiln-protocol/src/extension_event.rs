//! The events an extension receives: INVOKE and SHUTDOWN.
//!
//! Source: [Lambda Extensions API](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html),
//! *Next*, and the behaviour of the implementation AWS publishes.

use std::fmt;

use serde::Serialize;

/// What an extension can subscribe to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum EventType {
    /// The function was invoked.
    Invoke,
    /// The environment ends.
    Shutdown,
}

impl EventType {
    /// Reads the name on the wire, which is upper case.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "INVOKE" => Some(Self::Invoke),
            "SHUTDOWN" => Some(Self::Shutdown),
            _ => None,
        }
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Invoke => "INVOKE",
            Self::Shutdown => "SHUTDOWN",
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why an environment ends. Documented in upper case, sent in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ShutdownReason {
    /// It was idle, or is replaced.
    Spindown,
    /// The function's timeout passed.
    Timeout,
    /// A process of it failed.
    Failure,
}

/// The trace header, as events and telemetry records carry it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tracing {
    /// The span the record is about; events have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
    #[serde(rename = "type")]
    kind: TracingType,
    /// `Root=…;Parent=…;Sampled=…`
    pub value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum TracingType {
    #[serde(rename = "X-Amzn-Trace-Id")]
    XAmznTraceId,
}

impl Tracing {
    /// A trace header without a span.
    pub fn new(header: impl Into<String>) -> Self {
        Self {
            span_id: None,
            kind: TracingType::XAmznTraceId,
            value: header.into(),
        }
    }

    /// The span the record is about.
    pub fn with_span(mut self, id: impl Into<String>) -> Self {
        self.span_id = Some(id.into());
        self
    }
}

/// The body of an answer to `/event/next`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(
    tag = "eventType",
    rename_all = "UPPERCASE",
    rename_all_fields = "camelCase"
)]
pub enum Event {
    /// An invocation began; the runtime gets it at the same time.
    Invoke {
        /// Epoch milliseconds at which the invocation times out.
        deadline_ms: u64,
        /// The invocation.
        request_id: String,
        /// The ARN as invoked.
        invoked_function_arn: String,
        /// Its trace.
        tracing: Tracing,
    },
    /// The environment ends.
    Shutdown {
        /// Why.
        shutdown_reason: ShutdownReason,
        /// Epoch milliseconds at which the processes that are left are killed.
        deadline_ms: u64,
    },
}

impl Event {
    /// Who wants it.
    pub fn event_type(&self) -> EventType {
        match self {
            Self::Invoke { .. } => EventType::Invoke,
            Self::Shutdown { .. } => EventType::Shutdown,
        }
    }

    /// JSON body.
    pub fn body(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use lambda_extension::NextEvent;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn events_have_the_services_bodies() {
        let invoke = Event::Invoke {
            deadline_ms: 1_700_000_003_000,
            request_id: "id".to_owned(),
            invoked_function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
            tracing: Tracing::new("Root=1-2-3"),
        };
        assert_eq!(
            invoke.body(),
            r#"{"eventType":"INVOKE","deadlineMs":1700000003000,"requestId":"id","invokedFunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:f","tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1-2-3"}}"#
        );
        assert_eq!(invoke.event_type(), EventType::Invoke);
        for (shutdown_reason, name) in [
            (ShutdownReason::Spindown, "spindown"),
            (ShutdownReason::Timeout, "timeout"),
            (ShutdownReason::Failure, "failure"),
        ] {
            let shutdown = Event::Shutdown {
                shutdown_reason,
                deadline_ms: 1_700_000_005_000,
            };
            assert_eq!(
                shutdown.body(),
                format!(
                    r#"{{"eventType":"SHUTDOWN","shutdownReason":"{name}","deadlineMs":1700000005000}}"#
                )
            );
            assert_eq!(shutdown.event_type(), EventType::Shutdown);
        }
    }

    proptest! {
        #[test]
        fn the_official_crate_reads_them(
            deadline_ms in any::<u64>(), request_id: String, arn: String, trace: String
        ) {
            let event = Event::Invoke {
                deadline_ms,
                request_id: request_id.clone(),
                invoked_function_arn: arn.clone(),
                tracing: Tracing::new(trace.clone()),
            };
            let NextEvent::Invoke(read) = serde_json::from_str(&event.body()).unwrap() else {
                panic!("{}", event.body())
            };
            prop_assert_eq!(read.deadline_ms, deadline_ms);
            prop_assert_eq!(read.request_id, request_id);
            prop_assert_eq!(read.invoked_function_arn, arn);
            prop_assert_eq!(read.tracing.value, trace);

            let event = Event::Shutdown { shutdown_reason: ShutdownReason::Timeout, deadline_ms };
            let NextEvent::Shutdown(read) = serde_json::from_str(&event.body()).unwrap() else {
                panic!("{}", event.body())
            };
            prop_assert_eq!((read.shutdown_reason.as_str(), read.deadline_ms), ("timeout", deadline_ms));
        }
    }
}
