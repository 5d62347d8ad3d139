//! Where events have an id to correlate by, for [`Logging::correlation_id_path`](super::Logging::correlation_id_path).
//!
//! JSON pointers ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)), of the same places as those of Powertools.
//!
//! # Example
//!
//! ```
//! use kiln::logging::{Logging, correlation_paths};
//!
//! let logging = Logging::new().correlation_id_path(correlation_paths::EVENT_BRIDGE);
//! # drop(logging);
//! ```

/// API Gateway, REST API.
pub const API_GATEWAY_REST: &str = "/requestContext/requestId";
/// API Gateway, HTTP API.
pub const API_GATEWAY_HTTP: &str = "/requestContext/requestId";
/// A function URL.
pub const LAMBDA_FUNCTION_URL: &str = "/requestContext/requestId";
/// An Application Load Balancer.
pub const APPLICATION_LOAD_BALANCER: &str = "/headers/x-amzn-trace-id";
/// VPC Lattice.
pub const VPC_LATTICE: &str = "/headers/x-amzn-trace-id";
/// An authorizer of AppSync.
pub const APPSYNC_AUTHORIZER: &str = "/requestContext/requestId";
/// A resolver of AppSync.
pub const APPSYNC_RESOLVER: &str = "/request/headers/x-amzn-trace-id";
/// EventBridge.
pub const EVENT_BRIDGE: &str = "/id";
/// S3 Object Lambda.
pub const S3_OBJECT_LAMBDA: &str = "/xAmzRequestId";
