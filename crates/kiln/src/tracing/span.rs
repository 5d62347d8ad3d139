//! The span of an invocation.

use lambda_runtime::{Context as LambdaContext, Diagnostic};
use opentelemetry::trace::{
    Link, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _,
};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::SdkTracer;

use super::context_of;

/// What invokes the function, as [`faas.trigger`] has it.
///
/// [`faas.trigger`]: https://opentelemetry.io/docs/specs/semconv/attributes-registry/faas/
///
/// # Example
///
/// ```
/// use kiln::tracing::{TracingLayer, Trigger};
///
/// assert_eq!(Trigger::default(), Trigger::Other);
/// let provider = kiln::tracing::provider().build();
/// let layer = TracingLayer::new(provider).trigger(Trigger::Timer);
/// # let _ = layer;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// A request over HTTP.
    Http,
    /// Messages: SQS, SNS, EventBridge, Kinesis, Kafka.
    PubSub,
    /// A change of data: S3, DynamoDB Streams.
    Datasource,
    /// A schedule.
    Timer,
    /// None of these.
    #[default]
    Other,
}

impl Trigger {
    /// Its name.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(kiln::tracing::Trigger::PubSub.as_str(), "pubsub");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::PubSub => "pubsub",
            Self::Datasource => "datasource",
            Self::Timer => "timer",
            Self::Other => "other",
        }
    }

    /// Messages are consumed; all else is served.
    const fn kind(self) -> SpanKind {
        match self {
            Self::PubSub => SpanKind::Consumer,
            _ => SpanKind::Server,
        }
    }
}

/// What all spans of a function have in common.
#[derive(Clone, Debug)]
pub(super) struct Described {
    pub(super) trigger: Trigger,
    pub(super) service: Option<String>,
    pub(super) own_sampling: bool,
}

impl Described {
    /// Begins the span of an invocation.
    pub(super) fn begin(
        &self,
        tracer: &SdkTracer,
        of: &LambdaContext,
        cold_start: bool,
    ) -> Context {
        let header = of.xray_trace_id.as_deref().and_then(context_of);
        let (parent, link) = match header {
            Some(unsampled) if self.own_sampling && !unsampled.is_sampled() => {
                (Context::new(), Some(unsampled))
            }
            Some(parent) => (Context::new().with_remote_span_context(parent), None),
            None => (Context::new(), None),
        };
        let name = match of.env_config.function_name.as_str() {
            "" => "invocation".to_owned(),
            name => name.to_owned(),
        };
        let span = SpanBuilder::from_name(name)
            .with_kind(self.trigger.kind())
            .with_attributes(self.attributes(of, cold_start))
            .with_links(link.map(link_to).into_iter().collect());
        let span = tracer.build_with_context(span, &parent);
        parent.with_span(span)
    }

    fn attributes(&self, of: &LambdaContext, cold_start: bool) -> Vec<KeyValue> {
        let mut attributes = vec![
            KeyValue::new("faas.coldstart", cold_start),
            KeyValue::new("faas.invocation_id", of.request_id.clone()),
            KeyValue::new("faas.trigger", self.trigger.as_str()),
            // Powertools' annotations, by which X-Ray can be searched.
            KeyValue::new("ColdStart", cold_start),
        ];
        let mut indexed = vec![StringValue::from("ColdStart")];
        if let Some(service) = &self.service {
            attributes.push(KeyValue::new("Service", service.clone()));
            indexed.push("Service".into());
        }
        // What X-Ray and the exporter of collectors make annotations of; all else is metadata:
        // https://docs.aws.amazon.com/xray/latest/devguide/xray-sdk-migration.html
        let indexed = Value::Array(Array::String(indexed));
        attributes.push(KeyValue::new("aws.xray.annotations", indexed));
        if !of.invoked_function_arn.is_empty() {
            let arn = without_qualifier(&of.invoked_function_arn);
            attributes.push(KeyValue::new("cloud.resource_id", arn));
            if let Some(account) = of.invoked_function_arn.split(':').nth(4) {
                attributes.push(KeyValue::new("cloud.account.id", account.to_owned()));
            }
        }
        attributes
    }
}

fn link_to(other: SpanContext) -> Link {
    Link::new(other, Vec::new(), 0)
}

/// The ARN of the function itself: an alias moves.
fn without_qualifier(arn: &str) -> String {
    arn.split(':').take(7).collect::<Vec<_>>().join(":")
}

/// Records the error of an invocation: its type, and its message if that is wanted.
pub(super) fn fail(span: &Context, error: &Diagnostic, with_message: bool) {
    let span = span.span();
    let message = match with_message {
        true => error.error_message.clone(),
        false => String::new(),
    };
    let mut event = vec![KeyValue::new("exception.type", error.error_type.clone())];
    if with_message {
        event.push(KeyValue::new("exception.message", message.clone()));
    }
    span.add_event("exception", event);
    span.set_attribute(KeyValue::new("error.type", error.error_type.clone()));
    span.set_status(Status::error(message));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_no_part_of_the_resource() {
        let bare = "arn:aws:lambda:us-east-1:123456789012:function:orders";
        assert_eq!(without_qualifier(bare), bare);
        assert_eq!(without_qualifier(&format!("{bare}:live")), bare);
    }
}
