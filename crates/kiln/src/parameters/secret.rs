//! A value that is not shown.

use std::any::type_name;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands in a secret's place.
const HIDDEN: &str = "[secret]";

/// A value that is not shown: `{}`, `{:?}` and serialization give `[secret]` in its place.
///
/// It guards against the usual accident, a secret in a log line, an error or an answer. It is not
/// wiped from memory when it is dropped: the copies that the TLS stack and the AWS SDK have made of
/// it would remain.
///
/// As a field of a type that [`get_json`](super::Parameters::get_json) reads, it takes whatever its
/// inner type takes. The error of one that is of another type does not quote it.
///
/// # Example
///
/// ```
/// use kiln::parameters::Secret;
/// use serde::Deserialize;
///
/// #[derive(Debug, Deserialize)]
/// struct Database {
///     user: String,
///     password: Secret,
/// }
///
/// let database: Database = serde_json::from_str(r#"{"user": "app", "password": "pa55"}"#)?;
/// assert_eq!(
///     format!("{database:?}"),
///     r#"Database { user: "app", password: [secret] }"#
/// );
/// assert_eq!(database.password.expose(), "pa55");
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Secret<T = String>(T);

impl<T> Secret<T> {
    /// Hides a value.
    ///
    /// ```
    /// let secret = kiln::parameters::Secret::new("pa55");
    /// assert_eq!(secret.to_string(), "[secret]");
    /// ```
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for where it is used.
    ///
    /// ```
    /// let secret = kiln::parameters::Secret::new("pa55");
    /// assert_eq!(secret.expose(), &"pa55");
    /// ```
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value, no longer hidden.
    ///
    /// ```
    /// let secret = kiln::parameters::Secret::new("pa55");
    /// assert_eq!(secret.into_inner(), "pa55");
    /// ```
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl<T> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What serde says of a value of another type quotes it.
        let inner = T::deserialize(deserializer);
        inner.map(Self).map_err(|_| {
            let expected = type_name::<T>();
            D::Error::custom(format_args!(
                "a secret that is no `{expected}`, and is not shown"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_of_another_type_is_not_quoted() {
        #[derive(Debug, Deserialize)]
        struct Card {
            #[expect(dead_code, reason = "it is never made")]
            number: Secret,
        }

        let error = serde_json::from_str::<Card>(r#"{"number": 4242424242424242}"#).unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(!told.contains("4242"), "{told}");
        assert_eq!(
            error.to_string(),
            "a secret that is no `alloc::string::String`, and is not shown at line 1 column 28"
        );
        let error = serde_json::from_str::<Secret<u32>>(r#""hunter2""#).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
