//! What is wrong with JSON that is not of the type asked for, without what stands there.
//!
//! Serde's texts quote the value (`invalid type: string "4242 …", expected u32`), and they end up in
//! logs and in answers.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// How serde names what it has found, without the value.
const KINDS: [&str; 16] = [
    "boolean",
    "byte array",
    "character",
    "enum",
    "floating point",
    "integer",
    "map",
    "newtype struct",
    "newtype variant",
    "null",
    "Option value",
    "sequence",
    "string",
    "struct variant",
    "tuple variant",
    "unit variant",
];

/// What is said of a type's own complaints, which may quote anything.
pub(crate) const ANYTHING: &str = "unexpected data";

/// What is wrong with JSON that is no `T`, and where: ``missing field `sku`, at `items[1]` ``.
///
/// It reads it once more, so that reading what is right costs nothing for it.
pub(crate) fn what<T: DeserializeOwned>(json: &[u8]) -> String {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let error = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) => error,
        Ok(_) => return "more than one value".to_owned(),
    };
    let reason = reason(error.inner());
    match error.path().to_string().as_str() {
        "." if error.inner().is_data() => reason,
        "." => {
            let (line, column) = (error.inner().line(), error.inner().column());
            format!("{reason}, at line {line}, column {column}")
        }
        path => format!("{reason}, at `{path}`"),
    }
}

/// What is wrong, such as ``missing field `id` ``; not where.
pub(crate) fn reason(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Data => in_words(&error.to_string()),
        Category::Syntax => "no JSON".to_owned(),
        Category::Eof => "an unexpected end".to_owned(),
        Category::Io => "an unreadable part".to_owned(),
    }
}

/// What is wrong, of what serde says of it in any format.
pub(crate) fn in_words(text: &str) -> String {
    // The place: `serde_json` appends it.
    let text = text.rsplit_once(" at line ").map_or(text, |(text, _)| text);
    if is_of_the_type(text) {
        return text.to_owned();
    }
    // What comes last is what the type expects, whatever the value contains.
    let Some((found, expected)) = text.rsplit_once(", expected ") else {
        return ANYTHING.to_owned();
    };
    let what = if let Some(value) = found.strip_prefix("invalid type: ") {
        format!("invalid type{}", kind(value))
    } else if let Some(value) = found.strip_prefix("invalid value: ") {
        format!("invalid value{}", kind(value))
    } else if found.starts_with("invalid length ") {
        "invalid length".to_owned()
    } else if found.starts_with("unknown variant `") {
        "unknown variant".to_owned()
    } else if found.starts_with("unknown field `") {
        "unknown field".to_owned()
    } else {
        return ANYTHING.to_owned();
    };
    format!("{what}, expected {expected}")
}

/// Whether all of the text is about the type, and nothing of it about the value.
fn is_of_the_type(text: &str) -> bool {
    let names_a_field = ["missing field `", "duplicate field `"]
        .iter()
        .filter_map(|begin| text.strip_prefix(begin))
        .any(|field| field.find('`') == Some(field.len() - 1));
    names_a_field
        || text.starts_with("data did not match any variant of untagged enum ")
        // Of `lambda_http`, about an event that is no HTTP request.
        || text.starts_with("this function expects a JSON payload from Amazon API Gateway")
}

fn kind(value: &str) -> String {
    let known = KINDS.iter().find(|kind| value.starts_with(*kind));
    known.map_or_else(String::new, |kind| format!(": {kind}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use serde::Deserialize;
    use serde::de::DeserializeOwned;
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[expect(dead_code, reason = "only read")]
        quantity: u8,
        #[expect(dead_code, reason = "only read")]
        #[serde(default)]
        size: Option<Size>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Size {
        Small,
        Large,
    }

    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    enum Either {
        #[expect(dead_code, reason = "only read")]
        Order(Order),
        #[expect(dead_code, reason = "only read")]
        Number(u8),
    }

    /// One whose own complaint quotes what it is given.
    #[derive(Debug)]
    struct Quoting;

    impl<'de> Deserialize<'de> for Quoting {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            Err(serde::de::Error::custom(format!("what is {text}?")))
        }
    }

    fn reason_for<T: DeserializeOwned>(json: &str) -> String {
        match serde_json::from_str::<T>(json) {
            Ok(_) => panic!("`{json}` can be read"),
            Err(error) => reason(&error),
        }
    }

    #[test]
    fn it_says_where() {
        for (json, expected) in [
            (
                r#"[{"quantity": 1}, {}]"#,
                "missing field `quantity`, at `[1]`",
            ),
            (
                r#"[{"quantity": "hunter2"}]"#,
                "invalid type: string, expected u8, at `[0].quantity`",
            ),
            ("7", "invalid type: integer, expected a sequence"),
            ("hunter2", "no JSON, at line 1, column 1"),
            ("", "an unexpected end, at line 1, column 0"),
            ("[] hunter2", "more than one value"),
        ] {
            assert_eq!(what::<Vec<Order>>(json.as_bytes()), expected, "{json}");
        }
    }

    #[test]
    fn it_says_what_is_wrong() {
        for (json, expected) in [
            (
                r#"{"quantity": "hunter2"}"#,
                "invalid type: string, expected u8",
            ),
            (
                r#"{"quantity": 4242}"#,
                "invalid value: integer, expected u8",
            ),
            (r#"{"quantity": null}"#, "invalid type: null, expected u8"),
            (
                r#"{"quantity": 1.5}"#,
                "invalid type: floating point, expected u8",
            ),
            (
                r#"{"quantity": ["hunter2"]}"#,
                "invalid type: sequence, expected u8",
            ),
            ("{}", "missing field `quantity`"),
            (
                r#"{"quantity": 1, "quantity": 2}"#,
                "duplicate field `quantity`",
            ),
            (
                r#"{"hunter2": 1}"#,
                "unknown field, expected `quantity` or `size`",
            ),
            (
                r#"{"quantity": 1, "size": "hunter2"}"#,
                "unknown variant, expected `small` or `large`",
            ),
            // A value that looks like the end of the text.
            (
                r#"{"quantity": "a, expected hunter2 at line 1"}"#,
                "invalid type: string, expected u8",
            ),
            (
                "[]",
                "invalid length, expected struct Order with 2 elements",
            ),
            (r#"{"quantity": "#, "an unexpected end"),
            (r#"{"quantity"; 1}"#, "no JSON"),
        ] {
            assert_eq!(reason_for::<Order>(json), expected, "{json}");
        }
        assert_eq!(
            reason_for::<Either>(r#""hunter2""#),
            "data did not match any variant of untagged enum Either"
        );
        assert_eq!(reason_for::<Quoting>(r#""hunter2""#), ANYTHING);
    }

    proptest! {
        #[test]
        fn no_value_is_quoted(secret in "[A-Z`\", ]{4,20}") {
            // As a value, and as a key.
            let value = serde_json::json!({"quantity": secret}).to_string();
            prop_assert!(!reason_for::<Order>(&value).contains(&secret));
            let key = Value::Object([(secret.clone(), Value::Null)].into_iter().collect()).to_string();
            prop_assert!(!reason_for::<Order>(&key).contains(&secret));
            prop_assert!(!reason_for::<HashMap<String, u8>>(&value).contains(&secret));
            let text = Value::String(secret.clone()).to_string();
            prop_assert!(!reason_for::<Quoting>(&text).contains(&secret));
            prop_assert!(!reason_for::<Size>(&text).contains(&secret));
        }
    }
}
