//! The function as it is deployed, on the local Lambda: with moto in the place of Secrets Manager,
//! and with a stand-in for the extension.

#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

use aws_sdk_secretsmanager::Client;
use serde_json::{Value, json};
use stand_ins::{Moto, serve};

const SECRET: &str = r#"{"host": "db.example.com", "username": "shop", "password": "hunter2"}"#;

fn question() -> Value {
    let path = format!("{}/events/question.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

async fn client(moto: &Moto) -> Client {
    use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Credentials, Region};

    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        // Where the local Lambda says it is.
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("123456789012", "any", None, None, "test"))
        .endpoint_url(moto.endpoint())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

#[tokio::test]
async fn the_login_comes_from_secrets_manager_and_is_kept() -> Result<(), kiln::Error> {
    let moto = Moto::start();
    let secret = client(&moto).await.create_secret().name("shop/database");
    secret.secret_string(SECRET).send().await?;
    let function = kiln::testing::local!()
        .env("DATABASE_SECRET", "shop/database")
        .env("AWS_ENDPOINT_URL", moto.endpoint())
        .await?;
    let expected = json!({"pieces": 8, "asked_as": "shop@db.example.com"});
    let answer = function.invoke(&question()).await?;
    assert_eq!(answer.json::<Value>()?, expected, "{answer:?}");
    // Nobody is asked a second time.
    drop(moto);
    let answer = function.invoke(&question()).await?;
    assert_eq!(answer.json::<Value>()?, expected, "{answer:?}");
    assert!(!function.printed().contains("hunter2"));
    Ok(())
}

#[tokio::test]
async fn a_secret_that_does_not_exist_is_named() -> Result<(), kiln::Error> {
    let moto = Moto::start();
    let function = kiln::testing::local!()
        .env("DATABASE_SECRET", "shop/databse")
        .env("AWS_ENDPOINT_URL", moto.endpoint())
        .await?;
    let error = function.invoke(&question()).await?.error().unwrap();
    assert_eq!(error.error_type, "ParameterNotFound");
    assert_eq!(
        error.error_message,
        "parameter `shop/databse` does not exist"
    );
    Ok(())
}

#[tokio::test]
async fn the_extension_is_asked_where_it_is() -> Result<(), kiln::Error> {
    let extension = serve(|asked| {
        let has_token = asked.headers.lines().any(|line| {
            let line = line.to_lowercase();
            line.starts_with("x-aws-parameters-secrets-token: ") && line.len() > 40
        });
        if has_token && asked.path == "/secretsmanager/get?secretId=shop%2Fdatabase" {
            return (200, json!({ "SecretString": SECRET }).to_string().into());
        }
        (400, format!("{asked:?}").into())
    });
    let port = extension.rsplit(':').next().unwrap_or_default();
    let function = kiln::testing::local!()
        .env("DATABASE_SECRET", "shop/database")
        .env("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", port)
        .await?;
    let answer = function.invoke(&question()).await?;
    assert_eq!(
        answer.json::<Value>()?["asked_as"],
        "shop@db.example.com",
        "{answer:?}"
    );
    Ok(())
}

#[tokio::test]
async fn without_its_variable_the_init_fails_by_name() -> Result<(), kiln::Error> {
    let function = kiln::testing::local!().await?;
    let answer = function.invoke(&question()).await?;
    let answer: Value = answer.json()?;
    assert_eq!(answer["errorType"], "MissingVariable");
    assert_eq!(answer["errorMessage"], "`DATABASE_SECRET` is not set");
    Ok(())
}
