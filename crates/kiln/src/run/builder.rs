//! A function whose parts are chosen one by one.

use std::fmt::{self, Debug};
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use lambda_runtime::tower::layer::util::{Identity, Stack};
use lambda_runtime::tower::{Layer, Service};
use lambda_runtime::{Diagnostic, Error, IntoFunctionResponse, LambdaEvent, SnapStartResource};
use serde::{Serialize, de::DeserializeOwned};

use super::assemble::{Function, Handler};
use super::start::{self, Options, StartError};
use super::{init, serve};

pub(super) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type InitHook<S> = Box<dyn FnOnce() -> BoxFuture<Result<S, StartError>> + Send>;
pub(super) type ShutdownHook<S> = Box<dyn FnOnce(&'static S) -> BoxFuture<()> + Send>;

/// Of a [`Builder`] whose function has no state, made by [`builder`](crate::builder).
#[derive(Default)]
pub struct NoInit {
    shutdown: Vec<ShutdownHook<()>>,
}

/// Of a [`Builder`] whose function has a state of the type `S`, made by [`init`](Builder::init).
pub struct Init<S: 'static> {
    pub(super) hook: InitHook<S>,
    pub(super) shutdown: Vec<ShutdownHook<S>>,
}

impl Debug for NoInit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoInit").finish_non_exhaustive()
    }
}

impl<S> Debug for Init<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Init").finish_non_exhaustive()
    }
}

/// A function whose parts are chosen one by one; made by [`builder`](crate::builder).
///
/// # Example
///
/// ```no_run
/// use kiln::{Error, LambdaEvent, deadline::DeadlineLayer};
/// use std::collections::HashMap;
///
/// type Prices = HashMap<String, u32>;
///
/// async fn load() -> Result<Prices, Error> {
///     Ok(HashMap::from([("apple".to_owned(), 30)]))
/// }
///
/// async fn price(prices: &'static Prices, event: LambdaEvent<String>) -> Result<Option<u32>, Error> {
///     Ok(prices.get(&event.payload).copied())
/// }
///
/// fn main() -> Result<(), Error> {
///     kiln::builder()
///         .init(load)
///         .layer(DeadlineLayer::new())
///         .run(price)
/// }
/// ```
#[derive(Debug)]
#[must_use = "a function runs when `run` is called"]
pub struct Builder<I = NoInit, L = Identity> {
    init: I,
    layers: L,
    options: Options,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            init: NoInit::default(),
            layers: Identity::new(),
            options: Options::default(),
        }
    }
}

impl<I, L> Builder<I, L> {
    /// Adds a layer around the handler. The first one added is the outermost.
    ///
    /// A layer sees events as the handler does, and its errors as [`Diagnostic`]s, panics among them.
    /// It is any [`tower::Layer`](lambda_runtime::tower::Layer) whose service takes a
    /// [`LambdaEvent`] and is `Clone`, such as those of this crate.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::deadline::DeadlineLayer;
    /// use kiln::{Error, LambdaEvent};
    ///
    /// fn main() -> Result<(), Error> {
    ///     kiln::builder()
    ///         .layer(DeadlineLayer::new())
    ///         .run(async |event: LambdaEvent<String>| Ok::<_, Error>(event.payload))
    /// }
    /// ```
    pub fn layer<N>(self, layer: N) -> Builder<I, Stack<N, L>> {
        Builder {
            init: self.init,
            layers: Stack::new(layer, self.layers),
            options: self.options,
        }
    }

    /// How many threads the Tokio runtime has, for a function that knows better than
    /// [`Environment::threads`](crate::environment::Environment::threads). Zero counts as one.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # use kiln::{Error, LambdaEvent};
    /// # fn main() -> Result<(), Error> {
    /// kiln::builder()
    ///     .worker_threads(4)
    ///     .run(async |event: LambdaEvent<String>| Ok::<_, Error>(event.payload))
    /// # }
    /// ```
    pub fn worker_threads(mut self, threads: usize) -> Self {
        self.options.threads = Some(NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN));
        self
    }

    /// Adds what must be let go before a [SnapStart] snapshot and taken up after it, such as
    /// connections. Foundations first: they are restored in this order, and let go in the reverse.
    ///
    /// The init hook has run by then. Nothing happens where there is no SnapStart.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::lambda_runtime::SnapStartResource;
    /// use kiln::{Error, LambdaEvent};
    /// use std::sync::Arc;
    ///
    /// struct Pool;
    /// impl SnapStartResource for Pool {}
    ///
    /// fn main() -> Result<(), Error> {
    ///     kiln::builder()
    ///         .snapstart_resource(Arc::new(Pool))
    ///         .run(async |event: LambdaEvent<String>| Ok::<_, Error>(event.payload))
    /// }
    /// ```
    ///
    /// [SnapStart]: https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html
    pub fn snapstart_resource(mut self, resource: Arc<dyn SnapStartResource>) -> Self {
        self.options.snapstart.0.push(resource);
        self
    }
}

impl<L> Builder<NoInit, L> {
    /// Builds the state of the function with this hook: once per environment, before the first event,
    /// when Lambda gives it [full processors][init] whatever its memory.
    ///
    /// The handler is given a `&'static` reference to it: to share parts of it with tasks, no `Arc` is
    /// needed. Layers and hooks of before stay.
    ///
    /// # Errors
    /// An error of the hook, or its panic, is logged, reported to Lambda with its type, and ends the
    /// function: [`run`](Builder::run) returns [`StartError::Init`]. The type of a panic is
    /// `InitPanicked`. The invocation that waits gets the error, and the next one a new environment.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::{Error, LambdaEvent};
    ///
    /// struct State {
    ///     greeting: String,
    /// }
    ///
    /// fn main() -> Result<(), Error> {
    ///     kiln::builder()
    ///         .init(|| async {
    ///             let greeting = std::env::var("GREETING")?;
    ///             Ok::<_, Error>(State { greeting })
    ///         })
    ///         .run(async |state: &'static State, event: LambdaEvent<String>| {
    ///             Ok::<_, Error>(format!("{}, {}", state.greeting, event.payload))
    ///         })
    /// }
    /// ```
    ///
    /// [init]: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
    pub fn init<H, F, S, E>(self, hook: H) -> Builder<Init<S>, L>
    where
        H: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<S, E>> + Send + 'static,
        S: Send + Sync + 'static,
        E: Into<Diagnostic> + Debug + 'static,
    {
        let shutdown = self.init.shutdown.into_iter().map(|hook| {
            let ignoring: ShutdownHook<S> = Box::new(move |_state| hook(&()));
            ignoring
        });
        Builder {
            init: Init {
                shutdown: shutdown.collect(),
                hook: Box::new(move || Box::pin(init::run(hook))),
            },
            layers: self.layers,
            options: self.options,
        }
    }

    /// Runs this hook before Lambda ends the environment, to flush and to close.
    ///
    /// Hooks run one after the other, and all of them have about 500 ms
    /// ([300 ms of which are certain][shutdown]). The environment may also end without them, when it
    /// fails or runs into its timeout: what must not be lost is stored before the answer. A hook that
    /// panics is logged, and the next one runs.
    ///
    /// It registers an internal extension without events, as `lambda_runtime` does it: without any
    /// extension, Lambda does not announce the end.
    ///
    /// # Panics
    /// [`run`](Builder::run) panics when Lambda refuses that extension, as when there are ten already.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::{Error, LambdaEvent};
    ///
    /// fn main() -> Result<(), Error> {
    ///     kiln::builder()
    ///         .on_shutdown(|| async { eprintln!("going") })
    ///         .run(async |event: LambdaEvent<String>| Ok::<_, Error>(event.payload))
    /// }
    /// ```
    ///
    /// [shutdown]: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown
    #[cfg(all(unix, feature = "graceful-shutdown"))]
    #[cfg_attr(docsrs, doc(cfg(all(unix, feature = "graceful-shutdown"))))]
    pub fn on_shutdown<H, F>(mut self, hook: H) -> Self
    where
        H: FnOnce() -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let hook: ShutdownHook<()> = Box::new(move |()| Box::pin(hook()));
        self.init.shutdown.push(hook);
        self
    }

    /// Runs the function with this handler, as [`run`](crate::run()) does.
    ///
    /// # Errors
    /// As [`run`](crate::run()).
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::deadline::DeadlineLayer;
    /// use kiln::{Error, LambdaEvent};
    ///
    /// async fn double(event: LambdaEvent<u32>) -> Result<u32, Error> {
    ///     Ok(event.payload * 2)
    /// }
    ///
    /// fn main() -> Result<(), Error> {
    ///     kiln::builder().layer(DeadlineLayer::new()).run(double)
    /// }
    /// ```
    pub fn run<H, F, A, R, E, B, T, D, X>(self, handler: H) -> Result<(), Error>
    where
        H: Fn(LambdaEvent<A>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<R, E>> + Send + 'static,
        A: DeserializeOwned + Send + 'static,
        R: Send + 'static,
        E: Into<Diagnostic> + Debug + 'static,
        L: Layer<Handler<A, R>> + Send + 'static,
        L::Service: Service<LambdaEvent<A>> + Clone + Send + 'static,
        <L::Service as Service<LambdaEvent<A>>>::Future: Send + 'static,
        <L::Service as Service<LambdaEvent<A>>>::Error: Into<Diagnostic> + Debug + 'static,
        <L::Service as Service<LambdaEvent<A>>>::Response:
            IntoFunctionResponse<B, T> + Send + 'static,
        B: Serialize + Send + 'static,
        T: Stream<Item = Result<D, X>> + Unpin + Send + 'static,
        D: Into<bytes::Bytes> + Send + 'static,
        X: Into<Error> + Debug + Send + 'static,
    {
        self.run_service(Function(Arc::new(handler)))
    }

    /// Runs the function with this service, such as an adapter of `lambda_http` or a stack of layers.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::{Error, LambdaEvent, service_fn};
    ///
    /// fn main() -> Result<(), Error> {
    ///     let echo = service_fn(async |event: LambdaEvent<String>| Ok::<_, Error>(event.payload));
    ///     kiln::builder().run_service(echo)
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`run`](crate::run()).
    pub fn run_service<V, A, B, T, D, X>(self, service: V) -> Result<(), Error>
    where
        V: Service<LambdaEvent<A>> + Clone + Send + Sync + 'static,
        V::Future: Send + 'static,
        V::Response: Send + 'static,
        V::Error: Into<Diagnostic> + Debug + 'static,
        A: DeserializeOwned + Send + 'static,
        L: Layer<Handler<A, V::Response>> + Send + 'static,
        L::Service: Service<LambdaEvent<A>> + Clone + Send + 'static,
        <L::Service as Service<LambdaEvent<A>>>::Future: Send + 'static,
        <L::Service as Service<LambdaEvent<A>>>::Error: Into<Diagnostic> + Debug + 'static,
        <L::Service as Service<LambdaEvent<A>>>::Response:
            IntoFunctionResponse<B, T> + Send + 'static,
        B: Serialize + Send + 'static,
        T: Stream<Item = Result<D, X>> + Unpin + Send + 'static,
        D: Into<bytes::Bytes> + Send + 'static,
        X: Into<Error> + Debug + Send + 'static,
    {
        let init = Init {
            hook: Box::new(|| Box::pin(async { Ok(()) })),
            shutdown: self.init.shutdown,
        };
        start::run(self.options, init, move |options, &()| {
            serve::serve(service, &self.layers, options)
        })
    }
}

impl<S, L> Builder<Init<S>, L>
where
    S: Send + Sync + 'static,
{
    /// Runs this hook with the state before Lambda ends the environment, to flush and to close.
    ///
    /// As that of a builder without a state, [`Builder::on_shutdown`].
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::{Error, LambdaEvent};
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// fn main() -> Result<(), Error> {
    ///     kiln::builder()
    ///         .init(|| async { Ok::<_, Error>(AtomicU64::new(0)) })
    ///         .on_shutdown(|handled| async move {
    ///             eprintln!("handled {} events", handled.load(Ordering::Relaxed));
    ///         })
    ///         .run(async |handled: &'static AtomicU64, _event: LambdaEvent<String>| {
    ///             Ok::<_, Error>(handled.fetch_add(1, Ordering::Relaxed))
    ///         })
    /// }
    /// ```
    #[cfg(all(unix, feature = "graceful-shutdown"))]
    #[cfg_attr(docsrs, doc(cfg(all(unix, feature = "graceful-shutdown"))))]
    pub fn on_shutdown<H, F>(mut self, hook: H) -> Self
    where
        H: FnOnce(&'static S) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let hook: ShutdownHook<S> = Box::new(move |state| Box::pin(hook(state)));
        self.init.shutdown.push(hook);
        self
    }

    /// Runs the function with this handler, which is given the state and the event.
    ///
    /// # Errors
    /// As [`run`](crate::run()), and [`StartError::Init`] when the init hook fails.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::{Error, LambdaEvent};
    ///
    /// async fn greet(greeting: &'static String, event: LambdaEvent<String>) -> Result<String, Error> {
    ///     Ok(format!("{greeting}, {}", event.payload))
    /// }
    ///
    /// fn main() -> Result<(), Error> {
    ///     kiln::builder()
    ///         .init(async || Ok::<_, Error>(std::env::var("GREETING")?))
    ///         .run(greet)
    /// }
    /// ```
    pub fn run<H, F, A, R, E, B, T, D, X>(self, handler: H) -> Result<(), Error>
    where
        H: Fn(&'static S, LambdaEvent<A>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<R, E>> + Send + 'static,
        A: DeserializeOwned + Send + 'static,
        R: Send + 'static,
        E: Into<Diagnostic> + Debug + 'static,
        L: Layer<Handler<A, R>> + Send + 'static,
        L::Service: Service<LambdaEvent<A>> + Clone + Send + 'static,
        <L::Service as Service<LambdaEvent<A>>>::Future: Send + 'static,
        <L::Service as Service<LambdaEvent<A>>>::Error: Into<Diagnostic> + Debug + 'static,
        <L::Service as Service<LambdaEvent<A>>>::Response:
            IntoFunctionResponse<B, T> + Send + 'static,
        B: Serialize + Send + 'static,
        T: Stream<Item = Result<D, X>> + Unpin + Send + 'static,
        D: Into<bytes::Bytes> + Send + 'static,
        X: Into<Error> + Debug + Send + 'static,
    {
        self.run_service(move |state| {
            Function(Arc::new(move |event: LambdaEvent<A>| handler(state, event)))
        })
    }

    /// Runs the function with the service that this closure makes of the state, such as an adapter of
    /// `lambda_http` or a stack of layers that need clients.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::{Error, LambdaEvent, service_fn};
    ///
    /// fn main() -> Result<(), Error> {
    ///     kiln::builder()
    ///         .init(|| async { Ok::<_, Error>("hello".to_owned()) })
    ///         .run_service(|greeting| {
    ///             service_fn(move |event: LambdaEvent<String>| async move {
    ///                 Ok::<_, Error>(format!("{greeting}, {}", event.payload))
    ///             })
    ///         })
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`run`](crate::run()), and [`StartError::Init`] when the init hook fails.
    pub fn run_service<M, V, A, B, T, D, X>(self, make: M) -> Result<(), Error>
    where
        M: FnOnce(&'static S) -> V + Send + 'static,
        V: Service<LambdaEvent<A>> + Clone + Send + Sync + 'static,
        V::Future: Send + 'static,
        V::Response: Send + 'static,
        V::Error: Into<Diagnostic> + Debug + 'static,
        A: DeserializeOwned + Send + 'static,
        L: Layer<Handler<A, V::Response>> + Send + 'static,
        L::Service: Service<LambdaEvent<A>> + Clone + Send + 'static,
        <L::Service as Service<LambdaEvent<A>>>::Future: Send + 'static,
        <L::Service as Service<LambdaEvent<A>>>::Error: Into<Diagnostic> + Debug + 'static,
        <L::Service as Service<LambdaEvent<A>>>::Response:
            IntoFunctionResponse<B, T> + Send + 'static,
        B: Serialize + Send + 'static,
        T: Stream<Item = Result<D, X>> + Unpin + Send + 'static,
        D: Into<bytes::Bytes> + Send + 'static,
        X: Into<Error> + Debug + Send + 'static,
    {
        start::run(self.options, self.init, move |options, state| {
            serve::serve(make(state), &self.layers, options)
        })
    }
}
