//! A table of DynamoDB.

use std::fmt::Write as _;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::get_item::GetItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::refusal::Call;
use super::{ParameterError, PathProvider, Provider, Query, Value, sdk};

/// A table of DynamoDB, through the AWS SDK: the table that Powertools reads.
///
/// A name is the partition key `id` of an item whose attribute `value` is the parameter. A path is the
/// partition key of several items, which their sort key `sk` tells apart:
/// [`get_by_path`](super::Parameters::get_by_path) reads all of them, page by page, by their sort key.
/// A table has a sort key or not, and so one of the two ways to be read.
///
/// Texts and bytes are read as they are. What else a value may be is read as JSON: numbers, lists, maps,
/// sets as lists, and bytes within them in base64. `NULL` is no value. Reads are eventually consistent.
/// Versions and decryption mean nothing here.
///
/// The function's role needs `dynamodb:GetItem`, and `dynamodb:Query` for
/// [`get_by_path`](super::Parameters::get_by_path).
///
/// Source: [the DynamoDBProvider of Powertools](https://docs.aws.amazon.com/powertools/python/latest/utilities/parameters/#dynamodbprovider).
///
/// # Example
///
/// ```no_run
/// use kiln::parameters::{DynamoDb, Parameters};
///
/// # async fn read(client: aws_sdk_dynamodb::Client) -> Result<(), kiln::parameters::ParameterError> {
/// let parameters = Parameters::new(DynamoDb::new(client, "parameters"));
/// // Of the item `{"id": "orders-url", "value": "https://example.com"}`.
/// let url = parameters.get("orders-url").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DynamoDb {
    client: Client,
    table: String,
    key: String,
    sort_key: String,
    value: String,
}

impl DynamoDb {
    /// This table, through this client. Its configuration has the retries and timeouts.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use aws_sdk_dynamodb::config::retry::RetryConfig;
    /// use aws_sdk_dynamodb::{Client, config};
    /// use kiln::parameters::{DynamoDb, Parameters};
    ///
    /// # fn parameters(builder: config::Builder) {
    /// // Of `config::Builder::from(&aws_config::load_from_env().await)`.
    /// let config = builder.retry_config(RetryConfig::standard().with_max_attempts(2)).build();
    /// let parameters = Parameters::new(DynamoDb::new(Client::from_conf(config), "parameters"));
    /// # }
    /// ```
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
            key: "id".to_owned(),
            sort_key: "sk".to_owned(),
            value: "value".to_owned(),
        }
    }

    /// The attribute of the partition key; unless said otherwise, `id`.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::parameters::{DynamoDb, Parameters};
    ///
    /// # fn parameters(client: aws_sdk_dynamodb::Client) {
    /// // A table of other things too.
    /// let store = DynamoDb::new(client, "shop")
    ///     .key_attribute("pk")
    ///     .sort_key_attribute("name")
    ///     .value_attribute("setting");
    /// let parameters = Parameters::new(store);
    /// # }
    /// ```
    #[must_use]
    pub fn key_attribute(mut self, name: impl Into<String>) -> Self {
        self.key = name.into();
        self
    }

    /// The attribute of the sort key, which tells apart what is below a path; unless said otherwise,
    /// `sk`.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::parameters::{DynamoDb, Parameters};
    ///
    /// # async fn read(client: aws_sdk_dynamodb::Client) -> Result<(), kiln::parameters::ParameterError> {
    /// let store = DynamoDb::new(client, "parameters").sort_key_attribute("name");
    /// // Of `{"id": "orders", "name": "url", …}` and `{"id": "orders", "name": "limit", …}`.
    /// let found = Parameters::new(store).get_by_path("orders").await?;
    /// assert!(found.values.keys().eq(["limit", "url"]));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn sort_key_attribute(mut self, name: impl Into<String>) -> Self {
        self.sort_key = name.into();
        self
    }

    /// The attribute of the value; unless said otherwise, `value`.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::parameters::{DynamoDb, Parameters};
    ///
    /// # async fn read(client: aws_sdk_dynamodb::Client) -> Result<(), kiln::parameters::ParameterError> {
    /// // Of the item `{"id": "orders-limit", "setting": 100}`.
    /// let store = DynamoDb::new(client, "parameters").value_attribute("setting");
    /// let limit: u32 = Parameters::new(store).get_json("orders-limit").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn value_attribute(mut self, name: impl Into<String>) -> Self {
        self.value = name.into();
        self
    }

    /// A table that does not exist is no parameter that does not.
    fn failed<E>(&self, call: Call<'_>, error: &SdkError<E, HttpResponse>) -> ParameterError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        if error.code() == Some("ResourceNotFoundException") {
            let reason = format!("there is no table `{}`", self.table);
            return ParameterError::refused(call.name, reason);
        }
        sdk::failed(call, error)
    }

    /// The value of an item, unless it is `NULL`.
    fn value(&self, name: &str, found: Option<&AttributeValue>) -> Result<Value, ParameterError> {
        match found {
            Some(AttributeValue::S(text)) => Ok(text.as_str().into()),
            Some(AttributeValue::B(bytes)) => Ok(bytes.as_ref().to_vec().into()),
            Some(AttributeValue::Null(_)) => Err(ParameterError::not_found(name)),
            Some(other) => {
                let mut json = String::new();
                write_json(other, &mut json);
                Ok(json.into())
            }
            None => {
                let reason = format!("its item has no attribute `{}`", self.value);
                Err(ParameterError::refused(name, reason))
            }
        }
    }
}

impl Provider for DynamoDb {
    async fn fetch(&self, query: &Query) -> Result<Value, ParameterError> {
        let name = query.name.as_str();
        let get = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(&self.key, AttributeValue::S(name.to_owned()));
        let output = get.send().await.map_err(|error: SdkError<GetItemError>| {
            let call = Call {
                name,
                permission: "dynamodb:GetItem",
            };
            self.failed(call, &error)
        })?;
        let item = output.item.ok_or_else(|| ParameterError::not_found(name))?;
        self.value(name, item.get(&self.value))
    }
}

impl PathProvider for DynamoDb {
    async fn fetch_path(&self, path: &Query) -> Result<Vec<(String, Value)>, ParameterError> {
        let pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("#key = :path")
            .expression_attribute_names("#key", &self.key)
            .expression_attribute_values(":path", AttributeValue::S(path.name.clone()));
        let mut pages = pages.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                let call = Call {
                    name: &path.name,
                    permission: "dynamodb:Query",
                };
                self.failed(call, &error)
            })?;
            for item in page.items.unwrap_or_default() {
                let below = match item.get(&self.sort_key) {
                    Some(AttributeValue::S(text) | AttributeValue::N(text)) => text,
                    _ => {
                        let reason = format!("an item has no sort key `{}`", self.sort_key);
                        return Err(ParameterError::refused(&path.name, reason));
                    }
                };
                if !path.recursive && below.contains('/') {
                    continue;
                }
                let name = format!("{}/{below}", path.name);
                match self.value(&name, item.get(&self.value)) {
                    Ok(value) => found.push((name, value)),
                    Err(ParameterError::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(found)
    }
}

/// What is neither a text nor bytes, as JSON. Numbers keep all their digits.
fn write_json(value: &AttributeValue, out: &mut String) {
    // Writing to a string does not fail.
    match value {
        AttributeValue::S(text) => write_string(text, out),
        AttributeValue::N(number) => out.push_str(number),
        AttributeValue::Bool(value) => {
            let _infallible = write!(out, "{value}");
        }
        AttributeValue::B(bytes) => write_string(&STANDARD.encode(bytes), out),
        AttributeValue::L(values) => write_list(values, write_json, out),
        AttributeValue::Ss(texts) => write_list(texts, |text, out| write_string(text, out), out),
        AttributeValue::Ns(numbers) => {
            write_list(numbers, |number, out| out.push_str(number), out);
        }
        AttributeValue::Bs(all) => {
            write_list(
                all,
                |bytes, out| write_string(&STANDARD.encode(bytes), out),
                out,
            );
        }
        AttributeValue::M(values) => {
            let mut sorted: Vec<_> = values.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (index, (name, value)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(name, out);
                out.push(':');
                write_json(value, out);
            }
            out.push('}');
        }
        // `NULL`, and what the SDK does not know.
        _ => out.push_str("null"),
    }
}

fn write_string(text: &str, out: &mut String) {
    let _infallible = write!(out, "{}", serde_json::Value::from(text));
}

fn write_list<T>(values: &[T], write: impl Fn(&T, &mut String), out: &mut String) {
    out.push('[');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(value, out);
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use aws_sdk_dynamodb::primitives::Blob;

    use super::*;

    #[test]
    fn what_is_no_text_is_json() {
        use AttributeValue::{B, Bool, Bs, L, M, N, Ns, Null, S, Ss};

        let text = |text: &str| S(text.to_owned());
        let number = |text: &str| N(text.to_owned());
        let of = |text: &str| text.to_owned();
        let exact = "12345678901234567890.12345678901234567";
        for (value, json) in [
            (number("100"), "100"),
            (number(exact), exact),
            (Bool(true), "true"),
            (
                L(vec![text("a\"b"), number("1"), Null(true)]),
                r#"["a\"b",1,null]"#,
            ),
            (L(vec![]), "[]"),
            (Ss(vec![of("grün"), of("a")]), r#"["grün","a"]"#),
            (Ns(vec![of("1"), of("-2.5")]), "[1,-2.5]"),
            (L(vec![B(Blob::new([0, 1, 2]))]), r#"["AAEC"]"#),
            (Bs(vec![Blob::new([0, 1, 2])]), r#"["AAEC"]"#),
            (
                M(HashMap::from([
                    (of("b"), M(HashMap::new())),
                    (of("a"), Bool(false)),
                ])),
                r#"{"a":false,"b":{}}"#,
            ),
        ] {
            let mut written = String::new();
            write_json(&value, &mut written);
            assert_eq!(written, json);
            serde_json::from_str::<serde_json::Value>(&written).unwrap();
        }
    }
}
