//! Events as the four fronts of a function send them.

use serde_json::{Value, json};

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Origin {
    /// A REST API.
    Rest,
    /// An HTTP API.
    Http,
    /// A function URL.
    Url,
    /// A load balancer.
    Alb,
}

impl Origin {
    /// A request with these headers and this body.
    pub(crate) fn event(self, method: &str, path: &str, headers: Value, body: &str) -> Value {
        let body = match body {
            "" => Value::Null,
            body => body.into(),
        };
        match self {
            Self::Rest => json!({
                "resource": "/{proxy+}",
                "path": path,
                "httpMethod": method,
                "headers": headers,
                "multiValueHeaders": {},
                "queryStringParameters": null,
                "multiValueQueryStringParameters": null,
                "pathParameters": null,
                "stageVariables": null,
                "requestContext": {
                    "accountId": "123456789012",
                    "apiId": "abc",
                    "httpMethod": method,
                    "path": path,
                    "stage": "prod",
                    "requestId": "gateway-1",
                    "identity": {},
                },
                "body": body,
                "isBase64Encoded": false,
            }),
            Self::Http | Self::Url => json!({
                "version": "2.0",
                "routeKey": "$default",
                "rawPath": path,
                "rawQueryString": "",
                "headers": headers,
                "requestContext": {
                    "accountId": "123456789012",
                    "apiId": "abc",
                    "domainName": match self {
                        Self::Url => "abc.lambda-url.us-east-1.on.aws",
                        _ => "abc.execute-api.us-east-1.amazonaws.com",
                    },
                    "http": {"method": method, "path": path, "protocol": "HTTP/1.1"},
                    "requestId": "gateway-1",
                    "stage": "$default",
                    "timeEpoch": 1_700_000_000_000_u64,
                },
                "body": body,
                "isBase64Encoded": false,
            }),
            Self::Alb => json!({
                "requestContext": {
                    "elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/t/1"},
                },
                "httpMethod": method,
                "path": path,
                "queryStringParameters": {},
                "headers": headers,
                "body": body.as_str().unwrap_or_default(),
                "isBase64Encoded": false,
            }),
        }
    }

    /// A GET.
    pub(crate) fn get(self, headers: Value) -> Value {
        self.event("GET", "/orders", headers, "")
    }
}
