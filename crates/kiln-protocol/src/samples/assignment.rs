//! An edit as it is typed: `Records.0.body=hello`.

use std::str::FromStr;

/// A change to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Where, by the rules of [`set`](super::set).
    pub path: String,
    /// What.
    pub value: String,
}

impl FromStr for Assignment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (path, value) = text
            .split_once('=')
            .ok_or("there is no `=` between path and value")?;
        Ok(Self {
            path: path.to_owned(),
            value: value.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_split_at_the_first_equals_sign() {
        for (text, path, value) in [
            ("a.b=c", "a.b", "c"),
            ("a=b=c", "a", "b=c"),
            ("a=", "a", ""),
            ("=a", "", "a"),
        ] {
            let expected = Assignment {
                path: path.to_owned(),
                value: value.to_owned(),
            };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        assert!("a".parse::<Assignment>().is_err());
    }
}
