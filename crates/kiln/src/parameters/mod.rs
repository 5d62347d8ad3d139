//! Cached parameters and secrets.
//!
//! [`Parameters`] reads from a [`Provider`]: SSM Parameter Store, Secrets Manager, AppConfig, a
//! table of DynamoDB, the AWS Parameters and Secrets extension, or one's own. It asks once for many callers, keeps the answer
//! for five minutes, and can serve an old one while the store is down or a newer one is under way.
//!
//! # Example
//!
//! ```
//! use kiln::parameters::{InMemory, Parameters};
//! use serde::Deserialize;
//! use std::time::Duration;
//!
//! #[derive(Deserialize)]
//! struct Limits {
//!     orders: u32,
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), kiln::parameters::ParameterError> {
//! // During init, once per environment. `InMemory` is for tests.
//! let store = InMemory::from([("/shop/limits", r#"{"orders": 5}"#), ("/shop/key", "pa55")]);
//! let parameters = Parameters::new(store)
//!     .max_age(Duration::from_secs(60))
//!     .stale_if_error(Duration::from_secs(3_600));
//!
//! // In the handler: from memory, unless it is older than a minute.
//! let limits: Limits = parameters.get_json("/shop/limits").await?;
//! assert_eq!(limits.orders, 5);
//! let key = parameters.secret("/shop/key").await?;
//! assert_eq!(format!("{key:?}"), "[secret]");
//! # Ok(())
//! # }
//! ```
//!
//! # Environments are frozen
//!
//! Between two invocations nothing runs, and that may last for hours. So
//! [`stale_while_revalidate`](Parameters::stale_while_revalidate) saves callers the wait, and
//! promises no more: what a refresh has not done when the invocation ends goes on with the next one.
//! The age of a value counts from the beginning of its fetch, by the time of day, and no value is
//! served beyond the limits that were set, whatever has happened to its refresh.

#[cfg(feature = "parameters-appconfig")]
mod appconfig;
mod cache;
#[cfg(feature = "parameters-dynamodb")]
mod dynamodb;
mod error;
#[cfg(feature = "parameters-extension")]
mod extension;
mod many;
mod memory;
mod provider;
mod reader;
#[cfg(any(
    feature = "parameters-appconfig",
    feature = "parameters-dynamodb",
    feature = "parameters-extension",
    feature = "parameters-secretsmanager",
    feature = "parameters-ssm"
))]
mod refusal;
#[cfg(any(
    feature = "parameters-appconfig",
    feature = "parameters-dynamodb",
    feature = "parameters-secretsmanager",
    feature = "parameters-ssm"
))]
mod sdk;
mod secret;
#[cfg(feature = "parameters-secretsmanager")]
mod secretsmanager;
mod settings;
#[cfg(feature = "parameters-ssm")]
mod ssm;
#[cfg(test)]
mod tests;
mod value;

#[cfg(feature = "parameters-appconfig")]
pub use appconfig::AppConfig;
#[cfg(feature = "parameters-dynamodb")]
pub use dynamodb::DynamoDb;
pub use error::ParameterError;
#[cfg(feature = "parameters-extension")]
pub use extension::Extension;
pub use many::{Many, Wanted};
pub use memory::InMemory;
pub use provider::{AnyProvider, NamesProvider, PathProvider, Provider, Query, Version};
pub use reader::Parameters;
pub use secret::Secret;
#[cfg(feature = "parameters-secretsmanager")]
pub use secretsmanager::SecretsManager;
#[cfg(feature = "parameters-ssm")]
pub use ssm::Ssm;
pub use value::{Parameter, Transform, Value};
