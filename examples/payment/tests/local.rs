//! The function as it is deployed, on the local Lambda, with a bank and moto's DynamoDB beside it.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use kiln::testing::{self, Local, LocalError};
use serde_json::{Value, json};
use stand_ins::{Moto, serve};

/// The event of `kiln event function-url`, for a payment with this key.
fn payment(key: &str, cents: u64) -> Value {
    let mut event: Value = testing::sample("function-url");
    event["headers"]["idempotency-key"] = json!(key);
    let body = json!({"orderId": "ord-1001", "cents": cents, "cardToken": "tok-ada"});
    event["body"] = json!(body.to_string());
    event
}

/// A bank: its URL, how often it was asked for a charge, and its door. It answers once that is dropped.
fn bank() -> (String, Arc<AtomicUsize>, Sender<()>) {
    let charges = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&charges);
    let (door, opened) = mpsc::channel();
    let opened = Mutex::new(opened);
    let url = serve(move |_asked| {
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        let _ = opened.lock().map(|opened| opened.recv());
        (201, format!(r#"{{"id":"charge-{number}"}}"#).into_bytes())
    });
    (url, charges, door)
}

/// The table `payments`.
async fn table(moto: &Moto) -> Result<Client, kiln::Error> {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        // Where the local Lambda says it is.
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("123456789012", "any", None, None, "test"))
        .endpoint_url(moto.endpoint())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let client = Client::from_conf(config);
    let id = KeySchemaElement::builder().attribute_name("id");
    let text = AttributeDefinition::builder().attribute_name("id");
    client
        .create_table()
        .table_name("payments")
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(id.key_type(KeyType::Hash).build()?)
        .attribute_definitions(text.attribute_type(ScalarAttributeType::S).build()?)
        .send()
        .await?;
    Ok(client)
}

/// Status, body and log of an answer.
async fn pay(function: &Local, event: Value) -> Result<(u64, Value, String), kiln::Error> {
    let answer = function.invoke(&event).await?;
    let http: Value = answer.json()?;
    let body = serde_json::from_str(http["body"].as_str().unwrap_or_default())?;
    let status = http["statusCode"].as_u64().unwrap_or_default();
    Ok((status, body, answer.log_tail))
}

/// The function, in environments of its own: they share nothing with others but the table.
async fn function(bank: &str, moto: &Moto) -> Result<Local, LocalError> {
    testing::local!()
        .env("BANK_URL", bank)
        .env("IDEMPOTENCY_TABLE", "payments")
        .env("AWS_ENDPOINT_URL", moto.endpoint())
        .await
}

#[tokio::test]
async fn two_environments_charge_once() -> Result<(), kiln::Error> {
    let moto = Moto::start();
    let client = table(&moto).await?;
    let (bank, charges, _) = bank();

    let first = function(&bank, &moto).await?;
    let (status, receipt, _) = pay(&first, payment("k-1", 4_490)).await?;
    assert_eq!((status, &receipt["chargeId"]), (200, &json!("charge-1")));
    assert_eq!(receipt["replayed"], false);
    drop(first);

    let second = function(&bank, &moto).await?;
    let (status, receipt, _) = pay(&second, payment("k-1", 4_490)).await?;
    assert_eq!((status, &receipt["chargeId"]), (200, &json!("charge-1")));
    assert_eq!(receipt["replayed"], true);
    let (status, problem, _) = pay(&second, payment("k-1", 1)).await?;
    assert_eq!(
        (status, &problem["type"]),
        (422, &json!("IdempotencyValidation"))
    );
    assert_eq!(charges.load(Ordering::Relaxed), 1);

    let items = client.scan().table_name("payments").send().await?;
    let [item] = items.items() else {
        panic!("one payment, one item: {items:?}");
    };
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
    assert!(text("id").is_some_and(|id| id.starts_with("payment.payment#")));
    assert_eq!(text("status").map(String::as_str), Some("COMPLETED"));
    assert!(text("data").is_some_and(|data| data.contains("charge-1")));
    Ok(())
}

#[tokio::test]
async fn two_environments_at_once_charge_once() -> Result<(), kiln::Error> {
    let moto = Moto::start();
    table(&moto).await?;
    let (bank, charges, door) = bank();
    let function = function(&bank, &moto).await?;
    let again = || pay(&function, payment("k-1", 4_490));
    let (mut one, mut other) = (pin!(again()), pin!(again()));
    let (refused, paying) = tokio::select! {
        answer = &mut one => (answer?, other),
        answer = &mut other => (answer?, one),
    };
    // While one is at the bank, the other one is told to come again.
    let (status, problem, log) = refused;
    assert_eq!(status, 409, "{problem}");
    assert!(log.contains("Init Duration"), "{log}");
    drop(door);
    let (status, receipt, log) = paying.await?;
    assert_eq!((status, &receipt["replayed"]), (200, &json!(false)));
    assert!(log.contains("Init Duration"), "{log}");
    let (status, receipt, _) = again().await?;
    assert_eq!((status, &receipt["chargeId"]), (200, &json!("charge-1")));
    assert_eq!(receipt["replayed"], true);
    assert_eq!(charges.load(Ordering::Relaxed), 1);
    Ok(())
}

#[tokio::test]
async fn without_a_table_one_environment_remembers() -> Result<(), kiln::Error> {
    let (bank, charges, _) = bank();
    let function = testing::local!().env("BANK_URL", bank).await?;
    for replayed in [false, true] {
        let (status, receipt, _) = pay(&function, payment("k-1", 4_490)).await?;
        assert_eq!((status, &receipt["replayed"]), (200, &json!(replayed)));
    }
    // Said during init, which is no part of an invocation's log.
    assert!(function.printed().contains("IDEMPOTENCY_TABLE is not set"));
    assert_eq!(charges.load(Ordering::Relaxed), 1);
    Ok(())
}

/// Nobody listens there, so what fails is the store: not a card is charged.
#[tokio::test]
async fn a_table_that_cannot_be_reached_is_an_error() -> Result<(), kiln::Error> {
    let (bank, charges, _) = bank();
    let function = testing::local!()
        .env("BANK_URL", bank)
        .env("IDEMPOTENCY_TABLE", "payments")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .env("AWS_MAX_ATTEMPTS", "1")
        .await?;
    let (status, problem, log) = pay(&function, payment("k-1", 4_490)).await?;
    assert_eq!(status, 503, "{problem}");
    assert!(log.contains("IdempotencyPersistenceLayer"), "{log}");
    assert_eq!(charges.load(Ordering::Relaxed), 0);
    Ok(())
}

#[tokio::test]
async fn without_a_bank_the_init_fails_by_name() -> Result<(), kiln::Error> {
    let function = testing::local!().await?;
    let answer = function.invoke(&payment("k-1", 4_490)).await?;
    let error = answer.error().unwrap();
    assert_eq!(error.error_type, "MissingVariable");
    assert_eq!(error.error_message, "`BANK_URL` is not set");
    Ok(())
}
