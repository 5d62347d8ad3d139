//! The store in a table of DynamoDB.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use super::record::{Record, Status, milliseconds};
use super::store::{Saved, Store, StoreError, StoreFuture};
use crate::environment;

type Item = HashMap<String, AttributeValue>;

/// A store in a table of DynamoDB, shared by all environments and functions that use it, in Rust and,
/// through Powertools, in Python.
///
/// The table has a partition key `id` (a text), and time to live on `expiration`. The function needs
/// the permissions `dynamodb:PutItem`, `UpdateItem`, `DeleteItem` and `GetItem`. Items are those of
/// Powertools for Python, with the ids that it computes: the answer is JSON in a text.
///
/// To begin is one conditional write, which answers with the record there is.
///
/// Source: [idempotency of Powertools](https://docs.aws.amazon.com/powertools/python/latest/utilities/idempotency/#required-resources).
///
/// # Errors
/// What the SDK says after its retries, as a [`StoreError`] with the service's code.
///
/// # Example
///
/// ```no_run
/// use kiln::idempotency::{DynamoDbStore, Idempotency};
///
/// # fn example(client: aws_sdk_dynamodb::Client) -> Result<(), kiln::idempotency::SettingsError> {
/// let store = DynamoDbStore::new(client, "idempotency");
/// let idempotency = Idempotency::builder(store).name("charge").build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DynamoDbStore {
    client: Client,
    table: String,
    names: Names,
    /// Of a table with a sort key, what all records have as their partition key.
    partition: Option<String>,
}

/// The attributes of an item.
#[derive(Clone, Debug)]
struct Names {
    id: String,
    /// Of a table that has a sort key.
    sort: Option<String>,
    expiration: String,
    in_progress_expiration: String,
    status: String,
    data: String,
    validation: String,
}

impl DynamoDbStore {
    /// In this table.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::idempotency::{DynamoDbStore, Idempotency};
    ///
    /// # fn example(client: aws_sdk_dynamodb::Client) {
    /// // The table has the partition key `id`.
    /// let idempotency = Idempotency::new(DynamoDbStore::new(client, "idempotency"));
    /// # }
    /// ```
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
            names: Names {
                id: "id".to_owned(),
                sort: None,
                expiration: "expiration".to_owned(),
                in_progress_expiration: "in_progress_expiration".to_owned(),
                status: "status".to_owned(),
                data: "data".to_owned(),
                validation: "validation".to_owned(),
            },
            partition: None,
        }
    }

    /// The attribute of the partition key; unless said otherwise, `id`.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # use kiln::idempotency::DynamoDbStore;
    /// # fn example(client: aws_sdk_dynamodb::Client) {
    /// // A table of other things too.
    /// let store = DynamoDbStore::new(client, "shop")
    ///     .key_attribute("pk")
    ///     .sort_key_attribute("sk")
    ///     .partition("idempotency#payment")
    ///     .expiration_attribute("ttl");
    /// # }
    /// ```
    pub fn key_attribute(mut self, name: impl Into<String>) -> Self {
        self.names.id = name.into();
        self
    }

    /// The attribute of the sort key, of a table that has one: the record's id stands there, and in
    /// the partition key `idempotency#<function>`, or what [`partition`](Self::partition) says.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # use kiln::idempotency::DynamoDbStore;
    /// # fn example(client: aws_sdk_dynamodb::Client) {
    /// // Of the function `checkout`: `pk` is `idempotency#checkout`, and `sk` the record's id.
    /// let store = DynamoDbStore::new(client, "shop")
    ///     .key_attribute("pk")
    ///     .sort_key_attribute("sk");
    /// # }
    /// ```
    pub fn sort_key_attribute(mut self, name: impl Into<String>) -> Self {
        self.names.sort = Some(name.into());
        self.partition.get_or_insert_with(|| {
            let function = environment::current().function_name.as_deref();
            format!("idempotency#{}", function.unwrap_or_default())
        });
        self
    }

    /// The partition key of all records, of a table with a sort key.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # use kiln::idempotency::DynamoDbStore;
    /// # fn example(client: aws_sdk_dynamodb::Client) {
    /// // Two functions that must not both charge one order share their records.
    /// let store = DynamoDbStore::new(client, "shop")
    ///     .sort_key_attribute("sk")
    ///     .partition("idempotency#payment");
    /// # }
    /// ```
    pub fn partition(mut self, value: impl Into<String>) -> Self {
        self.partition = Some(value.into());
        self
    }

    /// The attribute of the time to live, in seconds since 1970; unless said otherwise, `expiration`.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # use kiln::idempotency::DynamoDbStore;
    /// # fn example(client: aws_sdk_dynamodb::Client) {
    /// // The table's time to live is on `ttl` already, for its other items.
    /// let store = DynamoDbStore::new(client, "shop").expiration_attribute("ttl");
    /// # }
    /// ```
    pub fn expiration_attribute(mut self, name: impl Into<String>) -> Self {
        self.names.expiration = name.into();
        self
    }

    /// The attribute of the time an execution may be in progress, in milliseconds since 1970; unless
    /// said otherwise, `in_progress_expiration`.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # use kiln::idempotency::DynamoDbStore;
    /// # fn example(client: aws_sdk_dynamodb::Client) {
    /// // As the functions name it that use this table already.
    /// let store = DynamoDbStore::new(client, "shop")
    ///     .in_progress_expiration_attribute("inProgressExpiration");
    /// # }
    /// ```
    pub fn in_progress_expiration_attribute(mut self, name: impl Into<String>) -> Self {
        self.names.in_progress_expiration = name.into();
        self
    }

    /// The attribute of the status; unless said otherwise, `status`.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # use kiln::idempotency::DynamoDbStore;
    /// # fn example(client: aws_sdk_dynamodb::Client) {
    /// // An index of the table is on `status`, for its other items: keep records out of it.
    /// let store = DynamoDbStore::new(client, "shop").status_attribute("idempotency_status");
    /// # }
    /// ```
    pub fn status_attribute(mut self, name: impl Into<String>) -> Self {
        self.names.status = name.into();
        self
    }

    /// The attribute of the answer; unless said otherwise, `data`.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # use kiln::idempotency::DynamoDbStore;
    /// # fn example(client: aws_sdk_dynamodb::Client) {
    /// // The table has `data` for something else.
    /// let store = DynamoDbStore::new(client, "shop").data_attribute("answer");
    /// # }
    /// ```
    pub fn data_attribute(mut self, name: impl Into<String>) -> Self {
        self.names.data = name.into();
        self
    }

    /// The attribute of the payload's hash; unless said otherwise, `validation`.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # use kiln::idempotency::DynamoDbStore;
    /// # fn example(client: aws_sdk_dynamodb::Client) {
    /// // Where the functions have the payload's hash that use this table already.
    /// let store = DynamoDbStore::new(client, "shop").validation_attribute("payload_hash");
    /// # }
    /// ```
    pub fn validation_attribute(mut self, name: impl Into<String>) -> Self {
        self.names.validation = name.into();
        self
    }

    fn key(&self, id: &str) -> Item {
        let partition_key = self.names.id.clone();
        match (&self.names.sort, &self.partition) {
            (Some(sort), Some(partition)) => {
                Item::from([(partition_key, text(partition)), (sort.clone(), text(id))])
            }
            _ => Item::from([(partition_key, text(id))]),
        }
    }

    fn record(&self, id: &str, item: &Item) -> Result<Record, StoreError> {
        let malformed = |name: &str| {
            StoreError::new(
                "read a record",
                format!("the attribute `{name}` is malformed"),
            )
        };
        let names = &self.names;
        let in_text = |name: &str| match item.get(name) {
            None | Some(AttributeValue::Null(_)) => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text.clone())),
            Some(_) => Err(malformed(name)),
        };
        let in_number = |name: &str| match item.get(name) {
            None | Some(AttributeValue::Null(_)) => Ok(None),
            Some(AttributeValue::N(number)) => {
                number.parse().map(Some).map_err(|_error| malformed(name))
            }
            Some(_) => Err(malformed(name)),
        };
        let status = in_text(&names.status)?.as_deref().and_then(Status::parse);
        let expiration = in_number(&names.expiration)?;
        Ok(Record {
            id: id.to_owned(),
            status: status.ok_or_else(|| malformed(&names.status))?,
            expiration: expiration.ok_or_else(|| malformed(&names.expiration))?,
            in_progress_expiration: in_number(&names.in_progress_expiration)?,
            data: in_text(&names.data)?,
            validation: in_text(&names.validation)?,
        })
    }

    async fn put(&self, record: &Record, now: Duration) -> Result<Saved, StoreError> {
        const TO_DO: &str = "save the record of an execution that begins";
        let names = &self.names;
        let mut item = self.key(&record.id);
        item.insert(names.status.clone(), text(record.status.as_str()));
        item.insert(names.expiration.clone(), number(record.expiration));
        if let Some(until) = record.in_progress_expiration {
            item.insert(names.in_progress_expiration.clone(), number(until));
        }
        if let Some(validation) = &record.validation {
            item.insert(names.validation.clone(), text(validation));
        }
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(
                "attribute_not_exists(#id) OR #expiry < :now OR \
                 (#status = :inprogress AND attribute_exists(#in_progress_expiry) \
                 AND #in_progress_expiry < :now_in_millis)",
            )
            .expression_attribute_names("#id", &names.id)
            .expression_attribute_names("#expiry", &names.expiration)
            .expression_attribute_names("#status", &names.status)
            .expression_attribute_names("#in_progress_expiry", &names.in_progress_expiration)
            .expression_attribute_values(":now", number(now.as_secs()))
            .expression_attribute_values(":now_in_millis", number(milliseconds(now)))
            .expression_attribute_values(":inprogress", text(Status::InProgress.as_str()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = put.send().await else {
            return Ok(Saved::New);
        };
        let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error()
        else {
            return Err(failure(TO_DO, error));
        };
        match failed.item() {
            Some(existing) => self.record(&record.id, existing).map(Saved::Exists),
            // An endpoint that knows nothing of `ALL_OLD`.
            None => self.get(&record.id).await,
        }
    }

    async fn get(&self, id: &str) -> Result<Saved, StoreError> {
        const TO_DO: &str = "read the record there is";
        let get = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(self.key(id)))
            .consistent_read(true);
        let found = get.send().await.map_err(|error| failure(TO_DO, error))?;
        match found.item() {
            Some(existing) => self.record(id, existing).map(Saved::Exists),
            // Gone meanwhile: expired, for those who look again.
            None => {
                let mut gone = Record::in_progress(id, 0);
                gone.status = Status::Expired;
                Ok(Saved::Exists(gone))
            }
        }
    }

    async fn update(&self, record: &Record) -> Result<(), StoreError> {
        let names = &self.names;
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(self.key(&record.id)))
            .expression_attribute_names("#data", &names.data)
            .expression_attribute_names("#expiry", &names.expiration)
            .expression_attribute_names("#status", &names.status)
            .expression_attribute_values(":data", text(record.data.as_deref().unwrap_or("null")))
            .expression_attribute_values(":expiry", number(record.expiration))
            .expression_attribute_values(":status", text(record.status.as_str()));
        let mut expression = "SET #data = :data, #expiry = :expiry, #status = :status".to_owned();
        if let Some(validation) = &record.validation {
            expression.push_str(", #validation = :validation");
            update = update
                .expression_attribute_names("#validation", &names.validation)
                .expression_attribute_values(":validation", text(validation));
        }
        let updated = update.update_expression(expression).send().await;
        updated.map_err(|error| failure("save the answer of an execution", error))?;
        Ok(())
    }

    async fn remove(&self, id: &str) -> Result<(), StoreError> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(self.key(id)));
        let deleted = delete.send().await;
        deleted.map_err(|error| failure("delete the record of an execution that failed", error))?;
        Ok(())
    }
}

impl Store for DynamoDbStore {
    fn save_in_progress<'a>(&'a self, record: &'a Record, now: Duration) -> StoreFuture<'a, Saved> {
        Box::pin(self.put(record, now))
    }

    fn save_completed<'a>(&'a self, record: &'a Record) -> StoreFuture<'a, ()> {
        Box::pin(self.update(record))
    }

    fn delete<'a>(&'a self, id: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(self.remove(id))
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn failure<E, R>(to_do: &'static str, error: SdkError<E, R>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let code = error.code().map(str::to_owned);
    let failed = StoreError::new(to_do, error);
    match code {
        Some(code) => failed.code(code),
        None => failed,
    }
}
