//! Many calls at once.

use std::fmt;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::call::Time;
use super::{CallError, FanOutError, MARGIN, Retry};
use crate::deadline::Deadline;
use crate::errors::LambdaError;

/// Calls `f` with each item, at most `limit` at a time.
///
/// Nothing happens before the result is awaited, in one of two forms:
///
/// - `.await` gives `Result<Vec<R>, FanOutError<E>>`: all results in the order of the items, or the
///   first failure, at which all other calls are dropped;
/// - [`.collect_all().await`](FanOut::collect_all) gives `Vec<Result<R, CallError<E>>>`: an outcome for
///   each item, in their order.
///
/// Calls begin in the order of the items. With a limit of zero none may begin, and each reports
/// [`CallError::ZeroLimit`].
///
/// # Cancellation
/// Dropping the future drops all calls.
///
/// # Panics
/// A panic of `f` is one of the caller.
///
/// # Example
///
/// ```
/// use kiln::io;
/// # struct Client;
/// # impl Client {
/// #     async fn price(&self, symbol: &str) -> Result<usize, std::io::Error> { Ok(symbol.len()) }
/// # }
///
/// # kiln_doc(async {
/// let client = Client;
/// let symbols = vec!["KLN", "GLZE"];
/// let prices = io::fan_out(symbols, 16, |symbol| client.price(symbol)).await?;
/// assert_eq!(prices, [3, 4]);
/// # Ok::<_, io::FanOutError<std::io::Error>>(())
/// # }).unwrap();
/// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
/// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
/// # }
/// ```
pub fn fan_out<'a, I, F, C, R, E>(items: I, limit: usize, f: F) -> FanOut<'a, I::Item, F, E>
where
    I: IntoIterator,
    F: Fn(I::Item) -> C,
    C: Future<Output = Result<R, E>>,
{
    FanOut {
        items: items.into_iter().collect(),
        limit,
        f,
        timeout: None,
        margin: MARGIN,
        deadline: Deadline::NEVER,
        retrying: None,
    }
}

/// Calls that wait to be awaited: see [`fan_out`].
///
/// # Example
///
/// ```
/// use kiln::io::{self, Retry};
/// use std::io::{Error, ErrorKind};
/// use std::time::Duration;
///
/// # kiln_doc(async {
/// let outcomes = io::fan_out(0..3, 2, async |number| match number {
///         1 => Err(Error::from(ErrorKind::NotFound)),
///         number => Ok(number * 10),
///     })
///     .timeout(Duration::from_secs(1))
///     .retry_if(Retry::default(), |error| error.kind() == ErrorKind::Interrupted)
///     .margin(Duration::from_millis(250))
///     .collect_all()
///     .await;
/// let done: Vec<i32> = outcomes.into_iter().flatten().collect();
/// assert_eq!(done, [0, 20]);
/// # });
/// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
/// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
/// # }
/// ```
#[must_use = "calls are made when this is awaited"]
pub struct FanOut<'a, T, F, E> {
    items: Vec<T>,
    limit: usize,
    f: F,
    timeout: Option<Duration>,
    margin: Duration,
    deadline: Deadline,
    retrying: Option<Retrying<'a, T, E>>,
}

struct Retrying<'a, T, E> {
    policy: Retry,
    when: Box<dyn Fn(&E) -> bool + Send + Sync + 'a>,
    /// Only who tries again needs items that can be cloned.
    clone: fn(&T) -> T,
}

impl<'a, T, F, E: 'a> FanOut<'a, T, F, E> {
    /// How long each attempt of a call may take. As long as the invocation unless set.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::io::{self, CallError};
    /// use std::convert::Infallible;
    /// use std::time::Duration;
    ///
    /// # kiln_doc(async {
    /// let outcomes = io::fan_out([10, 60_000], 2, async |millis| {
    ///         tokio::time::sleep(Duration::from_millis(millis)).await;
    ///         Ok::<_, Infallible>(millis)
    ///     })
    ///     .timeout(Duration::from_secs(1))
    ///     .collect_all()
    ///     .await;
    /// assert!(matches!(outcomes[..], [Ok(10), Err(CallError::TimedOut { .. })]));
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// #     runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
    /// # }
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long before the deadline everything ends: [`MARGIN`] unless set.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::deadline::Deadline;
    /// use kiln::io::{self, CallError};
    /// use std::convert::Infallible;
    /// use std::time::Duration;
    ///
    /// # kiln_doc(async {
    /// let begun = tokio::time::Instant::now();
    /// let outcomes = io::fan_out([60], 2, async |seconds| {
    ///         tokio::time::sleep(Duration::from_secs(seconds)).await;
    ///         Ok::<_, Infallible>(())
    ///     })
    ///     .deadline(Deadline::after(Duration::from_secs(30)))
    ///     .margin(Duration::from_secs(10))
    ///     .collect_all()
    ///     .await;
    /// assert!(matches!(outcomes[0], Err(CallError::DeadlineExceeded)));
    /// assert!(begun.elapsed() <= Duration::from_secs(21));
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// #     runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
    /// # }
    /// ```
    pub fn margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// A deadline besides that of the invocation. The earlier one counts, less the margin.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::deadline::Deadline;
    /// use kiln::io::{self, CallError};
    /// use std::convert::Infallible;
    /// use std::time::Duration;
    ///
    /// # kiln_doc(async {
    /// // Of a caller that gives up after 5 seconds.
    /// let outcomes = io::fan_out([1, 60], 2, async |seconds| {
    ///         tokio::time::sleep(Duration::from_secs(seconds)).await;
    ///         Ok::<_, Infallible>(seconds)
    ///     })
    ///     .deadline(Deadline::after(Duration::from_secs(5)))
    ///     .collect_all()
    ///     .await;
    /// assert!(matches!(outcomes[..], [Ok(1), Err(CallError::DeadlineExceeded)]));
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// #     runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
    /// # }
    /// ```
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.deadline = deadline;
        self
    }

    /// Tries a call again that times out, or fails with an error that [is
    /// retryable](LambdaError::is_retryable).
    ///
    /// Only for calls that may be made twice.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::io::{self, Retry};
    /// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    /// # #[derive(Debug)]
    /// # struct Busy;
    /// # impl std::fmt::Display for Busy {
    /// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("busy") }
    /// # }
    /// # impl std::error::Error for Busy {}
    /// # impl kiln::LambdaError for Busy {
    /// #     fn error_type(&self) -> &str { "Busy" }
    /// #     fn is_retryable(&self) -> bool { true }
    /// # }
    ///
    /// # kiln_doc(async {
    /// // The first two calls are refused with an error that is retryable.
    /// let asked = AtomicU32::new(0);
    /// let prices = io::fan_out(["mug", "bowl"], 2, async |_| {
    ///         if asked.fetch_add(1, Relaxed) < 2 { Err(Busy) } else { Ok(4490) }
    ///     })
    ///     .retry(Retry::default())
    ///     .collect_all()
    ///     .await;
    /// assert!(prices.iter().all(Result::is_ok));
    /// assert_eq!(asked.into_inner(), 4);
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// #     runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
    /// # }
    /// ```
    pub fn retry(self, policy: Retry) -> Self
    where
        T: Clone,
        E: LambdaError,
    {
        self.retry_if(policy, E::is_retryable)
    }

    /// Tries a call again that times out, or fails with an error of which `when` says so.
    ///
    /// Only for calls that may be made twice.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::io::{self, CallError, Retry};
    /// use std::io::{Error, ErrorKind};
    ///
    /// # kiln_doc(async {
    /// let kinds = [ErrorKind::Interrupted, ErrorKind::NotFound];
    /// let outcomes = io::fan_out(kinds, 2, async |kind| Err::<(), _>(Error::from(kind)))
    ///     .retry_if(Retry::attempts(4), |error| error.kind() == ErrorKind::Interrupted)
    ///     .collect_all()
    ///     .await;
    /// assert!(matches!(outcomes[0], Err(CallError::Failed { attempts: 4, .. })));
    /// assert!(matches!(outcomes[1], Err(CallError::Failed { attempts: 1, .. })));
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// #     runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
    /// # }
    /// ```
    pub fn retry_if(mut self, policy: Retry, when: impl Fn(&E) -> bool + Send + Sync + 'a) -> Self
    where
        T: Clone,
    {
        self.retrying = Some(Retrying {
            policy,
            when: Box::new(when),
            clone: T::clone,
        });
        self
    }

    /// Awaits all calls: an outcome for each item, in their order.
    ///
    /// # Cancellation
    /// Dropping the future drops all calls.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::io;
    ///
    /// # kiln_doc(async {
    /// let outcomes = io::fan_out(["1", "two", "3"], 8, async |text| text.parse::<u32>())
    ///     .collect_all()
    ///     .await;
    /// assert!(outcomes[1].is_err());
    /// let numbers: Vec<u32> = outcomes.into_iter().flatten().collect();
    /// assert_eq!(numbers, [1, 3]);
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
    /// # }
    /// ```
    pub async fn collect_all<C, R>(self) -> Vec<Result<R, CallError<E>>>
    where
        F: Fn(T) -> C,
        C: Future<Output = Result<R, E>>,
    {
        let mut outcomes: Vec<_> = self.items.iter().map(|_| None).collect();
        let all = self.each(|index, outcome| {
            outcomes[index] = Some(outcome);
            ControlFlow::<()>::Continue(())
        });
        all.await;
        // All are there: each item is given to a call, and each call ends.
        outcomes.into_iter().flatten().collect()
    }

    /// Awaits all calls, or the first that fails.
    async fn all_or_first_failure<C, R>(self) -> Result<Vec<R>, FanOutError<E>>
    where
        F: Fn(T) -> C,
        C: Future<Output = Result<R, E>>,
    {
        let mut results: Vec<_> = self.items.iter().map(|_| None).collect();
        let all = self.each(|index, outcome| match outcome {
            Ok(result) => {
                results[index] = Some(result);
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(FanOutError { index, error }),
        });
        match all.await {
            Some(error) => Err(error),
            None => Ok(results.into_iter().flatten().collect()),
        }
    }

    /// Makes the calls and hands over each outcome as it comes, until one of them is a reason to stop.
    async fn each<C, R, B>(
        self,
        mut take: impl FnMut(usize, Result<R, CallError<E>>) -> ControlFlow<B>,
    ) -> Option<B>
    where
        F: Fn(T) -> C,
        C: Future<Output = Result<R, E>>,
    {
        let deadline = Deadline::current().earliest(self.deadline);
        let time = Time::until(deadline.less(self.margin), self.timeout);
        let (f, retrying) = (&self.f, &self.retrying);
        let limit = self.limit;
        let call = |(index, item): (usize, T)| async move {
            let outcome = match retrying {
                _ if limit == 0 => Err(CallError::ZeroLimit),
                None => time.attempt(|| f(item)).await,
                Some(retrying) => {
                    let clone = retrying.clone;
                    let call = move || f(clone(&item));
                    time.attempts(retrying.policy, &*retrying.when, call).await
                }
            };
            (index, outcome)
        };

        let mut items = self.items.into_iter().enumerate();
        let mut calls = FuturesUnordered::new();
        calls.extend(items.by_ref().take(limit.max(1)).map(call));
        while let Some((index, outcome)) = calls.next().await {
            if let ControlFlow::Break(reason) = take(index, outcome) {
                return Some(reason);
            }
            calls.extend(items.next().map(call));
        }
        None
    }
}

impl<'a, T, F, C, R, E> IntoFuture for FanOut<'a, T, F, E>
where
    F: Fn(T) -> C + Send + Sync + 'a,
    C: Future<Output = Result<R, E>> + Send + 'a,
    T: Send + 'a,
    R: Send + 'a,
    E: Send + 'a,
{
    type Output = Result<Vec<R>, FanOutError<E>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.all_or_first_failure())
    }
}

impl<T, F, E> fmt::Debug for FanOut<'_, T, F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FanOut")
            .field("items", &self.items.len())
            .field("limit", &self.limit)
            .field("timeout", &self.timeout)
            .field("margin", &self.margin)
            .field("deadline", &self.deadline)
            .field("retry", &self.retrying.as_ref().map(|it| it.policy))
            .finish_non_exhaustive()
    }
}
