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
/// VPC Lattice, in both versions of its events: of a list of values, as version 2 has them, it is the first.
pub const VPC_LATTICE: &str = "/headers/x-amzn-trace-id";
/// An authorizer of AppSync.
pub const APPSYNC_AUTHORIZER: &str = "/requestContext/requestId";
/// A resolver of AppSync.
pub const APPSYNC_RESOLVER: &str = "/request/headers/x-amzn-trace-id";
/// EventBridge.
pub const EVENT_BRIDGE: &str = "/id";
/// S3 Object Lambda.
pub const S3_OBJECT_LAMBDA: &str = "/xAmzRequestId";

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::pointer::find;
    use super::*;
    use crate::testing::sample_text;

    /// [An authorizer's event](https://docs.aws.amazon.com/appsync/latest/devguide/security-authz.html).
    const OF_AN_AUTHORIZER: &str = r#"{
        "authorizationToken": "ExampleAUTHtoken123123123",
        "requestContext": {
            "apiId": "aaaaaa123123123example123",
            "accountId": "111122223333",
            "requestId": "f4081827-1111-4444-5555-5cf4695f339f",
            "queryString": "mutation CreateEvent {...}",
            "operationName": "MyQuery",
            "variables": {}
        }
    }"#;
    /// [A resolver's context](https://docs.aws.amazon.com/appsync/latest/devguide/resolver-context-reference-js.html).
    const OF_A_RESOLVER: &str = r#"{
        "arguments": {"id": "1"},
        "identity": null,
        "source": null,
        "request": {
            "headers": {"host": "example.com", "x-amzn-trace-id": "Root=1-60488877-0b0c4e6727ab2a1c545babd0"},
            "domainName": null
        },
        "prev": null,
        "info": {"fieldName": "order", "parentTypeName": "Query", "variables": {}}
    }"#;
    /// [An event of version 1](https://docs.aws.amazon.com/vpc-lattice/latest/ug/lambda-functions.html).
    const OF_VPC_LATTICE: &str = r#"{
        "raw_path": "/orders",
        "method": "GET",
        "headers": {"host": "orders.example.com", "x-amzn-trace-id": "Root=1-67891233-abcdef012345678912345678"},
        "query_string_parameters": {},
        "body": "",
        "is_base64_encoded": false
    }"#;
    /// An event of version 2, of the same page: headers are lists.
    const OF_VPC_LATTICE_2: &str = r#"{
        "version": "2.0",
        "path": "/orders",
        "method": "GET",
        "headers": {"host": ["orders.example.com"], "x-amzn-trace-id": ["Root=1-67891233-abcdef012345678912345679"]},
        "queryStringParameters": {"id": ["1"]},
        "body": "",
        "requestContext": {"region": "eu-west-1", "timeEpoch": "1795348800007000"}
    }"#;
    /// [An event of S3 Object Lambda](https://docs.aws.amazon.com/AmazonS3/latest/userguide/olap-event-context.html).
    const OF_OBJECT_LAMBDA: &str = r#"{
        "xAmzRequestId": "1a5ed718-5f53-471d-b6fe-5cf62d88d02a",
        "getObjectContext": {"outputRoute": "io-cell001", "outputToken": "token"},
        "configuration": {"payload": ""},
        "userRequest": {"url": "https://example.com/example", "headers": {}},
        "protocolVersion": "1.00"
    }"#;

    #[test]
    fn a_header_that_is_a_list_has_the_first_for_its_id() {
        assert_eq!(
            find(OF_VPC_LATTICE_2.as_bytes(), VPC_LATTICE).as_deref(),
            Some("Root=1-67891233-abcdef012345678912345679")
        );
    }

    #[test]
    fn every_source_has_its_id_where_its_path_says() {
        for (path, event, id) in [
            (
                API_GATEWAY_REST,
                sample_text("apigw-v1"),
                "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            ),
            (API_GATEWAY_HTTP, sample_text("http"), "JKJaXmPLvHcESHA="),
            (
                LAMBDA_FUNCTION_URL,
                sample_text("function-url"),
                "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
            ),
            (
                APPLICATION_LOAD_BALANCER,
                sample_text("alb"),
                "Root=1-6ae85818-2f5a1c7d3b9e4a6f8c0d1e2f",
            ),
            (
                VPC_LATTICE,
                OF_VPC_LATTICE,
                "Root=1-67891233-abcdef012345678912345678",
            ),
            (
                APPSYNC_AUTHORIZER,
                OF_AN_AUTHORIZER,
                "f4081827-1111-4444-5555-5cf4695f339f",
            ),
            (
                APPSYNC_RESOLVER,
                OF_A_RESOLVER,
                "Root=1-60488877-0b0c4e6727ab2a1c545babd0",
            ),
            (
                EVENT_BRIDGE,
                sample_text("eventbridge"),
                "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
            ),
            (
                EVENT_BRIDGE,
                sample_text("schedule"),
                "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
            ),
            (
                S3_OBJECT_LAMBDA,
                OF_OBJECT_LAMBDA,
                "1a5ed718-5f53-471d-b6fe-5cf62d88d02a",
            ),
        ] {
            assert_eq!(find(event.as_bytes(), path).as_deref(), Some(id), "{event}");
            // They are JSON pointers as others read them.
            let event: Value = serde_json::from_str(event).unwrap();
            assert_eq!(event.pointer(path), Some(&Value::from(id)), "{path}");
        }
    }
}
