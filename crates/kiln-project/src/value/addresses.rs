//! Where the local service listens.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Serialize;
use serde_json::Value;

use super::{SettingValue, list, scalar};

/// Addresses to listen on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Addresses(pub Vec<IpAddr>);

impl Addresses {
    /// Both loopback addresses: `localhost` resolves to either, depending on the client, and no
    /// other machine can reach them.
    pub fn loopback() -> Self {
        Self(vec![
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ])
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&list(&self.0))
    }
}

impl SettingValue for Addresses {
    const ALLOWED: &'static str = "an IP address, several with commas between, or `localhost`";

    fn from_text(text: &str) -> Option<Self> {
        let mut addresses = Vec::new();
        for part in text.split(',').map(str::trim) {
            if part == "localhost" {
                addresses.extend(Self::loopback().0);
            } else {
                // Brackets are how an IPv6 address is written in a URL.
                let bare = part
                    .strip_prefix('[')
                    .and_then(|rest| rest.strip_suffix(']'))
                    .unwrap_or(part);
                addresses.push(bare.parse().ok()?);
            }
        }
        Some(Self(addresses))
    }

    fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Array(_) => Self::from_text(&Vec::<String>::from_json(value)?.join(",")),
            _ => Self::from_text(&scalar(value)?),
        }
    }

    fn describe(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses() {
        let cases = [
            ("127.0.0.1", Some("127.0.0.1")),
            ("::", Some("::")),
            ("[::1]", Some("::1")),
            ("localhost", Some("127.0.0.1, ::1")),
            ("127.0.0.1, ::1", Some("127.0.0.1, ::1")),
            ("example.com", None),
            ("", None),
            ("127.0.0.1:9000", None),
        ];
        for (text, expected) in cases {
            let found = Addresses::from_text(text).map(|addresses| addresses.to_string());
            assert_eq!(found.as_deref(), expected, "{text:?}");
        }
        let list = Addresses::from_json(&json!(["::1", "0.0.0.0"]));
        assert_eq!(
            list.map(|it| it.to_string()).as_deref(),
            Some("::1, 0.0.0.0")
        );
    }

    proptest! {
        #[test]
        fn texts_never_panic(text in ".*") {
            let _ = Addresses::from_text(&text);
        }
    }
}
