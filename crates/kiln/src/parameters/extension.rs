//! The AWS Parameters and Secrets Lambda extension.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::HeaderValue;
use http::{HeaderName, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

use super::refusal::{Call, chain, classify};
use super::{ParameterError, Provider, Query, Value, Version, settings};

/// Where it listens unless told otherwise.
const PORT: u16 = 2773;
const PORT_VARIABLE: &str = "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT";
/// Extensions are started by the name of their file, which is also what the logs call this one.
const PROGRAM: &str = "/opt/extensions/AWSParametersAndSecretsLambdaExtension";
const TOKEN: HeaderName = HeaderName::from_static("x-aws-parameters-secrets-token");
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest secret has 64 KB, and comes in JSON.
const MOST_BYTES: usize = 1 << 20;
/// What of a refusal stands in an error, in bytes: a message, and no page of a proxy.
const LONGEST: usize = 1_000;

/// SSM Parameter Store or Secrets Manager, through the [AWS Parameters and Secrets Lambda
/// extension][extension]: a layer that answers on localhost, without an SDK in the function.
///
/// Port 2773 or `PARAMETERS_SECRETS_EXTENSION_HTTP_PORT`. The role needs the permissions that the SDK
/// would need.
///
/// - It answers during invocations only: during init it is
///   [unavailable](ParameterError::Unavailable) ("not ready to serve traffic").
/// - It keeps values itself, for 300 s unless `SSM_PARAMETER_STORE_TTL` and `SECRETS_MANAGER_TTL` say
///   otherwise. What [`Parameters`](super::Parameters) keeps on top can be as old as both together,
///   and [`force_fetch`](super::Parameters::force_fetch) goes no further than the extension. Set
///   [`max_age`](super::Parameters::max_age) low: its answers take a fraction of a
///   millisecond.
///
/// [extension]: https://docs.aws.amazon.com/systems-manager/latest/userguide/ps-integration-lambda-extensions.html
///
/// # Example
///
/// ```no_run
/// use kiln::parameters::{Extension, Parameters};
///
/// # async fn read() -> Result<(), kiln::parameters::ParameterError> {
/// let secrets = Parameters::new(Extension::secrets_manager());
/// let password = secrets.secret("orders/database").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Extension {
    client: Client<HttpConnector, Empty<Bytes>>,
    service: Service,
    port: u16,
    token: Option<HeaderValue>,
}

#[derive(Clone, Copy, Debug)]
enum Service {
    Ssm { decrypt: bool },
    SecretsManager,
}

impl Extension {
    /// Parameters of SSM.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::parameters::{Extension, Parameters};
    ///
    /// # async fn read() -> Result<(), kiln::parameters::ParameterError> {
    /// let parameters = Parameters::new(Extension::ssm());
    /// let url = parameters.get("/orders/url").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn ssm() -> Self {
        let decrypt = settings::decrypt(settings::variable);
        Self::from_variables(Service::Ssm { decrypt }, settings::variable)
    }

    /// Secrets of Secrets Manager.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::parameters::{Extension, Parameters};
    ///
    /// # #[derive(serde::Deserialize)]
    /// # struct Login {
    /// #     username: String,
    /// # }
    /// # async fn read() -> Result<(), kiln::parameters::ParameterError> {
    /// let secrets = Parameters::new(Extension::secrets_manager());
    /// // As Secrets Manager has those of databases: `{"username": …, "password": …}`.
    /// let login: Login = secrets.get_json("orders/database").await?;
    /// # let _ = login.username;
    /// # Ok(())
    /// # }
    /// ```
    pub fn secrets_manager() -> Self {
        Self::from_variables(Service::SecretsManager, settings::variable)
    }

    /// Whether the extension is there: its program is, or its port is set.
    ///
    /// ```
    /// assert!(!kiln::parameters::Extension::is_present());
    /// ```
    pub fn is_present() -> bool {
        Path::new(PROGRAM).exists() || settings::variable(PORT_VARIABLE).is_some()
    }

    /// On this port, with this token: `AWS_SESSION_TOKEN` has it on Lambda.
    ///
    /// # Panics
    /// Never: a token that no header can have makes every call fail with
    /// [`ParameterError::Refused`].
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::parameters::{Extension, Parameters};
    /// use std::io::{Read as _, Write as _};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // One of a test, beside the function.
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let port = listener.local_addr()?.port();
    /// # let test = std::thread::spawn(move || {
    /// #     let (mut stream, _) = listener.accept().unwrap();
    /// #     let mut request = Vec::new();
    /// #     while !request.ends_with(b"\r\n\r\n") {
    /// #         let mut byte = [0];
    /// #         stream.read_exact(&mut byte).unwrap();
    /// #         request.push(byte[0]);
    /// #     }
    /// #     let answer = r#"{"Parameter": {"Value": "100"}}"#;
    /// #     let length = answer.len();
    /// #     write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{answer}").unwrap();
    /// #     String::from_utf8(request).unwrap()
    /// # });
    /// let parameters = Parameters::new(Extension::ssm().at(port, "token"));
    /// assert_eq!(parameters.get("/orders/limit").await?, "100");
    /// let request = test.join().unwrap();
    /// assert!(request.contains("x-aws-parameters-secrets-token: token"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn at(mut self, port: u16, token: &str) -> Self {
        self.port = port;
        self.token = header(token);
        self
    }

    fn from_variables(service: Service, get: impl Fn(&str) -> Option<String>) -> Self {
        let port = match get(PORT_VARIABLE).map(|set| (set.trim().parse(), set)) {
            None => PORT,
            Some((Ok(port), _)) => port,
            Some((Err(_), set)) => {
                tracing::warn!("`{PORT_VARIABLE}` is `{set}`, which is no port: {PORT} it is");
                PORT
            }
        };
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(PATIENCE));
        Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            service,
            port,
            token: get("AWS_SESSION_TOKEN").as_deref().and_then(header),
        }
    }

    fn uri(&self, query: &Query) -> String {
        let version = |id: &str, stage: &str| match &query.version {
            None => String::new(),
            Some(Version::Id(version)) => format!("&{id}={}", encoded(version)),
            Some(Version::Stage(version)) => format!("&{stage}={}", encoded(version)),
        };
        let name = encoded(&query.name);
        // By number: the environment's `localhost` may be both ::1 and 127.0.0.1, and the extension
        // listens on the latter.
        let port = self.port;
        match self.service {
            Service::Ssm { decrypt } => format!(
                "http://127.0.0.1:{port}/systemsmanager/parameters/get?name={name}&withDecryption={}{}",
                query.decrypt.unwrap_or(decrypt),
                version("version", "label")
            ),
            Service::SecretsManager => format!(
                "http://127.0.0.1:{port}/secretsmanager/get?secretId={name}{}",
                version("versionId", "versionStage")
            ),
        }
    }

    async fn ask(&self, query: &Query) -> Result<(StatusCode, Bytes), ParameterError> {
        let refused = |reason: &str| ParameterError::refused(&query.name, reason);
        let unavailable = |reason: String| ParameterError::unavailable(&query.name, reason);
        let token = self.token.clone();
        let token = token.ok_or_else(|| refused("`AWS_SESSION_TOKEN` is not set"))?;
        let uri = Uri::try_from(self.uri(query)).map_err(|_| refused("its name is too long"))?;
        let mut request = Request::new(Empty::new());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = uri;
        request.headers_mut().insert(TOKEN, token);
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| unavailable(chain(&error)))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await;
        let body = body.map_err(|_| unavailable("its answer breaks off".to_owned()))?;
        Ok((status, body.to_bytes()))
    }

    /// It passes on what the AWS SDK for Go says: `…, api error CODE: MESSAGE`. Which bodies it has is
    /// not documented. `not ready to serve traffic, please wait`, with a 400, is what functions report
    /// that ask during init; the others follow the SDK, and whatever else comes is passed on.
    fn refusal(&self, query: &Query, status: StatusCode, body: &[u8]) -> ParameterError {
        let text = String::from_utf8_lossy(body);
        let text = text.trim();
        let text = text
            .get(..text.floor_char_boundary(LONGEST))
            .unwrap_or(text);
        if text.contains("not ready to serve traffic") {
            let reason = "the extension answers during invocations only, and not during init";
            return ParameterError::unavailable(&query.name, reason);
        }
        let call = Call {
            name: &query.name,
            permission: match self.service {
                Service::Ssm { .. } => "ssm:GetParameter",
                Service::SecretsManager => "secretsmanager:GetSecretValue",
            },
        };
        let told = text
            .rsplit_once("api error ")
            .map_or(text, |(_, told)| told);
        let (code, message) = match told.split_once(':') {
            Some((code, message)) if code.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                (code, message.trim())
            }
            _ => KNOWN
                .into_iter()
                .find(|code| text.contains(code))
                .map_or(("", text), |code| (code, text)),
        };
        classify(call, status.as_u16(), code, message)
    }
}

/// Codes that are found anywhere in an answer of another form.
const KNOWN: [&str; 4] = [
    "ParameterNotFound",
    "ParameterVersionNotFound",
    "ResourceNotFoundException",
    "AccessDeniedException",
];

impl Provider for Extension {
    async fn fetch(&self, query: &Query) -> Result<Value, ParameterError> {
        let asked = tokio::time::timeout(PATIENCE, self.ask(query)).await;
        let (status, body) = asked.unwrap_or_else(|_| {
            let reason = format!("it took longer than {} s", PATIENCE.as_secs());
            Err(ParameterError::unavailable(&query.name, reason))
        })?;
        if status != StatusCode::OK {
            return Err(self.refusal(query, status, &body));
        }
        let value = match self.service {
            Service::Ssm { .. } => parameter(&body),
            Service::SecretsManager => secret(&body),
        };
        // Without the error of serde, which might quote the value.
        value.ok_or_else(|| {
            ParameterError::refused(&query.name, "the extension's answer has no value in it")
        })
    }
}

impl fmt::Debug for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extension")
            .field("service", &self.service)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// The answer of GetParameter, as JSON.
fn parameter(body: &[u8]) -> Option<Value> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        parameter: Parameter,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Parameter {
        value: String,
    }

    let answer: Answer = serde_json::from_slice(body).ok()?;
    Some(answer.parameter.value.into())
}

/// The answer of GetSecretValue, as JSON: bytes are in base64.
fn secret(body: &[u8]) -> Option<Value> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        secret_string: Option<String>,
        secret_binary: Option<String>,
    }

    let answer: Answer = serde_json::from_slice(body).ok()?;
    match (answer.secret_string, answer.secret_binary) {
        (Some(text), _) => Some(text.into()),
        (None, Some(encoded)) => STANDARD.decode(encoded).ok().map(Value::from),
        (None, None) => None,
    }
}

fn header(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(token).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// For a query: all but the unreserved characters of RFC 3986 by their bytes.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extension(service: Service) -> Extension {
        Extension::from_variables(service, |_| None)
    }

    #[test]
    fn names_and_versions_are_encoded() {
        let ssm = extension(Service::Ssm { decrypt: true });
        let secrets = extension(Service::SecretsManager);
        let of = |name: &str, version| Query {
            version,
            ..Query::new(name)
        };
        for (extension, query, path) in [
            (
                &ssm,
                of("/a b/ü", None),
                "/systemsmanager/parameters/get?name=%2Fa%20b%2F%C3%BC&withDecryption=true",
            ),
            (
                &ssm,
                of("a", Some(Version::Id("3".to_owned()))),
                "/systemsmanager/parameters/get?name=a&withDecryption=true&version=3",
            ),
            (
                &ssm,
                of("a", Some(Version::Stage("live".to_owned()))),
                "/systemsmanager/parameters/get?name=a&withDecryption=true&label=live",
            ),
            (
                &secrets,
                of("arn:aws:secretsmanager:a", None),
                "/secretsmanager/get?secretId=arn%3Aaws%3Asecretsmanager%3Aa",
            ),
            (
                &secrets,
                of("a&b", Some(Version::Stage("AWSPREVIOUS".to_owned()))),
                "/secretsmanager/get?secretId=a%26b&versionStage=AWSPREVIOUS",
            ),
            (
                &secrets,
                of("a", Some(Version::Id("1-2".to_owned()))),
                "/secretsmanager/get?secretId=a&versionId=1-2",
            ),
        ] {
            let uri = extension.uri(&query);
            assert_eq!(uri, format!("http://127.0.0.1:2773{path}"));
            assert!(Uri::try_from(uri).is_ok());
        }
    }

    #[test]
    fn a_port_that_is_none_is_the_usual_one() {
        for (set, port) in [(None, PORT), (Some("8080"), 8080), (Some("web"), PORT)] {
            let get = |name: &str| set.filter(|_| name == PORT_VARIABLE).map(str::to_owned);
            let extension = Extension::from_variables(Service::SecretsManager, get);
            assert_eq!(extension.port, port, "{set:?}");
        }
    }

    #[test]
    fn refusals_are_read_in_every_form() {
        let ssm = extension(Service::Ssm { decrypt: false });
        let query = Query::new("x");
        let go = "operation error SSM: GetParameter, https response error StatusCode: 400, RequestID: 1, ";
        for (status, body, expected) in [
            (
                400,
                "not ready to serve traffic, please wait".to_owned(),
                ParameterError::unavailable(
                    "x",
                    "the extension answers during invocations only, and not during init",
                ),
            ),
            (
                400,
                format!("{go}ParameterNotFound: "),
                ParameterError::not_found("x"),
            ),
            (
                400,
                format!(
                    "{go}api error AccessDeniedException: User: u is not authorized to perform: ssm:GetParameter on resource: r"
                ),
                ParameterError::access_denied("x", "ssm:GetParameter"),
            ),
            (
                401,
                "Unauthorized".to_owned(),
                ParameterError::refused("x", "Unauthorized"),
            ),
            (
                400,
                "ä".repeat(LONGEST),
                ParameterError::refused("x", "ä".repeat(LONGEST / 2)),
            ),
            (
                500,
                "an unexpected error occurred while executing request".to_owned(),
                ParameterError::unavailable(
                    "x",
                    "an unexpected error occurred while executing request",
                ),
            ),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(ssm.refusal(&query, status, body.as_bytes()), expected);
        }
    }
}
