//! A service with functions of which each does what its event says.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use kiln_service::{
    Code, Function, FunctionConfig, InvocationReport, LogSource, Observer, Service, ServiceConfig,
    edge,
};
use kiln_testing::{Answer, Client, built_fixture};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Who remembers what was said and what has run.
#[derive(Default)]
pub struct Witness {
    lines: Mutex<Vec<(LogSource, String)>>,
    finished: Mutex<Vec<InvocationReport>>,
}

impl Observer for Witness {
    fn log(&self, _function: &str, source: LogSource, line: &str) -> bool {
        self.lines.lock().unwrap().push((source, line.to_owned()));
        true
    }

    fn finished(&self, _function: &str, report: &InvocationReport) {
        self.finished.lock().unwrap().push(report.clone());
    }
}

/// The service. Its processes end with it.
pub struct Serving {
    tokio: tokio::runtime::Runtime,
    pub service: Service,
    pub client: Client,
    pub endpoint: String,
    witness: Arc<Witness>,
}

impl Serving {
    pub fn start(config: ServiceConfig) -> Self {
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let witness = Arc::new(Witness::default());
        let observer = Arc::clone(&witness);
        let (service, endpoint) = tokio.block_on(async {
            let service = Service::new(config, observer as _);
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let endpoint = format!("http://{}", listener.local_addr().unwrap());
            let serving = edge::serve(service.clone(), vec![listener], std::future::pending());
            tokio::spawn(serving);
            (service, endpoint)
        });
        Self {
            client: Client::new(endpoint.clone()),
            tokio,
            service,
            endpoint,
            witness,
        }
    }

    /// A function on `lambda_runtime`, with what `configure` makes of it.
    pub fn function(&self, configure: impl FnOnce(&mut FunctionConfig)) -> Arc<Function> {
        let path = built_fixture("functions", "behave");
        let working_directory = path.parent().unwrap().to_owned();
        let code = Code::Executable {
            path,
            working_directory,
        };
        self.deploy(configure, code)
    }

    /// A function whose process ends at once.
    pub fn function_that_ends(&self, configure: impl FnOnce(&mut FunctionConfig)) -> Arc<Function> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bootstraps");
        let code = Code::Executable {
            path: directory.join("ends"),
            working_directory: directory,
        };
        self.deploy(configure, code)
    }

    fn deploy(&self, configure: impl FnOnce(&mut FunctionConfig), code: Code) -> Arc<Function> {
        let mut config = FunctionConfig {
            timeout: Duration::from_secs(60),
            ..FunctionConfig::new("f")
        };
        configure(&mut config);
        let _tokio = self.tokio.enter();
        self.service.deploy(config, code).unwrap()
    }

    /// Runs what starts tasks.
    pub fn enter<T>(&self, run: impl FnOnce() -> T) -> T {
        let _tokio = self.tokio.enter();
        run()
    }

    /// What the function answers.
    #[track_caller]
    pub fn call(&self, event: &Value) -> Value {
        let answer = self.client.invoke("f", event.to_string());
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(
            answer.header("x-amz-function-error"),
            None,
            "{}",
            answer.text()
        );
        answer.json()
    }

    /// The process that answers, and how often it has.
    #[track_caller]
    pub fn count(&self) -> (i32, u64) {
        let answer = self.call(&json!({"do": "count"}));
        let pid = answer["pid"].as_i64().unwrap();
        (pid.try_into().unwrap(), answer["calls"].as_u64().unwrap())
    }

    /// Calls of which none ends before the file is there.
    pub fn hold(&self, calls: usize, file: &Path) -> Vec<JoinHandle<Answer>> {
        let event = json!({"do": "wait for", "path": file}).to_string();
        let call = |_| {
            let (client, event) = (self.client.clone(), event.clone());
            thread::spawn(move || client.invoke("f", event))
        };
        (0..calls).map(call).collect()
    }

    /// The log's lines of this source that have this in them.
    pub fn lines(&self, source: LogSource, part: &str) -> Vec<String> {
        let lines = self.witness.lines.lock().unwrap();
        let found = lines
            .iter()
            .filter(|(by, line)| *by == source && line.contains(part));
        found.map(|(_, line)| line.clone()).collect()
    }

    /// What has run.
    pub fn finished(&self) -> Vec<InvocationReport> {
        self.witness.finished.lock().unwrap().clone()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.tokio.block_on(self.service.close());
    }
}
