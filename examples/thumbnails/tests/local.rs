//! The function itself, and as it is deployed, on the local Lambda.

#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kiln::testing;
use serde_json::{Value, json};
use thumbnails::handle;

fn event() -> Value {
    serde_json::from_str(include_str!("../events/images.json")).unwrap()
}

/// The first image is small, and the second is said to be none.
fn check(answer: &Value) {
    let file = STANDARD.decode(answer[0]["base64"].as_str().unwrap());
    let small = image::load_from_memory(&file.unwrap()).unwrap();
    assert_eq!((small.width(), small.height()), (16, 8));
    assert_eq!(answer[1]["name"], "text.png");
    let error = answer[1]["error"].as_str().unwrap();
    assert!(error.starts_with("not an image"), "{error}");
}

#[tokio::test]
async fn images_become_small_and_others_say_why_not() {
    let request = serde_json::from_value(event()).unwrap();
    let answer = handle(testing::event(request)).await.unwrap();
    check(&serde_json::to_value(answer).unwrap());
}

#[tokio::test]
async fn so_they_do_on_the_local_lambda() {
    let function = testing::local!().await.unwrap();
    check(&function.invoke(&event()).await.unwrap().json().unwrap());
    let nothing = json!({"side": 16, "images": []});
    let answer = function.invoke(&nothing).await.unwrap();
    assert_eq!(answer.json::<Value>().unwrap(), json!([]));
}
