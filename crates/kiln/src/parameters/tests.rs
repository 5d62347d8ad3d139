//! What the cache promises, by a clock that is set.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::*;
use crate::clock::Clock;
use crate::test_invocation::invocation;

const MINUTE: Duration = Duration::from_secs(60);

/// A clock that is set. `testing::FakeClock` is a feature that this part does not need.
#[derive(Clone, Debug)]
struct Time(Arc<AtomicU64>);

impl Time {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_800_000_000)))
    }

    fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_secs(), Ordering::SeqCst);
    }

    fn back(&self, time: Duration) {
        self.0.fetch_sub(time.as_secs(), Ordering::SeqCst);
    }
}

impl Clock for Time {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

fn parameters() -> (InMemory, Time, Parameters<InMemory>) {
    let store = InMemory::from([("x", "1")]);
    let time = Time::new();
    let parameters = Parameters::new(store.clone())
        .clock(time.clone())
        .max_age(MINUTE);
    (store, time, parameters)
}

/// Lets tasks that were spawned run.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_value_is_kept_up_to_its_age() {
    let (store, time, parameters) = parameters();
    for (passes, fetches) in [(0, 1), (0, 1), (59, 1), (1, 2), (59, 2), (3_600, 3)] {
        time.pass(Duration::from_secs(passes));
        assert_eq!(parameters.get("x").await.unwrap(), "1");
        assert_eq!(store.fetches(), fetches);
    }
}

#[tokio::test]
async fn the_reader_judges_the_age() {
    let (store, time, parameters) = parameters();
    parameters.get("x").await.unwrap();
    time.pass(Duration::from_secs(5));
    let impatient = parameters.clone().max_age(Duration::from_secs(5));
    impatient.get("x").await.unwrap();
    assert_eq!(store.fetches(), 2);
    parameters.get("x").await.unwrap();
    assert_eq!(store.fetches(), 2);
}

#[tokio::test]
async fn an_age_that_cannot_be_told_is_too_high() {
    let (store, time, parameters) = parameters();
    parameters.get("x").await.unwrap();
    time.back(MINUTE);
    parameters.get("x").await.unwrap();
    assert_eq!(store.fetches(), 2);
}

#[tokio::test]
async fn each_transform_version_and_decryption_is_kept_by_itself() {
    let (store, _, parameters) = parameters();
    for _ in 0..2 {
        parameters.get("x").await.unwrap();
        parameters.get_json::<u8>("x").await.unwrap();
        let decrypted = parameters.clone().decrypt(true);
        decrypted.get("x").await.unwrap();
        let first = Version::Id("1".to_owned());
        let first = parameters.clone().version(first);
        first.get("x").await.unwrap();
        assert_eq!(store.fetches(), 4);
    }
}

#[tokio::test]
async fn an_age_of_zero_keeps_nothing() {
    let (store, _, parameters) = parameters();
    let uncached = parameters
        .clone()
        .max_age(Duration::ZERO)
        .stale_if_error(MINUTE)
        .stale_while_revalidate(MINUTE);
    uncached.get("x").await.unwrap();
    uncached.get("x").await.unwrap();
    uncached.get_many(["x"]).await.into_result().unwrap();
    assert_eq!(store.fetches(), 3);
    parameters.get("x").await.unwrap();
    assert_eq!(store.fetches(), 4);
    store.set_down(true);
    assert!(uncached.get("x").await.unwrap_err().is_unavailable());
}

#[tokio::test]
async fn what_does_not_exist_is_not_kept() {
    let (store, _, parameters) = parameters();
    let missing = ParameterError::not_found("y");
    assert_eq!(parameters.get("y").await.unwrap_err(), missing);
    assert_eq!(parameters.get_optional("y").await.unwrap(), None);
    store.set("y", "2");
    assert_eq!(parameters.get("y").await.unwrap(), "2");
}

#[tokio::test]
async fn what_exists_no_more_is_not_served_though_it_might_be_stale() {
    let (store, time, parameters) = parameters();
    let parameters = parameters.stale_if_error(MINUTE);
    parameters.get("x").await.unwrap();
    store.remove("x");
    time.pass(MINUTE);
    parameters.get("x").await.unwrap_err();
    store.set_down(true);
    assert!(parameters.get("x").await.unwrap_err().is_unavailable());
}

#[tokio::test]
async fn a_forced_fetch_is_kept_for_the_others_and_never_stale() {
    let (store, time, parameters) = parameters();
    let parameters = parameters.stale_if_error(MINUTE);
    parameters.get("x").await.unwrap();
    store.set("x", "2");
    assert_eq!(parameters.get("x").await.unwrap(), "1");
    assert_eq!(parameters.force_fetch().get("x").await.unwrap(), "2");
    assert_eq!(parameters.get("x").await.unwrap(), "2");
    store.set_down(true);
    time.pass(MINUTE);
    assert!(parameters.force_fetch().get("x").await.is_err());
    assert_eq!(parameters.get("x").await.unwrap(), "2");
}

#[tokio::test]
async fn a_stale_value_stands_in_for_a_store_that_is_down() {
    let (store, time, parameters) = parameters();
    let parameters = parameters.stale_if_error(MINUTE);
    parameters.get("x").await.unwrap();
    store.set_down(true);
    time.pass(MINUTE);
    assert_eq!(parameters.get("x").await.unwrap(), "1");
    assert_eq!(store.fetches(), 2);
    // It is left alone for a while, and asked again.
    assert_eq!(parameters.get("x").await.unwrap(), "1");
    assert_eq!(store.fetches(), 2);
    time.pass(Duration::from_secs(5));
    assert_eq!(parameters.get("x").await.unwrap(), "1");
    assert_eq!(store.fetches(), 3);
    let many = parameters.get_many(["x"]).await.into_result().unwrap();
    assert_eq!(many["x"].text().unwrap(), "1");
    // Beyond the limit the error is told.
    time.pass(MINUTE);
    assert!(parameters.get("x").await.unwrap_err().is_unavailable());
    store.set_down(false);
    store.set("x", "2");
    assert_eq!(parameters.get("x").await.unwrap(), "2");
}

#[tokio::test]
async fn a_stale_value_is_served_while_a_newer_one_is_fetched() {
    let (store, time, parameters) = parameters();
    let parameters = parameters.stale_while_revalidate(MINUTE);
    parameters.get("x").await.unwrap();
    store.set("x", "2");
    time.pass(MINUTE);
    // Nothing has run beside us yet: both are served the old one, by one fetch.
    assert_eq!(parameters.get("x").await.unwrap(), "1");
    assert_eq!(parameters.get("x").await.unwrap(), "1");
    settle().await;
    assert_eq!(store.fetches(), 2);
    assert_eq!(parameters.get("x").await.unwrap(), "2");
    // Beyond the limit callers wait.
    store.set("x", "3");
    time.pass(2 * MINUTE);
    assert_eq!(parameters.get("x").await.unwrap(), "3");
}

/// Answers when it is let, with the number of the fetch.
#[derive(Clone, Debug)]
struct Slow {
    fetches: Arc<AtomicUsize>,
    answers: Arc<Semaphore>,
}

impl Slow {
    fn new() -> Self {
        Self {
            fetches: Arc::default(),
            answers: Arc::new(Semaphore::new(0)),
        }
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

impl Provider for Slow {
    async fn fetch(&self, _query: &Query) -> Result<Value, ParameterError> {
        let number = self.fetches.fetch_add(1, Ordering::SeqCst) + 1;
        self.answers.acquire().await.unwrap().forget();
        Ok(number.to_string().into())
    }
}

impl NamesProvider for Slow {
    async fn fetch_names(
        &self,
        queries: Vec<Query>,
    ) -> Vec<(Query, Result<Value, ParameterError>)> {
        let answer = self.fetch(&Query::new("")).await;
        let answers = queries.into_iter().map(|query| (query, answer.clone()));
        answers.collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_that_miss_many_at_once_fetch_once() {
    let slow = Slow::new();
    let parameters = Parameters::new(slow.clone());
    let callers = (0..1_000).map(|_| {
        let parameters = parameters.clone();
        tokio::spawn(async move { parameters.get_many(["x", "y"]).await })
    });
    let callers: Vec<_> = callers.collect();
    slow.answers.add_permits(1);
    for found in join_all(callers).await {
        let found = found.unwrap().into_result().unwrap();
        assert!(found.values().all(|value| value.text().unwrap() == "1"));
        assert_eq!(found.len(), 2);
    }
    assert_eq!(slow.fetches(), 1);
}

#[tokio::test]
async fn those_who_want_one_and_those_who_want_many_join_each_other() {
    let slow = Slow::new();
    let parameters = Parameters::new(slow.clone());
    let mut one = Box::pin(parameters.get("x"));
    assert!(futures_util::poll!(&mut one).is_pending());
    // Of these, `x` is under way; `y` and `z` are one fetch.
    let mut many = Box::pin(parameters.get_many(["x", "y", "z"]));
    assert!(futures_util::poll!(&mut many).is_pending());
    let mut other = Box::pin(parameters.get("y"));
    assert!(futures_util::poll!(&mut other).is_pending());
    assert_eq!(slow.fetches(), 2);
    // A caller that is dropped takes nothing from the others.
    drop(one);
    slow.answers.add_permits(2);
    let found = many.await.into_result().unwrap();
    let texts: Vec<_> = found.values().map(|found| found.text().unwrap()).collect();
    assert_eq!(texts, ["1", "2", "2"]);
    assert_eq!(other.await.unwrap(), "2");
    assert_eq!(slow.fetches(), 2);
}

#[tokio::test]
async fn those_who_want_many_are_served_stale_values_while_newer_ones_are_fetched() {
    let (store, time, parameters) = parameters();
    store.set("y", "1");
    let parameters = parameters.stale_while_revalidate(MINUTE);
    let texts = async || {
        let found = parameters.get_many(["x", "y"]).await.into_result().unwrap();
        let texts = found.values().map(|found| found.text().unwrap().to_owned());
        texts.collect::<Vec<_>>()
    };
    assert_eq!(texts().await, ["1", "1"]);
    store.set("x", "2");
    store.set("y", "2");
    time.pass(MINUTE);
    assert_eq!(texts().await, ["1", "1"]);
    assert_eq!(texts().await, ["1", "1"]);
    settle().await;
    assert_eq!(store.fetches(), 2, "one for both, beside them");
    assert_eq!(texts().await, ["2", "2"]);
    // Of an old one and a missing one, the old one is served; one fetch is for both.
    store.set("z", "3");
    time.pass(MINUTE);
    let found = parameters.get_many(["x", "z"]).await.into_result().unwrap();
    assert_eq!(found["x"].text().unwrap(), "2");
    assert_eq!(found["z"].text().unwrap(), "3");
    assert_eq!(store.fetches(), 3);
    // Beyond the limit callers wait.
    store.set("y", "4");
    time.pass(2 * MINUTE);
    assert_eq!(texts().await[1], "4");
}

#[tokio::test]
async fn a_forced_fetch_of_many_is_kept_for_the_others() {
    let (store, _, parameters) = parameters();
    parameters.get("x").await.unwrap();
    store.set("x", "2");
    let forced = parameters.force_fetch().get_many(["x"]).await;
    assert_eq!(forced.get("x").unwrap().text().unwrap(), "2");
    assert_eq!(parameters.get("x").await.unwrap(), "2");
    assert_eq!(store.fetches(), 2);
}

/// A provider of somebody's own, which forgets what it was asked.
#[tokio::test]
async fn a_name_that_the_provider_forgets_is_an_error() {
    struct Forgetful;
    impl Provider for Forgetful {
        async fn fetch(&self, query: &Query) -> Result<Value, ParameterError> {
            Err(ParameterError::not_found(&query.name))
        }
    }
    impl NamesProvider for Forgetful {
        async fn fetch_names(
            &self,
            _queries: Vec<Query>,
        ) -> Vec<(Query, Result<Value, ParameterError>)> {
            Vec::new()
        }
    }
    let found = Parameters::new(Forgetful).get_many(["x"]).await;
    let reason = "the provider has not answered for it";
    assert_eq!(
        found.into_result().unwrap_err(),
        ParameterError::refused("x", reason)
    );
}

/// A store that accepts and never answers.
#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_leaves_time_for_the_error() {
    let slow = Slow::new();
    let parameters = Parameters::new(slow.clone());
    let uncached = parameters.clone().max_age(Duration::ZERO);
    let left = Duration::from_secs(10);
    for parameters in [&parameters, &uncached] {
        let begun = tokio::time::Instant::now();
        let error = invocation(left)
            .scope(parameters.get("x"))
            .await
            .unwrap_err();
        assert!(error.is_unavailable(), "{error}");
        assert!(begun.elapsed() < left);
        let found = invocation(left)
            .scope(parameters.get_many(["x", "y"]))
            .await;
        assert_eq!(found.errors.len(), 2);
        assert!(found.errors.values().all(ParameterError::is_unavailable));
        assert!(begun.elapsed() < 2 * left);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_value_stands_in_for_a_store_that_does_not_answer_while_there_is_time() {
    let slow = Slow::new();
    let time = Time::new();
    let parameters = Parameters::new(slow.clone())
        .clock(time.clone())
        .max_age(MINUTE)
        .stale_if_error(MINUTE);
    slow.answers.add_permits(1);
    parameters.get("x").await.unwrap();
    time.pass(MINUTE);
    for (left, waits) in [(4, 2), (900, 10)] {
        let begun = tokio::time::Instant::now();
        let left = Duration::from_secs(left);
        let value = invocation(left).scope(parameters.get("x")).await.unwrap();
        assert_eq!(value, "1");
        assert!(begun.elapsed() <= Duration::from_secs(waits) + Duration::from_millis(1));
        assert!(begun.elapsed() + Duration::from_millis(500) >= Duration::from_secs(waits));
        // It is left alone for a while.
        let begun = tokio::time::Instant::now();
        let found = invocation(left).scope(parameters.get_many(["x"])).await;
        assert_eq!(found.get("x").unwrap().text().unwrap(), "1");
        assert_eq!(begun.elapsed(), Duration::ZERO);
        time.pass(Duration::from_secs(5));
    }
}

/// Feature flags have the caller's values to go on with, which needs time.
#[cfg(feature = "flags")]
#[tokio::test(start_paused = true)]
async fn what_flags_ask_for_has_half_of_what_is_left() {
    let parameters = Parameters::new(Slow::new()).erased();
    let begun = tokio::time::Instant::now();
    let asked = invocation(Duration::from_secs(4)).scope(parameters.get("x"));
    assert!(asked.await.unwrap_err().is_unavailable());
    assert!(begun.elapsed() <= Duration::from_secs(2) + Duration::from_millis(1));
}

#[tokio::test(start_paused = true)]
async fn each_that_waits_has_a_deadline_of_its_own() {
    let slow = Slow::new();
    let parameters = Parameters::new(slow.clone());
    let hurried = invocation(Duration::from_secs(1)).scope(parameters.get("x"));
    let patient = invocation(Duration::from_secs(60)).scope(parameters.get("x"));
    let many = invocation(Duration::from_secs(60)).scope(parameters.get_many(["x"]));
    let answers = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        slow.answers.add_permits(1);
    };
    let (hurried, patient, many, ()) = tokio::join!(hurried, patient, many, answers);
    assert!(hurried.unwrap_err().is_unavailable());
    assert_eq!(patient.unwrap(), "1");
    assert_eq!(many.get("x").unwrap().text().unwrap(), "1");
    assert_eq!(slow.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_is_not_bound_to_the_invocation_that_began_it_and_ends() {
    let slow = Slow::new();
    let time = Time::new();
    let parameters = Parameters::new(slow.clone())
        .clock(time.clone())
        .max_age(MINUTE)
        .stale_while_revalidate(60 * MINUTE);
    slow.answers.add_permits(1);
    parameters.get("x").await.unwrap();
    time.pass(MINUTE);
    let hurried = invocation(Duration::from_secs(1)).scope(parameters.get("x"));
    assert_eq!(hurried.await.unwrap(), "1");
    // Long after that invocation.
    tokio::time::sleep(Duration::from_secs(20)).await;
    slow.answers.add_permits(1);
    settle().await;
    assert_eq!(parameters.get("x").await.unwrap(), "2");

    // One that hangs is given up, and what it holds with it.
    time.pass(MINUTE);
    assert_eq!(parameters.get("x").await.unwrap(), "2");
    settle().await;
    tokio::time::sleep(Duration::from_secs(31)).await;
    slow.answers.add_permits(1);
    settle().await;
    assert_eq!(slow.answers.available_permits(), 1, "nobody waits for it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_that_miss_at_once_fetch_once() {
    let slow = Slow::new();
    let parameters = Parameters::new(slow.clone());
    let callers = (0..1_000).map(|_| {
        let parameters = parameters.clone();
        tokio::spawn(async move { parameters.get("x").await.unwrap() })
    });
    let callers: Vec<_> = callers.collect();
    slow.answers.add_permits(1);
    for answer in join_all(callers).await {
        assert_eq!(answer.unwrap(), "1");
    }
    assert_eq!(slow.fetches(), 1);
}

#[tokio::test]
async fn a_fetch_outlives_the_caller_that_began_it() {
    let slow = Slow::new();
    let parameters = Parameters::new(slow.clone());
    let call = |parameters: Parameters<Slow>| {
        tokio::spawn(async move { parameters.get("x").await.unwrap() })
    };
    let first = call(parameters.clone());
    settle().await;
    let second = call(parameters.clone());
    settle().await;
    first.abort();
    settle().await;
    slow.answers.add_permits(1);
    assert_eq!(second.await.unwrap(), "1");
    assert_eq!(slow.fetches(), 1);
}

#[tokio::test]
async fn a_fetch_that_nobody_waits_for_ends_and_the_next_caller_begins_another() {
    let slow = Slow::new();
    let parameters = Parameters::new(slow.clone());
    let dropped = parameters.get("x");
    assert!(futures_util::FutureExt::now_or_never(dropped).is_none());
    slow.answers.add_permits(1);
    assert_eq!(parameters.get("x").await.unwrap(), "2");
}

/// An environment that is frozen with a fetch under way: the connection is gone when it thaws.
#[tokio::test]
async fn a_fetch_that_was_frozen_holds_nobody_up_and_its_answer_is_as_old_as_its_question() {
    let slow = Slow::new();
    let time = Time::new();
    let parameters = Parameters::new(slow.clone())
        .clock(time.clone())
        .max_age(MINUTE)
        .stale_while_revalidate(MINUTE);
    slow.answers.add_permits(1);
    assert_eq!(parameters.get("x").await.unwrap(), "1");
    time.pass(MINUTE);
    assert_eq!(parameters.get("x").await.unwrap(), "1");
    settle().await;
    assert_eq!(slow.fetches(), 2);

    // Two hours later. What is under way is not waited for.
    time.pass(120 * MINUTE);
    let caller = parameters.clone();
    let caller = tokio::spawn(async move { caller.get("x").await.unwrap() });
    settle().await;
    assert_eq!(slow.fetches(), 3);
    // The old fetch is answered first: an answer of two hours ago is of no use to anybody.
    slow.answers.add_permits(1);
    settle().await;
    assert!(!caller.is_finished());
    slow.answers.add_permits(1);
    assert_eq!(caller.await.unwrap(), "3");
    assert_eq!(parameters.get("x").await.unwrap(), "3");
}

#[tokio::test]
async fn an_older_answer_does_not_replace_a_newer_one() {
    let slow = Slow::new();
    let parameters = Parameters::new(slow.clone());
    let old = parameters.clone();
    let old = tokio::spawn(async move { old.get("x").await.unwrap() });
    settle().await;
    let forced = parameters.force_fetch();
    let mut forced = Box::pin(forced.get("x"));
    assert!(futures_util::poll!(&mut forced).is_pending());
    // The semaphore is fair: the older one is answered first, and seen last.
    slow.answers.add_permits(2);
    settle().await;
    assert_eq!(old.await.unwrap(), "1");
    assert_eq!(forced.await.unwrap(), "2");
    assert_eq!(parameters.get("x").await.unwrap(), "2");
}

#[tokio::test]
async fn several_are_fetched_at_once_and_fail_one_by_one() {
    let store = InMemory::from([("a", "1"), ("b", "no JSON"), ("c", "3")]);
    let parameters = Parameters::new(store.clone());
    parameters.get("a").await.unwrap();
    let wanted = || {
        [
            Wanted::new("a"),
            Wanted::new("b").transform(Transform::Json),
            Wanted::new("c"),
            Wanted::new("d"),
        ]
    };
    let found = parameters.get_many(wanted()).await;
    assert!(found.values.keys().eq(["a", "c"]));
    assert!(found.errors.keys().eq(["b", "d"]));
    assert_eq!(store.fetches(), 2);
    // What was found is in memory.
    parameters.get("c").await.unwrap();
    assert_eq!(store.fetches(), 2);
    assert_eq!(
        found.into_result().unwrap_err(),
        ParameterError::transform("b", "JSON (line 1, column 2)")
    );
}

#[tokio::test]
async fn nothing_shows_a_value() {
    let store = InMemory::from([("a", "hunter2")]);
    let parameters = Parameters::new(store.clone());
    let secret = parameters.secret("a").await.unwrap();
    let parameter = parameters.parameter("a").await.unwrap();
    let many = parameters.get_many(["a"]).await;
    let shown = format!(
        "{store:?} {parameters:?} {secret:?} {secret} {parameter:?} {many:?} {}",
        serde_json::to_string(&secret).unwrap()
    );
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_eq!(secret.expose(), "hunter2");
}

#[tokio::test]
async fn a_store_that_is_down_is_left_alone_by_those_who_want_many() {
    let (store, time, parameters) = parameters();
    let parameters = parameters.stale_if_error(MINUTE);
    assert!(parameters.get_many(["x"]).await.errors.is_empty());
    time.pass(MINUTE);
    store.set_down(true);
    for (passes, fetches) in [(0, 2), (4, 2), (1, 3), (0, 3)] {
        time.pass(Duration::from_secs(passes));
        let found = parameters.get_many(["x"]).await;
        assert_eq!(found.get("x").unwrap().text().unwrap(), "1");
        assert_eq!(store.fetches(), fetches);
    }
}
