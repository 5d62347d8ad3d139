//! SSM Parameter Store.

use std::collections::HashMap;

use aws_sdk_ssm::Client;
use futures_util::StreamExt as _;
use futures_util::stream;

use super::refusal::Call;
use super::{
    NamesProvider, ParameterError, PathProvider, Provider, Query, Value, Version, sdk, settings,
};

/// How many names one call may have.
///
/// Source: [GetParameters](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html).
const NAMES_PER_CALL: usize = 10;
/// How many calls are under way at once: the throughput of an account is 40 a second unless raised.
const CALLS_AT_ONCE: usize = 4;

/// SSM Parameter Store, through the AWS SDK.
///
/// Names are names or ARNs. Encrypted values (`SecureString`) stay encrypted unless told otherwise:
/// [`decrypt`](Self::decrypt), `POWERTOOLS_PARAMETERS_SSM_DECRYPT`, or
/// [that of the `Parameters`](super::Parameters::decrypt). A [`Version`](super::Version) is a number
/// or a label.
///
/// The function's role needs `ssm:GetParameter`, `ssm:GetParameters` for
/// [`get_many`](super::Parameters::get_many), `ssm:GetParametersByPath` for
/// [`get_by_path`](super::Parameters::get_by_path), and `kms:Decrypt` for what is encrypted with a key
/// of one's own.
///
/// # Example
///
/// ```no_run
/// use kiln::parameters::{Parameters, Ssm};
///
/// # async fn read(client: aws_sdk_ssm::Client) -> Result<(), kiln::parameters::ParameterError> {
/// let parameters = Parameters::new(Ssm::new(client).decrypt(true));
/// let url = parameters.get("/orders/url").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Ssm {
    client: Client,
    decrypt: bool,
}

impl Ssm {
    /// Through this client. Its configuration has the retries and timeouts.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use aws_sdk_ssm::config::retry::RetryConfig;
    /// use aws_sdk_ssm::{Client, config};
    /// use kiln::parameters::{Parameters, Ssm};
    ///
    /// # fn parameters(builder: config::Builder) {
    /// // Of `config::Builder::from(&aws_config::load_from_env().await)`.
    /// let config = builder.retry_config(RetryConfig::standard().with_max_attempts(2)).build();
    /// let parameters = Parameters::new(Ssm::new(Client::from_conf(config)));
    /// # }
    /// ```
    pub fn new(client: Client) -> Self {
        Self {
            client,
            decrypt: settings::decrypt(settings::variable),
        }
    }

    /// Whether encrypted values are decrypted.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::parameters::{Parameters, Ssm};
    ///
    /// # async fn read(client: aws_sdk_ssm::Client) -> Result<(), kiln::parameters::ParameterError> {
    /// // A `SecureString`, which would be ciphertext otherwise.
    /// let parameters = Parameters::new(Ssm::new(client).decrypt(true));
    /// let key = parameters.secret("/orders/key").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn decrypt(mut self, decrypt: bool) -> Self {
        self.decrypt = decrypt;
        self
    }

    fn decrypts(&self, query: &Query) -> bool {
        query.decrypt.unwrap_or(self.decrypt)
    }

    /// At most [`NAMES_PER_CALL`] of them, all decrypted or none.
    async fn fetch_batch(
        &self,
        queries: Vec<Query>,
        decrypt: bool,
    ) -> Vec<(Query, Result<Value, ParameterError>)> {
        // One name twice is refused.
        let mut names: Vec<String> = queries.iter().map(selector).collect();
        names.sort_unstable();
        names.dedup();
        let sent = self
            .client
            .get_parameters()
            .set_names(Some(names))
            .with_decryption(decrypt)
            .send()
            .await;
        let found = match sent {
            Ok(output) => output.parameters.unwrap_or_default(),
            Err(error) => {
                let call = Call {
                    name: "",
                    permission: "ssm:GetParameters",
                };
                let error = sdk::failed(call, &error);
                let failed = queries.into_iter().map(|query| {
                    let error = error.renamed(&query.name);
                    (query, Err(error))
                });
                return failed.collect();
            }
        };
        let mut values = HashMap::new();
        for parameter in found {
            let value = parameter.value.unwrap_or_default();
            // What was asked for by a version has the version beside its name.
            let version = parameter.selector.unwrap_or_default();
            for name in [parameter.name, parameter.arn].into_iter().flatten() {
                values.insert(format!("{name}{version}"), Value::from(value.as_str()));
            }
        }
        let answers = queries.into_iter().map(|query| {
            let value = values.get(&selector(&query)).cloned();
            let answer = value.ok_or_else(|| ParameterError::not_found(&query.name));
            (query, answer)
        });
        answers.collect()
    }
}

impl Provider for Ssm {
    async fn fetch(&self, query: &Query) -> Result<Value, ParameterError> {
        let sent = self
            .client
            .get_parameter()
            .name(selector(query))
            .with_decryption(self.decrypts(query))
            .send()
            .await;
        let output = sent.map_err(|error| {
            let call = Call {
                name: &query.name,
                permission: "ssm:GetParameter",
            };
            sdk::failed(call, &error)
        })?;
        let value = output.parameter.and_then(|parameter| parameter.value);
        value
            .map(Value::from)
            .ok_or_else(|| ParameterError::not_found(&query.name))
    }
}

impl PathProvider for Ssm {
    async fn fetch_path(&self, path: &Query) -> Result<Vec<(String, Value)>, ParameterError> {
        let pages = self
            .client
            .get_parameters_by_path()
            .path(&path.name)
            .recursive(path.recursive)
            .with_decryption(self.decrypts(path));
        let mut pages = pages.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                let call = Call {
                    name: &path.name,
                    permission: "ssm:GetParametersByPath",
                };
                sdk::failed(call, &error)
            })?;
            for parameter in page.parameters.unwrap_or_default() {
                let value = parameter.value.unwrap_or_default();
                found.push((parameter.name.unwrap_or_default(), value.into()));
            }
        }
        Ok(found)
    }
}

impl NamesProvider for Ssm {
    async fn fetch_names(
        &self,
        queries: Vec<Query>,
    ) -> Vec<(Query, Result<Value, ParameterError>)> {
        let (decrypted, plain): (Vec<_>, Vec<_>) =
            queries.into_iter().partition(|query| self.decrypts(query));
        let mut batches = Vec::new();
        for (queries, decrypt) in [(decrypted, true), (plain, false)] {
            for batch in queries.chunks(NAMES_PER_CALL) {
                batches.push(self.fetch_batch(batch.to_vec(), decrypt));
            }
        }
        let answers = stream::iter(batches).buffered(CALLS_AT_ONCE);
        answers.map(stream::iter).flatten().collect().await
    }
}

/// `name`, `name:3` or `name:label`.
fn selector(query: &Query) -> String {
    match &query.version {
        None => query.name.clone(),
        Some(Version::Id(version) | Version::Stage(version)) => {
            format!("{}:{version}", query.name)
        }
    }
}
