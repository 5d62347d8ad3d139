//! The idempotency key: a hash of JSON, the same however it was written.

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
        let mut json = Vec::with_capacity(128);
        write_canonical(value, &mut json);
        match self {
            Self::Md5 => hexadecimal(&Md5::digest(&json)),
            Self::Sha256 => hexadecimal(&Sha256::digest(&json)),
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

/// Writes JSON without spaces, the names of each object sorted.
///
/// Maps of `serde_json` are sorted or not as features of the whole function have it.
fn write_canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Array(values) => {
            out.push(b'[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_canonical(value, out);
            }
            out.push(b']');
        }
        Value::Object(values) => {
            let mut sorted: Vec<(&String, &Value)> = values.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            out.push(b'{');
            for (index, (name, value)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_leaf(name, out);
                out.push(b':');
                write_canonical(value, out);
            }
            out.push(b'}');
        }
        leaf => write_leaf(leaf, out),
    }
}

fn write_leaf(leaf: &impl serde::Serialize, out: &mut Vec<u8>) {
    // Texts, numbers and literals, into memory: nothing here can fail.
    let _ = serde_json::to_writer(out, leaf);
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

    #[test]
    fn hashes_are_those_of_the_canonical_text() {
        // `printf '{"a":[1,"x"],"b":null}' | md5sum`, and sha256sum.
        let value = json!({"b": null, "a": [1, "x"]});
        let mut text = Vec::new();
        write_canonical(&value, &mut text);
        assert_eq!(text, br#"{"a":[1,"x"],"b":null}"#);
        assert_eq!(Hash::Md5.of(&value), "e3fa56275287cc648be67f0f6095eb86");
        assert_eq!(
            Hash::Sha256.of(&value),
            "854ef06dc57f5dfed10206344ab2d02e0b6c84b0e19436703a5afd0f1f9f2687"
        );
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
            let mut text = Vec::new();
            write_canonical(&value, &mut text);
            prop_assert_eq!(serde_json::from_slice::<Value>(&text).unwrap(), value);
        }

        #[test]
        fn the_order_of_names_does_not_matter(names in prop::collection::btree_set("[a-z]{1,4}", 0..6)) {
            let forth: Value = Value::Object(names.iter().map(|name| (name.clone(), json!(name))).collect());
            let back: Value = Value::Object(names.iter().rev().map(|name| (name.clone(), json!(name))).collect());
            prop_assert_eq!(Hash::Md5.of(&forth), Hash::Md5.of(&back));
        }
    }
}
