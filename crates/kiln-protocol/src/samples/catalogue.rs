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

/// The text of a sample: its file goes by its name.
macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("events/", $name, ".json"))
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
        aliases: &["http-api"],
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
        name: "sqs",
        aliases: &["queue"],
        description: "a batch of two messages from an SQS queue",
        rust_type: "aws_lambda_events::sqs::SqsEvent",
        text: text!("sqs"),
    },
    Sample {
        name: "sns",
        aliases: &["topic"],
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
        name: "eventbridge",
        aliases: &["cloudwatch", "cloudwatch-events", "eventbridge-event-obj"],
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
        aliases: &["stream"],
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
