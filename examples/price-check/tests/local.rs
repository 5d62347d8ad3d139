//! The real binary on the local Lambda, with a service beside it.

#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

mod service;

use serde_json::{Value, json};

#[tokio::test]
async fn it_answers_with_all_prices() {
    let url = service::serve(|_method, path, _body| {
        let cents = path.len() * 10;
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
