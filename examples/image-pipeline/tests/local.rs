//! The function as it is deployed, on the local Lambda, with a store of images beside it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use stand_ins::serve;

const SQUARE: &[u8] = include_bytes!("square.png");

#[tokio::test]
async fn images_come_through_and_broken_ones_say_where_they_stopped() {
    let stored = Arc::new(Mutex::new(BTreeMap::new()));
    let store = stored.clone();
    let url = serve(
        move |asked| match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/missing.png") => (404, Vec::new()),
            ("GET", "/text.png") => (200, b"no image".to_vec()),
            ("GET", _) => (200, SQUARE.to_vec()),
            ("PUT", "/refused") => (403, Vec::new()),
            (_, path) => {
                store.lock().unwrap().insert(path.to_owned(), asked.body);
                (200, Vec::new())
            }
        },
    );
    let job = |source: &str, target: &str, bytes: usize| {
        json!({
            "source": format!("{url}/{source}"),
            "target": format!("{url}/{target}"),
            "bytes": bytes,
        })
    };
    let images = [
        job("square.png", "small/0.png", SQUARE.len()),
        job("missing.png", "small/1.png", 10),
        job("text.png", "small/2.png", 10),
        job("square.png", "refused", SQUARE.len()),
        job("square.png", "small/4.png", 10),
        job("square.png", "small/5.png", SQUARE.len()),
    ];
    let event = json!({"side": 16, "images": images});

    let function = kiln::testing::local!().await.unwrap();
    let answer = function.invoke(&event).await.unwrap();
    let answer: Value = answer.json().unwrap();
    assert_eq!(answer["done"], 2, "{answer}");
    let failed = answer["failed"].as_array().unwrap();
    let failed: Vec<&str> = failed.iter().filter_map(Value::as_str).collect();
    assert_eq!(failed[0], "item 1, download: answered 404 Not Found");
    assert!(failed[1].starts_with("item 2, compute: "), "{}", failed[1]);
    assert_eq!(failed[2], "item 3, upload: answered 403 Forbidden");
    assert_eq!(
        failed[3],
        "item 4, download: larger than the 10 bytes it should have"
    );

    let stored = stored.lock().unwrap();
    assert_eq!(
        stored.keys().collect::<Vec<_>>(),
        ["/small/0.png", "/small/5.png"]
    );
    let small = image::load_from_memory(&stored["/small/0.png"]).unwrap();
    assert_eq!((small.width(), small.height()), (16, 8));
}
