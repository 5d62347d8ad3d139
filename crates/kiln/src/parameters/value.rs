//! What a store has answered, and what is made of it.

use std::any::type_name;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::{ParameterError, Secret};

/// A value as a store has it: text or bytes. `{:?}` does not show it.
///
/// # Example
///
/// ```
/// use kiln::parameters::Value;
///
/// let value = Value::from("pa55");
/// assert_eq!(format!("{value:?}"), "Value(4 bytes)");
/// assert_eq!(value.as_bytes(), b"pa55");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Value(Bytes);

impl Value {
    /// Its bytes.
    ///
    /// ```
    /// assert_eq!(kiln::parameters::Value::from("a").as_bytes(), b"a");
    /// ```
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes)", self.0.len())
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

/// What is made of a value before it is cached.
///
/// A value is cached once for each transform it is asked for by, as in Powertools.
///
/// # Example
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
/// use kiln::parameters::{InMemory, Parameters, Transform};
///
/// let parameters = Parameters::new(InMemory::from([("/orders/logo.binary", "AAEC")]));
/// let logo = parameters.get_transformed("/orders/logo.binary", Transform::Auto).await?;
/// assert_eq!(logo.bytes(), [0, 1, 2].as_slice());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transform {
    /// Nothing: as the store has it.
    #[default]
    None,
    /// Parsed as JSON.
    Json,
    /// Decoded from base64 (standard alphabet, padded).
    Binary,
    /// By the end of the name: `.json` is [`Json`](Self::Json), `.binary` is
    /// [`Binary`](Self::Binary), anything else stays as it is.
    Auto,
}

impl Transform {
    /// What is done for this name.
    fn of(self, name: &str) -> Self {
        match self {
            Self::Auto if name.ends_with(".json") => Self::Json,
            Self::Auto if name.ends_with(".binary") => Self::Binary,
            Self::Auto => Self::None,
            chosen => chosen,
        }
    }
}

/// A parameter that was read. `{:?}` shows its name, and not its value.
///
/// # Example
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
/// use kiln::parameters::{InMemory, Parameters};
///
/// let parameters = Parameters::new(InMemory::from([("/orders/limit", "100")]));
/// let limit = parameters.parameter("/orders/limit").await?;
/// assert_eq!(limit.text()?, "100");
/// assert_eq!(limit.json::<u32>()?, 100);
/// assert_eq!(format!("{limit:?}"), r#"Parameter { name: "/orders/limit", .. }"#);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Parameter {
    name: String,
    bytes: Bytes,
    json: Option<serde_json::Value>,
}

impl Parameter {
    /// Applies the transform, once.
    pub(super) fn new(
        name: &str,
        value: Value,
        transform: Transform,
    ) -> Result<Self, ParameterError> {
        let Value(bytes) = value;
        let mut parameter = Self {
            name: name.to_owned(),
            bytes,
            json: None,
        };
        match transform.of(name) {
            Transform::Json => parameter.json = Some(parse(name, &parameter.bytes)?),
            Transform::Binary => {
                let decoded = STANDARD.decode(parameter.bytes.trim_ascii());
                let decoded = decoded.map_err(|_| ParameterError::transform(name, "base64"))?;
                parameter.bytes = decoded.into();
            }
            Transform::None | Transform::Auto => {}
        }
        Ok(parameter)
    }

    /// Its name, as it was asked for.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::parameters::{InMemory, Parameters};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let parameters = Parameters::new(InMemory::from([("/orders/limit", "100")]));
    /// let limit = parameters.parameter("/orders/limit").await?;
    /// assert_eq!(limit.name(), "/orders/limit");
    /// # Ok(())
    /// # }
    /// ```
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value as text.
    ///
    /// # Errors
    /// [`ParameterError::Transform`] when the bytes are not UTF-8.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::parameters::{InMemory, Parameters};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let store = InMemory::from([("/orders/url", "https://example.com")]);
    /// store.set("/orders/logo", vec![0xff]);
    /// let parameters = Parameters::new(store);
    /// assert_eq!(parameters.parameter("/orders/url").await?.text()?, "https://example.com");
    /// assert!(parameters.parameter("/orders/logo").await?.text().is_err(), "no UTF-8");
    /// # Ok(())
    /// # }
    /// ```
    pub fn text(&self) -> Result<&str, ParameterError> {
        std::str::from_utf8(&self.bytes)
            .map_err(|_| ParameterError::transform(&self.name, "UTF-8 text"))
    }

    /// Its value as text that is not shown.
    ///
    /// # Errors
    /// [`ParameterError::Transform`] when the bytes are not UTF-8.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::parameters::{InMemory, Parameters};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let parameters = Parameters::new(InMemory::from([("/orders/key", "pa55")]));
    /// let key = parameters.parameter("/orders/key").await?.secret()?;
    /// assert_eq!(format!("{key:?}"), "[secret]");
    /// assert_eq!(key.expose(), "pa55");
    /// # Ok(())
    /// # }
    /// ```
    pub fn secret(&self) -> Result<Secret, ParameterError> {
        self.text().map(|text| Secret::new(text.to_owned()))
    }

    /// Its value as JSON of a type.
    ///
    /// # Errors
    /// [`ParameterError::Transform`] when it is not JSON, or not of that type; the error names the
    /// type and the place, and nothing of the value.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::parameters::{InMemory, Parameters};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let parameters = Parameters::new(InMemory::from([("/orders/limits", "[5, 10]")]));
    /// let limits = parameters.parameter("/orders/limits").await?;
    /// assert_eq!(limits.json::<Vec<u32>>()?, [5, 10]);
    /// assert!(limits.json::<String>().is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ParameterError> {
        let Some(json) = &self.json else {
            return parse(&self.name, &self.bytes);
        };
        T::deserialize(json).map_err(|_| ParameterError::transform(&self.name, of_type::<T>()))
    }

    /// Its bytes: as the store has them, or decoded if the transform was [`Transform::Binary`].
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::parameters::{InMemory, Parameters, Transform};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let parameters = Parameters::new(InMemory::from([("/orders/logo", "AAEC")]));
    /// let stored = parameters.parameter("/orders/logo").await?;
    /// assert_eq!(stored.bytes(), "AAEC");
    /// let decoded = parameters.get_transformed("/orders/logo", Transform::Binary).await?;
    /// assert_eq!(decoded.bytes(), [0, 1, 2].as_slice());
    /// # Ok(())
    /// # }
    /// ```
    pub fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }
}

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameter")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What serde says of a value of another type quotes it: only the place is told.
fn parse<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, ParameterError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("(line {}, column {})", error.line(), error.column());
        let expected = match error.classify() {
            Category::Data => format!("{} {place}", of_type::<T>()),
            Category::Syntax | Category::Eof | Category::Io => format!("JSON {place}"),
        };
        ParameterError::transform(name, expected)
    })
}

fn of_type<T>() -> String {
    format!("JSON of the type `{}`", type_name::<T>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str, transform: Transform) -> Result<Parameter, ParameterError> {
        Parameter::new("x", value.into(), transform)
    }

    #[test]
    fn a_transform_by_suffix_is_that_of_the_name() {
        for (name, transform) in [
            ("a.json", Transform::Json),
            ("/a/b.binary", Transform::Binary),
            ("a.json.txt", Transform::None),
            ("json", Transform::None),
            ("", Transform::None),
        ] {
            assert_eq!(Transform::Auto.of(name), transform, "{name}");
        }
    }

    #[test]
    fn what_is_not_of_its_kind_is_refused_without_its_value() {
        #[derive(Debug, serde::Deserialize)]
        struct Login {
            #[expect(dead_code, reason = "it is never made")]
            pin: u32,
        }

        let secret = r#"{"pin": "hunter2"}"#;
        let expected = "JSON of the type `kiln::parameters::value::tests::what_is_not_of_its_kind_is_refused_without_its_value::Login`";
        let typed = read(secret, Transform::None).unwrap().json::<Login>();
        let cached = read(secret, Transform::Json).unwrap().json::<Login>();
        for (refused, expected) in [
            (typed.err(), format!("{expected} (line 1, column 17)")),
            (cached.err(), expected.to_owned()),
            (
                read("hunter2", Transform::Json).err(),
                "JSON (line 1, column 1)".to_owned(),
            ),
            (
                read("hunter 2", Transform::Binary).err(),
                "base64".to_owned(),
            ),
            (
                Parameter::new("x", vec![0xFF].into(), Transform::None)
                    .unwrap()
                    .text()
                    .err(),
                "UTF-8 text".to_owned(),
            ),
        ] {
            let refused = refused.unwrap();
            assert_eq!(refused, ParameterError::transform("x", expected));
            assert!(!format!("{refused:?} {refused}").contains("hunter"));
        }
    }
}
