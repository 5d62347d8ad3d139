//! HTTP/1.1 on blocking sockets, as little as measuring takes: whoever measures must not be what is
//! slow.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How many headers a message may have.
const MAX_HEADERS: usize = 64;

/// A connection that carries one message at a time, in either direction.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    /// Read and not yet used.
    buffer: Vec<u8>,
}

/// A request, as far as anybody here looks at it.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Whether the function, and not the service, reports an error.
    pub function_error: bool,
    /// Which invocation it answers, where it says so.
    pub request_id: Option<String>,
    /// Body, transfer coding undone.
    pub body: Vec<u8>,
}

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
}

impl Wire {
    /// Connects. A read that takes longer than `patience` fails.
    pub fn connect(address: SocketAddr, patience: Duration) -> io::Result<Self> {
        let wire = Self::new(TcpStream::connect(address)?)?;
        wire.stream.set_read_timeout(Some(patience))?;
        Ok(wire)
    }

    /// Uses a connection that was accepted.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        // Small messages that somebody waits for.
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(8 << 10),
        })
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.stream.write_all(message)
    }

    /// Reads an answer.
    pub fn answer(&mut self) -> io::Result<Answer> {
        let (status, function_error, request_id, framing) = self.head(|bytes| {
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut response = httparse::Response::new(&mut headers);
            let length = length(response.parse(bytes))?;
            let headers = &*response.headers;
            let found = (
                response.code.unwrap_or_default(),
                header(headers, "x-amz-function-error").is_some(),
                header(headers, "x-amzn-requestid")
                    .map(|id| String::from_utf8_lossy(id).into_owned()),
                framing(headers)?,
            );
            Ok(length.map(|length| (length, found)))
        })?;
        let body = self.body(framing)?;
        Ok(Answer {
            status,
            function_error,
            request_id,
            body,
        })
    }

    /// Waits for the first bytes of an answer.
    pub fn glimpse(&mut self) -> io::Result<()> {
        self.fill()
    }

    /// Whether nothing has come beyond what was read.
    pub fn is_drained(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Reads a request; its body is read and dropped.
    pub fn request(&mut self) -> io::Result<Request> {
        let (request, framing) = self.head(|bytes| {
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut request = httparse::Request::new(&mut headers);
            let length = length(request.parse(bytes))?;
            let found = Request {
                method: request.method.unwrap_or_default().to_owned(),
                path: request.path.unwrap_or_default().to_owned(),
            };
            let framing = framing(request.headers)?;
            Ok(length.map(|length| (length, (found, framing))))
        })?;
        self.body(framing)?;
        Ok(request)
    }

    /// Reads until `parse` has a whole head, whose length it tells.
    fn head<T>(
        &mut self,
        parse: impl Fn(&[u8]) -> io::Result<Option<(usize, T)>>,
    ) -> io::Result<T> {
        loop {
            if let Some((length, parsed)) = parse(&self.buffer)? {
                self.buffer.drain(..length);
                return Ok(parsed);
            }
            self.fill()?;
        }
    }

    fn body(&mut self, framing: Framing) -> io::Result<Vec<u8>> {
        let mut length = match framing {
            Framing::Length(length) => return self.take(length),
            Framing::Chunked => self.chunk_size()?,
        };
        let mut body = Vec::new();
        while length > 0 {
            body.extend(self.take(length)?);
            self.take(2)?;
            length = self.chunk_size()?;
        }
        // No trailers: nobody here asks for any.
        self.take(2)?;
        Ok(body)
    }

    fn chunk_size(&mut self) -> io::Result<usize> {
        self.head(|bytes| match httparse::parse_chunk_size(bytes) {
            Ok(httparse::Status::Complete((length, size))) => {
                let size = usize::try_from(size).map_err(io::Error::other)?;
                Ok(Some((length, size)))
            }
            Ok(httparse::Status::Partial) => Ok(None),
            Err(_) => Err(malformed("chunk size")),
        })
    }

    fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            self.fill()?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut chunk = [0; 8 << 10];
        let read = self.stream.read(&mut chunk)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.buffer
            .extend_from_slice(chunk.get(..read).unwrap_or_default());
        Ok(())
    }
}

/// The bytes of an invocation of a function.
pub fn invocation(function: &str, payload: &str) -> Vec<u8> {
    post(
        &format!("/2015-03-31/functions/{function}/invocations"),
        payload,
    )
}

/// The bytes of an invocation whose answer is streamed.
pub fn streaming_invocation(function: &str, payload: &str) -> Vec<u8> {
    post(
        &format!("/2021-11-15/functions/{function}/response-streaming-invocations"),
        payload,
    )
}

/// The lengths of a request's head and of its body, when the head has come; for who reads without a [`Wire`].
pub fn request_lengths(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let Some(head) = length(request.parse(bytes))? else {
        return Ok(None);
    };
    match framing(request.headers)? {
        Framing::Length(body) => Ok(Some((head, body))),
        Framing::Chunked => Err(malformed("length of the body")),
    }
}

fn post(path: &str, payload: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{payload}",
        payload.len()
    )
    .into_bytes()
}

fn length(parsed: httparse::Result<usize>) -> io::Result<Option<usize>> {
    match parsed {
        Ok(httparse::Status::Complete(length)) => Ok(Some(length)),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(error) => Err(malformed(&error.to_string())),
    }
}

fn header<'h>(headers: &[httparse::Header<'h>], name: &str) -> Option<&'h [u8]> {
    let mut headers = headers.iter();
    let found = headers.find(|header| header.name.eq_ignore_ascii_case(name));
    found.map(|header| header.value)
}

fn framing(headers: &[httparse::Header<'_>]) -> io::Result<Framing> {
    if header(headers, "transfer-encoding").is_some() {
        return Ok(Framing::Chunked);
    }
    let Some(value) = header(headers, "content-length") else {
        // A request without body; answers here always say.
        return Ok(Framing::Length(0));
    };
    let length = std::str::from_utf8(value)
        .ok()
        .and_then(|value| value.parse().ok());
    length
        .map(Framing::Length)
        .ok_or_else(|| malformed("content length"))
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not HTTP: {what}"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A wire that receives these bytes, split as given.
    fn receiving(parts: &'static [&'static str]) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut wire = Wire::new(stream).unwrap();
            for part in parts {
                wire.send(part.as_bytes()).unwrap();
            }
        });
        Wire::connect(address, Duration::from_secs(10)).unwrap()
    }

    #[test]
    fn answers_with_either_framing_follow_each_other() {
        let mut wire = receiving(&[
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnu",
            "llHTTP/1.1 200 OK\r\nx-amz-function-error: Unhandled\r\ntransfer-encoding: chunked\r\n\r\n3\r",
            "\nboo\r\n1\r\nm\r\n0\r\n\r\n",
            "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n",
        ]);
        for (status, function_error, body) in
            [(200, false, "null"), (200, true, "boom"), (500, false, "")]
        {
            let answer = wire.answer().unwrap();
            assert_eq!(
                (answer.status, answer.function_error),
                (status, function_error)
            );
            assert_eq!(String::from_utf8(answer.body).unwrap(), body);
        }
        let end = wire.answer().unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn requests_are_read_to_their_end() {
        let mut wire = receiving(&[
            "POST /response HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}GET /ne",
            "xt HTTP/1.1\r\n\r\n",
        ]);
        let requests = [("POST", "/response"), ("GET", "/next")];
        for (method, path) in requests {
            let (method, path) = (method.to_owned(), path.to_owned());
            assert_eq!(wire.request().unwrap(), Request { method, path });
        }
    }

    #[test]
    fn a_request_tells_its_lengths_when_its_head_has_come() {
        for (bytes, lengths) in [
            ("GET / HTTP/1.1\r\n", None),
            ("GET / HTTP/1.1\r\n\r\n", Some((18, 0))),
            (
                "POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\n{",
                Some((38, 3)),
            ),
        ] {
            assert_eq!(request_lengths(bytes.as_bytes()).unwrap(), lengths);
        }
        let chunked = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
        assert!(request_lengths(chunked).is_err());
    }

    #[test]
    fn what_is_not_http_is_said() {
        for bytes in [
            &["nonsense\r\n\r\n"][..],
            &["HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n"],
            &["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"],
        ] {
            let error = receiving(bytes).answer().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{bytes:?}");
        }
    }
}
