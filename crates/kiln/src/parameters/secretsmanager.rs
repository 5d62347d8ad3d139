//! Secrets Manager.

use aws_sdk_secretsmanager::Client;

use super::refusal::Call;
use super::{ParameterError, Provider, Query, Value, Version, sdk};

/// Secrets Manager, through the AWS SDK.
///
/// Names are names or ARNs. Secrets are strings or bytes: [`secret`](super::Parameters::secret) and
/// [`parameter`](super::Parameters::parameter). A [`Version`](super::Version) is an id, or a staging
/// label such as `AWSPREVIOUS`.
///
/// The function's role needs `secretsmanager:GetSecretValue`, and `kms:Decrypt` where the secret is
/// encrypted with a key of one's own.
///
/// # Example
///
/// ```no_run
/// use kiln::parameters::{Parameters, SecretsManager};
///
/// # async fn read(client: aws_sdk_secretsmanager::Client) -> Result<(), kiln::parameters::ParameterError> {
/// let secrets = Parameters::new(SecretsManager::new(client));
/// let password = secrets.secret("orders/database").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SecretsManager {
    client: Client,
}

impl SecretsManager {
    /// Through this client. Its configuration has the retries and timeouts.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
    /// use aws_sdk_secretsmanager::{Client, config};
    /// use kiln::parameters::{Parameters, SecretsManager};
    /// use std::time::Duration;
    ///
    /// # fn secrets(builder: config::Builder) {
    /// let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_secs(2)).build();
    /// // Of `config::Builder::from(&aws_config::load_from_env().await)`.
    /// let config = builder.timeout_config(timeouts).build();
    /// let secrets = Parameters::new(SecretsManager::new(Client::from_conf(config)));
    /// # }
    /// ```
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Provider for SecretsManager {
    async fn fetch(&self, query: &Query) -> Result<Value, ParameterError> {
        let request = self.client.get_secret_value().secret_id(&query.name);
        let request = match &query.version {
            None => request,
            Some(Version::Id(id)) => request.version_id(id),
            Some(Version::Stage(stage)) => request.version_stage(stage),
        };
        let output = request.send().await.map_err(|error| {
            let call = Call {
                name: &query.name,
                permission: "secretsmanager:GetSecretValue",
            };
            sdk::failed(call, &error)
        })?;
        match (output.secret_string, output.secret_binary) {
            (Some(text), _) => Ok(text.into()),
            (None, Some(bytes)) => Ok(bytes.into_inner().into()),
            (None, None) => Err(ParameterError::not_found(&query.name)),
        }
    }
}
