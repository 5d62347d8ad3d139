//! The function as it is deployed, on the local Lambda: with moto in the place of Secrets Manager,
//! and with a stand-in for the extension.

use aws_sdk_secretsmanager::Client;
use kiln::testing::{self, Local};
use serde_json::{Value, json};
use stand_ins::{Moto, serve};

const SECRET: &str = r#"{"host": "db.example.com", "username": "shop", "password": "hunter2"}"#;

/// The event of `kiln event http`, for another route.
fn question() -> Value {
    let mut event: Value = testing::sample("http");
    event["routeKey"] = json!("GET /stock/{sku}");
    event["rawPath"] = json!("/stock/KILN-MUG");
    event["requestContext"]["http"]["method"] = json!("GET");
    event["pathParameters"] = json!({"sku": "KILN-MUG"});
    event
}

/// Status, body and log of an answer.
async fn ask(function: &Local) -> Result<(u64, Value, String), kiln::Error> {
    let answer = function.invoke(&question()).await?;
    let http: Value = answer.json()?;
    let body = serde_json::from_str(http["body"].as_str().unwrap_or_default())?;
    let status = http["statusCode"].as_u64().unwrap_or_default();
    Ok((status, body, answer.log_tail))
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
    let function = testing::local!()
        .env("DATABASE_SECRET", "shop/database")
        .env("AWS_ENDPOINT_URL", moto.endpoint())
        .await?;
    let expected = json!({"sku": "KILN-MUG", "pieces": 8});
    let (status, answer, log) = ask(&function).await?;
    assert_eq!((status, &answer), (200, &expected));
    assert!(
        log.contains("db.example.com") && !log.contains("hunter2"),
        "{log}"
    );
    // Nobody is asked a second time.
    drop(moto);
    let (status, answer, _) = ask(&function).await?;
    assert_eq!((status, &answer), (200, &expected));
    Ok(())
}

#[tokio::test]
async fn a_secret_that_does_not_exist_is_named_in_the_log_alone() -> Result<(), kiln::Error> {
    let moto = Moto::start();
    let function = testing::local!()
        .env("DATABASE_SECRET", "shop/databse")
        .env("AWS_ENDPOINT_URL", moto.endpoint())
        .await?;
    let (status, problem, log) = ask(&function).await?;
    assert_eq!(status, 500);
    assert!(!problem.to_string().contains("databse"), "{problem}");
    assert!(log.contains("ParameterNotFound"), "{log}");
    assert!(
        log.contains("parameter `shop/databse` does not exist"),
        "{log}"
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
    let function = testing::local!()
        .env("DATABASE_SECRET", "shop/database")
        .env("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", port)
        .await?;
    let (status, answer, log) = ask(&function).await?;
    assert_eq!(status, 200, "{answer}");
    assert!(log.contains("db.example.com"), "{log}");
    Ok(())
}

#[tokio::test]
async fn without_its_variable_the_init_fails_by_name() -> Result<(), kiln::Error> {
    let function = testing::local!().await?;
    let answer = function.invoke(&question()).await?;
    let error = answer.error().unwrap();
    assert_eq!(error.error_type, "MissingVariable");
    assert_eq!(error.error_message, "`DATABASE_SECRET` is not set");
    Ok(())
}
