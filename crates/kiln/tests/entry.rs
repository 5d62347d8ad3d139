//! Invocations as `kiln::run` makes them.

use std::time::Duration;

use kiln::deadline::DeadlineLayer;
use kiln::testing::{self, ContextBuilder};
use kiln::tower::ServiceBuilder;
use kiln::{Deadline, Diagnostic, Error, LambdaEvent, invocation, service_fn};
use tokio::time::{Instant, sleep};

#[tokio::test]
async fn the_handler_is_in_scope() {
    async fn request_id(event: LambdaEvent<()>) -> Result<bool, Error> {
        tokio::task::yield_now().await;
        let current = invocation::current().ok_or("no invocation")?;
        Ok(current.context.request_id == event.context.request_id)
    }

    assert!(
        testing::invoke(request_id, testing::event(()))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_panic_is_an_error_wherever_it_is() {
    async fn awaiting(_: LambdaEvent<u32>) -> Result<(), Error> {
        tokio::task::yield_now().await;
        panic!("after {} ms", 5)
    }
    // Before there is a future.
    fn at_once(_: LambdaEvent<u32>) -> std::future::Ready<Result<(), Error>> {
        panic!("at once")
    }
    async fn odd(_: LambdaEvent<u32>) -> Result<(), Error> {
        std::panic::panic_any(5)
    }

    let event = || testing::event(0);
    for (answer, message) in [
        (testing::invoke(awaiting, event()).await, "after 5 ms"),
        (testing::invoke(at_once, event()).await, "at once"),
        (
            testing::invoke(odd, event()).await,
            "a value that is not text",
        ),
    ] {
        let error = answer.unwrap_err();
        assert_eq!(error.error_type, "HandlerPanicked");
        assert_eq!(
            error.error_message,
            format!("the handler panicked: {message}")
        );
    }
}

#[tokio::test]
async fn a_layer_that_panics_is_an_error_as_well() {
    let service = ServiceBuilder::new()
        .map_response(|(): ()| -> () { panic!("in the layer") })
        .service_fn(async |_: LambdaEvent<()>| Ok::<_, Error>(()));
    let error = testing::invoke_service(service, testing::event(()))
        .await
        .unwrap_err();
    assert_eq!(error.error_message, "the handler panicked: in the layer");
}

#[tokio::test]
async fn an_error_of_the_library_keeps_its_type_in_a_box() {
    async fn late(_: LambdaEvent<()>) -> Result<(), Error> {
        let answer = Deadline::after(Duration::ZERO).within(std::future::ready(()));
        Ok(answer.await?)
    }
    async fn own(_: LambdaEvent<()>) -> Result<(), Error> {
        Err("the card was declined".into())
    }

    let error = testing::invoke(late, testing::event(())).await.unwrap_err();
    assert_eq!(error.error_type, "DeadlineExceeded");
    let error = testing::invoke(own, testing::event(())).await.unwrap_err();
    assert_eq!(error.error_type, "Error");
    assert_eq!(error.error_message, "the card was declined");
}

fn slow(
    wait: Duration,
) -> impl kiln::tower::Service<
    LambdaEvent<()>,
    Response = Duration,
    Error = Diagnostic,
    Future: Send + 'static,
> + Clone
+ Send
+ Sync
+ 'static {
    ServiceBuilder::new()
        .layer(DeadlineLayer::new())
        .service(service_fn(move |_: LambdaEvent<()>| async move {
            let left = Deadline::current().remaining();
            sleep(wait).await;
            Ok::<_, Error>(left.unwrap_or(Duration::MAX))
        }))
}

#[tokio::test(start_paused = true)]
async fn the_deadline_layer_answers_before_the_deadline() {
    let second = Duration::from_secs(1);
    // The margin: a tenth of what is left, 500 ms at most.
    for (timeout, latest) in [(1, 900), (3, 2_700), (5, 4_500), (900, 899_500)] {
        let event = ContextBuilder::new().deadline(timeout * second).event(());
        let start = Instant::now();
        let answer = testing::invoke_service(slow(2_000 * second), event).await;
        assert_eq!(answer.unwrap_err().error_type, "DeadlineExceeded");
        let took = start.elapsed().as_millis();
        // The context has whole milliseconds, and the time of day goes on beside the paused clock.
        assert!(
            (latest - 50..=latest + 2).contains(&took),
            "{took} of {timeout} s"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_handler_knows_what_is_left_for_it() {
    let event = ContextBuilder::new()
        .deadline(Duration::from_secs(10))
        .event(());
    let left = testing::invoke_service(slow(Duration::ZERO), event)
        .await
        .unwrap();
    assert!(left <= Duration::from_millis(9_500), "{left:?}");
    assert!(left > Duration::from_secs(9), "{left:?}");
}

#[tokio::test]
async fn a_deadline_that_has_passed_is_answered_at_once() {
    let event = ContextBuilder::new().deadline(Duration::ZERO).event(());
    let service = ServiceBuilder::new()
        .layer(DeadlineLayer::new())
        .service_fn(async |_: LambdaEvent<()>| -> Result<(), Error> { panic!("was called") });
    let error = testing::invoke_service(service, event).await.unwrap_err();
    assert_eq!(error.error_type, "DeadlineExceeded");
    assert_eq!(
        error.error_message,
        "the deadline of the invocation has passed"
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_deadline_nothing_is_cut() {
    let event = LambdaEvent::new((), kiln::Context::default());
    let answer = testing::invoke_service(slow(Duration::from_secs(3_600)), event).await;
    assert_eq!(answer.unwrap(), Duration::MAX);
}

#[tokio::test(start_paused = true)]
async fn a_margin_longer_than_the_time_leaves_none() {
    let service = ServiceBuilder::new()
        .layer(DeadlineLayer::new().margin(Duration::from_secs(60)))
        .service_fn(async |_: LambdaEvent<()>| Ok::<_, Error>(()));
    let event = ContextBuilder::new()
        .deadline(Duration::from_secs(3))
        .event(());
    let error = testing::invoke_service(service, event).await.unwrap_err();
    assert_eq!(error.error_type, "DeadlineExceeded");
}
