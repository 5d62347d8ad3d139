//! Variables for a function as people write them: `NAME=value` pairs and env files.

use std::cell::Cell;
use std::io::Read;
use std::path::Path;

use crate::error::ProjectError;
use crate::setting::Origin;

/// Reads `NAME=value[,NAME=value…]`, the form of `--env-var`.
///
/// A comma begins a new pair only when a name and `=` follow it, so that
/// `HOSTS=a,b,DEBUG=1` are two variables. Blanks around a pair are dropped.
///
/// # Errors
///
/// The part of the text that is no pair.
///
/// ```
/// let pairs = kiln_project::parse_pairs("HOSTS=a,b,DEBUG=1").unwrap();
/// assert_eq!(pairs, [("HOSTS".into(), "a,b".into()), ("DEBUG".into(), "1".into())]);
/// assert_eq!(kiln_project::parse_pairs("HOSTS"), Err("HOSTS".into()));
/// ```
pub fn parse_pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in text.split(',') {
        match (parse_pair(part), pairs.last_mut()) {
            (Some(pair), _) => pairs.push(pair),
            // No name: the comma was a part of the value before it.
            (None, Some((_, value))) => {
                value.push(',');
                value.push_str(part);
            }
            (None, None) => return Err(part.trim().to_owned()),
        }
    }
    for (_, value) in &mut pairs {
        value.truncate(value.trim_end().len());
    }
    Ok(pairs)
}

/// One pair.
fn parse_pair(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    let name = name.trim();
    is_name(name).then(|| (name.to_owned(), value.trim_start().to_owned()))
}

/// Whether a variable can have this name: letters, digits and `_`, not beginning with a digit.
pub(crate) fn is_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Reads an env file, in the order it is written. `$NAME` in values is replaced from earlier
/// lines and from this process's environment, as dotenv files are elsewhere.
pub(crate) fn read(path: &Path, origin: &Origin) -> Result<Vec<(String, String)>, ProjectError> {
    let text = std::fs::read_to_string(path).map_err(|source| ProjectError::Unreadable {
        path: path.to_owned(),
        origin: Box::new(origin.clone()),
        source,
    })?;
    // The line's number and not its text: it may hold a secret, and errors end up in logs.
    parse(&text).map_err(|line| ProjectError::InvalidEnvFile {
        path: path.to_owned(),
        line,
    })
}

/// Parses the text of an env file; the error is the number of the line that is wrong.
pub(crate) fn parse(text: &str) -> Result<Vec<(String, String)>, usize> {
    // Editors on Windows put a byte order mark first.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let taken = Cell::new(0);
    let lines = ByLine {
        rest: text.as_bytes(),
        taken: &taken,
    };
    dotenvy::Iter::new(lines)
        .collect::<Result<_, _>>()
        .map_err(|error| {
            let entry = match error {
                dotenvy::Error::LineParse(entry, _) => entry,
                other => other.to_string(),
            };
            // A quoted value can span lines; the fault is where it began.
            let spans = entry.trim_end_matches(['\r', '\n']).lines().count().max(1);
            (taken.get() + 1).saturating_sub(spans).max(1)
        })
}

/// Hands out one line per read and counts them: the parser does not say which line it is at.
struct ByLine<'a> {
    rest: &'a [u8],
    taken: &'a Cell<usize>,
}

impl Read for ByLine<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let line = match self.rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => &self.rest[..=end],
            None => self.rest,
        };
        let size = line.len().min(buffer.len());
        buffer[..size].copy_from_slice(&line[..size]);
        self.rest = &self.rest[size..];
        if size > 0 && size == line.len() {
            self.taken.set(self.taken.get() + 1);
        }
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pairs() {
        let cases: [(&str, &[(&str, &str)]); 7] = [
            ("A=1", &[("A", "1")]),
            ("A=1,B=2", &[("A", "1"), ("B", "2")]),
            ("A=1,2,3", &[("A", "1,2,3")]),
            (" A = 1 , B = 2 ", &[("A", "1"), ("B", "2")]),
            ("A=", &[("A", "")]),
            ("A=b=c", &[("A", "b=c")]),
            ("A=x,9=y", &[("A", "x,9=y")]),
        ];
        for (text, expected) in cases {
            let expected: Vec<(String, String)> = expected
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect();
            assert_eq!(parse_pairs(text), Ok(expected), "{text}");
        }
        for text in ["", "A", "=1", "9=1", "A B=1", "É=1"] {
            assert_eq!(parse_pairs(text), Err(text.to_owned()));
        }
    }

    #[test]
    fn env_files() {
        let text = "\u{feff}# comment\n\nexport A='one two'\nB=\"x\ny\"\nC=3\n";
        let expected = [("A", "one two"), ("B", "x\ny"), ("C", "3")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn faults_name_the_line() {
        let cases = [
            ("A=1\nnot a pair\nB=2\n", 2),
            ("# x\n\n\nA=one two\n", 4),
            ("A=1\r\nbroken\r\n", 2),
            ("A=1\nB='never\nclosed\n", 2),
            ("broken", 1),
        ];
        for (text, line) in cases {
            assert_eq!(parse(text), Err(line), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn pairs_never_panic(text in ".*") {
            let _ = parse_pairs(&text);
        }

        #[test]
        fn env_files_never_panic(text in "(?s).*") {
            let _ = parse(&text);
        }

        #[test]
        fn pairs_round_trip(
            pairs in proptest::collection::vec(
                // A value keeps commas as long as no pair follows them, and inner blanks.
                ("[A-Za-z_][A-Za-z0-9_]{0,8}", "([!-+.-~]([ -+.-~]{0,8}[!-+.-~])?(,[!-+.-<>-~]{1,4})?)?"),
                1..5,
            )
        ) {
            let text: Vec<String> =
                pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            prop_assert_eq!(parse_pairs(&text.join(",")), Ok(pairs));
        }
    }
}
