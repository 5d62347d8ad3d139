//! Spans of invocations, as an exporter gets them.

mod flush;
mod otlp;
mod spans;

use kiln::{Context, LambdaEvent};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};

const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8";

/// An event with a trace header, as Lambda sends it.
fn event(header: Option<&str>) -> LambdaEvent<String> {
    let mut context = Context::default();
    context.request_id = "req-1".to_owned();
    context.invoked_function_arn =
        "arn:aws:lambda:us-east-1:123456789012:function:orders:live".to_owned();
    context.xray_trace_id = header.map(str::to_owned);
    LambdaEvent::new("payload-7".to_owned(), context)
}

/// A provider, and what it exports.
fn traced() -> (SdkTracerProvider, InMemorySpanExporter) {
    let exporter = InMemorySpanExporter::default();
    let provider = kiln::tracing::provider()
        .with_batch_exporter(exporter.clone())
        .build();
    (provider, exporter)
}

/// An attribute of a span, as text.
fn attribute(span: &SpanData, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|it| it.key.as_str() == name)?;
    Some(found.value.to_string())
}
