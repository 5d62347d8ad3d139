//! Sizes, bandwidth, and memory.

use std::time::{Duration, Instant};

use kiln_service::StreamLimits;
use serde_json::json;

use crate::lambda::Lambda;
use crate::{ACCEPTED, status};

const MINUTE: Duration = Duration::from_secs(60);
const UNLIMITED: StreamLimits = StreamLimits {
    max_bytes: usize::MAX,
    burst_bytes: u32::MAX,
    bytes_per_second: u32::MAX,
};

#[test]
fn a_stream_ends_at_its_largest_size() {
    let limits = StreamLimits {
        max_bytes: 100_000,
        ..StreamLimits::default()
    };
    let lambda = Lambda::with(limits, MINUTE);
    let mut runtime = None;
    for (bytes, fits) in [(100_000, true), (100_001, false), (3_000_000, false)] {
        let caller = lambda.stream();
        let runtime = runtime.get_or_insert_with(|| lambda.runtime());
        let id = runtime.next();
        runtime.begin(&id);
        runtime.chunk(vec![b'x'; bytes]);
        runtime.end(&[]);
        let (received, end) = caller.join().unwrap().rest();
        let answer = runtime.status();
        if fits {
            assert_eq!((received.len(), end), (bytes, json!({})));
            assert_eq!(status(&answer), ACCEPTED);
        } else {
            assert!(received.len() <= 100_000);
            assert_eq!(
                end,
                json!({
                    "ErrorCode": "Function.ResponseSizeTooLarge",
                    "ErrorDetails": r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (100000 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#,
                })
            );
            // The runtime is heard out, told, and goes on.
            assert_eq!(
                status(&answer),
                (
                    413,
                    "{\"errorMessage\":\"Exceeded maximum allowed payload size (100000 bytes).\",\"errorType\":\"RequestEntityTooLarge\"}\n"
                )
            );
        }
    }
}

#[test]
fn two_hundred_megabytes_are_a_stream_and_one_byte_more_is_too_many() {
    let limits = StreamLimits {
        max_bytes: StreamLimits::default().max_bytes,
        ..UNLIMITED
    };
    assert_eq!(limits.max_bytes, 209_715_200);
    let lambda = Lambda::with(limits, MINUTE);
    let caller = lambda.stream();
    let mut runtime = lambda.runtime();
    let id = runtime.next();
    runtime.begin(&id);
    let mut stream = caller.join().unwrap();
    let sending = std::thread::spawn(move || {
        let megabyte = vec![b'x'; 1 << 20];
        for _ in 0..200 {
            runtime.chunk(&megabyte);
        }
        runtime.chunk("x");
        runtime.end(&[]);
        runtime.status()
    });
    let (received, end) = stream.rest();
    assert_eq!(received.len(), 209_715_200);
    assert_eq!(end["ErrorCode"], "Function.ResponseSizeTooLarge");
    assert_eq!(sending.join().unwrap().0, 413);
}

#[test]
fn after_the_burst_the_bandwidth_holds() {
    let limits = StreamLimits {
        burst_bytes: 64 * 1024,
        bytes_per_second: 256 * 1024,
        ..UNLIMITED
    };
    let lambda = Lambda::with(limits, MINUTE);
    let caller = lambda.stream();
    let mut runtime = lambda.runtime();
    let id = runtime.next();
    runtime.begin(&id);
    let mut stream = caller.join().unwrap();
    let began = Instant::now();
    runtime.chunk(vec![b'x'; 192 * 1024]);
    runtime.end(&[]);
    assert_eq!(stream.rest().0.len(), 192 * 1024);
    // A bound from below, which no busy machine breaks: 128 KiB at 256 KiB/s.
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(450), "{took:?}");
    assert_eq!(status(&runtime.status()), ACCEPTED);
}

#[test]
fn a_caller_that_does_not_read_holds_back_the_function() {
    let lambda = Lambda::with(UNLIMITED, MINUTE);
    let caller = lambda.stream();
    let mut runtime = lambda.runtime();
    let id = runtime.next();
    runtime.begin(&id);
    let mut stream = caller.join().unwrap();
    let total = 128 << 20;
    let all = vec![b'x'; total];
    runtime.send(format!("{total:x}\r\n"));
    let taken = runtime.send_until_blocked(&all, Duration::from_millis(500));
    // The buffers of two connections and of what lies between, and not the response.
    assert!(taken < total / 2, "{taken} bytes wait somewhere");
    let sending = std::thread::spawn(move || {
        runtime.send(&all[taken..]);
        runtime.send("\r\n");
        runtime.end(&[]);
        runtime.status()
    });
    assert_eq!(stream.rest().0.len(), total);
    assert_eq!(status(&sending.join().unwrap()), ACCEPTED);
}
