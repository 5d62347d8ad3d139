//! The Telemetry API and the older Logs API: subscriptions of extensions.
//!
//! Source: [Telemetry API](https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api-reference.html),
//! [Logs API](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-logs-api.html) and the behaviour
//! of the implementation AWS publishes. The texts of validation errors are ours: AWS documents their
//! type only.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::extensions_api::refusal;
use crate::telemetry_record::{Category, InitializationType, Schema};

/// The port of the Runtime API on AWS, which no subscriber can listen at.
const RESERVED_PORT: u16 = 9001;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// `PUT /2022-07-01/telemetry`
    Telemetry,
    /// `PUT /2020-08-15/logs`
    Logs,
}

impl Api {
    /// Reads method and path (without query); `None` for what neither has.
    pub fn parse(method: &str, path: &str) -> Option<Self> {
        match (method, path) {
            // The schema reference writes the path with a slash at its end.
            ("PUT", "/2022-07-01/telemetry" | "/2022-07-01/telemetry/") => Some(Self::Telemetry),
            ("PUT", "/2020-08-15/logs" | "/2020-08-15/logs/") => Some(Self::Logs),
            _ => None,
        }
    }

    /// The name in texts and in error types.
    pub fn name(self) -> &'static str {
        match self {
            Self::Telemetry => "Telemetry",
            Self::Logs => "Logs",
        }
    }

    /// The versions of the schema an environment offers, the default first.
    fn schemas(self, initialization: InitializationType) -> &'static [Schema] {
        match (self, initialization) {
            (Self::Telemetry, InitializationType::LambdaManagedInstances) => {
                &[Schema::Telemetry20250129]
            }
            (Self::Telemetry, _) => &[
                Schema::Telemetry20220701,
                Schema::Telemetry20221213,
                Schema::Telemetry20250129,
            ],
            (Self::Logs, _) => &[Schema::Logs20200815, Schema::Logs20210318],
        }
    }
}

/// When a batch is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffering {
    /// At this number of records.
    pub max_items: usize,
    /// At this size.
    pub max_bytes: usize,
    /// This long after its first record.
    pub timeout: Duration,
}

impl Default for Buffering {
    fn default() -> Self {
        Self {
            max_items: 10_000,
            max_bytes: 262_144,
            timeout: Duration::from_secs(1),
        }
    }
}

/// Where records go, inside the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A POST of a JSON array.
    Http {
        /// The subscriber's port.
        port: u16,
        /// Path and query.
        path: String,
    },
    /// One JSON object in a line.
    Tcp {
        /// The subscriber's port.
        port: u16,
    },
}

/// What an extension subscribed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// How records are written.
    pub schema: Schema,
    /// Which records, each once, in the order given.
    pub types: Vec<Category>,
    /// How they are batched.
    pub buffering: Buffering,
    /// Where they go.
    pub destination: Destination,
}

impl Subscription {
    /// Reads and checks a request's body.
    ///
    /// # Errors
    /// [`Answer::Invalid`], which names the field.
    pub fn parse(
        api: Api,
        initialization: InitializationType,
        body: &[u8],
    ) -> Result<Self, Answer> {
        Self::read(api, initialization, body).map_err(Answer::Invalid)
    }

    fn read(api: Api, initialization: InitializationType, body: &[u8]) -> Result<Self, String> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| format!("the body is not JSON: {error}"))?;
        let Value::Object(body) = body else {
            return Err("the body is not a JSON object".to_owned());
        };
        Ok(Self {
            schema: schema(api.schemas(initialization), field(&body, "schemaVersion"))?,
            types: types(field(&body, "types"))?,
            buffering: buffering(field(&body, "buffering"))?,
            destination: destination(field(&body, "destination"))?,
        })
    }
}

/// A member; `null` is as good as none.
fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

fn schema(offered: &[Schema], value: Option<&Value>) -> Result<Schema, String> {
    let Some(value) = value else {
        // Undocumented; the crate of AWS and its samples always say one.
        return offered
            .first()
            .copied()
            .ok_or_else(|| "schemaVersion is required".to_owned());
    };
    offered
        .iter()
        .find(|schema| Some(schema.version()) == value.as_str())
        .copied()
        .ok_or_else(|| {
            let versions: Vec<_> = offered.iter().map(|schema| schema.version()).collect();
            format!(
                "schemaVersion {value} is not one of {}",
                versions.join(", ")
            )
        })
}

fn types(value: Option<&Value>) -> Result<Vec<Category>, String> {
    let Some(Value::Array(names)) = value else {
        return Err("types is required, a list of platform, function, extension".to_owned());
    };
    if names.is_empty() {
        return Err("types is empty".to_owned());
    }
    let mut types = Vec::with_capacity(3);
    for name in names {
        let category = name.as_str().and_then(Category::parse).ok_or_else(|| {
            format!("types contains {name}, which is not platform, function or extension")
        })?;
        if !types.contains(&category) {
            types.push(category);
        }
    }
    Ok(types)
}

fn buffering(value: Option<&Value>) -> Result<Buffering, String> {
    let defaults = Buffering::default();
    let Some(value) = value else {
        return Ok(defaults);
    };
    let Value::Object(object) = value else {
        return Err("buffering is not an object".to_owned());
    };
    let within = |name: &str, range: RangeInclusive<usize>| {
        let Some(value) = field(object, name) else {
            return Ok(None);
        };
        value
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| range.contains(number))
            .map(Some)
            .ok_or_else(|| {
                format!(
                    "buffering.{name} {value} is not an integer from {} to {}",
                    range.start(),
                    range.end()
                )
            })
    };
    Ok(Buffering {
        max_items: within("maxItems", 1_000..=10_000)?.unwrap_or(defaults.max_items),
        max_bytes: within("maxBytes", 262_144..=1_048_576)?.unwrap_or(defaults.max_bytes),
        timeout: within("timeoutMs", 25..=30_000)?
            .map_or(defaults.timeout, |ms| Duration::from_millis(ms as u64)),
    })
}

fn destination(value: Option<&Value>) -> Result<Destination, String> {
    let Some(Value::Object(object)) = value else {
        return Err("destination is required, an object".to_owned());
    };
    match field(object, "protocol") {
        Some(Value::String(protocol)) if protocol == "HTTP" => {
            let Some(Value::String(uri)) = field(object, "URI") else {
                return Err("destination.URI is required for HTTP, a string".to_owned());
            };
            http_destination(uri)
        }
        Some(Value::String(protocol)) if protocol == "TCP" => {
            let Some(port) = field(object, "port") else {
                return Err("destination.port is required for TCP".to_owned());
            };
            let port = port
                .as_u64()
                .and_then(|number| u16::try_from(number).ok())
                .filter(|number| *number != 0)
                .ok_or_else(|| format!("destination.port {port} is not a port"))?;
            Ok(Destination::Tcp {
                port: allowed("destination.port", port)?,
            })
        }
        Some(other) => Err(format!("destination.protocol {other} is not HTTP or TCP")),
        None => Err("destination.protocol is required, HTTP or TCP".to_owned()),
    }
}

fn http_destination(text: &str) -> Result<Destination, String> {
    let uri: http::Uri = text
        .parse()
        .map_err(|error| format!("destination.URI `{text}` is not a URI: {error}"))?;
    if uri.scheme_str() != Some("http") {
        return Err(format!(
            "destination.URI `{text}` does not begin with http://"
        ));
    }
    let host = uri.host().unwrap_or_default();
    if !["sandbox.localdomain", "sandbox"]
        .iter()
        .any(|name| host.eq_ignore_ascii_case(name))
    {
        return Err(format!(
            "destination.URI `{text}` has the host `{host}`, which is not sandbox.localdomain"
        ));
    }
    let port = match uri.port_u16() {
        Some(port) if port != 0 => port,
        // What is written behind the host and is no port comes out as none, too.
        None if uri
            .authority()
            .is_some_and(|all| all.as_str().ends_with(host)) =>
        {
            80
        }
        _ => return Err(format!("destination.URI `{text}` has no valid port")),
    };
    Ok(Destination::Http {
        port: allowed("destination.URI", port)?,
        path: uri
            .path_and_query()
            .map_or_else(|| "/".to_owned(), ToString::to_string),
    })
}

fn allowed(field: &str, port: u16) -> Result<u16, String> {
    if port == RESERVED_PORT {
        return Err(format!("{field} has the port {port}, which is reserved"));
    }
    Ok(port)
}

/// An answer to a subscription. Missing, malformed and unknown identifiers are refused by
/// [`crate::extensions_api::Answer`], before the body is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200: subscribed.
    Subscribed,
    /// 400: a field is not what it must be; the message names it.
    Invalid(String),
    /// 400: the extension uses the other API already.
    OtherApiInUse(Api),
    /// 403: the init phase is over.
    Closed(Api),
    /// 202: the environment does not have the API.
    NotSupported(Api),
    /// 500: the environment is going away.
    Closing,
}

impl Answer {
    /// HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Subscribed => 200,
            Self::NotSupported(_) => 202,
            Self::Invalid(_) | Self::OtherApiInUse(_) => 400,
            Self::Closed(_) => 403,
            Self::Closing => 500,
        }
    }

    /// JSON body, with a line break at its end where the service has one.
    pub fn body(&self) -> String {
        match self {
            // Where the subscription's own code answers, no line break follows.
            Self::Subscribed => "\"OK\"".to_owned(),
            Self::Invalid(message) => refusal(message, "ValidationError").trim_end().to_owned(),
            Self::OtherApiInUse(other) => refusal(
                &format!("the extension is subscribed to the {} API", other.name()),
                "ValidationError",
            )
            .trim_end()
            .to_owned(),
            Self::Closed(api) => refusal(
                &format!("{} API subscription is closed", api.name()),
                match api {
                    Api::Telemetry => "Telemetry.SubscriptionClosed",
                    Api::Logs => "Logs.SubscriptionClosed",
                },
            ),
            Self::NotSupported(api) => refusal(
                &format!("{} API is not supported", api.name()),
                match api {
                    Api::Telemetry => "Telemetry.NotSupported",
                    Api::Logs => "Logs.NotSupported",
                },
            ),
            Self::Closing => refusal("Internal Server Error", "InternalServerError"),
        }
    }
}

#[cfg(test)]
#[path = "telemetry_api/tests.rs"]
mod tests;
