//! The function as it is deployed, on the local Lambda, with a price service beside it.

use kiln::testing;
use serde_json::{Value, json};
use stand_ins::serve;

/// Status and body of an answer.
fn read(answer: &Value) -> Result<(u64, Value), kiln::Error> {
    let body = serde_json::from_str(answer["body"].as_str().unwrap_or_default())?;
    Ok((answer["statusCode"].as_u64().unwrap_or_default(), body))
}

#[tokio::test]
async fn it_answers_with_all_prices() -> Result<(), kiln::Error> {
    let url = serve(|asked| match asked.path.as_str() {
        "/prices/KILN-MUG" => (200, br#"{"cents":1250}"#.to_vec()),
        "/prices/KILN-CAP" => (200, br#"{"cents":1990}"#.to_vec()),
        _ => (404, Vec::new()),
    });
    let function = testing::local!().env("PRICES_URL", url).await?;
    let mut event: Value = testing::sample("http");
    let answer = function.invoke(&event).await?;
    let prices = json!([{"sku": "KILN-MUG", "cents": 1_250}, {"sku": "KILN-CAP", "cents": 1_990}]);
    let expected = json!({"prices": prices, "unknown": []});
    assert_eq!(read(&answer.json()?)?, (200, expected));

    event["body"] = json!(r#"{"lines": [{"sku": "KILN-SPOON"}, {"sku": "../admin"}]}"#);
    let (status, list) = read(&function.invoke(&event).await?.json()?)?;
    assert_eq!((status, &list["prices"]), (200, &json!([])));
    let reasons = [
        "the price service answers 404 Not Found",
        "not letters, digits and dashes",
    ];
    for (unknown, reason) in list["unknown"].as_array().unwrap().iter().zip(reasons) {
        assert_eq!(unknown["reason"], reason);
    }

    event["body"] = json!("no order");
    let (status, problem) = read(&function.invoke(&event).await?.json()?)?;
    assert_eq!((status, &problem["type"]), (400, &json!("invalid-order")));
    Ok(())
}

#[tokio::test]
async fn without_its_variable_the_init_fails_by_name() -> Result<(), kiln::Error> {
    let function = testing::local!().await?;
    let answer = function.invoke(&testing::sample::<Value>("http")).await?;
    let error = answer.error().unwrap();
    assert_eq!(error.error_type, "MissingVariable");
    assert_eq!(error.error_message, "`PRICES_URL` is not set");
    Ok(())
}
