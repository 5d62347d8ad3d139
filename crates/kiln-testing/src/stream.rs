//! A caller of `InvokeWithResponseStream` that sees each message when it comes.

use std::io::{ErrorKind, Read};

use serde_json::Value;

use crate::Client;

/// A streamed answer, read message by message.
#[derive(Debug)]
pub struct Stream {
    /// Status.
    pub status: u16,
    headers: ureq::http::HeaderMap,
    body: Body,
}

struct Body(Box<dyn Read + Send>);

/// A message of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Bytes of the function's answer.
    Chunk(Vec<u8>),
    /// How the invocation ended, the last message.
    Complete(Value),
    /// A fault of the service, with its type: nothing follows.
    Exception(String, Value),
}

impl Client {
    /// Invokes a function and streams its answer.
    pub fn stream(&self, function: &str, event: impl AsRef<[u8]>) -> Stream {
        self.stream_with(function, event, &[])
    }

    /// Invokes a function with these headers and streams its answer.
    pub fn stream_with(
        &self,
        function: &str,
        event: impl AsRef<[u8]>,
        headers: &[(&str, &str)],
    ) -> Stream {
        let path = format!("/2021-11-15/functions/{function}/response-streaming-invocations");
        let response = self.send(&path, event, headers);
        let (parts, body) = response.into_parts();
        Stream {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: Body(Box::new(body.into_reader())),
        }
    }
}

impl Stream {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Waits for the next message; `None` where the stream ends.
    #[track_caller]
    pub fn next_message(&mut self) -> Option<Message> {
        let mut prelude = [0; 12];
        match self.body.0.read_exact(&mut prelude) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return None,
            other => other.unwrap(),
        }
        let number = |at: usize| {
            let bytes: [u8; 4] = prelude[at..at + 4].try_into().unwrap();
            usize::try_from(u32::from_be_bytes(bytes)).unwrap()
        };
        let (total, headers) = (number(0), number(4));
        let mut rest = vec![0; total - prelude.len()];
        self.body.0.read_exact(&mut rest).unwrap();
        let (mut headers, payload) = rest.split_at(headers);
        // What follows the payload is its checksum, which the official decoders verify.
        let payload = &payload[..payload.len() - 4];
        let mut kind = None;
        while !headers.is_empty() {
            let (name, after) = headers[1..].split_at(usize::from(headers[0]));
            assert_eq!(after[0], 7, "a header that is no string");
            let length = usize::from(u16::from_be_bytes([after[1], after[2]]));
            let (value, after) = after[3..].split_at(length);
            if [&b":event-type"[..], b":exception-type"].contains(&name) {
                kind = Some(String::from_utf8(value.to_vec()).unwrap());
            }
            headers = after;
        }
        let json = || serde_json::from_slice(payload).unwrap();
        Some(match kind.as_deref() {
            Some("PayloadChunk") => Message::Chunk(payload.to_vec()),
            Some("InvokeComplete") => Message::Complete(json()),
            other => Message::Exception(other.unwrap_or_default().to_owned(), json()),
        })
    }

    /// Waits for a chunk.
    #[track_caller]
    pub fn chunk(&mut self) -> Vec<u8> {
        match self.next_message() {
            Some(Message::Chunk(bytes)) => bytes,
            other => panic!("no chunk: {other:?}"),
        }
    }

    /// Reads the rest: the bytes of all chunks, and how it ended. Nothing may follow that.
    #[track_caller]
    pub fn rest(&mut self) -> (Vec<u8>, Value) {
        let mut bytes = Vec::new();
        loop {
            match self.next_message() {
                Some(Message::Chunk(chunk)) => bytes.extend(chunk),
                Some(Message::Complete(end)) => {
                    assert_eq!(
                        self.next_message(),
                        None,
                        "InvokeComplete is the last message"
                    );
                    return (bytes, end);
                }
                other => panic!("no end, but {other:?} after {} bytes", bytes.len()),
            }
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Body")
    }
}
