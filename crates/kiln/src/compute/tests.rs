use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use futures_util::FutureExt as _;
use kiln_testing::eventually;
use proptest::prelude::*;
use rayon::prelude::*;

use super::*;
use crate::deadline::DeadlineExceeded;
use crate::errors::LambdaError as _;
use crate::invocation;
use crate::test_invocation::{LONG, REQUEST_ID, in_time, invocation};

fn wait_for<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(in_time(test))
}

proptest! {
    #[test]
    fn results_come_in_the_order_of_the_items(items: Vec<u16>) {
        let expected: Vec<u32> = items.iter().map(|item| u32::from(*item) + 1).collect();
        let mapped = wait_for(map(items.clone(), |item| u32::from(item) + 1));
        prop_assert_eq!(mapped.unwrap(), expected.clone());
        let mapped = wait_for(try_map(items, |item| Ok::<_, ()>(u32::from(item) + 1)));
        prop_assert_eq!(mapped.unwrap(), expected);
    }

    #[test]
    fn the_first_error_is_that_of_a_loop(items: Vec<bool>) {
        let expected = items.iter().position(|item| !item);
        let mapped = wait_for(try_map(items, |item| if item { Ok(()) } else { Err("no") }));
        match (mapped, expected) {
            (Ok(_), None) => {}
            (Err(TryMapError::Item { index, error: "no" }), Some(first)) => prop_assert_eq!(index, first),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

#[tokio::test]
async fn closures_run_on_threads_of_their_own() {
    let name = in_time(run(|| std::thread::current().name().map(str::to_owned))).await;
    let name = name.unwrap().unwrap();
    assert!(name.starts_with("kiln-compute-"), "{name}");
    let inner = in_time(run(rayon::current_num_threads)).await.unwrap();
    assert_eq!(inner, threads().get());
}

#[tokio::test]
async fn a_panic_is_an_error_with_its_message() {
    let number = 7;
    let results = [
        in_time(run(move || panic!("item {number} is poison"))).await,
        in_time(map(vec![1, 7, 3], |item| {
            assert!(item != 7, "item {item} is poison");
        }))
        .await
        .map(drop),
    ];
    for result in results {
        let error = result.unwrap_err();
        assert!(
            matches!(&error, ComputeError::Panicked { message } if message == "item 7 is poison")
        );
        assert_eq!(error.error_type(), "ComputePanicked");
        assert!(!error.is_retryable());
        assert_eq!(
            error.to_string(),
            "the computation panicked: `item 7 is poison`"
        );
    }
    let error = in_time(try_map(vec![0], |_| -> Result<(), String> {
        std::panic::panic_any(1_u8)
    }))
    .await
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the computation panicked: `a value that is not text`"
    );
    // The pool has survived all of it.
    assert_eq!(in_time(run(|| 1)).await.unwrap(), 1);
}

/// Panics when it is dropped.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[tokio::test]
async fn a_panic_while_nobody_waits_harms_nobody() {
    let (sender, begun) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let mut computing = Box::pin(in_time(run(move || {
        sender.send(()).unwrap();
        released.recv().unwrap();
        Grenade
    })));
    assert!(computing.as_mut().now_or_never().is_none());
    begun.recv().unwrap();
    drop(computing);
    release.send(()).unwrap();
    assert_eq!(in_time(run(|| 2)).await.unwrap(), 2);
}

#[tokio::test]
async fn a_deadline_already_past_begins_nothing() {
    let begun = Arc::new(AtomicUsize::new(0));
    // Passed, and so near that the answer would come too late.
    for left in [Duration::ZERO, MARGIN / 2] {
        let counter = begun.clone();
        let result = invocation(left)
            .scope(run(move || counter.fetch_add(1, Ordering::Relaxed)))
            .await;
        let error = result.unwrap_err();
        assert!(matches!(
            &error,
            ComputeError::DeadlineExceeded(DeadlineExceeded)
        ));
        assert_eq!(error.error_type(), "DeadlineExceeded");
    }
    assert_eq!(begun.load(Ordering::Relaxed), 0);
}

/// Items that wait to be released, and how many of them have begun.
struct Slow {
    begun: Arc<AtomicUsize>,
    released: Arc<AtomicBool>,
}

impl Slow {
    const ITEMS: u32 = 10_000;

    fn new() -> Self {
        Self {
            begun: Arc::default(),
            released: Arc::default(),
        }
    }

    fn item(&self) -> impl Fn(u32) + Send + Sync + use<> {
        let (begun, released) = (self.begun.clone(), self.released.clone());
        move |_| {
            begun.fetch_add(1, Ordering::SeqCst);
            while !released.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn the_deadline_stops_items_that_have_not_begun() {
    let slow = Slow::new();
    let result = invocation(MARGIN + Duration::from_millis(50))
        .scope(map(0..Slow::ITEMS, slow.item()))
        .await;
    assert!(matches!(result, Err(ComputeError::DeadlineExceeded(_))));
    slow.released.store(true, Ordering::SeqCst);
    // It waits for its turn: what ran comes to its end, and nothing else begins.
    in_time(run(|| ())).await.unwrap();
    assert!(slow.begun() <= threads().get(), "{} began", slow.begun());
}

#[tokio::test]
async fn dropping_the_future_stops_items_that_have_not_begun() {
    for fallible in [false, true] {
        let slow = Slow::new();
        let item = slow.item();
        let mut computing = if fallible {
            let all = try_map(0..Slow::ITEMS, move |number| {
                item(number);
                Ok::<_, ()>(())
            });
            in_time(all).map(drop).boxed()
        } else {
            in_time(map(0..Slow::ITEMS, item)).map(drop).boxed()
        };
        assert!(computing.as_mut().now_or_never().is_none());
        eventually("an item begins", || (slow.begun() > 0).then_some(()));
        drop(computing);
        slow.released.store(true, Ordering::SeqCst);
        in_time(run(|| ())).await.unwrap();
        assert!(slow.begun() <= threads().get(), "{} began", slow.begun());
    }
}

#[tokio::test]
async fn closures_see_invocation_and_span() {
    use ::tracing::{Instrument as _, Span, info_span};

    let subscriber = tracing_subscriber::registry();
    let _default = ::tracing::subscriber::set_default(subscriber);
    let span = info_span!("handler");
    let expected = (Some(REQUEST_ID.to_owned()), span.id());
    let seen = || {
        let invocation = invocation::current();
        let id = invocation.map(|invocation| invocation.context.request_id.clone());
        (id, Span::current().id())
    };
    // The subscriber of this test is not that of other threads.
    let dispatch = ::tracing::dispatcher::get_default(Clone::clone);
    let seen = move || ::tracing::dispatcher::with_default(&dispatch, seen);
    // One invocation more, so that the only one in flight is not what is found.
    let other = invocation(LONG).scope(std::future::pending::<()>());
    let mut other = Box::pin(other);
    assert!(other.as_mut().now_or_never().is_none());

    let in_run = seen.clone();
    let checks = async move {
        let mut all = vec![run(in_run).await.unwrap()];
        all.extend(map(0..1_000_u32, move |_| seen()).await.unwrap());
        all
    };
    let all = invocation(LONG).scope(checks.instrument(span)).await;
    assert_eq!(all.len(), 1_001);
    for seen in &all {
        assert_eq!(seen, &expected);
    }
}

#[tokio::test]
async fn rayon_within_run_uses_the_pool() {
    let sum = in_time(run(|| (0..1_000_u32).into_par_iter().sum::<u32>())).await;
    assert_eq!(sum.unwrap(), 499_500);
}
