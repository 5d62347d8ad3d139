//! The stores that speak to AWS, through the official SDK against a stranger's AWS.
//!
//! Moto has neither AppConfig's data plane nor the Parameters and Secrets extension: those are
//! checked against servers of ours that speak the documented wire.

#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

/// A client of the SDK for a service at an endpoint, with any credentials and no retries.
macro_rules! client {
    ($sdk:ident, $endpoint:expr) => {{
        use $sdk::config::retry::RetryConfig;
        use $sdk::config::{BehaviorVersion, Credentials, Region};

        let config = $sdk::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new(
                "123456789012",
                "the key of the test",
                None,
                None,
                "test",
            ))
            .endpoint_url($endpoint)
            .retry_config(RetryConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        $sdk::Client::from_conf(config)
    }};
}

mod appconfig;
mod dynamodb;
mod extension;
mod idempotency;
mod parameters_dynamodb;
mod secrecy;
mod secretsmanager;
mod silence;
mod ssm;
mod time;
mod wire;
