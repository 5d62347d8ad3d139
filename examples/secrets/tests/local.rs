//! The function as it is deployed, on the local Lambda: with moto in the place of Secrets Manager,
//! and with a stand-in for the extension.

#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use aws_sdk_secretsmanager::Client;
use kiln_testing::Moto;
use serde_json::{Value, json};

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
    let extension = TcpListener::bind("127.0.0.1:0")?;
    let port = extension.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in extension.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let asked = lines.next().unwrap().unwrap();
            let head: Vec<String> = lines
                .map(Result::unwrap)
                .take_while(|line| !line.is_empty())
                .collect();
            let has_token = head.iter().any(|line| {
                let line = line.to_lowercase();
                line.starts_with("x-aws-parameters-secrets-token: ") && line.len() > 40
            });
            let is_right =
                has_token && asked.starts_with("GET /secretsmanager/get?secretId=shop%2Fdatabase ");
            let (status, body) = match is_right {
                true => ("200 OK", json!({ "SecretString": SECRET }).to_string()),
                false => ("400 Bad Request", asked),
            };
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
            .unwrap();
        }
    });
    let function = kiln::testing::local!()
        .env("DATABASE_SECRET", "shop/database")
        .env("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", port.to_string())
        .await?;
    let answer = function.invoke(&question()).await?;
    assert_eq!(
        answer.json::<Value>()?["asked_as"],
        "shop@db.example.com",
        "{answer:?}"
    );
    Ok(())
}
