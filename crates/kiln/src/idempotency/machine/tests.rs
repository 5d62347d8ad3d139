//! Every transition of the state machine, on a clock that is set.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde_json::json;

use super::*;
use crate::clock::Clock;
use crate::idempotency::{IdempotencyBuilder, MemoryStore, Store, StoreFuture};
use crate::invocation::Invocation;

/// Seconds since 1970: far ahead, so that no invocation of these tests has a deadline that has passed.
const NOW: u64 = 4_000_000_000;

#[derive(Debug)]
struct SetClock(Mutex<SystemTime>);

impl SetClock {
    fn new() -> Arc<Self> {
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        Arc::new(Self(Mutex::new(now)))
    }

    fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for SetClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A store whose operations may be made to fail.
#[derive(Debug, Default)]
struct Shaky {
    memory: MemoryStore,
    begins: AtomicU32,
    is_down: AtomicBool,
    fails_to_complete: AtomicBool,
    fails_to_delete: AtomicBool,
    /// Which operation is never answered, though it is done.
    silent_at: AtomicU32,
    /// What it answers instead of looking.
    stale: Mutex<Option<Record>>,
}

fn down<'a, T: Send + 'a>() -> StoreFuture<'a, T> {
    Box::pin(async { Err(StoreError::new("be reached", "it is down")) })
}

const BEGIN: u32 = 1;
const COMPLETE: u32 = 2;
const DELETE: u32 = 3;

impl Shaky {
    fn is_silent_at(&self, operation: u32) -> bool {
        self.silent_at.load(Ordering::Relaxed) == operation
    }
}

/// Does it, and does not answer: the connection hangs.
fn silently<'a, T: Send + 'a>(done: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
    Box::pin(async {
        done.await?;
        std::future::pending().await
    })
}

impl Store for Shaky {
    fn save_in_progress<'a>(&'a self, record: &'a Record, now: Duration) -> StoreFuture<'a, Saved> {
        self.begins.fetch_add(1, Ordering::Relaxed);
        if self.is_down.load(Ordering::Relaxed) {
            return down();
        }
        if let Some(stale) = self.stale.lock().unwrap().clone() {
            return Box::pin(async { Ok(Saved::Exists(stale)) });
        }
        let saved = self.memory.save_in_progress(record, now);
        match self.is_silent_at(BEGIN) {
            true => silently(saved),
            false => saved,
        }
    }

    fn save_completed<'a>(&'a self, record: &'a Record) -> StoreFuture<'a, ()> {
        if self.fails_to_complete.load(Ordering::Relaxed) {
            return down();
        }
        match self.is_silent_at(COMPLETE) {
            // Lost on its way there.
            true => Box::pin(std::future::pending()),
            false => self.memory.save_completed(record),
        }
    }

    fn delete<'a>(&'a self, id: &'a str) -> StoreFuture<'a, ()> {
        if self.fails_to_delete.load(Ordering::Relaxed) {
            return down();
        }
        match self.is_silent_at(DELETE) {
            true => Box::pin(std::future::pending()),
            false => self.memory.delete(id),
        }
    }
}

/// The work of these tests, and how often it ran.
#[derive(Debug, Default)]
struct Work(AtomicU32);

impl Work {
    async fn succeed(&self) -> Result<u32, &'static str> {
        Ok(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }

    async fn fail(&self) -> Result<u32, &'static str> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err("declined")
    }

    fn times(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Setting {
    store: Arc<Shaky>,
    clock: Arc<SetClock>,
    idempotency: Idempotency,
    work: Work,
}

fn setting(adjust: impl FnOnce(IdempotencyBuilder) -> IdempotencyBuilder) -> Setting {
    let (store, clock) = (Arc::new(Shaky::default()), SetClock::new());
    // Without its cache, all that happens is seen by the store.
    let builder = Idempotency::builder(store.clone())
        .clock(clock.clone())
        .cached_records(0)
        .disabled(false);
    Setting {
        store,
        clock,
        idempotency: adjust(builder).build().unwrap(),
        work: Work::default(),
    }
}

/// Within an invocation that has so much left.
async fn within<F: Future>(left: Duration, future: F) -> F::Output {
    let mut context = crate::Context::default();
    context.deadline = NOW * 1_000 + milliseconds(left);
    Invocation::new(context).scope(future).await
}

/// The error of protection.
fn protection<T: std::fmt::Debug>(result: Result<T, RunError<&'static str>>) -> IdempotencyError {
    match result {
        Err(RunError::Idempotency(error)) => error,
        other => panic!("{other:?}"),
    }
}

impl Setting {
    async fn charge(&self) -> Result<u32, RunError<&'static str>> {
        self.idempotency.run("order", || self.work.succeed()).await
    }

    fn record(&self) -> Option<Record> {
        let hash = crate::idempotency::Hash::Md5;
        self.store
            .memory
            .get(&format!("test-func.handler#{}", hash.of(&json!("order"))))
    }
}

#[tokio::test]
async fn a_completed_execution_is_replayed_until_it_expires() {
    let setting = setting(|builder| builder.expires_after(Duration::from_secs(60)));
    assert_eq!(setting.charge().await.unwrap(), 1);
    let record = setting.record().unwrap();
    assert_eq!(record.status, Status::Completed);
    assert_eq!(record.expiration, NOW + 60);
    assert_eq!(record.data.as_deref(), Some("1"));
    setting.clock.advance(Duration::from_secs(60));
    assert_eq!(setting.charge().await.unwrap(), 1);
    setting.clock.advance(Duration::from_secs(1));
    assert_eq!(setting.charge().await.unwrap(), 2);
}

#[tokio::test]
async fn completed_records_are_cached_and_not_asked_for() {
    let setting = setting(|builder| {
        builder
            .cached_records(256)
            .expires_after(Duration::from_secs(60))
    });
    for _ in 0..3 {
        assert_eq!(setting.charge().await.unwrap(), 1);
    }
    assert_eq!(setting.store.begins.load(Ordering::Relaxed), 1);
    setting.clock.advance(Duration::from_secs(61));
    assert_eq!(setting.charge().await.unwrap(), 2);
}

#[tokio::test]
async fn while_in_progress_duplicates_are_refused_until_the_deadline() {
    let setting = setting(|builder| builder.cached_records(256));
    within(Duration::from_secs(30), async {
        let work = || async {
            let until = setting.record().unwrap().in_progress_expiration;
            assert_eq!(until, Some((NOW + 30) * 1_000));
            setting.clock.advance(Duration::from_secs(30));
            let duplicate = protection(setting.charge().await);
            assert!(matches!(
                duplicate,
                IdempotencyError::AlreadyInProgress { .. }
            ));
            Ok::<_, &str>(7)
        };
        assert_eq!(setting.idempotency.run("order", work).await.unwrap(), 7);
    })
    .await;
    assert_eq!(setting.work.times(), 0);
}

#[tokio::test]
async fn what_a_deadline_layer_drops_stays_in_progress_until_lambda_ends_it() {
    use crate::deadline::DeadlineLayer;
    use crate::tower::{ServiceBuilder, ServiceExt as _};

    let setting = Arc::new(setting(|builder| builder));
    let dropped = setting.clone();
    let handler = ServiceBuilder::new()
        .layer(DeadlineLayer::new().margin(Duration::from_secs(10)))
        .service_fn(move |_: crate::LambdaEvent<()>| {
            let setting = dropped.clone();
            async move {
                let work = || std::future::pending::<Result<u32, &str>>();
                setting.idempotency.run("order", work).await
            }
        });
    let mut context = crate::Context::default();
    context.deadline = NOW * 1_000 + 60_000;
    let event = crate::LambdaEvent::new((), context.clone());
    let mut running = Box::pin(Invocation::new(context).scope(handler.oneshot(event)));
    assert!(running.as_mut().now_or_never().is_none());
    drop(running);

    let until = setting.record().unwrap().in_progress_expiration;
    assert_eq!(until, Some(NOW * 1_000 + 60_000));
    setting.clock.advance(Duration::from_secs(55));
    let refused = protection(within(Duration::from_secs(60), setting.charge()).await);
    assert!(matches!(
        refused,
        IdempotencyError::AlreadyInProgress { .. }
    ));
    assert_eq!(setting.work.times(), 0);
}

#[tokio::test]
async fn what_was_killed_may_run_again_after_its_deadline() {
    let setting = setting(|builder| builder);
    let never = || std::future::pending::<Result<u32, &str>>();
    // Dropped half-way, as Lambda's timeout does it.
    let dropped = async {
        tokio::select! {
            biased;
            _ = setting.idempotency.run("order", never) => unreachable!(),
            () = tokio::task::yield_now() => {}
        }
    };
    within(Duration::from_secs(30), dropped).await;
    assert_eq!(setting.record().unwrap().status, Status::InProgress);
    setting.clock.advance(Duration::from_secs(30));
    let error = protection(setting.charge().await);
    assert!(matches!(error, IdempotencyError::AlreadyInProgress { .. }));
    setting.clock.advance(Duration::from_millis(1));
    assert_eq!(setting.charge().await.unwrap(), 1);
}

#[tokio::test]
async fn no_time_left_is_a_time_too() {
    let setting = setting(|builder| builder);
    within(Duration::ZERO, async {
        let work = || async { Ok::<_, &str>(setting.record().unwrap().in_progress_expiration) };
        let until = setting.idempotency.run("order", work).await.unwrap();
        assert_eq!(until, Some(NOW * 1_000));
    })
    .await;
}

#[tokio::test]
async fn outside_of_an_invocation_there_is_no_time() {
    let setting = setting(|builder| builder);
    // Another test's invocation must not be taken for ours.
    let mut context = crate::Context::default();
    context.deadline = 0;
    let work = || async { Ok::<_, &str>(setting.record().unwrap().in_progress_expiration) };
    let run = setting.idempotency.run("order", work);
    assert_eq!(Invocation::new(context).scope(run).await.unwrap(), None);
}

#[tokio::test]
async fn an_error_deletes_the_record_and_is_the_handlers() {
    let setting = setting(|builder| builder.cached_records(256));
    let result = setting
        .idempotency
        .run("order", || setting.work.fail())
        .await;
    assert!(matches!(result, Err(RunError::Handler("declined"))));
    assert_eq!(setting.record(), None);
    assert_eq!(setting.charge().await.unwrap(), 2);
}

#[tokio::test]
async fn a_panic_deletes_the_record_and_goes_on() {
    let setting = setting(|builder| builder);
    async fn panics() -> Result<u32, &'static str> {
        panic!("of the handler")
    }
    let result = AssertUnwindSafe(setting.idempotency.run("order", panics))
        .catch_unwind()
        .await;
    let panic = result.map(|_| ()).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"of the handler"));
    assert_eq!(setting.record(), None);
}

#[tokio::test]
async fn an_error_stays_the_handlers_when_the_record_cannot_be_deleted() {
    let setting = setting(|builder| builder);
    setting.store.fails_to_delete.store(true, Ordering::Relaxed);
    let result = setting
        .idempotency
        .run("order", || setting.work.fail())
        .await;
    assert!(matches!(result, Err(RunError::Handler("declined"))));
    assert_eq!(setting.record().unwrap().status, Status::InProgress);
}

#[tokio::test]
async fn a_store_that_is_down_is_an_error_or_no_protection() {
    let fails = setting(|builder| builder);
    fails.store.is_down.store(true, Ordering::Relaxed);
    let error = protection(fails.charge().await);
    assert!(
        matches!(error, IdempotencyError::PersistenceLayer(_)),
        "{error:?}"
    );
    assert_eq!(fails.work.times(), 0);

    let runs = setting(|builder| builder.on_store_failure(StoreFailure::RunUnprotected));
    runs.store.is_down.store(true, Ordering::Relaxed);
    assert_eq!(runs.charge().await.unwrap(), 1);
    assert_eq!(runs.charge().await.unwrap(), 2);
}

/// A store that accepts and never answers must not take the whole invocation.
#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_an_error_in_time_or_no_protection() {
    let left = Duration::from_secs(10);
    let invocation = || crate::test_invocation::invocation(left);

    let fails = setting(|builder| builder);
    fails.store.silent_at.store(BEGIN, Ordering::Relaxed);
    let begun = tokio::time::Instant::now();
    let error = protection(invocation().scope(fails.charge()).await);
    let IdempotencyError::PersistenceLayer(error) = error else {
        panic!("{error:?}");
    };
    assert!(error.is_timeout());
    assert!(crate::LambdaError::is_retryable(&error));
    assert!(begun.elapsed() < left);
    assert_eq!(fails.work.times(), 0);

    // The work has half of the time.
    let runs = setting(|builder| builder.on_store_failure(StoreFailure::RunUnprotected));
    runs.store.silent_at.store(BEGIN, Ordering::Relaxed);
    let begun = tokio::time::Instant::now();
    assert_eq!(invocation().scope(runs.charge()).await.unwrap(), 1);
    assert!(begun.elapsed() <= left / 2);
    // What was asked has arrived: the key is in progress until the deadline.
    assert_eq!(runs.record().unwrap().status, Status::InProgress);
}

/// What a deadline layer leaves counts, and what the context says where nothing scopes the invocation.
#[tokio::test(start_paused = true)]
async fn a_store_has_the_time_of_the_layer_around_it_and_of_the_event() {
    use crate::tower::{Layer as _, ServiceExt as _};

    let setting = Arc::new(setting(|builder| builder));
    setting.store.silent_at.store(BEGIN, Ordering::Relaxed);
    let layer = setting
        .idempotency
        .layer(|_: &crate::LambdaEvent<()>| "order");
    let handler = crate::service_fn(async |_: crate::LambdaEvent<()>| Ok::<_, crate::Error>(1));
    let layered = crate::deadline::DeadlineLayer::new()
        .margin(Duration::from_secs(4))
        .layer(layer.layer(handler));
    let invocation = crate::test_invocation::invocation(Duration::from_secs(10));
    let event = crate::LambdaEvent::new((), invocation.context.clone());
    let begun = tokio::time::Instant::now();
    let error = invocation.scope(layered.oneshot(event.clone())).await;
    assert_eq!(error.unwrap_err().error_type, "IdempotencyPersistenceLayer");
    assert!(begun.elapsed() < Duration::from_secs(6));

    let begun = tokio::time::Instant::now();
    let error = layer.layer(handler).oneshot(event).await;
    assert_eq!(error.unwrap_err().error_type, "IdempotencyPersistenceLayer");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_storing_is_not_answered_is_given() {
    for policy in [StoreFailure::Fail, StoreFailure::RunUnprotected] {
        let setting = setting(|builder| builder.cached_records(256).on_store_failure(policy));
        setting.store.silent_at.store(COMPLETE, Ordering::Relaxed);
        let invocation = crate::test_invocation::invocation(Duration::from_secs(10));
        let begun = tokio::time::Instant::now();
        assert_eq!(invocation.scope(setting.charge()).await.unwrap(), 1);
        assert!(begun.elapsed() < Duration::from_secs(10));
        // Elsewhere the key is blocked until the deadline; in this environment the answer is known.
        assert_eq!(setting.record().unwrap().status, Status::InProgress);
        assert_eq!(setting.charge().await.unwrap(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_stays_the_handlers_when_deleting_is_not_answered() {
    let setting = setting(|builder| builder);
    setting.store.silent_at.store(DELETE, Ordering::Relaxed);
    let invocation = crate::test_invocation::invocation(Duration::from_secs(10));
    let begun = tokio::time::Instant::now();
    let failed = setting.idempotency.run("order", || setting.work.fail());
    let failed = invocation.scope(failed).await;
    assert!(matches!(failed, Err(RunError::Handler("declined"))));
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(setting.record().unwrap().status, Status::InProgress);
}

#[tokio::test]
async fn an_answer_that_cannot_be_stored_is_an_error_or_no_protection() {
    let fails = setting(|builder| builder);
    fails.store.fails_to_complete.store(true, Ordering::Relaxed);
    let error = protection(fails.charge().await);
    assert!(
        matches!(error, IdempotencyError::PersistenceLayer(_)),
        "{error:?}"
    );
    assert_eq!(fails.record().unwrap().status, Status::InProgress);

    let runs = setting(|builder| builder.on_store_failure(StoreFailure::RunUnprotected));
    runs.store.fails_to_complete.store(true, Ordering::Relaxed);
    assert_eq!(runs.charge().await.unwrap(), 1);
}

#[tokio::test]
async fn an_inconsistent_state_is_looked_at_three_times() {
    let mut expired = Record::in_progress("id", NOW + 60);
    expired.status = Status::Expired;
    let mut overdue = Record::in_progress("id", NOW + 60);
    overdue.in_progress_expiration = Some(NOW * 1_000 - 1);
    for stale in [expired, overdue] {
        let setting = setting(|builder| builder);
        *setting.store.stale.lock().unwrap() = Some(stale);
        let error = protection(setting.charge().await);
        assert!(
            matches!(error, IdempotencyError::InconsistentState { .. }),
            "{error:?}"
        );
        assert_eq!(setting.store.begins.load(Ordering::Relaxed), 3);
    }
}

#[tokio::test]
async fn another_payload_is_refused_from_store_and_cache() {
    for cached in [0, 256] {
        let setting = setting(|builder| builder.cached_records(cached));
        let charge = |cents: u32| {
            let work = || setting.work.succeed();
            setting
                .idempotency
                .run_validated("order", json!({"cents": cents}), work)
        };
        assert_eq!(charge(4490).await.unwrap(), 1);
        assert_eq!(charge(4490).await.unwrap(), 1);
        let error = protection(charge(10).await);
        assert!(
            matches!(error, IdempotencyError::PayloadMismatch { .. }),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn without_a_key_nothing_is_protected_or_run() {
    let runs = setting(|builder| builder);
    for times in 1..=2 {
        let ran = runs
            .idempotency
            .run(None::<&str>, || runs.work.succeed())
            .await;
        assert_eq!(ran.unwrap(), times);
    }
    assert!(runs.store.memory.is_empty());

    let fails = setting(|builder| builder.on_missing_key(MissingKey::Fail));
    for missing in [json!(null), json!(""), json!({"order": null})] {
        let result = fails
            .idempotency
            .run(missing, || fails.work.succeed())
            .await;
        assert!(matches!(protection(result), IdempotencyError::MissingKey));
    }
    assert_eq!(fails.work.times(), 0);
}

#[tokio::test]
async fn replays_may_be_marked() {
    let setting = setting(|builder| {
        builder.on_replay(|answer, record| {
            answer["replayed"] = json!(record.status == Status::Completed);
        })
    });
    let run = || {
        let work = || async { Ok::<_, &str>(json!({"cents": 4490})) };
        setting.idempotency.run("order", work)
    };
    assert_eq!(run().await.unwrap(), json!({"cents": 4490}));
    assert_eq!(
        run().await.unwrap(),
        json!({"cents": 4490, "replayed": true})
    );
}

#[tokio::test]
async fn an_answer_of_another_kind_is_not_quoted() {
    let setting = setting(|builder| builder);
    let work = || async { Ok::<_, &str>("4111 1111".to_owned()) };
    setting.idempotency.run("order", work).await.unwrap();
    let error = protection(setting.charge().await);
    assert!(
        matches!(error, IdempotencyError::UnreadableResponse { .. }),
        "{error:?}"
    );
    assert!(!format!("{error} {error:?}").contains("4111"));
}

#[tokio::test]
async fn what_is_no_json_is_refused() {
    let setting = setting(|builder| builder);
    // Names of objects are texts.
    let key = std::collections::HashMap::from([((1, 2), 3)]);
    let result = setting
        .idempotency
        .run(&key, || setting.work.succeed())
        .await;
    assert!(matches!(
        protection(result),
        IdempotencyError::UnusableKey(_)
    ));
    assert_eq!(setting.work.times(), 0);
}

#[tokio::test]
async fn switched_off_it_does_nothing() {
    let setting = setting(|builder| builder.disabled(true));
    for times in 1..=2 {
        assert_eq!(setting.charge().await.unwrap(), times);
    }
    assert_eq!(setting.store.begins.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn names_tell_work_apart() {
    let store = Arc::new(MemoryStore::new());
    for name in ["charge", "refund"] {
        let builder = Idempotency::builder(store.clone())
            .name(name)
            .disabled(false);
        let idempotency = builder.build().unwrap();
        let ran = idempotency
            .run("order", || async { Ok::<_, &str>(name.to_owned()) })
            .await;
        assert_eq!(ran.unwrap(), name);
    }
    assert_eq!(store.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_duplicates_at_once_run_once() {
    let store = Arc::new(MemoryStore::new());
    let work = Arc::new(Work::default());
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            // One each, as environments have them: they share the store alone.
            let idempotency = Idempotency::builder(store.clone())
                .disabled(false)
                .build()
                .unwrap();
            let work = work.clone();
            tokio::spawn(async move { idempotency.run("order", || work.succeed()).await })
        })
        .collect();
    for task in tasks {
        match task.await.unwrap() {
            Ok(answer) => assert_eq!(answer, 1),
            Err(RunError::Idempotency(IdempotencyError::AlreadyInProgress { .. })) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(work.times(), 1);
}
