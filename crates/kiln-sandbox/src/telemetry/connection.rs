//! The connection to one subscriber, kept open between batches.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use kiln_protocol::telemetry_api::Destination;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How much of the body of an answer is read for the sake of the connection,
const ANSWER_BYTES: usize = 64 * 1024;
/// and how long.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// Why a batch was not delivered.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Nobody listens, or the connection broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What the subscriber said was not HTTP, or broke off.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// It answered otherwise than with a 2xx.
    #[error("it answered {0}")]
    Status(StatusCode),
    /// It took too long.
    #[error("it did not answer within {} seconds", .0.as_secs())]
    TimedOut(Duration),
    /// A path that HTTP cannot carry; checked when the extension subscribed.
    #[error("{0}")]
    Request(#[from] http::Error),
}

/// How batches get to a subscriber.
pub(super) trait Transport: Send + 'static {
    /// Delivers one; when this is dropped before it returns, the batch counts as not delivered.
    fn send(
        &mut self,
        destination: &Destination,
        body: Bytes,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// A connection on the loopback. Whatever name of the sandbox the subscriber gave stands for it.
#[derive(Debug, Default)]
pub(super) struct Link {
    open: Option<(u16, Open)>,
}

#[derive(Debug)]
enum Open {
    Http(Http),
    Tcp(TcpStream),
}

impl Transport for Link {
    async fn send(&mut self, destination: &Destination, body: Bytes) -> Result<(), Failure> {
        // Taken, so that a connection in the midst of something is closed when this is dropped.
        let open = self.open.take();
        let (port, open) = match destination {
            Destination::Http { port, path } => {
                let open = match open {
                    Some((open_to, Open::Http(http))) if open_to == *port => http.idle().await,
                    _ => None,
                };
                let mut http = match open {
                    Some(http) => http,
                    None => Http::connect(*port).await?,
                };
                let status = http.post(*port, path, body).await?;
                if !status.is_success() {
                    self.open = Some((*port, Open::Http(http)));
                    return Err(Failure::Status(status));
                }
                (*port, Open::Http(http))
            }
            Destination::Tcp { port } => {
                let open = match open {
                    Some((open_to, Open::Tcp(stream))) if open_to == *port => still_open(stream),
                    _ => None,
                };
                let mut stream = match open {
                    Some(stream) => stream,
                    None => connect(*port).await?,
                };
                // TCP has no other acknowledgement: what the kernel took, it delivers as long as
                // the subscriber reads.
                stream.write_all(&body).await?;
                (*port, Open::Tcp(stream))
            }
        };
        self.open = Some((port, open));
        Ok(())
    }
}

async fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    // A batch is written at once and awaited: never wait to fill a packet.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The stream, unless the subscriber has closed it: what is written to it then would be lost
/// without an error.
fn still_open(stream: TcpStream) -> Option<TcpStream> {
    // A subscriber has nothing to say; what it says all the same is read and ignored. Asked of the
    // kernel: Tokio's `try_read` knows only what its driver has seen, and it may not have looked.
    let mut ignored = [0; 4096];
    match rustix::io::read(&stream, &mut ignored) {
        Ok(0) => None,
        Ok(_) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Some(stream),
        Err(_) => None,
    }
}

#[derive(Debug)]
struct Http {
    sender: SendRequest<Full<Bytes>>,
    /// The last answer's body. The batch was acknowledged by its head.
    unread: Option<Incoming>,
    /// Moves the bytes; ends with this.
    _driver: JoinSet<()>,
}

impl Http {
    async fn connect(port: u16) -> Result<Self, Failure> {
        let stream = connect(port).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // Whoever waits for an answer learns of its end from the sender.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            unread: None,
            _driver: driver,
        })
    }

    /// The connection when it can take another request.
    async fn idle(mut self) -> Option<Self> {
        let ready = async {
            if let Some(body) = self.unread.take() {
                Limited::new(body, ANSWER_BYTES).collect().await.ok()?;
            }
            self.sender.ready().await.ok()
        };
        timeout(ANSWER_TIME, ready).await.ok()??;
        Some(self)
    }

    async fn post(&mut self, port: u16, path: &str, body: Bytes) -> Result<StatusCode, Failure> {
        let request = Request::post(path)
            .header(HOST, format!("sandbox.localdomain:{port}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        self.unread = Some(body);
        Ok(head.status)
    }
}
