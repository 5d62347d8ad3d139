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

/// A server on localhost.
#[derive(Debug)]
pub(super) struct StandIn {
    pub(super) address: SocketAddr,
    requests: Arc<AtomicU32>,
}

/// What it answers.
#[derive(Debug)]
pub(super) struct Answer {
    /// Code and reason.
    pub(super) status: &'static str,
    pub(super) body: Arc<str>,
}

impl StandIn {
    /// Serves on this runtime, for as long as that runs, one answer to everything. `sees` is shown each body
    /// as it has come.
    pub(super) async fn serve(
        answer: &str,
        sees: impl Fn(&[u8]) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let body: Arc<str> = answer.into();
        Self::serve_by(move |_head, asked| {
            sees(asked);
            let body = Arc::clone(&body);
            async move {
                tokio::time::sleep(LATENCY).await;
                Answer {
                    status: "200 OK",
                    body,
                }
            }
        })
        .await
    }

    /// The same with an answer of its own to each request, of which `answer` is shown head and body.
    pub(super) async fn serve_by<F>(
        answer: impl Fn(&[u8], &[u8]) -> F + Send + Sync + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = Answer> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let requests = Arc::new(AtomicU32::new(0));
        let conversation = Arc::new(Conversation {
            requests: Arc::clone(&requests),
            answer,
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

struct Conversation<A> {
    requests: Arc<AtomicU32>,
    answer: A,
}

impl<A, F> Conversation<A>
where
    A: Fn(&[u8], &[u8]) -> F,
    F: Future<Output = Answer>,
{
    async fn hold(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut received = Vec::new();
        while stream.read_buf(&mut received).await? > 0 {
            let Some((head, body)) = request_lengths(&received)? else {
                continue;
            };
            let Some(whole) = received.get(..head + body) else {
                continue;
            };
            let (asked, with) = whole.split_at(head);
            let answer = (self.answer)(asked, with);
            self.requests.fetch_add(1, Ordering::SeqCst);
            // The next one waits for the answer.
            received.drain(..head + body);
            let Answer { status, body } = answer.await;
            let length = body.len();
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await?;
        }
        Ok(())
    }
}
