//! The function: everything that happens once per environment, then one payment after another.

use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use kiln::Error;
use kiln::idempotency::{DynamoDbStore, MemoryStore, Store};
use payment::Till;

/// The variable that names the table.
const TABLE: &str = "IDEMPOTENCY_TABLE";

fn main() -> Result<(), Error> {
    kiln::builder()
        .init(async || Till::new(store().await))
        .run(Till::pay)
}

/// The table that the function is told, or memory.
async fn store() -> Box<dyn Store> {
    let Ok(table) = std::env::var(TABLE) else {
        tracing::warn!(
            "{TABLE} is not set: payments are kept in the memory of this environment, and others do not see them"
        );
        return Box::new(MemoryStore::new());
    };
    tracing::info!(table, "payments are kept in DynamoDB");
    let https = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let config = aws_config::from_env().http_client(https).load().await;
    let client = aws_sdk_dynamodb::Client::new(&config);
    Box::new(DynamoDbStore::new(client, table))
}
