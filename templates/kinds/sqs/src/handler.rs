//! The event: a batch of messages, each with an order as its body.
//!
//! Needs `ReportBatchItemFailures` on the event source mapping; without it Lambda takes any answer
//! for success and deletes the failed messages too.

use futures_util::stream::{self, StreamExt as _};
use lambda_runtime::{LambdaEvent, tracing};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};

use crate::error::Error;
use crate::order::Order;
use crate::work::Worker;

/// Messages of one batch that may be under way at once.
const MESSAGES_AT_ONCE: usize = 8;

/// Works through one batch and names the messages that are to come again.
pub async fn handle(
    worker: &Worker,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, Error> {
    let messages = event.payload.records;
    let count = messages.len();
    let failed = if messages.iter().any(is_fifo) {
        in_order(worker, messages).await
    } else {
        concurrently(worker, messages).await
    };
    // The answer below counts as success. When nothing worked at all, the function's error metric
    // should say so; every message comes again either way.
    if count > 0 && failed.len() == count {
        return Err(Error::EntireBatch { count });
    }
    let mut response = SqsBatchResponse::default();
    response.set_failures(failed);
    Ok(response)
}

fn is_fifo(message: &SqsMessage) -> bool {
    let queue = message.event_source_arn.as_deref();
    queue.is_some_and(|arn| arn.ends_with(".fifo"))
}

/// Takes the messages of a standard queue in any order; answers the identifiers that failed.
async fn concurrently(worker: &Worker, messages: Vec<SqsMessage>) -> Vec<String> {
    stream::iter(messages)
        .map(|message| process(worker, message))
        .buffered(MESSAGES_AT_ONCE)
        .filter_map(async |result| result.err())
        .collect()
        .await
}

/// Takes the messages of a FIFO queue one by one. After a failure the rest fails too: a message
/// must not overtake an earlier one that comes again.
async fn in_order(worker: &Worker, messages: Vec<SqsMessage>) -> Vec<String> {
    let mut failed = Vec::new();
    for message in messages {
        if failed.is_empty() {
            failed.extend(process(worker, message).await.err());
        } else {
            failed.push(identifier(&message));
        }
    }
    failed
}

/// Works on one message; the error is its identifier.
async fn process(worker: &Worker, message: SqsMessage) -> Result<(), String> {
    let result = async {
        // A body that is not an order fails its message, not the batch.
        let body = message.body.as_deref().unwrap_or_default();
        let order: Order = serde_json::from_str(body).map_err(Error::invalid_order)?;
        worker.process(order).await
    };
    match result.await {
        Ok(outcome) => {
            tracing::info!(order_id = outcome.order_id, "order processed");
            Ok(())
        }
        Err(error) => {
            tracing::error!(
                message_id = message.message_id,
                error = error.chain(),
                error_type = error.error_type(),
                "message failed"
            );
            Err(identifier(&message))
        }
    }
}

/// What Lambda knows the message by. An empty one makes it return the whole batch: the safe reading
/// of a message without an identifier.
fn identifier(message: &SqsMessage) -> String {
    message.message_id.clone().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use lambda_runtime::Context;
    use serde_json::{Value, json};

    use super::*;

    const GOOD: &str = r#"{"orderId":"o","customer":"c",
        "lines":[{"sku":"KILN-MUG","quantity":1,"unitPriceCents":1250}]}"#;

    fn event(queue: &str, bodies: &[&str]) -> LambdaEvent<SqsEvent> {
        let records: Vec<Value> = bodies
            .iter()
            .enumerate()
            .map(|(index, body)| {
                json!({
                    "messageId": format!("m{index}"),
                    "body": body,
                    "eventSourceARN": format!("arn:aws:sqs:us-east-1:123456789012:{queue}"),
                })
            })
            .collect();
        let event = serde_json::from_value(json!({"Records": records})).unwrap();
        LambdaEvent::new(event, Context::default())
    }

    async fn failures(queue: &str, bodies: &[&str]) -> Vec<String> {
        let response = handle(&Worker::default(), event(queue, bodies))
            .await
            .unwrap();
        let failures = response.batch_item_failures.into_iter();
        failures.map(|failure| failure.item_identifier).collect()
    }

    #[tokio::test]
    async fn names_the_messages_that_failed() {
        let cases: [(&[&str], &[&str]); 4] = [
            (&[], &[]),
            (&[GOOD, GOOD], &[]),
            (&[GOOD, "no JSON", GOOD], &["m1"]),
            (&["{}", GOOD, ""], &["m0", "m2"]),
        ];
        for (bodies, expected) in cases {
            assert_eq!(failures("orders", bodies).await, expected, "{bodies:?}");
        }
    }

    #[tokio::test]
    async fn nothing_overtakes_a_failure_in_a_fifo_queue() {
        let bodies = [GOOD, "no JSON", GOOD];
        assert_eq!(failures("orders.fifo", &bodies).await, ["m1", "m2"]);
    }

    #[tokio::test]
    async fn a_batch_without_any_success_is_an_error() {
        let event = event("orders", &["{}", "no JSON"]);
        let error = handle(&Worker::default(), event).await.unwrap_err();
        assert_eq!(error.error_type(), "EntireBatchFailed");
    }
}
