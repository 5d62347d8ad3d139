//! What has been logged and not yet been sent.

use std::collections::VecDeque;
use std::env;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lambda_extension::{Error, LambdaLog, tracing};
use serde_json::{Value, json};

use crate::line::line_of;

/// How many lines wait for a collector that does not take them. The function's memory is theirs too.
const MOST_LINES: usize = 10_000;
/// How long the collector may take: two seconds are all there is when an environment ends.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Sends lines to the collector, and keeps those it does not take.
#[derive(Debug)]
pub struct Shipper {
    client: Client<HttpConnector, Full<Bytes>>,
    collector: String,
    function: String,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Value>,
    dropped: u64,
}

/// Why lines are not sent.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    /// No answer.
    #[error("the collector does not answer")]
    NoAnswer(#[source] Error),
    /// An answer, and not a good one.
    #[error("the collector answers {0}")]
    Refused(u16),
}

impl Shipper {
    /// To the collector at the URL in `LOG_COLLECTOR_URL`, which is plain HTTP.
    ///
    /// # Errors
    ///
    /// When there is no such variable: an extension that cannot do its work should fail at once.
    pub fn from_env() -> Result<Self, Error> {
        let collector =
            env::var("LOG_COLLECTOR_URL").map_err(|_absent| "`LOG_COLLECTOR_URL` is not set")?;
        let function = env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
        Ok(Self::new(collector, function))
    }

    /// To this collector, about this function.
    pub fn new(collector: impl Into<String>, function: impl Into<String>) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            collector: collector.into(),
            function: function.into(),
            waiting: Mutex::default(),
        }
    }

    /// Takes the lines of a batch. When too many wait, the oldest go, and are counted.
    pub fn add(&self, batch: &[LambdaLog]) {
        let mut waiting = self.lock();
        waiting.lines.extend(batch.iter().filter_map(line_of));
        while waiting.lines.len() > MOST_LINES {
            waiting.lines.pop_front();
            waiting.dropped += 1;
        }
    }

    /// Sends what waits. What is not taken waits on.
    pub async fn ship(&self) {
        let (lines, dropped) = {
            let mut waiting = self.lock();
            (
                std::mem::take(&mut waiting.lines),
                std::mem::take(&mut waiting.dropped),
            )
        };
        if lines.is_empty() {
            return;
        }
        if let Err(error) = self.send(&lines, dropped).await {
            tracing::warn!(lines = lines.len(), "lines wait: {error}");
            let mut waiting = self.lock();
            // Before those that have come meanwhile.
            let newer = std::mem::replace(&mut waiting.lines, lines);
            waiting.lines.extend(newer);
            waiting.dropped += dropped;
        }
    }

    /// One JSON object per line.
    async fn send(&self, lines: &VecDeque<Value>, dropped: u64) -> Result<(), ShipError> {
        let mut body = String::new();
        if dropped > 0 {
            let line =
                json!({"type": "dropped", "records": dropped, "reason": "the collector was away"});
            body.push_str(&format!("{line}\n"));
        }
        for line in lines {
            body.push_str(&format!("{line}\n"));
        }
        let request = http::Request::post(&self.collector)
            .header("content-type", "application/x-ndjson")
            .header("x-function-name", &self.function)
            .body(Full::from(body))
            .map_err(|error| ShipError::NoAnswer(error.into()))?;
        let answer = tokio::time::timeout(PATIENCE, self.client.request(request));
        let answer = match answer.await {
            Ok(answer) => answer.map_err(|error| ShipError::NoAnswer(error.into()))?,
            Err(elapsed) => return Err(ShipError::NoAnswer(elapsed.into())),
        };
        match answer.status() {
            taken if taken.is_success() => Ok(()),
            refused => Err(ShipError::Refused(refused.as_u16())),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic elsewhere has left whole lines.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
