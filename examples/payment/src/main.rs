//! The function: everything that happens once per environment, then one payment after another.

use std::env;

use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use kiln::idempotency::{DynamoDbStore, MemoryStore, Store};
use kiln::logging::{info, warn};
use kiln::{Error, service_fn};
use payment::{Bank, SetupError, Till};

/// The variable that names the table.
const TABLE: &str = "IDEMPOTENCY_TABLE";

fn main() -> Result<(), Error> {
    kiln::builder()
        .init(init)
        .run_http(|till| service_fn(|request| till.pay(request)))
}

async fn init() -> Result<Till, SetupError> {
    let bank = env::var("BANK_URL").map_err(|_| SetupError::MissingVariable("BANK_URL"))?;
    Ok(Till::new(store().await, Bank::new(bank))?)
}

/// The table that the function is told, or memory.
async fn store() -> Box<dyn Store> {
    let Ok(table) = env::var(TABLE) else {
        warn!(
            "{TABLE} is not set: payments are kept in the memory of this environment, and others do not see them"
        );
        return Box::new(MemoryStore::new());
    };
    info!(table, "payments are kept in DynamoDB");
    let https = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let config = aws_config::from_env().http_client(https).load().await;
    let client = aws_sdk_dynamodb::Client::new(&config);
    Box::new(DynamoDbStore::new(client, table))
}
