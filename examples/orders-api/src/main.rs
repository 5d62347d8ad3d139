//! The function: everything that happens once per environment, then one request after another.

use lambda_http::{Error, tracing};
use orders_api::OrderBook;

#[tokio::main]
async fn main() -> Result<(), Error> {
    init_logs();
    // Built here, during init, which runs at full speed; clients and connection pools belong here.
    let book = OrderBook::default();
    lambda_http::run(orders_api::service(book)).await
}

/// One JSON object per line, with the level and the request id as fields to search by.
fn init_logs() {
    use tracing::subscriber::{EnvFilter, filter::LevelFilter, fmt};

    let level = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        // Set by Lambda's logging configuration.
        .with_env_var("AWS_LAMBDA_LOG_LEVEL")
        .from_env_lossy();
    fmt()
        .json()
        .with_env_filter(level)
        .with_target(false)
        .init();
}
