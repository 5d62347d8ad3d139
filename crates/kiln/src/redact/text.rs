//! Secrets in text that is no JSON: the output of `Debug`, a query, a line of settings.

use std::borrow::Cow;
use std::ops::Range;

use super::{REDACTED, Redaction};

/// As [`REDACTED`], where no quotes were.
const BARE: &str = "[redacted]";

impl Redaction {
    /// The text without the values of `name: "value"`, `name: 17`, `name: Some(…)`, `name=value` and the
    /// like, quoted or not.
    ///
    /// Behind a colon a word is prose and stays: `invalid token: expired`. The password of a URL is one
    /// without a name: `postgres://user:password@host`.
    pub(super) fn clean_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut secrets = self.secrets(text, &[]);
        if secrets.is_empty() {
            return Cow::Borrowed(text);
        }
        // A text in quotes may end with a name and a colon: its closing quote then looks like the opening
        // one of a value, and what follows would be taken for what is between values. So they are looked
        // for once more, only where no quotes are around.
        let quotes = quotes(text);
        if !quotes.is_empty() {
            secrets.extend(self.secrets(text, &quotes));
            secrets.sort_by_key(|secret| (secret.start, secret.end));
        }
        let mut clean = String::new();
        // What is before it is in `clean`.
        let mut kept = 0;
        for secret in secrets {
            if secret.start < kept {
                // Begun within the one before, and longer or not.
                kept = kept.max(secret.end);
                continue;
            }
            clean.push_str(&text[kept..secret.start]);
            let is_quoted = text[secret.start..].starts_with('"');
            clean.push_str(if is_quoted { REDACTED } else { BARE });
            kept = secret.end;
        }
        clean.push_str(&text[kept..]);
        Cow::Owned(clean)
    }

    /// Where secrets are, their names being outside of these parts.
    fn secrets(&self, text: &str, outside_of: &[Range<usize>]) -> Vec<Range<usize>> {
        let mut secrets = Vec::new();
        let mut parts = outside_of.iter().peekable();
        // Behind the last one.
        let mut free = 0;
        let mut from = 0;
        while let Some(found) = text[from..].find([':', '=']) {
            let at = from + found;
            from = at + 1;
            while parts.next_if(|part| part.end <= at).is_some() {}
            if parts.peek().is_some_and(|part| part.contains(&at)) {
                continue;
            }
            let password = password_of_url(text, at).filter(|_| self.covers("password"));
            let secret = match password {
                Some(password) => Some(password),
                None if self.covers(name_before(&text[free..at])) => value_behind(text, at),
                None => None,
            };
            if let Some(secret) = secret {
                (free, from) = (secret.end, secret.end);
                secrets.push(secret);
            }
        }
        secrets
    }
}

/// Where text is in double quotes, from the first one on; an unclosed one is none.
fn quotes(text: &str) -> Vec<Range<usize>> {
    let mut quotes = Vec::new();
    let mut begun = None;
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match (byte, begun) {
            _ if is_escaped => is_escaped = false,
            (b'\\', Some(_)) => is_escaped = true,
            (b'"', None) => begun = Some(at),
            (b'"', Some(start)) => {
                quotes.push(start..at + 1);
                begun = None;
            }
            _ => {}
        }
    }
    quotes
}

/// The name at the end of a text, without the quotes it may be in, which may be escaped themselves.
fn name_before(text: &str) -> &str {
    let text = text.trim_end_matches([' ', '\t']);
    let text = text.trim_end_matches(['"', '\'', '`', '\\']);
    let is_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    &text[text.trim_end_matches(is_name).len()..]
}

/// Where the value is of the colon or equals sign that is there, if there is one.
fn value_behind(text: &str, at: usize) -> Option<Range<usize>> {
    let is_colon = text.as_bytes()[at] == b':';
    let rest = &text[at + 1..];
    // As maps are written elsewhere.
    let rest = match rest.strip_prefix('>') {
        Some(rest) if !is_colon => rest,
        _ => rest,
    };
    let rest = rest.trim_start();
    let start = text.len() - rest.len();
    let length = value(rest, is_colon)?;
    (length > 0).then(|| start..start + length)
}

/// Where the password is of the URL whose scheme ends with this colon, if it has one.
fn password_of_url(text: &str, at: usize) -> Option<Range<usize>> {
    let behind = text[at..].strip_prefix("://")?;
    let ends = |letter: char| letter.is_whitespace() || "/?#\"'`<>".contains(letter);
    let authority = behind.split(ends).next()?;
    let (user, _host) = authority.rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    let start = at + "://".len() + name.len() + 1;
    (!password.is_empty()).then(|| start..start + password.len())
}

/// The length of the value a text begins with. Behind a colon a word is none.
fn value(text: &str, is_colon: bool) -> Option<usize> {
    /// No name of a type is as long. Without an end, a text that is all names would be read as often as
    /// it has some.
    const PATH: usize = 128;
    // `Some(…)`, `Key { … }`, `b"…"`
    let is_path =
        |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | ':' | '<' | '>');
    let (begin, _) = text.split_at(text.floor_char_boundary(PATH));
    let path = begin.len() - begin.trim_start_matches(is_path).len();
    let behind = &text[path..];
    let inner = behind.trim_start_matches(' ');
    let blanks = behind.len() - inner.len();
    let first = inner.chars().next();
    match first {
        Some('(' | '[' | '{') if blanks == 0 || first == Some('{') => {
            return Some(path + blanks + group(inner));
        }
        Some('"' | '\'' | '`' | '\\') if blanks == 0 => {
            if let Some(length) = quoted(inner) {
                return Some(path + length);
            }
        }
        _ => {}
    }
    // Two words are one value.
    for scheme in ["bearer ", "basic "] {
        let is_scheme = |begin: &str| begin.eq_ignore_ascii_case(scheme);
        if text.get(..scheme.len()).is_some_and(is_scheme) {
            let token = text[scheme.len()..].trim_start_matches(' ');
            return Some(text.len() - token.len() + word(token));
        }
    }
    let is_number = text
        .trim_start_matches('-')
        .starts_with(|first: char| first.is_ascii_digit());
    (is_number || !is_colon).then(|| word(text))
}

/// The length of a word, as one is in a query or in settings, without what ends a list of them.
fn word(text: &str) -> usize {
    let ends = |letter: char| letter.is_whitespace() || matches!(letter, '&' | ';' | '"' | '\'');
    let word = text.split(ends).next().unwrap_or_default();
    word.trim_end_matches([',', ')', ']', '}']).len()
}

/// The length of what is in quotes, with them; of all, if they are not closed. None where no quote
/// follows the backslashes.
///
/// In text within text quotes are escaped: `\"`, and `\\\"` once more.
fn quoted(text: &str) -> Option<usize> {
    let inner = text.trim_start_matches('\\');
    let escapes = text.len() - inner.len();
    let quote = inner
        .bytes()
        .next()
        .filter(|first| b"\"'`".contains(first))?;
    let mut run = 0;
    for (at, byte) in text.bytes().enumerate().skip(escapes + 1) {
        if byte == b'\\' {
            run += 1;
            continue;
        }
        // Each level doubles the backslashes of the one within, and adds one before a quote.
        if byte == quote && run % (2 * (escapes + 1)) == escapes {
            return Some(at + 1);
        }
        run = 0;
    }
    Some(text.len())
}

/// The length of what is in brackets, with them; of all, if they are not closed.
fn group(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' | b'\\' => {
                let escapes = || text[at..].len() - text[at..].trim_start_matches('\\').len();
                at += quoted(&text[at..]).unwrap_or_else(escapes);
                continue;
            }
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn clean(text: &str) -> String {
        Redaction::default().clean_text(text).into_owned()
    }

    #[test]
    fn values_are_found_by_their_names() {
        for (text, expected) in [
            (
                r#"Db { user: "me", password: "hunter2" }"#,
                r#"Db { user: "me", password: "[redacted]" }"#,
            ),
            (
                r#"password: "a\"b\\", n: 1"#,
                r#"password: "[redacted]", n: 1"#,
            ),
            ("pass_word : 1234, n: 1", "pass_word : [redacted], n: 1"),
            (r#"token: Some("hunter2"), n: 1"#, "token: [redacted], n: 1"),
            (
                r#"secret: Key { bytes: [1, 2], of: "}" }, n: 1"#,
                "secret: [redacted], n: 1",
            ),
            (r#"api_key: b"hunter2""#, "api_key: [redacted]"),
            ("Secret: [1, 2], n: 1", "Secret: [redacted], n: 1"),
            // A text that ends as a name does.
            (
                r#"Login { note: "password: ", password: "hunter2" }"#,
                r#"Login { note: "password: "[redacted]" }"#,
            ),
            // Half a text.
            (
                r#"{"a":1,"password":"hunter2"#,
                r#"{"a":1,"password":"[redacted]""#,
            ),
            ("secret: Key { a: 1, b", "secret: [redacted]"),
            // Text within text.
            (
                r#"Event { body: "{\"password\":\"hun\\\"ter2\",\"n\":1}" }"#,
                r#"Event { body: "{\"password\":[redacted],\"n\":1}" }"#,
            ),
            (
                "https://x.y/?token=hunter2&n=1",
                "https://x.y/?token=[redacted]&n=1",
            ),
            (
                "server=db;Password=hunter2;n=1",
                "server=db;Password=[redacted];n=1",
            ),
            ("password = hunter2", "password = [redacted]"),
            (r#"{:password=>"hunter2"}"#, r#"{:password=>"[redacted]"}"#),
            (
                "Authorization: Bearer abc.def, n",
                "Authorization: [redacted], n",
            ),
            (
                "postgres://me:hun:ter2@db:5432/orders, http://x.y:80/@z",
                "postgres://me:[redacted]@db:5432/orders, http://x.y:80/@z",
            ),
            (
                "Settings(password=hunter2, n=1)",
                "Settings(password=[redacted], n=1)",
            ),
            // Prose, and names that only begin so.
            ("invalid token: expired", "invalid token: expired"),
            ("token: None, secret: true", "token: None, secret: true"),
            ("kiln::token::Kind", "kiln::token::Kind"),
            ("password_changed_at: 12", "password_changed_at: 12"),
            ("no secrets here", "no secrets here"),
            ("token:", "token:"),
            ("=: =", "=: ="),
        ] {
            assert_eq!(clean(text), expected, "{text}");
        }
    }

    #[derive(Debug)]
    #[expect(dead_code, reason = "it is only written")]
    enum Shape {
        Plain {
            id: u32,
            password: String,
        },
        Maybe {
            secret: Option<String>,
            next: Box<Shape>,
        },
        Map(BTreeMap<String, String>),
        Text(String),
    }

    fn shape() -> impl Strategy<Value = Shape> {
        let hidden = || "[ -~]{0,6}HIDDEN[ -~]{0,6}";
        let leaf = prop_oneof![
            (any::<u32>(), hidden()).prop_map(|(id, password)| Shape::Plain { id, password }),
            hidden().prop_map(|token| Shape::Map([("apiToken".to_owned(), token)].into())),
            hidden().prop_map(|secret| Shape::Text(format!(
                "{:?}",
                Shape::Plain {
                    id: 1,
                    password: secret
                }
            ))),
        ];
        leaf.prop_recursive(4, 8, 1, move |inner| {
            (prop::option::of(hidden()), inner).prop_map(|(secret, next)| Shape::Maybe {
                secret,
                next: Box::new(next),
            })
        })
    }

    /// If a part were read again for each name, each of these would take minutes.
    #[test]
    fn no_text_takes_long() {
        const MANY: usize = 100_000;
        for text in [
            "token:".repeat(MANY),
            "token=:".repeat(MANY),
            "token: ".repeat(MANY),
            "a://b:c".repeat(MANY),
            format!("token:({}", "\\".repeat(MANY)),
            format!("token:({}", "\\ ".repeat(MANY)),
            format!("{}:{}", "token".repeat(MANY), "-".repeat(MANY)),
            "token:(\"".repeat(MANY),
            "{\"".repeat(MANY),
            format!("[\"{}\"]", "\\u005c".repeat(MANY)),
            format!("{}{}", "[".repeat(MANY), "]:".repeat(MANY)),
        ] {
            Redaction::default().clean(&text);
        }
    }

    proptest! {
        #[test]
        fn what_a_derived_debug_writes_has_no_secret(shape in shape(), pretty in any::<bool>()) {
            let text = if pretty { format!("{shape:#?}") } else { format!("{shape:?}") };
            let clean = clean(&text);
            prop_assert!(!clean.contains("HIDDEN"), "{text}\n{clean}");
        }

        #[test]
        fn no_text_makes_it_panic(text in "(token|secret|[:=\"'`\\\\(){}\\[\\]<>&; éa-c1-]){0,30}") {
            clean(&text);
        }
    }
}
