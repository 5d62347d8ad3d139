//! The Extensions API as an extension sees it: operations, registration, refusals.
//!
//! Source: [Lambda Extensions API](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html)
//! and the behaviour of the implementation AWS publishes, whose texts the refusals have.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::extension_event::EventType;
use crate::headers;
use crate::uuid::is_uuid;

/// The version prefix of every path.
pub const PREFIX: &str = "/2020-01-01/extension";
/// How many extensions an environment takes, external and internal together.
pub const MAX_EXTENSIONS: usize = 10;

/// What an extension asks for, as its path says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `POST /register`
    Register,
    /// `GET /event/next`
    Next,
    /// `POST /init/error`
    InitError,
    /// `POST /exit/error`
    ExitError,
}

impl Operation {
    /// Reads method and path (without query); `None` for what the API does not have.
    pub fn parse(method: &str, path: &str) -> Option<Self> {
        match (method, path.strip_prefix(PREFIX)?) {
            ("POST", "/register") => Some(Self::Register),
            ("GET", "/event/next") => Some(Self::Next),
            ("POST", "/init/error") => Some(Self::InitError),
            ("POST", "/exit/error") => Some(Self::ExitError),
            _ => None,
        }
    }
}

/// Where an extension lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A process of its own, started from `/opt/extensions`.
    External,
    /// Part of the runtime's process.
    Internal,
}

/// The state of an extension, named as in the service's refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentState {
    /// The process runs and has not registered.
    Started,
    /// It has registered and not asked for an event.
    Registered,
    /// It waits for an event.
    Ready,
    /// It has an event and has not asked for the next.
    Running,
    /// It reported that its init failed.
    InitError,
    /// It reported that it must exit.
    ExitError,
    /// It did not end within the shutdown's budget.
    ShutdownFailed,
    /// It ended.
    Exited,
    /// Its process could not be started.
    LaunchError,
}

impl AgentState {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::Registered => "Registered",
            Self::Ready => "Ready",
            Self::Running => "Running",
            Self::InitError => "InitError",
            Self::ExitError => "ExitError",
            Self::ShutdownFailed => "ShutdownFailed",
            Self::Exited => "Exited",
            Self::LaunchError => "LaunchError",
        }
    }

    /// The state an operation leads to from here.
    ///
    /// # Errors
    /// Where the operation is out of order. `agent` is what the refusal calls the extension: its
    /// name when it registers, its identifier afterwards.
    pub fn after(self, operation: Operation, agent: &str) -> Result<Self, Answer> {
        let to = match operation {
            Operation::Register => Self::Registered,
            Operation::Next => Self::Ready,
            Operation::InitError => Self::InitError,
            Operation::ExitError => Self::ExitError,
        };
        let allowed = match operation {
            Operation::Register => self == Self::Started,
            // Unlike a runtime, an extension that waits already may not wait twice.
            Operation::Next => matches!(self, Self::Registered | Self::Running),
            Operation::InitError => matches!(self, Self::Registered | Self::InitError),
            Operation::ExitError => matches!(
                self,
                Self::Registered | Self::Ready | Self::Running | Self::ExitError
            ),
        };
        if allowed {
            Ok(to)
        } else {
            Err(Answer::InvalidStateTransition {
                from: self,
                to,
                agent: agent.to_owned(),
            })
        }
    }
}

/// A request to register, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The extension's name.
    pub name: String,
    /// What it subscribes to, each once, INVOKE first.
    pub events: Vec<EventType>,
    /// It asked for the account's id.
    pub account_id: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegisterBody {
    events: Option<Vec<String>>,
    configuration_keys: Option<Vec<String>>,
}

impl RegisterBody {
    fn read(body: &[u8]) -> Result<Self, String> {
        let body = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        match body {
            // As empty as `{}` to AWS's reader.
            Value::Null => Ok(Self::default()),
            Value::Object(_) => Self::deserialize(body).map_err(|error| error.to_string()),
            _ => Err("the body is not a JSON object".to_owned()),
        }
    }
}

/// The extension's name in `Lambda-Extension-Name`, by which the environment knows its [`Kind`].
///
/// # Errors
/// When there is none.
pub fn extension_name(header: Option<&str>) -> Result<&str, Answer> {
    header
        .filter(|name| !name.is_empty())
        .ok_or(Answer::EmptyName)
}

/// The identifier in `Lambda-Extension-Identifier`, which every call but register carries.
///
/// # Errors
/// When it is missing or no UUID. Whether anybody has it is for the caller to see.
pub fn identifier(header: Option<&str>) -> Result<&str, Answer> {
    let id = header
        .filter(|id| !id.is_empty())
        .ok_or(Answer::MissingIdentifier)?;
    if is_uuid(id) {
        Ok(id)
    } else {
        Err(Answer::InvalidIdentifier)
    }
}

/// The error type of `/init/error` or `/exit/error`, as logs and telemetry show it: kept when it is
/// `Extension.Xyz`, else that of the operation.
///
/// # Errors
/// When the header is missing.
pub fn error_type(header: Option<&str>, operation: Operation) -> Result<&str, Answer> {
    let given = header
        .filter(|given| !given.is_empty())
        .ok_or(Answer::MissingErrorType)?;
    let well_formed = given.strip_prefix("Extension.").is_some_and(|reason| {
        reason.len() > 1
            && reason.starts_with(|first: char| first.is_ascii_uppercase())
            && reason.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    Ok(if well_formed {
        given
    } else if operation == Operation::ExitError {
        "Extension.ExitError"
    } else {
        "Extension.InitError"
    })
}

impl Registration {
    /// Reads the body of `/register` and the `Lambda-Extension-Accept-Feature` header.
    ///
    /// # Errors
    /// When the body is not the JSON it should be, or asks for an event that there is not, or that
    /// an internal extension does not get.
    pub fn parse(
        name: &str,
        kind: Kind,
        features: Option<&str>,
        body: &[u8],
    ) -> Result<Self, Answer> {
        let body = RegisterBody::read(body).map_err(Answer::InvalidRequestFormat)?;
        if body.configuration_keys.is_some_and(|keys| !keys.is_empty()) {
            return Err(Answer::InvalidRequestFormat(
                "configurationKeys are deprecated; use environment variables instead".to_owned(),
            ));
        }
        let mut events = Vec::new();
        for event in body.events.unwrap_or_default() {
            match (EventType::parse(&event), kind) {
                (Some(EventType::Shutdown), Kind::Internal) => {
                    return Err(Answer::ShutdownNotSupported);
                }
                (Some(event), _) => events.push(event),
                (None, _) => return Err(Answer::InvalidEventType(event)),
            }
        }
        events.sort_unstable();
        events.dedup();
        let account_id = features
            .unwrap_or_default()
            .split(',')
            .any(|feature| feature.trim() == "accountId");
        Ok(Self {
            name: name.to_owned(),
            events,
            account_id,
        })
    }
}

/// The answer to a registration: 200, with the new identifier in
/// [`headers::EXTENSION_IDENTIFIER`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterAnswer<'a> {
    /// The function.
    pub function_name: &'a str,
    /// `$LATEST` or a number.
    pub function_version: &'a str,
    /// The configured handler.
    pub handler: &'a str,
    /// The account, for extensions that asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<&'a str>,
}

impl RegisterAnswer<'_> {
    /// JSON body, with the line break the service ends it with.
    pub fn body(&self) -> String {
        format!("{}\n", serde_json::to_string(self).unwrap_or_default())
    }

    /// The headers, with the identifier the extension is known by from now on.
    pub fn headers(identifier: &str) -> [(&'static str, &str); 2] {
        [
            (headers::EXTENSION_IDENTIFIER, identifier),
            ("content-type", "application/json"),
        ]
    }
}

/// An answer of the Extensions API that carries neither event nor registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 202: taken.
    Accepted,
    /// 403: no name.
    EmptyName,
    /// 403: the body is not the JSON it should be.
    InvalidRequestFormat(String),
    /// 403: there is no such event.
    InvalidEventType(String),
    /// 403: internal extensions get no SHUTDOWN.
    ShutdownNotSupported,
    /// 403: the call is out of order.
    InvalidStateTransition {
        /// Where the extension is.
        from: AgentState,
        /// Where the call would take it.
        to: AgentState,
        /// The extension: its name when it registers, its identifier afterwards.
        agent: String,
    },
    /// 403: an internal extension of that name is there.
    AlreadyRegistered,
    /// 403: the init phase is over.
    RegistrationClosed,
    /// 403: there are [`MAX_EXTENSIONS`].
    TooManyExtensions,
    /// 403: no identifier.
    MissingIdentifier,
    /// 403: the identifier is no UUID.
    InvalidIdentifier,
    /// 403: nobody has this identifier (`/event/next`, Telemetry and Logs API).
    UnknownExtension(String),
    /// 403: nobody has the identifier that an error was reported with.
    UnknownReporter,
    /// 403: an error was reported without its type.
    MissingErrorType,
    /// 404: no such path.
    NotFound,
    /// 500: the environment is going away.
    Closing,
}

/// The body of every refusal of the environment's APIs, with the line break the service ends it
/// with.
pub(crate) fn refusal(message: &str, error_type: &str) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        error_message: &'a str,
        error_type: &'a str,
    }
    let body = Body {
        error_message: message,
        error_type,
    };
    format!("{}\n", serde_json::to_string(&body).unwrap_or_default())
}

impl Answer {
    /// HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Accepted => 202,
            Self::NotFound => 404,
            Self::Closing => 500,
            _ => 403,
        }
    }

    /// JSON body, with the line break the service ends it with.
    pub fn body(&self) -> String {
        let (message, error_type) = match self {
            Self::Accepted => return "{\"status\":\"OK\"}\n".to_owned(),
            Self::EmptyName => (
                "Empty extension name".to_owned(),
                "Extension.InvalidExtensionName",
            ),
            Self::InvalidRequestFormat(message) => (message.clone(), "InvalidRequestFormat"),
            Self::InvalidEventType(event) => (
                format!("{event}: ErrorInvalidEventType"),
                "Extension.InvalidEventType",
            ),
            Self::ShutdownNotSupported => (
                "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension".to_owned(),
                "Extension.InvalidEventType",
            ),
            Self::InvalidStateTransition { from, to, agent } => (
                format!(
                    "State transition from {} to {} failed for extension {agent}. Error: State transition is not allowed",
                    from.name(),
                    to.name()
                ),
                "Extension.InvalidExtensionState",
            ),
            Self::AlreadyRegistered => (
                "Extension with this name already registered".to_owned(),
                "Extension.InvalidExtensionState",
            ),
            Self::RegistrationClosed => (
                "Extension registration closed already".to_owned(),
                "Extension.RegistrationClosed",
            ),
            Self::TooManyExtensions => (
                format!("Extension limit ({MAX_EXTENSIONS}) reached"),
                "Extension.TooManyExtensions",
            ),
            Self::MissingIdentifier => (
                "Missing Lambda-Extension-Identifier header".to_owned(),
                "Extension.MissingExtensionIdentifier",
            ),
            Self::InvalidIdentifier => (
                "Invalid Lambda-Extension-Identifier".to_owned(),
                "Extension.InvalidExtensionIdentifier",
            ),
            Self::UnknownExtension(id) => (
                format!("Unknown extension {id}"),
                "Extension.UnknownExtensionIdentifier",
            ),
            Self::UnknownReporter => (
                "Unknown Lambda-Extension-Identifier".to_owned(),
                "Extension.UnknownExtensionIdentifier",
            ),
            Self::MissingErrorType => (
                "Lambda-Extension-Function-Error-Type not found".to_owned(),
                "Extension.MissingHeader",
            ),
            Self::NotFound => ("404 page not found".to_owned(), "NotFound"),
            Self::Closing => ("Internal Server Error".to_owned(), "InternalServerError"),
        };
        refusal(&message, error_type)
    }
}

#[cfg(test)]
#[path = "extensions_api/tests.rs"]
mod tests;
