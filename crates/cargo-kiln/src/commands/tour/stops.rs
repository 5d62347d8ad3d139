//! The functions of the tour: the event each is sent, and what is right to answer.

use std::fs;
use std::io;
use std::path::Path;

use kiln_protocol::samples::Assignment;
use serde_json::{Value, json};

use crate::commands::event;
use crate::failure::Failure;

/// One function of the sample workspace.
pub(super) struct TourStop {
    pub(super) function: &'static str,
    /// What it is, in the list.
    pub(super) what: &'static str,
    /// What the step shows.
    pub(super) story: &'static str,
    pub(super) event: EventSource,
    /// What makes the answer right, in words.
    pub(super) right: &'static str,
    /// The same as a check; the error says what was answered instead.
    pub(super) check: fn(&Value) -> Result<(), String>,
}

/// Where a step's event comes from.
pub(super) enum EventSource {
    /// A sample that Kiln prints.
    Sample(&'static str),
    /// A file of the function's project.
    File(&'static str),
    /// The sample of EventBridge, with a file of the function's project for its `detail`.
    Detail(&'static str),
}

impl EventSource {
    /// The command a user would type.
    pub(super) fn command(&self, function: &str, port: u16) -> String {
        let source = match self {
            Self::Sample(kind) => format!("--event {kind}"),
            Self::File(file) => format!("--data-file {function}/{file}"),
            Self::Detail(file) => {
                format!("--event eventbridge --set \"detail=$(cat {function}/{file})\"")
            }
        };
        format!("kiln invoke {function} {source} --log --port {port}")
    }

    /// The event.
    pub(super) fn read(&self, examples: &Path, function: &str) -> Result<Vec<u8>, Failure> {
        let path = |file: &str| examples.join(function).join(file);
        let unread = |file: &str, error: &io::Error| {
            Failure::usage(format!("cannot read `{}`: {error}", path(file).display()))
        };
        match self {
            Self::Sample(kind) => {
                serde_json::to_vec(&event::sample(kind, &[])?).map_err(Failure::bug)
            }
            Self::File(file) => fs::read(path(file)).map_err(|error| unread(file, &error)),
            Self::Detail(file) => {
                let text = fs::read_to_string(path(file)).map_err(|error| unread(file, &error))?;
                let detail = Assignment {
                    path: "detail".to_owned(),
                    value: text,
                };
                serde_json::to_vec(&event::sample("eventbridge", &[detail])?).map_err(Failure::bug)
            }
        }
    }
}

pub(super) static STOPS: [TourStop; 3] = [
    TourStop {
        function: "orders-api",
        what: "HTTP: axum on lambda_http",
        story: "an order over HTTP, as API Gateway would hand it over",
        event: EventSource::Sample("http"),
        right: "201 Created, and the order costs 44.90",
        check: |answer| {
            let body = answer["body"].as_str().unwrap_or_default();
            let body: Value = serde_json::from_str(body).unwrap_or_default();
            expect("status 201", &answer["statusCode"], &json!(201))?;
            expect("4490 cents", &body["totalCents"], &json!(4490))
        },
    },
    TourStop {
        function: "orders-queue",
        what: "SQS: a batch with partial failures",
        story: "a batch from a queue with two bad messages in it",
        event: EventSource::File("events/partial-failure.json"),
        right: "only the two bad messages go back to the queue",
        check: |answer| {
            let expected = json!([
                {"itemIdentifier": "2e1424d4-f796-459a-8184-9c92662be6da"},
                {"itemIdentifier": "c0ffee00-0000-4000-8000-000000000003"},
            ]);
            expect(
                "these two failures",
                &answer["batchItemFailures"],
                &expected,
            )
        },
    },
    TourStop {
        function: "risk-report",
        what: "compute: rayon behind kiln::compute",
        story: "a portfolio from an event bus, simulated on all cores, off the async threads",
        event: EventSource::Detail("events/portfolio.json"),
        right: "value at risk 72483.44, from a seeded simulation",
        check: |answer| {
            expect(
                "value at risk 72483.44",
                &answer["valueAtRisk"],
                &json!(72_483.44),
            )?;
            expect(
                "worst loss 130055.5",
                &answer["worstLoss"],
                &json!(130_055.5),
            )
        },
    },
];

fn expect(what: &str, found: &Value, expected: &Value) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{found}, and not {what}"))
}
