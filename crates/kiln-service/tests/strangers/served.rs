//! A service with one function, on a port of its own.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use kiln_service::{
    Code, FunctionConfig, InvocationReport, LogSource, Observer, Service, ServiceConfig, edge,
};
use kiln_testing::Client;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// The log of the function, line by line.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<(LogSource, String)>>>);

impl Log {
    /// What has been written so far by this one.
    pub fn lines(&self, by: LogSource) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        let wanted = lines.iter().filter(|(source, _)| *source == by);
        wanted.map(|(_, line)| line.clone()).collect()
    }
}

impl Observer for Log {
    fn log(&self, _function: &str, source: LogSource, line: &str) -> bool {
        self.0.lock().unwrap().push((source, line.to_owned()));
        true
    }
    fn finished(&self, _function: &str, _report: &InvocationReport) {}
}

/// The account that functions are called for. As the Runtime Interface Emulator has it.
pub const ACCOUNT: &str = "012345678912";

/// The service. Its processes end with it.
pub struct Served {
    tokio: Runtime,
    service: Service,
    endpoint: String,
    log: Log,
}

impl Served {
    /// Serves a function with this bootstrap, which runs in the directory it is in.
    pub fn start(config: FunctionConfig, bootstrap: PathBuf) -> Self {
        Self::with(ServiceConfig::default(), config, bootstrap)
    }

    /// Serves a function whose runtime is the test. In one environment: another's process would tell
    /// another address.
    pub fn played(config: FunctionConfig) -> Self {
        let settings = ServiceConfig {
            max_environments: 1,
            ..ServiceConfig::default()
        };
        Self::with(settings, config, bootstrap("played"))
    }

    /// As [`start`](Self::start), with other settings of the service.
    pub fn with(settings: ServiceConfig, config: FunctionConfig, bootstrap: PathBuf) -> Self {
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let log = Log::default();
        let settings = ServiceConfig {
            account: ACCOUNT.to_owned(),
            ..settings
        };
        let (service, endpoint) = tokio.block_on(async {
            let service = Service::new(settings, Arc::new(log.clone()));
            let working_directory = bootstrap.parent().unwrap().to_owned();
            let code = Code::Executable {
                path: bootstrap,
                working_directory,
            };
            service.deploy(config, code).unwrap();
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let endpoint = format!("http://{}", listener.local_addr().unwrap());
            let serving = edge::serve(service.clone(), vec![listener], std::future::pending());
            tokio::spawn(serving);
            (service, endpoint)
        });
        Self {
            tokio,
            service,
            endpoint,
            log,
        }
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Host and port of the endpoint.
    pub fn address(&self) -> &str {
        self.endpoint.trim_start_matches("http://")
    }

    pub fn client(&self) -> Client {
        Client::new(self.endpoint.clone())
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Ends the service's environments and waits until no process is left.
    pub fn close(&self) {
        self.tokio.block_on(self.service.close());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.close();
        if std::thread::panicking() {
            let lines = self.log.0.lock().unwrap();
            eprintln!("--- the log of the function: {lines:#?}");
        }
    }
}

/// A variable of a function's.
pub fn variable(name: &str, value: impl AsRef<Path>) -> (String, String) {
    (name.to_owned(), value.as_ref().to_str().unwrap().to_owned())
}

/// A script that is there already. Not one that the test writes: while another test starts a process,
/// that one holds whatever is open for writing, and the system executes no such file.
pub fn bootstrap(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/bootstraps")
        .join(name)
}
