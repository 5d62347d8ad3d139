//! What logs, metrics and the deadline add to an invocation that does nothing.
//!
//! In this process: an invocation over a socket takes some 30 µs more or less than the one before, and
//! what is measured here is less than that. Lines go into a pipe that a thread empties, as they do on
//! Lambda.

use std::io::{self, PipeWriter, Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kiln::deadline::DeadlineLayer;
use kiln::invocation::Invocation;
use kiln::logging::{Format, Logging, LoggingLayer};
use kiln::metrics::{self, Metrics, MetricsLayer, Unit};
use kiln::tower::{Layer as _, Service, ServiceExt as _, service_fn};
use kiln::{Context, Diagnostic, LambdaEvent};
use lambda_runtime::tracing::subscriber;
use serde_json::json;
use subscriber::layer::SubscriberExt as _;
use tokio::runtime::Runtime;
use tracing::Instrument as _;

use crate::error::BenchError;
use crate::figures::{Plan, round};
use crate::report::{Row, Section, Target};
use crate::statistics::{median, microseconds};

/// How many invocations each measurement makes.
const INVOCATIONS: u32 = 20_000;

/// What a handler does beside answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Nothing,
    /// One line in the log, two metrics.
    Says,
}

pub(in crate::figures) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::Machine)?;
    let ours = Metrics::new()
        .namespace("Shop")
        .service("orders")
        .writer(drain()?);
    // Configured once in a process.
    ours.init()
        .map_err(|error| BenchError::Machine(io::Error::other(error)))?;
    let by_hand = Arc::new(Mutex::new(drain()?));

    let mut samples = [const { Vec::new() }; 5];
    for number in 0..plan.runs {
        round("layers", number, plan.runs);
        let taken = [
            bare(&runtime),
            with_kiln(&runtime, Work::Nothing)?,
            with_hands(&runtime, Work::Nothing, &by_hand)?,
            with_kiln(&runtime, Work::Says)?,
            with_hands(&runtime, Work::Says, &by_hand)?,
        ];
        for (samples, taken) in samples.iter_mut().zip(taken) {
            samples.push(microseconds(taken));
        }
    }
    let [bare, kiln, hands, kiln_says, hands_say] =
        samples.map(|samples| median(samples.iter().copied()));
    let row =
        |name, kiln: f64, hands: f64| Row::new(name, "µs").kiln(kiln - bare).bare(hands - bare);
    Ok(Section {
        figure: String::new(),
        title: "what logs, metrics and the deadline add to an invocation; `bare` is by hand",
        rows: vec![
            row("a handler that does nothing", kiln, hands).target(Target::AtMost(20.0)),
            row("one line in the log, two metrics", kiln_says, hands_say)
                .target(Target::AtMost(20.0)),
        ],
        notes: vec![
            format!(
                "medians of {} rounds of {INVOCATIONS} invocations in this process; lines go into a pipe",
                plan.runs
            ),
            format!("without any of them: {bare:.2} µs"),
            "by hand: the span and subscriber of `lambda_runtime` in JSON, a line of metrics made by \
             `serde_json`; no deadline, no request id in spawned work, nothing checked"
                .to_owned(),
        ],
    })
}

/// The handler and its scope alone.
fn bare(runtime: &Runtime) -> Duration {
    let mut service = service_fn(|_: LambdaEvent<()>| async { Ok::<_, Diagnostic>(()) });
    runtime.block_on(invoke(&mut service, true))
}

fn with_kiln(runtime: &Runtime, work: Work) -> Result<Duration, BenchError> {
    let logging = Logging::new()
        .service("orders")
        .format(Format::Json)
        .writer(drain()?);
    let handler = service_fn(move |_: LambdaEvent<()>| async move {
        if work == Work::Says {
            tracing::info!(order_id = "o-1", "order placed");
            metrics::add("Placed", Unit::Count, 1.0)?;
            metrics::add("Checkout", Unit::Milliseconds, 12.5)?;
        }
        Ok::<_, Diagnostic>(())
    });
    let service = MetricsLayer::new().layer(DeadlineLayer::new().layer(handler));
    let mut service = LoggingLayer::new().layer(service);
    let log = subscriber::registry().with(logging.layer());
    let work = || runtime.block_on(invoke(&mut service, true));
    Ok(tracing::subscriber::with_default(log, work))
}

/// As functions are usually written on `lambda_runtime` alone.
fn with_hands(
    runtime: &Runtime,
    work: Work,
    metrics: &Arc<Mutex<PipeWriter>>,
) -> Result<Duration, BenchError> {
    let metrics = Arc::clone(metrics);
    let mut service = service_fn(move |event: LambdaEvent<()>| {
        let metrics = Arc::clone(&metrics);
        // As `TracingLayer` has it.
        let span = tracing::info_span!(
            "Lambda runtime invoke",
            requestId = event.context.request_id,
            xrayTraceId = event.context.xray_trace_id,
        );
        let handler = async move {
            if work == Work::Says {
                tracing::info!(order_id = "o-1", "order placed");
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let line = json!({
                    "_aws": {
                        "Timestamp": u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(0),
                        "CloudWatchMetrics": [{
                            "Namespace": "Shop",
                            "Dimensions": [["service"]],
                            "Metrics": [
                                { "Name": "Placed", "Unit": "Count" },
                                { "Name": "Checkout", "Unit": "Milliseconds" },
                            ],
                        }],
                    },
                    "service": "orders",
                    "Placed": 1.0,
                    "Checkout": 12.5,
                });
                let mut pipe = metrics.lock().map_err(|_| poisoned())?;
                writeln!(pipe, "{line}").map_err(|_| poisoned())?;
            }
            Ok::<_, Diagnostic>(())
        };
        handler.instrument(span)
    });
    let log = subscriber::fmt()
        .json()
        .with_target(false)
        .without_time()
        .with_env_filter(subscriber::EnvFilter::new("info"))
        .with_writer(Mutex::new(drain()?))
        .finish();
    let work = || runtime.block_on(invoke(&mut service, false));
    Ok(tracing::subscriber::with_default(log, work))
}

/// The mean time of an invocation, in scope or not.
async fn invoke<S>(service: &mut S, in_scope: bool) -> Duration
where
    S: Service<LambdaEvent<()>, Response = (), Error = Diagnostic>,
{
    // Registered call sites and what else the first one makes.
    for _ in 0..INVOCATIONS / 10 {
        once(service, in_scope).await;
    }
    let begin = Instant::now();
    for _ in 0..INVOCATIONS {
        once(service, in_scope).await;
    }
    begin.elapsed() / INVOCATIONS
}

async fn once<S>(service: &mut S, in_scope: bool)
where
    S: Service<LambdaEvent<()>, Response = (), Error = Diagnostic>,
{
    let context = context();
    let mut answer = async |context| match service.ready().await {
        Ok(service) => service.call(LambdaEvent::new((), context)).await,
        Err(error) => Err(error),
    };
    let answered = if in_scope {
        let invocation = Invocation::new(context.clone());
        invocation.scope(answer(context)).await
    } else {
        answer(context).await
    };
    debug_assert!(answered.is_ok(), "{answered:?}");
}

fn context() -> Context {
    let mut context = Context::default();
    context.request_id = "79b4f56e-95b1-4643-9700-2807f4e68189".to_owned();
    context.invoked_function_arn =
        "arn:aws:lambda:eu-west-1:123456789012:function:orders".to_owned();
    context.xray_trace_id = Some(
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1".to_owned(),
    );
    let in_a_minute = SystemTime::now() + Duration::from_secs(60);
    let since_epoch = in_a_minute.duration_since(UNIX_EPOCH).unwrap_or_default();
    context.deadline = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    context
}

/// A pipe that somebody empties, as Lambda does with a function's stdout.
fn drain() -> Result<PipeWriter, BenchError> {
    let (mut reader, writer) = io::pipe().map_err(BenchError::Machine)?;
    std::thread::spawn(move || {
        let mut buffer = [0; 64 * 1024];
        while reader.read(&mut buffer).is_ok_and(|read| read > 0) {}
    });
    Ok(writer)
}

fn poisoned() -> Diagnostic {
    Diagnostic {
        error_type: "Bench".to_owned(),
        error_message: "the pipe cannot be written to".to_owned(),
    }
}
