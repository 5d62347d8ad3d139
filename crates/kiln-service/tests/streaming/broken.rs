//! Responses that do not end as they should: each caller is told why, once, and the next call works.

use std::time::Duration;

use kiln_service::StreamLimits;
use kiln_testing::{Stream, eventually};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::lambda::{Lambda, Runtime};
use crate::{ACCEPTED, status};

const TRUNCATED: (u16, &str) = (
    400,
    "{\"errorMessage\":\"HTTP request detected as truncated\",\"errorType\":\"TruncatedHTTPRequest\"}\n",
);

/// A call that has received the first chunk, `begun`, of its answer.
fn begun(lambda: &Lambda) -> (Runtime, String, Stream) {
    let caller = lambda.stream();
    let mut runtime = lambda.runtime();
    let id = runtime.next();
    runtime.begin(&id);
    runtime.chunk("begun");
    let mut stream = caller.join().unwrap();
    assert_eq!(stream.chunk(), b"begun");
    (runtime, id, stream)
}

fn error(code: &str, id: &str, message: &str) -> Value {
    let details =
        format!(r#"{{"errorType":"{code}","errorMessage":"RequestId: {id} Error: {message}"}}"#);
    json!({"ErrorCode": code, "ErrorDetails": details})
}

/// A whole call, which works.
fn next_call_works(lambda: &Lambda, runtime: &mut Runtime) {
    let caller = lambda.stream();
    let id = runtime.next();
    runtime.begin(&id);
    runtime.chunk("fine");
    runtime.end(&[]);
    assert_eq!(caller.join().unwrap().rest(), (b"fine".to_vec(), json!({})));
    assert_eq!(status(&runtime.status()), ACCEPTED);
}

#[test]
fn trailers_tell_of_an_error_half_way() {
    let lambda = Lambda::start();
    let (mut runtime, _, mut stream) = begun(&lambda);
    runtime.chunk("more");
    runtime.end(&[
        "Lambda-Runtime-Function-Error-Type: Function.RanOut",
        "Lambda-Runtime-Function-Error-Body: eyJlcnJvck1lc3NhZ2UiOiJyYW4gb3V0In0=",
    ]);
    assert_eq!(
        stream.rest(),
        (
            b"more".to_vec(),
            json!({"ErrorCode": "Function.RanOut", "ErrorDetails": r#"{"errorMessage":"ran out"}"#})
        )
    );
    assert_eq!(status(&runtime.status()), ACCEPTED);
    next_call_works(&lambda, &mut runtime);
}

#[test]
fn a_response_cut_short_is_truncated() {
    let lambda = Lambda::start();
    type Break = fn(&mut Runtime);
    let half_a_chunk: Break = |runtime| {
        runtime.send("20\r\nhalf");
        runtime.finish_sending();
    };
    let no_last_chunk: Break = Runtime::finish_sending;
    let nonsense: Break = |runtime| runtime.send("no number\r\n");
    for (name, how) in [
        ("half a chunk", half_a_chunk),
        ("no last chunk", no_last_chunk),
        ("nonsense", nonsense),
    ] {
        let (mut runtime, id, mut stream) = begun(&lambda);
        how(&mut runtime);
        let (_, end) = stream.rest();
        let message = "HTTP request detected as truncated";
        assert_eq!(
            end,
            error("Runtime.TruncatedResponse", &id, message),
            "{name}"
        );
        assert_eq!(status(&runtime.status()), TRUNCATED, "{name}");
        next_call_works(&lambda, &mut lambda.runtime());
    }
    // A connection that is gone hears nothing; the caller does.
    let (runtime, _, mut stream) = begun(&lambda);
    drop(runtime);
    assert_eq!(stream.rest().1["ErrorCode"], "Runtime.TruncatedResponse");
    next_call_works(&lambda, &mut lambda.runtime());
}

#[test]
fn an_announced_size_that_lies_is_truncated() {
    let lambda = Lambda::start();
    for mode in [
        "X-Nothing: 1",
        "Lambda-Runtime-Function-Response-Mode: streaming",
    ] {
        let caller = lambda.invoke();
        let mut runtime = lambda.runtime();
        let id = runtime.next();
        runtime.respond(&id, &[mode, "Content-Length: 10"]);
        runtime.send("short");
        runtime.finish_sending();
        let answer = caller.join().unwrap();
        assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
        assert_eq!(
            answer.text(),
            format!(
                r#"{{"errorType":"Runtime.TruncatedResponse","errorMessage":"RequestId: {id} Error: HTTP request detected as truncated"}}"#
            )
        );
        assert_eq!(status(&runtime.status()), TRUNCATED, "{mode}");
        next_call_works(&lambda, &mut lambda.runtime());
    }
}

#[test]
fn a_crash_ends_the_stream_with_the_exit_of_the_process() {
    let lambda = Lambda::start();
    let (runtime, id, mut stream) = begun(&lambda);
    let pid = lambda.pid();
    // As when a process ends: its connections break, then its exit is known.
    drop(runtime);
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    let message = "Runtime exited with error: signal: killed";
    assert_eq!(
        stream.rest(),
        (Vec::new(), error("Runtime.ExitError", &id, message))
    );
    let caller = lambda.stream();
    eventually("a new process", || (lambda.pid() != pid).then_some(()));
    let mut runtime = lambda.runtime();
    let id = runtime.next();
    runtime.begin(&id);
    runtime.end(&[]);
    assert_eq!(caller.join().unwrap().rest(), (Vec::new(), json!({})));
}

#[test]
fn a_timeout_ends_the_stream() {
    let lambda = Lambda::with(StreamLimits::default(), Duration::from_secs(2));
    let (mut runtime, id, mut stream) = begun(&lambda);
    runtime.chunk("the last");
    let (bytes, end) = stream.rest();
    assert_eq!(bytes, b"the last");
    assert_eq!(
        end,
        error("Sandbox.Timedout", &id, "Task timed out after 2.00 seconds")
    );
}

#[test]
fn a_service_that_closes_ends_the_stream() {
    let lambda = Lambda::start();
    let (_runtime, id, mut stream) = begun(&lambda);
    lambda.close();
    assert_eq!(
        stream.rest(),
        (
            Vec::new(),
            error("Sandbox.Failure", &id, "the service stopped")
        )
    );
    // Before the answer has begun there is no stream to end.
    let lambda = Lambda::start();
    let caller = lambda.stream();
    lambda.runtime().next();
    lambda.close();
    let stream = caller.join().unwrap();
    assert_eq!(stream.status, 500);
    assert_eq!(stream.header("x-amzn-errortype"), Some("ServiceException"));
}

#[test]
fn a_caller_that_goes_away_does_not_stop_the_function() {
    let lambda = Lambda::start();
    let (mut runtime, _, stream) = begun(&lambda);
    drop(stream);
    // More than waits anywhere, and than the bandwidth of a caller would let through in time.
    let much = vec![b'x'; 1 << 20];
    for _ in 0..32 {
        runtime.chunk(&much);
    }
    runtime.end(&[]);
    assert_eq!(status(&runtime.status()), ACCEPTED);
    next_call_works(&lambda, &mut runtime);
}
