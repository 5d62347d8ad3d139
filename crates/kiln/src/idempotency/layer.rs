//! The layer around a handler.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tower::{Layer, Service};

use super::error::IdempotencyError;
use super::machine::{Request, json};
use super::settings::Idempotency;
use crate::deadline::Deadline;
use crate::errors::diagnostic;

/// What picks a part of the event.
type Pick<A> = Arc<dyn Fn(&LambdaEvent<A>) -> Result<Value, IdempotencyError> + Send + Sync>;

/// Has a handler run once per key, which is a part of its event.
///
/// Made by [`Idempotency::layer`].
///
/// # Example
///
/// ```
/// use kiln::idempotency::{Idempotency, IdempotencyLayer, MemoryStore};
/// use kiln::tower::{Layer as _, ServiceExt as _};
/// use kiln::{Context, LambdaEvent, service_fn};
///
/// // The same for every handler whose event is the number of an order.
/// fn once_per_order(idempotency: &Idempotency) -> IdempotencyLayer<u32> {
///     idempotency.layer(|event: &LambdaEvent<u32>| event.payload)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), kiln::Diagnostic> {
/// let layer = once_per_order(&Idempotency::new(MemoryStore::new()));
/// let charge = |answer: &'static str| service_fn(async move |_: LambdaEvent<u32>| {
///     Ok::<_, kiln::Error>(answer.to_owned())
/// });
/// let event = LambdaEvent::new(1001, Context::default());
/// assert_eq!(layer.layer(charge("charged")).oneshot(event.clone()).await?, "charged");
/// assert_eq!(layer.layer(charge("charged again")).oneshot(event).await?, "charged");
/// # Ok(())
/// # }
/// ```
pub struct IdempotencyLayer<A> {
    idempotency: Idempotency,
    key: Pick<A>,
    payload: Option<Pick<A>>,
}

impl Idempotency {
    /// A layer around a handler; `key` picks what tells one event from another.
    ///
    /// The handler's answer must be one that can be read again: `Serialize` and `DeserializeOwned`.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Idempotency, MemoryStore};
    /// use kiln::tower::{Layer as _, Service as _, ServiceExt as _};
    /// use kiln::{Context, LambdaEvent, service_fn};
    /// use serde_json::{Value, json};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::Diagnostic> {
    /// async fn charge(event: LambdaEvent<Value>) -> Result<Value, kiln::Error> {
    ///     Ok(json!({ "charged": event.payload["cents"] }))
    /// }
    ///
    /// let idempotency = Idempotency::new(MemoryStore::new());
    /// let layer = idempotency
    ///     .layer(|event: &LambdaEvent<Value>| event.payload["order"].clone())
    ///     .validated_by(|event| event.payload["cents"].clone());
    /// let mut handler = layer.layer(service_fn(charge));
    ///
    /// let event = |cents| LambdaEvent::new(json!({"order": 7, "cents": cents}), Context::default());
    /// let answer = handler.ready().await?.call(event(4490)).await?;
    /// assert_eq!(answer["charged"], 4490);
    /// let error = handler.ready().await?.call(event(10)).await.unwrap_err();
    /// assert_eq!(error.error_type, "IdempotencyValidation");
    /// # Ok(())
    /// # }
    /// ```
    pub fn layer<A, K: Serialize>(
        &self,
        key: impl Fn(&LambdaEvent<A>) -> K + Send + Sync + 'static,
    ) -> IdempotencyLayer<A> {
        IdempotencyLayer {
            idempotency: self.clone(),
            key: Arc::new(move |event| json(key(event))),
            payload: None,
        }
    }
}

impl<A> IdempotencyLayer<A> {
    /// Refuses a key that was used before with another payload, which this picks.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Idempotency, MemoryStore};
    /// use kiln::tower::{Layer as _, ServiceExt as _};
    /// use kiln::{Context, LambdaEvent, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::Diagnostic> {
    /// type Event = LambdaEvent<(u32, u32)>;
    ///
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(|event: &Event| event.payload.0)
    ///     .validated_by(|event| event.payload.1);
    /// let handler = layer.layer(service_fn(async |event: Event| Ok::<_, kiln::Error>(event.payload.1)));
    ///
    /// // The same order at another price: neither charged nor given the answer of the first.
    /// let order = |cents| Event::new((1001, cents), Context::default());
    /// assert_eq!(handler.clone().oneshot(order(4490)).await?, 4490);
    /// let error = handler.oneshot(order(10)).await.unwrap_err();
    /// assert_eq!(error.error_type, "IdempotencyValidation");
    /// # Ok(())
    /// # }
    /// ```
    pub fn validated_by<V: Serialize>(
        mut self,
        payload: impl Fn(&LambdaEvent<A>) -> V + Send + Sync + 'static,
    ) -> Self {
        self.payload = Some(Arc::new(move |event| json(payload(event))));
        self
    }
}

impl<A> Clone for IdempotencyLayer<A> {
    fn clone(&self) -> Self {
        Self {
            idempotency: self.idempotency.clone(),
            key: self.key.clone(),
            payload: self.payload.clone(),
        }
    }
}

impl<A> fmt::Debug for IdempotencyLayer<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IdempotencyLayer")
            .field(&self.idempotency)
            .finish()
    }
}

impl<A, S> Layer<S> for IdempotencyLayer<A> {
    type Service = IdempotencyService<A, S>;

    fn layer(&self, inner: S) -> Self::Service {
        IdempotencyService {
            inner,
            layer: self.clone(),
        }
    }
}

/// A handler that runs once per key, made by [`IdempotencyLayer`].
#[derive(Debug)]
pub struct IdempotencyService<A, S> {
    inner: S,
    layer: IdempotencyLayer<A>,
}

impl<A, S: Clone> Clone for IdempotencyService<A, S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            layer: self.layer.clone(),
        }
    }
}

impl<A, S> Service<LambdaEvent<A>> for IdempotencyService<A, S>
where
    A: Send + 'static,
    S: Service<LambdaEvent<A>> + Clone + Send + 'static,
    S::Response: Serialize + DeserializeOwned + Send,
    S::Error: Into<Diagnostic> + Send + 'static,
    S::Future: Send,
{
    type Response = S::Response;
    type Error = Diagnostic;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, Diagnostic>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Diagnostic>> {
        self.inner.poll_ready(cx).map_err(diagnostic)
    }

    fn call(&mut self, event: LambdaEvent<A>) -> Self::Future {
        // The one that is ready, and not its clone, which may not be.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let layer = self.layer.clone();
        Box::pin(async move {
            if layer.idempotency.inner.is_disabled {
                return inner.call(event).await.map_err(diagnostic);
            }
            let payload = layer
                .payload
                .as_ref()
                .map(|pick| pick(&event))
                .transpose()?;
            let request = Request {
                key: (layer.key)(&event)?,
                payload,
                deadline: Deadline::of(&event.context),
            };
            let handled = layer.idempotency.handle(request, move || inner.call(event));
            handled.await.map_err(Into::into)
        })
    }
}
