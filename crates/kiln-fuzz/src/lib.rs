//! What the fuzz targets of the other crates have in common.
//!
//! A [`Target`] is a function that takes any bytes and panics when something does not hold. It lives
//! in the crate it attacks, in the module `fuzz`, which is there for that crate's tests and for
//! whoever switches the feature `fuzz` on. Its corpus is beside the sources, one file per input:
//! `crates/CRATE/fuzz/TARGET/NAME`.
//!
//! The same function runs twice: the crate's tests [`replay`] the corpus, and
//! `cargo xtask fuzz` lets libFuzzer make new inputs out of it.

#[cfg(feature = "conversation")]
pub mod conversation;

use std::fmt;
use std::path::Path;

/// Something that must hold whatever the bytes are.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name on the command line, and that of its corpus' directory.
    pub name: &'static str,
    /// Panics when it does not hold.
    pub run: fn(&[u8]),
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.name).finish()
    }
}

/// A target of a crate that does not depend on this one.
pub type Named = (&'static str, fn(&[u8]));

/// Makes targets of them.
pub const fn targets<const N: usize>(named: [Named; N]) -> [Target; N] {
    let mut targets = [Target {
        name: "",
        run: |_| (),
    }; N];
    let mut at = 0;
    while at < N {
        let (name, run) = named[at];
        targets[at] = Target { name, run };
        at += 1;
    }
    targets
}

/// The target of this name.
pub fn find(targets: &[Target], name: &str) -> Option<Target> {
    targets.iter().find(|target| target.name == name).copied()
}

/// Runs every input of the committed corpora of a crate, whose directory this is.
///
/// # Panics
/// When something does not hold, after the input was named; when a target has no corpus, or a
/// corpus no target.
pub fn replay(crate_directory: &str, targets: &[Target]) {
    let corpora = Path::new(crate_directory).join("fuzz");
    for name in names(&corpora) {
        assert!(
            find(targets, &name).is_some(),
            "`{}` is the corpus of no target",
            corpora.join(name).display()
        );
    }
    for target in targets {
        let corpus = corpora.join(target.name);
        let inputs = names(&corpus);
        assert!(!inputs.is_empty(), "`{}` has no corpus", target.name);
        for name in inputs {
            let path = corpus.join(name);
            let input = std::fs::read(&path)
                .unwrap_or_else(|error| panic!("cannot read `{}`: {error}", path.display()));
            // Said only when the target panics.
            let _telling = Telling(&path);
            (target.run)(&input);
        }
    }
}

/// What is in a directory, in order.
fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// Tells the input that a panic is about.
struct Telling<'a>(&'a Path);

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "it is part of a failing test's report")]
            {
                eprintln!("the input is `{}`", self.0.display());
            }
        }
    }
}

/// Bytes that are read from the front: numbers and texts for targets that take more than one thing.
///
/// An input that ends early reads as zeros and empty texts, so that every input means something.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// All bytes of an input.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// Up to the next line break, which is dropped, or to the end.
    pub fn line(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == b'\n');
        let (line, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest.get(1..).unwrap_or_default();
        line
    }

    /// The next line when it is text; nothing when it is not, or is empty.
    pub fn text_line(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.line())
            .ok()
            .filter(|line| !line.is_empty())
    }

    /// What is left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An input that is text: what a `&str` parser can be given.
pub fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: [Target; 1] = [Target {
        name: "no-a",
        run: |bytes| assert!(!bytes.contains(&b'a'), "an a"),
    }];

    fn replay_of(corpora: &[(&str, &str)]) -> std::thread::Result<()> {
        let directory = std::env::temp_dir().join(format!(
            "kiln-fuzz-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        for (target, input) in corpora {
            let corpus = directory.join("fuzz").join(target);
            std::fs::create_dir_all(&corpus).unwrap();
            std::fs::write(corpus.join("input"), input).unwrap();
        }
        let result = std::panic::catch_unwind(|| replay(directory.to_str().unwrap(), &TARGETS));
        let _ = std::fs::remove_dir_all(directory);
        result
    }

    #[test]
    fn a_corpus_that_holds_passes() {
        assert!(replay_of(&[("no-a", "bcd")]).is_ok());
    }

    #[test]
    fn an_input_that_does_not_hold_fails() {
        assert!(replay_of(&[("no-a", "bca")]).is_err());
    }

    #[test]
    fn targets_and_corpora_belong_together() {
        assert!(replay_of(&[]).is_err());
        assert!(replay_of(&[("no-a", "b"), ("no-b", "b")]).is_err());
    }

    #[test]
    fn an_input_is_read_from_the_front() {
        let mut input = Input::new(b"\x07one\ntwo");
        assert_eq!(input.byte(), 7);
        assert_eq!(input.text_line(), Some("one"));
        assert_eq!(input.line(), b"two");
        assert_eq!((input.byte(), input.line()), (0, &b""[..]));
        assert!(input.is_empty());
    }
}
