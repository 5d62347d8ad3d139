//! A server that accepts connections and never answers must not take the whole invocation.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_sdk_ssm::config::timeout::TimeoutConfig;
use aws_sdk_ssm::error::SdkError;
use kiln::Deadline;
use kiln::flags::FeatureFlags;
use kiln::idempotency::{DynamoDbStore, Idempotency, IdempotencyError, RunError, StoreFailure};
use kiln::invocation::Invocation;
use kiln::parameters::{
    AppConfig, DynamoDb, Extension, ParameterError, Parameters, Provider, SecretsManager, Ssm,
};

use crate::time::Time;
use crate::wire::{Answer, serve};

/// What the invocations of these tests have.
const LEFT: Duration = Duration::from_secs(1);

/// Accepts on a port of its own, and keeps what it has accepted.
fn silent() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let _accepted: Vec<TcpStream> = listener.incoming().map_while(Result::ok).collect();
    });
    port
}

/// Within an invocation that ends soon. How soon the answer comes is tested on paused clocks: here it
/// is that it comes, on a machine that may be busy.
async fn in_time<F: Future>(future: F) -> F::Output {
    let mut context = kiln::Context::default();
    let end = SystemTime::now() + LEFT;
    let end = end.duration_since(UNIX_EPOCH).unwrap().as_millis();
    context.deadline = u64::try_from(end).unwrap();
    let begun = Instant::now();
    let output = Invocation::new(context).scope(future).await;
    assert!(begun.elapsed() < 10 * LEFT, "{:?}", begun.elapsed());
    output
}

#[tokio::test]
async fn of_idempotency_is_an_error_or_no_protection() {
    let endpoint = format!("http://127.0.0.1:{}", silent());
    let store = DynamoDbStore::new(client!(aws_sdk_dynamodb, endpoint), "idempotency");
    let charge = || async { Ok::<u32, String>(4490) };
    let fails = Idempotency::builder(store.clone()).disabled(false);
    let fails = fails.build().unwrap();
    let failed = in_time(fails.run("order", charge)).await.unwrap_err();
    let RunError::Idempotency(IdempotencyError::PersistenceLayer(error)) = failed else {
        panic!("{failed:?}");
    };
    assert!(error.is_timeout(), "{error:?}");

    let runs = Idempotency::builder(store)
        .disabled(false)
        .on_store_failure(StoreFailure::RunUnprotected)
        .build()
        .unwrap();
    assert_eq!(in_time(runs.run("order", charge)).await.unwrap(), 4490);
}

async fn fetch(provider: impl Provider) {
    let error = in_time(Parameters::new(provider).get("name"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ParameterError::Unavailable { .. }),
        "{error}"
    );
    let said = error.to_string();
    assert!(said.contains("no answer within "), "{said}");
}

#[tokio::test]
async fn of_parameters_is_an_error_in_time() {
    let port = silent();
    let endpoint = format!("http://127.0.0.1:{port}");
    let config = client!(aws_sdk_appconfigdata, &endpoint);
    tokio::join!(
        fetch(Ssm::new(client!(aws_sdk_ssm, &endpoint))),
        fetch(SecretsManager::new(client!(
            aws_sdk_secretsmanager,
            &endpoint
        ))),
        fetch(AppConfig::new(config, "shop", "production")),
        fetch(DynamoDb::new(
            client!(aws_sdk_dynamodb, &endpoint),
            "parameters"
        )),
        fetch(Extension::ssm().at(port, "token")),
    );
}

#[tokio::test]
async fn of_flags_is_the_callers_value() {
    let client = client!(aws_sdk_ssm, format!("http://127.0.0.1:{}", silent()));
    let flags = FeatureFlags::stored(Parameters::new(Ssm::new(client)), "features");
    let caller = serde_json::json!({});
    assert!(
        in_time(flags.is_enabled("search", &caller, true))
            .await
            .unwrap()
    );
}

/// As the chapter on deadlines has it.
#[tokio::test]
async fn of_a_client_of_ones_own_is_a_timeout_by_what_is_left() {
    let client = client!(aws_sdk_ssm, format!("http://127.0.0.1:{}", silent()));
    let call = async {
        let budget = Deadline::current().less(Duration::from_millis(500));
        let timeouts = TimeoutConfig::builder()
            .operation_timeout(budget.at_most(Duration::from_secs(3)))
            .build();
        let call = client.get_parameter().name("x").customize();
        let config = aws_sdk_ssm::Config::builder().timeout_config(timeouts);
        call.config_override(config).send().await
    };
    let error = in_time(call).await.unwrap_err();
    assert!(matches!(error, SdkError::TimeoutError(_)), "{error:?}");
}

/// It has answered once, and hangs from then on.
#[tokio::test]
async fn a_stale_value_stands_in() {
    let hangs = Arc::new(AtomicBool::new(false));
    let is_hanging = hangs.clone();
    let port = serve(move |_request| {
        while is_hanging.load(Ordering::SeqCst) {
            std::thread::park();
        }
        Answer::new(200, r#"{"Parameter": {"Name": "x", "Value": "1"}}"#)
    });
    let client = client!(aws_sdk_ssm, format!("http://127.0.0.1:{port}"));
    let time = Time::new();
    let parameters = Parameters::new(Ssm::new(client))
        .clock(time.clone())
        .stale_if_error(Duration::from_secs(3_600));
    assert_eq!(in_time(parameters.get("x")).await.unwrap(), "1");
    hangs.store(true, Ordering::SeqCst);
    time.pass(300);
    assert_eq!(in_time(parameters.get("x")).await.unwrap(), "1");
    time.pass(10);
    let many = in_time(parameters.get_many(["x"])).await;
    assert_eq!(many.get("x").unwrap().text().unwrap(), "1");
    time.pass(3_600);
    let error = in_time(parameters.get("x")).await.unwrap_err();
    assert!(
        matches!(error, ParameterError::Unavailable { .. }),
        "{error}"
    );
}
