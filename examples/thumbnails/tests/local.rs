//! The function as it is deployed, on the local Lambda, with moto in the place of S3.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use kiln::testing;
use serde_json::{Value, json};
use stand_ins::Moto;

const SQUARE: &[u8] = include_bytes!("square.png");

fn client(moto: &Moto) -> Client {
    let config = Config::builder()
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
fn uploaded(key: &str) -> Value {
    let mut event: Value = testing::sample("s3");
    event["Records"][0]["s3"]["bucket"]["name"] = json!("photos");
    event["Records"][0]["s3"]["object"]["key"] = json!(key);
    event
}

#[tokio::test]
async fn images_get_thumbnails_and_others_an_error() -> Result<(), kiln::Error> {
    let moto = Moto::start();
    let s3 = client(&moto);
    for bucket in ["photos", "small"] {
        s3.create_bucket().bucket(bucket).send().await?;
    }
    for (key, file) in [("a mug.png", SQUARE), ("text.png", b"no image")] {
        let put = s3.put_object().bucket("photos").key(key);
        put.body(ByteStream::from_static(file)).send().await?;
    }
    let function = testing::local!()
        .env("THUMBNAIL_BUCKET", "small")
        .env("AWS_ENDPOINT_URL", moto.endpoint())
        .await?;

    // Keys are encoded as in a form.
    let answer = function.invoke(&uploaded("a+mug.png")).await?;
    let keys = [
        "16/a mug.png.png",
        "256/a mug.png.png",
        "1024/a mug.png.png",
    ];
    assert_eq!(answer.json::<Value>()?, json!({ "thumbnails": keys }));
    for (key, size) in keys.into_iter().zip([(16, 8), (64, 32), (64, 32)]) {
        let object = s3.get_object().bucket("small").key(key).send().await?;
        let small = image::load_from_memory(&object.body.collect().await?.to_vec())?;
        assert_eq!((small.width(), small.height()), size, "{key}");
    }

    for (key, error_type) in [("text.png", "NoImage"), ("missing.png", "ObjectNotRead")] {
        let error = function.invoke(&uploaded(key)).await?.error().unwrap();
        assert_eq!(error.error_type, error_type);
        assert!(error.error_message.contains(key), "{error:?}");
    }
    Ok(())
}
