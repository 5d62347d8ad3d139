//! 100 calls of a service over HTTP: one after the other, all at once, and so many at a time; one that
//! hangs, with a deadline; and a service that refuses what is too much.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use http::StatusCode;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kiln::Context;
use kiln::invocation::Invocation;
use kiln::io::{CallError, Retry, fan_out};
use kiln::lambda_runtime::tower::BoxError;

use super::on_one_thread;
use super::stand_in::{Answer, StandIn};
use crate::error::BenchError;
use crate::figures::{Plan, round};
use crate::report::{Reading, Row, Section, Target};
use crate::statistics::{median, milliseconds};

const CALLS: usize = 100;
/// How many are under way at once, where there is a limit.
const LIMIT: usize = 16;
/// How long the service takes for an answer.
const LATENCY: Duration = Duration::from_millis(50);
/// How many calls at once the service takes, where it refuses others.
const TAKEN: usize = 32;
/// What is left of the invocation in which a call hangs.
const LEFT: Duration = Duration::from_secs(2);

/// What came of 100 calls.
#[derive(Debug)]
struct Outcome {
    took: Duration,
    answered: usize,
    /// The most calls that the service had at once.
    at_once: usize,
    /// The type of the first error, if there is one.
    error: Option<String>,
}

pub(in crate::figures) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let [mut one_by_one, mut all, mut bounded] = [const { Vec::new() }; 3];
    let [mut hanging_all, mut hanging_bounded] = [const { Vec::new() }; 2];
    let [mut refused_all, mut refused_bounded, mut refused_often] = [const { Vec::new() }; 3];
    for number in 0..plan.runs {
        round("fan-out", number, plan.runs);
        one_by_one.push(on_one_thread(by_loop(Patient::start()))??);
        all.push(on_one_thread(by_join_all(Patient::start()))??);
        bounded.push(on_one_thread(by_kiln(Patient::start(), LIMIT))??);
        hanging_all.push(on_one_thread(by_join_all(Patient::start().hanging()))??);
        hanging_bounded.push(on_one_thread(by_kiln(Patient::start().hanging(), LIMIT))??);
        refused_all.push(on_one_thread(by_join_all(Patient::start().taking(TAKEN)))??);
        refused_bounded.push(on_one_thread(by_kiln(
            Patient::start().taking(TAKEN),
            LIMIT,
        ))??);
        refused_often.push(on_one_thread(by_kiln(
            Patient::start().taking(TAKEN),
            2 * TAKEN,
        ))??);
    }
    let took = |runs: &[Outcome]| median(runs.iter().map(|run| milliseconds(run.took)));
    let count =
        |runs: &[Outcome], of: fn(&Outcome) -> usize| median(runs.iter().map(|run| of(run) as f64));
    let at_once = |runs| count(runs, |run| run.at_once);
    let answered = |runs| count(runs, |run| run.answered);
    let failed = |runs| CALLS as f64 - answered(runs);
    let errors = |runs: &[Outcome]| {
        let of_first = runs.first().and_then(|run| run.error.clone());
        Reading::Words(of_first.unwrap_or_else(|| "none".to_owned()))
    };
    Ok(Section {
        figure: String::new(),
        title: "100 calls of 50 ms over HTTP, 16 at once; bare: by hand, as the row says",
        rows: vec![
            Row::new("all answers; a loop", "ms").by_hand(took(&bounded), took(&one_by_one)),
            Row::new("the same; join_all without a limit", "ms")
                .by_hand(took(&bounded), took(&all)),
            Row::new("calls at once at the service; join_all", "calls")
                .by_hand(at_once(&bounded), at_once(&all))
                .target(Target::AtMost(LIMIT as f64)),
            Row::new("one hangs, 2 s are left: answered; join_all", "ms")
                .kiln(took(&hanging_bounded))
                .bare(Reading::Words("killed".to_owned()))
                .target(Target::AtMost(milliseconds(LEFT))),
            Row::new("results that the caller has", "calls")
                .kiln(answered(&hanging_bounded))
                .bare(answered(&hanging_all)),
            Row::new("what it is told of the other", "")
                .kiln(errors(&hanging_bounded))
                .bare(errors(&hanging_all)),
            Row::new(
                "a service of 32 at once: calls that fail; join_all",
                "calls",
            )
            .kiln(failed(&refused_bounded))
            .bare(failed(&refused_all))
            .target(Target::AtMost(0.0)),
            Row::new("the same with 64 at once, retried; join_all", "calls")
                .kiln(failed(&refused_often))
                .bare(failed(&refused_all)),
        ],
        notes: vec![
            format!(
                "medians of {} rounds, on one thread; the service is on localhost, over one client with its pool",
                plan.runs
            ),
            format!(
                "the deadline ends join_all as Lambda would, with all it had; 64 at once took {:.0} ms, \
                 with three attempts a call",
                took(&refused_often)
            ),
        ],
    })
}

/// Why a call has no answer.
#[derive(Debug)]
enum Failure {
    Refused,
    Connection,
}

/// Who calls, and whom.
#[derive(Clone)]
struct Caller {
    client: Client<HttpConnector, Empty<&'static [u8]>>,
    address: SocketAddr,
}

impl Caller {
    async fn call(&self, number: usize) -> Result<(), Failure> {
        let uri = format!("http://{}/{number}", self.address);
        let answer = self.get(uri).await;
        match answer.map_err(|_lost| Failure::Connection)? {
            StatusCode::OK => Ok(()),
            _ => Err(Failure::Refused),
        }
    }

    async fn get(&self, uri: String) -> Result<StatusCode, BoxError> {
        let answer = self.client.get(uri.parse()?).await?;
        let status = answer.status();
        // To its end: only then can the connection be used again.
        answer.into_body().collect().await?;
        Ok(status)
    }
}

async fn by_loop(service: Patient) -> Result<Outcome, BenchError> {
    let (caller, service) = service.serve().await?;
    let began = Instant::now();
    let mut answered = 0;
    for number in 0..CALLS {
        answered += usize::from(caller.call(number).await.is_ok());
    }
    Ok(service.outcome(began, answered, None))
}

/// As it is usually written. At the deadline there is nothing left of it.
async fn by_join_all(service: Patient) -> Result<Outcome, BenchError> {
    let (caller, service) = service.serve().await?;
    let began = Instant::now();
    let calls = join_all((0..CALLS).map(|number| caller.call(number)));
    Ok(match tokio::time::timeout(LEFT, calls).await {
        Ok(all) => {
            let answered = all.iter().filter(|result| result.is_ok()).count();
            service.outcome(began, answered, None)
        }
        Err(_killed) => service.outcome(began, 0, Some("nothing".to_owned())),
    })
}

async fn by_kiln(service: Patient, limit: usize) -> Result<Outcome, BenchError> {
    let (caller, service) = service.serve().await?;
    let mut context = Context::default();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    context.deadline = u64::try_from((now + LEFT).as_millis()).unwrap_or_default();
    let invocation = Invocation::with_cold_start(context, false);
    let began = Instant::now();
    let calls = fan_out(0..CALLS, limit, |number| caller.call(number))
        .retry_if(Retry::default(), |failure| {
            matches!(failure, Failure::Refused)
        })
        .collect_all();
    let all = invocation.scope(calls).await;
    let answered = all.iter().filter(|result| result.is_ok()).count();
    let failure = all.into_iter().find_map(Result::err);
    let error = failure.map(|error| match error {
        CallError::DeadlineExceeded => "DeadlineExceeded".to_owned(),
        other => format!("{other:?}"),
    });
    Ok(service.outcome(began, answered, error))
}

/// A service that takes its time.
#[derive(Debug, Default)]
struct Patient {
    /// One of its answers never comes.
    hangs: bool,
    /// Others are refused.
    most: Option<usize>,
    now: AtomicUsize,
    peak: AtomicUsize,
}

impl Patient {
    fn start() -> Self {
        Self::default()
    }

    fn hanging(mut self) -> Self {
        self.hangs = true;
        self
    }

    fn taking(mut self, most: usize) -> Self {
        self.most = Some(most);
        self
    }

    /// Serves on this runtime, for as long as that runs, and gives who calls it.
    async fn serve(self) -> Result<(Caller, Arc<Self>), BenchError> {
        let service = Arc::new(self);
        let serving = Arc::clone(&service);
        let server = StandIn::serve_by(move |head, _body| {
            let hangs = serving.hangs && head.starts_with(b"GET /50 ");
            let serving = Arc::clone(&serving);
            async move {
                Answer {
                    status: serving.answer(hangs).await,
                    body: "".into(),
                }
            }
        });
        let caller = Caller {
            client: Client::builder(TokioExecutor::new()).build_http(),
            address: server.await.map_err(BenchError::Machine)?.address,
        };
        Ok((caller, service))
    }

    async fn answer(&self, hangs: bool) -> &'static str {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        let status = if self.most.is_some_and(|most| now > most) {
            "503 Service Unavailable"
        } else {
            self.peak.fetch_max(now, Ordering::SeqCst);
            tokio::time::sleep(LATENCY).await;
            if hangs {
                std::future::pending::<()>().await;
            }
            "200 OK"
        };
        self.now.fetch_sub(1, Ordering::SeqCst);
        status
    }

    fn outcome(&self, began: Instant, answered: usize, error: Option<String>) -> Outcome {
        Outcome {
            took: began.elapsed(),
            answered,
            at_once: self.peak.load(Ordering::SeqCst),
            error,
        }
    }
}
