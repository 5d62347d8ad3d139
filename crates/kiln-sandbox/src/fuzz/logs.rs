//! What processes write.

use kiln_fuzz::Input;
use kiln_protocol::invoke::LOG_TAIL_BYTES;

use crate::logs::Lines;

/// What lines came, and the tail that was kept.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    lines: Vec<String>,
    tail: Option<Vec<u8>>,
}

/// Lines are the same however what a process wrote is cut, none is longer than it may be, nothing
/// of a text is lost, and no more is held than a line and the tail.
///
/// The first byte says how long a line may be, so that a short input has lines that are too long;
/// then come the chunks, each behind a byte with its length.
pub(super) fn lines(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    // No shorter than a character.
    let longest = 4 + usize::from(input.byte() % 64);
    let mut chunks: Vec<Vec<u8>> = Vec::new();
    while !input.is_empty() {
        let length = input.byte() % 48;
        let left = input.rest().len().min(length.into());
        chunks.push((0..left).map(|_| input.byte()).collect());
    }
    let whole = chunks.concat();
    let seen = cut(longest, &chunks);
    assert_eq!(
        seen,
        cut(longest, std::slice::from_ref(&whole)),
        "chunks make a difference"
    );

    let written = String::from_utf8(whole);
    for line in &seen.lines {
        // Each byte that is no text becomes a character of three.
        let longest = longest * if written.is_ok() { 1 } else { 3 };
        assert!(line.len() <= longest, "a line of {} bytes", line.len());
    }
    if let Ok(written) = written {
        let kept = seen.lines.concat().replace('\r', "");
        assert_eq!(kept, written.replace(['\n', '\r'], ""), "a byte is lost");
    }
    let tail = seen.tail.unwrap_or_default();
    assert!(tail.len() <= LOG_TAIL_BYTES);
}

fn cut(longest: usize, chunks: &[Vec<u8>]) -> Seen {
    let mut seen = Seen::default();
    let mut lines = Lines::up_to(longest);
    lines.keep_tail();
    for chunk in chunks {
        lines.push(chunk, &mut |_, line| {
            seen.lines.push(line.to_owned());
            true
        });
        // Memory is taken in powers of two.
        let most = 2 * (longest + 2 * LOG_TAIL_BYTES);
        assert!(
            lines.capacity() <= most,
            "{} bytes are held",
            lines.capacity()
        );
    }
    lines.flush(&mut |_, line| {
        seen.lines.push(line.to_owned());
        true
    });
    seen.tail = lines.take_tail();
    seen
}
