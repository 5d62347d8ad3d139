//! Smaller bodies, and what each front does with them.

use std::convert::Infallible;

use http::Response;
use kiln::http::{CompressionLayer, ETagLayer};
use kiln::tower::{ServiceBuilder, service_fn};
use lambda_http::{Body, Request};
use serde_json::{Value, json};

use crate::origin::Origin;
use crate::{ORIGINS, answer, header};

async fn compressed(layer: CompressionLayer, event: Value, size: usize) -> Value {
    let service = ServiceBuilder::new()
        .layer(layer)
        .layer(ETagLayer::new())
        .service(service_fn(move |_: Request| async move {
            let answer = Response::builder().header("content-type", "application/json");
            Ok::<_, Infallible>(answer.body(Body::from("1".repeat(size))).unwrap())
        }));
    answer(service, event).await
}

#[tokio::test]
async fn fronts_that_decode_base64_get_it() {
    for origin in ORIGINS {
        for (accepted, encoding) in [
            ("gzip", Some("gzip")),
            ("br, gzip", Some("br")),
            ("identity", None),
        ] {
            let event = origin.get(json!({"accept-encoding": accepted}));
            let answer = compressed(CompressionLayer::new(), event.clone(), 100_000).await;
            let encoding = encoding.filter(|_| origin != Origin::Rest);
            assert_eq!(
                header(&answer, "content-encoding").as_deref(),
                encoding,
                "{origin:?}"
            );
            assert_eq!(answer["isBase64Encoded"], encoding.is_some(), "{origin:?}");
            let length = answer["body"].as_str().unwrap().len();
            assert_eq!(
                length < 1_000,
                encoding.is_some(),
                "{length} bytes, {origin:?}"
            );
        }
    }
    let event = Origin::Rest.get(json!({"accept-encoding": "gzip"}));
    let answer = compressed(CompressionLayer::new().rest_api(), event, 100_000).await;
    assert_eq!(answer["isBase64Encoded"], true, "said to be set up");
}

#[tokio::test]
async fn small_bodies_stay_as_they_are() {
    for (size, layer, is_compressed) in [
        (1_023, CompressionLayer::new(), false),
        (1_024, CompressionLayer::new(), true),
        (1_024, CompressionLayer::new().at_least(2_000), false),
    ] {
        let event = Origin::Http.get(json!({"accept-encoding": "gzip"}));
        let answer = compressed(layer, event, size).await;
        assert_eq!(answer["isBase64Encoded"], is_compressed, "{size}");
    }
}

#[tokio::test]
async fn a_tag_is_weak_where_the_bytes_are_others_and_still_recognized() {
    let event = Origin::Http.get(json!({"accept-encoding": "gzip"}));
    let first = compressed(CompressionLayer::new(), event, 10_000).await;
    let tag = header(&first, "etag").unwrap();
    assert!(tag.starts_with("W/\""), "{tag}");

    let event = Origin::Http.get(json!({"accept-encoding": "gzip", "if-none-match": tag}));
    let again = compressed(CompressionLayer::new(), event, 10_000).await;
    assert_eq!(again["statusCode"], 304);

    let plain = compressed(CompressionLayer::new(), Origin::Http.get(json!({})), 10_000).await;
    assert!(header(&plain, "etag").unwrap().starts_with('"'));
}
