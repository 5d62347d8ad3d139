//! Against moto's DynamoDB.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use kiln_testing::Moto;

pub(crate) fn client(moto: &Moto) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new(
            "123456789012",
            "secret",
            None,
            None,
            "test",
        ))
        .endpoint_url(moto.endpoint())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

#[tokio::test]
async fn it_answers() {
    let moto = Moto::start();
    let tables = client(&moto).list_tables().send().await.unwrap();
    assert!(tables.table_names().is_empty());
}
