//! The rules of each event source, on events as they come.

use std::sync::Mutex;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::deadline::Deadline;
use crate::errors::LambdaError as _;

/// What the handlers of these tests take.
#[derive(Debug, Deserialize)]
struct Order {
    id: String,
    #[serde(default)]
    fails: bool,
}

async fn reserve(order: Order) -> Result<(), &'static str> {
    match order.fails {
        true => Err("out of stock"),
        false => Ok(()),
    }
}

fn order(id: impl std::fmt::Display, fails: bool) -> String {
    json!({"id": id.to_string(), "fails": fails}).to_string()
}

/// Messages `m0`, `m1`, … with these bodies, each of a message group.
fn messages<'a>(bodies: impl IntoIterator<Item = (&'a str, String)>) -> SqsEvent {
    let records = bodies
        .into_iter()
        .enumerate()
        .map(|(index, (group, body))| {
            json!({
                "messageId": format!("m{index}"),
                "body": body,
                "attributes": {"MessageGroupId": group, "ApproximateReceiveCount": "2"},
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders",
            })
        });
    serde_json::from_value(json!({"Records": records.collect::<Vec<_>>()})).unwrap()
}

/// An event that is in no hurry: outside of an invocation, that of a test beside may count.
fn calm<P>(payload: P) -> Incoming<P> {
    let deadline = Deadline::NEVER;
    Incoming { payload, deadline }
}

fn failures(response: &SqsBatchResponse) -> Vec<&str> {
    let failures = response.batch_item_failures.iter();
    failures
        .map(|failure| failure.item_identifier.as_str())
        .collect()
}

#[tokio::test]
async fn each_failure_is_reported_alone() {
    let mut event = messages([
        ("a", order(0, false)),
        ("a", order(1, true)),
        ("a", "no JSON".to_owned()),
        ("a", r#"{"id": 7}"#.to_owned()),
        ("a", order("panics", false)),
        ("a", order(5, false)),
    ]);
    let mut without_body = SqsMessage::default();
    without_body.message_id = Some("m6".to_owned());
    event.records.push(without_body);
    let response = sqs(calm(event), |record: Record<Order>| async move {
        assert_ne!(record.body.id, "panics");
        assert_eq!(record.receive_count(), 2);
        reserve(record.body).await
    })
    .await
    .unwrap();
    assert_eq!(failures(&response), ["m1", "m2", "m3", "m4", "m6"]);
}

#[tokio::test]
async fn an_empty_list_is_success() {
    for event in [SqsEvent::default(), messages([("a", order(0, false))])] {
        let response = sqs(calm(event), |record: Record<Order>| reserve(record.body))
            .await
            .unwrap();
        assert_eq!(
            serde_json::to_value(response).unwrap(),
            json!({"batchItemFailures": []})
        );
    }
}

#[tokio::test]
async fn all_failed_is_an_error_unless_told_otherwise() {
    let event = messages([("a", order(0, true)), ("a", "no JSON".to_owned())]);
    let batch = |event| sqs(calm(event), |record: Record<Order>| reserve(record.body));
    let error = batch(event.clone()).await.unwrap_err();
    assert_eq!(error.error_type(), "EveryRecordFailed");
    assert!(error.to_string().contains("all 2 records"), "{error}");
    let response = batch(event).error_when_all_failed(false).await.unwrap();
    assert_eq!(failures(&response), ["m0", "m1"]);
}

#[tokio::test]
async fn a_failure_without_identifier_fails_the_batch() {
    for id in [None, Some(String::new())] {
        let mut event = messages([("a", order(0, false)), ("a", order(1, true))]);
        event.records[1].message_id = id;
        let error = sqs(calm(event), |record: Record<Order>| reserve(record.body))
            .await
            .unwrap_err();
        assert_eq!(error, BatchError::NoIdentifier { index: 1 });
        assert_eq!(error.error_type(), "NoIdentifier");
    }
}

/// A FIFO batch of two groups, whose third record fails.
fn groups() -> SqsEvent {
    messages([
        ("a", order("a0", false)),
        ("b", order("b0", false)),
        ("a", order("a1", true)),
        ("b", order("b1", false)),
        ("a", order("a2", false)),
        ("b", order("b2", false)),
    ])
}

#[tokio::test]
async fn fifo_stops_at_the_first_failure() {
    let response = sqs_fifo(calm(groups()), |record: Record<Order>| reserve(record.body))
        .concurrency(1)
        .await
        .unwrap();
    assert_eq!(failures(&response), ["m2", "m3", "m4", "m5"]);
}

#[tokio::test]
async fn fifo_may_skip_the_group_alone() {
    for concurrency in [1, 16] {
        let response = sqs_fifo(calm(groups()), |record: Record<Order>| reserve(record.body))
            .concurrency(concurrency)
            .skip_group_on_error()
            .await
            .unwrap();
        assert_eq!(failures(&response), ["m2", "m4"]);
    }
}

#[tokio::test(start_paused = true)]
async fn fifo_finishes_what_is_under_way() {
    // `a1` fails while `b1` is under way: `b1` is finished, and `b2` not begun.
    let response = sqs_fifo(calm(groups()), |record: Record<Order>| async move {
        tokio::time::sleep(Duration::from_millis(match record.group_id() {
            Some("b") => 15,
            _ => 10,
        }))
        .await;
        reserve(record.body).await
    })
    .await
    .unwrap();
    assert_eq!(failures(&response), ["m2", "m4", "m5"]);
}

#[tokio::test]
async fn a_fifo_queue_is_told_by_its_arn() {
    for (queue, failed) in [
        ("orders", vec!["m2"]),
        ("orders.fifo", vec!["m2", "m3", "m4", "m5"]),
    ] {
        let mut event = groups();
        for record in &mut event.records {
            let arn = format!("arn:aws:sqs:eu-west-1:123456789012:{queue}");
            record.event_source_arn = Some(arn);
        }
        let response = sqs(calm(event), |record: Record<Order>| reserve(record.body))
            .concurrency(1)
            .await
            .unwrap();
        assert_eq!(failures(&response), failed, "{queue}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_hangs_keeps_no_other_from_its_turn() {
    let bodies = ["slow", "quick", "slow", "quick", "quick"];
    let event = messages(bodies.map(|id| ("a", order(id, false))));
    let begun = tokio::time::Instant::now();
    let response = sqs(calm(event), |record: Record<Order>| async move {
        if record.body.id == "slow" {
            std::future::pending::<()>().await;
        }
        Ok::<_, &str>(())
    })
    .concurrency(1)
    .record_timeout(Duration::from_secs(2))
    .await
    .unwrap();
    assert_eq!(failures(&response), ["m0", "m2"]);
    let taken = begun.elapsed();
    assert!((4..5).contains(&taken.as_secs()), "{taken:?}");
}

#[tokio::test(start_paused = true)]
async fn of_a_fifo_queue_a_record_that_hangs_stops_what_follows_it() {
    let response = sqs_fifo(calm(groups()), |record: Record<Order>| async move {
        if record.body.id == "a1" {
            std::future::pending::<()>().await;
        }
        Ok::<_, &str>(())
    })
    .skip_group_on_error()
    .record_timeout(Duration::from_secs(2))
    .await
    .unwrap();
    assert_eq!(failures(&response), ["m2", "m4"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_done_in_time_is_reported() {
    let bodies = ["quick", "slow", "quick", "slow", "quick"];
    let event = messages(bodies.map(|id| ("a", order(id, false))));
    let begun = Mutex::new(0);
    let response = sqs(calm(event), |record: Record<Order>| {
        *begun.lock().unwrap() += 1;
        async move {
            if record.body.id == "slow" {
                std::future::pending::<()>().await;
            }
            Ok::<_, &str>(())
        }
    })
    .concurrency(2)
    .deadline(Deadline::after(Duration::from_secs(60)))
    .await
    .unwrap();
    // Two slow ones take both places: the last was not begun.
    assert_eq!(failures(&response), ["m1", "m3", "m4"]);
    assert_eq!(*begun.lock().unwrap(), 4);
}

#[tokio::test]
async fn a_short_timeout_is_not_all_margin() {
    let event = messages([("a", order(0, false))]);
    let response = sqs(calm(event), |record: Record<Order>| reserve(record.body))
        .deadline(Deadline::after(Duration::from_millis(400)))
        .await
        .unwrap();
    assert!(failures(&response).is_empty());
}

#[tokio::test]
async fn the_deadline_is_that_of_the_context() {
    let mut context = crate::Context::default();
    context.deadline = 1;
    let event = crate::LambdaEvent::new(messages([("a", order(0, false))]), context);
    let error = sqs(event, |record: Record<Order>| reserve(record.body))
        .await
        .unwrap_err();
    let BatchError::EveryRecordFailed {
        first_error_type, ..
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(first_error_type, "DeadlineExceeded");
}

#[tokio::test(start_paused = true)]
async fn it_ends_before_the_deadline_layer_around_it() {
    use crate::deadline::DeadlineLayer;
    use crate::test_invocation::invocation;
    use crate::tower::{ServiceBuilder, ServiceExt as _};

    // The layer keeps more than the batch does: not to ask it would lose what is done.
    let handler = ServiceBuilder::new()
        .layer(DeadlineLayer::new().margin(Duration::from_secs(10)))
        .service_fn(|event: crate::LambdaEvent<SqsEvent>| {
            sqs(event, |record: Record<Order>| async move {
                if record.body.id == "slow" {
                    std::future::pending::<()>().await;
                }
                Ok::<_, &str>(())
            })
            .into_future()
        });
    let invocation = invocation(Duration::from_secs(60));
    let context = invocation.context.clone();
    let bodies = ["quick", "slow"].map(|id| ("a", order(id, false)));
    let event = crate::LambdaEvent::new(messages(bodies), context);
    let response = invocation.scope(handler.oneshot(event)).await.unwrap();
    assert_eq!(failures(&response), ["m1"]);
}

#[tokio::test]
async fn a_deadline_of_its_own_is_none_beyond_the_invocation() {
    let past = Deadline::at(std::time::UNIX_EPOCH);
    for (of_invocation, own) in [(past, Deadline::NEVER), (Deadline::NEVER, past)] {
        let event = Incoming {
            payload: messages([("a", order(0, false))]),
            deadline: of_invocation,
        };
        let batch = sqs(event, |record: Record<Order>| reserve(record.body));
        assert!(batch.deadline(own).await.is_err());
    }
}

/// Kinesis records of shards, with sequence numbers and bodies.
fn kinesis_event(records: &[(&str, &str, &str)]) -> KinesisEvent {
    let records = records.iter().map(|(shard, number, data)| {
        json!({
            "eventID": format!("{shard}:{number}"),
            "kinesis": {
                "sequenceNumber": number,
                "partitionKey": "key",
                "data": base64(data),
                "approximateArrivalTimestamp": 1_545_084_650.987,
            },
        })
    });
    serde_json::from_value(json!({"Records": records.collect::<Vec<_>>()})).unwrap()
}

fn base64(text: &str) -> Value {
    let data = aws_lambda_events::encodings::Base64Data::deserialize(json!("")).unwrap();
    let mut data = data;
    data.0 = text.as_bytes().to_vec();
    serde_json::to_value(data).unwrap()
}

#[tokio::test]
async fn a_stream_resumes_at_its_first_failure() {
    let fine = order(0, false);
    let bad = order(0, true);
    let event = kinesis_event(&[
        ("shard-1", "9", &fine),
        ("shard-1", "10", &bad),
        ("shard-1", "11", &fine),
        ("shard-2", "5", &fine),
        ("shard-2", "6", &fine),
    ]);
    type Click = Record<Order, KinesisEventRecord>;
    let handled = Mutex::new(Vec::new());
    let response = kinesis(calm(event), |record: Click| {
        let number = record.raw.kinesis.sequence_number.clone();
        handled.lock().unwrap().push(number);
        reserve(record.body)
    })
    .await
    .unwrap();
    let failures = json!({"batchItemFailures": [{"itemIdentifier": "10"}]});
    assert_eq!(serde_json::to_value(response).unwrap(), failures);
    assert!(!handled.into_inner().unwrap().contains(&"11".to_owned()));
}

#[tokio::test]
async fn a_change_stream_resumes_at_its_first_failure() {
    let record = |number: &str, name: &str| {
        json!({
            "eventName": name,
            "eventID": number,
            "awsRegion": "eu-west-1",
            "dynamodb": {
                "SequenceNumber": number,
                "ApproximateCreationDateTime": 1_479_499_740,
                "Keys": {"id": {"S": number}},
                "NewImage": {"id": {"S": number}},
                "SizeBytes": 10,
                "StreamViewType": "NEW_IMAGE",
            },
        })
    };
    let event = json!({"Records": [record("99", "INSERT"), record("100", "REMOVE"), record("101", "INSERT")]});
    let event: DynamoDbEvent = serde_json::from_value(event).unwrap();
    let response = dynamodb(calm(event), |record: DynamoDbRecord| async move {
        assert_eq!(record.change.new_image.len(), 1);
        match record.event_name.as_str() {
            "INSERT" => Ok(()),
            _ => Err("unexpected"),
        }
    })
    .await
    .unwrap();
    let failures = json!({"batchItemFailures": [{"itemIdentifier": "100"}]});
    assert_eq!(serde_json::to_value(response).unwrap(), failures);
}

#[tokio::test]
async fn a_partition_of_kafka_stops_at_its_first_failure() {
    let record = |partition: i64, offset: i64, value: Value| {
        json!({
            "topic": "orders", "partition": partition, "offset": offset,
            "timestamp": 1_545_084_650_987_i64, "timestampType": "CREATE_TIME",
            "key": null, "value": value, "headers": [],
        })
    };
    let (fine, bad) = (base64(&order(0, false)), base64(&order(0, true)));
    let event = json!({
        "eventSource": "aws:kafka",
        "records": {
            "orders-0": [record(0, 15, fine.clone()), record(0, 16, bad), record(0, 17, fine.clone())],
            "orders-1": [record(1, 3, fine), record(1, 4, Value::Null), record(1, 5, json!("%"))],
        },
    });
    let event: KafkaEvent = serde_json::from_value(event).unwrap();
    type Reading = Record<Option<Order>, KafkaRecord>;
    let response = kafka(calm(event), |record: Reading| async move {
        match record.body {
            Some(order) => reserve(order).await,
            None => Ok(()),
        }
    })
    .await
    .unwrap();
    let failed = |partition: &str, offset: i64| json!({"itemIdentifier": {"partition": partition, "offset": offset}});
    let failures = [
        failed("orders-0", 16),
        failed("orders-0", 17),
        failed("orders-1", 5),
    ];
    assert_eq!(
        serde_json::to_value(response).unwrap(),
        json!({"batchItemFailures": failures})
    );
}

/// The samples of `kiln event`, as their sources send them.
#[cfg(feature = "testing")]
#[tokio::test]
async fn samples_of_all_sources_are_read() {
    use super::envelope::{S3Notification, Sns};
    use crate::testing::sample;

    type Json<M> = Record<Value, M>;
    let none = json!({"batchItemFailures": []});
    let answered = |answer: Value| assert_eq!(answer, none);

    let response = kinesis(
        calm(sample::<KinesisEvent>("kinesis")),
        |record: Json<KinesisEventRecord>| async move {
            assert!(record.body.is_object());
            Ok::<_, &str>(())
        },
    );
    answered(serde_json::to_value(response.await.unwrap()).unwrap());
    let response = kafka(
        calm(sample::<KafkaEvent>("kafka")),
        |record: Json<KafkaRecord>| async move {
            assert!(record.body.is_object());
            Ok::<_, &str>(())
        },
    );
    answered(serde_json::to_value(response.await.unwrap()).unwrap());
    let response = dynamodb(
        calm(sample::<DynamoDbEvent>("dynamodb")),
        |record: DynamoDbRecord| async move {
            assert!(!record.change.keys.is_empty());
            Ok::<_, &str>(())
        },
    );
    answered(serde_json::to_value(response.await.unwrap()).unwrap());
    let response = sqs(
        calm(sample::<SqsEvent>("s3-in-sqs")),
        |record: Record<S3Notification>| async move {
            assert_eq!(record.body.objects.len(), 1);
            Ok::<_, &str>(())
        },
    );
    answered(serde_json::to_value(response.await.unwrap()).unwrap());
    let response = sqs(
        calm(sample::<SqsEvent>("sns-in-sqs")),
        |record: Record<Sns<Value>>| async move {
            assert!(record.body.message.is_object());
            Ok::<_, &str>(())
        },
    );
    answered(serde_json::to_value(response.await.unwrap()).unwrap());
}
