//! What comes in at the Runtime API's listener.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use kiln_fuzz::conversation::{in_runtime, status, talk};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::runtime_api::connection;
use crate::{
    Controls, Environment, EnvironmentConfig, Host, Identity, InitializationType, Invocation,
    InvocationReport, LogSource, Outcome, ResponsePart, StreamLimits,
};

/// The ids of the invocations that wait for the runtime.
const REQUEST_IDS: [&str; 3] = [
    "00000000-0000-0000-0000-000000000001",
    "00000000-0000-0000-0000-000000000002",
    "00000000-0000-0000-0000-000000000003",
];

/// Largest streamed response.
const MOST_STREAMED: usize = 512;

/// How long callers wait, at most, for what is over.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whoever connects and whatever is sent: nothing panics, connections end, the next call is
/// answered, and every invocation that was taken is answered exactly once.
pub(super) fn connections(input: &[u8]) {
    in_runtime(async {
        let host = Arc::new(Waiting::default());
        let config = EnvironmentConfig {
            identity: Identity::default(),
            initialization: InitializationType::OnDemand,
            json_log: None,
            max_concurrency: None,
            memory_mb: 128,
            timeout: Duration::from_secs(3),
            init_limit: Duration::from_secs(10),
            // Small, so that short inputs come to them.
            stream_limits: StreamLimits {
                max_bytes: MOST_STREAMED,
                burst_bytes: 64,
                bytes_per_second: 1024,
            },
            controls: Controls::off(),
            launch: None,
        };
        let environment = Environment::external(config, Arc::clone(&host) as Arc<dyn Host>);
        let serve = |stream| connection(stream, Arc::clone(&environment));
        let conversation = talk(input, serve).await;

        let ping = b"GET /2018-06-01/ping HTTP/1.1\r\nhost: x\r\n\r\n";
        let answers = talk(ping, serve).await.answers().await;
        let answer = answers.first().map(|received| status(received));
        assert_eq!(answer, Some(Some(200)), "the next call works");

        environment.close();
        conversation.answers().await;
        let callers = std::mem::take(&mut *host.callers());
        for Caller { outcome, parts } in callers {
            let answered = tokio::time::timeout(PATIENCE, outcome).await;
            assert!(matches!(answered, Ok(Ok(_))), "a caller is left waiting");
            let parts = tokio::time::timeout(PATIENCE, parts).await;
            is_a_response(&parts.expect("a stream has an end").expect("no panic"));
        }
    });
}

/// What came of a streamed response: its head, then what it may have of bytes.
fn is_a_response(parts: &[ResponsePart]) {
    let is_head = |part: &&ResponsePart| matches!(part, ResponsePart::Head { .. });
    assert!(parts.first().is_none_or(|part| is_head(&part)), "no head");
    assert!(parts.iter().filter(is_head).count() <= 1, "a second head");
    let bytes = parts.iter().map(|part| match part {
        ResponsePart::Head { .. } => 0,
        ResponsePart::Chunk(bytes) => bytes.len(),
    });
    assert!(bytes.sum::<usize>() <= MOST_STREAMED, "more than it may be");
}

/// Who waits for an invocation.
#[derive(Debug)]
struct Caller {
    outcome: oneshot::Receiver<Outcome>,
    parts: JoinHandle<Vec<ResponsePart>>,
}

/// A host with a few invocations for whoever is free.
#[derive(Debug, Default)]
struct Waiting {
    callers: Mutex<Vec<Caller>>,
}

impl Waiting {
    fn callers(&self) -> MutexGuard<'_, Vec<Caller>> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for Waiting {
    fn available(&self, environment: &Arc<Environment>) {
        let mut callers = self.callers();
        let Some(request_id) = REQUEST_IDS.get(callers.len()) else {
            return;
        };
        // The first wants the whole answer, the others take it as it comes.
        let streamed = !callers.is_empty();
        let (reply, outcome) = oneshot::channel();
        let (sender, mut receiver) = mpsc::channel(1);
        let parts = tokio::spawn(async move {
            let mut parts = Vec::new();
            while let Some(part) = receiver.recv().await {
                parts.push(part);
            }
            parts
        });
        callers.push(Caller { outcome, parts });
        drop(callers);
        let invocation = Invocation {
            request_id: (*request_id).to_owned(),
            function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
            trace_id: "Root=1-00000000-000000000000000000000000".to_owned(),
            client_context: Some("{}".to_owned()),
            tenant_id: Some("blue".to_owned()),
            payload: Bytes::from_static(b"{}"),
            tail: true,
            arrived: SystemTime::now(),
            reply: Some(reply),
            parts: streamed.then_some(sender),
        };
        let taken = environment.invoke(Box::new(invocation));
        assert!(taken.is_ok(), "available and takes no invocation");
    }

    fn available_soon(&self, _environment: &Arc<Environment>) {}
    fn closed(&self, _environment: &Arc<Environment>) {}
    fn log(&self, _environment: &Environment, _source: LogSource, _line: &str) -> bool {
        true
    }
    fn finished(&self, _environment: &Environment, _report: InvocationReport) {}
}
