//! The function as it is deployed, on the local Lambda, with a stranger's S3.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use kiln::testing;
use serde_json::{Value, json};
use stand_ins::Moto;

fn client(moto: &Moto) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(moto.endpoint())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKID", "secret", None, None, "test"))
        .force_path_style(true)
        .build();
    Client::from_conf(config)
}

/// The event of `kiln event s3`, about another object.
fn event(key: &str) -> Value {
    let mut event: Value = testing::sample("s3");
    event["Records"][0]["s3"]["bucket"]["name"] = json!("sales");
    event["Records"][0]["s3"]["object"]["key"] = json!(key);
    event["Records"][0]["s3"]["object"]["versionId"] = Value::Null;
    event
}

#[tokio::test]
async fn a_file_is_summed_up() -> Result<(), kiln::Error> {
    let moto = Moto::start();
    let s3 = client(&moto);
    for bucket in ["sales", "reports"] {
        s3.create_bucket().bucket(bucket).send().await?;
    }
    let rows = "KILN-MUG,2,1250\nKILN-CAP,1,1990\n".repeat(50_000);
    for (key, rows) in [
        ("march 2026.csv", rows.as_str()),
        ("broken.csv", "KILN-MUG,two\n"),
    ] {
        let body = ByteStream::from(rows.as_bytes().to_vec());
        s3.put_object()
            .bucket("sales")
            .key(key)
            .body(body)
            .send()
            .await?;
    }
    let function = testing::local!()
        .env("AWS_ENDPOINT_URL", moto.endpoint())
        .env("REPORT_BUCKET", "reports")
        .await?;

    let answer = function.invoke(&event("march+2026.csv")).await?;
    assert_eq!(answer.function_error, None, "{}", answer.text());
    let report = "march 2026.csv.report.json";
    assert_eq!(answer.json::<Value>()?, json!({"reports": [report]}));
    let stored = s3.get_object().bucket("reports").key(report).send().await?;
    let stored = stored.body.collect().await?.into_bytes();
    assert_eq!(
        serde_json::from_slice::<Value>(&stored)?,
        json!({"rows": 100_000, "quantity": 150_000, "totalCents": 224_500_000}),
    );

    for (key, error_type, message) in [
        (
            "broken.csv",
            "InvalidLine",
            "line 1 of `broken.csv` is not `sku,quantity,cents`",
        ),
        ("gone.csv", "ObjectNotRead", "`gone.csv` cannot be read"),
    ] {
        let error = function.invoke(&event(key)).await?.error().unwrap();
        assert_eq!(error.error_type, error_type);
        assert_eq!(error.error_message, message);
    }
    Ok(())
}

#[tokio::test]
async fn without_its_variable_the_init_fails_by_name() -> Result<(), kiln::Error> {
    let function = testing::local!().await?;
    let answer = function.invoke(&event("any.csv")).await?;
    let answer: Value = answer.json()?;
    assert_eq!(answer["errorType"], "MissingVariable");
    assert_eq!(answer["errorMessage"], "`REPORT_BUCKET` is not set");
    Ok(())
}
