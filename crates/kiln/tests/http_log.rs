//! What is logged of a request: a process of its own, which has the one log.

use std::convert::Infallible;
use std::future::Ready;

use http::Request;
use kiln::http::ProblemLayer;
use kiln::logging::{Captured, Logging};
use kiln::tower::{Layer as _, ServiceExt as _, service_fn};

/// An alarm on the type counts the panics of all functions.
#[tokio::test]
async fn a_panic_is_logged_under_the_type_it_has_elsewhere() {
    let lines = Captured::default();
    Logging::new().writer(lines.clone()).init();
    let panicking = service_fn(
        |_: Request<()>| -> Ready<Result<http::Response<String>, Infallible>> {
            panic!("no stock")
        },
    );
    let service = ProblemLayer::new().layer(panicking);
    let answer = service.oneshot(Request::new(())).await.unwrap();
    assert_eq!(answer.status(), 500);
    let log = lines.lines().join("\n");
    assert!(log.contains(kiln::run::PANICKED), "{log}");
    assert!(log.contains("the handler panicked: no stock"), "{log}");
}
