//! Limits of the account.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use kiln_sandbox::{InvocationReport, LogSource};
use kiln_service::{Code, FunctionConfig, Observer, Service, ServiceConfig, edge};
use kiln_testing::Client;

struct Silent;

impl Observer for Silent {
    fn log(&self, _function: &str, _source: LogSource, _line: &str) {}
    fn finished(&self, _function: &str, _report: &InvocationReport) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_15_calls_beyond_the_limit_are_refused_with_429() {
    let directory = tempfile::tempdir().unwrap();
    // Its init lasts as long as we look: it occupies its environment, and no call of it is answered.
    let path = directory.path().join("bootstrap");
    std::fs::write(&path, "#!/bin/sh\nexec sleep 600\n").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();

    let config = ServiceConfig {
        max_environments: 1,
        init_limit: Duration::from_secs(600),
        ..ServiceConfig::default()
    };
    let service = Service::new(config, Arc::new(Silent));
    let function = FunctionConfig {
        name: "slow".to_owned(),
        memory_mb: 128,
        timeout: Duration::from_secs(600),
        variables: BTreeMap::new(),
    };
    let working_directory = directory.path().to_owned();
    service.deploy(
        function,
        Code::Executable {
            path,
            working_directory,
        },
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(edge::serve(
        service.clone(),
        vec![listener],
        std::future::pending(),
    ));

    let (sender, answers) = mpsc::channel();
    for _ in 0..2 {
        let (client, sender) = (Client::new(endpoint.clone()), sender.clone());
        std::thread::spawn(move || sender.send(client.invoke("slow", "{}")).unwrap());
    }
    let (refused, answers) =
        tokio::task::spawn_blocking(move || (answers.recv().unwrap(), answers))
            .await
            .unwrap();
    assert_eq!(refused.status, 429);
    assert_eq!(
        refused.header("x-amzn-errortype"),
        Some("TooManyRequestsException")
    );
    assert_eq!(
        refused.json()["Reason"],
        "ConcurrentInvocationLimitExceeded"
    );
    // The other one has the environment, and waits for it as long as there is one.
    assert!(answers.try_recv().is_err());
    service.close().await;
    let told = tokio::task::spawn_blocking(move || answers.recv().unwrap());
    assert_eq!(told.await.unwrap().status, 500);
}
