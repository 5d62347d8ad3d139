//! The Extensions API and those of telemetry.

use std::path::Path;

use super::http::Request;
use super::talk::{compare, compare_with};

const REGISTER: &str = "/2020-01-01/extension/register";
const NEXT: &str = "/2020-01-01/extension/event/next";
const INIT_ERROR: &str = "/2020-01-01/extension/init/error";
const EXIT_ERROR: &str = "/2020-01-01/extension/exit/error";
const NAME: &str = "Lambda-Extension-Name";
const IDENTIFIER: &str = "Lambda-Extension-Identifier";
const ERROR_TYPE: &str = "Lambda-Extension-Function-Error-Type";
const NO_TELEMETRY: &str = r#"202 [content-type: application/json] {"errorMessage":"Telemetry API is not supported","errorType":"Telemetry.NotSupported"}⏎"#;
const NO_LOGS: &str = r#"202 [content-type: application/json] {"errorMessage":"Logs API is not supported","errorType":"Logs.NotSupported"}⏎"#;
const NO_IDENTIFIER: &str = r#"403 [content-type: application/json] {"errorMessage":"Missing Lambda-Extension-Identifier header","errorType":"Extension.MissingExtensionIdentifier"}⏎"#;

/// Of no extension.
const UNKNOWN: &str = "2c3b8a4e-96a5-4b4c-9d6b-3d8a9c0e7f11";

fn register(name: &str, events: &str) -> Request {
    Request::post(REGISTER, format!(r#"{{"events":[{events}]}}"#)).header(NAME, name)
}

/// Of the extension that registered last.
fn own(request: Request) -> Request {
    request.header(IDENTIFIER, "{extension}")
}

#[test]
fn registrations() {
    compare(
        &[
            // Each in the words of its reader of JSON.
            (
                "no JSON",
                r#"403 [content-type: application/json] {"errorMessage":"unexpected end of JSON input","errorType":"InvalidRequestFormat"}⏎"#,
                r#"403 [content-type: application/json] {"errorMessage":"EOF while parsing an object at line 1 column 1","errorType":"InvalidRequestFormat"}⏎"#,
            ),
            (
                "nothing",
                r#"403 [content-type: application/json] {"errorMessage":"unexpected end of JSON input","errorType":"InvalidRequestFormat"}⏎"#,
                r#"403 [content-type: application/json] {"errorMessage":"EOF while parsing a value at line 1 column 0","errorType":"InvalidRequestFormat"}⏎"#,
            ),
            (
                "an array",
                r#"403 [content-type: application/json] {"errorMessage":"json: cannot unmarshal array into Go value of type struct { handler.RegisterRequest; ConfigurationKeys []string \"json:\\\"configurationKeys\\\"\" }","errorType":"InvalidRequestFormat"}⏎"#,
                r#"403 [content-type: application/json] {"errorMessage":"the body is not a JSON object","errorType":"InvalidRequestFormat"}⏎"#,
            ),
            // The emulator has no account.
            (
                "with the account",
                r#"200 [content-type: application/json, lambda-extension-identifier] {"functionName":"test_function","functionVersion":"$LATEST","handler":"bootstrap"}⏎"#,
                r#"200 [content-type: application/json, lambda-extension-identifier] {"functionName":"test_function","functionVersion":"$LATEST","handler":"bootstrap","accountId":"012345678912"}⏎"#,
            ),
            (
                "a truncated one",
                r#"403 [content-type: application/json] {"errorMessage":"unexpected EOF","errorType":"InvalidRequestFormat"}⏎"#,
                r#"403 [content-type: application/json] {"errorMessage":"error reading a body from connection","errorType":"InvalidRequestFormat"}⏎"#,
            ),
        ],
        |talk| {
            let _caller = talk.invoke("{}");
            talk.ask("no name", Request::post(REGISTER, r#"{"events":[]}"#));
            talk.ask("an empty name", register("", ""));
            talk.ask("no JSON", Request::post(REGISTER, "{").header(NAME, "a"));
            talk.ask("nothing", Request::post(REGISTER, "").header(NAME, "a"));
            talk.ask("no events", Request::post(REGISTER, "{}").header(NAME, "b"));
            talk.ask("an array", Request::post(REGISTER, "[]").header(NAME, "c"));
            talk.ask("null", Request::post(REGISTER, "null").header(NAME, "k"));
            talk.ask(
                "events twice",
                Request::post(REGISTER, r#"{"events":["NONE"],"events":["INVOKE"]}"#)
                    .header(NAME, "l"),
            );
            talk.ask("an unknown event", register("d", r#""INVOKE","NOPE""#));
            talk.ask("an event in small letters", register("d", r#""invoke""#));
            talk.ask("SHUTDOWN from inside", register("e", r#""SHUTDOWN""#));
            talk.ask("INVOKE twice", register("f", r#""INVOKE","INVOKE""#));
            talk.ask("a good one", register("g", r#""INVOKE""#));
            talk.ask("the same again", register("g", r#""INVOKE""#));
            talk.ask(
                "with the account",
                register("h", "").header("Lambda-Extension-Accept-Feature", "accountId"),
            );
            talk.ask(
                "with a feature there is not",
                register("i", "").header("Lambda-Extension-Accept-Feature", "nope"),
            );
            talk.ask("GET register", Request::get(REGISTER));
            talk.ask("a truncated one", register("j", "").truncated(5));
            talk.ask(
                "a path there is not",
                Request::get("/2020-01-01/extension/nope"),
            );
            talk.ask("POST next", Request::post(NEXT, ""));
        },
    );
}

#[test]
fn no_more_than_ten() {
    compare(&[], |talk| {
        let _caller = talk.invoke("{}");
        for number in 1..=11 {
            talk.ask(
                &format!("number {number}"),
                register(&format!("e{number}"), ""),
            );
        }
    });
}

#[test]
fn registration_ends_with_the_init() {
    compare(&[], |talk| {
        let caller = talk.invoke("{}");
        talk.next();
        talk.ask("late", register("late", ""));
        talk.ask("late and wrong", register("", ""));
        talk.ask(
            "response",
            Request::post("/2018-06-01/runtime/invocation/{id}/response", "1"),
        );
        talk.answered("caller", caller);
    });
}

#[test]
fn identifiers() {
    compare(&[], |talk| {
        let _caller = talk.invoke("{}");
        for (what, request) in [
            ("next", Request::get(NEXT)),
            ("init/error", Request::post(INIT_ERROR, "{}")),
            ("exit/error", Request::post(EXIT_ERROR, "{}")),
        ] {
            let typed = || request.clone().header(ERROR_TYPE, "Extension.Bad");
            talk.ask(&format!("{what} without"), typed());
            talk.ask(
                &format!("{what} with an empty one"),
                typed().header(IDENTIFIER, ""),
            );
            talk.ask(
                &format!("{what} with no UUID"),
                typed().header(IDENTIFIER, "abc"),
            );
            talk.ask(
                &format!("{what} with an unknown one"),
                typed().header(IDENTIFIER, UNKNOWN),
            );
        }
    });
}

#[test]
fn events_for_an_internal_extension() {
    compare(&[], |talk| {
        let caller = talk.invoke("{}");
        talk.ask("register", register("inner", r#""INVOKE""#));
        let event = talk.begin(&own(Request::get(NEXT)));
        talk.next();
        talk.end("INVOKE", event);
        talk.ask(
            "response",
            Request::post("/2018-06-01/runtime/invocation/{id}/response", "1"),
        );
        // The invocation lasts until both wait again.
        let _event = talk.begin(&own(Request::get(NEXT)));
        talk.answered("caller", caller);
    });
}

#[test]
fn errors_without_a_type() {
    compare(&[], |talk| {
        let _caller = talk.invoke("{}");
        talk.ask("register", register("inner", ""));
        talk.ask("init/error", own(Request::post(INIT_ERROR, "{}")));
        talk.ask("exit/error", own(Request::post(EXIT_ERROR, "{}")));
        talk.ask(
            "an empty type",
            own(Request::post(INIT_ERROR, "{}")).header(ERROR_TYPE, ""),
        );
    });
}

#[test]
fn an_init_error() {
    compare(&[], |talk| {
        let _caller = talk.invoke("{}");
        talk.ask("register", register("inner", ""));
        let bad = |path| own(Request::post(path, "no JSON")).header(ERROR_TYPE, "Extension.Bad");
        talk.ask("init/error", bad(INIT_ERROR));
        talk.ask("init/error again", bad(INIT_ERROR));
    });
}

#[test]
fn an_exit_error() {
    compare(&[], |talk| {
        let _caller = talk.invoke("{}");
        talk.ask("register", register("inner", ""));
        let bad = |path| own(Request::post(path, "no JSON")).header(ERROR_TYPE, "Extension.Bad");
        talk.ask("exit/error", bad(EXIT_ERROR));
        talk.ask("exit/error again", bad(EXIT_ERROR));
    });
}

#[test]
fn an_external_extension() {
    let layer = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/layers/outer");
    compare_with(Some(&layer), &[], |talk| {
        let _caller = talk.invoke("{}");
        talk.ask("register", register("outer", r#""INVOKE","SHUTDOWN""#));
        talk.ask("register again", register("outer", r#""INVOKE""#));
        talk.ask("another", register("stranger", r#""SHUTDOWN""#));
        let event = talk.begin(&own(Request::get(NEXT)));
        talk.next();
        talk.end("INVOKE", event);
    });
}

#[test]
fn subscriptions() {
    compare(
        &[
            // The emulator has no telemetry. What it says then comes before it looks who asks.
            (
                "telemetry without an identifier",
                NO_TELEMETRY,
                NO_IDENTIFIER,
            ),
            (
                "telemetry",
                NO_TELEMETRY,
                r#"200 [content-type: application/json] "OK""#,
            ),
            ("logs without an identifier", NO_LOGS, NO_IDENTIFIER),
            (
                "logs",
                NO_LOGS,
                r#"400 [content-type: application/json] {"errorMessage":"schemaVersion \"2022-12-13\" is not one of 2020-08-15, 2021-03-18","errorType":"ValidationError"}"#,
            ),
            (
                "telemetry that is no JSON without an identifier",
                NO_TELEMETRY,
                NO_IDENTIFIER,
            ),
            (
                "telemetry that is no JSON",
                NO_TELEMETRY,
                r#"400 [content-type: application/json] {"errorMessage":"the body is not JSON: EOF while parsing an object at line 1 column 1","errorType":"ValidationError"}"#,
            ),
        ],
        |talk| {
            let _caller = talk.invoke("{}");
            talk.ask("register", register("inner", ""));
            let telemetry = r#"{"schemaVersion":"2022-12-13","types":["platform"],"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:8080"}}"#;
            for (what, path, body) in [
                ("telemetry", "/2022-07-01/telemetry", telemetry),
                ("logs", "/2020-08-15/logs", telemetry),
                ("telemetry that is no JSON", "/2022-07-01/telemetry", "{"),
            ] {
                let put = || Request::new("PUT", path).body(body);
                talk.ask(&format!("{what} without an identifier"), put());
                talk.ask(what, own(put()));
            }
            talk.ask(
                "POST telemetry",
                own(Request::post("/2022-07-01/telemetry", telemetry)),
            );
        },
    );
}
