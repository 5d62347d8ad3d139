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
            let (kind, missing) = nearest(self.event_type.as_deref()?);
            missing.into_iter().for_each(output::warn);
            Some(KindChoice::Function(kind))
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

/// The kind nearest to a type such as `sqs::SqsEvent` or `dynamodb::Event`, and what the project
/// made of it lacks to read that type.
fn nearest(event_type: &str) -> (Kind, Option<String>) {
    let (module, name) = event_type.split_once("::").unwrap_or((event_type, ""));
    let kind = match module {
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
            let missing =
                format!("no template is made for `{other}` events: this one takes any JSON");
            return (Kind::Json, Some(missing));
        }
    };
    // The template reads the payload of HTTP APIs; each of the others is a feature more.
    let feature = match module {
        "apigw" if name.contains("Websocket") => Some("apigw_websockets"),
        "apigw" if !name.contains("V2") => Some("apigw_rest"),
        "alb" | "vpc_lattice" => Some(module),
        _ => None,
    };
    let missing = feature.map(|feature| {
        format!(
            "to read `{event_type}`, add the feature `{feature}` of `lambda_http` to `Cargo.toml`"
        )
    });
    (kind, missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_types_of_cargo_lambda() {
        let cases = [
            ("sqs::SqsEvent", Kind::Sqs, None),
            (
                "cloudwatch_events::CloudWatchEvent",
                Kind::EventBridge,
                None,
            ),
            ("dynamodb::Event", Kind::DynamoDb, None),
            (
                "lambda_function_urls::LambdaFunctionUrlRequest",
                Kind::FunctionUrl,
                None,
            ),
            ("apigw::ApiGatewayV2httpRequest", Kind::Http, None),
            (
                "apigw::ApiGatewayProxyRequest",
                Kind::Http,
                Some("`apigw_rest`"),
            ),
            (
                "apigw::ApiGatewayWebsocketProxyRequest",
                Kind::Http,
                Some("`apigw_websockets`"),
            ),
            ("alb::AlbTargetGroupRequest", Kind::Http, Some("`alb`")),
            ("ses::SimpleEmailEvent", Kind::Json, Some("`ses`")),
        ];
        for (event_type, kind, missing) in cases {
            let (nearest, words) = nearest(event_type);
            assert_eq!(nearest, kind, "{event_type}");
            assert_eq!(words.is_some(), missing.is_some(), "{event_type}");
            let words = words.unwrap_or_default();
            assert!(words.contains(missing.unwrap_or_default()), "{words}");
        }
    }
}
