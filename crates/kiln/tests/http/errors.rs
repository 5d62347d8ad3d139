//! Errors, panics and bare answers as problem documents.

use std::convert::Infallible;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Response, StatusCode};
use kiln::deadline::Deadline;
use kiln::logging::{Captured, Logging};
use kiln::tower::service_fn;
use kiln::{Context, LambdaEvent};
use lambda_http::{Body, Request};
use serde_json::json;
use tracing_subscriber::prelude::*;

use crate::origin::Origin;
use crate::{Failure, ORIGINS, answer, answer_with, header, json};

#[tokio::test]
async fn mistakes_of_callers_are_explained_and_ours_are_not() {
    for origin in ORIGINS {
        for (status, body) in [
            (
                404,
                json!({
                    "type": "TableFailed", "title": "Not Found", "status": 404,
                    "detail": "the table `orders-7` said 404", "instance": "req-1",
                }),
            ),
            (
                500,
                json!({
                    "type": "about:blank", "title": "Internal Server Error", "status": 500,
                    "instance": "req-1",
                }),
            ),
            (
                503,
                json!({
                    "type": "about:blank", "title": "Service Unavailable", "status": 503,
                    "instance": "req-1",
                }),
            ),
        ] {
            let failing = service_fn(move |_: Request| async move {
                Err::<String, _>(Failure(StatusCode::from_u16(status).unwrap()))
            });
            let answer = answer(failing, origin.get(json!({}))).await;
            assert_eq!(answer["statusCode"], status, "{origin:?}");
            assert_eq!(
                header(&answer, "content-type").as_deref(),
                Some("application/problem+json")
            );
            assert_eq!(answer["isBase64Encoded"], false, "{origin:?}");
            assert_eq!(json(&answer), body, "{origin:?}");
        }
    }
}

#[tokio::test]
async fn a_panic_is_a_500_without_its_message() {
    for origin in ORIGINS {
        let early = service_fn(
            |_: Request| -> std::future::Ready<Result<String, Infallible>> {
                panic!("the secret is out")
            },
        );
        let late = service_fn(|_: Request| async {
            tokio::task::yield_now().await;
            if true {
                panic!("the secret is out");
            }
            Ok::<_, Infallible>(String::new())
        });
        for answer in [
            answer(early, origin.get(json!({}))).await,
            answer(late, origin.get(json!({}))).await,
        ] {
            assert_eq!(answer["statusCode"], 500);
            assert_eq!(json(&answer)["title"], "Internal Server Error");
            assert!(!answer.to_string().contains("secret"), "{answer}");
        }
    }
}

/// An alarm on the type counts the panics of all functions.
#[tokio::test]
async fn a_panic_is_logged_under_the_type_it_has_elsewhere() {
    let lines = Captured::default();
    let log = Logging::new().writer(lines.clone()).layer();
    let _logged = tracing_subscriber::registry().with(log).set_default();
    let panicking = service_fn(
        |_: Request| -> std::future::Ready<Result<String, Infallible>> { panic!("no stock") },
    );
    answer(panicking, ORIGINS[0].get(json!({}))).await;
    let log = lines.lines().join("\n");
    assert!(log.contains(kiln::run::PANICKED), "{log}");
    assert!(log.contains("the handler panicked: no stock"), "{log}");
}

#[tokio::test]
async fn bare_error_answers_are_filled_and_others_kept() {
    let bare = service_fn(|_: Request| async {
        let answer = Response::builder().status(405).header("allow", "GET");
        Ok::<_, Infallible>(answer.body(Body::Empty).unwrap())
    });
    let filled = answer(bare, ORIGINS[1].get(json!({}))).await;
    assert_eq!(json(&filled)["title"], "Method Not Allowed");
    assert_eq!(header(&filled, "allow").as_deref(), Some("GET"));

    let own = service_fn(|_: Request| async {
        let answer = Response::builder().status(404);
        Ok::<_, Infallible>(answer.body(Body::from("gone fishing")).unwrap())
    });
    let kept = answer(own, ORIGINS[1].get(json!({}))).await;
    assert_eq!(kept["body"], "gone fishing");

    let head = ORIGINS[1].event("HEAD", "/orders", json!({}), "");
    let kept = answer(bare, head).await;
    let body = kept["body"].as_str().unwrap_or_default();
    assert_eq!(body, "", "an answer to HEAD has no body");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_a_504() {
    let exceeded = service_fn(|_: Request| async {
        let deadline = Deadline::at(UNIX_EPOCH);
        deadline.within(async { "never".to_owned() }).await
    });
    let answer = answer(exceeded, ORIGINS[0].get(json!({}))).await;
    assert_eq!(answer["statusCode"], 504);

    // The deadline of the invocation, when the handler itself does not look at it.
    let mut context = Context::default();
    let soon = SystemTime::now() + Duration::from_secs(2);
    context.deadline = u64::try_from(soon.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let endless = service_fn(|_: Request| std::future::pending::<Result<String, Infallible>>());
    let answer = answer_with(endless, ORIGINS[0].get(json!({})), context).await;
    assert_eq!(answer["statusCode"], 504);
    assert_eq!(json(&answer)["title"], "Gateway Timeout");
}

#[tokio::test]
async fn a_request_whose_deadline_has_passed_is_not_begun() {
    let mut context = Context::default();
    context.deadline = 1;
    let unreached = service_fn(
        |_: Request| -> std::future::Ready<Result<String, Infallible>> { panic!("was called") },
    );
    let answer = answer_with(unreached, ORIGINS[0].get(json!({})), context).await;
    assert_eq!(answer["statusCode"], 504);
}

#[tokio::test]
async fn answers_carry_the_request_id() {
    for origin in ORIGINS {
        let fine = service_fn(|_: Request| async { Ok::<_, Infallible>("fine") });
        let answer = answer(fine, origin.get(json!({}))).await;
        assert_eq!(
            header(&answer, "x-request-id").as_deref(),
            Some("req-1"),
            "{origin:?}"
        );
    }
}

/// What a handler gives to its clients ends before the layer does, so that it can still answer.
#[tokio::test]
async fn the_handler_knows_what_the_layers_leave() {
    use kiln::deadline::DeadlineLayer as OfEvents;
    use kiln::http::Events;
    use kiln::invocation::Invocation;
    use kiln::tower::{Layer as _, ServiceExt as _};

    let asked = service_fn(|_: Request| async {
        let left = Deadline::current().remaining().unwrap();
        Ok::<_, Infallible>(left.as_millis().to_string())
    });
    let mut context = Context::default();
    let end = SystemTime::now() + Duration::from_secs(60);
    context.deadline = u64::try_from(end.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    for (further_out, most) in [(None, 59_500), (Some(Duration::from_secs(20)), 40_000)] {
        let event = serde_json::from_value(Origin::Http.get(json!({}))).unwrap();
        let event = LambdaEvent::new(event, context.clone());
        let service = Events::new(asked);
        let answer = async {
            match further_out {
                None => service.oneshot(event).await.unwrap(),
                Some(margin) => {
                    let layer = OfEvents::new().margin(margin);
                    layer.layer(service).oneshot(event).await.unwrap()
                }
            }
        };
        let answer = Invocation::new(context.clone()).scope(answer).await;
        let answer = serde_json::to_value(answer).unwrap();
        let left: u64 = answer["body"].as_str().unwrap().parse().unwrap();
        assert!(left <= most, "{left} of {most} ms");
    }
}
