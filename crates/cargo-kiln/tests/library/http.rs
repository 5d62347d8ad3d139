//! A function over HTTP, behind each front that there is.

#![expect(clippy::unwrap_used, reason = "a panic in a test is its report")]

use kiln_testing::{Answer, Kiln, Watch, fixture};
use serde_json::{Value, json};

const KILN: &str = env!("CARGO_BIN_EXE_kiln");
const PAGE: &str = "https://shop.example";

/// The events that `kiln event` has for them.
const FRONTS: [&str; 4] = ["http", "apigw-v1", "alb", "function-url"];

/// A request of a page of the shop, with this method and body.
fn request(front: &str, method: &str, body: &str) -> Value {
    let mut event = Kiln::new(KILN).args(["event", front]).exits(0).json();
    event["body"] = json!(body);
    let mut header = |name: &str, value: &str| {
        event["headers"][name] = json!(value);
        if let Some(lists) = event["multiValueHeaders"].as_object_mut() {
            lists.insert(name.to_owned(), json!([value]));
        }
    };
    header("origin", PAGE);
    if method == "OPTIONS" {
        header("access-control-request-method", "POST");
    }
    if event["httpMethod"].is_string() {
        event["httpMethod"] = json!(method);
    } else {
        event["requestContext"]["http"]["method"] = json!(method);
    }
    event
}

fn header<'a>(response: &'a Value, name: &str) -> &'a str {
    let one = &response["headers"][name];
    let list = &response["multiValueHeaders"][name][0];
    one.as_str().or(list.as_str()).unwrap_or_default()
}

fn body(response: &Value) -> Value {
    assert_eq!(response["isBase64Encoded"], false, "{response}");
    serde_json::from_str(response["body"].as_str().unwrap()).unwrap()
}

#[test]
fn a_function_over_http_answers_behind_every_front() {
    let watch = Watch::start(KILN, fixture("library"), &["--bin=shop", "--features=http"]).ready();
    let client = watch.client();
    // The answer, which its page may read and which has the request id.
    let ask = |front: &str, method: &str, order: &Value| -> (Answer, Value) {
        let event = request(front, method, &order.to_string());
        let answer = client.invoke("shop", event.to_string());
        assert_eq!(answer.header("x-amz-function-error"), None, "{front}");
        let response = answer.json();
        assert_eq!(
            header(&response, "access-control-allow-origin"),
            PAGE,
            "{front} {response}"
        );
        let id = answer.header("x-amzn-requestid").unwrap();
        assert_eq!(header(&response, "x-request-id"), id, "{front} {response}");
        (answer, response)
    };
    for front in FRONTS {
        let (_, placed) = ask(front, "POST", &json!({"orderId": 7}));
        assert_eq!(placed["statusCode"], 200, "{front} {placed}");
        assert_eq!(placed["body"], "POST /orders has 7", "{front}");

        let (answer, unknown) = ask(front, "POST", &json!({"customer": "nobody"}));
        assert_eq!(unknown["statusCode"], 404, "{front} {unknown}");
        assert_eq!(header(&unknown, "content-type"), "application/problem+json");
        let problem = json!({
            "type": "unknown-customer", "title": "Not Found", "status": 404,
            "detail": "there is no customer `nobody`",
            "instance": answer.header("x-amzn-requestid").unwrap(),
        });
        assert_eq!(body(&unknown), problem, "{front}");

        let (answer, down) = ask(front, "POST", &json!({"customer": "down"}));
        assert_eq!(down["statusCode"], 503, "{front} {down}");
        assert_eq!(body(&down)["type"], "about:blank", "{front}");
        assert_eq!(body(&down).get("detail"), None, "{front}");
        // What is not for callers is in the log, and what is for nobody is not.
        let id = answer.header("x-amzn-requestid").unwrap();
        watch.wait_for(&format!("▸ {id} "));
        let printed = watch.printed();
        let line = printed
            .lines()
            .find(|line| line.contains(id) && line.contains("TableDown"));
        assert!(line.unwrap().contains("token=[redacted]"), "{line:?}");
        assert!(!printed.contains("hunter2"), "{printed}");

        let (_, large) = ask(front, "POST", &json!({"customer": "c".repeat(2_000)}));
        assert_eq!(large["statusCode"], 413, "{front} {large}");
        assert_eq!(body(&large)["type"], "body-too-large", "{front}");

        let (_, preflight) = ask(front, "OPTIONS", &json!({}));
        assert_eq!(preflight["statusCode"], 200, "{front} {preflight}");
        let methods = header(&preflight, "access-control-allow-methods");
        assert!(methods.contains("POST"), "{front} {preflight}");
    }
}
