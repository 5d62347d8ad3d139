//! Metrics are written before the answer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use lambda_runtime::{Diagnostic, LambdaEvent};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::error::MetricError;
use super::sheet::Sheet;
use super::sheets::{self, Sheets};
use super::unit::Unit;
use crate::errors::diagnostic;
use crate::invocation::{self, Invocation};

pub(super) const FUNCTION_NAME: &str = "function_name";

/// Writes the metrics of an invocation when its handler is done, before Lambda has the answer: also
/// when it fails, panics, or is dropped before it is done.
///
/// # Example
///
/// ```no_run
/// use kiln::metrics::{self, MetricsLayer, Unit};
/// use kiln::{Error, LambdaEvent};
/// use serde_json::{Value, json};
///
/// fn main() -> Result<(), Error> {
///     kiln::builder()
///         .layer(MetricsLayer::new().capture_cold_start())
///         .run(async |event: LambdaEvent<Value>| {
///             metrics::add("OrdersPlaced", Unit::Count, 1.0)?;
///             Ok::<_, Error>(json!({ "placed": event.payload["id"] }))
///         })
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MetricsLayer {
    capture_cold_start: bool,
    fail_if_empty: bool,
}

impl MetricsLayer {
    /// The layer.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::logging::Captured;
    /// use kiln::metrics::{self, Metrics, MetricsLayer, Unit};
    /// use kiln::tower::ServiceBuilder;
    /// use kiln::{Error, LambdaEvent, testing};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let lines = Captured::default();
    /// Metrics::new().namespace("Shop").writer(lines.clone()).init().unwrap();
    /// let service = ServiceBuilder::new()
    ///     .layer(MetricsLayer::new())
    ///     .service_fn(async |_event: LambdaEvent<()>| {
    ///         metrics::add("OrdersPlaced", Unit::Count, 1.0).map_err(Error::from)
    ///     });
    /// testing::invoke_service(service, testing::event(())).await.unwrap();
    /// // With the answer, the metric is written.
    /// assert!(lines.lines()[0].contains("OrdersPlaced"));
    /// # });
    /// ```
    pub const fn new() -> Self {
        Self {
            capture_cold_start: false,
            fail_if_empty: false,
        }
    }

    /// Adds a metric `ColdStart` of value 1 for the invocation that waits for its environment, on a
    /// line of its own with the dimensions `function_name` and `service`, and no other.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::invocation::Invocation;
    /// use kiln::logging::Captured;
    /// use kiln::metrics::{Metrics, MetricsLayer};
    /// use kiln::tower::{Layer, ServiceExt, service_fn};
    /// use kiln::{Error, LambdaEvent, testing};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let lines = Captured::default();
    /// Metrics::new().namespace("Shop").writer(lines.clone()).init().unwrap();
    /// let handler = service_fn(async |_event: LambdaEvent<()>| Ok::<_, Error>(()));
    /// for is_cold in [true, false] {
    ///     let service = MetricsLayer::new().capture_cold_start().layer(handler.clone());
    ///     let event = testing::event(());
    ///     let invocation = Invocation::with_cold_start(event.context.clone(), is_cold);
    ///     invocation.scope(service.oneshot(event)).await.unwrap();
    /// }
    /// let [line] = lines.lines().try_into().expect("one of the two was cold");
    /// assert!(line.contains("ColdStart") && line.contains(r#""function_name":"test""#));
    /// # });
    /// ```
    pub const fn capture_cold_start(mut self) -> Self {
        self.capture_cold_start = true;
        self
    }

    /// Fails an invocation that has added no metric, with [`MetricError::NothingAdded`]. Unless asked
    /// for, a warning is logged, once per environment.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::invocation::Invocation;
    /// use kiln::metrics::MetricsLayer;
    /// use kiln::tower::{Layer, ServiceExt, service_fn};
    /// use kiln::{Context, Error, LambdaEvent};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let handler = service_fn(async |_event: LambdaEvent<()>| Ok::<_, Error>(()));
    /// let service = MetricsLayer::new().fail_if_empty().layer(handler);
    ///
    /// let event = LambdaEvent::new((), Context::default());
    /// let invocation = Invocation::new(Context::default());
    /// let answer = invocation.scope(service.oneshot(event)).await;
    /// assert_eq!(answer.unwrap_err().error_type, "NoMetrics");
    /// # });
    /// ```
    pub const fn fail_if_empty(mut self) -> Self {
        self.fail_if_empty = true;
        self
    }
}

impl<S> Layer<S> for MetricsLayer {
    type Service = MetricsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MetricsService {
            inner,
            layer: *self,
        }
    }
}

/// A service whose metrics are written at its end, made by [`MetricsLayer`].
#[derive(Clone, Debug)]
pub struct MetricsService<S> {
    inner: S,
    layer: MetricsLayer,
}

impl<S, A> Service<LambdaEvent<A>> for MetricsService<S>
where
    S: Service<LambdaEvent<A>>,
    S::Error: Into<Diagnostic> + 'static,
{
    type Response = S::Response;
    type Error = Diagnostic;
    type Future = MetricsFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(diagnostic)
    }

    fn call(&mut self, event: LambdaEvent<A>) -> Self::Future {
        let invocation = invocation::current();
        if self.layer.capture_cold_start
            && let Some(invocation) = &invocation
            && invocation.cold_start
            && let Err(error) = cold_start(invocation)
        {
            tracing::warn!("the cold start is not counted: {error}");
        }
        let end = End {
            invocation,
            done: false,
        };
        MetricsFuture {
            inner: self.inner.call(event),
            fail_if_empty: self.layer.fail_if_empty,
            end,
        }
    }
}

pin_project! {
    /// The future of a [`MetricsService`], made by [`MetricsLayer`].
    #[derive(Debug)]
    pub struct MetricsFuture<F> {
        #[pin]
        inner: F,
        fail_if_empty: bool,
        end: End,
    }
}

impl<F, R, E> Future for MetricsFuture<F>
where
    F: Future<Output = Result<R, E>>,
    E: Into<Diagnostic> + 'static,
{
    type Output = Result<R, Diagnostic>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.inner.poll(cx)).map_err(diagnostic);
        let is_empty = this.end.finish();
        Poll::Ready(match answer {
            Ok(_) if is_empty && *this.fail_if_empty => Err(MetricError::NothingAdded.into()),
            answer => {
                if is_empty && answer.is_ok() {
                    warn_once();
                }
                answer
            }
        })
    }
}

/// The end of an invocation, however it comes.
#[derive(Debug)]
struct End {
    invocation: Option<Arc<Invocation>>,
    done: bool,
}

impl End {
    /// Writes what there is; returns whether nothing was added.
    fn finish(&mut self) -> bool {
        self.done = true;
        // What was added by work that no invocation was known to have spawned, and during init.
        let before = sheets::outside().end();
        let own = self.invocation.as_deref().and_then(Sheets::existing);
        own.is_none_or(|sheets| sheets.end()) && before
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if !self.done {
            self.finish();
        }
    }
}

fn cold_start(invocation: &Arc<Invocation>) -> Result<(), MetricError> {
    let config = Arc::clone(Sheets::of(invocation).lock().config());
    let mut sheet = Sheet::of_service(&config);
    let own = &invocation.context.env_config.function_name;
    let name = config.function_name.as_ref().unwrap_or(own);
    sheet.dimension(FUNCTION_NAME, name)?;
    sheet.add("ColdStart", Unit::Count, false, 1.0)?;
    if let Some(line) = sheet.take_line() {
        config.write(&line);
    }
    Ok(())
}

fn warn_once() {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if !WARNED.swap(true, Ordering::Relaxed) {
        tracing::warn!("no metrics were added by this invocation");
    }
}
