//! Once per key, and not for another payment.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kiln::http::lambda_http::{Body, Request};
use kiln::idempotency::MemoryStore;
use stand_ins::serve;

use super::*;

/// A till, and how many cards its bank has charged.
fn till() -> (Till, Arc<AtomicUsize>) {
    let charges = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&charges);
    let url = serve(move |asked| {
        let asked = String::from_utf8(asked.body).unwrap();
        if asked.contains("no-cover") {
            return (402, Vec::new());
        }
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        (201, format!(r#"{{"id":"charge-{number}"}}"#).into_bytes())
    });
    let till = Till::new(MemoryStore::new(), Bank::new(url)).unwrap();
    (till, charges)
}

fn payment(key: &str, cents: u64, card: &str) -> Request {
    let body = json!({"orderId": "ord-1001", "cents": cents, "cardToken": card});
    let mut request = Request::new(Body::from(body.to_string()));
    let headers = request.headers_mut();
    headers.insert("idempotency-key", key.parse().unwrap());
    request
}

/// The error of a request that is refused: its type and its status.
async fn refusal(till: &Till, request: Request) -> (String, u16) {
    let error = till.pay(request).await.unwrap_err();
    (error.error_type().to_owned(), error.http_status().as_u16())
}

#[tokio::test]
async fn a_key_is_paid_once() {
    let (till, charges) = till();
    let first = till.pay(payment("k-1", 4_490, "tok-ada")).await.unwrap();
    assert_eq!(first["replayed"], false);
    let second = till.pay(payment("k-1", 4_490, "tok-ada")).await.unwrap();
    assert_eq!(second["replayed"], true);
    assert_eq!(second["chargeId"], first["chargeId"]);
    assert_eq!(charges.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_is_not_charged_says_why() {
    let (till, charges) = till();
    till.pay(payment("k-1", 4_490, "tok-ada")).await.unwrap();
    let mut nonsense = payment("k-2", 4_490, "tok-ada");
    *nonsense.body_mut() = Body::from("{}");
    for (request, error_type, status) in [
        (payment("k-1", 1, "tok-ada"), "IdempotencyValidation", 422),
        (payment("", 4_490, "tok-ada"), "IdempotencyMissingKey", 400),
        (payment("k-2", 0, "tok-ada"), "no-amount", 422),
        (nonsense, "invalid-payment", 400),
    ] {
        let refused = refusal(&till, request).await;
        assert_eq!(refused, (error_type.to_owned(), status));
    }
    assert_eq!(charges.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn after_a_card_was_declined_another_one_may_pay() {
    let (till, _charges) = till();
    let refused = refusal(&till, payment("k-1", 4_490, "no-cover")).await;
    assert_eq!(refused, ("card-declined".to_owned(), 402));
    let receipt = till.pay(payment("k-1", 4_490, "tok-ada")).await.unwrap();
    assert_eq!(receipt["replayed"], false);
}
