//! Against moto's DynamoDB.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
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

/// Makes a table with these keys, which are texts.
pub(crate) async fn create_table(client: &Client, name: &str, keys: &[(&str, KeyType)]) {
    let mut create = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in keys {
        let schema = KeySchemaElement::builder().attribute_name(*name);
        let attribute = AttributeDefinition::builder().attribute_name(*name);
        let attribute = attribute.attribute_type(ScalarAttributeType::S);
        create = create
            .key_schema(schema.key_type(kind.clone()).build().unwrap())
            .attribute_definitions(attribute.build().unwrap());
    }
    create.send().await.unwrap();
}

#[tokio::test]
async fn it_answers() {
    let moto = Moto::start();
    let tables = client(&moto).list_tables().send().await.unwrap();
    assert!(tables.table_names().is_empty());
}
