//! A log whose settings are chosen in code.

use std::env;
use std::io::Write;
use std::sync::Arc;

use serde::Serialize;
use tracing::{Level, Subscriber, warn};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};

use super::buffer::Buffer;
use super::layer::{LogFilter, LogLayer};
use super::settings::{Explicit, Format, Settings};
use super::shared::Shared;
use super::state::draw;
use crate::clock::{Clock, SystemClock};
use crate::output::Output;
use crate::redact::{REDACTED, Redaction};

/// A log to configure and [start](Self::init).
///
/// What is not said here comes from the environment: see the [module](super).
///
/// # Example
///
/// ```
/// use kiln::logging::{Buffer, Logging, correlation_paths};
///
/// Logging::new()
///     .service("orders")
///     .key("team", "checkout")
///     .redact(["iban", "phone"])
///     .correlation_id_path(correlation_paths::API_GATEWAY_HTTP)
///     .buffer(Buffer::default())
///     .init();
/// ```
#[derive(Debug)]
#[must_use = "nothing is logged until `init`"]
pub struct Logging {
    explicit: Explicit,
    buffer: Option<Buffer>,
    redaction: Redaction,
    correlation_id_path: Option<String>,
    keys: Vec<(String, String)>,
    clock: Arc<dyn Clock>,
    output: Output,
}

impl Default for Logging {
    fn default() -> Self {
        Self::new()
    }
}

impl Logging {
    /// A log as the environment asks for it.
    ///
    /// # Example
    ///
    /// ```
    /// kiln::logging::Logging::new().init();
    /// ```
    pub fn new() -> Self {
        Self {
            explicit: Explicit::default(),
            buffer: None,
            redaction: Redaction::default(),
            correlation_id_path: None,
            keys: Vec::new(),
            clock: Arc::new(SystemClock),
            output: Output::Stdout,
        }
    }

    /// The most talkative level that is written, unless `AWS_LAMBDA_LOG_LEVEL` says otherwise.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::logging::{Level, Logging};
    ///
    /// Logging::new().level(Level::WARN).init();
    /// ```
    pub fn level(mut self, level: Level) -> Self {
        self.explicit.level = Some(level);
        self
    }

    /// The name of the service, in place of `POWERTOOLS_SERVICE_NAME`.
    ///
    /// # Example
    ///
    /// ```
    /// kiln::logging::Logging::new().service("orders").init();
    /// ```
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.explicit.service = Some(name.into());
        self
    }

    /// The share of invocations whose DEBUG lines are written, 0 to 1, in place of
    /// `POWERTOOLS_LOGGER_SAMPLE_RATE`. Anything else counts as 0.
    ///
    /// Lots are drawn for each invocation, and once for what is logged outside of any. Where
    /// `AWS_LAMBDA_LOG_LEVEL` is INFO or less, Lambda would drop DEBUG lines, and none are written.
    ///
    /// # Example
    ///
    /// ```
    /// kiln::logging::Logging::new().sample_rate(0.01).init();
    /// ```
    pub fn sample_rate(mut self, rate: f64) -> Self {
        self.explicit.sample_rate = Some(rate);
        self
    }

    /// Whether events are logged as they come, in place of `POWERTOOLS_LOGGER_LOG_EVENT`. Secrets in
    /// them are left out as everywhere, by their names.
    ///
    /// # Example
    ///
    /// ```
    /// kiln::logging::Logging::new().log_event(true).init();
    /// ```
    pub fn log_event(mut self, log: bool) -> Self {
        self.explicit.log_event = Some(log);
        self
    }

    /// JSON or text, in place of `KILN_LOGGER_FORMAT`.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::logging::{Format, Logging};
    ///
    /// Logging::new().format(Format::Text).init();
    /// ```
    pub fn format(mut self, format: Format) -> Self {
        self.explicit.format = Some(format);
        self
    }

    /// Keeps talkative lines back until an invocation fails.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::logging::{Buffer, Logging};
    ///
    /// Logging::new().buffer(Buffer::default()).init();
    /// ```
    pub fn buffer(mut self, buffer: Buffer) -> Self {
        self.buffer = Some(buffer);
        self
    }

    /// Names whose values are not logged, beside the usual ones.
    ///
    /// A name covers every field, and every member of JSON that is logged, that ends with it or its
    /// plural: in upper or lower case, with `_` and `-` or without. The usual ones are `password`,
    /// `passwd`, `pwd`, `passphrase`, `secret`, `secret_string`, `token`, `authorization`, `api_key`,
    /// `access_key`, `private_key`, `secret_key`, `credential` and `cookie`. They hold for the
    /// [metadata](crate::metrics::metadata) of metrics too.
    ///
    /// In text they are found where a value stands behind the name: `password: "…"` of a derived
    /// `Debug`, `token=…` of a query, JSON in a string of JSON. What has no name there is not found, nor
    /// what is encoded: `format!("hello {password}")`, or a body in base64.
    ///
    /// # Example
    ///
    /// ```
    /// // `customer_iban`, `IBANs` and `{"payer": {"iban": …}}` too.
    /// kiln::logging::Logging::new().redact(["iban"]).init();
    /// ```
    pub fn redact<N: AsRef<str>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        for name in names {
            self.redaction.add(name.as_ref());
        }
        self
    }

    /// No names but those given to [`redact`](Self::redact) from here on.
    ///
    /// # Example
    ///
    /// ```
    /// kiln::logging::Logging::new().redact_nothing_else().redact(["iban"]).init();
    /// ```
    pub fn redact_nothing_else(mut self) -> Self {
        self.redaction = Redaction::none();
        self
    }

    /// Where events have the id that is logged as `correlation_id`: a JSON pointer, such as those in
    /// [`correlation_paths`](super::correlation_paths).
    ///
    /// Below `headers`, names are compared without regard to case, and a header that is a list of its
    /// values counts by the first. A value that is no string, number or boolean is none.
    ///
    /// # Example
    ///
    /// ```
    /// kiln::logging::Logging::new().correlation_id_path("/detail/orderId").init();
    /// ```
    pub fn correlation_id_path(mut self, pointer: impl Into<String>) -> Self {
        self.correlation_id_path = Some(pointer.into());
        self
    }

    /// A key of every line. A value that is no JSON is logged as `null`; a field of the same name
    /// comes before it.
    ///
    /// # Example
    ///
    /// ```
    /// kiln::logging::Logging::new().key("team", "checkout").key("shard", 7).init();
    /// ```
    pub fn key(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        let name = name.into();
        let mut json = String::new();
        let text = serde_json::to_string(&value).unwrap_or_default();
        if self.redaction.covers(&name) {
            json.push_str(REDACTED);
        } else if !self.redaction.copy_json(&mut json, &text) {
            json.push_str("null");
        }
        self.keys.retain(|(known, _)| *known != name);
        self.keys.push((name, json));
        self
    }

    /// The clock of the timestamps, for tests.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::clock::SystemClock;
    ///
    /// kiln::logging::Logging::new().clock(SystemClock).init();
    /// ```
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Where lines go in place of stdout: each with one call of `write_all`, its line break included.
    ///
    /// See [`Captured`](super::Captured) for tests.
    ///
    /// # Example
    ///
    /// ```
    /// kiln::logging::Logging::new().writer(std::io::stderr()).init();
    /// ```
    pub fn writer(mut self, writer: impl Write + Send + 'static) -> Self {
        self.output = Output::to(writer);
        self
    }

    /// Logs from here on, unless a subscriber is set already; returns whether it does.
    ///
    /// # Example
    ///
    /// ```
    /// let first = kiln::logging::Logging::new().init();
    /// assert!(first);
    /// ```
    pub fn init(self) -> bool {
        let shared = self.shared();
        let subscriber = Registry::default().with(layer(Arc::clone(&shared)));
        let is_first = tracing::subscriber::set_global_default(subscriber).is_ok();
        if is_first {
            shared.redaction.hold();
            for setting in &shared.settings.ignored {
                warn!("a setting of the log means nothing and is ignored: `{setting}`");
            }
        }
        is_first
    }

    /// The log as a layer, for a subscriber of one's own.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::logging::Logging;
    /// use tracing_subscriber::prelude::*;
    ///
    /// tracing_subscriber::registry()
    ///     .with(Logging::new().layer())
    ///     .init();
    /// ```
    pub fn layer<S>(self) -> impl Layer<S> + Send + Sync + 'static
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        layer(self.shared())
    }

    fn shared(self) -> Arc<Shared> {
        let settings = Settings::read(|name| env::var(name).ok(), self.explicit);
        let shared = Shared {
            sampled: draw(settings.sample_rate, ""),
            settings,
            buffer: self.buffer,
            redaction: self.redaction,
            correlation_id_path: self.correlation_id_path,
            keys: self.keys,
            clock: self.clock,
            output: self.output,
        };
        shared.announce();
        Arc::new(shared)
    }
}

fn layer<S>(shared: Arc<Shared>) -> impl Layer<S> + Send + Sync + 'static
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    LogLayer(Arc::clone(&shared)).with_filter(LogFilter(shared))
}
