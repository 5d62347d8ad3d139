//! Callers: one thread and one connection each, and every call waits for the answer to the one before.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::procfs;
use crate::statistics::percentile;
use crate::wire::{Answer, Wire, invocation};

/// How long a caller under load waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of some calls.
#[derive(Debug, Default)]
pub struct Traffic {
    /// How long each answered call took, ascending.
    pub latencies: Vec<Duration>,
    /// From the first call's start to the last one's end.
    pub elapsed: Duration,
    /// How many calls ended otherwise, by what became of them.
    pub failures: BTreeMap<String, usize>,
    /// CPU time that the callers used.
    pub own_cpu: Duration,
}

impl Traffic {
    /// Answered calls per second.
    pub fn per_second(&self) -> f64 {
        let count = u32::try_from(self.latencies.len()).unwrap_or(u32::MAX);
        f64::from(count) / self.elapsed.as_secs_f64()
    }

    /// The latency that so many percent of the answered calls did not exceed.
    pub fn percentile(&self, percent: usize) -> Duration {
        percentile(&self.latencies, percent)
    }

    /// Failures in words; `None` when there were none.
    pub fn failed(&self) -> Option<String> {
        let failures = self.failures.iter();
        let failures: Vec<String> = failures
            .map(|(what, count)| format!("{count} × {what}"))
            .collect();
        (!failures.is_empty()).then(|| failures.join(", "))
    }
}

/// A request that is made again and again, and the status it is answered with.
#[derive(Clone, Debug)]
pub struct Call {
    request: Vec<u8>,
    expected: u16,
}

impl Call {
    /// An invocation of a function.
    pub fn invocation(function: &str, event: &str) -> Self {
        Self {
            request: invocation(function, event),
            expected: 200,
        }
    }

    /// A request without a body for a path.
    pub fn get(path: &str, expected: u16) -> Self {
        Self {
            request: format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes(),
            expected,
        }
    }
}

/// A caller with a connection that it keeps as long as it works.
#[derive(Debug)]
pub struct Caller<'c> {
    address: SocketAddr,
    call: &'c Call,
    patience: Duration,
    wire: Option<Wire>,
}

impl<'c> Caller<'c> {
    /// A caller. It connects with its first call.
    pub fn new(address: SocketAddr, call: &'c Call, patience: Duration) -> Self {
        Self {
            address,
            call,
            patience,
            wire: None,
        }
    }

    /// Calls, and waits for the answer. After an error the next call connects anew.
    pub fn call(&mut self) -> io::Result<Answer> {
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => Wire::connect(self.address, self.patience)?,
        };
        wire.send(&self.call.request)?;
        let answer = wire.answer()?;
        self.wire = Some(wire);
        Ok(answer)
    }
}

/// Makes a call over some connections at once, again and again until the time is up.
pub fn sustain(address: SocketAddr, call: &Call, connections: usize, time: Duration) -> Traffic {
    gather(connections, |start| {
        let mut caller = Caller::new(address, call, PATIENCE);
        let mut calls = Calls::default();
        start.wait();
        let began = Instant::now();
        while began.elapsed() < time {
            calls.time(&mut caller);
        }
        calls
    })
}

/// Makes a call once over each of some connections, all at the same moment.
pub fn burst(address: SocketAddr, call: &Call, connections: usize, patience: Duration) -> Traffic {
    gather(connections, |start| {
        let mut caller = Caller::new(address, call, patience);
        let mut calls = Calls::default();
        start.wait();
        calls.time(&mut caller);
        calls
    })
}

#[derive(Debug, Default)]
struct Calls {
    latencies: Vec<Duration>,
    failures: BTreeMap<String, usize>,
}

impl Calls {
    fn time(&mut self, caller: &mut Caller<'_>) {
        let began = Instant::now();
        let failure = match caller.call() {
            Ok(answer) if answer.status == caller.call.expected && !answer.function_error => {
                self.latencies.push(began.elapsed());
                return;
            }
            Ok(answer) => format!("status {}", answer.status),
            // What a read timeout is called differs between systems.
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "no answer".to_owned(),
                kind => kind.to_string(),
            },
        };
        *self.failures.entry(failure).or_default() += 1;
    }
}

fn gather(connections: usize, calls: impl Fn(&Barrier) -> Calls + Sync) -> Traffic {
    let me = std::process::id();
    let start = Barrier::new(connections + 1);
    let mut traffic = Traffic::default();
    let (mut began, mut cpu) = (Instant::now(), Duration::ZERO);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..connections)
            .map(|_| scope.spawn(|| calls(&start)))
            .collect();
        cpu = procfs::cpu_time(me);
        start.wait();
        began = Instant::now();
        for caller in callers {
            // A caller that panicked has said so, and has made no calls.
            let Ok(calls) = caller.join() else { continue };
            traffic.latencies.extend(calls.latencies);
            for (failure, count) in calls.failures {
                *traffic.failures.entry(failure).or_default() += count;
            }
        }
    });
    traffic.elapsed = began.elapsed();
    traffic.own_cpu = procfs::cpu_time(me).saturating_sub(cpu);
    traffic.latencies.sort_unstable();
    traffic
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn every_call_is_counted_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let mut wire = Wire::new(stream.unwrap()).unwrap();
                wire.request().unwrap();
                let status = if number < 2 { "200 OK" } else { "429 No" };
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                wire.send(answer.as_bytes()).unwrap();
            }
        });
        let traffic = burst(
            address,
            &Call::invocation("f", "{}"),
            5,
            Duration::from_secs(10),
        );
        assert_eq!(traffic.latencies.len(), 2);
        assert_eq!(traffic.failed().as_deref(), Some("3 × status 429"));
    }
}
