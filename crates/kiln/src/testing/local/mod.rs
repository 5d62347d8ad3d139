//! The package's real binary on the local Lambda.

mod answer;
mod error;
mod process;

use std::path::{Path, PathBuf};
use std::pin::Pin;

use http::{Method, Uri};
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{PooledClient, build_request};
use serde::Serialize;

pub use answer::LocalAnswer;
pub use error::LocalError;
use process::Process;

/// The functions of this package on the local Lambda: a [`LocalBuilder`], to be awaited.
///
/// It starts `kiln watch` (the program that the variable `KILN` names, else `kiln` on `PATH`) on a free
/// port, and waits until the package's binaries answer: those that cargo has built for an integration
/// test; elsewhere it builds them, in the target directory and the profile of the test. It ends with the
/// [`Local`].
///
/// # Example
///
/// ```no_run
/// // tests/local.rs
/// # mod test {
/// use serde_json::{Value, json};
///
/// #[tokio::test]
/// async fn it_greets() -> Result<(), kiln::Error> {
///     let function = kiln::testing::local!().await?;
///     let answer = function.invoke(&json!({ "name": "Ada" })).await?;
///     assert_eq!(answer.json::<Value>()?["greeting"], "hello, Ada");
///     Ok(())
/// }
/// # }
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! __testing_local {
    () => {
        $crate::testing::LocalBuilder::new(
            ::core::env!("CARGO_MANIFEST_DIR"),
            ::core::env!("CARGO_PKG_NAME"),
        )
    };
}

/// How the functions of a package are started on the local Lambda: made by
/// [`local!`](crate::testing::local), started by `.await`.
///
/// # Example
///
/// ```no_run
/// # async fn test() -> Result<(), kiln::Error> {
/// let function = kiln::testing::local!()
///     .env("TABLE", "orders")
///     .arg("--memory=1769")
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it is started by `.await`"]
pub struct LocalBuilder {
    directory: PathBuf,
    package: String,
    variables: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl LocalBuilder {
    /// For the package of this name in this directory; [`local!`](crate::testing::local) knows both.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn test() -> Result<(), kiln::Error> {
    /// let orders = kiln::testing::LocalBuilder::new("../orders", "orders").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(directory: impl AsRef<Path>, package: impl Into<String>) -> Self {
        Self {
            directory: directory.as_ref().to_owned(),
            package: package.into(),
            variables: Vec::new(),
            arguments: Vec::new(),
        }
    }

    /// Sets an environment variable for the functions, which see none of the test's.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn test() -> Result<(), kiln::Error> {
    /// let function = kiln::testing::local!()
    ///     .env("TABLE", "orders")
    ///     .env("POWERTOOLS_LOG_LEVEL", "debug")
    ///     .await?;
    /// let answer = function.invoke("which table?").await?;
    /// assert_eq!(answer.json::<String>()?, "orders");
    /// # Ok(())
    /// # }
    /// ```
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Adds an argument of `kiln watch`, such as `--timeout=2` or `--bin=orders`.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn test() -> Result<(), kiln::Error> {
    /// let function = kiln::testing::local!().arg("--timeout=2").await?;
    /// let answer = function.invoke("wait for ten seconds").await?;
    /// assert!(answer.text().contains("Task timed out after 2.00 seconds"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Starts it, and waits until the functions are built and answer: minutes, if nothing is built yet.
    ///
    /// # Cancellation
    /// Dropped half-way, it ends what it has started.
    ///
    /// # Errors
    /// [`LocalError`]: there is no `kiln`, it ended, or the package does not build.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::testing::LocalBuilder;
    ///
    /// # async fn test() -> Result<(), kiln::Error> {
    /// // Two packages at once.
    /// let (orders, stock) = tokio::try_join!(
    ///     LocalBuilder::new("../orders", "orders").start(),
    ///     LocalBuilder::new("../stock", "stock").start(),
    /// )?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn start(self) -> Result<Local, LocalError> {
        let process = Process::start(&self)?;
        let endpoint = process.ready().await?;
        let uri: Uri = endpoint.parse().map_err(|_invalid| LocalError::Ended {
            printed: process.printed(),
        })?;
        Ok(Local {
            client: PooledClient::builder().with_endpoint(uri).build(),
            endpoint,
            process,
        })
    }
}

impl IntoFuture for LocalBuilder {
    type Output = Result<Local, LocalError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}

/// The functions of a package on the local Lambda.
///
/// It ends with the value, as on Ctrl-C: shutdown hooks run, and dropping it blocks the thread for as long,
/// 3 seconds at most. What `kiln` and the functions have printed is shown when the test panics.
///
/// # Example
///
/// ```no_run
/// use kiln::testing::Local;
///
/// # async fn test() -> Result<(), kiln::Error> {
/// let function: Local = kiln::testing::local!().await?;
/// // One environment answers both: what it keeps, it still has.
/// assert_eq!(function.invoke("count").await?.json::<u32>()?, 1);
/// assert_eq!(function.invoke("count").await?.json::<u32>()?, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Local {
    client: PooledClient,
    endpoint: String,
    process: Process,
}

impl Local {
    /// Invokes the only function of the package, and waits for its answer.
    ///
    /// # Errors
    /// [`LocalError`] when the call fails. That of a function is an [answer](LocalAnswer).
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn test() -> Result<(), kiln::Error> {
    /// let function = kiln::testing::local!().await?;
    /// let answer = function.invoke("hello").await?;
    /// assert_eq!(answer.json::<String>()?, "HELLO");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn invoke(
        &self,
        event: &(impl Serialize + ?Sized),
    ) -> Result<LocalAnswer, LocalError> {
        // The local Lambda's name for the only one.
        self.invoke_function("_", event).await
    }

    /// Invokes one of several functions: by the name of its binary, or an ARN.
    ///
    /// # Errors
    /// [`LocalError`] when the call fails, as when there is no such function.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn test() -> Result<(), kiln::Error> {
    /// // A package with the binaries `place` and `cancel`.
    /// let functions = kiln::testing::local!().await?;
    /// let id: u32 = functions.invoke_function("place", "apple").await?.json()?;
    /// let answer = functions.invoke_function("cancel", &id).await?;
    /// assert!(answer.error().is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn invoke_function(
        &self,
        function: &str,
        event: &(impl Serialize + ?Sized),
    ) -> Result<LocalAnswer, LocalError> {
        let call = |error: lambda_runtime::Error| LocalError::Call(error);
        let event = serde_json::to_vec(event).map_err(|error| call(error.into()))?;
        let request = build_request()
            .method(Method::POST)
            .uri(format!("/2015-03-31/functions/{function}/invocations"))
            .header("x-amz-log-type", "Tail")
            .body(Body::from(event))
            .map_err(|error| call(error.into()))?;
        let (parts, body) = self.client.call(request).await.map_err(call)?.into_parts();
        let body = Body::new(body).collect().await;
        let payload = body.map_err(|error| call(error.into()))?.to_bytes();
        LocalAnswer::of(&parts, payload)
    }

    /// Where it serves, such as `http://127.0.0.1:40123`: the endpoint URL for an AWS SDK, with any
    /// credentials.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn test() -> Result<(), kiln::Error> {
    /// let function = kiln::testing::local!().await?;
    /// assert!(function.endpoint().starts_with("http://127.0.0.1:"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What `kiln` and the functions have printed so far: logs among it.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn test() -> Result<(), kiln::Error> {
    /// let function = kiln::testing::local!().await?;
    /// function.invoke("hello").await?;
    /// // What it has logged, during its init as well.
    /// assert!(function.printed().contains("the table is ready"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn printed(&self) -> String {
        self.process.printed()
    }
}
