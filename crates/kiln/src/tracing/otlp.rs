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
    ExporterBuildError, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    SpanExporter, WithExportConfig as _, WithHttpConfig as _,
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
/// [`OtlpError`] when the variables make no sense, or ask for HTTPS.
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
    let set = |name: &str| std::env::var(name).ok().filter(|url| !url.is_empty());
    if let Some(url) = endpoint(set) {
        without_tls(&url)?;
    }
    SpanExporter::builder()
        .with_http()
        .with_http_client(Client::default())
        .build()
        .map_err(|source| OtlpError { source })
}

/// What the variables say, the more special one first.
fn endpoint(set: impl Fn(&str) -> Option<String>) -> Option<String> {
    set(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT).or_else(|| set(OTEL_EXPORTER_OTLP_ENDPOINT))
}

/// Each flush would fail otherwise, and be a warning.
fn without_tls(url: &str) -> Result<(), OtlpError> {
    let is_https = url
        .get(..6)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"));
    if !is_https {
        return Ok(());
    }
    let reason = "the endpoint wants HTTPS, which this exporter does not speak: give `provider()` an \
                  exporter of `opentelemetry_otlp` with a client that does";
    Err(OtlpError {
        source: ExporterBuildError::InvalidConfiguration(reason.to_owned()),
    })
}

/// As [`otlp`], to a collector at this URL, whatever the variables say.
///
/// # Errors
/// [`OtlpError`] when it is no URL, or one of HTTPS.
///
/// # Example
///
/// ```
/// let exporter = kiln::tracing::otlp_to("http://localhost:4319/v1/traces")?;
/// # drop(exporter);
/// # Ok::<_, kiln::tracing::OtlpError>(())
/// ```
pub fn otlp_to(url: &str) -> Result<SpanExporter, OtlpError> {
    without_tls(url)?;
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
            // A simple exporter blocks the handler's thread until this is done: were Tokio to have the
            // handler's task step back in favour of others, there would be nobody to wake it.
            tokio::task::unconstrained(sending).await?
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

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn https_is_refused_before_the_first_span() {
        for (url, is_refused) in [
            ("https://collector.example/v1/traces", true),
            ("HTTPS://collector.example", true),
            ("http://https.example/v1/traces", false),
            ("http://localhost:4318/v1/traces", false),
        ] {
            let error = otlp_to(url).err();
            assert_eq!(error.is_some(), is_refused, "{url}");
            if let Some(error) = error {
                let reason = error.source().map(ToString::to_string).unwrap_or_default();
                assert!(reason.contains("HTTPS"), "{reason}");
            }
        }
    }

    #[test]
    fn the_endpoint_of_traces_comes_first() {
        let both = |name: &str| Some(name.to_owned());
        assert_eq!(
            endpoint(both).as_deref(),
            Some(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)
        );
        let one = |name: &str| (name == OTEL_EXPORTER_OTLP_ENDPOINT).then(|| "http://a".to_owned());
        assert_eq!(endpoint(one).as_deref(), Some("http://a"));
        assert_eq!(endpoint(|_| None), None);
    }
}
