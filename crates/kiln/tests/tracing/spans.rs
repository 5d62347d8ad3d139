//! What a span says.

use std::sync::Arc;

use kiln::invocation::Invocation;
use kiln::tower::{Layer as _, Service, ServiceExt as _, service_fn};
use kiln::tracing::opentelemetry::trace::{SpanKind, Status, Tracer as _, TracerProvider as _};
use kiln::tracing::{TracingLayer, Trigger};
use kiln::{Diagnostic, LambdaEvent};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::{ROOT, attribute, event, traced};

async fn echo(event: LambdaEvent<String>) -> Result<String, Diagnostic> {
    Ok(event.payload)
}

async fn declined(_: LambdaEvent<String>) -> Result<String, Diagnostic> {
    Err(Diagnostic {
        error_type: "CardDeclined".to_owned(),
        error_message: "the card ends in 4242".to_owned(),
    })
}

#[tokio::test]
async fn a_span_says_what_was_invoked() {
    let (provider, exporter) = traced();
    let layer = TracingLayer::new(provider)
        .enabled(true)
        .trigger(Trigger::Http);
    for cold in [true, false] {
        let event = event(Some(&format!("{ROOT};Sampled=1")));
        let invocation = Invocation::with_cold_start(event.context.clone(), cold);
        let answer = layer.layer(service_fn(echo)).oneshot(event);
        assert_eq!(invocation.scope(answer).await.unwrap(), "payload-7");

        let spans = exporter.get_finished_spans().unwrap();
        let [span] = spans.as_slice() else {
            panic!("one span, sent before the answer: {spans:?}")
        };
        assert_eq!(span.span_kind, SpanKind::Server);
        assert_eq!(span.parent_span_id.to_string(), "53995c3f42cd8ad8");
        let trace = span.span_context.trace_id().to_string();
        assert_eq!(trace, "5759e988bd862e3fe1be46a994272793");
        for (name, value) in [
            ("faas.invocation_id", "req-1"),
            ("faas.trigger", "http"),
            ("faas.coldstart", if cold { "true" } else { "false" }),
            ("ColdStart", if cold { "true" } else { "false" }),
            ("cloud.account.id", "123456789012"),
            (
                "cloud.resource_id",
                "arn:aws:lambda:us-east-1:123456789012:function:orders",
            ),
        ] {
            assert_eq!(attribute(span, name).as_deref(), Some(value), "{name}");
        }
        let annotations = attribute(span, "aws.xray.annotations").unwrap();
        assert!(annotations.contains("ColdStart"), "{annotations}");
        assert_eq!(span.status, Status::Unset);
        assert!(!format!("{span:?}").contains("payload-7"), "{span:?}");
        exporter.reset();
    }
}

#[tokio::test]
async fn an_error_is_recorded_by_its_type() {
    for with_message in [true, false] {
        let (provider, exporter) = traced();
        let layer = TracingLayer::new(provider)
            .enabled(true)
            .capture_error(with_message);
        let error = layer.layer(service_fn(declined)).oneshot(event(None)).await;
        assert_eq!(error.unwrap_err().error_type, "CardDeclined");

        let span = exporter.get_finished_spans().unwrap().remove(0);
        assert_eq!(
            attribute(&span, "error.type").as_deref(),
            Some("CardDeclined")
        );
        assert!(matches!(span.status, Status::Error { .. }));
        assert_eq!(format!("{span:?}").contains("4242"), with_message);
        assert_eq!(span.events.len(), 1);
    }
}

#[tokio::test]
async fn responses_are_recorded_when_asked_for() {
    let (provider, exporter) = traced();
    let layer = TracingLayer::new(provider).enabled(true).capture_response();
    layer
        .layer(service_fn(echo))
        .oneshot(event(None))
        .await
        .unwrap();
    let span = exporter.get_finished_spans().unwrap().remove(0);
    let recorded = attribute(&span, "lambda.response");
    assert_eq!(recorded.as_deref(), Some("\"payload-7\""));
}

#[tokio::test]
async fn a_part_of_a_response_is_recorded_and_no_more_than_16_kb() {
    let long = "\u{e4}".repeat(10_000);
    for (recorded, text) in [
        ("payload".to_owned(), Some("payload".to_owned())),
        (
            format!("-{long}"),
            Some(format!("-{}", "\u{e4}".repeat(8_191))),
        ),
    ] {
        let (provider, exporter) = traced();
        let layer = TracingLayer::new(provider)
            .enabled(true)
            .capture_with(move |_answer: &String| Some(recorded.clone()));
        let service = layer.layer(service_fn(echo));
        service.oneshot(event(None)).await.unwrap();
        let span = exporter.get_finished_spans().unwrap().remove(0);
        assert_eq!(attribute(&span, "lambda.response"), text);
    }
}

#[tokio::test]
async fn x_ray_decides_unless_told_otherwise() {
    for (sampled, own, traced_in) in [
        ("1", false, Some(true)),
        ("1", true, Some(true)),
        ("0", false, None),
        ("0", true, Some(false)),
    ] {
        let (provider, exporter) = traced();
        let mut layer = TracingLayer::new(provider).enabled(true);
        if own {
            layer = layer.own_sampling();
        }
        let event = event(Some(&format!("{ROOT};Sampled={sampled}")));
        layer.layer(service_fn(echo)).oneshot(event).await.unwrap();
        let spans = exporter.get_finished_spans().unwrap();
        let in_its_trace = spans.first().map(|span| {
            let trace = span.span_context.trace_id().to_string();
            assert_eq!(span.links.len(), usize::from(sampled == "0"));
            trace == "5759e988bd862e3fe1be46a994272793"
        });
        assert_eq!(in_its_trace, traced_in, "Sampled={sampled}, own {own}");
    }
}

#[tokio::test]
async fn spans_of_the_handler_are_its_children() {
    let (provider, exporter) = traced();
    let subscriber =
        tracing_subscriber::registry().with(kiln::tracing::subscriber_layer(&provider));
    let _guard = tracing::subscriber::set_default(subscriber);

    let tracer = Arc::new(provider.tracer("test"));
    let layer = TracingLayer::new(provider).enabled(true);
    let mut service = layer.layer(service_fn(move |_: LambdaEvent<String>| {
        let tracer = tracer.clone();
        async move {
            tracer.in_span("by hand", |_| {});
            let mut headers = http::HeaderMap::new();
            instrumented(&mut headers).await;
            Ok::<_, Diagnostic>(headers["x-amzn-trace-id"].to_str().unwrap().to_owned())
        }
    }));
    let event = event(Some(&format!("{ROOT};Sampled=1;Lineage=a:1")));
    let handed_on = service.ready().await.unwrap().call(event).await.unwrap();

    let spans = exporter.get_finished_spans().unwrap();
    let [by_hand, instrumented, invocation] = spans.as_slice() else {
        panic!("{spans:?}")
    };
    let id = invocation.span_context.span_id();
    assert_eq!(by_hand.parent_span_id, id);
    assert_eq!(instrumented.parent_span_id, id);
    let parent = instrumented.span_context.span_id();
    let root = ROOT.split(';').next().unwrap();
    assert_eq!(
        handed_on,
        format!("{root};Parent={parent};Sampled=1;Lineage=a:1")
    );
}

#[tracing::instrument(skip_all)]
async fn instrumented(headers: &mut http::HeaderMap) {
    tokio::task::yield_now().await;
    kiln::tracing::inject(headers);
}

#[tokio::test]
async fn nothing_is_traced_outside_of_lambda() {
    let (provider, exporter) = traced();
    let layer = TracingLayer::new(provider.clone());
    let header = format!("{ROOT};Sampled=1");
    let event = event(Some(&header));
    let invocation = Invocation::with_cold_start(event.context.clone(), false);
    let service = layer.layer(service_fn(|_: LambdaEvent<String>| async {
        let mut headers = http::HeaderMap::new();
        kiln::tracing::inject(&mut headers);
        Ok::<_, Diagnostic>(headers["x-amzn-trace-id"].to_str().unwrap().to_owned())
    }));
    let handed_on = invocation.scope(service.oneshot(event)).await.unwrap();
    assert_eq!(handed_on, header, "as Lambda gave it");
    provider.force_flush().unwrap();
    assert_eq!(exporter.get_finished_spans().unwrap(), []);
}
