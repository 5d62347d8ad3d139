//! What comes when, wherever the chunks end.

use serde_json::json;

use crate::lambda::Lambda;
use crate::{ACCEPTED, status};

#[test]
fn each_chunk_reaches_the_caller_before_the_next_is_sent() {
    let lambda = Lambda::start();
    let caller = lambda.stream();
    let mut runtime = lambda.runtime();
    let id = runtime.next();
    runtime.begin(&id);
    // The answer begins with the response, before its first byte.
    let mut stream = caller.join().unwrap();
    assert_eq!(stream.status, 200);
    assert_eq!(stream.header("x-amzn-requestid"), Some(id.as_str()));
    for (name, value) in [
        ("content-type", "application/vnd.amazon.eventstream"),
        ("x-amz-executed-version", "$LATEST"),
        ("x-amzn-remapped-content-type", "application/octet-stream"),
    ] {
        assert_eq!(stream.header(name), Some(value), "{name}");
    }
    for bytes in [&b"one"[..], b"\0\xff", b"three"] {
        runtime.chunk(bytes);
        assert_eq!(stream.chunk(), bytes);
    }
    assert!(!runtime.has_answer(), "202 comes after the last chunk");
    runtime.end(&[]);
    assert_eq!(stream.rest(), (Vec::new(), json!({})));
    assert_eq!(status(&runtime.status()), ACCEPTED);
}

#[test]
fn chunks_may_end_anywhere() {
    let lambda = Lambda::start();
    let whole = b"{\"statusCode\":200,\"headers\":{},\"cookies\":[]}\0\0\0\0\0\0\0\0the \0 body\r\n0\r\n\r\n";
    // The first call starts the process.
    let mut runtime = None;
    for border in 0..whole.len() {
        let caller = lambda.stream();
        let runtime = runtime.get_or_insert_with(|| lambda.runtime());
        let id = runtime.next();
        runtime.begin(&id);
        let (before, after) = whole.split_at(border);
        if border > 0 {
            runtime.chunk(before);
        }
        runtime.chunk(after);
        runtime.end(&[]);
        let (bytes, end) = caller.join().unwrap().rest();
        assert_eq!(bytes, whole, "border at {border}");
        assert_eq!(end, json!({}));
        assert_eq!(status(&runtime.status()), ACCEPTED);
    }
}

#[test]
fn segments_may_end_anywhere() {
    let lambda = Lambda::start();
    let caller = lambda.stream();
    let mut runtime = lambda.runtime();
    let id = runtime.next();
    runtime.begin(&id);
    // Of everything that belongs to the framing, each byte in a segment of its own.
    let framed = b"3;name=value\r\nabc\r\n2\r\nde\r\n0\r\nLambda-Runtime-Function-Error-Type: Function.Broke\r\n\r\n";
    for byte in framed {
        runtime.send([*byte]);
    }
    let (bytes, end) = caller.join().unwrap().rest();
    assert_eq!(bytes, b"abcde");
    assert_eq!(
        end,
        json!({"ErrorCode": "Function.Broke", "ErrorDetails": ""})
    );
    assert_eq!(status(&runtime.status()), ACCEPTED);
}

#[test]
fn while_a_response_streams_other_calls_are_out_of_order() {
    let lambda = Lambda::start();
    let caller = lambda.stream();
    let mut runtime = lambda.runtime();
    let id = runtime.next();
    runtime.begin(&id);
    runtime.chunk("a");
    let mut stream = caller.join().unwrap();
    assert_eq!(stream.chunk(), b"a");
    let refused = |to: &str| {
        format!(
            "{{\"errorMessage\":\"State transition from InvocationResponse to {to} failed for runtime. Error: State transition is not allowed\",\"errorType\":\"InvalidStateTransition\"}}\n"
        )
    };
    let mut other = lambda.runtime();
    other.send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(other.status(), (403, refused("Ready")));
    other.respond(&id, &["Content-Length: 1"]);
    other.send("1");
    assert_eq!(other.status(), (403, refused("InvocationResponse")));
    other.begin(&id);
    other.chunk("never to be seen");
    other.end(&[]);
    assert_eq!(other.status(), (403, refused("InvocationResponse")));
    // The stream is none the worse.
    runtime.chunk("b");
    runtime.end(&[]);
    assert_eq!(stream.rest(), (b"b".to_vec(), json!({})));
    assert_eq!(status(&runtime.status()), ACCEPTED);
    // Nor does a response begin that nobody asked for: the id comes before the state.
    runtime.begin("00000000-0000-0000-0000-000000000000");
    runtime.end(&[]);
    assert_eq!(runtime.status().0, 400);
}
