//! The Runtime API.

use super::http::Request;
use super::talk::{Difference, compare};

const NEXT: &str = "/2018-06-01/runtime/invocation/next";
const RESPONSE: &str = "/2018-06-01/runtime/invocation/{id}/response";
const ERROR: &str = "/2018-06-01/runtime/invocation/{id}/error";
const INIT_ERROR: &str = "/2018-06-01/runtime/init/error";
/// What the emulator says last when it does not outlive what has happened.
const NOTHING: &str = "no answer";
const TRUNCATED: &str = r#"400 [content-type: application/json] {"errorMessage":"HTTP request detected as truncated","errorType":"TruncatedHTTPRequest"}⏎"#;
/// What the caller of a truncated answer is told.
const TRUNCATED_FOR_CALLER: &str = r#"200 {"errorType":"Runtime.TruncatedResponse","errorMessage":"RequestId: <id> Error: HTTP request detected as truncated"}"#;
/// The members of this error have another order than those of the platform's others on the service.
const TOO_LARGE: Difference = (
    "caller",
    r#"200 {"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}"#,
    r#"200 {"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#,
);

/// Of no invocation.
const UNKNOWN: &str = "2c3b8a4e-96a5-4b4c-9d6b-3d8a9c0e7f11";

fn next() -> Request {
    Request::get(NEXT)
}

fn response(body: &str) -> Request {
    Request::post(RESPONSE, body)
}

fn error(body: &str) -> Request {
    Request::post(ERROR, body)
}

fn init_error() -> Request {
    Request::post(INIT_ERROR, r#"{"errorMessage":"no","errorType":"Init.No"}"#)
        .header("Lambda-Runtime-Function-Error-Type", "Runtime.NoGood")
}

#[test]
fn invocations_in_their_order() {
    compare(
        &[
            // The service answers `null` where a function returned nothing.
            ("caller of nothing", "200 ", "200 null"),
        ],
        |talk| {
            let caller = talk.invoke(r#"{"a":1}"#);
            talk.ask("ping", Request::get("/2018-06-01/ping"));
            talk.next();
            talk.ask("response", response(r#"{"b":"☃"}"#));
            talk.answered("caller of response", caller);
            let caller = talk.invoke("[]");
            talk.next();
            talk.ask(
                "error",
                error(r#"{"errorMessage":"boom","errorType":"Boom","stackTrace":["a"]}"#)
                    .header("Lambda-Runtime-Function-Error-Type", "Function.Boom"),
            );
            talk.answered("caller of error", caller);
            let caller = talk.invoke("1");
            talk.next();
            talk.ask("ping while running", Request::get("/2018-06-01/ping"));
            talk.ask("response of nothing", response(""));
            talk.answered("caller of nothing", caller);
        },
    );
}

#[test]
fn ids_that_are_not_the_current_one() {
    compare(&[], |talk| {
        let caller = talk.invoke("{}");
        let unknown = |path: &str| path.replace("{id}", UNKNOWN);
        talk.ask("response before next", response("1"));
        talk.ask("error before next", error("1"));
        talk.next();
        talk.ask("unknown id", Request::post(unknown(RESPONSE), "1"));
        talk.ask(
            "unknown id of an error",
            Request::post(unknown(ERROR), "{}"),
        );
        talk.ask(
            "an id that is none",
            Request::post("/2018-06-01/runtime/invocation/x/response", "1"),
        );
        talk.ask("response", response("1"));
        talk.ask(
            "unknown id after the response",
            Request::post(unknown(RESPONSE), "1"),
        );
        talk.ask("second response", response("2"));
        talk.ask("error after the response", error("{}"));
        talk.answered("caller", caller);
        let caller = talk.invoke("2");
        talk.next();
        talk.ask("response of the second", response("3"));
        talk.answered("second caller", caller);
    });
}

#[test]
fn an_old_id_is_unknown() {
    compare(&[], |talk| {
        let caller = talk.invoke("{}");
        talk.next();
        let old = response("old").clone();
        talk.ask("response", response("1"));
        talk.answered("caller", caller);
        let first = talk.id().to_owned();
        let caller = talk.invoke("{}");
        talk.next();
        talk.ask("response to the first again", old.with_id(&first));
        talk.ask("response", response("2"));
        talk.answered("caller", caller);
    });
}

#[test]
fn next_again_is_the_same_event() {
    compare(&[], |talk| {
        let caller = talk.invoke(r#"{"same":true}"#);
        talk.next();
        let first = talk.id().to_owned();
        talk.ask("next again", next());
        assert_eq!(talk.id(), first);
        talk.ask("response", response("1"));
        talk.answered("caller", caller);
    });
}

#[test]
fn no_mode_is_buffered() {
    compare(&[], |talk| {
        let caller = talk.invoke("{}");
        talk.next();
        talk.ask(
            "response",
            response("1").header("Lambda-Runtime-Function-Response-Mode", ""),
        );
        talk.answered("caller", caller);
    });
}

#[test]
fn a_mode_by_the_name_of_buffered() {
    a_mode_is_unknown("buffered");
}

#[test]
fn streaming_by_its_name() {
    compare(&[], |talk| {
        let caller = talk.invoke("{}");
        talk.next();
        talk.ask(
            "response",
            response("1").header("Lambda-Runtime-Function-Response-Mode", "streaming"),
        );
        talk.answered("caller", caller);
    });
}

#[test]
fn streaming_in_another_case() {
    a_mode_is_unknown("Streaming");
}

#[test]
fn a_mode_there_is_not() {
    a_mode_is_unknown("nonsense");
}

fn a_mode_is_unknown(mode: &str) {
    compare(
        &[(
            "caller",
            NOTHING,
            r#"200 {"errorType":"Runtime.InvalidResponseModeHeader","errorMessage":"RequestId: <id> Error: Invalid function response mode"}"#,
        )],
        |talk| {
            let caller = talk.invoke("{}");
            talk.next();
            talk.ask(
                "response",
                response("1").header("Lambda-Runtime-Function-Response-Mode", mode),
            );
            talk.told("caller", caller);
        },
    );
}

#[test]
fn what_is_for_snapstart() {
    compare(&[], |talk| {
        let caller = talk.invoke("{}");
        talk.ask(
            "restore/next",
            Request::get("/2018-06-01/runtime/restore/next"),
        );
        talk.ask(
            "restore/error",
            Request::post("/2018-06-01/runtime/restore/error", "{}"),
        );
        talk.next();
        talk.ask(
            "restore/next later",
            Request::get("/2018-06-01/runtime/restore/next"),
        );
        talk.ask("response", response("1"));
        talk.answered("caller", caller);
    });
}

#[test]
fn paths_and_methods_there_are_not() {
    compare(&[], |talk| {
        let caller = talk.invoke("{}");
        talk.ask("no path", Request::get("/"));
        talk.ask("no version", Request::get("/runtime/invocation/next"));
        talk.ask(
            "another version",
            Request::get("/2015-03-31/runtime/invocation/next"),
        );
        talk.ask(
            "unknown path",
            Request::get("/2018-06-01/runtime/invocation/nope"),
        );
        talk.ask("a path that goes on", Request::get(format!("{NEXT}/more")));
        talk.ask(
            "a path that ends in a slash",
            Request::get(format!("{NEXT}/")),
        );
        talk.ask("POST next", Request::post(NEXT, "{}"));
        talk.ask("PUT next", Request::new("PUT", NEXT));
        talk.ask("POST ping", Request::post("/2018-06-01/ping", ""));
        talk.ask("GET response", Request::get(RESPONSE));
        talk.ask("GET init/error", Request::get(INIT_ERROR));
        talk.ask("a query", Request::get(format!("{NEXT}?a=b")));
        talk.ask("PUT response", Request::new("PUT", RESPONSE));
        talk.ask("DELETE error", Request::new("DELETE", ERROR));
        talk.ask(
            "response with a query",
            Request::post(format!("{RESPONSE}?a=b"), "1"),
        );
        talk.answered("caller", caller);
    });
}

#[test]
fn a_response_that_breaks_off() {
    compare(
        &[
            ("response", NOTHING, TRUNCATED),
            ("caller", NOTHING, TRUNCATED_FOR_CALLER),
        ],
        |talk| {
            let caller = talk.invoke("{}");
            talk.next();
            talk.ask("response", response("abc").truncated(7));
            talk.told("caller", caller);
        },
    );
}

#[test]
fn chunks_that_break_off() {
    compare(
        &[
            ("response", NOTHING, TRUNCATED),
            ("caller", NOTHING, TRUNCATED_FOR_CALLER),
        ],
        |talk| {
            let caller = talk.invoke("{}");
            talk.next();
            talk.ask("response", response("abc").chunked().truncated(7));
            talk.told("caller", caller);
        },
    );
}

#[test]
fn errors_that_break_off() {
    compare(
        &[
            // Half an error is none: the emulator takes it and loses it.
            (
                "truncated error",
                r#"202 [content-type: application/json] {"status":"OK"}⏎"#,
                TRUNCATED,
            ),
            ("caller", "200 ", TRUNCATED_FOR_CALLER),
        ],
        |talk| {
            let caller = talk.invoke("{}");
            talk.next();
            talk.ask("truncated error", error("{").truncated(7));
            talk.answered("caller", caller);
        },
    );
}

#[test]
fn responses_that_are_too_large() {
    compare(&[TOO_LARGE, TOO_LARGE], |talk| {
        for bytes in [6_291_556, 6_291_557, 8_000_000] {
            let caller = talk.invoke("{}");
            talk.next();
            talk.ask("response", response(&"x".repeat(bytes)));
            talk.answered("caller", caller);
        }
    });
}

#[test]
fn errors_of_the_init() {
    compare(&[], |talk| {
        let caller = talk.invoke("{}");
        talk.ask("init/error", init_error());
        talk.ask("init/error again", init_error());
        talk.ask("next after it", next());
        talk.ask("response after it", response("1"));
        talk.ask("error after it", error("{}"));
        drop(caller);
    });
}

#[test]
fn errors_of_the_init_when_it_is_done() {
    compare(&[], |talk| {
        let caller = talk.invoke("{}");
        talk.next();
        talk.ask("init/error", init_error());
        talk.ask("response", response("1"));
        talk.ask("init/error after the response", init_error());
        talk.answered("caller", caller);
    });
}
