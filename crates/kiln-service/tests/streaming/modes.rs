//! Callers and functions of which only one streams, and requests that run nothing.

use kiln_testing::eventually;
use serde_json::json;

use crate::lambda::Lambda;
use crate::{ACCEPTED, status};

const STREAMING: &str = "/2021-11-15/functions/played/response-streaming-invocations";

#[test]
fn a_streamed_answer_to_a_buffered_invoke_is_collected() {
    let lambda = Lambda::start();
    let caller = lambda.invoke();
    let mut runtime = lambda.runtime();
    let id = runtime.next();
    runtime.begin(&id);
    let whole = b"{\"statusCode\":404}\0\0\0\0\0\0\0\0body";
    for byte in whole {
        runtime.chunk([*byte]);
    }
    runtime.end(&[]);
    let answer = caller.join().unwrap();
    // The prelude is not interpreted.
    assert_eq!((answer.status, &answer.body[..]), (200, &whole[..]));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(status(&runtime.status()), ACCEPTED);

    let caller = lambda.invoke();
    let id = runtime.next();
    runtime.begin(&id);
    runtime.chunk("lost");
    runtime.end(&[
        "Lambda-Runtime-Function-Error-Type: Function.RanOut",
        "Lambda-Runtime-Function-Error-Body: eyJlcnJvck1lc3NhZ2UiOiJyYW4gb3V0In0=",
    ]);
    let answer = caller.join().unwrap();
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
    assert_eq!(answer.text(), r#"{"errorMessage":"ran out"}"#);
    assert_eq!(status(&runtime.status()), ACCEPTED);
}

#[test]
fn a_collected_answer_has_the_limit_of_a_buffered_one() {
    let lambda = Lambda::start();
    let mut runtime = None;
    for (bytes, fits) in [(6_291_556, true), (6_291_557, false)] {
        let caller = lambda.invoke();
        let runtime = runtime.get_or_insert_with(|| lambda.runtime());
        let id = runtime.next();
        runtime.begin(&id);
        runtime.chunk(vec![b'x'; bytes]);
        runtime.end(&[]);
        let answer = caller.join().unwrap();
        if fits {
            assert_eq!(answer.body.len(), bytes);
            assert_eq!(status(&runtime.status()), ACCEPTED);
        } else {
            assert_eq!(
                answer.text(),
                r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#
            );
            assert_eq!(runtime.status().0, 413);
        }
    }
}

#[test]
fn a_buffered_answer_to_a_streaming_invoke_becomes_chunks() {
    let lambda = Lambda::start();
    let mut runtime = None;
    for body in [&b""[..], b"null", &[b'x'; 200_000]] {
        let caller = lambda.stream();
        let runtime = runtime.get_or_insert_with(|| lambda.runtime());
        let id = runtime.next();
        runtime.respond(&id, &[&format!("Content-Length: {}", body.len())]);
        runtime.send(body);
        let mut stream = caller.join().unwrap();
        assert_eq!(stream.header("x-amzn-remapped-content-type"), None);
        assert_eq!(stream.rest(), (body.to_vec(), json!({})));
        assert_eq!(status(&runtime.status()), ACCEPTED);
    }
    // An error is told at the end; nothing of it is payload.
    let mut runtime = runtime.unwrap();
    let caller = lambda.stream();
    let id = runtime.next();
    runtime.send(format!(
        "POST /2018-06-01/runtime/invocation/{id}/error HTTP/1.1\r\nhost: x\r\nContent-Length: 2\r\n\r\n{{}}"
    ));
    let mut stream = caller.join().unwrap();
    assert_eq!(stream.status, 200);
    let end = json!({"ErrorCode": "Unhandled", "ErrorDetails": "{}"});
    assert_eq!(stream.rest(), (Vec::new(), end));
}

#[test]
fn the_log_comes_with_the_end() {
    use base64::Engine as _;
    let lambda = Lambda::start();
    let caller = lambda.stream_with(&[("x-amz-log-type", "Tail")]);
    let mut runtime = lambda.runtime();
    let id = runtime.next();
    runtime.begin(&id);
    let mut stream = caller.join().unwrap();
    runtime.chunk("at once");
    assert_eq!(stream.chunk(), b"at once");
    runtime.end(&[]);
    assert_eq!(status(&runtime.status()), ACCEPTED);
    // The invocation is over, and its log complete, when the runtime comes back.
    let back = std::thread::spawn(move || runtime.next());
    let (bytes, end) = stream.rest();
    assert_eq!(bytes, b"");
    let log = base64::engine::general_purpose::STANDARD
        .decode(end["LogResult"].as_str().unwrap())
        .unwrap();
    let log = String::from_utf8(log).unwrap();
    assert!(log.starts_with(&format!("START RequestId: {id}")), "{log}");
    assert!(
        log.contains(&format!("\nREPORT RequestId: {id}\t")),
        "{log}"
    );
    assert_eq!(end.as_object().unwrap().len(), 1);
    drop(lambda.stream());
    back.join().unwrap();
}

#[test]
fn a_response_mode_that_there_is_not_is_refused() {
    let lambda = Lambda::start();
    let caller = lambda.invoke();
    let mut runtime = lambda.runtime();
    let id = runtime.next();
    let mode = "Lambda-Runtime-Function-Response-Mode: drip";
    runtime.respond(&id, &[mode, "Content-Length: 2"]);
    runtime.send("{}");
    assert_eq!(
        status(&runtime.status()),
        (
            400,
            "{\"errorMessage\":\"Invalid function response mode\",\"errorType\":\"InvalidFunctionResponseMode\"}\n"
        )
    );
    let answer = caller.join().unwrap();
    assert_eq!(
        answer.json()["errorType"],
        "Runtime.InvalidResponseModeHeader"
    );
    // The runtime goes on.
    let caller = lambda.invoke();
    let id = runtime.next();
    runtime.respond(&id, &["Content-Length: 1"]);
    runtime.send("1");
    assert_eq!(caller.join().unwrap().text(), "1");
}

#[test]
fn a_function_started_elsewhere_streams_too() {
    let lambda = Lambda::external();
    let caller = lambda.stream();
    let mut runtime = lambda.external_runtime();
    let id = runtime.next();
    runtime.begin(&id);
    let mut stream = caller.join().unwrap();
    runtime.chunk("one");
    assert_eq!(stream.chunk(), b"one");
    runtime.end(&["Lambda-Runtime-Function-Error-Type: Function.Broke"]);
    let end = json!({"ErrorCode": "Function.Broke", "ErrorDetails": ""});
    assert_eq!(stream.rest(), (Vec::new(), end));
    assert_eq!(status(&runtime.status()), ACCEPTED);
    // Its debugger ends it half way: the next one answers the next call.
    let caller = lambda.stream();
    let id = runtime.next();
    runtime.begin(&id);
    let mut stream = caller.join().unwrap();
    drop(runtime);
    assert_eq!(stream.rest().1["ErrorCode"], "Runtime.TruncatedResponse");
    let caller = lambda.stream();
    let mut runtime = lambda.external_runtime();
    let id = runtime.next();
    runtime.begin(&id);
    runtime.chunk("fine");
    runtime.end(&[]);
    assert_eq!(caller.join().unwrap().rest(), (b"fine".to_vec(), json!({})));
}

#[test]
fn bad_requests_and_dry_runs_run_nothing() {
    let lambda = Lambda::start();
    let client = lambda.client();
    let dry = client.post(STREAMING, "{}", &[("x-amz-invocation-type", "DryRun")]);
    assert_eq!((dry.status, dry.text()), (204, String::new()));
    let event = client.post(STREAMING, "{}", &[("x-amz-invocation-type", "Event")]);
    assert_eq!(
        (event.status, event.header("x-amzn-errortype")),
        (400, Some("ValidationException"))
    );
    let not_json = client.post(STREAMING, "{nope", &[]);
    assert_eq!(
        (not_json.status, not_json.header("x-amzn-errortype")),
        (400, Some("InvalidRequestContentException"))
    );
    let large = client.post(STREAMING, format!("\"{}\"", "x".repeat(6_291_455)), &[]);
    assert_eq!(large.status, 413);
    let version = client.post(&format!("{STREAMING}?Qualifier=7"), "{}", &[]);
    assert_eq!(version.status, 404);
    let unknown = client.stream("nobody", "{}");
    assert_eq!(
        (unknown.status, unknown.header("x-amzn-errortype")),
        (404, Some("ResourceNotFoundException"))
    );
    // A caller that sends no HTTP is none of the others' business.
    let mut nonsense = client.connect();
    std::io::Write::write_all(&mut nonsense, b"POST nonsense\r\n\r\n").unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut nonsense, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(!lambda.has_started(), "no process was started");
    let caller = lambda.stream();
    eventually("a good call to start one", || {
        lambda.has_started().then_some(())
    });
    let mut runtime = lambda.runtime();
    let id = runtime.next();
    runtime.begin(&id);
    runtime.end(&[]);
    assert_eq!(caller.join().unwrap().rest(), (Vec::new(), json!({})));
}
