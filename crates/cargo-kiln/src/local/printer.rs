//! What happens in the service, written to the terminal by a thread of its own.
//!
//! The service must not wait for a terminal: somebody may have pressed Ctrl-S. Lines wait in a
//! bounded queue; what does not fit is counted, and the count is printed.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use kiln_protocol::log_line::{Status, milliseconds};
use kiln_service::{InvocationReport, LogSource, Observer, Throttle, ThrottleReason};

use super::json_line;
use crate::output::{self, DIM, ERROR, GOOD, HINT};

/// How many lines may wait.
const QUEUE: usize = 4_096;
/// How many bytes: a line of a log may have 256 KB.
const QUEUE_BYTES: usize = 16 << 20;
/// How long lines gather before they are written together. Nobody sees it, and under load waking
/// the thread for each line would be a tenth of what an invocation costs.
const GATHERING: Duration = Duration::from_millis(4);

enum Line {
    Data(String),
    /// What may be JSON, to be made readable behind this head.
    Log {
        head: String,
        text: String,
    },
    Say(String),
    Clear,
}

/// Prints what a service tells. The last clone's end prints what is still queued.
#[derive(Debug)]
pub struct Printer {
    queue: SyncSender<Line>,
    /// Bytes that wait.
    waiting: Arc<AtomicUsize>,
    dropped: AtomicU64,
    /// Print the platform's own log lines too.
    platform: bool,
    /// Somebody reads, and no program: logs in JSON are made readable.
    readable: bool,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Data(line) | Self::Say(line) => line.fmt(f),
            Self::Log { text, .. } => text.fmt(f),
            Self::Clear => f.write_str("clear"),
        }
    }
}

impl Printer {
    /// Starts the thread; join it after dropping the printer.
    pub fn start(platform: bool) -> (Self, JoinHandle<()>) {
        let (queue, lines) = sync_channel(QUEUE);
        let waiting = Arc::new(AtomicUsize::new(0));
        let taken = Arc::clone(&waiting);
        let thread = std::thread::spawn(move || print(&lines, &taken));
        let printer = Self {
            queue,
            waiting,
            dropped: AtomicU64::new(0),
            platform,
            readable: std::io::stdout().is_terminal(),
        };
        (printer, thread)
    }

    /// A line of conversation, in order with what the service tells.
    pub fn say(&self, line: impl Into<String>) {
        self.send(Line::Say(line.into()));
    }

    /// Clears the terminal of what came before.
    pub fn clear(&self) {
        self.send(Line::Clear);
    }

    fn send(&self, line: Line) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let notice = format!("… {dropped} lines were not shown: the terminal is too slow");
            if !self.try_send(Line::Say(notice)) {
                self.dropped.fetch_add(dropped, Ordering::Relaxed);
            }
        }
        if !self.try_send(line) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Queues a line, unless there is no room.
    fn try_send(&self, line: Line) -> bool {
        let bytes = line.bytes();
        let waiting = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let sent = waiting + bytes <= QUEUE_BYTES && self.queue.try_send(line).is_ok();
        if !sent {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
        }
        sent
    }

    /// Queues a line of a log. The environment counts those for which there is no room.
    fn log_line(&self, line: &str, head: impl Fn(&str) -> String) -> bool {
        // Looked at first: in a flood, most lines need not be made.
        self.waiting.load(Ordering::Relaxed) < QUEUE_BYTES
            && self.try_send(if self.readable && line.starts_with('{') {
                // Parsed by the thread that prints.
                Line::Log {
                    head: head(""),
                    text: line.to_owned(),
                }
            } else {
                Line::Data(head(line))
            })
    }
}

impl Line {
    fn bytes(&self) -> usize {
        match self {
            Self::Data(line) | Self::Say(line) => line.len(),
            Self::Log { head, text } => head.len() + text.len(),
            Self::Clear => 0,
        }
    }
}

fn print(lines: &Receiver<Line>, waiting: &AtomicUsize) {
    while let Ok(first) = lines.recv() {
        let mut data: Option<String> = None;
        for line in std::iter::once(first).chain(lines.try_iter().take(QUEUE)) {
            waiting.fetch_sub(line.bytes(), Ordering::Relaxed);
            let text = match line {
                Line::Data(text) => text,
                Line::Log { head, text } => {
                    format!("{head}{}", json_line::readable(&text).unwrap_or(text))
                }
                Line::Say(line) => {
                    data.take().into_iter().for_each(output::data);
                    output::say(line);
                    continue;
                }
                Line::Clear => {
                    data.take().into_iter().for_each(output::data);
                    output::clear();
                    continue;
                }
            };
            match &mut data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(&text);
                }
                None => data = Some(text),
            }
        }
        data.into_iter().for_each(output::data);
        std::thread::sleep(GATHERING);
    }
}

impl Observer for Printer {
    fn log(&self, function: &str, source: LogSource, line: &str) -> bool {
        match source {
            LogSource::Function | LogSource::Extension => {
                self.log_line(line, |line| format!("{DIM}{function}{DIM:#} {line}"))
            }
            LogSource::Platform if self.platform => {
                self.log_line(line, |line| format!("{DIM}{function} {line}{DIM:#}"))
            }
            LogSource::Platform => true,
            LogSource::Notice => self.try_send(Line::Say(format!("{function} {line}"))),
        }
    }

    fn finished(&self, function: &str, report: &InvocationReport) {
        self.send(Line::Data(invocation_line(function, report)));
    }

    fn throttled(&self, function: &str, throttle: &Throttle) {
        self.send(Line::Data(throttle_line(function, throttle)));
    }
}

/// An invocation that was not let in, on one line: id, function, reason and which limit it is.
pub fn throttle_line(function: &str, throttle: &Throttle) -> String {
    let limit = match throttle.reason {
        ThrottleReason::ConcurrentInvocationLimitExceeded => "`account_concurrency` is in use",
        ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded => {
            "its `reserved_concurrency` is in use"
        }
        ThrottleReason::FunctionInvocationRateLimitExceeded => {
            "more than 10 requests a second for each of `account_concurrency`, or 1,000 new \
             environments in 10 s"
        }
        ThrottleReason::ReservedFunctionInvocationRateLimitExceeded => {
            "more than 10 requests a second for each of its `reserved_concurrency`"
        }
        ThrottleReason::CallerRateLimitExceeded => "too many requests to the control plane",
        ThrottleReason::ConcurrentSnapshotCreateLimitExceeded => "too many snapshots at a time",
    };
    let outcome = match (throttle.discarded, throttle.retry_after) {
        (true, _) => "; the event is discarded".to_owned(),
        (false, Some(wait)) => format!("; retry after {:.2} ms", milliseconds(wait)),
        (false, None) => String::new(),
    };
    format!(
        "{HINT}▸{HINT:#} {} {function} {ERROR}throttled {}{ERROR:#} {limit}{outcome}",
        throttle.request_id,
        throttle.reason.name(),
    )
}

/// One invocation on one line: id, function, status, duration, billed, memory, cold or warm.
pub fn invocation_line(function: &str, finished: &InvocationReport) -> String {
    let report = &finished.report;
    let (style, status) = match (&report.status, &finished.function_error) {
        (Status::Timeout, _) => (ERROR, "timeout".to_owned()),
        (_, Some(error)) => (ERROR, format!("error {error}")),
        (Status::Error(error), None) => (ERROR, format!("error {error}")),
        (Status::Success, None) => (GOOD, "ok".to_owned()),
    };
    let memory = match report.max_memory_used_mb {
        Some(used) => format!("{used}/{} MB", report.memory_size_mb),
        None => format!("{} MB", report.memory_size_mb),
    };
    let start = match report.init_duration {
        Some(init) if finished.cold => format!("cold, init {:.2} ms", milliseconds(init)),
        // Nobody waited for it.
        Some(init) => format!("init ahead {:.2} ms", milliseconds(init)),
        None if finished.cold => "cold, init included".to_owned(),
        None => "warm".to_owned(),
    };
    format!(
        "{HINT}▸{HINT:#} {} {function} {style}{status}{style:#} {:.2} ms, billed {} ms, {memory}, {start}",
        finished.request_id,
        milliseconds(report.duration),
        report.billed_ms(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_in_lines_and_in_bytes() {
        for (length, fit) in [(10, QUEUE), (256 * 1024, QUEUE_BYTES / (257 * 1024))] {
            // Nobody reads.
            let (queue, lines) = sync_channel(QUEUE);
            let printer = Printer {
                queue,
                waiting: Arc::default(),
                dropped: AtomicU64::new(0),
                platform: false,
                readable: true,
            };
            let text = "x".repeat(length);
            let taken = (0..QUEUE + 100)
                .take_while(|_| printer.log("f", LogSource::Function, &text))
                .count();
            assert!((fit..=fit + 1).contains(&taken), "{taken}");
            assert!(printer.log("f", LogSource::Platform, "never shown"));
            // What is not of the log is counted here.
            printer.say("x".repeat(QUEUE_BYTES));
            assert_eq!(printer.dropped.load(Ordering::Relaxed), 1);
            drop(printer);
            assert_eq!(lines.iter().count(), taken);
        }
    }
}
