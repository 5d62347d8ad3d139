//! A service with one function whose runtime is the test itself, byte by byte.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use kiln_service::{
    Code, FunctionConfig, InvocationReport, LogSource, Observer, Service, ServiceConfig,
    StreamLimits, edge,
};
use kiln_testing::{Answer, Client, Stream, eventually};
use tokio::net::TcpListener;

/// A process that tells where its Runtime API is, and leaves it to the test.
const BOOTSTRAP: &str = "#!/bin/sh
echo \"$$ $AWS_LAMBDA_RUNTIME_API\" > \"$DIRECTORY/$$\" && mv \"$DIRECTORY/$$\" \"$DIRECTORY/api\"
exec sleep 600
";

struct Nobody;

impl Observer for Nobody {
    fn log(&self, _function: &str, _source: LogSource, _line: &str) -> bool {
        true
    }
    fn finished(&self, _function: &str, _report: &InvocationReport) {}
}

/// The service. Its processes end with it.
pub struct Lambda {
    tokio: tokio::runtime::Runtime,
    service: Service,
    client: Client,
    directory: tempfile::TempDir,
}

impl Lambda {
    pub fn start() -> Self {
        Self::with(StreamLimits::default(), Duration::from_secs(60))
    }

    pub fn with(stream_limits: StreamLimits, timeout: Duration) -> Self {
        Self::deploy(stream_limits, timeout, false)
    }

    /// A function that somebody else starts.
    pub fn external() -> Self {
        Self::deploy(StreamLimits::default(), Duration::from_secs(60), true)
    }

    fn deploy(stream_limits: StreamLimits, timeout: Duration, external: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bootstrap");
        std::fs::write(&path, BOOTSTRAP).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let config = ServiceConfig {
            stream_limits,
            ..ServiceConfig::default()
        };
        let (service, client) = tokio.block_on(async {
            let service = Service::new(config, Arc::new(Nobody));
            let variable =
                |name: &str, value: PathBuf| (name.to_owned(), value.to_str().unwrap().to_owned());
            let function = FunctionConfig {
                timeout,
                variables: [variable("DIRECTORY", directory.path().to_owned())].into(),
                ..FunctionConfig::new("played")
            };
            let code = if external {
                Code::External
            } else {
                Code::Executable {
                    path,
                    working_directory: directory.path().to_owned(),
                }
            };
            service.deploy(function, code).unwrap();
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let client = Client::new(format!("http://{}", listener.local_addr().unwrap()));
            let serving = edge::serve(service.clone(), vec![listener], std::future::pending());
            tokio::spawn(serving);
            (service, client)
        });
        Self {
            tokio,
            service,
            client,
            directory,
        }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Calls the function and streams its answer, once that has begun.
    pub fn stream(&self) -> JoinHandle<Stream> {
        self.stream_with(&[])
    }

    pub fn stream_with(&self, headers: &'static [(&str, &str)]) -> JoinHandle<Stream> {
        let client = self.client.clone();
        thread::spawn(move || client.stream_with("played", "{}", headers))
    }

    /// Calls the function and waits for its whole answer.
    pub fn invoke(&self) -> JoinHandle<Answer> {
        let client = self.client.clone();
        thread::spawn(move || client.invoke("played", "{}"))
    }

    /// Whether a process of the function has come so far as to say where its API is.
    pub fn has_started(&self) -> bool {
        self.directory.path().join("api").exists()
    }

    fn process(&self) -> (i32, String) {
        eventually("the process to start", || {
            let told = std::fs::read_to_string(self.directory.path().join("api")).ok()?;
            let (pid, address) = told.trim().split_once(' ')?;
            Some((pid.parse().ok()?, address.to_owned()))
        })
    }

    /// The runtime's process.
    pub fn pid(&self) -> i32 {
        self.process().0
    }

    /// A connection of the runtime to its API.
    pub fn runtime(&self) -> Runtime {
        let connection = TcpStream::connect(self.process().1).unwrap();
        Runtime::over(connection, "")
    }

    /// A connection of the runtime that somebody else has started.
    pub fn external_runtime(&self) -> Runtime {
        Runtime::over(self.client.connect(), "/.rt/played")
    }

    pub fn close(&self) {
        self.tokio.block_on(self.service.close());
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        self.close();
    }
}

/// A runtime's side of one connection.
pub struct Runtime {
    connection: BufReader<TcpStream>,
    prefix: &'static str,
}

impl Runtime {
    fn over(connection: TcpStream, prefix: &'static str) -> Self {
        connection.set_nodelay(true).unwrap();
        Self {
            connection: BufReader::new(connection),
            prefix,
        }
    }

    /// Waits for an event; its id.
    pub fn next(&mut self) -> String {
        let prefix = self.prefix;
        self.send(format!(
            "GET {prefix}/2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: x\r\n\r\n"
        ));
        let (status, headers, _) = self.answer();
        assert_eq!(status, 200);
        let id = headers.iter().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            (name == "lambda-runtime-aws-request-id").then(|| value.to_owned())
        });
        id.unwrap()
    }

    /// Begins a request to `/response`, with these header lines.
    pub fn respond(&mut self, id: &str, headers: &[&str]) {
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let prefix = self.prefix;
        self.send(format!(
            "POST {prefix}/2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nhost: x\r\n{headers}\r\n"
        ));
    }

    /// Begins a streamed response.
    pub fn begin(&mut self, id: &str) {
        self.respond(
            id,
            &[
                "Lambda-Runtime-Function-Response-Mode: streaming",
                "Content-Type: application/octet-stream",
                "Transfer-Encoding: chunked",
                "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
            ],
        );
    }

    pub fn chunk(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.send(format!("{:x}\r\n", bytes.len()));
        self.send(bytes);
        self.send("\r\n");
    }

    /// Ends a streamed response, with these trailer lines.
    pub fn end(&mut self, trailers: &[&str]) {
        let trailers: String = trailers.iter().map(|line| format!("{line}\r\n")).collect();
        self.send(format!("0\r\n{trailers}\r\n"));
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.connection.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// As much of the bytes as is taken before this long passes without progress.
    pub fn send_until_blocked(&mut self, bytes: &[u8], patience: Duration) -> usize {
        let connection = self.connection.get_mut();
        connection.set_write_timeout(Some(patience)).unwrap();
        let mut sent = 0;
        while sent < bytes.len() {
            match connection.write(&bytes[sent..]) {
                Ok(written) => sent += written,
                Err(_) => break,
            }
        }
        connection.set_write_timeout(None).unwrap();
        sent
    }

    /// Says that nothing more will be sent.
    pub fn finish_sending(&mut self) {
        self.connection.get_mut().shutdown(Shutdown::Write).unwrap();
    }

    /// Whether an answer is there already.
    pub fn has_answer(&mut self) -> bool {
        let connection = self.connection.get_mut();
        connection.set_nonblocking(true).unwrap();
        let there = connection.peek(&mut [0]).is_ok();
        connection.set_nonblocking(false).unwrap();
        there
    }

    /// Waits for the answer to the last request: status and body.
    #[track_caller]
    pub fn status(&mut self) -> (u16, String) {
        let (status, _, body) = self.answer();
        (status, body)
    }

    #[track_caller]
    fn answer(&mut self) -> (u16, Vec<String>, String) {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            assert_ne!(
                self.connection.read_line(&mut line).unwrap(),
                0,
                "closed: {head:?}"
            );
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let status = head[0].split(' ').nth(1).unwrap().parse().unwrap();
        let length = head
            .iter()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap()];
        self.connection.read_exact(&mut body).unwrap();
        (status, head, String::from_utf8(body).unwrap())
    }
}
