//! A caller of the service that sees every byte of the answer, which SDKs do not show.

use std::time::Duration;

use serde_json::Value;

/// Calls functions over plain HTTP.
#[derive(Clone, Debug)]
pub struct Client {
    agent: ureq::Agent,
    endpoint: String,
}

/// An HTTP answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    headers: ureq::http::HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

impl Client {
    /// A caller of the service at `endpoint`, such as `http://127.0.0.1:9000`.
    pub fn new(endpoint: impl Into<String>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(120)))
            .build();
        Self {
            agent: config.into(),
            endpoint: endpoint.into(),
        }
    }

    /// Invokes a function.
    pub fn invoke(&self, function: &str, event: impl AsRef<[u8]>) -> Answer {
        self.invoke_with(function, event, &[])
    }

    /// Invokes a function with these headers.
    pub fn invoke_with(
        &self,
        function: &str,
        event: impl AsRef<[u8]>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        self.post(&path, event, headers)
    }

    /// Posts to a path.
    pub fn post(&self, path: &str, body: impl AsRef<[u8]>, headers: &[(&str, &str)]) -> Answer {
        Answer::read(self.send(path, body, headers))
    }

    pub(crate) fn send(
        &self,
        path: &str,
        body: impl AsRef<[u8]>,
        headers: &[(&str, &str)],
    ) -> ureq::http::Response<ureq::Body> {
        let mut request = self.agent.post(format!("{}{path}", self.endpoint));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send(body.as_ref()).unwrap()
    }

    /// A bare connection to the service.
    pub fn connect(&self) -> std::net::TcpStream {
        let address = self.endpoint.trim_start_matches("http://");
        std::net::TcpStream::connect(address).unwrap()
    }

    /// Gets a path.
    pub fn get(&self, path: &str) -> Answer {
        Answer::read(
            self.agent
                .get(format!("{}{path}", self.endpoint))
                .call()
                .unwrap(),
        )
    }
}

impl Answer {
    fn read(response: ureq::http::Response<ureq::Body>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body
            .into_with_config()
            .limit(16 << 20)
            .read_to_vec()
            .unwrap();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }
}
