//! What it takes to have the spans of an invocation at the collector before the environment freezes, and
//! what a collector that is dead does to the invocation.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kiln::tower::{Layer as _, Service, ServiceExt as _, service_fn};
use kiln::tracing::TracingLayer;
use kiln::tracing::opentelemetry::Context as Active;
use kiln::tracing::opentelemetry::trace::{
    FutureExt as _, Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use kiln::tracing::opentelemetry_sdk::trace::{SdkTracerProvider, TracerProviderBuilder};
use kiln::{Context, Diagnostic, LambdaEvent};

use super::stand_in::{LATENCY, StandIn};
use super::{failed, on_one_thread};
use crate::error::BenchError;
use crate::figures::{Plan, round};
use crate::report::{Row, Section};
use crate::statistics::{median, microseconds, milliseconds};

/// Spans of the handler; with the invocation's own it is one more.
const SPANS: u32 = 10;
/// How many invocations a time is taken over: fewer than fill a batch of 512 spans.
const INVOCATIONS: u32 = 20;
/// The name of the handler's spans, which stands in each as it is sent.
const NAME: &str = "step-of-the-work";
/// A function's timeout on Lambda, unless configured.
const USUAL: Duration = Duration::from_secs(3);
/// What is left of an invocation that has worked for long.
const SHORT: Duration = Duration::from_millis(500);

/// How spans get to the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By the library's layer.
    Kiln,
    /// Each by itself, as it ends.
    Simple,
    /// In batches that are sent every five seconds.
    Unflushed,
    /// In a batch that the handler flushes.
    Flushed,
}

/// One round's numbers of one way, per invocation.
#[derive(Clone, Copy, Debug)]
struct Reading {
    /// µs.
    took: f64,
    requests: f64,
    /// Spans of the handler that were at the collector at the time of the answer.
    arrived: f64,
}

pub(in crate::figures) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let collector = Collector::start()?;
    let ways = [Way::Kiln, Way::Flushed, Way::Simple, Way::Unflushed];
    let mut readings = [const { Vec::new() }; 4];
    for number in 0..plan.runs {
        round("tracing", number, plan.runs);
        for (way, readings) in ways.into_iter().zip(&mut readings) {
            readings.push(on_one_thread(collector.sends(way))??);
        }
    }
    let [kiln, flushed, simple, unflushed] = readings;
    // Once: it is a time limit that is measured.
    let dead = |way, left| on_one_thread(dies(way, left)).flatten();
    let (usual, short) = (dead(Way::Kiln, USUAL)?, dead(Way::Kiln, SHORT)?);
    let by_hand = dead(Way::Flushed, USUAL)?;

    let of = |pick: fn(&Reading) -> f64, readings: &[Reading]| median(readings.iter().map(pick));
    let row = |name: &str, unit, pick, by_hand: &[Reading]| {
        Row::new(name, unit).by_hand(of(pick, &kiln), of(pick, by_hand))
    };
    Ok(Section {
        figure: String::new(),
        title: "an invocation with 10 spans and its own, sent to a collector (bare: by hand, see the row)",
        rows: vec![
            row("an invocation; one request per span", "µs", |it| it.took, &simple),
            row("its requests", "", |it| it.requests, &simple),
            row("its spans there at the answer", "of 10", |it| it.arrived, &simple),
            row("an invocation; nobody flushes the batch", "µs", |it| it.took, &unflushed),
            row("its requests", "", |it| it.requests, &unflushed),
            row("its spans there at the answer", "of 10", |it| it.arrived, &unflushed),
            row("an invocation; the handler flushes", "µs", |it| it.took, &flushed),
            row("its requests", "", |it| it.requests, &flushed),
            row("its spans there at the answer", "of 10", |it| it.arrived, &flushed),
            Row::new("a dead collector, 3 s left; the handler flushes", "ms").by_hand(usual, by_hand),
            Row::new("the same, 0.5 s left", "ms").by_hand(short, by_hand),
        ],
        notes: vec![
            format!(
                "medians of {} rounds of {INVOCATIONS} invocations, on one thread; the collector answers on \
                 localhost after {} ms; the exporter is `kiln::tracing::otlp_to` everywhere",
                plan.runs,
                LATENCY.as_millis()
            ),
            "nobody flushes: a batch is sent after five seconds, and the environment is frozen right after \
             the answer"
                .to_owned(),
            "the dead collector accepts and never answers; measured once. On Lambda, who flushes by hand is \
             ended by the timeout before the five seconds are over"
                .to_owned(),
        ],
    })
}

/// A collector on a thread of its own: who sends may block theirs.
struct Collector {
    server: StandIn,
    arrived: Arc<AtomicU32>,
    /// Serves for as long as it is there.
    _runtime: tokio::runtime::Runtime,
}

impl Collector {
    fn start() -> Result<Self, BenchError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(BenchError::Machine)?;
        let arrived = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&arrived);
        let counts = move |body: &[u8]| {
            counter.fetch_add(spans(body), Ordering::SeqCst);
        };
        let server = runtime.block_on(StandIn::serve("", counts));
        Ok(Self {
            server: server.map_err(BenchError::Machine)?,
            arrived,
            _runtime: runtime,
        })
    }

    /// Invokes again and again.
    async fn sends(&self, way: Way) -> Result<Reading, BenchError> {
        let mut function = Function::new(way, self.server.address)?;
        // Connects, and starts what threads there are.
        function.invoke(USUAL).await?;
        let counts = || (self.server.requests(), self.arrived.load(Ordering::SeqCst));
        let (requests, arrived) = counts();
        let began = Instant::now();
        for _ in 0..INVOCATIONS {
            function.invoke(USUAL).await?;
        }
        let took = microseconds(began.elapsed());
        let (requests_after, arrived_after) = counts();
        let each = |count: u32| f64::from(count) / f64::from(INVOCATIONS);
        let reading = Reading {
            took: took / f64::from(INVOCATIONS),
            requests: each(requests_after - requests),
            arrived: each(arrived_after - arrived),
        };
        // What is still there is sent now, and not counted as another's.
        function.provider.shutdown().map_err(failed)?;
        Ok(reading)
    }
}

/// ms of an invocation whose spans go to a port that accepts and never answers.
async fn dies(way: Way, left: Duration) -> Result<f64, BenchError> {
    // Connections wait in its queue, for the kernel has accepted them.
    let listener = TcpListener::bind("127.0.0.1:0").map_err(BenchError::Machine)?;
    let address = listener.local_addr().map_err(BenchError::Machine)?;
    let mut function = Function::new(way, address)?;
    let began = Instant::now();
    function.invoke(left).await?;
    let took = milliseconds(began.elapsed());
    // Resets them, or else the end of the provider takes its time as well.
    drop(listener);
    Ok(took)
}

type Handler = kiln::tower::util::BoxCloneService<LambdaEvent<()>, (), Diagnostic>;

struct Function {
    provider: SdkTracerProvider,
    service: Handler,
}

impl Function {
    fn new(way: Way, collector: SocketAddr) -> Result<Self, BenchError> {
        let url = format!("http://{collector}/v1/traces");
        let exporter = kiln::tracing::otlp_to(&url).map_err(failed)?;
        let provider = |builder: TracerProviderBuilder| match way {
            Way::Simple => builder.with_simple_exporter(exporter).build(),
            Way::Kiln | Way::Unflushed | Way::Flushed => {
                builder.with_batch_exporter(exporter).build()
            }
        };
        let provider = match way {
            Way::Kiln => provider(kiln::tracing::provider()),
            _ => provider(SdkTracerProvider::builder()),
        };
        let works = {
            let provider = provider.clone();
            move |_: LambdaEvent<()>| {
                let provider = provider.clone();
                async move {
                    work(&provider);
                    Ok::<_, Diagnostic>(())
                }
            }
        };
        let service = match way {
            Way::Kiln => {
                let layer = TracingLayer::new(provider.clone()).enabled(true);
                layer.layer(service_fn(works)).boxed_clone()
            }
            _ => {
                let provider = provider.clone();
                let traced = move |event| traced(way, provider.clone(), works(event));
                service_fn(traced).boxed_clone()
            }
        };
        Ok(Self { provider, service })
    }

    async fn invoke(&mut self, left: Duration) -> Result<(), BenchError> {
        let service = self.service.ready().await.map_err(refused)?;
        let event = LambdaEvent::new((), context(left));
        service.call(event).await.map_err(refused)
    }
}

/// The handler: ten spans below that of the invocation.
fn work(provider: &SdkTracerProvider) {
    let tracer = provider.tracer("bench");
    for _ in 0..SPANS {
        tracer.start(NAME).end();
    }
}

/// As it is written by hand: a span of the invocation around the handler, and perhaps a flush.
async fn traced(
    way: Way,
    provider: SdkTracerProvider,
    handler: impl Future<Output = Result<(), Diagnostic>>,
) -> Result<(), Diagnostic> {
    let span = Active::current_with_span(provider.tracer("bench").start("invocation"));
    let answer = handler.with_context(span.clone()).await;
    span.span().end();
    if way == Way::Flushed {
        // What it says of a dead collector is logged at most: the invocation has an answer.
        let _ = provider.force_flush();
    }
    answer
}

/// How many spans of the handler there are in a request of OTLP: each has its name, as it is, once.
fn spans(body: &[u8]) -> u32 {
    let names = body.windows(NAME.len());
    let found = names.filter(|name| *name == NAME.as_bytes()).count();
    u32::try_from(found).unwrap_or(u32::MAX)
}

/// An invocation that X-Ray samples.
fn context(left: Duration) -> Context {
    let mut context = Context::default();
    context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
    context.invoked_function_arn =
        "arn:aws:lambda:eu-west-1:123456789012:function:orders".to_owned();
    context.xray_trace_id = Some(
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1".to_owned(),
    );
    let deadline = (SystemTime::now() + left).duration_since(UNIX_EPOCH);
    let deadline = deadline.unwrap_or_default().as_millis();
    context.deadline = u64::try_from(deadline).unwrap_or(u64::MAX);
    context
}

fn refused(error: Diagnostic) -> BenchError {
    failed(format!("{}: {}", error.error_type, error.error_message))
}
