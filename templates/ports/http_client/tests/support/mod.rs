//! A small HTTP server on a port of its own, for one test.

use std::time::Duration;

use reqwest::Url;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Time limits short enough that a test of them does not make anybody wait.
pub const IMPATIENT: super::Timeouts = super::Timeouts {
    connect: Duration::from_millis(200),
    total: Duration::from_millis(200),
};

/// What the server does with every request.
#[derive(Clone, Copy)]
pub enum Answer {
    /// Answers with this status and body.
    With(u16, &'static str),
    /// Takes the request and never answers.
    Never,
}

/// A running server.
pub struct Server {
    /// Where it listens.
    pub url: Url,
    /// The requests it got: the first line and the body.
    pub requests: mpsc::UnboundedReceiver<(String, String)>,
}

/// Starts a server; it ends with the test's runtime.
pub async fn serve(answer: Answer) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base/", listener.local_addr().unwrap());
    let (sender, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, answer, sender.clone()));
        }
    });
    Server {
        url: url.parse().unwrap(),
        requests,
    }
}

async fn converse(
    stream: TcpStream,
    answer: Answer,
    requests: mpsc::UnboundedSender<(String, String)>,
) {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    stream.read_line(&mut request).await.unwrap();
    let mut length = 0;
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.unwrap();
        let header = header.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    // A test that does not look at its requests has dropped the receiver.
    let _ = requests.send((
        request.trim_end().to_owned(),
        String::from_utf8(body).unwrap(),
    ));
    match answer {
        Answer::With(status, body) => {
            let response = format!(
                "HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(response.as_bytes()).await.unwrap();
        }
        Answer::Never => std::future::pending().await,
    }
}
