//! The Invoke operation: its parameters, limits, and what a failed function answers.
//!
//! Source: [Invoke](https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html) and
//! [Lambda quotas](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;

use crate::error::ServiceError;
use crate::uuid::is_uuid;

/// Largest payload of a synchronous request: 6 MB.
pub const MAX_REQUEST_BYTES: usize = 6_291_456;
/// Largest payload of an asynchronous request: 1 MB (since October 2025).
pub const MAX_EVENT_BYTES: usize = 1_048_576;
/// Largest answer of a function, as the environment counts it.
pub const MAX_RESPONSE_BYTES: usize = 6_291_556;
/// Largest `X-Amz-Client-Context`, in base64 characters.
pub const MAX_CLIENT_CONTEXT: usize = 3_583;
/// Largest answer of a function that streams it: 200 MB (since July 2025).
pub const MAX_STREAMED_BYTES: usize = 200 * 1024 * 1024;
/// Longest `X-Amz-Tenant-Id`.
pub const MAX_TENANT_ID: usize = 256;
/// How much of the log `X-Amz-Log-Result` carries.
pub const LOG_TAIL_BYTES: usize = 4_096;

/// `X-Amz-Invocation-Type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InvocationType {
    /// Wait for the answer.
    #[default]
    RequestResponse,
    /// Accept the event and run the function later.
    Event,
    /// Check the request, run nothing.
    DryRun,
}

impl InvocationType {
    /// Reads the header's value; absent means `RequestResponse`.
    pub fn parse(value: Option<&str>) -> Result<Self, ServiceError> {
        match value {
            None | Some("RequestResponse") => Ok(Self::RequestResponse),
            Some("Event") => Ok(Self::Event),
            Some("DryRun") => Ok(Self::DryRun),
            Some(other) => Err(unsupported(
                other,
                "invocationType",
                "[Event, RequestResponse, DryRun]",
            )),
        }
    }

    /// Reads the header's value for `InvokeWithResponseStream`, where somebody always waits.
    pub fn parse_streaming(value: Option<&str>) -> Result<Self, ServiceError> {
        match Self::parse(value) {
            Ok(parsed) if parsed != Self::Event => Ok(parsed),
            _ => Err(unsupported(
                value.unwrap_or_default(),
                "invocationType",
                "[RequestResponse, DryRun]",
            )),
        }
    }

    /// The largest payload this type takes, in bytes.
    pub fn max_request_bytes(self) -> usize {
        match self {
            Self::Event => MAX_EVENT_BYTES,
            Self::RequestResponse | Self::DryRun => MAX_REQUEST_BYTES,
        }
    }
}

/// `X-Amz-Log-Type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogType {
    /// No log in the answer.
    #[default]
    None,
    /// The last 4 KB of the log in the answer.
    Tail,
}

impl LogType {
    /// Reads the header's value; absent means `None`.
    pub fn parse(value: Option<&str>) -> Result<Self, ServiceError> {
        match value {
            None | Some("None") => Ok(Self::None),
            Some("Tail") => Ok(Self::Tail),
            Some(other) => Err(unsupported(other, "logType", "[None, Tail]")),
        }
    }
}

fn unsupported(value: &str, field: &'static str, allowed: &str) -> ServiceError {
    ServiceError::Validation {
        value: value.to_owned(),
        field,
        constraint: format!("Member must satisfy enum value set: {allowed}"),
    }
}

/// Decodes `X-Amz-Client-Context` to the JSON text the function receives.
pub fn client_context(value: &str) -> Result<String, ServiceError> {
    if value.len() > MAX_CLIENT_CONTEXT {
        return Err(ServiceError::InvalidRequestContent(format!(
            "Client context must be no larger than {MAX_CLIENT_CONTEXT} bytes"
        )));
    }
    let refused = |detail: &str| {
        ServiceError::InvalidRequestContent(format!(
            "Client context must be a valid Base64-encoded JSON object: {detail}"
        ))
    };
    let decoded = BASE64
        .decode(value)
        .map_err(|error| refused(&error.to_string()))?;
    let text = String::from_utf8(decoded).map_err(|_| refused("not UTF-8"))?;
    serde_json::from_str::<serde::de::IgnoredAny>(&text)
        .map_err(|error| refused(&error.to_string()))?;
    // It travels in a header, which takes no line breaks; JSON needs none between its tokens.
    Ok(text.replace(['\r', '\n'], " "))
}

/// Checks `x-amzn-RequestId`, which a caller may choose.
///
/// # Errors
/// When it is no UUID; the text is ours.
pub fn request_id(value: &str) -> Result<&str, ServiceError> {
    if is_uuid(value) {
        Ok(value)
    } else {
        Err(ServiceError::InvalidRequestContent(format!(
            "Request ID must be a UUID: {value}"
        )))
    }
}

/// Checks `X-Amz-Tenant-Id` and whether the function wants one.
///
/// # Errors
/// When the tenant is not written as it must be, is missing, or is given to a function that has no
/// tenants.
pub fn tenant_id(value: Option<&str>, isolated: bool) -> Result<Option<&str>, ServiceError> {
    let constraint = match value {
        Some("") => Some("Member must have length greater than or equal to 1".to_owned()),
        Some(tenant) if tenant.len() > MAX_TENANT_ID => Some(format!(
            "Member must have length less than or equal to {MAX_TENANT_ID}"
        )),
        Some(tenant)
            if !tenant
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._:/=+-@ ".contains(&byte)) =>
        {
            Some(
                r"Member must satisfy regular expression pattern: [a-zA-Z0-9\._:\/=+\-@ ]+"
                    .to_owned(),
            )
        }
        _ => None,
    };
    match (value, constraint) {
        (Some(tenant), Some(constraint)) => Err(ServiceError::Validation {
            value: tenant.to_owned(),
            field: "tenantId",
            constraint,
        }),
        (None, _) if isolated => Err(ServiceError::InvalidParameterValue(
            "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again."
                .to_owned(),
        )),
        (Some(_), _) if !isolated => Err(ServiceError::InvalidParameterValue(
            "The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try again."
                .to_owned(),
        )),
        _ => Ok(value),
    }
}

/// Checks that a payload is JSON, without building it. An empty one becomes `{}` at the caller.
pub fn check_payload(payload: &[u8]) -> Result<(), ServiceError> {
    serde_json::from_slice::<serde::de::IgnoredAny>(payload)
        .map(drop)
        .map_err(|error| {
            ServiceError::InvalidRequestContent(format!(
                "Could not parse request body into json: Could not parse payload into json: {error}"
            ))
        })
}

/// How a runtime process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCause {
    /// It exited with this code.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// It was killed because the environment exceeded its memory.
    OutOfMemory,
}

impl ExitCause {
    /// The text of the service: `exit status 1`, `signal: killed`.
    pub fn describe(self) -> String {
        match self {
            Self::Code(0) => "Runtime exited without providing a reason".to_owned(),
            Self::Code(code) => format!("Runtime exited with error: exit status {code}"),
            Self::Signal(signal) => {
                format!("Runtime exited with error: signal: {}", signal_name(signal))
            }
            Self::OutOfMemory => Self::Signal(9).describe(),
        }
    }
}

/// Signal names as Go prints them, which is what the service's messages show.
fn signal_name(signal: i32) -> String {
    match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        11 => "segmentation fault",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        other => return format!("signal {other}"),
    }
    .to_owned()
}

/// What went wrong with a runtime, other than that its process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeFault {
    /// The working directory is none.
    InvalidWorkingDir,
    /// The process cannot be set up as configured.
    InvalidTaskConfig,
    /// A streamed answer ended without its end.
    TruncatedResponse,
    /// An answer is neither buffered nor streamed.
    InvalidResponseModeHeader,
    /// Something else.
    Unknown,
    /// Managed instances: the init failed.
    InitError,
    /// Managed instances: nobody waits for an event.
    Unavailable,
    /// Managed instances: an answer is on its way already.
    InvokeResponseInProgress,
    /// Managed instances: an error is on its way already.
    ErrorResponseInProgress,
    /// Managed instances: the answer was sent already.
    InvokeResponseWasSent,
    /// Managed instances: there is no such invocation.
    InvalidInvokeId,
    /// Managed instances: the invocation is over.
    InvokeTimeout,
    /// Managed instances: more than 10,000 wait for an event.
    TooManyIdleRuntimes,
}

impl RuntimeFault {
    /// The `errorType`.
    pub fn error_type(self) -> &'static str {
        match self {
            Self::InvalidWorkingDir => "Runtime.InvalidWorkingDir",
            Self::InvalidTaskConfig => "Runtime.InvalidTaskConfig",
            Self::TruncatedResponse => "Runtime.TruncatedResponse",
            Self::InvalidResponseModeHeader => "Runtime.InvalidResponseModeHeader",
            Self::Unknown => "Runtime.Unknown",
            Self::InitError => "Runtime.InitError",
            Self::Unavailable => "Runtime.Unavailable",
            Self::InvokeResponseInProgress => "Runtime.InvokeResponseInProgress",
            Self::ErrorResponseInProgress => "Runtime.ErrorResponseInProgress",
            Self::InvokeResponseWasSent => "Runtime.InvokeResponseWasSent",
            Self::InvalidInvokeId => "Runtime.InvalidInvokeId",
            Self::InvokeTimeout => "Runtime.InvokeTimeout",
            Self::TooManyIdleRuntimes => "Runtime.TooManyIdleRuntimes",
        }
    }
}

/// What went wrong with an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtensionFault {
    /// It reported that its init failed.
    InitError,
    /// It reported that it must exit.
    ExitError,
    /// Its process ended without a word.
    Crash,
    /// Its process could not be started.
    LaunchError,
    /// There are more than ten.
    TooManyExtensions,
}

impl ExtensionFault {
    /// The `errorType`.
    pub fn error_type(self) -> &'static str {
        match self {
            Self::InitError => "Extension.InitError",
            Self::ExitError => "Extension.ExitError",
            Self::Crash => "Extension.Crash",
            Self::LaunchError => "Extension.LaunchError",
            Self::TooManyExtensions => "Extension.TooManyExtensions",
        }
    }
}

/// Why the platform, and not the function's own code, answers a caller with an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlatformError {
    /// The function's timeout passed.
    TimedOut(Duration),
    /// The runtime process ended before it answered.
    RuntimeExited(ExitCause),
    /// The runtime process could not be started; the text is the operating system's.
    InvalidEntrypoint(String),
    /// The answer was larger than this many bytes.
    ResponseTooLarge(usize),
    /// The runtime failed in another way; the text says how.
    Runtime(RuntimeFault, String),
    /// An extension failed; the text says how, such as `exit code 1`.
    Extension(ExtensionFault, String),
    /// The environment itself failed.
    Sandbox(String),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorTypeFirst<'a> {
    error_type: &'a str,
    error_message: String,
}

impl PlatformError {
    /// There is nothing to start at any of the paths.
    pub fn no_bootstrap(paths: &[&str]) -> Self {
        Self::InvalidEntrypoint(format!(
            "Couldn't find valid bootstrap(s): [{}]",
            paths.join(" ")
        ))
    }

    /// An answer ended before its announced length or its last chunk. No capture shows what the
    /// service says of it: the Runtime API's own words.
    pub fn truncated_response() -> Self {
        let text = "HTTP request detected as truncated".to_owned();
        Self::Runtime(RuntimeFault::TruncatedResponse, text)
    }

    /// An answer came with a response mode that there is not; in the Runtime API's words.
    pub fn invalid_response_mode() -> Self {
        let text = "Invalid function response mode".to_owned();
        Self::Runtime(RuntimeFault::InvalidResponseModeHeader, text)
    }

    /// The operating system does not start what is at the path, for a reason such as `permission
    /// denied` or `exec format error`.
    pub fn not_startable(path: &str, reason: &str) -> Self {
        Self::InvalidEntrypoint(format!("fork/exec {path}: {reason}"))
    }

    /// The `errorType` in the payload.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::TimedOut(_) => "Sandbox.Timedout",
            Self::RuntimeExited(_) => "Runtime.ExitError",
            Self::InvalidEntrypoint(_) => "Runtime.InvalidEntrypoint",
            Self::ResponseTooLarge(_) => "Function.ResponseSizeTooLarge",
            Self::Runtime(fault, _) => fault.error_type(),
            Self::Extension(fault, _) => fault.error_type(),
            Self::Sandbox(_) => "Sandbox.Failure",
        }
    }

    /// The error type in REPORT and INIT_REPORT lines and in telemetry: that of the payload, but where
    /// memory ran out.
    pub fn report_type(&self) -> &'static str {
        match self {
            Self::RuntimeExited(ExitCause::OutOfMemory) => "Runtime.OutOfMemory",
            other => other.error_type(),
        }
    }

    /// The text after `RequestId: … Error: `.
    pub fn reason(&self) -> String {
        match self {
            Self::TimedOut(timeout) => {
                format!("Task timed out after {:.2} seconds", timeout.as_secs_f64())
            }
            Self::RuntimeExited(cause) => cause.describe(),
            Self::InvalidEntrypoint(text)
            | Self::Runtime(_, text)
            | Self::Extension(_, text)
            | Self::Sandbox(text) => text.clone(),
            Self::ResponseTooLarge(limit) => format!(
                "Response payload size exceeded maximum allowed payload size ({limit} bytes)."
            ),
        }
    }

    /// The payload the caller receives with `X-Amz-Function-Error: Unhandled`.
    pub fn payload(&self, request_id: &str) -> String {
        if matches!(self, Self::ResponseTooLarge(_)) {
            // The one body whose keys come the other way round and that names no request.
            return format!(
                r#"{{"errorMessage":"{}","errorType":"{}"}}"#,
                self.reason(),
                self.error_type()
            );
        }
        let body = ErrorTypeFirst {
            error_type: self.error_type(),
            error_message: format!("RequestId: {request_id} Error: {}", self.reason()),
        };
        serde_json::to_string(&body).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "8f5e2b1c-3d4e-4f6a-9b7c-0d1e2f3a4b5c";

    #[test]
    fn platform_errors_have_the_services_bodies() {
        for (error, body) in [
            (
                PlatformError::TimedOut(Duration::from_secs(3)),
                r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 8f5e2b1c-3d4e-4f6a-9b7c-0d1e2f3a4b5c Error: Task timed out after 3.00 seconds"}"#,
            ),
            (
                PlatformError::RuntimeExited(ExitCause::Code(127)),
                r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 8f5e2b1c-3d4e-4f6a-9b7c-0d1e2f3a4b5c Error: Runtime exited with error: exit status 127"}"#,
            ),
            (
                PlatformError::RuntimeExited(ExitCause::Code(0)),
                r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 8f5e2b1c-3d4e-4f6a-9b7c-0d1e2f3a4b5c Error: Runtime exited without providing a reason"}"#,
            ),
            (
                PlatformError::RuntimeExited(ExitCause::Signal(9)),
                r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 8f5e2b1c-3d4e-4f6a-9b7c-0d1e2f3a4b5c Error: Runtime exited with error: signal: killed"}"#,
            ),
            (
                PlatformError::RuntimeExited(ExitCause::OutOfMemory),
                r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 8f5e2b1c-3d4e-4f6a-9b7c-0d1e2f3a4b5c Error: Runtime exited with error: signal: killed"}"#,
            ),
            (
                PlatformError::ResponseTooLarge(MAX_RESPONSE_BYTES),
                r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#,
            ),
            (
                PlatformError::no_bootstrap(&["/var/task/bootstrap", "/opt/bootstrap"]),
                r#"{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: 8f5e2b1c-3d4e-4f6a-9b7c-0d1e2f3a4b5c Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"}"#,
            ),
            (
                PlatformError::not_startable("/var/task/bootstrap", "exec format error"),
                r#"{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: 8f5e2b1c-3d4e-4f6a-9b7c-0d1e2f3a4b5c Error: fork/exec /var/task/bootstrap: exec format error"}"#,
            ),
            (
                PlatformError::Extension(ExtensionFault::Crash, "exit code 1".to_owned()),
                r#"{"errorType":"Extension.Crash","errorMessage":"RequestId: 8f5e2b1c-3d4e-4f6a-9b7c-0d1e2f3a4b5c Error: exit code 1"}"#,
            ),
            (
                PlatformError::Sandbox("gone".to_owned()),
                r#"{"errorType":"Sandbox.Failure","errorMessage":"RequestId: 8f5e2b1c-3d4e-4f6a-9b7c-0d1e2f3a4b5c Error: gone"}"#,
            ),
        ] {
            assert_eq!(error.payload(ID), body);
        }
    }

    #[test]
    fn fatal_errors_have_the_services_types() {
        let runtime = |fault| PlatformError::Runtime(fault, String::new()).error_type();
        for (fault, name) in [
            (RuntimeFault::InvalidWorkingDir, "Runtime.InvalidWorkingDir"),
            (RuntimeFault::InvalidTaskConfig, "Runtime.InvalidTaskConfig"),
            (RuntimeFault::TruncatedResponse, "Runtime.TruncatedResponse"),
            (
                RuntimeFault::InvalidResponseModeHeader,
                "Runtime.InvalidResponseModeHeader",
            ),
            (RuntimeFault::Unknown, "Runtime.Unknown"),
            (RuntimeFault::InitError, "Runtime.InitError"),
            (RuntimeFault::Unavailable, "Runtime.Unavailable"),
            (
                RuntimeFault::InvokeResponseInProgress,
                "Runtime.InvokeResponseInProgress",
            ),
            (
                RuntimeFault::ErrorResponseInProgress,
                "Runtime.ErrorResponseInProgress",
            ),
            (
                RuntimeFault::InvokeResponseWasSent,
                "Runtime.InvokeResponseWasSent",
            ),
            (RuntimeFault::InvalidInvokeId, "Runtime.InvalidInvokeId"),
            (RuntimeFault::InvokeTimeout, "Runtime.InvokeTimeout"),
            (
                RuntimeFault::TooManyIdleRuntimes,
                "Runtime.TooManyIdleRuntimes",
            ),
        ] {
            assert_eq!(runtime(fault), name);
        }
        let extension = |fault| PlatformError::Extension(fault, String::new()).error_type();
        for (fault, name) in [
            (ExtensionFault::InitError, "Extension.InitError"),
            (ExtensionFault::ExitError, "Extension.ExitError"),
            (ExtensionFault::Crash, "Extension.Crash"),
            (ExtensionFault::LaunchError, "Extension.LaunchError"),
            (
                ExtensionFault::TooManyExtensions,
                "Extension.TooManyExtensions",
            ),
        ] {
            assert_eq!(extension(fault), name);
        }
    }

    #[test]
    fn tenants_are_checked() {
        let longest = "t".repeat(256);
        for tenant in ["a", "Blue-1_2.3:/=+@ x", &longest] {
            assert_eq!(tenant_id(Some(tenant), true), Ok(Some(tenant)));
        }
        assert_eq!(tenant_id(None, false), Ok(None));
        assert_eq!(
            tenant_id(None, true).unwrap_err().body().to_string(),
            r#"{"Type":"User","message":"The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again."}"#
        );
        assert_eq!(
            tenant_id(Some("a"), false).unwrap_err().body().to_string(),
            r#"{"Type":"User","message":"The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try again."}"#
        );
        for (tenant, constraint) in [
            ("", "Member must have length greater than or equal to 1"),
            (
                &format!("{longest}t"),
                "Member must have length less than or equal to 256",
            ),
            (
                "a*b",
                r"Member must satisfy regular expression pattern: [a-zA-Z0-9\._:\/=+\-@ ]+",
            ),
            (
                "é",
                r"Member must satisfy regular expression pattern: [a-zA-Z0-9\._:\/=+\-@ ]+",
            ),
        ] {
            for isolated in [true, false] {
                let error = tenant_id(Some(tenant), isolated).unwrap_err();
                assert_eq!(error.code(), "ValidationException");
                assert_eq!(
                    error.message(),
                    format!(
                        "1 validation error detected: Value '{tenant}' at 'tenantId' failed to satisfy constraint: {constraint}"
                    )
                );
            }
        }
    }

    #[test]
    fn a_request_id_is_a_uuid() {
        assert_eq!(request_id(ID), Ok(ID));
        let error = request_id("42").unwrap_err();
        assert_eq!(error.code(), "InvalidRequestContentException");
    }

    #[test]
    fn what_ran_out_of_memory_says_so_in_the_report_alone() {
        let error = PlatformError::RuntimeExited(ExitCause::OutOfMemory);
        assert_eq!(error.report_type(), "Runtime.OutOfMemory");
        assert_eq!(error.error_type(), "Runtime.ExitError");
        let killed = PlatformError::RuntimeExited(ExitCause::Signal(9));
        assert_eq!(killed.report_type(), "Runtime.ExitError");
    }

    #[test]
    fn parameters_have_defaults_and_refuse_the_unknown() {
        assert_eq!(
            InvocationType::parse(None),
            Ok(InvocationType::RequestResponse)
        );
        assert_eq!(
            InvocationType::parse(Some("Event")),
            Ok(InvocationType::Event)
        );
        assert_eq!(
            InvocationType::parse(Some("DryRun")),
            Ok(InvocationType::DryRun)
        );
        assert!(InvocationType::parse(Some("event")).is_err());
        assert_eq!(
            InvocationType::parse_streaming(None),
            Ok(InvocationType::RequestResponse)
        );
        assert_eq!(
            InvocationType::parse_streaming(Some("DryRun")),
            Ok(InvocationType::DryRun)
        );
        assert_eq!(
            InvocationType::parse_streaming(Some("Event"))
                .unwrap_err()
                .message(),
            "1 validation error detected: Value 'Event' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [RequestResponse, DryRun]"
        );
        assert_eq!(LogType::parse(Some("Tail")), Ok(LogType::Tail));
        assert!(LogType::parse(Some("Head")).is_err());
    }

    #[test]
    fn a_payload_that_is_not_json_is_refused_with_the_services_prefix() {
        let error = check_payload(b"{nope").unwrap_err();
        assert_eq!(error.code(), "InvalidRequestContentException");
        assert!(error.message().starts_with(
            "Could not parse request body into json: Could not parse payload into json: "
        ));
        for json in ["null", "1", "\"x\"", "[]", "{}", " {\"a\": 1} "] {
            assert_eq!(check_payload(json.as_bytes()), Ok(()));
        }
    }

    #[test]
    fn a_client_context_is_decoded_and_bounded() {
        let encoded = BASE64.encode("{\"custom\":\n{\"a\":\"b\"}}");
        assert_eq!(
            client_context(&encoded).unwrap(),
            "{\"custom\": {\"a\":\"b\"}}"
        );
        assert!(client_context("%%%").is_err());
        assert!(client_context(&BASE64.encode("nope")).is_err());
        assert!(client_context(&BASE64.encode("x".repeat(4_000))).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,100}") {
            let _ = check_payload(&bytes);
            let _ = client_context(&text);
            let _ = request_id(&text);
            if let Ok(tenant) = tenant_id(Some(&text), true) {
                prop_assert!(tenant.is_some_and(|tenant| tenant.is_ascii() && !tenant.is_empty()));
            }
        }
    }
}
