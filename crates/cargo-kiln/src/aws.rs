//! Clients of the official AWS SDK: one for the local Lambda, one for AWS.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_lambda::config::{
    ConfigBag, Credentials, Intercept, RuntimeComponents, StalledStreamProtectionConfig,
};
use aws_sdk_lambda::error::BoxError;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use kiln_protocol::headers;

/// Access key of callers of the local Lambda, which accepts any.
const LOCAL_KEY: &str = "kiln";

/// A client of a local Lambda. It reads no configuration and needs no credentials.
pub fn local_client(endpoint: &str) -> Client {
    let config = aws_sdk_lambda::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(Region::new(crate::local::service_config().region))
        .credentials_provider(Credentials::new(LOCAL_KEY, LOCAL_KEY, None, None, "kiln"))
        .retry_config(RetryConfig::disabled())
        // A function may take a quarter of an hour, and longer in a debugger.
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// Where and as whom to call AWS. What is not given is found as the AWS CLI finds it.
#[derive(Debug, Default)]
pub struct Remote<'a> {
    /// Profile of `~/.aws/config`.
    pub profile: Option<&'a str>,
    /// Region.
    pub region: Option<&'a str>,
    /// Another endpoint than AWS's.
    pub endpoint: Option<&'a str>,
    /// How often to try.
    pub attempts: u32,
}

/// A client of AWS.
pub async fn remote_client(remote: &Remote<'_>) -> Client {
    let https = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(https)
        .retry_config(RetryConfig::standard().with_max_attempts(remote.attempts.max(1)))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(profile) = remote.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = remote.region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    if let Some(endpoint) = remote.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    Client::new(&loader.load().await)
}

/// Notes whether the local Lambda answered with code older than the sources.
#[derive(Clone, Debug, Default)]
pub struct Stale(Arc<AtomicBool>);

impl Stale {
    /// Whether it did.
    pub fn noted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Intercept for Stale {
    fn name(&self) -> &'static str {
        "kiln-stale"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context
            .response()
            .headers()
            .get(headers::KILN_STALE)
            .is_some()
        {
            self.0.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}
