//! The function as it is deployed, on the local Lambda, with moto in the place of S3.

#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

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

/// The message of `kiln event s3-in-sqs`, with an id of its own, about another object.
fn message(id: &str, key: &str, size: usize) -> Value {
    let mut message = testing::sample::<Value>("s3-in-sqs")["Records"][0].take();
    let text = message["body"].as_str().unwrap_or_default();
    let mut body: Value = serde_json::from_str(text).unwrap();
    let s3 = &mut body["Records"][0]["s3"];
    s3["bucket"]["name"] = json!("photos");
    s3["object"]["key"] = json!(key);
    s3["object"]["size"] = json!(size);
    message["messageId"] = json!(id);
    message["body"] = json!(body.to_string());
    message
}

#[tokio::test]
async fn images_come_through_and_broken_ones_say_where_they_stopped() -> Result<(), kiln::Error> {
    let moto = Moto::start();
    let s3 = client(&moto);
    for bucket in ["photos", "small"] {
        s3.create_bucket().bucket(bucket).send().await?;
    }
    for (key, file) in [("0.png", SQUARE), ("2.png", b"no image"), ("3.png", SQUARE)] {
        let put = s3.put_object().bucket("photos").key(key);
        put.body(ByteStream::from_static(file)).send().await?;
    }
    let function = testing::local!()
        .env("SMALL_BUCKET", "small")
        .env("AWS_ENDPOINT_URL", moto.endpoint())
        .await?;

    let mut nonsense = message("nonsense", "0.png", 0);
    nonsense["body"] = json!("not a notification");
    let event = json!({"Records": [
        message("good", "0.png", SQUARE.len()),
        message("missing", "1.png", 10),
        message("text", "2.png", 8),
        message("larger", "3.png", 10),
        nonsense,
    ]});
    let answer = function.invoke(&event).await?;
    let failed = ["nonsense", "missing", "text", "larger"].map(|id| json!({"itemIdentifier": id}));
    let expected = json!({ "batchItemFailures": failed });
    assert_eq!(answer.json::<Value>()?, expected);
    for reason in [
        "item 1, download: S3: NoSuchKey",
        "item 2, compute: ",
        "item 3, download: larger than the 10 bytes it should have",
    ] {
        assert!(answer.log_tail.contains(reason), "{reason}");
    }

    let stored = s3.list_objects_v2().bucket("small").send().await?;
    let keys: Vec<_> = stored.contents().iter().filter_map(|it| it.key()).collect();
    assert_eq!(keys, ["0.png"]);
    let object = s3.get_object().bucket("small").key("0.png").send().await?;
    let small = image::load_from_memory(&object.body.collect().await?.to_vec())?;
    assert_eq!((small.width(), small.height()), (256, 128));
    Ok(())
}
