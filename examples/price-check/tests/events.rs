//! The function as HTTP calls it: requests in, answers out.

use std::sync::atomic::{AtomicUsize, Ordering};

use kiln::http::lambda_http::{Body, Request};
use price_check::{Shop, handle};
use serde_json::json;
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

fn order(sku: &str) -> Request {
    let body = json!({"lines": [{"sku": sku}]});
    Request::new(Body::from(body.to_string()))
}

#[tokio::test]
async fn a_busy_service_is_asked_again() {
    let shop = Shop::new(prices());
    let list = handle(&shop, order("KILN-MUG")).await.unwrap();
    let expected = json!({"prices": [{"sku": "KILN-MUG", "cents": 1250}], "unknown": []});
    assert_eq!(list, expected);
}

#[tokio::test]
async fn what_is_not_known_is_said() {
    let shop = Shop::new(prices());
    let list = handle(&shop, order("KILN-SPOON")).await.unwrap();
    assert_eq!(list["prices"], json!([]));
    assert_eq!(
        list["unknown"],
        json!([{
            "sku": "KILN-SPOON",
            "reason": "the price service answers 404 Not Found, after 2 attempts",
        }])
    );
}
