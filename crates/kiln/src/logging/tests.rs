//! Lines, from the macro to the writer.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use lambda_runtime::{Context, LambdaEvent};
use proptest::prelude::*;
use serde_json::{Value, json};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing::{debug, error, info, info_span, instrument, trace, warn};
use tracing_subscriber::layer::SubscriberExt as _;

use super::state::RawEvent;
use super::*;
use crate::clock::Clock;
use crate::invocation::Invocation;

#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_795_348_800_007)
    }
}

/// A subscriber that wants everything, for as long as the tests run.
///
/// While there is only one, `tracing` asks it alone which lines anybody wants, and remembers the answer
/// for the other tests, of which each has a subscriber of its own.
static ANYBODY: LazyLock<tracing::Dispatch> =
    LazyLock::new(|| tracing::Dispatch::new(tracing_subscriber::registry()));

fn logging() -> Logging {
    LazyLock::force(&ANYBODY);
    Logging::new()
        .format(Format::Json)
        .service("orders")
        .clock(Noon)
}

/// What is logged meanwhile.
fn lines(logging: Logging, work: impl FnOnce()) -> Vec<Value> {
    let captured = Captured::default();
    let layer = logging.writer(captured.clone()).layer();
    let subscriber = tracing_subscriber::registry().with(layer);
    // Outside of any, the only invocation in flight in the process counts, which may be that of a test
    // beside; and its buffer would have this test's lines.
    let of_nobody = Invocation::with_cold_start(Context::default(), false);
    of_nobody.sync_scope(|| tracing::subscriber::with_default(subscriber, work));
    let lines = captured.lines().into_iter();
    lines
        .map(|line| serde_json::from_str(&line).expect(&line))
        .collect()
}

fn line(work: impl FnOnce()) -> Value {
    let mut lines = lines(logging(), work);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

fn invocation() -> Arc<Invocation> {
    let mut context = Context::default();
    context.request_id = "r-1".to_owned();
    context.invoked_function_arn = "arn:aws:lambda:eu-west-1:1:function:orders".to_owned();
    context.xray_trace_id = Some("Root=1-2-3;Parent=4;Sampled=1".to_owned());
    context.env_config = Arc::new(lambda_runtime::Config {
        function_name: "orders".to_owned(),
        memory: 512,
        ..Default::default()
    });
    Invocation::with_cold_start(context, true)
}

#[test]
fn keys_have_a_fixed_order() {
    let captured = Captured::default();
    let layer = logging()
        .key("team", "checkout")
        .writer(captured.clone())
        .layer();
    let subscriber = tracing_subscriber::registry().with(layer);
    let at = line!() + 3;
    tracing::subscriber::with_default(subscriber, || {
        invocation().sync_scope(|| {
            info!(n = 1, "placed");
        });
    });
    let expected = format!(
        concat!(
            r#"{{"level":"INFO","location":"{}:{}","message":"placed","timestamp":"2026-11-22T12:00:00.007Z","#,
            r#""service":"orders","cold_start":true,"function_name":"orders","function_memory_size":512,"#,
            r#""function_arn":"arn:aws:lambda:eu-west-1:1:function:orders","function_request_id":"r-1","#,
            r#""xray_trace_id":"1-2-3","team":"checkout","n":1}}"#,
        ),
        module_path!(),
        at,
    );
    assert_eq!(captured.lines(), [expected]);
}

#[test]
fn the_tenant_is_behind_the_keys_of_powertools() {
    let captured = Captured::default();
    let layer = logging().sample_rate(1.0).writer(captured.clone()).layer();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        let mut context = invocation().context.clone();
        context.tenant_id = Some("blue".to_owned());
        Invocation::with_cold_start(context, false).sync_scope(|| {
            set_correlation_id("c-1");
            info!(tenant_id = "other", "placed");
        });
    });
    let line = &captured.lines()[0];
    let expected = concat!(
        r#","xray_trace_id":"1-2-3","correlation_id":"c-1","tenant_id":"blue","sampling_rate":1.0,"#,
        r#""tenant_id_":"other"}"#
    );
    assert!(line.ends_with(expected), "{line}");
}

#[test]
fn levels_have_lambdas_names() {
    let found = lines(logging().level(Level::TRACE), || {
        trace!("");
        debug!("");
        info!("");
        warn!("");
        error!("");
    });
    let found: Vec<&Value> = found.iter().map(|line| &line["level"]).collect();
    assert_eq!(found, ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]);
}

#[derive(Debug)]
struct Outer(Inner);
#[derive(Debug)]
struct Inner;

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not saved")
    }
}
impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such table")
    }
}
impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}
impl Error for Inner {}

#[test]
fn every_kind_of_value_is_json() {
    let outer = Outer(Inner);
    let found = line(|| {
        info!(
            int = -1,
            big = u64::MAX,
            huge = u128::MAX,
            small = i128::from(7),
            float = 0.5,
            nan = f64::NAN,
            yes = true,
            text = "a\n\"b\"\u{1b}",
            bytes = &b"caf\xe9"[..],
            debug = ?Some(1),
            object = %json!({"b": {"c": [1]}, "a": 2}),
            no_object = "{oops",
            error = &outer as &dyn Error,
            "all of \"them\"\n"
        );
    });
    for (name, value) in [
        ("message", json!("all of \"them\"\n")),
        ("int", json!(-1)),
        ("big", json!(u64::MAX)),
        ("huge", json!(u128::MAX.to_string())),
        ("small", json!(7)),
        ("float", json!(0.5)),
        ("nan", json!("NaN")),
        ("yes", json!(true)),
        ("text", json!("a\n\"b\"\u{1b}")),
        ("bytes", json!("caf\u{fffd}")),
        ("debug", json!("Some(1)")),
        ("object", json!({"b": {"c": [1]}, "a": 2})),
        ("no_object", json!("{oops")),
        ("error", json!("not saved: no such table")),
    ] {
        assert_eq!(found[name], value, "{name}");
    }
}

#[test]
fn secrets_are_not_written() {
    let order = json!({"id": 1, "card": {"Token": "hunter2"}, "list": [{"api_key": "hunter2"}]});
    let captured = Captured::default();
    let logging = logging()
        .redact(["iban"])
        .key("shared_secret", "hunter2")
        .key("database", json!({"password": "hunter2"}));
    let layer = logging.writer(captured.clone()).layer();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        let span = info_span!(
            "pay",
            authorization = "hunter2",
            session_token = tracing::field::Empty
        );
        span.record("session_token", "hunter2");
        let _entered = span.enter();
        info!(password = "hunter2", customer_iban = 7_777_777, %order, "paid");
    });
    let [line] = &captured.lines()[..] else {
        panic!("one line")
    };
    assert!(
        !line.contains("hunter2") && !line.contains("7777777"),
        "{line}"
    );
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["order"]["card"]["Token"], "[redacted]");
    assert_eq!(line["authorization"], "[redacted]");
    assert_eq!(line["session_token"], "[redacted]");
    assert_eq!(line["order"]["id"], 1);
}

#[test]
fn secrets_are_not_written_wherever_they_are() {
    #[derive(Debug)]
    struct Refused {
        #[expect(dead_code, reason = "it is only written")]
        password: &'static str,
        source: Inner,
    }
    impl fmt::Display for Refused {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no answer of https://x.y/?token=hunter2&n=1")
        }
    }
    impl Error for Refused {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.source)
        }
    }
    let refused = Refused {
        password: "hunter2",
        source: Inner,
    };
    let list = json!([{"password": "hunter2"}]);
    let body = json!({ "body": list.to_string() });
    let found = lines(logging().buffer(Buffer::default()), || {
        handle(async || {
            let span = info_span!("pay", by = ?refused, request = %body);
            let _entered = span.enter();
            debug!(%list, ?refused, %body, error = &refused as &dyn Error, "said {refused:?}");
            Err("failed")
        });
    });
    let line = &found[0];
    assert!(!line.to_string().contains("hunter2"), "{line}");
    for (name, value) in [
        ("list", json!(r#"[{"password":"[redacted]"}]"#)),
        (
            "refused",
            json!(r#"Refused { password: "[redacted]", source: Inner }"#),
        ),
        (
            "error",
            json!("no answer of https://x.y/?token=[redacted]&n=1: no such table"),
        ),
        ("body", json!({"body": r#"[{"password":"[redacted]"}]"#})),
        (
            "message",
            json!(r#"said Refused { password: "[redacted]", source: Inner }"#),
        ),
    ] {
        assert_eq!(line[name], value, "{name}");
    }
}

#[test]
fn names_that_are_words_of_rust_are_written_as_they_are_meant() {
    let found = line(|| info!(r#type = "order", r#secret = "hunter2", "m"));
    assert_eq!(found["type"], "order");
    assert_eq!(found["secret"], "[redacted]");
}

#[test]
fn an_event_of_any_kind_has_no_secrets() {
    for (event, expected) in [
        (
            r#"[{"password": "hunter2"}]"#,
            json!([{"password": "[redacted]"}]),
        ),
        (r#""{\"token\":1}""#, json!(r#"{"token":"[redacted]"}"#)),
        (
            r#"{"Records":[{"body":"{\"password\":\"hunter2\",\"n\":1}"}]}"#,
            json!({"Records":[{"body": r#"{"password":"[redacted]","n":1}"#}]}),
        ),
        (
            r#"{"password": "hunter2", "#,
            json!(r#"{"password": "[redacted]", "#),
        ),
        ("17", json!(17)),
    ] {
        let found = lines(logging().log_event(true), || {
            let of = invocation();
            of.parts().insert(RawEvent(Bytes::from(event)));
            of.sync_scope(|| info!(target: super::layer::EVENT_TARGET, "event"));
        });
        assert_eq!(found[0]["event"], expected, "{event}");
    }
}

#[test]
fn a_field_does_not_take_the_place_of_a_key() {
    let found = line(|| info!(level = "none", timestamp = 0, function_name = "x", "m"));
    assert_eq!(found["level"], "INFO");
    assert_eq!(found["level_"], "none");
    assert_eq!(found["timestamp_"], 0);
    assert_eq!(found["function_name_"], "x");
}

#[test]
fn spans_add_their_fields_the_innermost_first() {
    #[instrument(skip_all, fields(order = 2, step = tracing::field::Empty))]
    fn inner() {
        tracing::Span::current().record("step", "first");
        tracing::Span::current().record("step", "last");
        info!(item = 3, "inside");
    }
    let found = line(|| info_span!("outer", order = 1, item = 1, user = "u").in_scope(inner));
    assert_eq!(found["item"], 3);
    assert_eq!(found["order"], 2);
    assert_eq!(found["step"], "last");
    assert_eq!(found["user"], "u");
}

#[test]
fn huge_values_are_cut_and_the_line_stays_json() {
    let long = "ü".repeat(100_000);
    let object = json!({"password": "hunter2", "text": long});
    let found = line(|| info!(long, %object, b = long, c = long, d = long, e = long, "{long}"));
    let text = found["long"].as_str().unwrap();
    assert!(
        text.ends_with("… [134464 bytes more]"),
        "{}",
        &text[65_530..]
    );
    assert!(found["message"].as_str().unwrap().len() < 66_000);
    let object = found["object"].as_str().unwrap();
    assert!(!object.contains("hunter2") && object.contains("[redacted]"));
    assert_eq!(found["fields_dropped"], 3);
    assert!(found.to_string().len() < 400_000);
}

#[test]
fn lines_of_spawned_work_belong_to_the_invocation() {
    let captured = Captured::default();
    let layer = logging().writer(captured.clone()).layer();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    // Two at once, as on managed instances: a task that was not told is nobody's, one with a span is.
    let one = invocation();
    let mut context = Context::default();
    context.request_id = "r-2".to_owned();
    let two = Invocation::with_cold_start(context, false);
    tracing::dispatcher::with_default(&dispatch, || {
        runtime.block_on(two.scope(one.scope(async {
            use tracing::Instrument as _;
            let span = info_span!("invocation");
            let told = async { info!("told") }.instrument(span);
            tokio::spawn(told).await.unwrap();
        })));
    });
    let line: Value = serde_json::from_str(&captured.lines()[0]).unwrap();
    assert_eq!(line["function_request_id"], "r-1");
}

/// Two at once, as on managed instances: a spawned task has its span and nothing else.
#[test]
fn details_of_spawned_work_are_kept_with_their_invocation_at_any_level() {
    for (level, expected) in [
        (Level::INFO, &["a detail", "at info", "failed"][..]),
        (Level::ERROR, &["a detail", "failed"]),
    ] {
        let captured = Captured::default();
        let logging = logging().level(level).buffer(Buffer::default());
        let layer = logging.writer(captured.clone()).layer();
        let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let service = LoggingLayer::new().layer(service_fn(async |_: LambdaEvent<()>| {
            use tracing::Instrument as _;
            let told = async {
                debug!("a detail");
                info!("at info");
                error!("failed");
            };
            tokio::spawn(told.in_current_span()).await
        }));
        let of = invocation();
        let event = LambdaEvent::new((), of.context.clone());
        let beside = Invocation::with_cold_start(Context::default(), false);
        tracing::dispatcher::with_default(&dispatch, || {
            let handled = beside.scope(of.scope(service.oneshot(event)));
            runtime.block_on(handled).unwrap();
        });
        let lines: Vec<Value> = captured
            .lines()
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let mut found = messages(&lines);
        found.sort_unstable();
        assert_eq!(found, expected, "{level}");
        for line in &lines {
            assert_eq!(line["function_request_id"], "r-1", "{line}");
        }
    }
}

#[test]
fn who_holds_what_layers_keep_can_log() {
    let (done, is_done) = std::sync::mpsc::channel();
    // A thread, which would wait forever.
    std::thread::spawn(move || {
        let logged = line(|| {
            let of = invocation();
            of.extensions().insert(17_u32);
            of.clone().sync_scope(|| {
                if let Some(customer) = of.extensions().get::<u32>() {
                    info!(customer, "found");
                    assert!(crate::Deadline::current().remaining().is_none());
                }
            });
        });
        done.send(logged)
    });
    let logged = is_done.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(logged["customer"], 17);
    assert_eq!(logged["function_request_id"], "r-1");
}

#[test]
fn the_correlation_id_is_found_in_the_event_or_set() {
    let logging = logging().correlation_id_path(correlation_paths::APPLICATION_LOAD_BALANCER);
    let found = lines(logging, || {
        let of = invocation();
        let body = Bytes::from_static(br#"{"headers": {"X-Amzn-Trace-Id": "t-1"}}"#);
        of.parts().insert(RawEvent(body));
        of.sync_scope(|| {
            info!("found");
            set_correlation_id("t-2");
            info!("set");
        });
        invocation().sync_scope(|| info!("none"));
    });
    let ids: Vec<&Value> = found.iter().map(|line| &line["correlation_id"]).collect();
    assert_eq!(ids, [&json!("t-1"), &json!("t-2"), &Value::Null]);
}

/// Handles one invocation with the layer.
fn handle(handler: impl AsyncFn() -> Result<(), &'static str>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let of = invocation();
    let body = Bytes::from_static(br#"{"id": 1, "password": "hunter2"}"#);
    of.parts().insert(RawEvent(body));
    let event = LambdaEvent::new((), of.context.clone());
    let service = LoggingLayer::new().layer(service_fn(|_: LambdaEvent<()>| handler()));
    let _failed = runtime.block_on(of.scope(service.oneshot(event)));
}

fn messages(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .filter_map(|line| line["message"].as_str())
        .collect()
}

#[test]
fn the_event_is_logged_without_its_secrets_when_asked_for() {
    let of = |logging| lines(logging, || handle(async || Ok(())));
    assert!(of(logging()).is_empty());
    let found = of(logging().log_event(true));
    assert_eq!(
        found[0]["event"],
        json!({"id": 1, "password": "[redacted]"})
    );
    assert_eq!(found[0]["function_request_id"], "r-1");
}

#[test]
fn what_is_kept_back_is_forgotten_unless_something_fails() {
    let buffered = |handler: &dyn Fn() -> Result<(), &'static str>| {
        let found = lines(logging().buffer(Buffer::default()), || {
            handle(async || handler());
        });
        messages(&found).join(",")
    };
    for (handler, expected) in [
        (
            &(|| {
                debug!("d1");
                info!("i");
                Ok(())
            }) as &dyn Fn() -> Result<(), &'static str>,
            "i",
        ),
        (
            &|| {
                debug!("d1");
                info!("i");
                error!("e");
                debug!("d2");
                Ok(())
            },
            "i,d1,e",
        ),
        (
            &|| {
                debug!("d1");
                info!("i");
                Err("failed")
            },
            "i,d1",
        ),
        (
            &|| {
                debug!("d1");
                flush_buffer();
                debug!("d2");
                clear_buffer();
                Err("failed")
            },
            "d1",
        ),
    ] {
        assert_eq!(buffered(handler), expected);
    }
}

#[test]
fn a_panic_has_what_was_kept_written() {
    let found = lines(logging().buffer(Buffer::default()), || {
        let panicked = std::panic::catch_unwind(|| {
            handle(async || {
                debug!("before");
                panic!("as the test wants it");
            });
        });
        assert!(panicked.is_err());
    });
    assert_eq!(messages(&found), ["before"]);
}

#[test]
fn a_full_buffer_says_what_it_has_dropped() {
    let found = lines(logging().buffer(Buffer::default().max_bytes(1_000)), || {
        handle(async || {
            for number in 0..5 {
                debug!("{number}");
            }
            Err("failed")
        });
    });
    let messages = messages(&found);
    let (warning, kept) = messages.split_last().unwrap();
    assert!(kept.ends_with(&["4"]) && kept.len() < 5, "{messages:?}");
    assert!(warning.starts_with(&format!("{} log lines are not displayed", 5 - kept.len())));
    assert_eq!(found.last().unwrap()["level"], "WARN");
}

#[test]
fn a_line_longer_than_the_buffer_is_written_at_once_with_a_warning() {
    for succeeds in [true, false] {
        let found = lines(logging().buffer(Buffer::default().max_bytes(1_000)), || {
            handle(async || {
                debug!("short");
                debug!(long = "x".repeat(2_000), "long");
                info!("after");
                if succeeds { Ok(()) } else { Err("failed") }
            });
        });
        let (at_once, kept) = found.split_at(3);
        let [warning, long, after] = at_once else {
            panic!("three lines")
        };
        assert_eq!(warning["level"], "WARN");
        assert_eq!(warning["function_request_id"], "r-1");
        let message = warning["message"].as_str().unwrap();
        let of = message.strip_prefix("the next log line is not kept back because its ");
        let (bytes, _) = of.unwrap().split_once(" bytes").unwrap();
        assert!((2_000..3_000).contains(&bytes.parse::<usize>().unwrap()));
        assert_eq!(long["message"], "long");
        assert_eq!(long["level"], "DEBUG");
        assert_eq!(after["message"], "after");
        // It has cost no other line its place, and is not missed.
        let expected: &[&str] = if succeeds { &[] } else { &["short"] };
        assert_eq!(messages(kept), expected);
    }
}

#[test]
fn what_carries_the_runtime_api_takes_no_room_of_the_buffer() {
    for logging in [
        logging().buffer(Buffer::default()),
        logging().level(Level::TRACE).buffer(Buffer::default()),
        logging().sample_rate(1.0),
    ] {
        let found = lines(logging, || {
            handle(async || {
                debug!(target: "hyper_util::client::legacy::pool", "of the pool");
                debug!(target: "lambda_runtime::runtime", "of the runtime");
                info!(target: "lambda_runtime::runtime", "told");
                debug!("own");
                Err("failed")
            });
        });
        assert_eq!(messages(&found), ["told", "own"]);
    }
}

#[test]
fn sampled_invocations_have_their_details_written() {
    let of = |rate| {
        lines(logging().sample_rate(rate), || {
            handle(async || {
                debug!("detail");
                trace!("more");
                Ok(())
            });
        })
    };
    assert!(of(0.0).is_empty());
    let found = of(1.0);
    assert_eq!(messages(&found), ["detail"]);
    assert_eq!(found[0]["sampling_rate"], 1.0);
}

#[test]
fn text_is_one_line_too() {
    let captured = Captured::default();
    let layer = logging()
        .format(Format::Text)
        .writer(captured.clone())
        .layer();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        invocation().sync_scope(|| warn!(n = 1, token = "x", "two\nlines"));
    });
    let [line] = &captured.lines()[..] else {
        panic!("one line")
    };
    assert!(
        line.starts_with("2026-11-22T12:00:00.007Z  WARN kiln::logging::tests:"),
        "{line}"
    );
    assert!(
        line.ends_with(": two\\nlines n=1 token=\"[redacted]\" request_id=r-1"),
        "{line}"
    );
}

/// A writer that has been closed.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_writer_fails_nobody() {
    let subscriber = tracing_subscriber::registry().with(logging().writer(Closed).layer());
    tracing::subscriber::with_default(subscriber, || info!("lost"));
}

#[test]
fn each_line_is_one_write() {
    #[derive(Clone, Default)]
    struct Writes(Arc<std::sync::Mutex<Vec<String>>>);
    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .lock()
                .unwrap()
                .push(String::from_utf8(bytes.to_vec()).unwrap());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let writes = Writes::default();
    let layer = logging().writer(writes.clone()).layer();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let dispatch = &dispatch;
            scope.spawn(move || {
                tracing::dispatcher::with_default(dispatch, || {
                    for number in 0..100 {
                        info!(thread, number, "line");
                    }
                });
            });
        }
    });
    let writes = writes.0.lock().unwrap();
    assert_eq!(writes.len(), 800);
    for write in &*writes {
        assert!(serde_json::from_str::<Value>(write).is_ok() && write.ends_with("}\n"));
    }
}

#[test]
fn a_value_that_logs_while_it_is_written_is_written() {
    struct Chatty;
    impl fmt::Debug for Chatty {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            info!("within");
            f.write_str("chatty")
        }
    }
    let found = lines(logging(), || info!(value = ?Chatty, "around"));
    let around = found
        .iter()
        .find(|line| line["message"] == "around")
        .unwrap();
    assert_eq!(around["value"], "chatty");
}

proptest! {
    #[test]
    fn any_text_makes_one_line_that_reads_back(text in any::<String>(), bytes in any::<Vec<u8>>()) {
        // Text of what looks like an object is one.
        prop_assume!(!text.trim_start().starts_with('{'));
        let found = line(|| info!(text, bytes = &bytes[..], "{text}"));
        prop_assert_eq!(found["message"].as_str(), Some(&*text));
        prop_assert_eq!(found["text"].as_str(), Some(&*text));
    }
}
