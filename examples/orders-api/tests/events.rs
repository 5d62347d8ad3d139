//! The function as Lambda calls it: events in, responses out.

#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

use axum::http::StatusCode;
use http_body_util::BodyExt as _;
use kiln::http::lambda_http::{Body, Request, request};
use kiln::tower::{Service, ServiceExt as _};
use orders_api::OrderBook;
use serde_json::{Value, json};

/// A response in parts that can be compared.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    content_type: String,
    location: Option<String>,
    body: Value,
}

/// An event of `events/`, as `lambda_http` reads it.
fn event(name: &str) -> Request {
    let path = format!("{}/events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    request::from_str(&text).unwrap()
}

fn changed(name: &str, change: impl FnOnce(&mut Request)) -> Request {
    let mut request = event(name);
    change(&mut request);
    request
}

fn with_body(body: impl Into<Body>) -> Request {
    changed("place-order", |request| *request.body_mut() = body.into())
}

async fn answer<S>(service: &S, request: Request) -> Answer
where
    S: Service<Request, Response = axum::response::Response, Error = std::convert::Infallible>
        + Clone,
{
    let response = service.clone().oneshot(request).await.unwrap();
    let header = |name: &str| {
        let value = response.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    Answer {
        status: response.status(),
        content_type: header("content-type").unwrap(),
        location: header("location"),
        body: serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes())
            .unwrap(),
    }
}

#[tokio::test]
async fn an_order_is_placed_through_every_front_door() {
    for name in [
        "place-order",
        "place-order-url",
        "place-order-rest",
        "place-order-alb",
    ] {
        let service = orders_api::service(OrderBook::default());
        let answer = answer(&service, event(name)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{name}: {answer:?}");
        assert_eq!(answer.location.as_deref(), Some("/orders/ord-1001"));
        assert_eq!(answer.content_type, "application/json");
        assert_eq!(answer.body["orderId"], "ord-1001");
        assert_eq!(answer.body["totalCents"], 4490);
    }
}

#[tokio::test]
async fn an_order_is_found_again_and_may_be_sent_again() {
    let service = orders_api::service(OrderBook::default());
    let unknown = answer(&service, event("find-order")).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);

    let placed = answer(&service, event("place-order")).await;
    let again = answer(&service, event("place-order")).await;
    assert_eq!((again.status, &again.body), (placed.status, &placed.body));

    let found = answer(&service, event("find-order")).await;
    assert_eq!(found.status, StatusCode::OK);
    assert_eq!(found.body, placed.body);
}

#[tokio::test]
async fn health_is_ok() {
    let service = orders_api::service(OrderBook::default());
    let answer = answer(&service, event("health")).await;
    assert_eq!(
        (answer.status, answer.body),
        (StatusCode::OK, json!({"status": "ok"}))
    );
}

#[tokio::test]
async fn every_error_is_a_problem_document() {
    let other_order = json!({
        "orderId": "ord-1001",
        "customer": "grace",
        "lines": [{"sku": "KILN-MUG", "quantity": 1, "unitPriceCents": 1250}],
    });
    let rows = [
        (
            event("invalid-order"),
            422,
            "invalid-order",
            "asks for 0 of `KILN-MUG`",
        ),
        (with_body("{"), 400, "invalid-body", "EOF while parsing"),
        (
            with_body("{}"),
            422,
            "invalid-body",
            "missing field `orderId`",
        ),
        (
            changed("place-order", |request| {
                request.headers_mut().remove("content-type");
            }),
            415,
            "invalid-body",
            "Content-Type: application/json",
        ),
        (
            with_body(other_order.to_string()),
            409,
            "order-id-taken",
            "another order `ord-1001`",
        ),
        (
            with_body(" ".repeat(200_000)),
            413,
            "body-too-large",
            "more than 131072 bytes",
        ),
        (
            changed("health", |request| {
                *request.uri_mut() = "/nowhere".parse().unwrap();
            }),
            404,
            "unknown-path",
            "nothing at `/nowhere`",
        ),
        (
            changed("health", |request| {
                *request.method_mut() = axum::http::Method::DELETE;
            }),
            405,
            "wrong-method",
            "`/health` does not answer DELETE",
        ),
    ];
    let service = orders_api::service(OrderBook::default());
    answer(&service, event("place-order")).await;
    for (request, status, kind, detail) in rows {
        let answer = answer(&service, request).await;
        assert_eq!(answer.status.as_u16(), status, "{kind}: {answer:?}");
        assert_eq!(answer.content_type, "application/problem+json");
        assert_eq!(answer.body["type"], kind);
        assert_eq!(answer.body["status"], status);
        let given = answer.body["detail"].as_str().unwrap();
        assert!(given.contains(detail), "{given}");
    }
}
