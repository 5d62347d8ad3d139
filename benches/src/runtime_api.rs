//! A bare Runtime API: what a function takes when nothing stands between it and its events.

use std::collections::BTreeMap;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kiln_service::{FunctionConfig, ServiceConfig, runtime_variables};

use crate::brood;
use crate::error::BenchError;
use crate::procfs;
use crate::wire::Wire;

/// How long a function may take to do what is measured.
const PATIENCE: Duration = Duration::from_secs(60);

/// The function's name.
const NAME: &str = "bare";

/// What was seen of a function.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Its first `/next`.
    first_poll: Option<Instant>,
    /// When the event it works on left.
    delivered: Option<Instant>,
    /// From event to posted answer, per event.
    handling: Vec<Duration>,
    /// From event to event.
    cycles: Vec<Duration>,
    /// How often it has connected.
    connections: usize,
}

/// A function in direct contact with its events.
#[derive(Debug)]
struct Direct {
    child: Child,
    spawned: Instant,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// After so many events no more are handed out.
    events: usize,
    seen: Mutex<Seen>,
    progress: Condvar,
}

/// What a function did with a series of events.
#[derive(Debug)]
pub struct Loop {
    /// From event to posted answer, ascending.
    pub handling: Vec<Duration>,
    /// From event to event, ascending.
    pub cycles: Vec<Duration>,
    /// CPU time of the function.
    pub cpu: Duration,
    /// How often it has connected to its Runtime API.
    pub connections: usize,
}

/// The time from a function's spawn to its first call for an event.
pub fn start_time(function: &Path) -> Result<Duration, BenchError> {
    let direct = Direct::spawn(function, FunctionConfig::new(NAME).memory_mb, 0)?;
    let seen = direct.wait(|seen| seen.first_poll.is_some())?;
    let spawned = direct.spawned;
    // Seen: `wait` has just said so.
    Ok(seen
        .first_poll
        .map_or(Duration::ZERO, |poll| poll.duration_since(spawned)))
}

/// Feeds events to a function, each as soon as it asks for one.
pub fn feed(function: &Path, events: usize) -> Result<Loop, BenchError> {
    let usual = FunctionConfig::new(NAME).memory_mb;
    feed_with_memory(function, usual, events)
}

/// Feeds events to a function with this memory setting.
pub fn feed_with_memory(
    function: &Path,
    memory_mb: u32,
    events: usize,
) -> Result<Loop, BenchError> {
    let direct = Direct::spawn(function, memory_mb, events)?;
    let mut seen = direct.wait(|seen| seen.handling.len() >= events)?;
    let cpu = procfs::cpu_time(direct.child.id());
    seen.handling.sort_unstable();
    seen.cycles.sort_unstable();
    Ok(Loop {
        handling: seen.handling,
        cycles: seen.cycles,
        cpu,
        connections: seen.connections,
    })
}

/// The variables of a function on Lambda.
fn variables(function: &Path, memory_mb: u32) -> BTreeMap<String, String> {
    let mut config = FunctionConfig::new(NAME);
    config.memory_mb = memory_mb;
    let task_root = function.parent().unwrap_or(function);
    runtime_variables(&ServiceConfig::default(), &config, task_root, NAME)
}

impl Direct {
    fn spawn(function: &Path, memory_mb: u32, events: usize) -> Result<Self, BenchError> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(BenchError::Machine)?;
        let address = listener.local_addr().map_err(BenchError::Machine)?;
        let shared = Arc::new(Shared {
            events,
            seen: Mutex::default(),
            progress: Condvar::new(),
        });
        let served = Arc::clone(&shared);
        // The threads end with the connections, the last one with us: they wait and cost nothing.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                served.seen().connections += 1;
                let served = Arc::clone(&served);
                std::thread::spawn(move || served.serve(stream));
            }
        });
        let mut command = Command::new(function);
        command
            .env_clear()
            // All that a function has: where libraries are looked for, say, is part of its start.
            .envs(variables(function, memory_mb))
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let spawned = Instant::now();
        let child = brood::spawn(&mut command)?;
        Ok(Self {
            child,
            spawned,
            shared,
        })
    }

    /// Waits until what was seen is enough.
    fn wait(&self, enough: impl Fn(&Seen) -> bool) -> Result<Seen, BenchError> {
        let waited =
            self.shared
                .progress
                .wait_timeout_while(self.shared.seen(), PATIENCE, |seen| !enough(seen));
        let (seen, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return Err(BenchError::Program {
                program: "the function".to_owned(),
                reason: "it does not use the Runtime API it was given".to_owned(),
            });
        }
        Ok(seen.clone())
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves one connection to its end, which comes when the function is killed.
    fn serve(&self, stream: TcpStream) {
        // The error is that end.
        let _ = Wire::new(stream).and_then(|mut wire| self.exchange(&mut wire));
    }

    fn exchange(&self, wire: &mut Wire) -> io::Result<()> {
        let accepted = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
        loop {
            let request = wire.request()?;
            if request.method == "GET" {
                if !self.polled() {
                    // Enough: the function waits here until it is killed.
                    continue;
                }
                wire.send(&event())?;
            } else {
                self.answered();
                wire.send(accepted)?;
            }
        }
    }

    /// The function asks for an event; whether it gets one.
    fn polled(&self) -> bool {
        let now = Instant::now();
        let mut seen = self.seen();
        seen.first_poll.get_or_insert(now);
        if let Some(before) = seen.delivered.replace(now) {
            seen.cycles.push(now.duration_since(before));
        }
        self.progress.notify_all();
        seen.handling.len() < self.events
    }

    fn answered(&self) {
        let now = Instant::now();
        let mut seen = self.seen();
        if let Some(delivered) = seen.delivered {
            seen.handling.push(now.duration_since(delivered));
        }
        if seen.handling.len() >= self.events {
            self.progress.notify_all();
        }
    }
}

fn event() -> Vec<u8> {
    let deadline = std::time::SystemTime::now() + PATIENCE;
    let deadline = deadline
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\
         lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
         lambda-runtime-deadline-ms: {}\r\n\
         lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:000000000000:function:bare\r\n\
         lambda-runtime-trace-id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0\r\n\r\n{{}}",
        deadline.as_millis()
    )
    .into_bytes()
}
