//! Against moto's SSM Parameter Store.

use std::time::Duration;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::ParameterType;
use kiln::LambdaError as _;
use kiln::parameters::{ParameterError, Parameters, Ssm, Transform, Version, Wanted};
use kiln_testing::Moto;

use crate::time::Time;

async fn put(client: &Client, name: &str, value: &str, kind: ParameterType) {
    let put = client.put_parameter().name(name).value(value).r#type(kind);
    put.overwrite(true).send().await.unwrap();
}

async fn put_text(client: &Client, name: &str, value: &str) {
    put(client, name, value, ParameterType::String).await;
}

#[tokio::test]
async fn parameters_are_read_in_every_way() {
    let moto = Moto::start();
    let client = client!(aws_sdk_ssm, moto.endpoint());
    put_text(&client, "/shop/url", "https://example.com").await;
    put_text(&client, "/shop/limits.json", r#"{"orders": 5}"#).await;
    put_text(&client, "/shop/logo.binary", "AAEC").await;
    put(&client, "/shop/list", "a,b", ParameterType::StringList).await;

    let parameters = Parameters::new(Ssm::new(client.clone()));
    assert_eq!(
        parameters.get("/shop/url").await.unwrap(),
        "https://example.com"
    );
    assert_eq!(parameters.get("/shop/list").await.unwrap(), "a,b");
    let limits: serde_json::Value = parameters.get_json("/shop/limits.json").await.unwrap();
    assert_eq!(limits["orders"], 5);
    let logo = parameters.get_base64("/shop/logo.binary").await.unwrap();
    assert_eq!(logo, [0, 1, 2].as_slice());
    let auto = parameters
        .get_transformed("/shop/logo.binary", Transform::Auto)
        .await;
    assert_eq!(auto.unwrap().bytes(), [0, 1, 2].as_slice());

    // From memory, unless it is asked for anew.
    put_text(&client, "/shop/url", "https://example.org").await;
    assert_eq!(
        parameters.get("/shop/url").await.unwrap(),
        "https://example.com"
    );
    let forced = parameters.force_fetch();
    assert_eq!(
        forced.get("/shop/url").await.unwrap(),
        "https://example.org"
    );

    let first = parameters.clone().version(Version::Id("1".to_owned()));
    assert_eq!(first.get("/shop/url").await.unwrap(), "https://example.com");
    let label = client
        .label_parameter_version()
        .name("/shop/url")
        .labels("live");
    label.parameter_version(1).send().await.unwrap();
    let live = parameters.version(Version::Stage("live".to_owned()));
    assert_eq!(live.get("/shop/url").await.unwrap(), "https://example.com");
    let many = live.get_many(["/shop/url"]).await;
    assert_eq!(
        many.get("/shop/url").unwrap().text().unwrap(),
        "https://example.com"
    );
}

#[tokio::test]
async fn what_does_not_exist_is_told_by_its_name() {
    let moto = Moto::start();
    let client = client!(aws_sdk_ssm, moto.endpoint());
    put_text(&client, "/shop/url", "https://example.com").await;
    let parameters = Parameters::new(Ssm::new(client));
    let error = parameters.get("/shop/uri").await.unwrap_err();
    assert_eq!(error, ParameterError::not_found("/shop/uri"));
    assert_eq!(error.error_type(), "ParameterNotFound");
    assert!(!error.is_retryable());
    assert_eq!(parameters.get_optional("/shop/uri").await.unwrap(), None);
    let seventh = parameters.clone().version(Version::Id("7".to_owned()));
    let error = seventh.get("/shop/url").await.unwrap_err();
    assert_eq!(error, ParameterError::not_found("/shop/url"));
    assert!(
        parameters
            .get_by_path("/none")
            .await
            .unwrap()
            .values
            .is_empty()
    );
}

#[tokio::test]
async fn what_is_encrypted_is_decrypted_when_it_is_asked_for() {
    let moto = Moto::start();
    let client = client!(aws_sdk_ssm, moto.endpoint());
    put(&client, "/shop/key", "pa55", ParameterType::SecureString).await;
    put(&client, "/shop/other", "pa56", ParameterType::SecureString).await;

    let parameters = Parameters::new(Ssm::new(client.clone()));
    // Moto's ciphertext has the plain text in it.
    assert_ne!(parameters.get("/shop/key").await.unwrap(), "pa55");
    let decrypted = parameters.clone().decrypt(true);
    assert_eq!(
        decrypted.secret("/shop/key").await.unwrap().expose(),
        "pa55"
    );
    let decrypting = Parameters::new(Ssm::new(client).decrypt(true));
    assert_eq!(decrypting.get("/shop/key").await.unwrap(), "pa55");
    let found = decrypting.get_by_path("/shop").await.unwrap();
    assert_eq!(found.get("other").unwrap().text().unwrap(), "pa56");

    // For one of several.
    let found = parameters
        .get_many([
            Wanted::new("/shop/key"),
            Wanted::new("/shop/other").decrypt(true),
        ])
        .await;
    assert_ne!(found.get("/shop/key").unwrap().text().unwrap(), "pa55");
    assert_eq!(found.get("/shop/other").unwrap().text().unwrap(), "pa56");
}

#[tokio::test]
async fn a_path_is_read_page_by_page() {
    let moto = Moto::start();
    let client = client!(aws_sdk_ssm, moto.endpoint());
    for number in 0..25 {
        put_text(&client, &format!("/shop/{number:02}"), &number.to_string()).await;
    }
    put_text(&client, "/shop/deep/down.json", "{}").await;
    put_text(&client, "/shop/deep/wrong.json", "{").await;
    put_text(&client, "/shopping", "other").await;

    let parameters = Parameters::new(Ssm::new(client));
    let found = parameters.get_by_path("/shop").await.unwrap();
    assert_eq!(found.values.len(), 27);
    assert_eq!(found.get("24").unwrap().text().unwrap(), "24");
    assert_eq!(found.get("deep/down.json").unwrap().text().unwrap(), "{}");

    let shallow = parameters.clone().not_recursive();
    assert_eq!(shallow.get_by_path("/shop").await.unwrap().values.len(), 25);

    let found = parameters
        .get_by_path_transformed("/shop/", Transform::Auto)
        .await
        .unwrap();
    assert_eq!(found.values.len(), 26);
    assert!(found.errors.keys().eq(["deep/wrong.json"]));
}

#[tokio::test]
async fn more_names_than_a_call_takes_are_read_and_what_fails_does_so_alone() {
    let moto = Moto::start();
    let client = client!(aws_sdk_ssm, moto.endpoint());
    let mut names = Vec::new();
    for number in 0..23 {
        let name = format!("/shop/{number:02}");
        put_text(&client, &name, &number.to_string()).await;
        names.push(name);
    }
    names.push("/shop/missing".to_owned());

    let parameters = Parameters::new(Ssm::new(client));
    let wanted = names.iter().map(Wanted::new);
    let wanted = wanted.chain([Wanted::new("/shop/07").transform(Transform::Json)]);
    let found = parameters.get_many(wanted).await;
    assert_eq!(found.values.len(), 23);
    assert_eq!(found.get("/shop/22").unwrap().text().unwrap(), "22");
    assert_eq!(found.get("/shop/07").unwrap().json::<u8>().unwrap(), 7);
    assert_eq!(
        found.into_result().unwrap_err(),
        ParameterError::not_found("/shop/missing")
    );
    // All of them are in memory.
    drop(moto);
    names.pop();
    parameters.get_many(&names).await.into_result().unwrap();
    let forced = parameters.force_fetch().get_many(&names).await;
    assert_eq!(forced.errors.len(), 23);
    let unavailable = |error: &ParameterError| matches!(error, ParameterError::Unavailable { .. });
    assert!(forced.errors.values().all(unavailable));
}

#[tokio::test]
async fn a_store_that_is_down_is_told_or_a_stale_value_stands_in() {
    let moto = Moto::start();
    let client = client!(aws_sdk_ssm, moto.endpoint());
    put_text(&client, "/shop/url", "https://example.com").await;
    let time = Time::new();
    let parameters = Parameters::new(Ssm::new(client)).clock(time.clone());
    let lasting = parameters
        .clone()
        .stale_if_error(Duration::from_secs(3_600));
    parameters.get("/shop/url").await.unwrap();
    drop(moto);

    time.pass(300);
    let error = parameters.get("/shop/url").await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    let message = error.to_string();
    assert!(
        message.starts_with("the store of parameter `/shop/url` does not answer: "),
        "{message}"
    );
    assert_eq!(
        lasting.get("/shop/url").await.unwrap(),
        "https://example.com"
    );
    time.pass(3_600);
    assert_eq!(
        lasting.get("/shop/url").await.unwrap_err().name(),
        "/shop/url"
    );
}
