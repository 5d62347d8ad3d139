//! What is being handled: request id, deadline, trace.
//!
//! [`run`](crate::run()) and [`testing`](crate) put every invocation into scope, and the other parts
//! find it here: logs carry its request id, [`io`](crate) stops in time for its deadline. It is what the
//! Runtime API sends as headers beside the event ([Next invocation]).
//!
//! [Next invocation]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-next

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lambda_runtime::Context;

use crate::deadline::Deadline;
use crate::environment;

tokio::task_local! {
    static CURRENT: Arc<Invocation>;
}

/// Those being handled in this process, for code that no task leads to.
static IN_FLIGHT: Mutex<Vec<Arc<Invocation>>> = Mutex::new(Vec::new());

/// Whether an invocation has begun in this environment.
static BEGUN: AtomicBool = AtomicBool::new(false);

/// One invocation of the function.
///
/// # Example
///
/// ```
/// use kiln::{Error, LambdaEvent, invocation, testing};
///
/// // A helper to which nobody hands the event.
/// fn key() -> String {
///     let invocation = invocation::current().expect("within an invocation");
///     format!("reports/{}.json", invocation.context.request_id)
/// }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let event = testing::ContextBuilder::new().request_id("r-1").event(());
/// let handler = async |_event: LambdaEvent<()>| Ok::<_, Error>(key());
/// assert_eq!(testing::invoke(handler, event).await.unwrap(), "reports/r-1.json");
/// # });
/// ```
pub struct Invocation {
    /// Its context.
    pub context: Context,
    /// Whether it is the first of its environment and has waited for its init.
    ///
    /// False with provisioned concurrency and on managed instances, where environments are made ahead:
    /// see [`Initialization`](crate::environment::Initialization), and
    /// [Lambda execution environment](https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html).
    pub cold_start: bool,
    extensions: Mutex<http::Extensions>,
    /// What parts of this crate keep. Apart, so that who holds the other can log.
    parts: Mutex<http::Extensions>,
}

impl Invocation {
    /// Of this context. The first one made in a process is its cold start.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::Context;
    /// use kiln::invocation::Invocation;
    ///
    /// // As a test makes one, or a function with a runtime of its own.
    /// let first = Invocation::new(Context::default());
    /// assert!(first.cold_start);
    /// assert!(!Invocation::new(Context::default()).cold_start);
    /// ```
    pub fn new(context: Context) -> Arc<Self> {
        let first = !BEGUN.swap(true, Ordering::Relaxed);
        Self::with_cold_start(context, first && environment::current().starts_cold())
    }

    /// Of this context, cold or not.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::Context;
    /// use kiln::invocation::Invocation;
    ///
    /// assert!(Invocation::with_cold_start(Context::default(), true).cold_start);
    /// ```
    pub fn with_cold_start(context: Context, cold_start: bool) -> Arc<Self> {
        Arc::new(Self {
            context,
            cold_start,
            extensions: Mutex::default(),
            parts: Mutex::default(),
        })
    }

    /// When Lambda ends it. None when the context has none.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::invocation::Invocation;
    /// use kiln::{Context, Deadline};
    ///
    /// let invocation = Invocation::new(Context::default());
    /// assert_eq!(invocation.deadline(), Deadline::NEVER);
    /// ```
    pub fn deadline(&self) -> Deadline {
        Deadline::of(&self.context)
    }

    /// What layers and handlers keep for the time of this invocation, by type.
    ///
    /// The lock is for the moment: do not hold it across an await, and do not ask for it again while
    /// it is held, which waits forever.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::Context;
    /// use kiln::invocation::Invocation;
    ///
    /// #[derive(Clone)]
    /// struct Customer(u32);
    ///
    /// let invocation = Invocation::new(Context::default());
    /// invocation.extensions().insert(Customer(17));
    /// // Cloned: the lock is let go at the end of the line.
    /// let customer = invocation.extensions().get::<Customer>().cloned();
    /// assert_eq!(customer.map(|Customer(id)| id), Some(17));
    /// ```
    pub fn extensions(&self) -> MutexGuard<'_, http::Extensions> {
        lock(&self.extensions)
    }

    /// What parts of this crate keep, by type. Nothing of others is run while it is locked.
    pub(crate) fn parts(&self) -> MutexGuard<'_, http::Extensions> {
        lock(&self.parts)
    }

    /// Handles it: within the future, [`current`] is this invocation.
    ///
    /// Also for a task of it on managed instances, where several invocations run at once and a spawned
    /// task cannot know to which it belongs: `tokio::spawn(invocation.scope(work))`.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::Context;
    /// use kiln::invocation::{self, Invocation};
    ///
    /// # tokio_test(async {
    /// let invocation = Invocation::new(Context::default());
    /// let is_there = invocation.scope(async { invocation::current().is_some() }).await;
    /// assert!(is_there);
    /// # });
    /// # fn tokio_test(test: impl Future<Output = ()>) {
    /// #     tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(test);
    /// # }
    /// ```
    pub async fn scope<F: Future>(self: Arc<Self>, future: F) -> F::Output {
        let _in_flight = InFlight::enter(self.clone());
        CURRENT.scope(self, future).await
    }

    /// Works on it on a thread of its own: within the closure, [`current`] is this invocation.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::Context;
    /// use kiln::invocation::{self, Invocation};
    ///
    /// let invocation = Invocation::new(Context::default());
    /// let of_thread = std::thread::spawn(|| {
    ///     invocation.sync_scope(|| invocation::current().map(|it| it.context.request_id.clone()))
    /// });
    /// assert_eq!(of_thread.join().unwrap(), Some(String::new()));
    /// ```
    pub fn sync_scope<T>(self: Arc<Self>, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, work)
    }
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation")
            .field("context", &self.context)
            .field("cold_start", &self.cold_start)
            .finish_non_exhaustive()
    }
}

/// The invocation that is being handled here.
///
/// That of the task; in a task or thread that was spawned from one, the only one in this process if
/// there is only one, as there is everywhere but on managed instances.
///
/// # Example
///
/// ```
/// let request_id = kiln::invocation::current().map(|it| it.context.request_id.clone());
/// assert_eq!(request_id, None, "there is none in an example");
/// ```
pub fn current() -> Option<Arc<Invocation>> {
    CURRENT
        .try_with(Arc::clone)
        .ok()
        .or_else(|| match in_flight().as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        })
}

fn in_flight() -> MutexGuard<'static, Vec<Arc<Invocation>>> {
    lock(&IN_FLIGHT)
}

/// What is stored is whole whoever panicked meanwhile.
fn lock<T>(stored: &Mutex<T>) -> MutexGuard<'_, T> {
    stored.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Its entry among those in flight, also when the future is dropped half-way. None for a task that was
/// told of it: the invocation ends without it.
struct InFlight(Option<Arc<Invocation>>);

impl InFlight {
    fn enter(invocation: Arc<Invocation>) -> Self {
        let mut in_flight = in_flight();
        if in_flight.iter().any(|it| Arc::ptr_eq(it, &invocation)) {
            return Self(None);
        }
        in_flight.push(invocation.clone());
        Self(Some(invocation))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(ended) = &self.0 {
            in_flight().retain(|other| !Arc::ptr_eq(other, ended));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_was_told_of_an_invocation_does_not_end_it() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let invocation = Invocation::with_cold_start(Context::default(), false);
        let of = |invocation: &Arc<Invocation>| {
            let in_flight = in_flight();
            in_flight
                .iter()
                .filter(|it| Arc::ptr_eq(it, invocation))
                .count()
        };
        runtime.block_on(invocation.clone().scope(async {
            let told = tokio::spawn(invocation.clone().scope(async { current() }));
            let found = told.await.unwrap();
            assert!(found.is_some_and(|found| Arc::ptr_eq(&found, &invocation)));
            assert_eq!(of(&invocation), 1);
            // One that is left over when the invocation ends.
            tokio::spawn(invocation.clone().scope(std::future::pending::<()>()));
            tokio::task::yield_now().await;
        }));
        assert_eq!(of(&invocation), 0);
    }
}
