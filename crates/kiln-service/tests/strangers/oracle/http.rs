//! One request, byte by byte, and its answer.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use super::talk::PATIENCE;

/// A request, as it is written.
#[derive(Clone)]
pub struct Request {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Announced and not sent.
    missing: usize,
    chunked: bool,
}

impl Request {
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
            missing: 0,
            chunked: false,
        }
    }

    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    pub fn post(path: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            ..Self::new("POST", path)
        }
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// So many bytes more are announced than come.
    pub fn truncated(mut self, missing: usize) -> Self {
        self.missing = missing;
        self
    }

    /// In one chunk, and, when bytes are missing, without the last one.
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// `{id}` becomes what stands for it now.
    pub fn with_id(mut self, id: &str) -> Self {
        self.path = self.path.replace("{id}", id);
        self
    }

    /// `{extension}` in a header becomes this identifier.
    pub fn with_extension(mut self, identifier: &str) -> Self {
        for (_, value) in &mut self.headers {
            *value = value.replace("{extension}", identifier);
        }
        self
    }

    pub fn send(&self, address: &str) -> Pending {
        let mut connection = TcpStream::connect(address).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut head = format!("{} {} HTTP/1.1\r\nHost: x\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let mut bytes = Vec::new();
        if self.chunked {
            head += "Transfer-Encoding: chunked\r\n";
            bytes = format!("{:x}\r\n", self.body.len() + self.missing).into_bytes();
            bytes.extend(&self.body);
            if self.missing == 0 {
                bytes.extend(b"\r\n0\r\n\r\n");
            }
        } else {
            if self.method != "GET" {
                head += &format!("Content-Length: {}\r\n", self.body.len() + self.missing);
            }
            bytes.extend(&self.body);
        }
        connection
            .write_all(format!("{head}\r\n").as_bytes())
            .unwrap();
        // An answer may come, and the connection end, before the body has been read.
        let _ = connection.write_all(&bytes);
        if self.missing > 0 {
            connection.shutdown(Shutdown::Write).unwrap();
        }
        Pending(BufReader::new(connection))
    }
}

/// A request whose answer has not been read.
pub struct Pending(BufReader<TcpStream>);

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Pending {
    /// Waits for the answer; `None` when the connection ends without one.
    pub fn reply(mut self) -> Option<Reply> {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            match self.0.read_line(&mut line) {
                Ok(0) => return None,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                other => other.unwrap(),
            };
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let status = head[0].split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = head[1..]
            .iter()
            .map(|line| {
                let (name, value) = line.split_once(": ").unwrap_or((line, ""));
                (name.to_ascii_lowercase(), value.to_owned())
            })
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let body = match length {
            Some((_, length)) => {
                let mut body = vec![0; length.parse().unwrap()];
                self.0.read_exact(&mut body).unwrap();
                body
            }
            None => self.chunks(),
        };
        Some(Reply {
            status,
            headers,
            body,
        })
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let length = usize::from_str_radix(line.trim(), 16).unwrap();
            let mut chunk = vec![0; length + 2];
            self.0.read_exact(&mut chunk).unwrap();
            if length == 0 {
                return body;
            }
            body.extend(&chunk[..length]);
        }
    }
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }
}
