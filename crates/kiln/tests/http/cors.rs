//! Requests of pages from elsewhere.

use std::convert::Infallible;

use http::{Response, StatusCode};
use kiln::http::{ProblemLayer, cors};
use kiln::tower::{ServiceBuilder, service_fn};
use lambda_http::{Body, Request};
use serde_json::{Value, json};

use crate::{Failure, ORIGINS, answer, header, json};

async fn shop(event: Value) -> Value {
    let service = ServiceBuilder::new()
        .layer(cors(["https://shop.example"]).unwrap())
        .service(service_fn(|_: Request| async {
            Ok::<_, Infallible>(Response::new(Body::from("catalogue")))
        }));
    answer(service, event).await
}

#[tokio::test]
async fn a_page_of_the_shop_may_ask_and_read() {
    for origin in ORIGINS {
        let preflight = json!({
            "origin": "https://shop.example",
            "access-control-request-method": "PUT",
            "access-control-request-headers": "content-type,x-api-key",
        });
        let asked = shop(origin.event("OPTIONS", "/orders", preflight, "")).await;
        assert_eq!(asked["statusCode"], 200, "{origin:?}");
        assert!(asked["body"].as_str().unwrap_or_default().is_empty());
        let of = |name: &str| header(&asked, name).unwrap_or_default();
        assert_eq!(of("access-control-allow-origin"), "https://shop.example");
        assert!(of("access-control-allow-methods").contains("PUT"));
        assert!(of("access-control-allow-headers").contains("x-api-key"));
        assert_eq!(of("access-control-max-age"), "3600");

        let read = shop(origin.get(json!({"origin": "https://shop.example"}))).await;
        assert_eq!(read["body"], "catalogue");
        let of = |name: &str| header(&read, name).unwrap_or_default();
        assert_eq!(of("access-control-allow-origin"), "https://shop.example");
        assert!(of("access-control-expose-headers").contains("x-request-id"));
        assert!(of("vary").contains("origin"));
    }
}

#[tokio::test]
async fn a_page_can_read_errors_within_the_layer() {
    for origin in ORIGINS {
        let failing = ServiceBuilder::new()
            .layer(cors(["https://shop.example"]).unwrap())
            .layer(ProblemLayer::new())
            .service(service_fn(|_: Request| async {
                Err::<Response<Body>, _>(Failure(StatusCode::NOT_FOUND))
            }));
        let read = answer(
            failing,
            origin.get(json!({"origin": "https://shop.example"})),
        )
        .await;
        assert_eq!(read["statusCode"], 404, "{origin:?}");
        assert_eq!(json(&read)["type"], "TableFailed");
        assert_eq!(json(&read)["instance"], "req-1");
        let allowed = header(&read, "access-control-allow-origin");
        assert_eq!(allowed.as_deref(), Some("https://shop.example"));
    }
}

#[tokio::test]
async fn a_page_from_elsewhere_may_not() {
    let read = shop(ORIGINS[1].get(json!({"origin": "https://thief.example"}))).await;
    assert_eq!(header(&read, "access-control-allow-origin"), None);
}
