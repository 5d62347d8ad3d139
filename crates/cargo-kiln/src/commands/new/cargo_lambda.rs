//! The flags that cargo-lambda has for the choice of a template.

use kiln_project::scaffold::{ExtensionApi, Kind};

use super::options::KindChoice;
use crate::output;

/// The flags that cargo-lambda has for the same choices.
#[derive(Debug, clap::Args)]
pub struct CargoLambdaChoice {
    /// As `--kind http`.
    #[arg(long, hide = true, conflicts_with_all = ["kind", "template", "extension", "event_type"])]
    http: bool,

    /// As `--kind extension`.
    #[arg(long, hide = true, conflicts_with_all = ["kind", "template", "event_type"])]
    extension: bool,

    /// As `--extension-api events`.
    #[arg(
        long,
        hide = true,
        requires = "extension",
        conflicts_with = "extension_api"
    )]
    events: bool,

    /// As `--extension-api logs`.
    #[arg(long, hide = true, requires = "extension", conflicts_with_all = ["extension_api", "events"])]
    logs: bool,

    /// As `--extension-api telemetry`.
    #[arg(long, hide = true, requires = "extension", conflicts_with_all = ["extension_api", "events", "logs"])]
    telemetry: bool,

    /// An event type of the crate `aws_lambda_events`, for the `--kind` nearest to it.
    #[arg(long, hide = true, value_name = "TYPE", conflicts_with_all = ["kind", "template"])]
    event_type: Option<String>,
}

impl CargoLambdaChoice {
    pub fn kind(&self) -> Option<KindChoice> {
        if self.http {
            Some(KindChoice::Function(Kind::Http))
        } else if self.extension {
            Some(KindChoice::Extension)
        } else {
            let event_type = self.event_type.as_deref()?;
            Some(KindChoice::Function(kind_of_event_type(event_type)))
        }
    }

    pub fn extension_api(&self) -> Option<ExtensionApi> {
        if self.logs {
            Some(ExtensionApi::Logs)
        } else if self.telemetry {
            Some(ExtensionApi::Telemetry)
        } else {
            self.events.then_some(ExtensionApi::Events)
        }
    }
}

/// The kind nearest to a type such as `sqs::SqsEvent` or `dynamodb::Event`.
fn kind_of_event_type(event_type: &str) -> Kind {
    let module = event_type.split("::").next().unwrap_or_default();
    match module {
        "sqs" => Kind::Sqs,
        "sns" => Kind::Sns,
        "s3" => Kind::S3,
        "eventbridge" | "cloudwatch_events" => Kind::EventBridge,
        "dynamodb" => Kind::DynamoDb,
        "kinesis" => Kind::Kinesis,
        "kafka" => Kind::Kafka,
        "lambda_function_urls" => Kind::FunctionUrl,
        "apigw" | "alb" | "vpc_lattice" => Kind::Http,
        other => {
            output::warn(format!(
                "no template is made for `{other}` events: this one takes any JSON"
            ));
            Kind::Json
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_types_of_cargo_lambda() {
        let cases = [
            ("sqs::SqsEvent", Kind::Sqs),
            ("cloudwatch_events::CloudWatchEvent", Kind::EventBridge),
            ("dynamodb::Event", Kind::DynamoDb),
            (
                "lambda_function_urls::LambdaFunctionUrlRequest",
                Kind::FunctionUrl,
            ),
            ("apigw::ApiGatewayProxyRequest", Kind::Http),
            ("ses::SimpleEmailEvent", Kind::Json),
        ];
        for (event_type, kind) in cases {
            assert_eq!(kind_of_event_type(event_type), kind, "{event_type}");
        }
    }
}
