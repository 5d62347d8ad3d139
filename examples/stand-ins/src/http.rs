//! A small HTTP service.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// What a service is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// With the query.
    pub path: String,
    /// The headers, a line each, as they were sent.
    pub headers: String,
    /// All of it.
    pub body: Vec<u8>,
}

/// Answers each request with a status and a body, until the test ends. Returns the service's URL.
pub fn serve(answer: impl Fn(Request) -> (u16, Vec<u8>) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || exchange(connection, &*answer));
        }
    });
    url
}

/// One request, one answer: `None` when the caller leaves.
fn exchange(mut connection: TcpStream, answer: impl Fn(Request) -> (u16, Vec<u8>)) -> Option<()> {
    let mut reader = BufReader::new(connection.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        (reader.read_line(&mut head).ok()? > 0).then_some(())?;
    }
    let (first, headers) = head.split_once("\r\n")?;
    let mut words = first.split(' ');
    let lower = headers.to_lowercase();
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let (status, body) = answer(Request {
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        headers: headers.to_owned(),
        body,
    });
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} -\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    connection.write_all(head.as_bytes()).ok()?;
    connection.write_all(&body).ok()
}
