//! X-Ray's header: from Lambda, to those who are called, and in messages.

use std::collections::HashMap;

use ::http::header::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{Injector, TextMapPropagator as _};
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry_aws::trace::xray_propagator::{span_context_from_str, span_context_to_string};
use opentelemetry_sdk::propagation::TraceContextPropagator;

use crate::invocation;

const XRAY: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// The span that a [tracing header] names: `Root=…;Parent=…;Sampled=1`.
///
/// What else it says, such as the `Lineage` by which Lambda recognizes loops, goes into the trace
/// state, and from there into the headers that [`inject`] writes. `None` if the header has no root
/// and parent as they should be: who reads it begins a trace of its own.
///
/// [tracing header]: https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
///
/// # Example
///
/// ```
/// let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
/// let parent = kiln::tracing::context_of(header).unwrap();
/// assert!(parent.is_sampled() && parent.is_remote());
/// assert_eq!(parent.trace_id().to_string(), "5759e988bd862e3fe1be46a994272793");
///
/// assert!(kiln::tracing::context_of("Root=nonsense").is_none());
/// ```
pub fn context_of(header: &str) -> Option<SpanContext> {
    span_context_from_str(header.trim()).filter(SpanContext::is_valid)
}

/// The span that sent a message, from the system attributes of an SQS record: `AWSTraceHeader`
/// ([SQS and X-Ray]).
///
/// Records of one batch come from many traces, so the invocation's span cannot be a child of all
/// of them: link the span of each record to the one that sent it.
///
/// [SQS and X-Ray]: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-monitoring-using-xray.html
///
/// # Example
///
/// ```
/// use kiln::tracing::opentelemetry::trace::{Link, Tracer as _, TracerProvider as _};
/// use std::collections::HashMap;
///
/// # let provider = kiln::tracing::provider().build();
/// # let tracer = provider.tracer("doc");
/// # let attributes = HashMap::from([(
/// #     "AWSTraceHeader".to_owned(),
/// #     "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8".to_owned(),
/// # )]);
/// let sender = kiln::tracing::of_attributes(&attributes);
/// let links = sender.map(|sender| Link::new(sender, Vec::new(), 0));
/// let span = tracer
///     .span_builder("order")
///     .with_links(links.into_iter().collect())
///     .start(&tracer);
/// # drop(span);
/// ```
pub fn of_attributes(attributes: &HashMap<String, String>) -> Option<SpanContext> {
    context_of(attributes.get("AWSTraceHeader")?)
}

/// Hands the trace on: writes `x-amzn-trace-id` into the headers of a request.
///
/// The parent is the current span. Where there is none, for tracing is off, the header that Lambda has
/// given goes on as it is. AWS's SDK clients and X-Ray read this one.
///
/// # Example
///
/// ```
/// let mut request = http::Request::get("https://prices.example/").body(()).unwrap();
/// kiln::tracing::inject(request.headers_mut());
/// assert!(request.headers().is_empty(), "there is no trace here");
/// ```
pub fn inject(headers: &mut HeaderMap) {
    let context = Context::current();
    let header = match context.span().span_context() {
        current if current.is_valid() => span_context_to_string(current),
        _ => invocation::current().and_then(|it| it.context.xray_trace_id.clone()),
    };
    let Some(value) = header.and_then(|header| HeaderValue::try_from(header).ok()) else {
        return;
    };
    headers.insert(XRAY, value);
}

/// Hands the trace on to those that read the [W3C]'s headers: writes `traceparent`, and `tracestate`.
///
/// [W3C]: https://www.w3.org/TR/trace-context/
///
/// # Example
///
/// ```
/// use kiln::tracing::opentelemetry::trace::{Tracer as _, TracerProvider as _};
///
/// let provider = kiln::tracing::provider().build();
/// provider.tracer("doc").in_span("call", |_context| {
///     let mut headers = http::HeaderMap::new();
///     kiln::tracing::inject_traceparent(&mut headers);
///     assert!(headers.contains_key("traceparent"));
/// });
/// ```
pub fn inject_traceparent(headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&Context::current(), &mut Headers(headers));
}

/// The headers of a request, for propagators.
struct Headers<'a>(&'a mut HeaderMap);

impl Injector for Headers<'_> {
    fn set(&mut self, key: &str, value: String) {
        // An empty trace state is no header.
        if value.is_empty() {
            return;
        }
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What Lambda sends, and what it makes of it.
    #[test]
    fn headers_name_a_span() {
        const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";
        for (rest, sampled, state) in [
            (";Parent=53995c3f42cd8ad8;Sampled=1", Some(true), ""),
            (";Parent=53995c3f42cd8ad8;Sampled=0", Some(false), ""),
            (";Parent=53995c3f42cd8ad8;Sampled=?", Some(false), ""),
            (";Parent=53995c3f42cd8ad8", Some(false), ""),
            (
                ";Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a87bd80c:1|68fd508a:5",
                Some(true),
                "a87bd80c:1|68fd508a:5",
            ),
            (";Parent=53995c3f42cd8ad8;Sampled=1;", Some(true), ""),
            ("", None, ""),
            (";Parent=;Sampled=1", None, ""),
            (";Parent=0000000000000000;Sampled=1", None, ""),
        ] {
            let context = context_of(&format!("{ROOT}{rest}"));
            let found = context.as_ref().map(SpanContext::is_sampled);
            assert_eq!(found, sampled, "{rest}");
            let lineage = context
                .as_ref()
                .and_then(|it| it.trace_state().get("lineage"));
            assert_eq!(lineage.unwrap_or_default(), state);
        }
        for nonsense in [
            "",
            ";",
            "=",
            "Root=",
            "Root=1-2-3",
            "Root=1-5759e988;Parent=1",
            "ä=ö;Root=ü",
        ] {
            assert_eq!(context_of(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_lineage_is_handed_on() {
        let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;\
                      Lineage=a87bd80c:1|68fd508a:5";
        let context = context_of(header).unwrap();
        let _guard = Context::new().with_remote_span_context(context).attach();
        let mut headers = HeaderMap::new();
        inject(&mut headers);
        assert_eq!(headers[XRAY], header);
        inject_traceparent(&mut headers);
        let parent = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
        assert_eq!(headers["traceparent"], parent);
    }

    proptest! {
        #[test]
        fn no_header_panics(header in any::<String>(), rest in "(;?(Root|Parent|Sampled|Self|[A-Za-zä]{0,4})=[0-9a-f|:=,é-]{0,40}){0,6}") {
            for header in [header, rest.clone(), format!("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;{rest}")] {
                if let Some(context) = context_of(&header) {
                    let _guard = Context::new().with_remote_span_context(context).attach();
                    inject(&mut HeaderMap::new());
                    inject_traceparent(&mut HeaderMap::new());
                }
            }
        }

        #[test]
        fn what_is_written_is_read_again(trace in 1..u128::MAX, span in 1..u64::MAX, sampled in any::<bool>()) {
            use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};
            let flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
            let context = SpanContext::new(TraceId::from(trace), SpanId::from(span), flags, true, TraceState::NONE);
            let _guard = Context::new().with_remote_span_context(context.clone()).attach();
            let mut headers = HeaderMap::new();
            inject(&mut headers);
            prop_assert_eq!(context_of(headers[XRAY].to_str().unwrap()), Some(context));
        }
    }
}
