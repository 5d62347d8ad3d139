//! The function: everything that happens once per environment, then one event after another.

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use kiln::parameters::{AnyProvider, Extension, Parameters, SecretsManager};
use kiln::{Error, service_fn};
use secrets::{Function, LocalDatabase, MissingVariable};

fn main() -> Result<(), Error> {
    kiln::builder()
        .init(init)
        .run_http(|function| service_fn(|request| function.answer(request)))
}

async fn init() -> Result<Function<LocalDatabase>, MissingVariable> {
    let name = std::env::var("DATABASE_SECRET").map_err(|_| MissingVariable("DATABASE_SECRET"))?;
    let secrets = Parameters::new(store().await);
    Ok(Function::new(name, secrets, LocalDatabase))
}

/// The extension where its layer is there, for it answers without TLS; else the SDK.
async fn store() -> AnyProvider {
    if Extension::is_present() {
        return AnyProvider::new(Extension::secrets_manager());
    }
    let https = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let config = aws_config::from_env().http_client(https).load().await;
    AnyProvider::new(SecretsManager::new(aws_sdk_secretsmanager::Client::new(
        &config,
    )))
}
