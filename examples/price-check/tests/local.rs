//! The function as it is deployed, on the local Lambda, with a price service beside it.

use serde_json::{Value, json};
use stand_ins::serve;

#[tokio::test]
async fn it_answers_with_all_prices() {
    let url = serve(|asked| {
        let cents = asked.path.len() * 10;
        (200, format!(r#"{{"cents":{cents}}}"#).into_bytes())
    });
    let function = kiln::testing::local!()
        .env("PRICES_URL", url)
        .await
        .unwrap();
    let event: Value = serde_json::from_str(include_str!("../events/skus.json")).unwrap();
    let answer = function.invoke(&event).await.unwrap();
    assert_eq!(
        answer.json::<Value>().unwrap(),
        json!({
            "prices": [
                {"sku": "KILN-MUG", "cents": 160},
                {"sku": "KILN-CAP", "cents": 160},
                {"sku": "KILN-APRON", "cents": 180},
            ],
            "unknown": [],
        })
    );
}

#[tokio::test]
async fn without_its_variable_the_init_fails_by_name() -> Result<(), kiln::Error> {
    let function = kiln::testing::local!().await?;
    let answer = function.invoke(&json!({"skus": []})).await?;
    let answer: Value = answer.json()?;
    assert_eq!(answer["errorType"], "MissingVariable");
    assert_eq!(answer["errorMessage"], "`PRICES_URL` is not set");
    Ok(())
}
