//! Against moto's Secrets Manager.

use aws_sdk_secretsmanager::primitives::Blob;
use kiln::parameters::{ParameterError, Parameters, Secret, SecretsManager, Version};
use kiln_testing::Moto;

#[tokio::test]
async fn secrets_are_read_in_every_way() {
    let moto = Moto::start();
    let client = client!(aws_sdk_secretsmanager, moto.endpoint());
    let create = client.create_secret().name("shop/database");
    let created = create.secret_string(r#"{"user": "app", "password": "pa55"}"#);
    let created = created.send().await.unwrap();
    let bytes = client
        .create_secret()
        .name("shop/key")
        .secret_binary(Blob::new([0, 0xFF]));
    bytes.send().await.unwrap();

    #[derive(Debug, serde::Deserialize)]
    struct Database {
        user: String,
        password: Secret,
    }

    let secrets = Parameters::new(SecretsManager::new(client.clone()));
    let database: Database = secrets.get_json("shop/database").await.unwrap();
    assert_eq!(database.user, "app");
    assert_eq!(database.password.expose(), "pa55");
    assert!(!format!("{database:?}").contains("pa55"));
    let by_arn = secrets.secret(created.arn().unwrap()).await.unwrap();
    assert!(by_arn.expose().contains("pa55"));
    let key = secrets.parameter("shop/key").await.unwrap();
    assert_eq!(key.bytes(), [0, 0xFF].as_slice());
    assert!(matches!(
        secrets.get("shop/key").await.unwrap_err(),
        ParameterError::Transform { .. }
    ));

    // After a rotation there are two.
    let rotated = client.put_secret_value().secret_id("shop/database");
    rotated.secret_string("{}").send().await.unwrap();
    let previous = secrets
        .clone()
        .version(Version::Stage("AWSPREVIOUS".to_owned()));
    assert!(
        previous
            .secret("shop/database")
            .await
            .unwrap()
            .expose()
            .contains("pa55")
    );
    let forced = secrets.force_fetch();
    assert_eq!(forced.secret("shop/database").await.unwrap().expose(), "{}");
    let first = Version::Id(created.version_id().unwrap().to_owned());
    let first = secrets.version(first);
    assert!(
        first
            .secret("shop/database")
            .await
            .unwrap()
            .expose()
            .contains("pa55")
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_told_by_its_name() {
    let moto = Moto::start();
    let client = client!(aws_sdk_secretsmanager, moto.endpoint());
    let created = client
        .create_secret()
        .name("shop/old")
        .secret_string("pa55");
    created.send().await.unwrap();
    let deleted = client
        .delete_secret()
        .secret_id("shop/old")
        .recovery_window_in_days(7);
    deleted.send().await.unwrap();

    let secrets = Parameters::new(SecretsManager::new(client));
    let error = secrets.secret("shop/none").await.unwrap_err();
    assert_eq!(error, ParameterError::not_found("shop/none"));
    let error = secrets.secret("shop/old").await.unwrap_err();
    assert!(matches!(error, ParameterError::Refused { .. }), "{error}");
    assert_eq!(error.name(), "shop/old");
    drop(moto);
    let error = secrets.secret("shop/none").await.unwrap_err();
    assert!(
        matches!(error, ParameterError::Unavailable { .. }),
        "{error}"
    );
}

/// An answer that the SDK cannot read has the secret in it; the SDK's error shows it.
#[tokio::test]
async fn an_answer_that_cannot_be_read_is_not_shown() {
    let port = crate::wire::serve(|_| crate::wire::Answer::new(200, r#"{"SecretString": "pa55"#));
    let client = client!(aws_sdk_secretsmanager, format!("http://127.0.0.1:{port}"));
    let shown = client
        .get_secret_value()
        .secret_id("x")
        .send()
        .await
        .unwrap_err();
    assert!(format!("{shown:?}").contains("pa55"), "{shown:?}");

    let error = Parameters::new(SecretsManager::new(client))
        .secret("x")
        .await
        .unwrap_err();
    assert!(
        matches!(error, ParameterError::Unavailable { .. }),
        "{error}"
    );
    assert!(!format!("{error:?} {error}").contains("pa55"));
}

#[tokio::test]
async fn what_may_not_be_read_is_told_with_the_permission() {
    let port = crate::wire::serve(|_| {
        let body = r#"{"__type": "AccessDeniedException", "Message": "User: u is not authorized to perform: kms:Decrypt on resource: k"}"#;
        crate::wire::Answer::new(400, body).with("content-type", "application/x-amz-json-1.1")
    });
    let client = client!(aws_sdk_secretsmanager, format!("http://127.0.0.1:{port}"));
    let error = Parameters::new(SecretsManager::new(client))
        .secret("x")
        .await
        .unwrap_err();
    assert_eq!(error, ParameterError::access_denied("x", "kms:Decrypt"));
}
