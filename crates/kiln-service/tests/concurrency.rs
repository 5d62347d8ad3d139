//! The service's limits on execution environments, with real processes behind its HTTP edge.

#![expect(clippy::unwrap_used, reason = "a panic in a test is its report")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kiln_service::{
    Code, FunctionConfig, InvocationReport, LogSource, Observer, Service, ServiceConfig, edge,
};
use kiln_testing::Client;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Somebody who looks away.
struct Nobody;

impl Observer for Nobody {
    fn log(&self, _function: &str, _source: LogSource, _line: &str) -> bool {
        true
    }
    fn finished(&self, _function: &str, _report: &InvocationReport) {}
}

/// A process that runs and never asks for an event.
fn silent_function(directory: &Path) -> Code {
    let path = directory.join("bootstrap");
    std::fs::write(&path, "#!/bin/sh\nexec sleep 600\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    Code::Executable {
        path,
        working_directory: directory.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_15_calls_beyond_the_limit_are_refused_with_429() {
    let directory = tempfile::tempdir().unwrap();
    let config = ServiceConfig {
        max_environments: 2,
        ..ServiceConfig::default()
    };
    let service = Service::new(config, Arc::new(Nobody));
    let function = FunctionConfig {
        name: "silent".to_owned(),
        memory_mb: 128,
        timeout: Duration::from_secs(3),
        variables: [].into(),
    };
    service.deploy(function, silent_function(directory.path()));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let client = Client::new(format!("http://{}", listener.local_addr().unwrap()));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(edge::serve(service.clone(), vec![listener], async {
        stopped.await.ok();
    }));

    // Two find room, each in an environment that stays in its init; whoever comes last does not.
    let mut callers = JoinSet::new();
    for _ in 0..3 {
        let client = client.clone();
        callers.spawn_blocking(move || client.invoke("silent", "{}"));
    }
    let refused = callers.join_next().await.unwrap().unwrap();
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert_eq!(
        refused.header("x-amzn-errortype"),
        Some("TooManyRequestsException")
    );
    assert_eq!(
        refused.json(),
        json!({"Reason": "ConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded."})
    );

    // Those who wait are told when the service goes away, and it leaves no process behind.
    service.close().await;
    while let Some(answer) = callers.join_next().await {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 500, "{}", answer.text());
        assert_eq!(answer.header("x-amzn-errortype"), Some("ServiceException"));
    }
    stop.send(()).unwrap();
    serving.await.unwrap();
}
