//! What a failed record leaves in the log: its identifier and the error's type, once, and no body.
#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use kiln::batch::{self, Record, SqsEvent};
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// The events of a test, with their fields as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(Level, Fields)>>>);

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.0
            .lock()
            .unwrap()
            .push((*event.metadata().level(), fields));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

#[derive(Debug, kiln::LambdaError)]
#[lambda_error(type = "CardDeclined")]
struct Declined(Value);

impl std::fmt::Display for Declined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} was declined", self.0)
    }
}

impl std::error::Error for Declined {}

#[tokio::test]
async fn each_failure_is_logged_once_without_its_body() {
    let body = json!({"card": "4111"}).to_string();
    let wrong = json!("4111").to_string();
    let record = |id: &str, body: &str| json!({"messageId": id, "body": body});
    let event: SqsEvent = serde_json::from_value(json!({
        "Records": [record("fine", "{}"), record("declined", &body), record("wrong", &wrong)],
    }))
    .unwrap();

    let log = Log::default();
    let subscriber = tracing_subscriber::registry().with(log.clone());
    let guard = tracing::subscriber::set_default(subscriber);
    type Body = serde_json::Map<String, Value>;
    let response = batch::sqs(event, |record: Record<Body>| async move {
        match record.body.get("card") {
            None => Ok(()),
            Some(card) => Err(Declined(card.clone())),
        }
    })
    .await
    .unwrap();
    drop(guard);

    assert_eq!(response.batch_item_failures.len(), 2);
    let log = log.0.lock().unwrap();
    let seen = log.iter().map(|(level, fields)| {
        assert!(
            fields.0.values().all(|value| !value.contains("4111")),
            "{:?}",
            fields.0
        );
        (
            *level,
            fields.0["record"].as_str(),
            fields.0["error_type"].as_str(),
        )
    });
    assert_eq!(
        seen.collect::<Vec<_>>(),
        [
            (Level::WARN, "declined", "CardDeclined"),
            (Level::WARN, "wrong", "UnreadableRecord"),
        ]
    );
}
