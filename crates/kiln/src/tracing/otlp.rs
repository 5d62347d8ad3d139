//! Spans for a collector beside the function.

use std::fmt;
use std::pin::Pin;
use std::sync::Mutex;

use ::http::{Request, Response, Uri};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use lambda_runtime_api_client::PooledClient;
use lambda_runtime_api_client::body::Body;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{
    ExporterBuildError, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use tokio::runtime::Runtime;

/// An exporter to a collector beside the function, over OTLP and plain HTTP.
///
/// It sends to `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, or to `/v1/traces` at
/// `OTEL_EXPORTER_OTLP_ENDPOINT`, or at `http://localhost:4318`, where the collector's Lambda layers
/// listen. HTTPS, for collectors elsewhere, would bring TLS into the function: give
/// [`provider`](super::provider()) an exporter of `opentelemetry_otlp` with a client of your choice.
///
/// # Errors
/// [`OtlpError`] when the variables make no sense.
///
/// # Example
///
/// ```
/// let provider = kiln::tracing::provider()
///     .with_batch_exporter(kiln::tracing::otlp()?)
///     .build();
/// # drop(provider);
/// # Ok::<_, kiln::tracing::OtlpError>(())
/// ```
pub fn otlp() -> Result<SpanExporter, OtlpError> {
    SpanExporter::builder()
        .with_http()
        .with_http_client(Client::default())
        .build()
        .map_err(|source| OtlpError { source })
}

/// As [`otlp`], to a collector at this URL, whatever the variables say.
///
/// # Errors
/// [`OtlpError`] when it is no URL.
///
/// # Example
///
/// ```
/// let exporter = kiln::tracing::otlp_to("http://localhost:4319/v1/traces")?;
/// # drop(exporter);
/// # Ok::<_, kiln::tracing::OtlpError>(())
/// ```
pub fn otlp_to(url: &str) -> Result<SpanExporter, OtlpError> {
    SpanExporter::builder()
        .with_http()
        .with_http_client(Client::default())
        .with_endpoint(url)
        .build()
        .map_err(|source| OtlpError { source })
}

/// The variables that configure the exporter make no sense.
///
/// # Example
///
/// ```
/// use std::error::Error as _;
///
/// let error = kiln::tracing::otlp_to("not a URL").unwrap_err();
/// assert!(error.source().is_some(), "what is wrong with it");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct OtlpError {
    source: ExporterBuildError,
}

impl fmt::Display for OtlpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the URL, or one of the `OTEL_EXPORTER_OTLP_…` variables, makes no exporter of traces",
        )
    }
}

impl std::error::Error for OtlpError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

crate::errors::lambda_error! {
    OtlpError: |_error| ("OtlpError", retryable: false, status: INTERNAL_SERVER_ERROR)
}

/// The client of the Runtime API, which every function has, and a thread of its own: spans are
/// exported from the SDK's thread, where there is no Tokio.
#[derive(Debug, Default)]
struct Client {
    started: Mutex<Option<Started>>,
}

#[derive(Debug)]
struct Started {
    client: PooledClient,
    runtime: Runtime,
}

type Sent<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Client {
    fn send_bytes<'client, 'sent>(&'client self, request: Request<Bytes>) -> Sent<'sent>
    where
        'client: 'sent,
        Self: 'sent,
    {
        Box::pin(async move {
            let sending = self.begin(request)?;
            sending.await?
        })
    }
}

impl Client {
    /// Starts the thread, the first time, and the request on it.
    fn begin(
        &self,
        request: Request<Bytes>,
    ) -> Result<tokio::task::JoinHandle<Result<Response<Bytes>, HttpError>>, HttpError> {
        let mut started = self
            .started
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let started = match &mut *started {
            Some(started) => started,
            none => none.insert(Started::at(request.uri())?),
        };
        let sending = started.client.call(request.map(Body::from));
        Ok(started.runtime.spawn(async move {
            let (head, body) = sending.await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(Response::from_parts(head, body))
        }))
    }
}

impl Started {
    fn at(uri: &Uri) -> Result<Self, HttpError> {
        // The client adds the path of each request.
        let base = Uri::builder()
            .scheme(uri.scheme_str().unwrap_or("http"))
            .authority(
                uri.authority()
                    .ok_or("the endpoint names no host")?
                    .as_str(),
            )
            .path_and_query("/")
            .build()?;
        Ok(Self {
            client: PooledClient::builder().with_endpoint(base).build(),
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .thread_name("otlp")
                .enable_all()
                .build()?,
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let started = self
            .started
            .get_mut()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        // Dropped on a thread of Tokio's, a runtime may not wait for its own.
        if let Some(started) = started.take() {
            started.runtime.shutdown_background();
        }
    }
}
