//! Raw bytes to a server over connections in memory.
//!
//! An input is what clients send, in the order they send it: pieces between [`SEPARATOR`]s, each
//! for one of [`CONNECTIONS`] connections in turn. So a caller, a runtime and somebody else can
//! talk to the server at a time, and a request can be cut anywhere.

use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;

/// Ends what is sent at once, and passes the word to the next connection.
pub const SEPARATOR: u8 = 0;

/// How many connections a conversation has.
pub const CONNECTIONS: usize = 3;

/// How long a server may take to let go of connections.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs a conversation in a runtime of its own, which takes with it what the server left behind.
///
/// # Panics
/// When there cannot be a runtime.
pub fn in_runtime(conversation: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time();
    #[cfg(feature = "paused-clock")]
    builder.start_paused(true);
    builder
        .build()
        .expect("a runtime without sockets takes memory only")
        .block_on(conversation);
}

/// What clients have said; they hung up, and wait for what is still to come.
#[derive(Debug)]
pub struct Conversation {
    received: Vec<JoinHandle<Vec<u8>>>,
}

/// Talks to a server by an input.
pub async fn talk<F>(input: &[u8], serve: impl Fn(DuplexStream) -> F) -> Conversation
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut writers = Vec::new();
    let mut received = Vec::new();
    for _ in 0..CONNECTIONS {
        // A client never waits for a server that does not read.
        let (client, server) = tokio::io::duplex(input.len().max(64 * 1024));
        tokio::spawn(serve(server));
        let (mut reader, writer) = tokio::io::split(client);
        writers.push(writer);
        received.push(tokio::spawn(async move {
            let mut received = Vec::new();
            // What breaks off is as good as what ends.
            let _ = reader.read_to_end(&mut received).await;
            received
        }));
    }
    for (number, piece) in input.split(|byte| *byte == SEPARATOR).enumerate() {
        if let Some(writer) = writers.get_mut(number % CONNECTIONS) {
            // The server may have closed it.
            let _ = writer.write_all(piece).await;
        }
        settle().await;
    }
    for writer in &mut writers {
        let _ = writer.shutdown().await;
    }
    Conversation { received }
}

impl Conversation {
    /// What came back, by connection. To be asked when the server has nothing left to wait for: it
    /// need not notice that a client is gone who sent more behind a request that waits.
    ///
    /// # Panics
    /// When a connection does not end, or carries what is not HTTP.
    pub async fn answers(self) -> Vec<Vec<u8>> {
        let mut answers = Vec::new();
        for received in self.received {
            let received = tokio::time::timeout(PATIENCE, received)
                .await
                .expect("a connection ends at the latest when the server does")
                .expect("reading does not panic");
            assert!(
                received.is_empty() || received.starts_with(b"HTTP/1."),
                "not HTTP: {}",
                received.escape_ascii()
            );
            answers.push(received);
        }
        answers
    }
}

/// Lets every task do what it can do without anything new.
pub async fn settle() {
    for _ in 0..24 {
        tokio::task::yield_now().await;
    }
}

/// The status of the first answer on a connection.
pub fn status(received: &[u8]) -> Option<u16> {
    let line = received.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    std::str::from_utf8(line).ok()?.parse().ok()
}
