//! JSON written by hand, for what is written on every line.

use std::fmt::Write as _;

/// Appends the text as a JSON string.
pub(crate) fn string(out: &mut String, text: &str) {
    out.push('"');
    escape(out, text, true);
    out.push('"');
}

/// Appends the text without anything that would end the line, act on a terminal, or, if in quotes,
/// end the string.
pub(crate) fn escape(out: &mut String, text: &str, quoted: bool) {
    let mut plain = 0;
    for (at, character) in text.char_indices() {
        let short = match character {
            '"' if quoted => "\\\"",
            '\\' if quoted => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            // C0 and C1 controls, and what some readers take for line breaks.
            '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' => "",
            _ => continue,
        };
        out.push_str(&text[plain..at]);
        plain = at + character.len_utf8();
        if short.is_empty() {
            // Writing to a string does not fail.
            let _infallible = write!(out, "\\u{:04x}", u32::from(character));
        } else {
            out.push_str(short);
        }
    }
    out.push_str(&text[plain..]);
}

/// Appends a number. JSON has none for what is not finite: these are strings.
pub(crate) fn float(out: &mut String, value: f64) {
    // The shortest form that reads back as the same number; `{:?}` of a finite one is valid JSON.
    let _infallible = if value.is_finite() {
        write!(out, "{value:?}")
    } else {
        write!(out, "\"{value}\"")
    };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quoted(text: &str) -> String {
        let mut out = String::new();
        string(&mut out, text);
        out
    }

    #[test]
    fn what_would_break_a_line_is_escaped() {
        for (text, json) in [
            ("plain", r#""plain""#),
            ("a\nb\r\tc", r#""a\nb\r\tc""#),
            (r#"say "hi" \ bye"#, r#""say \"hi\" \\ bye""#),
            ("\u{1b}[31mred\0", r#""\u001b[31mred\u0000""#),
            ("\u{9b}2J \u{2028}", r#""\u009b2J \u2028""#),
            ("grüße 🦀", r#""grüße 🦀""#),
        ] {
            assert_eq!(quoted(text), json);
        }
    }

    #[test]
    fn numbers_are_json() {
        for (value, json) in [
            (1.0, "1.0"),
            (-0.25, "-0.25"),
            (1e300, "1e300"),
            (f64::NAN, r#""NaN""#),
            (f64::NEG_INFINITY, r#""-inf""#),
        ] {
            let mut out = String::new();
            float(&mut out, value);
            assert_eq!(out, json);
        }
    }

    proptest! {
        #[test]
        fn every_text_reads_back(text in any::<String>()) {
            let json = quoted(&text);
            prop_assert!(!json.contains(['\n', '\r']));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn every_finite_number_reads_back(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
            let mut out = String::new();
            float(&mut out, value);
            prop_assert!(serde_json::from_str::<serde_json::Number>(&out).is_ok());
            // `serde_json` reads the last digit as it likes.
            prop_assert_eq!(out.parse::<f64>().unwrap(), value);
        }
    }
}
