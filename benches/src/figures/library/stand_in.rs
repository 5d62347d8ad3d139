//! A server that others would be: it takes its time, and counts what it is asked.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::wire::request_lengths;

/// How long it takes for an answer.
pub(super) const LATENCY: Duration = Duration::from_millis(5);

/// A server on localhost, with one answer to everything.
#[derive(Debug)]
pub(super) struct StandIn {
    pub(super) address: SocketAddr,
    requests: Arc<AtomicU32>,
}

impl StandIn {
    /// Serves on this runtime, for as long as that runs. `sees` is shown each body as it has come.
    pub(super) async fn serve(
        answer: &str,
        sees: impl Fn(&[u8]) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let requests = Arc::new(AtomicU32::new(0));
        let length = answer.len();
        let conversation = Arc::new(Conversation {
            answer: format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{answer}"),
            requests: Arc::clone(&requests),
            sees,
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let conversation = Arc::clone(&conversation);
                tokio::spawn(async move { conversation.hold(stream).await });
            }
        });
        Ok(Self { address, requests })
    }

    /// How many requests have come.
    pub(super) fn requests(&self) -> u32 {
        self.requests.load(Ordering::SeqCst)
    }
}

struct Conversation<F> {
    answer: String,
    requests: Arc<AtomicU32>,
    sees: F,
}

impl<F: Fn(&[u8])> Conversation<F> {
    async fn hold(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut received = Vec::new();
        while stream.read_buf(&mut received).await? > 0 {
            let Some((head, body)) = request_lengths(&received)? else {
                continue;
            };
            let Some(whole) = received.get(head..head + body) else {
                continue;
            };
            (self.sees)(whole);
            self.requests.fetch_add(1, Ordering::SeqCst);
            // The next one waits for the answer.
            received.drain(..head + body);
            tokio::time::sleep(LATENCY).await;
            stream.write_all(self.answer.as_bytes()).await?;
        }
        Ok(())
    }
}
