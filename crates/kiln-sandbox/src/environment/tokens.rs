//! What opens the parts of the environment's listener that are not for everybody.

use std::net::SocketAddr;

use kiln_protocol::metadata_api::{CREDENTIALS_PATH, Credentials};
use uuid::Uuid;

use super::Environment;

/// Secrets of one environment.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// For what it tells about itself.
    pub(crate) metadata: String,
    /// For its role's credentials.
    pub(crate) credentials: String,
}

impl Tokens {
    pub(super) fn new() -> Self {
        let token = || Uuid::new_v4().to_string();
        Self {
            metadata: token(),
            credentials: token(),
        }
    }
}

impl Environment {
    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    pub(crate) fn region(&self) -> &str {
        &self.config.identity.region
    }

    /// The credentials to hand out; none where processes have them in their variables.
    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        self.config.launch.as_ref()?.credentials.as_ref()
    }

    /// The variables of a process that say where the environment's APIs are, and what opens them.
    pub(super) fn api_variables(&self, address: SocketAddr) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            (super::launch::RUNTIME_API, address.to_string()),
            ("AWS_LAMBDA_METADATA_API", address.to_string()),
            ("AWS_LAMBDA_METADATA_TOKEN", self.tokens.metadata.clone()),
        ];
        if self.credentials().is_some() {
            let uri = format!("http://{address}{CREDENTIALS_PATH}");
            let token = self.tokens.credentials.clone();
            variables.push(("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri));
            variables.push(("AWS_CONTAINER_AUTHORIZATION_TOKEN", token));
        }
        variables
    }
}
