//! The function as Lambda calls it: events in, answers out.

use std::sync::atomic::{AtomicUsize, Ordering};

use kiln::testing;
use price_check::{Shop, handle};
use serde_json::{Value, json};
use stand_ins::serve;

/// Knows mugs and caps, and is busy every other time.
fn prices() -> String {
    let calls = AtomicUsize::new(0);
    serve(move |asked| {
        if calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            return (503, Vec::new());
        }
        match asked.path.as_str() {
            "/prices/KILN-MUG" => (200, br#"{"cents":1250}"#.to_vec()),
            "/prices/KILN-CAP" => (200, br#"{"cents":1990}"#.to_vec()),
            _ => (404, Vec::new()),
        }
    })
}

fn expected() -> Value {
    json!({"prices": [{"sku": "KILN-MUG", "cents": 1250}], "unknown": []})
}

#[tokio::test]
async fn a_busy_service_is_asked_again() {
    let shop = Shop::new(prices());
    let request = serde_json::from_value(json!({"skus": ["KILN-MUG"]})).unwrap();
    let list = handle(&shop, testing::event(request)).await.unwrap();
    assert_eq!(serde_json::to_value(list).unwrap(), expected());
}

#[tokio::test]
async fn what_is_not_known_is_said() {
    let shop = Shop::new(prices());
    let request = serde_json::from_value(json!({"skus": ["KILN-SPOON"]})).unwrap();
    let list = handle(&shop, testing::event(request)).await.unwrap();
    let list = serde_json::to_value(list).unwrap();
    assert_eq!(list["prices"], json!([]));
    assert_eq!(
        list["unknown"],
        json!([{
            "sku": "KILN-SPOON",
            "reason": "the price service answers 404 Not Found, after 2 attempts",
        }])
    );
}
