//! The service's limits on invocations and execution environments, with real processes behind its
//! HTTP edge.

#![expect(clippy::unwrap_used, reason = "a panic in a test is its report")]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kiln_service::{
    Code, FunctionConfig, InvocationReport, LogSource, Observer, Service, ServiceConfig, Throttle,
    edge,
};
use kiln_testing::{Answer, Client, eventually};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

/// A process that runs and never asks for an event.
const SILENT: &str = "silent";
/// A process that ends at once: each call is answered by an error, and its environment stays.
const ENDS: &str = "ends";

/// Who remembers what was throttled and what has run.
#[derive(Default)]
struct Witness {
    throttled: Mutex<Vec<(String, Throttle)>>,
    finished: Mutex<Vec<String>>,
}

impl Observer for Witness {
    fn log(&self, _function: &str, _source: LogSource, _line: &str) -> bool {
        true
    }

    fn finished(&self, function: &str, _report: &InvocationReport) {
        self.finished.lock().unwrap().push(function.to_owned());
    }

    fn throttled(&self, function: &str, throttle: &Throttle) {
        let mut throttled = self.throttled.lock().unwrap();
        throttled.push((function.to_owned(), throttle.clone()));
    }
}

/// A service on a port of its own.
struct Serving {
    service: Service,
    witness: Arc<Witness>,
    client: Client,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Serving {
    async fn start(config: ServiceConfig) -> Self {
        let witness = Arc::new(Witness::default());
        let service = Service::new(config, Arc::clone(&witness) as _);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let client = Client::new(format!("http://{}", listener.local_addr().unwrap()));
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(edge::serve(service.clone(), vec![listener], async {
            stopped.await.ok();
        }));
        Self {
            service,
            witness,
            client,
            stop,
            task,
        }
    }

    /// A function with this bootstrap.
    fn function(&self, name: &str, bootstrap: &str, reserved: Option<u32>) {
        let deployed = self.service.deploy(config(name, reserved), code(bootstrap));
        deployed.unwrap();
    }

    /// Calls a function, on a thread of its own.
    async fn call(&self, function: &'static str) -> Answer {
        self.call_with(function, &[]).await
    }

    async fn call_with(
        &self,
        function: &'static str,
        headers: &'static [(&'static str, &'static str)],
    ) -> Answer {
        let client = self.client.clone();
        tokio::task::spawn_blocking(move || client.invoke_with(function, "{}", headers))
            .await
            .unwrap()
    }

    /// Those who wait are told when the service goes away, and it leaves no process behind.
    async fn stop(self) {
        self.service.close().await;
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }
}

fn config(name: &str, reserved_concurrency: Option<u32>) -> FunctionConfig {
    FunctionConfig {
        timeout: Duration::from_secs(20),
        reserved_concurrency,
        ..FunctionConfig::new(name)
    }
}

/// A script of this directory. Not one that the test writes: while another test starts a process, that
/// one holds whatever is open for writing, and the system executes no such file.
fn code(bootstrap: &str) -> Code {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bootstraps");
    Code::Executable {
        path: directory.join(bootstrap),
        working_directory: directory,
    }
}

#[track_caller]
fn assert_refused(answer: &Answer, reason: &str) {
    assert_eq!(answer.status, 429, "{}", answer.text());
    assert_eq!(
        answer.header("x-amzn-errortype"),
        Some("TooManyRequestsException")
    );
    assert_eq!(
        answer.text(),
        json!({"Reason": reason, "Type": "User", "message": "Rate Exceeded."}).to_string()
    );
}

/// Three call a function that never answers; whoever comes last is refused for this reason.
async fn third_of_three_is_refused(serving: Serving, function: &'static str, reason: &str) {
    let mut callers = JoinSet::new();
    for _ in 0..3 {
        let client = serving.client.clone();
        callers.spawn_blocking(move || client.invoke(function, "{}"));
    }
    let refused = callers.join_next().await.unwrap().unwrap();
    assert_refused(&refused, reason);
    assert_eq!(refused.header("retry-after"), None, "nobody knows when");
    let witnessed = serving.witness.throttled.lock().unwrap().clone();
    let [(throttled, throttle)] = witnessed.as_slice() else {
        panic!("{witnessed:?}")
    };
    assert_eq!(
        (throttled.as_str(), throttle.reason.name()),
        (function, reason)
    );
    assert_eq!(
        refused.header("x-amzn-requestid"),
        Some(throttle.request_id.as_str())
    );
    serving.stop().await;
    while let Some(answer) = callers.join_next().await {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 500, "{}", answer.text());
        assert_eq!(answer.header("x-amzn-errortype"), Some("ServiceException"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_15_calls_beyond_the_limit_are_refused_with_429() {
    let serving = Serving::start(ServiceConfig {
        account_concurrency: 2,
        ..ServiceConfig::default()
    })
    .await;
    serving.function("silent", SILENT, None);
    third_of_three_is_refused(serving, "silent", "ConcurrentInvocationLimitExceeded").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_15_calls_beyond_the_reserved_concurrency_are_refused_with_429() {
    let serving = Serving::start(ServiceConfig::default()).await;
    serving.function("silent", SILENT, Some(2));
    let reason = "ReservedFunctionConcurrentInvocationLimitExceeded";
    third_of_three_is_refused(serving, "silent", reason).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_reserved_refuses_everything() {
    let serving = Serving::start(ServiceConfig::default()).await;
    serving.function("off", ENDS, Some(0));
    let reason = "ReservedFunctionConcurrentInvocationLimitExceeded";
    assert_refused(&serving.call("off").await, reason);
    // An event is taken, and goes to the failure destination, of which there is none.
    let event = &[("x-amz-invocation-type", "Event")];
    assert_eq!(serving.call_with("off", event).await.status, 202);
    let discarded: Vec<bool> = serving
        .witness
        .throttled
        .lock()
        .unwrap()
        .iter()
        .map(|(_, throttle)| throttle.discarded)
        .collect();
    assert_eq!(discarded, [false, true]);
    // A dry run asks whether one may, not whether there is room.
    let dry = &[("x-amz-invocation-type", "DryRun")];
    assert_eq!(serving.call_with("off", dry).await.status, 204);
    // What was taken away can be given back, without a new deployment.
    serving.service.reserve([("off", None)]).unwrap();
    assert_eq!(serving.call("off").await.status, 200);
    serving.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_reserved_is_no_one_elses() {
    let serving = Serving::start(ServiceConfig {
        account_concurrency: 101,
        ..ServiceConfig::default()
    })
    .await;
    serving.function("reserved", ENDS, Some(1));
    serving.function("silent", SILENT, None);
    let mut callers = JoinSet::new();
    for _ in 0..101 {
        let client = serving.client.clone();
        callers.spawn_blocking(move || client.invoke("silent", "{}"));
    }
    // A hundred are left for all others.
    let refused = callers.join_next().await.unwrap().unwrap();
    assert_refused(&refused, "ConcurrentInvocationLimitExceeded");
    assert_eq!(serving.call("reserved").await.status, 200);
    serving.stop().await;
    callers.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reservation_that_leaves_too_little_is_refused_and_changes_nothing() {
    let serving = Serving::start(ServiceConfig::default()).await;
    serving.function("first", ENDS, Some(600));
    let refused = serving
        .service
        .deploy(config("second", Some(301)), code(ENDS))
        .unwrap_err();
    assert_eq!(
        refused.body(),
        json!({"Type": "User", "message": "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."})
    );
    assert_eq!(refused.status(), 400);
    assert_eq!(serving.call("second").await.status, 404);
    // One may have what another gives up.
    serving
        .service
        .reserve([("second", Some(301)), ("first", Some(599))])
        .unwrap();
    serving.service.remove("first");
    serving.service.reserve([("second", Some(900))]).unwrap();
    serving.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_request_rate_is_bounded_and_says_when_to_come_back() {
    let serving = Serving::start(ServiceConfig::default()).await;
    // Ten a second, one after another.
    serving.function("slow", ENDS, Some(1));
    let mut answers = 0;
    let refused = loop {
        let answer = serving.call("slow").await;
        if answer.status == 429 {
            break answer;
        }
        assert_eq!(answer.status, 200, "{}", answer.text());
        answers += 1;
        assert!(answers < 1_000, "nobody was refused");
    };
    assert!(answers >= 10);
    assert_refused(&refused, "ReservedFunctionInvocationRateLimitExceeded");
    assert_eq!(refused.header("retry-after"), Some("1"));
    serving.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_environments_count_for_nothing_and_make_room() {
    let serving = Serving::start(ServiceConfig {
        account_concurrency: 1,
        max_environments: 1,
        ..ServiceConfig::default()
    })
    .await;
    serving.function("first", ENDS, None);
    serving.function("second", ENDS, None);
    for _ in 0..3 {
        for function in ["first", "second"] {
            let answer = serving.call(function).await;
            assert_eq!(answer.status, 200, "{function}: {}", answer.text());
        }
    }
    serving.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_for_a_process_invocations_wait() {
    let serving = Serving::start(ServiceConfig {
        max_environments: 2,
        ..ServiceConfig::default()
    })
    .await;
    serving.function("first", ENDS, None);
    serving.function("second", ENDS, None);
    let mut callers = JoinSet::new();
    for call in 0..40 {
        let client = serving.client.clone();
        let function = if call % 2 == 0 { "first" } else { "second" };
        callers.spawn_blocking(move || client.invoke(function, "{}"));
    }
    for answer in callers.join_all().await {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    serving.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_never_refused_and_run_one_after_another() {
    let serving = Serving::start(ServiceConfig {
        account_concurrency: 1,
        ..ServiceConfig::default()
    })
    .await;
    serving.function("first", ENDS, None);
    serving.function("second", ENDS, None);
    let event = &[("x-amz-invocation-type", "Event")];
    for _ in 0..10 {
        for function in ["first", "second"] {
            assert_eq!(serving.call_with(function, event).await.status, 202);
        }
    }
    let witness = Arc::clone(&serving.witness);
    let all = move || (witness.finished.lock().unwrap().len() == 20).then_some(());
    tokio::task::spawn_blocking(|| eventually("all events to have run", all))
        .await
        .unwrap();
    assert_eq!(*serving.witness.throttled.lock().unwrap(), []);
    serving.stop().await;
}
