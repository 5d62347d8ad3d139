//! Nothing that holds a secret shows it, whoever prints it.

use std::fmt::Debug;

use kiln::flags::FeatureFlags;
use kiln::parameters::{
    AnyProvider, AppConfig, Extension, InMemory, Parameters, Provider, Query, Secret,
    SecretsManager, Ssm, Transform, Value,
};

use crate::wire::{Answer, serve};

const SECRET: &str = "hunter2";

fn assert_hidden(shown: &dyn Debug) {
    for shown in [format!("{shown:?}"), format!("{shown:#?}")] {
        assert!(!shown.contains(SECRET), "{shown}");
        assert!(!shown.contains("104, 117, 110"), "as bytes: {shown}");
    }
}

#[tokio::test]
async fn what_was_read_is_not_shown() {
    let store = InMemory::from([
        ("/a", SECRET),
        ("/b.json", r#"{"password": "hunter2"}"#),
        (
            "/c",
            r#"{"f": {"default": "hunter2", "boolean_type": false}}"#,
        ),
    ]);
    assert_hidden(&store);
    assert_hidden(&Value::from(SECRET));
    assert_hidden(&Secret::new(SECRET));
    assert_hidden(&store.fetch(&Query::new("/a")).await);
    assert_hidden(&AnyProvider::new(store.clone()));

    let parameters = Parameters::new(store.clone());
    assert_hidden(&parameters.parameter("/a").await);
    assert_hidden(&parameters.get_transformed("/b.json", Transform::Auto).await);
    assert_hidden(&parameters.get_by_path("/").await);
    assert_hidden(&parameters.get_many(["/a", "/b.json"]).await);
    assert_hidden(&parameters.secret("/a").await);
    assert_hidden(&parameters);

    // What is wrong with a value is told without it.
    assert_hidden(&parameters.get_json::<u32>("/a").await);
    assert_hidden(&parameters.get_json::<Vec<Secret<u32>>>("/b.json").await);
    assert_hidden(&parameters.get_base64("/b.json").await);

    let flags = FeatureFlags::stored(parameters, "/c");
    assert_hidden(&flags.value("f", &serde_json::Value::Null, 1_u32).await);
    assert_hidden(&flags);
}

/// With credentials in their clients, and answers that are no answers.
#[tokio::test]
async fn stores_show_neither_credentials_nor_what_they_could_not_read() {
    let port = serve(|_| {
        Answer::new(
            200,
            r#"{"SecretString": "hunter2", "Parameter": {"Value": hunter2"#,
        )
    });
    let endpoint = format!("http://127.0.0.1:{port}");
    let name = Query::new("name");

    let ssm = Ssm::new(client!(aws_sdk_ssm, &endpoint));
    assert_hidden(&ssm.fetch(&name).await);
    let secrets = SecretsManager::new(client!(aws_sdk_secretsmanager, &endpoint));
    assert_hidden(&secrets.fetch(&name).await);
    let config = AppConfig::new(
        client!(aws_sdk_appconfigdata, &endpoint),
        "shop",
        "production",
    );
    assert_hidden(&config.fetch(&name).await);
    for extension in [Extension::ssm(), Extension::secrets_manager()] {
        let extension = extension.at(port, SECRET);
        assert_hidden(&extension.fetch(&name).await);
        assert_hidden(&extension);
    }
    assert_hidden(&config);
    for store in [format!("{ssm:?}"), format!("{secrets:?}")] {
        assert!(!store.contains("the key of the test"), "{store}");
    }
}
