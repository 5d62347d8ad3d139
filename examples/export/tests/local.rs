//! The function as it is deployed, on the local Lambda.

use kiln::testing;
use serde_json::{Value, json};

/// What Lambda puts between a streamed response's head and its body.
const SEPARATOR: &str = "\0\0\0\0\0\0\0\0";

/// The event of `kiln event function-url`, for another path.
fn get(path: &str) -> Value {
    let mut event: Value = testing::sample("function-url");
    event["rawPath"] = json!(path);
    event["requestContext"]["http"]["method"] = json!("GET");
    event["requestContext"]["http"]["path"] = json!(path);
    event["body"] = Value::Null;
    event["isBase64Encoded"] = json!(false);
    event
}

#[tokio::test]
async fn the_file_has_a_head_and_all_its_rows() -> Result<(), kiln::Error> {
    let function = testing::local!().await?;
    let answer = function.invoke(&get("/exports/2026-03")).await?;
    let answer = answer.text();
    let (head, file) = answer.split_once(SEPARATOR).unwrap();
    let head: Value = serde_json::from_str(head)?;
    assert_eq!(head["statusCode"], 200);
    assert_eq!(head["headers"]["content-type"], "text/csv; charset=utf-8");
    assert_eq!(file.lines().count(), 5_001);
    assert!(file.ends_with('\n'));

    let refused = function.invoke(&get("/exports/march")).await?.text();
    let (head, problem) = refused.split_once(SEPARATOR).unwrap();
    assert_eq!(serde_json::from_str::<Value>(head)?["statusCode"], 400);
    assert_eq!(
        serde_json::from_str::<Value>(problem)?["type"],
        "invalid-month"
    );
    Ok(())
}
