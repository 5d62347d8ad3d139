//! Header names, lower case as HTTP libraries compare them.

/// Invoke: `RequestResponse`, `Event` or `DryRun`.
pub const INVOCATION_TYPE: &str = "x-amz-invocation-type";
/// Invoke: `None` or `Tail`.
pub const LOG_TYPE: &str = "x-amz-log-type";
/// Invoke: base64 of a JSON document for the function.
pub const CLIENT_CONTEXT: &str = "x-amz-client-context";
/// Invoke: the X-Ray trace header.
pub const TRACE_ID: &str = "x-amzn-trace-id";
/// Invoke: whose data the function may see, for a function with tenant isolation.
pub const TENANT_ID: &str = "x-amz-tenant-id";
/// Invoke: the name of a durable execution.
pub const DURABLE_EXECUTION_NAME: &str = "x-amz-durable-execution-name";
/// Answer: `Unhandled` when the function failed.
pub const FUNCTION_ERROR: &str = "x-amz-function-error";
/// Answer: the version that ran.
pub const EXECUTED_VERSION: &str = "x-amz-executed-version";
/// Answer: base64 of the last 4 KB of the invocation's log.
pub const LOG_RESULT: &str = "x-amz-log-result";
/// Answer and, optionally, request: the request id.
pub const REQUEST_ID: &str = "x-amzn-requestid";
/// Answer of a streaming invocation: the content type the function gave.
pub const REMAPPED_CONTENT_TYPE: &str = "x-amzn-remapped-content-type";
/// Answer: the code of an error.
pub const ERROR_TYPE: &str = "x-amzn-errortype";

/// Answer of ours: the code that answered is older than the sources, which do not compile.
pub const KILN_STALE: &str = "kiln-stale";

/// Runtime API: the request id.
pub const RUNTIME_REQUEST_ID: &str = "lambda-runtime-aws-request-id";
/// Runtime API: epoch milliseconds at which the invocation times out.
pub const RUNTIME_DEADLINE: &str = "lambda-runtime-deadline-ms";
/// Runtime API: the ARN as invoked.
pub const RUNTIME_ARN: &str = "lambda-runtime-invoked-function-arn";
/// Runtime API: the trace header.
pub const RUNTIME_TRACE_ID: &str = "lambda-runtime-trace-id";
/// Runtime API: decoded client context.
pub const RUNTIME_CLIENT_CONTEXT: &str = "lambda-runtime-client-context";
/// Runtime API: `Category.Reason` of a reported error.
pub const RUNTIME_ERROR_TYPE: &str = "lambda-runtime-function-error-type";
/// Runtime API: `streaming` for an answer that is sent while it is made.
pub const RUNTIME_RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";
/// Runtime API, trailer of a streamed answer: base64 of the error's JSON.
pub const RUNTIME_ERROR_BODY: &str = "lambda-runtime-function-error-body";
/// Runtime API: JSON about an error for X-Ray.
pub const RUNTIME_XRAY_ERROR_CAUSE: &str = "lambda-runtime-function-xray-error-cause";
/// Runtime API: the caller's Cognito identity, JSON.
pub const RUNTIME_COGNITO_IDENTITY: &str = "lambda-runtime-cognito-identity";
/// Runtime API: the tenant of the invocation.
pub const RUNTIME_TENANT_ID: &str = "lambda-runtime-aws-tenant-id";

/// Extensions API, register: the extension's name, which is its file's.
pub const EXTENSION_NAME: &str = "lambda-extension-name";
/// Extensions API, register: features the extension asks for, separated by commas.
pub const EXTENSION_ACCEPT_FEATURE: &str = "lambda-extension-accept-feature";
/// Extensions, Telemetry and Logs API: the id an extension was given when it registered.
pub const EXTENSION_IDENTIFIER: &str = "lambda-extension-identifier";
/// Extensions API, answer: the id of an event.
pub const EXTENSION_EVENT_IDENTIFIER: &str = "lambda-extension-event-identifier";
/// Extensions API: `Extension.Reason` of a reported error.
pub const EXTENSION_ERROR_TYPE: &str = "lambda-extension-function-error-type";
