//! Parameters in a table of moto's DynamoDB.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, KeyType};
use kiln::parameters::{DynamoDb, ParameterError, Parameters, Transform};
use kiln_testing::Moto;

use crate::dynamodb::create_table;

const TABLE: &str = "parameters";

async fn put(client: &Client, attributes: &[(&str, AttributeValue)]) {
    let mut put = client.put_item().table_name(TABLE);
    for (name, value) in attributes {
        put = put.item(*name, value.clone());
    }
    put.send().await.unwrap();
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

#[tokio::test]
async fn values_are_read_by_their_key() {
    let moto = Moto::start();
    let client = client!(aws_sdk_dynamodb, moto.endpoint());
    create_table(&client, TABLE, &[("id", KeyType::Hash)]).await;
    let limits =
        AttributeValue::M([("orders".to_owned(), AttributeValue::N("5".to_owned()))].into());
    for (id, value) in [
        ("url", text("https://example.com")),
        ("limits.json", text(r#"{"orders": 5}"#)),
        ("map", limits),
        ("limit", AttributeValue::N("100".to_owned())),
        ("on", AttributeValue::Bool(true)),
        ("bytes", AttributeValue::B(Blob::new([0xFF]))),
        ("nothing", AttributeValue::Null(true)),
    ] {
        put(&client, &[("id", text(id)), ("value", value)]).await;
    }
    put(&client, &[("id", text("empty"))]).await;

    let parameters = Parameters::new(DynamoDb::new(client.clone(), TABLE));
    assert_eq!(parameters.get("url").await.unwrap(), "https://example.com");
    let of_text: serde_json::Value = parameters.get_json("limits.json").await.unwrap();
    let of_map: serde_json::Value = parameters.get_json("map").await.unwrap();
    assert_eq!((&of_text["orders"], &of_text), (&5.into(), &of_map));
    assert_eq!(parameters.get_json::<u8>("limit").await.unwrap(), 100);
    assert_eq!(parameters.get("limit").await.unwrap(), "100");
    assert!(parameters.get_json::<bool>("on").await.unwrap());
    let bytes = parameters.parameter("bytes").await.unwrap();
    assert_eq!(bytes.bytes(), [0xFF].as_slice());

    // From memory, unless it is asked for anew.
    put(
        &client,
        &[("id", text("url")), ("value", text("https://example.org"))],
    )
    .await;
    assert_eq!(parameters.get("url").await.unwrap(), "https://example.com");
    let forced = parameters.force_fetch();
    assert_eq!(forced.get("url").await.unwrap(), "https://example.org");

    assert_eq!(
        parameters.get("uri").await.unwrap_err(),
        ParameterError::not_found("uri")
    );
    assert_eq!(parameters.get_optional("nothing").await.unwrap(), None);
    assert_eq!(
        parameters.get("empty").await.unwrap_err(),
        ParameterError::refused("empty", "its item has no attribute `value`")
    );
}

#[tokio::test]
async fn a_path_is_a_partition_read_page_by_page() {
    let moto = Moto::start();
    let client = client!(aws_sdk_dynamodb, moto.endpoint());
    create_table(
        &client,
        TABLE,
        &[("id", KeyType::Hash), ("sk", KeyType::Range)],
    )
    .await;
    // A page has a megabyte.
    let long = "x".repeat(300_000);
    for sort_key in ["a", "b", "c", "d", "e"] {
        let item = [
            ("id", text("shop")),
            ("sk", text(sort_key)),
            ("value", text(&long)),
        ];
        put(&client, &item).await;
    }
    for (id, sort_key, value) in [
        ("shop", "deep/down.json", "{}"),
        ("shop", "deep/wrong.json", "{"),
        ("shop", "shop", "the same name"),
        ("shopping", "a", "other"),
    ] {
        let item = [
            ("id", text(id)),
            ("sk", text(sort_key)),
            ("value", text(value)),
        ];
        put(&client, &item).await;
    }

    let parameters = Parameters::new(DynamoDb::new(client, TABLE));
    let found = parameters.get_by_path("shop").await.unwrap();
    assert_eq!(found.values.len(), 8);
    assert_eq!(found.get("e").unwrap().text().unwrap(), long);
    assert_eq!(found.get("shop").unwrap().text().unwrap(), "the same name");
    let shallow = parameters.clone().not_recursive();
    assert_eq!(shallow.get_by_path("shop").await.unwrap().values.len(), 6);
    let found = parameters
        .get_by_path_transformed("shop", Transform::Auto)
        .await
        .unwrap();
    assert!(found.errors.keys().eq(["deep/wrong.json"]));
    let none = parameters.get_by_path("none").await.unwrap();
    assert!(none.values.is_empty());
    // It has a sort key: a name alone is no key.
    let error = parameters.get("shop").await.unwrap_err();
    assert!(matches!(error, ParameterError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn a_table_may_have_names_of_its_own() {
    let moto = Moto::start();
    let client = client!(aws_sdk_dynamodb, moto.endpoint());
    create_table(
        &client,
        TABLE,
        &[("pk", KeyType::Hash), ("name", KeyType::Range)],
    )
    .await;
    let item = [
        ("pk", text("shop")),
        ("name", text("url")),
        ("setting", text("https://example.com")),
    ];
    put(&client, &item).await;
    let store = DynamoDb::new(client, TABLE)
        .key_attribute("pk")
        .sort_key_attribute("name")
        .value_attribute("setting");
    let found = Parameters::new(store).get_by_path("shop").await.unwrap();
    assert_eq!(
        found.get("url").unwrap().text().unwrap(),
        "https://example.com"
    );
}

#[tokio::test]
async fn a_table_that_does_not_exist_or_answer_is_no_missing_parameter() {
    let moto = Moto::start();
    let client = client!(aws_sdk_dynamodb, moto.endpoint());
    let parameters = Parameters::new(DynamoDb::new(client, "nowhere"));
    let refused = |name| ParameterError::refused(name, "there is no table `nowhere`");
    assert_eq!(parameters.get("x").await.unwrap_err(), refused("x"));
    assert_eq!(parameters.get_by_path("p").await.unwrap_err(), refused("p"));
    drop(moto);
    let error = parameters.get("x").await.unwrap_err();
    assert!(
        matches!(error, ParameterError::Unavailable { .. }),
        "{error}"
    );
}
