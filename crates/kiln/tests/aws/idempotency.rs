//! Records in a table: every transition, and what can go wrong.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::{AttributeValue, KeyType, ReturnValuesOnConditionCheckFailure};
use kiln::LambdaError as _;
use kiln::clock::Clock;
use kiln::idempotency::{
    DynamoDbStore, Idempotency, IdempotencyError, Record, RunError, Saved, Status, Store,
    StoreFailure,
};
use kiln::invocation::Invocation;
use kiln_testing::Moto;

use crate::dynamodb::{client, create_table};

const TABLE: &str = "idempotency";
/// Far ahead, so that no invocation of these tests has a deadline that has passed.
const NOW: Duration = Duration::from_secs(4_000_000_000);

async fn store(moto: &Moto) -> DynamoDbStore {
    let client = client(moto);
    create_table(&client, TABLE, &[("id", KeyType::Hash)]).await;
    DynamoDbStore::new(client, TABLE)
}

async fn items(client: &Client) -> Vec<std::collections::HashMap<String, AttributeValue>> {
    let found = client.scan().table_name(TABLE).send().await.unwrap();
    found.items().to_vec()
}

/// The error of protection.
fn protection<T: std::fmt::Debug, E: std::fmt::Debug>(
    result: Result<T, RunError<E>>,
) -> IdempotencyError {
    match result {
        Err(RunError::Idempotency(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// A clock that stands.
#[derive(Debug)]
struct At(Duration);

impl Clock for At {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.0
    }
}

/// moto answers a failed condition with the item, as DynamoDB does: no second read is needed.
#[tokio::test]
async fn a_failed_condition_answers_with_the_item() {
    let moto = Moto::start();
    let client = client(&moto);
    create_table(&client, TABLE, &[("id", KeyType::Hash)]).await;
    let put = || {
        client
            .put_item()
            .table_name(TABLE)
            .item("id", AttributeValue::S("a".to_owned()))
            .condition_expression("attribute_not_exists(id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
    };
    put().await.unwrap();
    let error = put().await.unwrap_err().into_service_error();
    let failed = error.is_conditional_check_failed_exception();
    assert!(failed, "{error:?}");
    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(
        failed,
    ) = error
    else {
        unreachable!();
    };
    assert!(failed.item().is_some_and(|item| item.contains_key("id")));
}

#[tokio::test]
async fn every_transition_of_a_record() {
    let moto = Moto::start();
    let store = store(&moto).await;
    let begin = |record: &Record, now: Duration| {
        let (store, record) = (store.clone(), record.clone());
        async move { store.save_in_progress(&record, now).await.unwrap() }
    };
    let mut record = Record::in_progress("f.handler#1", NOW.as_secs() + 60);
    record.in_progress_expiration = Some(4_000_000_030_000);
    record.validation = Some("hash".to_owned());
    assert_eq!(begin(&record, NOW).await, Saved::New);
    assert_eq!(begin(&record, NOW).await, Saved::Exists(record.clone()));

    // Up to its time it is in progress; a millisecond later it must have been killed.
    let until = NOW + Duration::from_secs(30);
    assert!(matches!(begin(&record, until).await, Saved::Exists(_)));
    let later = until + Duration::from_millis(1);
    assert_eq!(begin(&record, later).await, Saved::New);

    record.status = Status::Completed;
    record.data = Some(r#"{"cents":4490}"#.to_owned());
    store.save_completed(&record).await.unwrap();
    let mut again = Record::in_progress("f.handler#1", NOW.as_secs() + 120);
    again.in_progress_expiration = Some(0);
    assert_eq!(begin(&again, later).await, Saved::Exists(record.clone()));

    // It counts to the second it expires in.
    assert!(matches!(
        begin(&again, NOW + Duration::from_secs(60)).await,
        Saved::Exists(_)
    ));
    assert_eq!(
        begin(&again, NOW + Duration::from_secs(61)).await,
        Saved::New
    );
    // The new record has nothing of the old one.
    let begun = begin(&record, NOW).await;
    assert_eq!(begun, Saved::New, "zero is a time long ago");

    store.delete("f.handler#1").await.unwrap();
    store.delete("f.handler#1").await.unwrap();
    assert_eq!(begin(&again, NOW).await, Saved::New);
}

#[tokio::test]
async fn an_execution_leaves_an_item_of_powertools() {
    let moto = Moto::start();
    let store = store(&moto).await;
    let builder = Idempotency::builder(store).name("charge").clock(At(NOW));
    let idempotency = builder.disabled(false).build().unwrap();
    let runs = AtomicU32::new(0);
    let mut context = kiln::Context::default();
    context.deadline = 4_000_000_030_000;
    let invocation = Invocation::new(context);
    for _ in 0..2 {
        let work = || async {
            runs.fetch_add(1, Ordering::Relaxed);
            Ok::<_, String>(serde_json::json!({"cents": 4490}))
        };
        let run = idempotency.run_validated("ord-1", 4490, work);
        let answer = invocation.clone().scope(run).await.unwrap();
        assert_eq!(answer["cents"], 4490);
    }
    assert_eq!(runs.into_inner(), 1);

    let items = items(&client(&moto)).await;
    let [item] = items.as_slice() else {
        panic!("{items:?}");
    };
    let text = |name: &str| item[name].as_s().unwrap().as_str();
    let number = |name: &str| item[name].as_n().unwrap().as_str();
    assert!(text("id").starts_with("test-func.charge#"));
    assert_eq!(text("status"), "COMPLETED");
    assert_eq!(text("data"), r#"{"cents":4490}"#);
    assert_eq!(text("validation").len(), 32);
    assert_eq!(number("expiration"), "4000003600");
    assert_eq!(number("in_progress_expiration"), "4000000030000");
    assert_eq!(item.len(), 6);
}

/// The item is what aws-lambda-powertools 3.37.0 has written, but for its times, of an event with the
/// order `a`, and `IdempotencyConfig("[order, customer, weight]", "cents")`, `key_prefix="payments"`.
#[tokio::test]
async fn what_powertools_for_python_has_written_is_replayed() {
    let moto = Moto::start();
    let store = store(&moto).await;
    let mut put = client(&moto).put_item().table_name(TABLE);
    for (name, text) in [
        ("id", "payments#25bdd119917c2d721631cc7b0694fa5e"),
        ("status", "COMPLETED"),
        (
            "data",
            r#"{"by": "python", "n": [1, null], "n\u00e9e": 1.5}"#,
        ),
        ("validation", "c4ca4238a0b923820dcc509a6f75849b"),
    ] {
        put = put.item(name, AttributeValue::S(text.to_owned()));
    }
    for (name, number) in [
        ("expiration", "4000003600"),
        ("in_progress_expiration", "4000000030000"),
    ] {
        put = put.item(name, AttributeValue::N(number.to_owned()));
    }
    put.send().await.unwrap();

    let idempotency = Idempotency::builder(store).key_prefix("payments");
    let idempotency = idempotency.disabled(false).clock(At(NOW)).build().unwrap();
    let run = |cents: u32| {
        let key = ("a", "Grüße 🦀", 1e-7);
        let work = || async { Err::<serde_json::Value, _>("it has run") };
        idempotency.run_validated(key, cents, work)
    };
    let answer = run(1).await.unwrap();
    let written = serde_json::json!({"by": "python", "née": 1.5, "n": [1, null]});
    assert_eq!(answer, written);
    let error = protection(run(2).await);
    assert!(matches!(error, IdempotencyError::PayloadMismatch { .. }));
}

#[tokio::test]
async fn a_table_may_have_a_sort_key_and_names_of_its_own() {
    let moto = Moto::start();
    let client = client(&moto);
    create_table(
        &client,
        TABLE,
        &[("pk", KeyType::Hash), ("sk", KeyType::Range)],
    )
    .await;
    let store = DynamoDbStore::new(client.clone(), TABLE)
        .key_attribute("pk")
        .sort_key_attribute("sk")
        .partition("idempotency#payment")
        .expiration_attribute("ttl")
        .in_progress_expiration_attribute("until")
        .status_attribute("state")
        .data_attribute("answer")
        .validation_attribute("check");
    let mut record = Record::in_progress("f.handler#1", NOW.as_secs() + 60);
    record.in_progress_expiration = Some(4_000_000_030_000);
    record.validation = Some("hash".to_owned());
    store.save_in_progress(&record, NOW).await.unwrap();
    let existing = store.save_in_progress(&record, NOW).await.unwrap();
    assert_eq!(existing, Saved::Exists(record.clone()));
    record.status = Status::Completed;
    record.data = Some("1".to_owned());
    store.save_completed(&record).await.unwrap();

    let items = items(&client).await;
    let mut names: Vec<&str> = items[0].keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["answer", "check", "pk", "sk", "state", "ttl", "until"]
    );
    assert_eq!(items[0]["pk"].as_s().unwrap(), "idempotency#payment");
    store.delete("f.handler#1").await.unwrap();
    assert_eq!(
        store.save_in_progress(&record, NOW).await.unwrap(),
        Saved::New
    );
}

#[tokio::test]
async fn a_table_that_does_not_exist_is_named_by_its_code() {
    let moto = Moto::start();
    let store = DynamoDbStore::new(client(&moto), "nowhere");
    let idempotency = Idempotency::builder(store).disabled(false).build().unwrap();
    let runs = AtomicU32::new(0);
    let work = || async { Ok::<_, String>(runs.fetch_add(1, Ordering::Relaxed)) };
    let error = protection(idempotency.run("order", work).await);
    assert_eq!(runs.load(Ordering::Relaxed), 0);
    assert!(
        error.to_string().contains("`ResourceNotFoundException`"),
        "{error}"
    );
    assert_eq!(error.error_type(), "IdempotencyPersistenceLayer");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_record_that_somebody_else_wrote_may_be_malformed() {
    let moto = Moto::start();
    let client = client(&moto);
    let store = store(&moto).await;
    let put = client
        .put_item()
        .table_name(TABLE)
        .item("id", AttributeValue::S("f.handler#1".to_owned()))
        .item("status", AttributeValue::S("DONE".to_owned()))
        .item("expiration", AttributeValue::N("9999999999".to_owned()));
    put.send().await.unwrap();
    let record = Record::in_progress("f.handler#1", NOW.as_secs() + 60);
    let error = store.save_in_progress(&record, NOW).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "the attribute `status` is malformed");
}

#[tokio::test]
async fn a_server_that_is_down_is_an_error_or_no_protection() {
    let gone = {
        let moto = Moto::start();
        client(&moto)
    };
    // What the SDK would try again takes its time, and changes nothing here.
    let config = gone
        .config()
        .to_builder()
        .retry_config(RetryConfig::disabled());
    let store = DynamoDbStore::new(Client::from_conf(config.build()), TABLE);
    let charge = || async { Ok::<u32, String>(4490) };

    let fails = Idempotency::builder(store.clone())
        .disabled(false)
        .build()
        .unwrap();
    let error = protection(fails.run("order", charge).await);
    assert!(
        matches!(error, IdempotencyError::PersistenceLayer(_)),
        "{error:?}"
    );

    let runs = Idempotency::builder(store).disabled(false);
    let runs = runs
        .on_store_failure(StoreFailure::RunUnprotected)
        .build()
        .unwrap();
    assert_eq!(runs.run("order", charge).await.unwrap(), 4490);
}

/// Environments have a store each, and the table in common.
#[tokio::test(flavor = "multi_thread")]
async fn duplicates_at_once_over_two_stores_run_once() {
    let moto = Moto::start();
    let one = store(&moto).await;
    let other = DynamoDbStore::new(client(&moto), TABLE);
    let runs = AtomicU32::new(0);
    let environments = [one, other].map(|store| {
        let builder = Idempotency::builder(store).disabled(false);
        builder.build().unwrap()
    });
    let charge = |number: usize| {
        let idempotency = environments[number % 2].clone();
        let work = || async {
            runs.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok::<_, String>(4490)
        };
        async move { idempotency.run("order", work).await }
    };
    let answers = futures_util::future::join_all((0..20).map(charge)).await;
    let mut succeeded = 0;
    for answer in answers {
        match answer {
            Ok(cents) => {
                assert_eq!(cents, 4490);
                succeeded += 1;
            }
            Err(RunError::Idempotency(IdempotencyError::AlreadyInProgress { .. })) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(succeeded >= 1);
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    // Both find the answer now.
    for number in 0..2 {
        assert_eq!(charge(number).await.unwrap(), 4490);
    }
    assert_eq!(runs.into_inner(), 1);
}

#[tokio::test]
async fn an_error_of_the_handler_leaves_nothing() {
    let moto = Moto::start();
    let store = store(&moto).await;
    let idempotency = Idempotency::builder(store).disabled(false).build().unwrap();
    let declined = || async { Err::<u32, _>("declined") };
    let result = idempotency.run("order", declined).await;
    assert!(matches!(result, Err(RunError::Handler("declined"))));
    assert!(items(&client(&moto)).await.is_empty());
}
