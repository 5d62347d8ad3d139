//! AppConfig.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sdk_appconfigdata::Client;

use super::refusal::Call;
use super::{ParameterError, Provider, Query, Value, sdk};
use crate::clock::{Clock, SystemClock};

/// How often the service is asked at most, where it does not say: its own default.
const POLL_INTERVAL: Duration = Duration::from_secs(60);

/// AppConfig, through the AWS SDK. Names are those of configuration profiles.
///
/// A configuration session is started for each profile, and asked for what has changed. AppConfig
/// wants to be asked once in a poll interval at most (60 s unless set): whoever asks earlier, by
/// [`force_fetch`](super::Parameters::force_fetch) too, gets what the last poll brought.
///
/// The function's role needs `appconfig:StartConfigurationSession` and
/// `appconfig:GetLatestConfiguration`.
///
/// Source: [AWS AppConfig Data API](https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_Operations_AWS_AppConfig_Data.html).
///
/// # Cancellation
/// A token is good for one call. One whose answer nobody has waited for is not used again: a new
/// session starts.
///
/// # Example
///
/// ```no_run
/// use kiln::parameters::{AppConfig, Parameters};
///
/// # async fn read(client: aws_sdk_appconfigdata::Client) -> Result<(), kiln::parameters::ParameterError> {
/// let parameters = Parameters::new(AppConfig::new(client, "shop", "production"));
/// let limits: serde_json::Value = parameters.get_json("limits").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AppConfig {
    client: Client,
    application: String,
    environment: String,
    poll_interval: Option<Duration>,
    clock: Arc<dyn Clock>,
    sessions: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<Session>>>>>,
}

/// Of one profile.
#[derive(Debug, Default)]
struct Session {
    /// For the next call, once.
    token: Option<String>,
    /// What the last call that had something brought.
    latest: Option<Value>,
    /// When the service wants to be asked again.
    due: Option<SystemTime>,
}

impl AppConfig {
    /// The configurations of an application in an environment, by names or ids.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::flags::FeatureFlags;
    /// use kiln::parameters::{AppConfig, Parameters};
    ///
    /// # fn flags(client: aws_sdk_appconfigdata::Client) {
    /// let store = Parameters::new(AppConfig::new(client, "shop", "production"));
    /// let flags = FeatureFlags::stored(store, "features");
    /// # }
    /// ```
    pub fn new(
        client: Client,
        application: impl Into<String>,
        environment: impl Into<String>,
    ) -> Self {
        Self {
            client,
            application: application.into(),
            environment: environment.into(),
            poll_interval: None,
            clock: Arc::new(SystemClock),
            sessions: Arc::default(),
        }
    }

    /// The poll interval that sessions ask for: 15 s to a day.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::parameters::AppConfig;
    /// use std::time::Duration;
    ///
    /// # fn configure(client: aws_sdk_appconfigdata::Client) {
    /// let store = AppConfig::new(client, "shop", "production")
    ///     .poll_interval(Duration::from_secs(15));
    /// # }
    /// ```
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = Some(interval);
        self
    }

    /// Poll intervals by this clock.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::parameters::AppConfig;
    /// use kiln::testing::FakeClock;
    ///
    /// # fn configure(client: aws_sdk_appconfigdata::Client) {
    /// let clock = FakeClock::at_epoch_seconds(1_700_000_000);
    /// let store = AppConfig::new(client, "shop", "production").clock(clock.clone());
    /// # }
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn session(&self, profile: &str) -> Arc<tokio::sync::Mutex<Session>> {
        // An entry is made in one step: whole whoever panicked meanwhile.
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.entry(profile.to_owned()).or_default().clone()
    }

    async fn start(&self, profile: &str) -> Result<String, ParameterError> {
        let interval = self.poll_interval.map(|interval| {
            // The service refuses what is out of its bounds.
            i32::try_from(interval.as_secs()).unwrap_or(i32::MAX)
        });
        let started = self
            .client
            .start_configuration_session()
            .application_identifier(&self.application)
            .environment_identifier(&self.environment)
            .configuration_profile_identifier(profile)
            .set_required_minimum_poll_interval_in_seconds(interval)
            .send()
            .await;
        let started = started.map_err(|error| {
            let call = Call {
                name: profile,
                permission: "appconfig:StartConfigurationSession",
            };
            sdk::failed(call, &error)
        })?;
        started
            .initial_configuration_token
            .ok_or_else(|| ParameterError::refused(profile, "the session has no token"))
    }
}

impl Session {
    /// What changed since the last call.
    async fn poll(&mut self, of: &AppConfig, profile: &str) -> Result<(), ParameterError> {
        let resumed = self.token.take();
        let resumes = resumed.is_some();
        let token = match resumed {
            Some(token) => token,
            None => of.start(profile).await?,
        };
        let latest = of.client.get_latest_configuration();
        let output = match latest.configuration_token(token).send().await {
            Ok(output) => output,
            // It has expired after a day, as in an environment that was frozen: a new one, once.
            Err(error)
                if resumes
                    && error
                        .as_service_error()
                        .is_some_and(|error| error.is_bad_request_exception()) =>
            {
                return Box::pin(self.poll(of, profile)).await;
            }
            Err(error) => {
                let call = Call {
                    name: profile,
                    permission: "appconfig:GetLatestConfiguration",
                };
                return Err(sdk::failed(call, &error));
            }
        };
        self.token = output.next_poll_configuration_token;
        let seconds = u64::try_from(output.next_poll_interval_in_seconds);
        let seconds = seconds.ok().filter(|seconds| *seconds > 0);
        let interval = seconds.map_or(POLL_INTERVAL, Duration::from_secs);
        self.due = of.clock.now().checked_add(interval);
        let body = output.configuration.map(|blob| blob.into_inner());
        // Empty: nothing has changed. Of a new session it is the configuration.
        match body.filter(|body| !body.is_empty()) {
            Some(body) => self.latest = Some(body.into()),
            None if !resumes => self.latest = Some(Value::from("")),
            None => {}
        }
        Ok(())
    }
}

impl Provider for AppConfig {
    async fn fetch(&self, query: &Query) -> Result<Value, ParameterError> {
        let session = self.session(&query.name);
        let mut session = session.lock().await;
        let is_due = session.due.is_none_or(|due| due <= self.clock.now());
        if is_due || session.latest.is_none() {
            session.poll(self, &query.name).await?;
        }
        let latest = session.latest.clone();
        latest.ok_or_else(|| ParameterError::not_found(&query.name))
    }
}

impl fmt::Debug for AppConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppConfig")
            .field("application", &self.application)
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}
