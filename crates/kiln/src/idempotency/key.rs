//! The idempotency key: a hash of JSON, the same however it was written, and that of Powertools for
//! Python.

use std::fmt::Write as _;

use md5::{Digest, Md5};
use serde_json::Value;
use sha2::Sha256;

/// What keys and payloads are hashed with.
///
/// Hashes tell keys apart and keep their content out of the store; they prove nothing to anybody.
/// Change it, and stored records are not found any more.
///
/// # Example
///
/// ```
/// use kiln::idempotency::{Hash, Idempotency, MemoryStore};
///
/// let idempotency = Idempotency::builder(MemoryStore::new()).hash(Hash::Sha256).build()?;
/// # let _ = idempotency;
/// # Ok::<_, kiln::idempotency::SettingsError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hash {
    /// MD5, as Powertools hashes: short, and good enough where nobody gains by a collision.
    #[default]
    Md5,
    /// SHA-256, for keys that strangers choose, and where rules forbid MD5.
    Sha256,
}

impl Hash {
    /// The hash of a value, in hexadecimal digits.
    pub(super) fn of(self, value: &Value) -> String {
        let mut json = String::with_capacity(128);
        write_canonical(value, &mut json);
        match self {
            Self::Md5 => hexadecimal(&Md5::digest(json.as_bytes())),
            Self::Sha256 => hexadecimal(&Sha256::digest(json.as_bytes())),
        }
    }
}

/// Whether there is nothing in it that could be a key.
pub(super) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.iter().all(Value::is_null),
        Value::Object(values) => values.values().all(Value::is_null),
    }
}

/// Writes the JSON that Python's `json.dumps(…, sort_keys=True)` writes, byte by byte: the hash of it
/// is the key under which functions in Python find the record.
///
/// Names are sorted by their code points, as UTF-8 is. Maps of `serde_json` are sorted or not as
/// features of the whole function have it.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(&number.to_string(), out),
        Value::String(text) => write_string(text, out),
        Value::Array(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_canonical(value, out);
            }
            out.push(']');
        }
        Value::Object(values) => {
            let mut sorted: Vec<(&String, &Value)> = values.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (index, (name, value)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_string(name, out);
                out.push_str(": ");
                write_canonical(value, out);
            }
            out.push('}');
        }
    }
}

/// Writes a string in ASCII: all else is escaped, in surrogate pairs where it must be.
fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    // Writing to a string does not fail.
                    let _infallible = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// Writes a number: integers as they are, what has a point or an exponent as Python's floats.
fn write_number(text: &str, out: &mut String) {
    let float = text.contains(['.', 'e', 'E']);
    match text.parse::<f64>() {
        Ok(number) if float && number.is_finite() => write_float(number, out),
        _ => out.push_str(text),
    }
}

/// Writes a finite number as Python's `repr`: the shortest digits that read back as the same number,
/// with an exponent below 1e-4 and from 1e16 on.
fn write_float(number: f64, out: &mut String) {
    // The same digits, and always an exponent: `-1.25e7`.
    let shortest = format!("{number:e}");
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    // Writing to a string does not fail.
    let _infallible = match exponent {
        -4..16 if number.fract() == 0.0 => write!(out, "{number}.0"),
        -4..16 => write!(out, "{number}"),
        _ if exponent < 0 => write!(out, "{mantissa}e-{:02}", exponent.unsigned_abs()),
        _ => write!(out, "{mantissa}e+{exponent:02}"),
    };
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| DIGITS[usize::from(digit)]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn canonical(value: &Value) -> String {
        let mut text = String::new();
        write_canonical(value, &mut text);
        text
    }

    /// What `_get_hashed_idempotency_key` of aws-lambda-powertools 3.37.0 (Python 3.11) makes of the
    /// same values, behind its `#`; and the text that it hashes.
    #[test]
    fn hashes_are_those_of_powertools_for_python() {
        for (value, text, md5) in [
            (
                json!("ord-1001"),
                r#""ord-1001""#,
                "17d29e05f0da69d4b58ebd4e135d0a0f",
            ),
            (json!(1001), r#"1001"#, "b8c37e33defde51cf91e1e03e51657da"),
            (json!(-7), r#"-7"#, "74687a12d3915d3c4d83f1af7b3683d5"),
            (json!(true), r#"true"#, "b326b5062b2f0e69046810717534cb09"),
            (
                json!(["ord-1001", 4490]),
                r#"["ord-1001", 4490]"#,
                "d670b40618e4cbdfc2b03c43fd6d5ea8",
            ),
            (
                json!({"order": "ord-1001", "cents": 4490}),
                r#"{"cents": 4490, "order": "ord-1001"}"#,
                "7e0e6c46d2eec26458c893bad3863238",
            ),
            (
                json!({"b": {"z": [1, "x"], "a": null}, "a": []}),
                r#"{"a": [], "b": {"a": null, "z": [1, "x"]}}"#,
                "0c14916578f436c480a44cff05e23c88",
            ),
            (
                json!({"e": {}}),
                r#"{"e": {}}"#,
                "426bab0ae3c31f4532a98c4530fcf2a1",
            ),
            (
                json!([[], [null, false]]),
                r#"[[], [null, false]]"#,
                "8ef44b551473806a4aad3a0dffad7fcf",
            ),
            (
                json!("grüße"),
                r#""gr\u00fc\u00dfe""#,
                "04f56e8c2332d9c5bee6be5b82246dc9",
            ),
            (
                json!("🦀"),
                r#""\ud83e\udd80""#,
                "95eb2f09172570a7e7261f385044af7f",
            ),
            (
                json!({"né": "日本", "na": "\u{2028}"}),
                r#"{"na": "\u2028", "n\u00e9": "\u65e5\u672c"}"#,
                "4f27289a23e12b20f93d22c3df02ae1a",
            ),
            (
                json!({"\u{ffff}": 1, "🦀": 2}),
                r#"{"\uffff": 1, "\ud83e\udd80": 2}"#,
                "d6628822438f0b0e5038f7d6bd4bc7b1",
            ),
            (
                json!("a\"b\\c/d\n\r\t\u{8}\u{c}\u{1}\u{7f}"),
                r#""a\"b\\c/d\n\r\t\b\f\u0001\u007f""#,
                "9ec07cbd0b1d8bd45dd73cba71b4a95c",
            ),
            (json!(1.0), r#"1.0"#, "e4c2e8edac362acab7123654b9e73432"),
            (json!(0.1), r#"0.1"#, "cb5ae17636e975f9bf71ddf5bc542075"),
            (json!(-0.0), r#"-0.0"#, "e80c77464a0cfaf2c46a5574f6bc76b9"),
            (
                json!(123_456_789.125),
                r#"123456789.125"#,
                "10549462475c217e26b32b00785f76b8",
            ),
            (json!(1e-4), r#"0.0001"#, "ac382d58b1125bb9aeaf1a83ebf5e9c6"),
            (json!(1e-5), r#"1e-05"#, "0e6c77caff4e0ac45fc1951e85bbff6a"),
            (
                json!(0.000_012_34),
                r#"1.234e-05"#,
                "6b611d7df23b808794437fbf746f619e",
            ),
            (
                json!(1e15),
                r#"1000000000000000.0"#,
                "bc76ddb5ceb03ea84544dbe6c8a5baa6",
            ),
            (json!(1e16), r#"1e+16"#, "17ad58a7ab5201decb18b0996a327592"),
            (
                json!(12_345_678_901_234_568.0),
                r#"1.2345678901234568e+16"#,
                "c74fbdd7b57164c9b544c4e9bcdc239a",
            ),
            (
                json!(1.5e300),
                r#"1.5e+300"#,
                "2139ee3bcd43893ec117ca8c2dd00824",
            ),
            (
                json!(5e-324),
                r#"5e-324"#,
                "62704aaf46a899ad1563b7f0ced1d768",
            ),
            (
                json!(f64::MAX),
                r#"1.7976931348623157e+308"#,
                "e4749bbf587e511ef5ec505a1800f69a",
            ),
            (
                json!(9_007_199_254_740_993_u64),
                r#"9007199254740993"#,
                "322d1e02970a2deaaf671adaf4e026c7",
            ),
            (
                json!(u64::MAX),
                r#"18446744073709551615"#,
                "7e7825a3d8588a756abd0ce2ed07e121",
            ),
            (
                json!(i64::MIN),
                r#"-9223372036854775808"#,
                "e12c22bb0312e7872c49884f8304d882",
            ),
        ] {
            assert_eq!(canonical(&value), text);
            assert_eq!(Hash::Md5.of(&value), md5, "{text}");
        }
        assert_eq!(
            Hash::Sha256.of(&json!(["ord-1001", 4490])),
            "4517823f8dac87a1080b03823f14cb7777b87011c68932c426118f9721b40b2d"
        );
    }

    /// Python's integers have no end, and zero has no sign there. `serde_json` reads both as floats,
    /// unless a feature of the function has it keep what it reads.
    #[test]
    fn where_they_differ() {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let python = "fab57505d7cd27a6f3252209ab73a76f";
        let huge = read("100000000000000000000");
        if huge.to_string().contains('e') {
            assert_eq!(canonical(&huge), "1e+20");
            assert_ne!(Hash::Md5.of(&huge), python);
            assert_eq!(canonical(&read("-0")), "-0.0", "`0` in Python");
        } else {
            assert_eq!(Hash::Md5.of(&huge), python);
        }
    }

    #[test]
    fn what_is_nothing() {
        for (value, nothing) in [
            (json!(null), true),
            (json!(""), true),
            (json!([]), true),
            (json!({}), true),
            (json!([null, null]), true),
            (json!({"order": null}), true),
            (json!(0), false),
            (json!(false), false),
            (json!("a"), false),
            (json!([null, 1]), false),
            (json!({"order": null, "line": 1}), false),
        ] {
            assert_eq!(is_nothing(&value), nothing, "{value}");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((".{0,3}", inner), 0..4)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_the_same_json(value in json()) {
            let text = canonical(&value);
            prop_assert!(text.is_ascii());
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }

        #[test]
        fn every_float_reads_back(number in any::<f64>().prop_filter("finite", |number| number.is_finite())) {
            let text = canonical(&json!(number));
            prop_assert!(text.contains(['.', 'e']));
            prop_assert_eq!(text.parse::<f64>().unwrap(), number);
        }

        #[test]
        fn the_order_of_names_does_not_matter(names in prop::collection::btree_set("[a-z]{1,4}", 0..6)) {
            let forth: Value = Value::Object(names.iter().map(|name| (name.clone(), json!(name))).collect());
            let back: Value = Value::Object(names.iter().rev().map(|name| (name.clone(), json!(name))).collect());
            prop_assert_eq!(Hash::Md5.of(&forth), Hash::Md5.of(&back));
        }
    }
}
