//! Proof that the samples are what they claim to be: each goes through its Rust type and back
//! without losing anything but what that type is known not to model.

use aws_lambda_events::alb::AlbTargetGroupRequest;
use aws_lambda_events::apigw::{
    ApiGatewayProxyRequest, ApiGatewayV2httpRequest, ApiGatewayWebsocketProxyRequest,
};
use aws_lambda_events::cloudwatch_logs::LogsEvent;
use aws_lambda_events::cognito::{
    CognitoEventUserPoolsPostConfirmation, CognitoEventUserPoolsPreSignup,
};
use aws_lambda_events::eventbridge::EventBridgeEvent;
use aws_lambda_events::iot_button::IoTButtonEvent;
use aws_lambda_events::kafka::KafkaEvent;
use aws_lambda_events::kinesis::KinesisEvent;
use aws_lambda_events::lambda_function_urls::LambdaFunctionUrlRequest;
use aws_lambda_events::s3::S3Event;
use aws_lambda_events::ses::SimpleEmailEvent;
use aws_lambda_events::sns::{SnsEvent, SnsMessage};
use aws_lambda_events::sqs::{SqsEvent, SqsEventObj};
use aws_lambda_events::{dynamodb, sqs};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_extension::{
    LambdaLog, LambdaLogRecord, LambdaTelemetry, LambdaTelemetryRecord, NextEvent,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{all, find};

/// A sample's name, the check of its type, and the paths that type does not model.
type Row = (
    &'static str,
    fn(&str) -> Vec<String>,
    &'static [&'static str],
);

#[test]
fn every_sample_survives_its_type() {
    let rows: &[Row] = &[
        ("json", lost_in::<Value>, &[]),
        ("http", lost_in::<ApiGatewayV2httpRequest>, &[]),
        (
            "function-url",
            lost_in::<LambdaFunctionUrlRequest>,
            &[
                "routeKey",
                "requestContext.routeKey",
                "requestContext.stage",
            ],
        ),
        (
            "apigw-v1",
            lost_in::<ApiGatewayProxyRequest>,
            &["requestContext.extendedRequestId"],
        ),
        ("alb", lost_in::<AlbTargetGroupRequest>, &[]),
        ("websocket", lost_in::<ApiGatewayWebsocketProxyRequest>, &[]),
        ("sqs", lost_in::<SqsEvent>, &[]),
        ("sns", lost_in::<SnsEvent>, &[]),
        ("s3", lost_in::<S3Event>, &[]),
        ("s3-in-sqs", lost_in::<SqsEventObj<S3Event>>, &[]),
        ("sns-in-sqs", lost_in::<SqsEventObj<SnsMessage>>, &[]),
        ("eventbridge", lost_in::<EventBridgeEvent>, &[]),
        ("schedule", lost_in::<EventBridgeEvent>, &[]),
        ("dynamodb", lost_in::<dynamodb::Event>, &[]),
        ("kinesis", lost_in::<KinesisEvent>, &[]),
        ("kafka", lost_in::<KafkaEvent>, &[]),
        (
            "cognito",
            lost_in::<CognitoEventUserPoolsPostConfirmation>,
            &[],
        ),
        (
            "cognito-pre-signup",
            lost_in::<CognitoEventUserPoolsPreSignup>,
            &[],
        ),
        ("ses", lost_in::<SimpleEmailEvent>, &[]),
        ("iot", lost_in::<IoTButtonEvent>, &[]),
        ("extension-telemetry", lost_in::<Vec<LambdaTelemetry>>, &[]),
    ];
    // Their types do not write what they read; they have tests of their own below.
    let one_way = ["cloudwatch-logs", "extension-invoke", "extension-logs"];

    for (name, lost, expected) in rows {
        assert_eq!(&lost(name), expected, "{name}");
    }
    for sample in all() {
        assert!(
            one_way.contains(&sample.name) || rows.iter().any(|row| row.0 == sample.name),
            "`{}` has no row",
            sample.name
        );
    }
}

/// Sends the sample through `T` twice and names the paths that do not come out as they went in.
fn lost_in<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    name: &str,
) -> Vec<String> {
    let sample = find(name).unwrap();
    assert_eq!(
        without_modules(sample.rust_type),
        without_modules(std::any::type_name::<T>()),
        "{name}"
    );
    let parsed: T = serde_json::from_str(sample.text)
        .unwrap_or_else(|error| panic!("`{name}` is not a {}: {error}", sample.rust_type));
    // Through text, as at run time: some types borrow from it and cannot be read from a `Value`.
    let written = serde_json::to_string(&parsed).unwrap();
    let parsed_again: T = serde_json::from_str(&written).unwrap();
    assert_eq!(parsed, parsed_again, "{name}");
    let written: Value = serde_json::from_str(&written).unwrap();

    let mut lost = Vec::new();
    compare("", &sample.value(), &written, &mut lost);
    lost
}

/// `a::b::C<d::E>` as `C<E>`: the crates re-export types from elsewhere than they define them.
fn without_modules(path: &str) -> String {
    path.split_inclusive(['<', '>', ',', ' '])
        .map(|part| part.rsplit("::").next().unwrap_or(part))
        .collect()
}

/// Collects the paths of `sample` that `written` lacks or has otherwise.
fn compare(path: &str, sample: &Value, written: &Value, lost: &mut Vec<String>) {
    let inside = |key: &str| match path {
        "" => key.to_owned(),
        _ => format!("{path}.{key}"),
    };
    match (sample, written) {
        (Value::Object(members), Value::Object(others)) => {
            for (key, member) in members {
                // Header names and some of AWS's members (`…Url`, `…URL`) vary in case alone.
                let other = others
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(key))
                    .map_or(&Value::Null, |(_, other)| other);
                compare(&inside(key), member, other, lost);
            }
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            for (index, (item, other)) in items.iter().zip(others).enumerate() {
                compare(&inside(&index.to_string()), item, other, lost);
            }
        }
        _ if is_nothing(sample) && is_nothing(written) => {}
        _ if text_of(sample) == text_of(written) => {}
        _ => match (json_inside(sample), json_inside(written)) {
            (Some(sample), Some(written)) => compare(path, &sample, &written, lost),
            _ => lost.push(path.to_owned()),
        },
    }
}

/// Null and empty containers: AWS and the types use one for another.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// A scalar as comparable text: numbers may come back as strings, and instants without `.000`.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.replace(".000Z", "Z"),
        other => other.to_string(),
    }
}

/// The JSON document inside of a string.
fn json_inside(value: &Value) -> Option<Value> {
    let inner: Value = serde_json::from_str(value.as_str()?).ok()?;
    inner.is_object().then_some(inner)
}

/// The payload that the samples carry.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Order {
    order_id: String,
    customer: String,
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    sku: String,
    quantity: u32,
    unit_price_cents: u32,
}

fn typed<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(find(name).unwrap().text).unwrap()
}

fn order(text: impl AsRef<[u8]>) -> Order {
    serde_json::from_slice(text.as_ref()).unwrap()
}

#[test]
fn the_order_comes_out_of_every_sample_that_carries_it() {
    let expected: Order = typed("json");
    assert_eq!(expected.order_id, "ord-1001");
    assert_eq!(expected.lines.len(), 2);

    let carried = [
        order(typed::<ApiGatewayV2httpRequest>("http").body.unwrap()),
        order(
            typed::<LambdaFunctionUrlRequest>("function-url")
                .body
                .unwrap(),
        ),
        order(typed::<ApiGatewayProxyRequest>("apigw-v1").body.unwrap()),
        order(typed::<AlbTargetGroupRequest>("alb").body.unwrap()),
        order(
            typed::<ApiGatewayWebsocketProxyRequest>("websocket")
                .body
                .unwrap(),
        ),
        typed::<sqs::SqsEventObj<Value>>("sqs")
            .records
            .remove(0)
            .body
            .take_order(),
        order(typed::<SnsEvent>("sns").records.remove(0).sns.message),
        order(
            typed::<SqsEventObj<SnsMessage>>("sns-in-sqs")
                .records
                .remove(0)
                .body
                .message,
        ),
        typed::<EventBridgeEvent>("eventbridge").detail.take_order(),
        order(&typed::<KinesisEvent>("kinesis").records[0].kinesis.data.0),
        order(
            STANDARD
                .decode(
                    typed::<KafkaEvent>("kafka").records["orders-0"][0]
                        .value
                        .as_ref()
                        .unwrap(),
                )
                .unwrap(),
        ),
        serde_dynamo::from_item(
            typed::<dynamodb::Event>("dynamodb")
                .records
                .remove(0)
                .change
                .new_image,
        )
        .unwrap(),
    ];
    for order in carried {
        assert_eq!(order, expected);
    }
}

/// Reads an order out of a JSON value.
trait TakeOrder {
    fn take_order(self) -> Order;
}

impl TakeOrder for Value {
    fn take_order(self) -> Order {
        serde_json::from_value(self).unwrap()
    }
}

#[test]
fn batches_end_with_a_second_order() {
    let sqs: SqsEvent = typed("sqs");
    let kinesis: KinesisEvent = typed("kinesis");
    let dynamodb: dynamodb::Event = typed("dynamodb");
    let kafka: KafkaEvent = typed("kafka");
    let kafka = kafka.records["orders-0"][1].value.clone().unwrap();
    for second in [
        order(sqs.records[1].body.as_ref().unwrap()).order_id,
        order(&kinesis.records[1].kinesis.data.0).order_id,
        order(STANDARD.decode(kafka).unwrap()).order_id,
        serde_dynamo::from_item::<_, Order>(dynamodb.records[1].change.new_image.clone())
            .unwrap()
            .order_id,
    ] {
        assert_eq!(second, "ord-1002");
    }
}

#[test]
fn log_lines_come_out_of_the_compressed_data() {
    let logs: LogsEvent = typed("cloudwatch-logs");
    let data = &logs.aws_logs.data;
    assert_eq!(data.log_group, "/aws/lambda/orders");
    assert_eq!(data.log_events.len(), 2);
    assert!(data.log_events[0].message.contains("ord-1001"));

    // The type writes base64 without the padding that it insists on when it reads.
    let mut written = serde_json::to_value(&logs).unwrap();
    let mut text = written["awslogs"]["data"].as_str().unwrap().to_owned();
    while text.len() % 4 != 0 {
        text.push('=');
    }
    written["awslogs"]["data"] = text.into();
    let read_again: LogsEvent = serde_json::from_str(&written.to_string()).unwrap();
    assert_eq!(read_again, logs);
}

#[test]
fn extensions_read_their_samples() {
    let NextEvent::Invoke(invoke) = typed("extension-invoke") else {
        panic!("not an INVOKE event");
    };
    assert!(invoke.invoked_function_arn.ends_with(":function:orders"));

    let logs: Vec<LambdaLog> = typed("extension-logs");
    assert_eq!(logs.len(), 5);
    let LambdaLogRecord::Function(line) = &logs[1].record else {
        panic!("not a line of the function");
    };
    let telemetry: Vec<LambdaTelemetry> = typed("extension-telemetry");
    assert_eq!(telemetry.len(), 7);
    assert_eq!(
        telemetry[4].record,
        LambdaTelemetryRecord::Function(line.clone())
    );

    // All three tell of the same invocation.
    let LambdaTelemetryRecord::PlatformStart { request_id, .. } = &telemetry[3].record else {
        panic!("not the start of an invocation");
    };
    assert_eq!(*request_id, invoke.request_id);
    assert_eq!(
        logs[0].record,
        LambdaLogRecord::PlatformStart {
            request_id: invoke.request_id
        }
    );
}
