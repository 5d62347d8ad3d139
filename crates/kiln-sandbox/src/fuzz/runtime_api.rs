//! What comes in at the Runtime API's listener.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use kiln_fuzz::conversation::{in_runtime, status, talk};
use tokio::sync::oneshot;

use crate::runtime_api::connection;
use crate::{
    Environment, EnvironmentConfig, Host, Invocation, InvocationReport, LogSource, Outcome,
};

/// The ids of the invocations that wait for the runtime.
const REQUEST_IDS: [&str; 3] = [
    "00000000-0000-0000-0000-000000000001",
    "00000000-0000-0000-0000-000000000002",
    "00000000-0000-0000-0000-000000000003",
];

/// Whoever connects and whatever is sent: nothing panics, connections end, the next call is
/// answered, and every invocation that was taken is answered exactly once.
pub(super) fn connections(input: &[u8]) {
    in_runtime(async {
        let host = Arc::new(Waiting::default());
        let config = EnvironmentConfig {
            version: "$LATEST".to_owned(),
            memory_mb: 128,
            timeout: Duration::from_secs(3),
            init_limit: Duration::from_secs(10),
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
        for caller in callers {
            let answered = tokio::time::timeout(Duration::from_secs(5), caller).await;
            assert!(matches!(answered, Ok(Ok(_))), "a caller is left waiting");
        }
    });
}

/// A host with a few invocations for whoever is free.
#[derive(Debug, Default)]
struct Waiting {
    callers: Mutex<Vec<oneshot::Receiver<Outcome>>>,
}

impl Waiting {
    fn callers(&self) -> MutexGuard<'_, Vec<oneshot::Receiver<Outcome>>> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for Waiting {
    fn available(&self, environment: &Arc<Environment>) {
        let mut callers = self.callers();
        let Some(request_id) = REQUEST_IDS.get(callers.len()) else {
            return;
        };
        let (sender, receiver) = oneshot::channel();
        callers.push(receiver);
        drop(callers);
        let invocation = Invocation {
            request_id: (*request_id).to_owned(),
            function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
            trace_id: "Root=1-00000000-000000000000000000000000".to_owned(),
            client_context: Some("{}".to_owned()),
            payload: Bytes::from_static(b"{}"),
            tail: true,
            arrived: SystemTime::now(),
            reply: Some(sender),
        };
        let taken = environment.invoke(Box::new(invocation));
        assert!(taken.is_ok(), "available and takes no invocation");
    }

    fn available_soon(&self, _environment: &Arc<Environment>) {}
    fn closed(&self, _environment: &Arc<Environment>) {}
    fn log(&self, _environment: &Environment, _source: LogSource, _line: &str) {}
    fn finished(&self, _environment: &Environment, _report: InvocationReport) {}
}
