//! What reading a parameter costs: each time, from a map written by hand, from the cache; and what a
//! burst of callers asks of the store.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kiln::parameters::{Extension, ParameterError, Parameters, Provider, Query, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::both::Both;
use super::on_one_thread;
use crate::error::BenchError;
use crate::figures::{Plan, round};
use crate::report::Section;
use crate::statistics::microseconds;

/// How long the store takes for an answer.
const STORE: Duration = Duration::from_millis(5);
const KEPT_READS: u32 = 100_000;
const FETCHED_READS: u32 = 50;
/// How many callers miss a value at once.
const CALLERS: usize = 1_000;
/// A value is fetched anew after this, by hand too.
const MAX_AGE: Duration = Duration::from_secs(300);
const NAME: &str = "/shop/url";

/// Counts what is asked of the store.
#[derive(Clone)]
struct Store {
    http: Extension,
    fetches: Arc<AtomicU32>,
}

impl Provider for Store {
    async fn fetch(&self, query: &Query) -> Result<Value, ParameterError> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        self.http.fetch(query).await
    }
}

/// Written by hand: values with their time, in a map behind a lock.
struct ByHand {
    store: Store,
    values: Mutex<HashMap<String, (Instant, Value)>>,
}

impl ByHand {
    async fn get(&self, name: &str) -> Result<String, ParameterError> {
        let text = |value: &Value| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let values = || self.values.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((fetched, value)) = values().get(name)
            && fetched.elapsed() < MAX_AGE
        {
            return Ok(text(value));
        }
        // The lock cannot be held meanwhile: others that miss the value come through.
        let value = self.store.fetch(&Query::new(name)).await?;
        values().insert(name.to_owned(), (Instant::now(), value.clone()));
        Ok(text(&value))
    }
}

/// One round's numbers.
#[derive(Debug, Default)]
struct Reading {
    /// µs.
    kept: f64,
    /// µs.
    fetched: f64,
    /// ms until the last of them is answered.
    burst: f64,
    fetches: f64,
}

pub(in crate::figures) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let mut both = Both::new();
    for number in 0..plan.runs {
        round("parameters", number, plan.runs);
        both.push(
            on_one_thread(measure_ours())??,
            on_one_thread(measure_by_hand())??,
        );
    }
    Ok(Section {
        figure: String::new(),
        title: "reading a parameter (bare: a fetch each time, or a Mutex<HashMap>, by hand)",
        rows: vec![
            both.row("a read from memory", "µs", |reading| reading.kept),
            both.row("a read that is fetched", "µs", |reading| reading.fetched),
            both.row("1,000 callers that miss a value at once", "ms", |reading| {
                reading.burst
            }),
            both.row("calls of the store by them", "calls", |reading| {
                reading.fetches
            }),
        ],
        notes: vec![
            format!(
                "medians of {} rounds, on one thread; the store answers over HTTP on localhost, after {} ms",
                plan.runs,
                STORE.as_millis()
            ),
            "AWS adds TLS, a signature, and what its service takes".to_owned(),
        ],
    })
}

async fn measure_ours() -> Result<Reading, BenchError> {
    let store = start().await.map_err(BenchError::Machine)?;
    let new = || Parameters::new(store.clone()).max_age(MAX_AGE);
    let parameters = new();
    let burst = burst(|| parameters.get(NAME)).await?;
    let fetches = store.fetches.load(Ordering::Relaxed);
    let uncached = parameters.clone().max_age(Duration::ZERO);
    Ok(Reading {
        kept: time_per_call(KEPT_READS, || parameters.get(NAME)).await?,
        fetched: time_per_call(FETCHED_READS, || uncached.get(NAME)).await?,
        burst,
        fetches: f64::from(fetches),
    })
}

async fn measure_by_hand() -> Result<Reading, BenchError> {
    let store = start().await.map_err(BenchError::Machine)?;
    let by_hand = ByHand {
        store: store.clone(),
        values: Mutex::default(),
    };
    let burst = burst(|| by_hand.get(NAME)).await?;
    let fetches = store.fetches.load(Ordering::Relaxed);
    let query = Query::new(NAME);
    Ok(Reading {
        kept: time_per_call(KEPT_READS, || by_hand.get(NAME)).await?,
        fetched: time_per_call(FETCHED_READS, || store.fetch(&query)).await?,
        burst,
        fetches: f64::from(fetches),
    })
}

/// ms until all callers have their answer.
async fn burst<F: Future<Output = Result<String, ParameterError>>>(
    call: impl Fn() -> F,
) -> Result<f64, BenchError> {
    let began = Instant::now();
    for answer in join_all((0..CALLERS).map(|_| call())).await {
        answer.map_err(failed)?;
    }
    Ok(microseconds(began.elapsed()) / 1_000.0)
}

/// µs per call.
async fn time_per_call<T, F: Future<Output = Result<T, ParameterError>>>(
    calls: u32,
    call: impl Fn() -> F,
) -> Result<f64, BenchError> {
    let began = Instant::now();
    for _ in 0..calls {
        std::hint::black_box(call().await.map_err(failed)?);
    }
    Ok(microseconds(began.elapsed()) / f64::from(calls))
}

fn failed(error: ParameterError) -> BenchError {
    BenchError::Machine(std::io::Error::other(error))
}

/// A store that speaks the extension's HTTP, with one parameter.
async fn start() -> std::io::Result<Store> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream));
        }
    });
    Ok(Store {
        http: Extension::ssm().at(port, "token"),
        fetches: Arc::default(),
    })
}

async fn converse(mut stream: TcpStream) -> std::io::Result<()> {
    let body = r#"{"Parameter": {"Value": "https://example.com"}}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut asked = Vec::new();
    while stream.read_buf(&mut asked).await? > 0 {
        // A GET ends with an empty line, and the next one waits for the answer.
        if asked.ends_with(b"\r\n\r\n") {
            asked.clear();
            tokio::time::sleep(STORE).await;
            stream.write_all(answer.as_bytes()).await?;
        }
    }
    Ok(())
}
