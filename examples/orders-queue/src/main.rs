//! The function: everything that happens once per environment, then one batch after another.

use lambda_runtime::{Error, service_fn, tracing};
use orders_queue::{StockRoom, handle};

#[tokio::main]
async fn main() -> Result<(), Error> {
    init_logs();
    // Built here, during init, which runs at full speed; clients and connection pools belong here.
    let warehouse = StockRoom::opening_stock();
    lambda_runtime::run(service_fn(|event| handle(event, &warehouse))).await
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
