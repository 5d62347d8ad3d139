//! Where spans come from.

use std::env;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_aws::trace::XrayIdGenerator;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, TracerProviderBuilder};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

use crate::environment;

/// A provider of spans, to be given an exporter: with ids that X-Ray takes, and the function as its
/// resource.
///
/// X-Ray refuses ids that do not begin with the time, as the SDK's own do not. Of the resource it
/// sets `service.name` (`OTEL_SERVICE_NAME`, else `POWERTOOLS_SERVICE_NAME`, else the function's
/// name), `cloud.provider`, `cloud.platform`, `cloud.region`, `faas.name`, `faas.version`,
/// `faas.max_memory` in bytes and `faas.instance`, the log stream.
///
/// The sampler is that of `OTEL_TRACES_SAMPLER`, or `parentbased_always_on`.
///
/// # Example
///
/// ```
/// use kiln::tracing::opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
///
/// let provider = kiln::tracing::provider().build();
/// let span = provider.tracer("doc").start("call");
/// let id = span.span_context().trace_id().to_string();
/// let seconds = u64::from_str_radix(&id[..8], 16).unwrap();
/// assert!(seconds > 1_700_000_000, "its first digits are the time");
/// ```
pub fn provider() -> TracerProviderBuilder {
    SdkTracerProvider::builder()
        .with_id_generator(XrayIdGenerator::default())
        .with_resource(resource())
}

/// A layer for `tracing`'s subscriber, by which its spans become spans of this provider.
///
/// Spans of `#[tracing::instrument]` are children of the invocation's, and their events are
/// events there.
///
/// # Example
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// let provider = kiln::tracing::provider().build();
/// let subscriber = tracing_subscriber::registry()
///     .with(kiln::tracing::subscriber_layer(&provider));
/// tracing::subscriber::with_default(subscriber, || {
///     tracing::info_span!("look up").in_scope(|| {});
/// });
/// ```
pub fn subscriber_layer<S>(provider: &SdkTracerProvider) -> OpenTelemetryLayer<S, SdkTracer>
where
    S: ::tracing::Subscriber + for<'span> LookupSpan<'span>,
{
    tracing_opentelemetry::layer().with_tracer(provider.tracer("kiln"))
}

/// What the function is called in traces.
pub(super) fn service() -> Option<String> {
    service_of(
        |name| env::var(name).ok(),
        environment::current().function_name.clone(),
    )
}

fn service_of(get: impl Fn(&str) -> Option<String>, function: Option<String>) -> Option<String> {
    let named = |name: &str| get(name).filter(|value| !value.is_empty());
    named("OTEL_SERVICE_NAME")
        .or_else(|| named("POWERTOOLS_SERVICE_NAME"))
        .or(function)
}

fn resource() -> Resource {
    let environment = environment::current();
    let mut resource = Resource::builder();
    if let Some(service) = service() {
        resource = resource.with_service_name(service);
    }
    let Some(function) = environment.function_name.clone() else {
        return resource.build();
    };
    let mut attributes = vec![
        KeyValue::new("cloud.provider", "aws"),
        KeyValue::new("cloud.platform", "aws_lambda"),
        KeyValue::new("faas.name", function),
    ];
    let texts = [
        ("cloud.region", env::var("AWS_REGION").ok()),
        ("faas.version", environment.function_version.clone()),
        ("faas.instance", env::var("AWS_LAMBDA_LOG_STREAM_NAME").ok()),
    ];
    for (key, value) in texts {
        attributes.extend(value.map(|value| KeyValue::new(key, value)));
    }
    let memory = environment
        .memory_mb
        .map(|mb| i64::from(mb) * 1_024 * 1_024);
    attributes.extend(memory.map(|bytes| KeyValue::new("faas.max_memory", bytes)));
    resource.with_attributes(attributes).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_named_by_the_first_that_names_it() {
        for (otel, powertools, name) in [
            (Some("a"), Some("b"), "a"),
            (None, Some("b"), "b"),
            (Some(""), Some("b"), "b"),
            (None, None, "function"),
        ] {
            let get = |name: &str| match name {
                "OTEL_SERVICE_NAME" => otel.map(str::to_owned),
                _ => powertools.map(str::to_owned),
            };
            let service = service_of(get, Some("function".to_owned()));
            assert_eq!(service.as_deref(), Some(name));
        }
    }
}
