//! Tags, and answers without a body.

use std::convert::Infallible;

use http::Response;
use kiln::http::ETagLayer;
use kiln::tower::{ServiceBuilder, service_fn};
use lambda_http::{Body, Request};
use serde_json::{Value, json};

use crate::origin::Origin;
use crate::{ORIGINS, answer, header};

async fn tagged(event: Value, status: u16, own: Option<&'static str>) -> Value {
    let service = ServiceBuilder::new()
        .layer(ETagLayer::new())
        .service(service_fn(move |_: Request| async move {
            let mut answer = Response::builder()
                .status(status)
                .header("content-type", "text/plain")
                .header("cache-control", "no-cache");
            if let Some(own) = own {
                answer = answer.header("etag", own);
            }
            Ok::<_, Infallible>(answer.body(Body::from("catalogue")).unwrap())
        }));
    answer(service, event).await
}

#[tokio::test]
async fn a_known_body_is_not_sent_again() {
    for origin in ORIGINS {
        let first = tagged(origin.get(json!({})), 200, None).await;
        assert_eq!(first["statusCode"], 200);
        assert_eq!(first["body"], "catalogue", "{origin:?}");
        let tag = header(&first, "etag").unwrap();
        assert!(tag.starts_with('"'), "a strong one: {tag}");

        let again = tagged(origin.get(json!({"if-none-match": tag})), 200, None).await;
        assert_eq!(again["statusCode"], 304, "{origin:?}");
        assert!(again["body"].as_str().unwrap_or_default().is_empty());
        assert_eq!(header(&again, "etag"), Some(tag));
        assert_eq!(header(&again, "cache-control").as_deref(), Some("no-cache"));
        assert_eq!(header(&again, "content-type"), None);
    }
}

#[tokio::test]
async fn only_what_is_read_is_tagged() {
    let any = json!({"if-none-match": "*"});
    for (method, status, expected) in [
        ("GET", 200, 304),
        ("HEAD", 200, 304),
        ("POST", 200, 200),
        ("GET", 201, 201),
        ("GET", 404, 404),
    ] {
        let event = Origin::Http.event(method, "/orders", any.clone(), "");
        let answer = tagged(event, status, None).await;
        assert_eq!(answer["statusCode"], expected, "{method} {status}");
    }
}

#[tokio::test]
async fn a_tag_of_the_handler_is_kept() {
    let first = tagged(Origin::Http.get(json!({})), 200, Some("\"v7\"")).await;
    assert_eq!(header(&first, "etag").as_deref(), Some("\"v7\""));
    let known = json!({"if-none-match": "\"v6\", W/\"v7\""});
    let again = tagged(Origin::Http.get(known), 200, Some("\"v7\"")).await;
    assert_eq!(again["statusCode"], 304);
}
