//! What the processes of an environment write: one pipe for stdout and stderr, cut into lines, and
//! one for those of extensions.
//!
//! One pipe keeps the order in which a process wrote to the two. It is drained when an invocation
//! ends, so that a line written before the answer always stands before that invocation's END.
//!
//! Nothing here grows with what is written: at most one line is kept, and lines nobody takes are
//! dropped, counted, and told of in one line as soon as somebody does.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kiln_protocol::invoke::LOG_TAIL_BYTES;
use kiln_protocol::json_log::JsonLog;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::environment::LogSource;

/// Who is told lines. Must not wait: answers `false` when it cannot take one now.
pub(crate) type Emit<'a> = dyn FnMut(LogSource, &str) -> bool + 'a;

/// Longest line handed on in one piece (CloudWatch's limit for one log event).
const MAX_LINE_BYTES: usize = 256 * 1024;

/// The reading ends of the environment's log pipes, and the lines being collected.
#[derive(Debug)]
pub(crate) struct LogPipe {
    function: Pipe,
    extensions: Option<Pipe>,
    lines: Mutex<Lines>,
}

/// One pipe.
#[derive(Debug)]
struct Pipe {
    reader: AsyncFd<OwnedFd>,
    writer: OwnedFd,
}

/// The state of collection: what is read and not yet a line, and the tail a caller asked for.
#[derive(Debug)]
pub(crate) struct Lines {
    /// Longest line handed on in one piece.
    longest: usize,
    function: Partial,
    extensions: Partial,
    tail: Option<Tail>,
    dropped: Dropped,
    /// What of the function's lines is kept out of the log, where that is JSON.
    filter: Option<JsonLog>,
}

/// A line whose end has not come.
#[derive(Debug, Default)]
struct Partial {
    bytes: Vec<u8>,
    /// What precedes them on their line has been handed on already.
    continued: bool,
}

impl Default for Lines {
    fn default() -> Self {
        Self::up_to(MAX_LINE_BYTES)
    }
}

/// What nobody took, and has not been told of.
#[derive(Debug, Default)]
struct Dropped {
    lines: u64,
    /// As the processes wrote them, without line breaks.
    bytes: u64,
    /// The line that tells, kept for its memory: it is tried for every line of a flood.
    notice: String,
}

impl Pipe {
    fn new() -> io::Result<Self> {
        // Neither end is inherited by a process that is not given it.
        let (reader, writer) = io::pipe()?;
        let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
        // Only our end: a function's writes must block, not fail, when we are slow.
        rustix::fs::fcntl_setfl(&reader, rustix::fs::OFlags::NONBLOCK)?;
        // SAFETY: the descriptor must stay the registered one until it is deregistered. It is owned
        // by the `AsyncFd`, which deregisters it before closing it, and nobody takes or swaps it.
        let reader = unsafe { AsyncFd::register_with_interest(reader, Interest::READABLE)? };
        Ok(Self { reader, writer })
    }

    async fn readable(&self) -> io::Result<()> {
        self.reader.readable().await?.clear_ready();
        Ok(())
    }
}

impl LogPipe {
    /// With a pipe for extensions where there are any with processes of their own, and with the levels
    /// of a log in JSON.
    pub(crate) fn new(extensions: bool, filter: Option<JsonLog>) -> io::Result<Self> {
        Ok(Self {
            function: Pipe::new()?,
            extensions: extensions.then(Pipe::new).transpose()?,
            lines: Mutex::new(Lines {
                filter,
                ..Lines::default()
            }),
        })
    }

    /// A writing end for a process of the function or of an extension.
    pub(crate) fn writer(&self, source: LogSource) -> io::Result<OwnedFd> {
        let pipe = match (&self.extensions, source) {
            (Some(extensions), LogSource::Extension) => extensions,
            _ => &self.function,
        };
        pipe.writer.try_clone()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something to read.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        match &self.extensions {
            None => self.function.readable().await,
            Some(extensions) => tokio::select! {
                readable = self.function.readable() => readable,
                readable = extensions.readable() => readable,
            },
        }
    }

    /// Reads what the pipes hold now, without waiting; hands each whole line to `emit`.
    ///
    /// Returns whether they were emptied: a process that writes without end must not keep the
    /// caller here.
    pub(crate) fn drain(&self, lines: &mut Lines, emit: &mut Emit<'_>) -> bool {
        let extensions = self.extensions.iter().map(|it| (it, LogSource::Extension));
        let pipes = std::iter::once((&self.function, LogSource::Function)).chain(extensions);
        let mut emptied = true;
        for (pipe, source) in pipes {
            emptied &= pipe.drain(lines, source, emit);
        }
        emptied
    }
}

impl Pipe {
    fn drain(&self, lines: &mut Lines, source: LogSource, emit: &mut Emit<'_>) -> bool {
        let mut buffer = [0; 16 * 1024];
        // A pipe holds 64 KB by default: eight rounds empty what was there when we began.
        for _ in 0..8 {
            match rustix::io::read(self.reader.as_fd(), &mut buffer) {
                Ok(0) => return true,
                Ok(read) => {
                    lines.push_from(source, buffer.get(..read).unwrap_or_default(), emit);
                }
                Err(rustix::io::Errno::INTR) => {}
                // Empty (`AGAIN`), or an error that reading again will not mend.
                Err(_) => return true,
            }
        }
        false
    }
}

impl Lines {
    /// Lines that are cut when they are longer than this.
    pub(crate) fn up_to(longest: usize) -> Self {
        Self {
            longest,
            function: Partial::default(),
            extensions: Partial::default(),
            tail: None,
            dropped: Dropped::default(),
            filter: None,
        }
    }

    /// How much memory is held.
    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn capacity(&self) -> usize {
        let tail = self.tail.as_ref().map_or(0, |tail| tail.bytes.capacity());
        self.function.bytes.capacity() + self.extensions.bytes.capacity() + tail
    }

    /// Begins to keep a tail.
    pub(crate) fn keep_tail(&mut self) {
        self.tail = Some(Tail::default());
    }

    /// The tail kept since [`keep_tail`](Self::keep_tail).
    pub(crate) fn take_tail(&mut self) -> Option<Vec<u8>> {
        self.tail.take().map(|tail| tail.bytes.into())
    }

    /// Adds a line of the platform.
    pub(crate) fn platform(&mut self, line: &str, emit: &mut Emit<'_>) {
        if let Some(tail) = &mut self.tail {
            tail.push(line.as_bytes());
        }
        self.dropped
            .emit(LogSource::Platform, line, line.len(), emit);
    }

    /// Ends lines that have no line break yet, so that they stand before what follows.
    pub(crate) fn flush(&mut self, emit: &mut Emit<'_>) {
        for source in [LogSource::Function, LogSource::Extension] {
            if !self.partial(source).bytes.is_empty() {
                self.end_line(source, emit);
            }
        }
    }

    fn partial(&mut self, source: LogSource) -> &mut Partial {
        match source {
            LogSource::Extension => &mut self.extensions,
            _ => &mut self.function,
        }
    }

    /// Takes what was read of the function; where it was cut makes no difference.
    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn push(&mut self, bytes: &[u8], emit: &mut Emit<'_>) {
        self.push_from(LogSource::Function, bytes, emit);
    }

    fn push_from(&mut self, source: LogSource, bytes: &[u8], emit: &mut Emit<'_>) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (mut text, ended) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            let longest = self.longest;
            if ended && self.partial(source).bytes.is_empty() && text.len() <= longest {
                self.line(source, text, emit);
                continue;
            }
            while let Some((head, rest)) =
                text.split_at_checked(longest - self.partial(source).bytes.len())
                && !rest.is_empty()
            {
                self.partial(source).bytes.extend_from_slice(head);
                self.cut(source, emit);
                text = rest;
            }
            self.partial(source).bytes.extend_from_slice(text);
            if ended {
                self.end_line(source, emit);
            }
        }
    }

    /// Hands on as much of a line as there may be in one piece, whole characters if it is text.
    fn cut(&mut self, source: LogSource, emit: &mut Emit<'_>) {
        let Partial { bytes, continued } = self.partial(source);
        let rest = bytes.split_off(whole_characters(bytes));
        let piece = std::mem::replace(bytes, rest);
        *continued = true;
        self.line(source, &piece, emit);
    }

    fn end_line(&mut self, source: LogSource, emit: &mut Emit<'_>) {
        let Partial { bytes, continued } = std::mem::take(self.partial(source));
        // The line break of a line that has just been handed on to its last character.
        if !(continued && bytes == b"\r") {
            self.line(source, &bytes, emit);
        }
    }

    fn line(&mut self, source: LogSource, line: &[u8], emit: &mut Emit<'_>) {
        let bytes = line.strip_suffix(b"\r").unwrap_or(line);
        let text = String::from_utf8_lossy(bytes);
        // Before anybody gets it, as on AWS.
        if source == LogSource::Function && self.filter.is_some_and(|it| !it.passes(&text)) {
            return;
        }
        if let Some(tail) = &mut self.tail {
            tail.push(bytes);
        }
        self.dropped.emit(source, &text, line.len(), emit);
    }
}

/// How many of the bytes are left without a character that has only begun.
fn whole_characters(bytes: &[u8]) -> usize {
    let begun = bytes.iter().rev().take(3).position(|&byte| byte >= 0xc0);
    let Some(behind) = begun else {
        return bytes.len();
    };
    let start = bytes.len() - behind - 1;
    let length = match bytes.get(start) {
        Some(0xf0..) => 4,
        Some(0xe0..) => 3,
        _ => 2,
    };
    if start > 0 && behind + 1 < length {
        start
    } else {
        bytes.len()
    }
}

impl Dropped {
    /// Hands on a line of so many bytes, after telling of those that were dropped before it.
    fn emit(&mut self, source: LogSource, line: &str, bytes: usize, emit: &mut Emit<'_>) {
        if self.lines > 0 {
            let Self {
                lines,
                bytes,
                notice,
            } = self;
            notice.clear();
            let _ = write!(
                notice,
                "… {lines} lines ({bytes} bytes) were dropped: they came faster than they could be taken"
            );
            if emit(LogSource::Notice, notice) {
                (self.lines, self.bytes) = (0, 0);
            }
        }
        // What comes later must not overtake the notice.
        if self.lines > 0 || !emit(source, line) {
            self.lines += 1;
            self.bytes += bytes as u64;
        }
    }
}

/// The last bytes of a log.
#[derive(Debug, Default)]
struct Tail {
    bytes: VecDeque<u8>,
}

impl Tail {
    fn push(&mut self, line: &[u8]) {
        self.bytes.extend(line);
        self.bytes.push_back(b'\n');
        let excess = self.bytes.len().saturating_sub(LOG_TAIL_BYTES);
        self.bytes.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn take(seen: &mut Vec<String>) -> impl FnMut(LogSource, &str) -> bool {
        |_, line| {
            seen.push(line.to_owned());
            true
        }
    }

    fn cut(chunks: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for chunk in chunks {
            lines.push(chunk, &mut take(&mut seen));
        }
        lines.flush(&mut take(&mut seen));
        seen
    }

    #[test]
    fn lines_are_cut_wherever_the_chunks_end() {
        assert_eq!(
            cut(&[b"one\ntw", b"o\n", b"three"]),
            ["one", "two", "three"]
        );
        assert_eq!(cut(&[b"a\r\n\nb\n"]), ["a", "", "b"]);
        assert_eq!(cut(&[b"\xff\xfe\n"]), ["\u{fffd}\u{fffd}"]);
    }

    #[test]
    fn a_line_without_end_is_handed_on_in_pieces() {
        let chunk = vec![b'x'; 100 * 1024];
        let seen = cut(&[&chunk, &chunk, &chunk, &chunk]);
        let lengths: Vec<_> = seen.iter().map(String::len).collect();
        assert_eq!(lengths, [256 * 1024, 144 * 1024]);
        // However it arrives; and a line that just fits is one, whatever its break.
        let line = vec![b'x'; 256 * 1024];
        for line_break in ["\n", "\r\n", ""] {
            let whole = [&line, line_break.as_bytes()].concat();
            assert_eq!(cut(&[&whole]).len(), 1, "{line_break:?}");
            assert_eq!(cut(&[&line, line_break.as_bytes()]).len(), 1);
        }
        assert_eq!(cut(&[&line, &line, &line, b"y\nz\n"]).len(), 5);
    }

    #[test]
    fn a_line_is_not_cut_within_a_character() {
        for character in ["é", "€", "🔥"] {
            for before in 0..character.len() {
                let text = ["x".repeat(before), character.repeat(200_000)].concat();
                let seen = cut(&[text.as_bytes()]);
                assert!(seen.len() > 1);
                assert!(seen.iter().all(|line| line.len() <= MAX_LINE_BYTES));
                assert_eq!(seen.concat(), text);
            }
        }
    }

    #[test]
    fn what_nobody_takes_is_counted_and_told_once() {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for (number, line) in ["a", "bb\r", "\u{ff}c", "dddd", "e", "f"]
            .iter()
            .enumerate()
        {
            let bytes = format!("{line}\n");
            lines.push(bytes.as_bytes(), &mut |source, line| {
                let takes = !(1..4).contains(&number);
                if takes {
                    seen.push((source, line.to_owned()));
                }
                takes
            });
        }
        let notice = "… 3 lines (10 bytes) were dropped: they came faster than they could be taken";
        assert_eq!(
            seen,
            [
                (LogSource::Function, "a".to_owned()),
                (LogSource::Notice, notice.to_owned()),
                (LogSource::Function, "e".to_owned()),
                (LogSource::Function, "f".to_owned()),
            ]
        );
    }

    /// Runs a script that writes to the log, and reads it as the environment does.
    async fn run(script: &str, emit: &mut Emit<'_>) -> Lines {
        let logs = LogPipe::new(false, None).unwrap();
        let mut child = tokio::process::Command::new("sh")
            .args(["-c", script])
            .stdout(logs.writer(LogSource::Function).unwrap())
            .stderr(logs.writer(LogSource::Function).unwrap())
            .spawn()
            .unwrap();
        let mut lines = Lines::default();
        lines.keep_tail();
        let ended = loop {
            tokio::select! {
                status = child.wait() => break status.unwrap(),
                readable = logs.readable() => {
                    readable.unwrap();
                    while !logs.drain(&mut lines, emit) {
                        assert!(lines.function.bytes.capacity() <= 2 * MAX_LINE_BYTES);
                        tokio::task::yield_now().await;
                    }
                }
            }
        };
        assert!(ended.success(), "{script}");
        while !logs.drain(&mut lines, emit) {}
        lines.flush(emit);
        lines
    }

    #[tokio::test]
    async fn a_flood_of_lines_passes() {
        let line = "y".repeat(99);
        let (mut count, mut bytes) = (0, 0);
        let script = format!("yes {line} | head -c 100000000");
        let mut lines = run(&script, &mut |_, line| {
            count += 1;
            bytes += line.len();
            true
        })
        .await;
        assert_eq!((count, bytes), (1_000_000, 99_000_000));
        assert_eq!(lines.take_tail().unwrap().len(), LOG_TAIL_BYTES);
    }

    #[tokio::test]
    async fn a_flood_without_a_line_break_is_cut() {
        let mut lengths = Vec::new();
        run("head -c 100000000 /dev/zero", &mut |_, line| {
            lengths.push(line.len());
            true
        })
        .await;
        assert_eq!(lengths.iter().sum::<usize>(), 100_000_000);
        let last = lengths.pop();
        assert_eq!(last, Some(100_000_000 % MAX_LINE_BYTES));
        assert!(lengths.iter().all(|length| *length == MAX_LINE_BYTES));
    }

    /// Takes a hundred lines now and then, and is told exactly what it missed.
    #[tokio::test]
    async fn a_slow_observer_is_told_what_it_missed() {
        let line = "y".repeat(99);
        let (mut calls, mut taken, mut missed, mut missed_bytes) = (0_u64, 0, 0, 0);
        let mut emit = |source, line: &str| {
            calls += 1;
            if calls % 10_000 > 100 {
                return false;
            }
            match source {
                LogSource::Function => taken += 1,
                LogSource::Platform | LogSource::Extension => unreachable!("nobody writes for it"),
                LogSource::Notice => {
                    let mut numbers = line
                        .split(|c: char| !c.is_ascii_digit())
                        .filter_map(|number| number.parse::<u64>().ok());
                    missed += numbers.next().unwrap();
                    missed_bytes += numbers.next().unwrap();
                }
            }
            true
        };
        let script = format!("yes {line} | head -c 100000000");
        let lines = run(&script, &mut emit).await;
        missed += lines.dropped.lines;
        missed_bytes += lines.dropped.bytes;
        assert_eq!(taken + missed, 1_000_000);
        assert_eq!(missed_bytes, 99 * missed);
        assert!(taken > 9_000, "{taken}");
    }

    #[tokio::test]
    async fn garbage_is_carried_as_far_as_it_is_text_and_counted_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("garbage");
        let script = format!("head -c 3000000 /dev/urandom | tee '{}'", path.display());
        let mut seen = Vec::new();
        run(&script, &mut take(&mut seen)).await;
        let garbage = std::fs::read(&path).unwrap();
        let mut expected: Vec<_> = garbage
            .split(|&byte| byte == b'\n')
            .map(|line| String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)))
            .collect();
        // Behind the last line break there is no line, unless there is something.
        expected.pop_if(|last| last.is_empty());
        assert!(seen == expected, "{} {}", seen.len(), expected.len());

        let script = format!("cat '{}'", path.display());
        let lines = run(&script, &mut |_, _| false).await;
        let breaks = garbage.iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(lines.dropped.lines, expected.len() as u64);
        assert_eq!(lines.dropped.bytes, (garbage.len() - breaks) as u64);
    }

    #[test]
    fn lines_below_their_level_are_not_in_the_tail_either() {
        let mut lines = Lines {
            filter: Some(JsonLog::default()),
            ..Lines::default()
        };
        lines.keep_tail();
        let mut seen = Vec::new();
        let written = b"{\"level\":\"DEBUG\"}\n{\"level\":\"WARN\"}\ntext\n";
        lines.push(written, &mut take(&mut seen));
        assert_eq!(seen, ["{\"level\":\"WARN\"}", "text"]);
        assert_eq!(lines.take_tail().unwrap(), b"{\"level\":\"WARN\"}\ntext\n");
    }

    #[test]
    fn the_tail_is_the_last_four_kilobytes() {
        let mut lines = Lines::default();
        lines.keep_tail();
        for number in 0..2_000 {
            lines.platform(&format!("line {number}"), &mut |_, _| true);
        }
        let tail = lines.take_tail().unwrap();
        assert_eq!(tail.len(), LOG_TAIL_BYTES);
        assert!(tail.ends_with(b"line 1998\nline 1999\n"));
        assert_eq!(lines.take_tail(), None);
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_and_no_chunking_matters(text in "[a-z\n]{0,300}", cuts in proptest::collection::vec(1_usize..40, 0..20)) {
            let mut chunks = Vec::new();
            let mut rest = text.as_bytes();
            for cut in cuts {
                let (chunk, tail) = rest.split_at(cut.min(rest.len()));
                chunks.push(chunk);
                rest = tail;
            }
            chunks.push(rest);
            prop_assert_eq!(cut(&chunks), cut(&[text.as_bytes()]));
        }
    }
}
