//! What processes write.

use kiln_fuzz::Input;
use kiln_protocol::invoke::LOG_TAIL_BYTES;

use crate::logs::{Lines, MAX_LINE_BYTES};

/// What lines came, and the tail that was kept.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    lines: Vec<String>,
    tail: Option<Vec<u8>>,
}

/// Lines are the same however what a process wrote is cut, none is longer than it may be, nothing
/// of a text is lost, and no more is held than a line and the tail.
///
/// An input is pieces, each behind a byte that says what it is: so many bytes as they are, or a run
/// of one byte, so that a short input makes long lines.
pub(super) fn lines(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut chunks: Vec<Vec<u8>> = Vec::new();
    let mut total = 0;
    // As much as it takes for a few pieces of the longest line.
    while !input.is_empty() && total < 4 * MAX_LINE_BYTES {
        let length = input.byte();
        let chunk = match length {
            0..0xe0 => (0..length.min(64)).map(|_| input.byte()).collect(),
            _ => {
                let byte = input.byte();
                let fine = usize::from(input.byte());
                vec![byte; usize::from(length - 0xdf) * 16 * 1024 - fine]
            }
        };
        total += chunk.len();
        chunks.push(chunk);
    }
    let whole = chunks.concat();
    let seen = cut(&chunks);
    assert!(
        seen == cut(std::slice::from_ref(&whole)),
        "chunks make a difference"
    );
    let small: Vec<Vec<u8>> = whole.chunks(4_093).map(<[u8]>::to_vec).collect();
    assert!(seen == cut(&small), "chunks make a difference");

    let written = String::from_utf8(whole);
    for line in &seen.lines {
        // Each byte that is no text becomes a character of three.
        let longest = MAX_LINE_BYTES * if written.is_ok() { 1 } else { 3 };
        assert!(line.len() <= longest, "a line of {} bytes", line.len());
    }
    if let Ok(written) = written {
        let mut left = written.replace(['\n', '\r'], "");
        left.retain(|character| character != '\0');
        let kept = seen.lines.concat().replace(['\r', '\0'], "");
        assert!(left == kept, "something is lost");
    }
    let tail = seen.tail.unwrap_or_default();
    assert!(tail.len() <= LOG_TAIL_BYTES);
}

fn cut(chunks: &[Vec<u8>]) -> Seen {
    let mut seen = Seen::default();
    let mut lines = Lines::default();
    lines.keep_tail();
    for chunk in chunks {
        lines.push(chunk, &mut |line| seen.lines.push(line.to_owned()));
        assert!(
            lines.capacity() <= 3 * MAX_LINE_BYTES,
            "{} bytes are held",
            lines.capacity()
        );
    }
    lines.flush(&mut |line| seen.lines.push(line.to_owned()));
    seen.tail = lines.take_tail();
    seen
}
