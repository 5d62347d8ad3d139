//! The function: everything that happens once per environment, then one report after another.

use lambda_runtime::{Error, service_fn, tracing};

#[tokio::main]
async fn main() -> Result<(), Error> {
    init_logs();
    // Threads start here, during init, which runs at full speed, rather than in the first report.
    rayon::ThreadPoolBuilder::new().build_global()?;
    lambda_runtime::run(service_fn(risk_report::handle)).await
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
