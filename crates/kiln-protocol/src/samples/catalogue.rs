//! The table of sample events: the one place that names them.

use serde_json::Value;

/// A sample event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample {
    /// The name it is asked for by: lowercase, words joined by dashes.
    pub name: &'static str,
    /// Other names for it, in the same form.
    pub aliases: &'static [&'static str],
    /// What it is, in one line.
    pub description: &'static str,
    /// The Rust type it deserializes into, as a path a function would `use`.
    pub rust_type: &'static str,
    /// The document, as indented JSON with a final newline.
    pub text: &'static str,
}

impl Sample {
    /// The document as a value, its members in the order they are written in.
    pub fn value(&self) -> Value {
        serde_json::from_str(self.text).expect("embedded samples are JSON, as their tests show")
    }

    /// The name, then the aliases.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

/// All samples, in the order they are listed in.
pub fn all() -> &'static [Sample] {
    SAMPLES
}

/// The text of a sample: its file goes by its name, and lies with the library, which hands the same
/// events to tests.
macro_rules! text {
    ($name:literal) => {
        include_str!(concat!(
            "../../../kiln/src/testing/samples/",
            $name,
            ".json"
        ))
    };
}

static SAMPLES: &[Sample] = &[
    Sample {
        name: "json",
        aliases: &["order", "basic", "custom"],
        description: "a payload of one's own: the order that the other samples carry",
        rust_type: "serde_json::Value",
        text: text!("json"),
    },
    Sample {
        name: "http",
        aliases: &[
            "apigw-v2",
            "http-api",
            "apigw-v2-request",
            "apigw-v2-request-no-authorizer",
            "apigw-sam-http-request",
        ],
        description: "POST /orders through an API Gateway HTTP API (payload format 2.0)",
        rust_type: "aws_lambda_events::apigw::ApiGatewayV2httpRequest",
        text: text!("http"),
    },
    Sample {
        name: "function-url",
        aliases: &["lambda-function-url", "url"],
        description: "POST /orders through a function URL",
        rust_type: "aws_lambda_events::lambda_function_urls::LambdaFunctionUrlRequest",
        text: text!("function-url"),
    },
    Sample {
        name: "apigw-v1",
        aliases: &[
            "apigw",
            "rest",
            "rest-api",
            "apigw-request",
            "apigw-console-test-request",
            "apigw-sam-rest-request",
        ],
        description: "POST /orders through an API Gateway REST API (payload format 1.0)",
        rust_type: "aws_lambda_events::apigw::ApiGatewayProxyRequest",
        text: text!("apigw-v1"),
    },
    Sample {
        name: "alb",
        aliases: &[
            "load-balancer",
            "alb-lambda-target-request",
            "alb-lambda-target-request-headers-only",
        ],
        description: "POST /orders through an Application Load Balancer",
        rust_type: "aws_lambda_events::alb::AlbTargetGroupRequest",
        text: text!("alb"),
    },
    Sample {
        name: "websocket",
        aliases: &["apigw-websocket", "apigw-websocket-request"],
        description: "a message on an API Gateway WebSocket connection",
        rust_type: "aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest",
        text: text!("websocket"),
    },
    Sample {
        name: "sqs",
        aliases: &["queue", "sqs-event-obj"],
        description: "a batch of two messages from an SQS queue",
        rust_type: "aws_lambda_events::sqs::SqsEvent",
        text: text!("sqs"),
    },
    Sample {
        name: "sns",
        aliases: &["topic", "sns-event-obj"],
        description: "a notification from an SNS topic",
        rust_type: "aws_lambda_events::sns::SnsEvent",
        text: text!("sns"),
    },
    Sample {
        name: "s3",
        aliases: &["bucket", "s3-put"],
        description: "an object created in an S3 bucket",
        rust_type: "aws_lambda_events::s3::S3Event",
        text: text!("s3"),
    },
    Sample {
        name: "s3-in-sqs",
        aliases: &["sqs-s3"],
        description: "an S3 notification delivered through an SQS queue",
        rust_type: "aws_lambda_events::sqs::SqsEventObj<aws_lambda_events::s3::S3Event>",
        text: text!("s3-in-sqs"),
    },
    Sample {
        name: "sns-in-sqs",
        aliases: &["sqs-sns"],
        description: "an SNS notification delivered through an SQS queue",
        rust_type: "aws_lambda_events::sqs::SqsEventObj<aws_lambda_events::sns::SnsMessage>",
        text: text!("sns-in-sqs"),
    },
    Sample {
        name: "eventbridge",
        aliases: &[
            "cloudwatch-events",
            "cloudwatch-event",
            "eventbridge-event-obj",
        ],
        description: "an event of one's own from an EventBridge bus",
        rust_type: "aws_lambda_events::eventbridge::EventBridgeEvent",
        text: text!("eventbridge"),
    },
    Sample {
        name: "schedule",
        aliases: &["scheduled", "cron", "eventbridge-schedule"],
        description: "a run of an EventBridge schedule",
        rust_type: "aws_lambda_events::eventbridge::EventBridgeEvent",
        text: text!("schedule"),
    },
    Sample {
        name: "dynamodb",
        aliases: &["dynamodb-stream", "dynamodb-streams"],
        description: "an insert and a change from a DynamoDB table's stream",
        rust_type: "aws_lambda_events::dynamodb::Event",
        text: text!("dynamodb"),
    },
    Sample {
        name: "kinesis",
        aliases: &["kinesis-stream"],
        description: "two records from a Kinesis data stream",
        rust_type: "aws_lambda_events::kinesis::KinesisEvent",
        text: text!("kinesis"),
    },
    Sample {
        name: "kafka",
        aliases: &["msk"],
        description: "two records of an Amazon MSK topic",
        rust_type: "aws_lambda_events::kafka::KafkaEvent",
        text: text!("kafka"),
    },
    Sample {
        name: "cognito",
        aliases: &[
            "cognito-post-confirmation",
            "cognito-event-userpools-postconfirmation",
        ],
        description: "a user confirmed in a Cognito user pool",
        rust_type: "aws_lambda_events::cognito::CognitoEventUserPoolsPostConfirmation",
        text: text!("cognito"),
    },
    Sample {
        name: "cognito-pre-signup",
        aliases: &["cognito-event-userpools-presignup"],
        description: "a user about to sign up to a Cognito user pool",
        rust_type: "aws_lambda_events::cognito::CognitoEventUserPoolsPreSignup",
        text: text!("cognito-pre-signup"),
    },
    Sample {
        name: "cloudwatch-logs",
        aliases: &["logs"],
        description: "log lines from a CloudWatch Logs subscription (base64 of gzip)",
        rust_type: "aws_lambda_events::cloudwatch_logs::LogsEvent",
        text: text!("cloudwatch-logs"),
    },
    Sample {
        name: "ses",
        aliases: &["email", "ses-lambda"],
        description: "a message received by SES",
        rust_type: "aws_lambda_events::ses::SimpleEmailEvent",
        text: text!("ses"),
    },
    Sample {
        name: "iot",
        aliases: &["iot-button"],
        description: "a click of an AWS IoT button",
        rust_type: "aws_lambda_events::iot_button::IoTButtonEvent",
        text: text!("iot"),
    },
    Sample {
        name: "extension-invoke",
        aliases: &["extension", "extension-events"],
        description: "for extensions: the notice that an invocation has begun",
        rust_type: "lambda_extension::NextEvent",
        text: text!("extension-invoke"),
    },
    Sample {
        name: "extension-logs",
        aliases: &["logs-extension"],
        description: "for extensions: a batch from the Logs API",
        rust_type: "Vec<lambda_extension::LambdaLog>",
        text: text!("extension-logs"),
    },
    Sample {
        name: "extension-telemetry",
        aliases: &["telemetry", "telemetry-extension"],
        description: "for extensions: a batch from the Telemetry API",
        rust_type: "Vec<lambda_extension::LambdaTelemetry>",
        text: text!("extension-telemetry"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_json_with_two_spaces_and_a_final_newline() {
        for sample in all() {
            let indented = serde_json::to_string_pretty(&sample.value()).unwrap() + "\n";
            assert_eq!(sample.text, indented, "{}", sample.name);
        }
    }

    #[test]
    fn descriptions_fit_a_terminal_line() {
        for sample in all() {
            assert!(!sample.description.is_empty());
            assert!(sample.description.len() <= 76, "{}", sample.name);
        }
    }
}
