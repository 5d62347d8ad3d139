//! OpenTelemetry traces, and X-Ray's header.
//!
//! [`TracingLayer`] makes one span of each invocation, part of the trace that Lambda says it belongs
//! to, and has the spans sent before the answer: afterwards the environment is frozen. Spans that the
//! handler makes are its children, whether with the [`opentelemetry`] crate or, by
//! [`subscriber_layer`], with `#[tracing::instrument]`. [`inject`] hands the trace on to who is called.
//!
//! Where spans go is up to the exporter that [`provider`] is given; `otlp`, with the feature
//! `tracing-otlp`, is one for a collector beside the function, such as the layers of [ADOT] and
//! OpenTelemetry.
//!
//! [ADOT]: https://aws-otel.github.io/docs/getting-started/lambda
//!
//! ```no_run
//! use kiln::tracing::{TracingLayer, Trigger};
//! use kiln::{Error, LambdaEvent};
//!
//! fn main() -> Result<(), Error> {
//!     # let exporter = opentelemetry_sdk::trace::InMemorySpanExporter::default();
//!     let provider = kiln::tracing::provider().with_batch_exporter(exporter).build();
//!     kiln::builder()
//!         .layer(TracingLayer::new(provider).trigger(Trigger::PubSub))
//!         .run(async |event: LambdaEvent<String>| Ok::<_, Error>(event.payload))
//! }
//! ```
//!
//! # Whether an invocation is traced
//! X-Ray decides, unless told otherwise: the header has `Sampled=1` or `0`, and the sampler of
//! [`provider`] follows it. Where active tracing is not switched on for the function, it is always
//! `0`, and nothing is traced: see [`TracingLayer::own_sampling`].
//!
//! Nothing is traced outside of Lambda, and where `POWERTOOLS_TRACE_DISABLED` says so.

mod capture;
mod flush;
mod header;
mod layer;
#[cfg(feature = "tracing-otlp")]
mod otlp;
mod provider;
mod settings;
mod span;

pub use self::capture::{Capture, CaptureResponse, NoCapture};
pub use self::header::{context_of, inject, inject_traceparent, of_attributes};
pub use self::layer::{TracingLayer, TracingService};
#[cfg(feature = "tracing-otlp")]
pub use self::otlp::{OtlpError, otlp, otlp_to};
pub use self::provider::{provider, subscriber_layer};
pub use self::span::Trigger;
pub use opentelemetry;
pub use opentelemetry_aws::trace::{XrayIdGenerator, XrayPropagator};
pub use opentelemetry_sdk;
pub use tracing_opentelemetry;
