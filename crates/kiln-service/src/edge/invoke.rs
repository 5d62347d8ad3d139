//! `POST /2015-03-31/functions/{FunctionName}/invocations`
//! ([Invoke](https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html)).

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use kiln_protocol::error::ServiceError;
use kiln_protocol::function::{FunctionArn, FunctionReference, LATEST, is_account};
use kiln_protocol::invoke::{self, InvocationType, LogType, check_payload, client_context};
use kiln_protocol::log_line::Status;
use kiln_protocol::{headers, trace};
use kiln_sandbox::{Invocation, InvocationResult, Outcome, ResponsePart};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::reply::Reply;
use crate::function::Function;
use crate::service::Service;

/// How much of a refused body is read; whoever sends more is cut off.
const MAX_DRAINED_BYTES: usize = 64 * 1024 * 1024;

/// The request, read and checked.
pub(super) struct InvokeRequest {
    pub(super) invocation_type: InvocationType,
    tail: bool,
    pub(super) arn: FunctionArn,
    client_context: Option<String>,
    pub(super) tenant_id: Option<String>,
    pub(super) trace_id: String,
    pub(super) request_id: String,
    payload: Bytes,
}

impl InvokeRequest {
    /// The invocation it asks for, of somebody who waits for the outcome, or of nobody.
    pub(super) fn into_invocation(
        self,
        arrived: SystemTime,
        reply: Option<oneshot::Sender<Outcome>>,
        parts: Option<mpsc::Sender<ResponsePart>>,
    ) -> Box<Invocation> {
        let waits = reply.is_some();
        Box::new(Invocation {
            request_id: self.request_id,
            function_arn: self.arn.to_string(),
            trace_id: self.trace_id,
            client_context: self.client_context.filter(|_| waits),
            tenant_id: self.tenant_id,
            payload: self.payload,
            tail: self.tail && waits,
            arrived,
            reply,
            parts,
        })
    }
}

pub(super) async fn handle(service: &Service, name: &str, request: Request<Incoming>) -> Reply {
    operate(service, name, request, InvocationType::parse, invoke).await
}

/// Carries out an operation that invokes a function. Its answer names the invocation.
pub(super) async fn operate(
    service: &Service,
    name: &str,
    request: Request<Incoming>,
    parse_type: impl FnOnce(Option<&str>) -> Result<InvocationType, ServiceError>,
    invoke: impl AsyncFnOnce(&Service, InvokeRequest, SystemTime) -> Result<Reply, ServiceError>,
) -> Reply {
    let arrived = SystemTime::now();
    let asked = match read(service, name, request, parse_type).await {
        Ok(asked) => asked,
        Err(error) => return Reply::error(&error),
    };
    let request_id = asked.request_id.clone();
    invoke(service, asked, arrived)
        .await
        .unwrap_or_else(|error| Reply::error(&error))
        .with(headers::REQUEST_ID, request_id)
}

pub(super) async fn invoke(
    service: &Service,
    asked: InvokeRequest,
    arrived: SystemTime,
) -> Result<Reply, ServiceError> {
    let function = function(service, &asked.arn)?;
    if asked.invocation_type == InvocationType::DryRun {
        function.check_tenant(asked.tenant_id.as_deref())?;
        return Ok(Reply::empty(StatusCode::NO_CONTENT));
    }
    let stale = function.wait_for_build().await;
    let waits = asked.invocation_type == InvocationType::RequestResponse;
    let (sender, receiver) = oneshot::channel();
    let trace_id = asked.trace_id.clone();
    function.submit(asked.into_invocation(arrived, waits.then_some(sender), None))?;
    if !waits {
        return Ok(Reply::empty(StatusCode::ACCEPTED));
    }
    let outcome = service.shared.awake.receive(receiver).await;
    let outcome = outcome.ok_or_else(no_environment)?;
    let reply = answer(outcome, &trace_id, function.name())?;
    Ok(if stale {
        reply.with(headers::KILN_STALE, "true")
    } else {
        reply
    })
}

fn answer(outcome: Outcome, trace_id: &str, function: &str) -> Result<Reply, ServiceError> {
    let failed = outcome.result.is_function_error();
    let body = match outcome.result {
        InvocationResult::Answer(body) | InvocationResult::FunctionError(body) => body,
        InvocationResult::Platform { error, request_id } => error.payload(&request_id).into(),
        // Nobody asked for parts: the environment collected what was streamed.
        InvocationResult::Streamed => Bytes::new(),
        InvocationResult::StreamFailed { body, .. } => body,
        InvocationResult::NotRestored(status) => return Err(not_restored(&status)),
        InvocationResult::Closed => return Err(stopped(function)),
    };
    // A function that returned nothing returned null.
    let body = if body.is_empty() {
        Bytes::from_static(b"null")
    } else {
        body
    };
    let mut reply = Reply::json(StatusCode::OK, body)
        .with(headers::EXECUTED_VERSION, LATEST)
        .with(headers::TRACE_ID, trace_id);
    if failed {
        reply = reply.with(headers::FUNCTION_ERROR, "Unhandled");
    }
    if let Some(tail) = outcome.log_tail {
        reply = reply.with(headers::LOG_RESULT, BASE64.encode(tail));
    }
    Ok(reply)
}

/// Why an environment could not be restored from its snapshot, which the caller is told before the
/// function runs. The texts are ours.
pub(super) fn not_restored(status: &Status) -> ServiceError {
    match status {
        Status::Timeout => {
            ServiceError::SnapStartTimeout("The restore phase timed out.".to_owned())
        }
        Status::Error(error_type) => ServiceError::SnapStart(format!(
            "The afterRestore hook of the function failed: {error_type}"
        )),
        Status::Success => ServiceError::SnapStart("The restore phase failed.".to_owned()),
    }
}

/// The function to run, in the version there is.
pub(super) fn function(
    service: &Service,
    arn: &FunctionArn,
) -> Result<Arc<Function>, ServiceError> {
    let function = service.function(arn)?;
    if let Some(qualifier) = arn.qualifier.as_deref()
        && qualifier != LATEST
    {
        // Versions and aliases are published by a deployer; there is none here yet.
        return Err(ServiceError::function_not_found(arn, Vec::new()));
    }
    Ok(function)
}

/// The invocation was dropped before an environment took it.
pub(super) fn no_environment() -> ServiceError {
    ServiceError::Service(
        "no execution environment took the invocation: the service is stopping, or cannot start another (its log says why)"
            .to_owned(),
    )
}

/// The environment was closed under the invocation.
pub(super) fn stopped(function: &str) -> ServiceError {
    ServiceError::Service(format!(
        "the service stopped while `{function}` was running"
    ))
}

/// Reads and checks a request; `parse_type` knows the invocation types of the operation.
async fn read(
    service: &Service,
    name: &str,
    request: Request<Incoming>,
    parse_type: impl FnOnce(Option<&str>) -> Result<InvocationType, ServiceError>,
) -> Result<InvokeRequest, ServiceError> {
    let (parts, mut body) = request.into_parts();
    let asked = check(service, name, &parts, &mut body, parse_type).await;
    if asked.is_err() {
        drain(body).await;
    }
    asked
}

/// Reads what is left of a body that is refused: a caller that is still sending would otherwise find
/// its connection closed, and not the answer.
async fn drain(mut body: Incoming) {
    let mut left = MAX_DRAINED_BYTES;
    while left > 0
        && let Some(Ok(frame)) = body.frame().await
    {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
    }
}

async fn check(
    service: &Service,
    name: &str,
    parts: &http::request::Parts,
    body: &mut Incoming,
    parse_type: impl FnOnce(Option<&str>) -> Result<InvocationType, ServiceError>,
) -> Result<InvokeRequest, ServiceError> {
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let invocation_type = parse_type(header(headers::INVOCATION_TYPE))?;
    let tail = LogType::parse(header(headers::LOG_TYPE))? == LogType::Tail;
    let client_context = header(headers::CLIENT_CONTEXT)
        .map(client_context)
        .transpose()?;
    let tenant_id = parts.headers.get(headers::TENANT_ID).map(tenant_id);
    let tenant_id = tenant_id.transpose()?;
    let request_id = request_id(header(headers::REQUEST_ID))?;
    let trace_id = header(headers::TRACE_ID).map_or_else(new_trace_id, str::to_owned);
    let qualifier = parts.uri.query().and_then(qualifier);
    let arn = arn(service, name, qualifier.as_deref(), &parts.headers)?;
    let limit = invocation_type.max_request_bytes();
    let mut payload = match Limited::new(body, limit).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(ServiceError::RequestTooLarge { limit });
        }
        Err(error) => {
            return Err(ServiceError::InvalidRequestContent(format!(
                "the request body ended early: {error}"
            )));
        }
    };
    if payload.is_empty() {
        payload = Bytes::from_static(b"{}");
    }
    check_payload(&payload)?;
    Ok(InvokeRequest {
        invocation_type,
        tail,
        arn,
        client_context,
        tenant_id,
        trace_id,
        request_id,
        payload,
    })
}

/// A tenant as it must be written; whether the function wants one is the function's to say. What is no
/// text is not left out, as other headers are: it would run for nobody.
fn tenant_id(sent: &HeaderValue) -> Result<String, ServiceError> {
    let sent = String::from_utf8_lossy(sent.as_bytes());
    invoke::tenant_id(Some(&sent), true)?;
    Ok(sent.into_owned())
}

/// The caller's id when it sent one, which must be a UUID.
fn request_id(sent: Option<&str>) -> Result<String, ServiceError> {
    match sent {
        None => Ok(Uuid::new_v4().to_string()),
        Some(id) if Uuid::try_parse(id).is_ok() => Ok(id.to_owned()),
        Some(id) => Err(ServiceError::InvalidRequestContent(format!(
            "x-amzn-RequestId `{id}` is not a UUID"
        ))),
    }
}

fn new_trace_id() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    trace::new_header(now.as_secs(), Uuid::new_v4().as_u128())
}

fn qualifier(query: &str) -> Option<String> {
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix("Qualifier="))
        .filter(|value| !value.is_empty())
        .map(percent_decode)
}

/// The ARN of the function as the caller named it, with the caller's account and region.
fn arn(
    service: &Service,
    name: &str,
    qualifier: Option<&str>,
    headers: &HeaderMap,
) -> Result<FunctionArn, ServiceError> {
    let name = percent_decode(name);
    let reference: FunctionReference = name.parse().map_err(|_| ServiceError::Validation {
        value: name.clone(),
        field: "functionName",
        constraint: r"Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?".to_owned(),
    })?;
    let reference = reference.with_qualifier(qualifier)?;
    let (key, region) = credential(headers).unzip();
    let config = service.config();
    Ok(FunctionArn {
        region: region.unwrap_or(&config.region).to_owned(),
        // An access key of twelve digits is an account: callers that share the service can tell
        // their functions' ARNs apart.
        account: reference
            .account
            .or_else(|| key.filter(|key| is_account(key)).map(str::to_owned))
            .unwrap_or_else(|| config.account.clone()),
        name: reference.name,
        qualifier: reference.qualifier,
    })
}

/// Access key and region of the request's signature, which is not verified:
/// `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/lambda/aws4_request, …`.
fn credential(headers: &HeaderMap) -> Option<(&str, &str)> {
    let authorization = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let scope = authorization.split("Credential=").nth(1)?;
    let mut parts = scope.split(',').next()?.split('/');
    let key = parts.next()?;
    let region = parts.nth(1)?;
    Some((key, region))
}

/// Decodes `%3A` and the like; what is no escape stays.
fn percent_decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let escape = (byte == b'%')
            .then(|| Some((ahead.next()?, ahead.next()?)))
            .flatten();
        let hex = |digit: u8| {
            char::from(digit)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        match escape.and_then(|(high, low)| Some(hex(high)? << 4 | hex(low)?)) {
            Some(escaped) => {
                decoded.push(escaped);
                bytes = ahead;
            }
            None => decoded.push(byte),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_in_paths_are_decoded() {
        for (text, decoded) in [
            ("orders%3Alive", "orders:live"),
            ("orders", "orders"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("%E4%BD%A0", "你"),
        ] {
            assert_eq!(percent_decode(text), decoded);
        }
        assert_eq!(
            qualifier("a=b&Qualifier=%24LATEST").as_deref(),
            Some("$LATEST")
        );
        assert_eq!(qualifier("Qualifier="), None);
    }

    #[test]
    fn the_signature_names_account_and_region() {
        let mut headers = HeaderMap::new();
        assert_eq!(credential(&headers), None);
        let value = "AWS4-HMAC-SHA256 Credential=123456789012/20260101/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=x";
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        assert_eq!(credential(&headers), Some(("123456789012", "eu-west-1")));
        headers.insert(AUTHORIZATION, "Bearer x".parse().unwrap());
        assert_eq!(credential(&headers), None);
    }
}
