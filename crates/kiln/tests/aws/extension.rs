//! Against what the AWS Parameters and Secrets extension is documented to answer.

use kiln::parameters::{Extension, ParameterError, Parameters, Version};

use crate::wire::{Answer, Request, serve};

/// The paths, header and bodies of the guides to [Parameter Store] and [Secrets Manager] in functions.
///
/// [Parameter Store]: https://docs.aws.amazon.com/systems-manager/latest/userguide/ps-integration-lambda-extensions.html
/// [Secrets Manager]: https://docs.aws.amazon.com/lambda/latest/dg/with-secrets-manager.html
fn answer(request: &Request) -> Answer {
    let token = request.headers.get("x-aws-parameters-secrets-token");
    if token.map(String::as_str) != Some("token") {
        return Answer::new(401, "Unauthorized");
    }
    let parameter = |value: &str| {
        let body = serde_json::json!({
            "Parameter": {"Name": "n", "Type": "String", "Value": value, "Version": 1},
            "ResultMetadata": {}
        });
        Answer::new(200, body.to_string())
    };
    match request.target.as_str() {
        "/systemsmanager/parameters/get?name=%2Fshop%2Furl&withDecryption=false" => {
            parameter("url")
        }
        "/systemsmanager/parameters/get?name=%2Fshop%2Furl&withDecryption=true&version=2" => {
            parameter("url of 2")
        }
        "/secretsmanager/get?secretId=shop%2Fdatabase" => {
            Answer::new(200, r#"{"Name": "shop/database", "SecretString": "pa55"}"#)
        }
        "/secretsmanager/get?secretId=shop%2Fkey&versionStage=AWSPREVIOUS" => {
            Answer::new(200, r#"{"Name": "shop/key", "SecretBinary": "AP8="}"#)
        }
        "/secretsmanager/get?secretId=init" => {
            Answer::new(400, "not ready to serve traffic, please wait")
        }
        "/secretsmanager/get?secretId=none" => Answer::new(
            400,
            "operation error Secrets Manager: GetSecretValue, https response error StatusCode: 400, \
             RequestID: 1, ResourceNotFoundException: Secrets Manager can't find the specified secret.",
        ),
        "/secretsmanager/get?secretId=broken" => Answer::new(200, r#"{"SecretString": 55"#),
        target => Answer::new(500, format!("no answer to {target}")),
    }
}

#[tokio::test]
async fn parameters_and_secrets_are_read() {
    let port = serve(answer);
    let parameters = Parameters::new(Extension::ssm().at(port, "token"));
    assert_eq!(parameters.get("/shop/url").await.unwrap(), "url");
    let second = parameters
        .version(Version::Id("2".to_owned()))
        .decrypt(true);
    assert_eq!(second.get("/shop/url").await.unwrap(), "url of 2");

    let secrets = Parameters::new(Extension::secrets_manager().at(port, "token"));
    assert_eq!(
        secrets.secret("shop/database").await.unwrap().expose(),
        "pa55"
    );
    let previous = secrets.version(Version::Stage("AWSPREVIOUS".to_owned()));
    let key = previous.parameter("shop/key").await.unwrap();
    assert_eq!(key.bytes(), [0, 0xFF].as_slice());
}

#[tokio::test]
async fn what_cannot_be_read_is_told_by_its_name() {
    let port = serve(answer);
    let secrets = Parameters::new(Extension::secrets_manager().at(port, "token"));
    for (name, expected) in [
        ("none", ParameterError::not_found("none")),
        (
            "init",
            ParameterError::unavailable(
                "init",
                "the extension answers during invocations only, and not during init",
            ),
        ),
        (
            "broken",
            ParameterError::refused("broken", "the extension's answer has no value in it"),
        ),
    ] {
        assert_eq!(secrets.secret(name).await.unwrap_err(), expected);
    }
    let strangers = Parameters::new(Extension::secrets_manager().at(port, "other"));
    let error = strangers.secret("shop/database").await.unwrap_err();
    assert_eq!(
        error,
        ParameterError::refused("shop/database", "Unauthorized")
    );
    let nobody = Parameters::new(Extension::secrets_manager().at(port, "no\ntoken"));
    let error = nobody.secret("x").await.unwrap_err();
    assert!(matches!(error, ParameterError::Refused { .. }), "{error}");
    // Nobody listens at the port of discard.
    let absent = Parameters::new(Extension::secrets_manager().at(9, "token"));
    let error = absent.secret("x").await.unwrap_err();
    assert!(
        matches!(error, ParameterError::Unavailable { .. }),
        "{error}"
    );
}
