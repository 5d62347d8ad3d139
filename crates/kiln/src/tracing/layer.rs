//! A span for every invocation.

use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures_util::TryFutureExt as _;
use futures_util::future::{BoxFuture, Either, MapErr};
use lambda_runtime::{Diagnostic, LambdaEvent};
use opentelemetry::KeyValue;
use opentelemetry::trace::{FutureExt as _, TraceContextExt as _, TracerProvider as _};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tower::{Layer, Service};

use super::capture::{Capture, CaptureResponse, NoCapture};
use super::flush::Flusher;
use super::settings::Settings;
use super::span::{Described, Trigger, fail};
use crate::deadline::Deadline;
use crate::errors::diagnostic;
use crate::invocation::{self, Invocation};

/// What is left of an invocation's time after a flush, at least.
const MARGIN: Duration = Duration::from_millis(100);

/// The longest text of a response, in bytes: X-Ray takes segments of 64 KB in all.
const LONGEST: usize = 16 * 1024;

/// Makes one span of each invocation, and has all spans sent before the answer.
///
/// The span is a child of the one that Lambda's trace header names. It has the name of the function
/// and, of the [conventions], `faas.invocation_id`, `faas.coldstart`, `faas.trigger`,
/// `cloud.resource_id` and `cloud.account.id`; as Powertools, the annotations `ColdStart` and
/// `Service`. While the handler runs it is the current one, so that spans made there are its children.
///
/// An error sets its status, with the type as `error.type`. Responses are recorded only when
/// [asked for](Self::capture_response), [in part](Self::capture_with) too; events never are.
///
/// Before it returns, the spans are sent, within [a second](Self::flush_within) and 100 ms before the
/// deadline. A collector that is dead or slow costs that second and a warning, never the invocation.
/// Use a *batch* exporter: a simple one sends each span when it ends, while the handler waits.
///
/// Outside of Lambda, and where `POWERTOOLS_TRACE_DISABLED` is true, the layer does nothing.
///
/// Add it first, so that it is outermost and sees what all others do.
///
/// # Cancellation
/// When the invocation is dropped its span ends; it is sent with those of the next.
///
/// [conventions]: https://opentelemetry.io/docs/specs/semconv/faas/aws-lambda/
///
/// # Example
///
/// ```
/// use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
/// use kiln::tracing::TracingLayer;
/// use kiln::{Context, Diagnostic, LambdaEvent};
/// use opentelemetry_sdk::trace::InMemorySpanExporter;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// let exporter = InMemorySpanExporter::default();
/// let provider = kiln::tracing::provider().with_batch_exporter(exporter.clone()).build();
/// let layer = TracingLayer::new(provider).enabled(true);
/// let service = layer.layer(service_fn(|event: LambdaEvent<String>| async {
///     Ok::<_, Diagnostic>(event.payload)
/// }));
///
/// let event = LambdaEvent::new("hello".to_owned(), Context::default());
/// service.oneshot(event).await.unwrap();
/// assert_eq!(exporter.get_finished_spans().unwrap().len(), 1);
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct TracingLayer<C = NoCapture> {
    tracer: SdkTracer,
    flusher: Flusher,
    described: Described,
    settings: Settings,
    flush_within: Duration,
    capture: C,
}

impl TracingLayer {
    /// With the spans of this provider: that of [`provider`](super::provider()), or any other.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::tracing::TracingLayer;
    /// # use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
    /// # use kiln::{Context, Diagnostic, LambdaEvent};
    /// # use opentelemetry_sdk::trace::InMemorySpanExporter;
    /// use opentelemetry_sdk::trace::SdkTracerProvider;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// # let exporter = InMemorySpanExporter::default();
    /// let provider = SdkTracerProvider::builder().with_batch_exporter(exporter.clone()).build();
    /// let layer = TracingLayer::new(provider);
    /// # let layer = layer.enabled(true);
    /// # let service = layer.layer(service_fn(|event: LambdaEvent<&'static str>| async move {
    /// #     Ok::<_, Diagnostic>(event.payload)
    /// # }));
    /// let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    /// let context = kiln::testing::ContextBuilder::new().trace_id(header);
    /// service.oneshot(context.event("hello")).await.unwrap();
    /// let spans = exporter.get_finished_spans().unwrap();
    /// assert_eq!(spans[0].parent_span_id.to_string(), "53995c3f42cd8ad8");
    /// # });
    /// ```
    pub fn new(provider: SdkTracerProvider) -> Self {
        Self {
            tracer: provider.tracer("kiln"),
            flusher: Flusher::new(provider),
            described: Described {
                trigger: Trigger::default(),
                service: super::provider::service(),
                own_sampling: false,
            },
            settings: Settings::current(),
            flush_within: Duration::from_secs(1),
            capture: NoCapture,
        }
    }

    /// Records what the handler answers, as JSON, as `lambda.response`: its first 16 KB.
    ///
    /// It stands in the clear where traces are kept. `POWERTOOLS_TRACER_CAPTURE_RESPONSE=false`
    /// switches it off again. A streamed response cannot be recorded.
    ///
    /// # Example
    ///
    /// ```
    /// # let provider = kiln::tracing::provider().build();
    /// let layer = kiln::tracing::TracingLayer::new(provider).capture_response();
    /// # let _ = layer;
    /// ```
    pub fn capture_response(self) -> TracingLayer<CaptureResponse> {
        self.capture_with(CaptureResponse)
    }

    /// Records of what the handler answers the text that this makes of it, as
    /// [`capture_response`](Self::capture_response) does of all: for answers with something in them that
    /// traces must not have.
    ///
    /// # Example
    ///
    /// ```
    /// # let provider = kiln::tracing::provider().build();
    /// struct Receipt {
    ///     order: String,
    ///     card: String,
    /// }
    ///
    /// let layer = kiln::tracing::TracingLayer::new(provider)
    ///     .capture_with(|receipt: &Receipt| Some(receipt.order.clone()));
    /// # let _ = layer;
    /// ```
    pub fn capture_with<C>(self, capture: C) -> TracingLayer<C> {
        TracingLayer {
            tracer: self.tracer,
            flusher: self.flusher,
            described: self.described,
            settings: self.settings,
            flush_within: self.flush_within,
            capture,
        }
    }
}

impl<C> TracingLayer<C> {
    /// What invokes the function: `faas.trigger`, and the kind of the span.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::tracing::{TracingLayer, Trigger};
    /// # use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
    /// # use kiln::{Context, Diagnostic, LambdaEvent};
    /// # use opentelemetry_sdk::trace::InMemorySpanExporter;
    /// use opentelemetry::trace::SpanKind;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// # let exporter = InMemorySpanExporter::default();
    /// # let provider = kiln::tracing::provider().with_batch_exporter(exporter.clone()).build();
    /// let layer = TracingLayer::new(provider).trigger(Trigger::PubSub);
    /// # let layer = layer.enabled(true);
    /// # let service = layer.layer(service_fn(|event: LambdaEvent<&'static str>| async move {
    /// #     Ok::<_, Diagnostic>(event.payload)
    /// # }));
    /// # service.oneshot(LambdaEvent::new("hello", Context::default())).await.unwrap();
    /// let spans = exporter.get_finished_spans().unwrap();
    /// assert_eq!(spans[0].span_kind, SpanKind::Consumer);
    /// assert!(spans[0].attributes.iter().any(|it| it.value.as_str() == "pubsub"));
    /// # });
    /// ```
    #[must_use]
    pub fn trigger(mut self, trigger: Trigger) -> Self {
        self.described.trigger = trigger;
        self
    }

    /// Whether the message of an error is recorded beside its type, as it is by default.
    ///
    /// Lambda logs it anyway. `POWERTOOLS_TRACER_CAPTURE_ERROR=false` switches it off as well.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::tracing::TracingLayer;
    /// # use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
    /// # use kiln::{Context, Diagnostic, LambdaEvent};
    /// # use opentelemetry_sdk::trace::InMemorySpanExporter;
    /// use opentelemetry::trace::Status;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// # let exporter = InMemorySpanExporter::default();
    /// # let provider = kiln::tracing::provider().with_batch_exporter(exporter.clone()).build();
    /// let layer = TracingLayer::new(provider).capture_error(false);
    /// # let layer = layer.enabled(true);
    /// # let service = layer.layer(service_fn(|_: LambdaEvent<&'static str>| async {
    /// #     Err::<(), _>(Diagnostic { error_type: "Refused".into(), error_message: "by ada@example.com".into() })
    /// # }));
    /// # service.oneshot(LambdaEvent::new("hello", Context::default())).await.unwrap_err();
    /// let spans = exporter.get_finished_spans().unwrap();
    /// assert_eq!(spans[0].status, Status::error(""), "without its message");
    /// # });
    /// ```
    #[must_use]
    pub fn capture_error(mut self, capture: bool) -> Self {
        self.settings.capture_error = capture;
        self
    }

    /// Has the provider's own sampler decide where X-Ray says `Sampled=0`.
    ///
    /// That is all there is to read in a function without active tracing. Its spans then begin traces
    /// of their own, linked to X-Ray's. Where X-Ray says `Sampled=1` they stay part of its trace.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::tracing::TracingLayer;
    /// # use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
    /// # use kiln::{Context, Diagnostic, LambdaEvent};
    /// # use opentelemetry_sdk::trace::InMemorySpanExporter;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// # let exporter = InMemorySpanExporter::default();
    /// # let provider = kiln::tracing::provider().with_batch_exporter(exporter.clone()).build();
    /// let layer = TracingLayer::new(provider).own_sampling();
    /// # let layer = layer.enabled(true);
    /// # let service = layer.layer(service_fn(|event: LambdaEvent<&'static str>| async move {
    /// #     Ok::<_, Diagnostic>(event.payload)
    /// # }));
    /// let context = kiln::testing::ContextBuilder::new()
    ///     .trace_id("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0");
    /// service.oneshot(context.event("hello")).await.unwrap();
    /// let spans = exporter.get_finished_spans().unwrap();
    /// assert_eq!(spans.len(), 1, "traced all the same");
    /// assert_eq!(spans[0].links[0].span_context.span_id().to_string(), "53995c3f42cd8ad8");
    /// # });
    /// ```
    #[must_use]
    pub fn own_sampling(mut self) -> Self {
        self.described.own_sampling = true;
        self
    }

    /// How long the sending of spans may take. One second unless said otherwise.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::tracing::{TracingLayer, otlp_to};
    /// use std::time::{Duration, Instant};
    /// # use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
    /// # use kiln::{Context, Diagnostic, LambdaEvent};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// // A collector that never answers.
    /// let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// let exporter = otlp_to(&format!("http://{}/v1/traces", silent.local_addr().unwrap())).unwrap();
    /// let provider = kiln::tracing::provider().with_batch_exporter(exporter).build();
    /// let layer = TracingLayer::new(provider).flush_within(Duration::from_millis(50));
    /// # let layer = layer.enabled(true);
    /// # let service = layer.layer(service_fn(|event: LambdaEvent<&'static str>| async move {
    /// #     Ok::<_, Diagnostic>(event.payload)
    /// # }));
    /// let begun = Instant::now();
    /// service.oneshot(LambdaEvent::new("hello", Context::default())).await.unwrap();
    /// assert!(begun.elapsed() < Duration::from_secs(1), "what it costs otherwise");
    /// # drop(silent);
    /// # });
    /// ```
    #[must_use]
    pub fn flush_within(mut self, time: Duration) -> Self {
        self.flush_within = time;
        self
    }

    /// Switches the layer on or off, whatever the environment says: for tests.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::tracing::TracingLayer;
    /// # use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
    /// # use kiln::{Context, Diagnostic, LambdaEvent};
    /// # use opentelemetry_sdk::trace::InMemorySpanExporter;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// # let exporter = InMemorySpanExporter::default();
    /// # let provider = kiln::tracing::provider().with_batch_exporter(exporter.clone()).build();
    /// // This is not Lambda: without it, nothing would be traced.
    /// let layer = TracingLayer::new(provider).enabled(true);
    /// # let service = layer.layer(service_fn(|event: LambdaEvent<&'static str>| async move {
    /// #     Ok::<_, Diagnostic>(event.payload)
    /// # }));
    /// # service.oneshot(LambdaEvent::new("hello", Context::default())).await.unwrap();
    /// let spans = exporter.get_finished_spans().unwrap();
    /// assert_eq!(spans.len(), 1);
    /// # });
    /// ```
    #[must_use]
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.settings.enabled = enabled;
        self
    }
}

impl<S, C: Clone> Layer<S> for TracingLayer<C> {
    type Service = TracingService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        TracingService {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service made by [`TracingLayer`].
#[derive(Clone, Debug)]
pub struct TracingService<S, C = NoCapture> {
    inner: S,
    layer: TracingLayer<C>,
}

impl<S, A, C> Service<LambdaEvent<A>> for TracingService<S, C>
where
    S: Service<LambdaEvent<A>>,
    S::Error: Into<Diagnostic> + 'static,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
    C: Capture<S::Response>,
{
    type Response = S::Response;
    type Error = Diagnostic;
    type Future = Either<
        MapErr<S::Future, fn(S::Error) -> Diagnostic>,
        BoxFuture<'static, Result<S::Response, Diagnostic>>,
    >;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Diagnostic>> {
        self.inner.poll_ready(cx).map_err(diagnostic)
    }

    fn call(&mut self, event: LambdaEvent<A>) -> Self::Future {
        if !self.layer.settings.enabled {
            let error: fn(S::Error) -> Diagnostic = diagnostic;
            return Either::Left(self.inner.call(event).map_err(error));
        }
        let layer = self.layer.clone();
        let invocation =
            invocation::current().unwrap_or_else(|| Invocation::new(event.context.clone()));
        let cold_start = invocation.cold_start;
        let deadline = Deadline::of(&event.context).less(MARGIN);
        let span = layer
            .described
            .begin(&layer.tracer, &event.context, cold_start);
        let answer = {
            let _current = span.clone().attach();
            self.inner.call(event)
        };
        Either::Right(Box::pin(async move {
            // Whatever the handler has begun ends with its future, before the flush.
            let answer = answer.with_context(span.clone()).await.map_err(diagnostic);
            match &answer {
                Ok(response) => layer.record(&span, response),
                Err(error) => fail(&span, error, layer.settings.capture_error),
            }
            let span = span.span();
            span.end();
            // Below a span that is not sampled there is nothing to send.
            if span.span_context().is_sampled() {
                layer
                    .flusher
                    .flush(deadline.at_most(layer.flush_within))
                    .await;
            }
            answer
        }))
    }
}

impl<C> TracingLayer<C> {
    fn record<R>(&self, span: &opentelemetry::Context, response: &R)
    where
        C: Capture<R>,
    {
        if !self.settings.capture_response || !span.span().is_recording() {
            return;
        }
        if let Some(mut text) = self.capture.capture(response) {
            text.truncate(text.floor_char_boundary(LONGEST));
            let attribute = KeyValue::new("lambda.response", text);
            span.span().set_attribute(attribute);
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SpanData};
    use tower::{ServiceExt as _, service_fn};

    use super::*;

    /// The span of an invocation, where one variable says no.
    async fn span(
        variable: Option<&str>,
        answer: Result<&'static str, &'static str>,
    ) -> Result<SpanData, Box<dyn std::error::Error>> {
        let exporter = InMemorySpanExporter::default();
        let provider = crate::tracing::provider()
            .with_batch_exporter(exporter.clone())
            .build();
        let mut layer = TracingLayer::new(provider).capture_response();
        layer.settings = Settings::read(true, |name| {
            (Some(name) == variable).then(|| "false".to_owned())
        });
        let handler = service_fn(move |_: LambdaEvent<()>| async move {
            answer.map_err(|message| Diagnostic {
                error_type: "CardDeclined".to_owned(),
                error_message: message.to_owned(),
            })
        });
        let event = LambdaEvent::new((), lambda_runtime::Context::default());
        let _answered = layer.layer(handler).oneshot(event).await;
        Ok(exporter.get_finished_spans()?.remove(0))
    }

    #[tokio::test]
    async fn a_variable_keeps_responses_out_of_spans() {
        for (variable, recorded) in [
            (None, true),
            (Some("POWERTOOLS_TRACER_CAPTURE_ERROR"), true),
            (Some("POWERTOOLS_TRACER_CAPTURE_RESPONSE"), false),
        ] {
            let span = span(variable, Ok("paid by 4242")).await.unwrap();
            let has_it = format!("{span:?}").contains("4242");
            assert_eq!(has_it, recorded, "{variable:?}: {span:?}");
        }
    }

    #[tokio::test]
    async fn a_variable_keeps_messages_of_errors_out_of_spans() {
        for (variable, recorded) in [
            (None, true),
            (Some("POWERTOOLS_TRACER_CAPTURE_RESPONSE"), true),
            (Some("POWERTOOLS_TRACER_CAPTURE_ERROR"), false),
        ] {
            let span = span(variable, Err("of 4242")).await.unwrap();
            let text = format!("{span:?}");
            assert_eq!(text.contains("4242"), recorded, "{variable:?}: {text}");
            // That it has failed, and how, is no message.
            assert!(text.contains("CardDeclined"), "{variable:?}: {text}");
        }
    }
}
