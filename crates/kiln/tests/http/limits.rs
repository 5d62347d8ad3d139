//! Requests and responses that are too large.

use std::convert::Infallible;

use http::Response;
use kiln::http::{ALB_RESPONSE_LIMIT, BodyLimitLayer, RESPONSE_LIMIT, StageLayer};
use kiln::tower::{ServiceBuilder, service_fn};
use lambda_http::{Body, Request};
use serde_json::json;

use crate::origin::Origin;
use crate::{ORIGINS, answer, json};

#[tokio::test]
async fn a_request_over_the_limit_is_a_413() {
    for origin in ORIGINS {
        for (size, status) in [(8, 200), (9, 413)] {
            let service = ServiceBuilder::new()
                .layer(BodyLimitLayer::new(8))
                .service(service_fn(|_: Request| async {
                    Ok::<_, Infallible>(Response::new(Body::Empty))
                }));
            let event = origin.event("POST", "/orders", json!({}), &"x".repeat(size));
            let answer = answer(service, event).await;
            assert_eq!(answer["statusCode"], status, "{origin:?}");
            if status == 413 {
                assert_eq!(json(&answer)["type"], "body-too-large");
                assert_eq!(json(&answer)["detail"], "the body has more than 8 bytes");
                assert_eq!(json(&answer)["instance"], "req-1");
            }
        }
    }
}

/// What fits goes through, what does not is said, and what goes to Lambda is never over its limit.
#[tokio::test]
async fn a_response_over_the_limit_is_explained() {
    for origin in ORIGINS {
        let limit = match origin {
            Origin::Alb => ALB_RESPONSE_LIMIT,
            _ => RESPONSE_LIMIT,
        };
        let text = |size: usize| Body::from("x".repeat(size));
        let quotes = |size: usize| Body::from("\"".repeat(size));
        let bytes = |size: usize| Body::from(vec![7_u8; size]);
        for (body, content_type, fits) in [
            (text(limit - 1_000), "text/plain", true),
            (text(limit), "text/plain", false),
            (quotes(limit / 2 - 1_000), "text/plain", true),
            (quotes(limit / 2), "text/plain", false),
            (bytes(limit / 4 * 3 - 1_000), "image/png", true),
            (bytes(limit / 4 * 3), "image/png", false),
        ] {
            let service = service_fn(move |_: Request| {
                let answer = Response::builder().header("content-type", content_type);
                let answer = answer.body(body.clone()).unwrap();
                async { Ok::<_, Infallible>(answer) }
            });
            let answer = answer(service, origin.get(json!({}))).await;
            assert_eq!(
                answer["statusCode"],
                if fits { 200 } else { 500 },
                "{origin:?}"
            );
            assert!(answer.to_string().len() <= limit);
            if !fits {
                assert_eq!(json(&answer)["type"], "response-too-large");
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_500() {
    use http_body_util::BodyExt as _;

    let broken = service_fn(|_: Request| async {
        let body = http_body_util::Full::new(bytes::Bytes::from("half"));
        let body = body
            .map_frame(|frame| frame)
            .map_err(|never| match never {});
        let body = body.with_trailers(async { Some(Err::<http::HeaderMap, _>("connection lost")) });
        Ok::<_, Infallible>(Response::new(body.boxed()))
    });
    let answer = answer(broken, Origin::Http.get(json!({}))).await;
    assert_eq!(answer["statusCode"], 500);
}

#[tokio::test]
async fn the_stage_is_no_part_of_the_path() {
    for origin in ORIGINS {
        let service = ServiceBuilder::new()
            .layer(StageLayer::new())
            .service(service_fn(|request: Request| async move {
                Ok::<_, Infallible>(request.uri().path().to_owned())
            }));
        let answer = answer(service, origin.get(json!({}))).await;
        assert_eq!(answer["body"], "/orders", "{origin:?}");
    }
}

/// REST APIs have paths without the stage, so one that begins with its name is a route of that name.
#[tokio::test]
async fn a_route_that_is_named_as_the_stage_stays() {
    for (path, bare) in [
        ("/prod/orders", "/prod/orders"),
        ("/prod", "/prod"),
        ("/production", "/production"),
    ] {
        let service = ServiceBuilder::new()
            .layer(StageLayer::new())
            .service(service_fn(|request: Request| async move {
                Ok::<_, Infallible>(request.uri().path().to_owned())
            }));
        let mut event = Origin::Rest.get(json!({}));
        event["requestContext"]["stage"] = json!("prod");
        event["path"] = json!(path);
        assert_eq!(answer(service, event).await["body"], bare);
    }
}
