//! How long a test takes: of a handler as a function, and of the real binary on a local Lambda.

use std::time::{Duration, Instant};

use kiln::{Context, Error, LambdaEvent, testing};
use serde_json::{Value, json};

use super::{failed, on_one_thread};
use crate::error::BenchError;
use crate::figures::{Plan, round};
use crate::report::{Row, Section};
use crate::server::Server;
use crate::statistics::{median, microseconds, milliseconds};
use crate::tool::Tool;
use crate::traffic::Caller;

const FUNCTION: &str = "noop";
/// How many invocations of a handler a time is taken over.
const INVOCATIONS: u32 = 20_000;
/// How many calls a test makes of the binary after the first.
const CALLS: u32 = 20;
/// A start takes a fraction of a second, and there is chance in each.
const STARTS_PER_RUN: u32 = 3;
/// What `testing::local!()` gives `kiln watch` in a test: cargo has built the package already.
const OURS: [&str; 4] = ["--release", "--no-build", "--ignore-changes", "--bin=noop"];
/// What a test would give cargo-lambda.
const THEIRS: [&str; 2] = ["--release", "--ignore-changes"];

/// ms of one service.
#[derive(Debug, Default)]
struct Times {
    first: Vec<f64>,
    next: Vec<f64>,
    end: Vec<f64>,
}

pub(in crate::figures) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    let (mut kiln, mut other) = (Times::default(), Times::default());
    for number in 0..plan.runs {
        round("testing", number, plan.runs);
        ours.push(on_one_thread(as_a_function())??);
        by_hand.push(on_one_thread(written_by_hand())??);
        for _ in 0..STARTS_PER_RUN {
            kiln.add(plan, Tool::Kiln, &OURS)?;
            other.add(plan, Tool::CargoLambda, &THEIRS)?;
        }
    }
    let row = |name, kiln, other| Row::new(name, "ms").tools(median(kiln), median(other));
    Ok(Section {
        figure: String::new(),
        title: "how long a test takes",
        rows: vec![
            Row::new("a handler: `testing::invoke`", "µs").by_hand(median(ours), median(by_hand)),
            row("the real binary, from start to first answer", kiln.first, other.first),
            row("each call after it", kiln.next, other.next),
            row("its end", kiln.end, other.end),
        ],
        notes: vec![
            format!(
                "medians of {} rounds: {INVOCATIONS} invocations of a handler, {STARTS_PER_RUN} starts with \
                 {CALLS} calls each; what is called is built already",
                plan.runs
            ),
            "bare: the handler called with an event and a context, without the scope of an invocation, and \
             with its panics uncaught"
                .to_owned(),
            "kiln: `kiln watch` as `testing::local!()` starts it; cargo-lambda: `watch`, which has cargo look \
             at the package with its first call"
                .to_owned(),
        ],
    })
}

async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(json!({ "id": event.payload.get("id") }))
}

fn event() -> Value {
    json!({ "id": "ord-1001" })
}

/// µs.
async fn as_a_function() -> Result<f64, BenchError> {
    let began = Instant::now();
    for _ in 0..INVOCATIONS {
        let answer = testing::invoke(handler, testing::event(event())).await;
        let answer = answer.map_err(|error| failed(error.error_message))?;
        std::hint::black_box(answer);
    }
    Ok(microseconds(began.elapsed()) / f64::from(INVOCATIONS))
}

/// µs.
async fn written_by_hand() -> Result<f64, BenchError> {
    let began = Instant::now();
    for _ in 0..INVOCATIONS {
        let mut context = Context::default();
        context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
        let answer = handler(LambdaEvent::new(event(), context)).await;
        std::hint::black_box(answer.map_err(failed)?);
    }
    Ok(microseconds(began.elapsed()) / f64::from(INVOCATIONS))
}

impl Times {
    /// One more test: start, first answer, more answers, end.
    fn add(&mut self, plan: &Plan, tool: Tool, arguments: &[&str]) -> Result<(), BenchError> {
        let began = Instant::now();
        let server = Server::start(&plan.tools, tool, &plan.functions, arguments)?;
        let call = server.invocation(FUNCTION, "{}");
        let mut caller = Caller::new(server.address, &call, Duration::from_secs(60));
        server.answers(&mut caller)?;
        self.first.push(milliseconds(began.elapsed()));
        let began = Instant::now();
        for _ in 0..CALLS {
            server.answers(&mut caller)?;
        }
        self.next
            .push(milliseconds(began.elapsed()) / f64::from(CALLS));
        let began = Instant::now();
        drop(server);
        self.end.push(milliseconds(began.elapsed()));
        Ok(())
    }
}
