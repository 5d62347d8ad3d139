//! A function that logs in to a database with a password from Secrets Manager: it answers
//! `GET /stock/{sku}` of an HTTP API.
//!
//! - The secret is read once for many invocations, and again after five minutes.
//! - A password that has been rotated meanwhile is refused by the database: then the secret is read
//!   anew, once, and the function goes on.
//! - While Secrets Manager is down, the password that was read last is good for another hour.
//! - The password is a [`Secret`]: it is in no log line, no error and no answer.

use std::time::Duration;

use kiln::LambdaError;
use kiln::http::lambda_http::{Request, RequestExt as _};
use kiln::logging::info;
use kiln::parameters::{AnyProvider, ParameterError, Parameters, Secret};
use serde::Deserialize;
use serde_json::{Value, json};

/// The secret, as the rotation functions of RDS keep it.
#[derive(Clone, Debug, Deserialize)]
pub struct Login {
    /// Where the database is.
    pub host: String,
    /// Its user.
    pub username: String,
    /// The user's password.
    pub password: Secret,
}

/// A database.
pub trait Database {
    /// How many pieces of an item there are.
    ///
    /// # Errors
    /// [`LoginRefused`] when the password is not that of the user.
    fn pieces(
        &self,
        login: &Login,
        sku: &str,
    ) -> impl Future<Output = Result<u32, LoginRefused>> + Send;
}

/// The database does not know this password.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the database refuses the login")]
pub struct LoginRefused;

/// In the place of a database: any password will do, and there is a piece for each letter.
#[derive(Clone, Copy, Debug)]
pub struct LocalDatabase;

impl Database for LocalDatabase {
    async fn pieces(&self, login: &Login, sku: &str) -> Result<u32, LoginRefused> {
        if login.password.expose().is_empty() {
            return Err(LoginRefused);
        }
        Ok(u32::try_from(sku.len()).unwrap_or(u32::MAX))
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error, LambdaError)]
pub enum Refusal {
    /// The path is not that of an item: what the caller reads.
    #[error("the path names no sku")]
    #[lambda_error(type = "no-sku", status = 404)]
    NoSku,
    /// The secret cannot be read.
    #[error(transparent)]
    #[lambda_error(transparent)]
    Secret(#[from] ParameterError),
    /// The database refuses the newest password too.
    #[error(transparent)]
    #[lambda_error(type = "LoginRefused")]
    Login(#[from] LoginRefused),
}

/// A variable that the function needs is not set: the init fails, and so does the deployment.
#[derive(Debug, thiserror::Error, LambdaError)]
#[error("`{0}` is not set")]
pub struct MissingVariable(pub &'static str);

/// What the function keeps for as long as its environment lives.
#[derive(Debug)]
pub struct Function<D> {
    secret: String,
    secrets: Parameters<AnyProvider>,
    database: D,
}

impl<D: Database> Function<D> {
    /// With the login of this secret.
    pub fn new(secret: String, secrets: Parameters<AnyProvider>, database: D) -> Self {
        Self {
            secret,
            secrets: secrets.stale_if_error(Duration::from_secs(3_600)),
            database,
        }
    }

    /// Answers how many pieces of an item there are.
    ///
    /// # Errors
    /// When the path names no item, the secret cannot be read, or the database refuses its password.
    pub async fn answer(&self, request: Request) -> Result<Value, Refusal> {
        let path = request.path_parameters();
        let sku = path.first("sku").ok_or(Refusal::NoSku)?;
        let login: Login = self.secrets.get_json(&self.secret).await?;
        let pieces = match self.database.pieces(&login, sku).await {
            Ok(pieces) => pieces,
            // Rotated since it was read.
            Err(LoginRefused) => {
                let secrets = self.secrets.force_fetch();
                let login: Login = secrets.get_json(&self.secret).await?;
                self.database.pieces(&login, sku).await?
            }
        };
        info!(sku, ?login, "the database was asked");
        Ok(json!({"sku": sku, "pieces": pieces}))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use kiln::http::lambda_http::Body;
    use kiln::parameters::InMemory;

    use super::*;

    /// Knows one password.
    struct Knows(&'static str);

    impl Database for Knows {
        async fn pieces(&self, login: &Login, _sku: &str) -> Result<u32, LoginRefused> {
            let is_known = login.password.expose() == self.0;
            is_known.then_some(1).ok_or(LoginRefused)
        }
    }

    fn question() -> Request {
        let path = [("sku".to_owned(), "MUG".to_owned())];
        Request::new(Body::Empty).with_path_parameters(HashMap::from(path))
    }

    fn login(password: &str) -> String {
        format!(r#"{{"host": "db", "username": "shop", "password": "{password}"}}"#)
    }

    #[tokio::test]
    async fn a_rotated_password_is_read_anew() {
        let store = InMemory::from([("login", login("old"))]);
        let secrets = Parameters::new(AnyProvider::new(store.clone()));
        let function = Function::new("login".to_owned(), secrets.clone(), Knows("old"));
        function.answer(question()).await.unwrap();
        function.answer(question()).await.unwrap();
        assert_eq!(store.fetches(), 1);

        store.set("login", login("new"));
        let function = Function::new("login".to_owned(), secrets, Knows("new"));
        assert_eq!(function.answer(question()).await.unwrap()["pieces"], 1);
        assert_eq!(store.fetches(), 2);
        function.answer(question()).await.unwrap();
        assert_eq!(store.fetches(), 2);
    }

    #[tokio::test]
    async fn a_password_that_nobody_knows_is_asked_for_once_more_and_not_told() {
        let store = InMemory::from([("login", login("wrong"))]);
        let secrets = Parameters::new(AnyProvider::new(store.clone()));
        let function = Function::new("login".to_owned(), secrets, Knows("right"));
        let refusal = function.answer(question()).await.unwrap_err();
        assert_eq!(refusal.error_type(), "LoginRefused");
        assert!(!format!("{refusal:?} {refusal}").contains("wrong"));
        assert_eq!(store.fetches(), 2);
    }
}
