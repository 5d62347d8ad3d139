//! Variables that switch something on or off.

/// What a value means, in the words that Powertools takes, in any case; `None` if it is none of them.
pub(crate) fn switch(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "y" | "yes" | "t" | "true" | "on" => Some(true),
        "0" | "n" | "no" | "f" | "false" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches() {
        for (value, meaning) in [
            ("1", Some(true)),
            ("TRUE", Some(true)),
            ("on", Some(true)),
            ("0", Some(false)),
            ("Off", Some(false)),
            ("", None),
            (" 1", None),
            ("certainly", None),
        ] {
            assert_eq!(switch(value), meaning, "{value}");
        }
    }
}
