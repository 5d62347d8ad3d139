//! One value out of a JSON text, without reading the rest into memory.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The string, number or boolean at an [RFC 6901](https://www.rfc-editor.org/rfc/rfc6901) pointer.
///
/// Below `headers` names are compared without regard to case, as HTTP has it, and a header that is a list
/// of its values counts by the first.
pub(crate) fn find(body: &[u8], pointer: &str) -> Option<String> {
    let steps: Vec<Cow<'_, str>> = pointer
        .strip_prefix('/')?
        .split('/')
        .map(|step| match step.contains('~') {
            true => Cow::Owned(step.replace("~1", "/").replace("~0", "~")),
            false => Cow::Borrowed(step),
        })
        .collect();
    let mut found = None;
    let follow = Follow {
        steps: &steps,
        place: Place::Elsewhere,
        found: &mut found,
    };
    // What is found before a text turns out to be broken is found.
    let _broken = follow.deserialize(&mut serde_json::Deserializer::from_slice(body));
    found
}

struct Follow<'a> {
    steps: &'a [Cow<'a, str>],
    place: Place,
    found: &'a mut Option<String>,
}

/// What a value is of an event of HTTP.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Headers,
    Header,
    Elsewhere,
}

impl<'de> DeserializeSeed<'de> for Follow<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Follow<'_> {
    fn arrive(self, value: impl fmt::Display) {
        if self.steps.is_empty() {
            *self.found = Some(value.to_string());
        }
    }
}

impl<'de> Visitor<'de> for Follow<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.arrive(value);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.arrive(value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.arrive(value);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.arrive(value);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.arrive(value);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<(), M::Error> {
        let step = self.steps.split_first();
        while let Some(name) = members.next_key::<Cow<'de, str>>()? {
            match step {
                Some((step, further))
                    if *name == **step
                        || self.place == Place::Headers && name.eq_ignore_ascii_case(step) =>
                {
                    members.next_value_seed(Follow {
                        steps: further,
                        place: match self.place {
                            Place::Headers => Place::Header,
                            _ if step.eq_ignore_ascii_case("headers") => Place::Headers,
                            _ => Place::Elsewhere,
                        },
                        found: self.found,
                    })?;
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<(), S::Error> {
        let (wanted, further) = match self.steps.split_first() {
            Some((step, further)) => (step.parse::<usize>().ok(), further),
            None => ((self.place == Place::Header).then_some(0), self.steps),
        };
        for number in 0.. {
            let more = match wanted {
                Some(wanted) if wanted == number => items
                    .next_element_seed(Follow {
                        steps: further,
                        place: Place::Elsewhere,
                        found: self.found,
                    })?
                    .is_some(),
                _ => items.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_path() {
        let event = r#"{"id":"e-1","n":7,"on":true,"none":null,"Headers":{"x":1},
            "headers":{"X-Amzn-Trace-Id":"Root=1","X-Many":["first","second"],"x-none":[],"x-deep":[["no"]]},"a/b":{"~":"odd"},
            "Records":[{"messageId":"m-0"},{"messageId":"m-1"}],
            "requestContext":{"requestId":"r\"1"}}"#;
        for (pointer, found) in [
            ("/id", Some("e-1")),
            ("/n", Some("7")),
            ("/on", Some("true")),
            ("/none", None),
            ("/requestContext", None),
            ("/requestContext/requestId", Some("r\"1")),
            ("/headers/x-amzn-trace-id", Some("Root=1")),
            ("/headers/x-many", Some("first")),
            ("/headers/x-many/1", Some("second")),
            ("/headers/x-none", None),
            ("/headers/x-deep", None),
            ("/headers", None),
            ("/Records", None),
            ("/a~1b/~0", Some("odd")),
            ("/Records/1/messageId", Some("m-1")),
            ("/Records/2/messageId", None),
            ("/id/deeper", None),
            ("id", None),
            ("", None),
        ] {
            assert_eq!(
                find(event.as_bytes(), pointer).as_deref(),
                found,
                "{pointer}"
            );
        }
    }

    #[test]
    fn what_is_no_json_has_nothing() {
        for body in ["", "{", "nonsense", "[1,", "\u{fffd}"] {
            assert_eq!(find(body.as_bytes(), "/id"), None);
        }
    }
}
