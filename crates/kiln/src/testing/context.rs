//! Contexts and events as Lambda makes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{Config, Context, LambdaEvent};

/// An event with this payload, in [a context](context) of its own.
///
/// # Example
///
/// ```
/// let event = kiln::testing::event("hello");
/// assert_eq!(event.payload, "hello");
/// ```
pub fn event<T>(payload: T) -> LambdaEvent<T> {
    ContextBuilder::new().event(payload)
}

/// The context of an invocation: a request id of its own, 30 seconds left, the function `test`.
///
/// # Example
///
/// ```
/// use kiln::testing;
///
/// assert_ne!(testing::context().request_id, testing::context().request_id);
/// ```
pub fn context() -> Context {
    ContextBuilder::new().build()
}

/// A context whose parts a test chooses.
///
/// # Example
///
/// ```
/// use kiln::Deadline;
/// use kiln::testing::ContextBuilder;
/// use std::time::Duration;
///
/// let event = ContextBuilder::new()
///     .request_id("8476a536-e9f4-11e8-9739-2dfe598c3fcd")
///     .deadline(Duration::from_secs(3))
///     .tenant_id("blue")
///     .event("hello");
/// assert_eq!(event.context.tenant_id.as_deref(), Some("blue"));
/// assert!(Deadline::of(&event.context).remaining() <= Some(Duration::from_secs(3)));
/// ```
#[derive(Clone, Debug)]
#[must_use = "a context is made by `build` or `event`"]
pub struct ContextBuilder {
    context: Context,
    config: Config,
    deadline: SystemTime,
}

impl ContextBuilder {
    /// What [`context`] has.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::testing::ContextBuilder;
    ///
    /// let context = ContextBuilder::new().build();
    /// assert_eq!(context.env_config.function_name, "test");
    /// assert_eq!(context.env_config.memory, 128);
    /// ```
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);

        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut context = Context::default();
        context.request_id = format!("00000000-0000-4000-8000-{number:012x}");
        context.invoked_function_arn =
            "arn:aws:lambda:us-east-1:123456789012:function:test".to_owned();
        context.xray_trace_id = Some(format!(
            "Root=1-65000000-{number:024x};Parent={number:016x};Sampled=0"
        ));
        Self {
            context,
            config: Config {
                function_name: "test".to_owned(),
                memory: 128,
                version: "$LATEST".to_owned(),
                log_stream: "2026/01/01/[$LATEST]00000000000000000000000000000000".to_owned(),
                log_group: "/aws/lambda/test".to_owned(),
            },
            deadline: SystemTime::now() + Duration::from_secs(30),
        }
    }

    /// The request id.
    ///
    /// # Example
    ///
    /// ```
    /// let event = kiln::testing::ContextBuilder::new().request_id("r-1").event(());
    /// assert_eq!(event.context.request_id, "r-1");
    /// ```
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.context.request_id = id.into();
        self
    }

    /// What is left of the invocation's time. Zero is a deadline that has passed.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::testing::ContextBuilder;
    /// use kiln::{Deadline, Error, LambdaEvent, testing};
    /// use std::time::Duration;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// // How a handler behaves when it is late.
    /// let late = ContextBuilder::new().deadline(Duration::ZERO).event(());
    /// let handler = async |_event: LambdaEvent<()>| Ok::<_, Error>(Deadline::current().has_passed());
    /// assert!(testing::invoke(handler, late).await.unwrap());
    /// # });
    /// ```
    pub fn deadline(self, left: Duration) -> Self {
        self.deadline_at(SystemTime::now() + left)
    }

    /// When the invocation ends, to the millisecond.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::Deadline;
    /// use kiln::testing::ContextBuilder;
    /// use std::time::{Duration, UNIX_EPOCH};
    ///
    /// let end = UNIX_EPOCH + Duration::from_millis(1_800_000_000_123);
    /// let context = ContextBuilder::new().deadline_at(end).build();
    /// assert_eq!(Deadline::of(&context), Deadline::at(end));
    /// ```
    pub fn deadline_at(mut self, time: SystemTime) -> Self {
        self.deadline = time;
        self
    }

    /// The tenant, of a function with tenant isolation.
    ///
    /// # Example
    ///
    /// ```
    /// let context = kiln::testing::ContextBuilder::new().tenant_id("blue").build();
    /// assert_eq!(context.tenant_id.as_deref(), Some("blue"));
    /// ```
    pub fn tenant_id(mut self, id: impl Into<String>) -> Self {
        self.context.tenant_id = Some(id.into());
        self
    }

    /// The trace id as its header has it, such as
    /// `Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1`.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::testing::ContextBuilder;
    ///
    /// let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";
    /// let context = ContextBuilder::new().trace_id(header).build();
    /// assert_eq!(context.xray_trace_id.as_deref(), Some(header));
    /// ```
    pub fn trace_id(mut self, header: impl Into<String>) -> Self {
        self.context.xray_trace_id = Some(header.into());
        self
    }

    /// The ARN that the caller has invoked, with the alias or version it has named.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::testing::ContextBuilder;
    ///
    /// let arn = "arn:aws:lambda:us-east-1:123456789012:function:orders:live";
    /// let context = ContextBuilder::new().function_arn(arn).build();
    /// // As a handler finds the alias.
    /// assert_eq!(context.invoked_function_arn.split(':').nth(7), Some("live"));
    /// ```
    pub fn function_arn(mut self, arn: impl Into<String>) -> Self {
        self.context.invoked_function_arn = arn.into();
        self
    }

    /// The function's name, which is not taken from the ARN.
    ///
    /// # Example
    ///
    /// ```
    /// let context = kiln::testing::ContextBuilder::new().function_name("orders").build();
    /// assert_eq!(context.env_config.function_name, "orders");
    /// assert_eq!(context.env_config.log_group, "/aws/lambda/orders");
    /// ```
    pub fn function_name(mut self, name: impl Into<String>) -> Self {
        self.config.function_name = name.into();
        self.config.log_group = format!("/aws/lambda/{}", self.config.function_name);
        self
    }

    /// The memory setting, in MB.
    ///
    /// # Example
    ///
    /// ```
    /// let context = kiln::testing::ContextBuilder::new().memory_mb(1_769).build();
    /// assert_eq!(context.env_config.memory, 1_769);
    /// ```
    pub fn memory_mb(mut self, memory: i32) -> Self {
        self.config.memory = memory;
        self
    }

    /// The context.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::invocation::Invocation;
    /// use kiln::testing::ContextBuilder;
    ///
    /// // For code that wants a context, not an event.
    /// let context = ContextBuilder::new().request_id("r-1").build();
    /// let invocation = Invocation::new(context);
    /// assert_eq!(invocation.context.request_id, "r-1");
    /// ```
    pub fn build(self) -> Context {
        let Self {
            mut context,
            config,
            deadline,
        } = self;
        let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default();
        context.deadline = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        context.env_config = Arc::new(config);
        context
    }

    /// An event with this payload in the context.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::testing::{self, ContextBuilder};
    /// use kiln::{Error, LambdaEvent};
    ///
    /// async fn greet(event: LambdaEvent<&str>) -> Result<String, Error> {
    ///     let tenant = event.context.tenant_id.unwrap_or_default();
    ///     Ok(format!("{}, {tenant}", event.payload))
    /// }
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let event = ContextBuilder::new().tenant_id("blue").event("hello");
    /// assert_eq!(testing::invoke(greet, event).await.unwrap(), "hello, blue");
    /// # });
    /// ```
    pub fn event<T>(self, payload: T) -> LambdaEvent<T> {
        LambdaEvent::new(payload, self.build())
    }
}

impl Default for ContextBuilder {
    fn default() -> Self {
        Self::new()
    }
}
