//! AWS event streams: the frames of an answer to `InvokeWithResponseStream`.
//!
//! Source: [InvokeWithResponseStream](https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html)
//! for the messages, the
//! [event stream specification](https://smithy.io/2.0/aws/amazon-eventstream.html) for their frames:
//!
//! ```text
//! u32 length of all | u32 length of the headers | u32 CRC-32 of these eight bytes
//! headers | payload | u32 CRC-32 of all before
//! ```
//!
//! in network byte order. A header is its name with a length byte, the type byte 7 (string), and
//! its value with a length of two bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;

use crate::error::ServiceError;

/// `Content-Type` of the answer.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// Largest payload of one frame. The specification allows 24 MiB, an older edition of it and the
/// readers built on that 16 MiB.
pub const MAX_PAYLOAD_BYTES: usize = 16 * 1024 * 1024;

/// Lengths and their checksum, before the headers.
const PRELUDE_BYTES: usize = 12;
const CRC_BYTES: usize = 4;
/// The type byte of a string.
const STRING: u8 = 7;

/// What surrounds a payload in its frame, for a sender that writes the payload from where it lies.
///
/// `head`, the payload and `checksum` written one after the other are the frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Lengths and headers.
    pub head: Vec<u8>,
    /// The frame's last four bytes.
    pub checksum: [u8; CRC_BYTES],
}

impl Envelope {
    /// The envelope of a `PayloadChunk`.
    ///
    /// # Panics
    /// When the payload is larger than [`MAX_PAYLOAD_BYTES`]: cut it first, as [`payload_chunks`]
    /// does.
    pub fn of_payload_chunk(payload: &[u8]) -> Self {
        Self::new(
            &[
                (":message-type", "event"),
                (":event-type", "PayloadChunk"),
                (":content-type", "application/octet-stream"),
            ],
            payload,
        )
    }

    fn new(headers: &[(&str, &str)], payload: &[u8]) -> Self {
        assert!(
            payload.len() <= MAX_PAYLOAD_BYTES,
            "a frame has room for {MAX_PAYLOAD_BYTES} bytes"
        );
        let headers_len: usize = headers
            .iter()
            .map(|(name, value)| 1 + name.len() + 1 + 2 + value.len())
            .sum();
        let head_len = PRELUDE_BYTES + headers_len;
        let mut head = Vec::with_capacity(head_len);
        head.extend(length(head_len + payload.len() + CRC_BYTES));
        head.extend(length(headers_len));
        head.extend(crc32fast::hash(&head).to_be_bytes());
        for (name, value) in headers {
            // The names and values are this module's and the error codes of the service: short.
            head.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            head.extend(name.as_bytes());
            head.push(STRING);
            head.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
            head.extend(value.as_bytes());
        }
        let mut crc = crc32fast::Hasher::new();
        crc.update(&head);
        crc.update(payload);
        Self {
            head,
            checksum: crc.finalize().to_be_bytes(),
        }
    }

    fn around(self, payload: &[u8]) -> Vec<u8> {
        let mut frame = self.head;
        frame.reserve_exact(payload.len() + CRC_BYTES);
        frame.extend(payload);
        frame.extend(self.checksum);
        frame
    }
}

/// Lengths are bounded by [`MAX_PAYLOAD_BYTES`] and a handful of short headers.
fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes()
}

/// The `PayloadChunk` frames of what a function sent at once: one, unless it is huge; none for
/// nothing.
pub fn payload_chunks(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    bytes
        .chunks(MAX_PAYLOAD_BYTES)
        .map(|chunk| Envelope::of_payload_chunk(chunk).around(chunk))
}

/// How a streamed invocation ended: the last message of its stream, sent exactly once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InvokeComplete {
    /// The type of the error, when the function or the platform failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// What there is to say about it: the error's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_details: Option<String>,
    /// Base64 of the last 4 KB of the log, when the caller asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_result: Option<String>,
}

impl InvokeComplete {
    /// An end with an error. `details` need not be text: what is not becomes replacement
    /// characters, since the message is JSON.
    pub fn failed(code: &str, details: &[u8]) -> Self {
        Self {
            error_code: Some(code.to_owned()),
            error_details: Some(String::from_utf8_lossy(details).into_owned()),
            log_result: None,
        }
    }

    /// Adds the log's tail, which the caller asked for with `X-Amz-Log-Type: Tail`.
    pub fn with_log(mut self, tail: &[u8]) -> Self {
        self.log_result = Some(BASE64.encode(tail));
        self
    }

    /// The frame.
    pub fn frame(&self) -> Vec<u8> {
        let headers = [
            (":message-type", "event"),
            (":event-type", "InvokeComplete"),
            (":content-type", "application/json"),
        ];
        let mut json = serde_json::to_vec(self).unwrap_or_default();
        if json.len() > MAX_PAYLOAD_BYTES {
            // An error body of megabytes of characters that JSON escapes sixfold. The stream must
            // end with this message, so the details lose their end rather than the caller its.
            let mut short = self.clone();
            if let Some(details) = &mut short.error_details {
                let room = MAX_PAYLOAD_BYTES / 8;
                details.truncate(details.floor_char_boundary(room));
            }
            json = serde_json::to_vec(&short).unwrap_or_default();
        }
        Envelope::new(&headers, &json).around(&json)
    }
}

/// The frame of a fault of the service after the stream began; nothing follows it.
pub fn exception(error: &ServiceError) -> Vec<u8> {
    let json = error.body().to_string().into_bytes();
    let headers = [
        (":message-type", "exception"),
        (":exception-type", error.code()),
        (":content-type", "application/json"),
    ];
    Envelope::new(&headers, &json).around(&json)
}

#[cfg(test)]
mod tests {
    use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder, read_message_from};
    use aws_smithy_types::event_stream::Message;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn headers(message: &Message) -> Vec<(&str, &str)> {
        message
            .headers()
            .iter()
            .map(|header| {
                (
                    header.name().as_str(),
                    header.value().as_string().unwrap().as_str(),
                )
            })
            .collect()
    }

    fn json_of(frame: &[u8]) -> Value {
        serde_json::from_slice(read_message_from(frame).unwrap().payload()).unwrap()
    }

    #[test]
    fn a_chunk_has_the_documented_bytes() {
        let frames: Vec<_> = payload_chunks(b"hi").collect();
        let [frame] = frames.as_slice() else {
            panic!("{frames:?}")
        };
        let mut expected = b"\
            \x0d:message-type\x07\x00\x05event\
            \x0b:event-type\x07\x00\x0cPayloadChunk\
            \x0d:content-type\x07\x00\x18application/octet-stream"
            .to_vec();
        let headers_len = u8::try_from(expected.len()).unwrap();
        expected.extend(b"hi");
        assert_eq!(frame[0..4], [0, 0, 0, headers_len + 12 + 2 + 4]);
        assert_eq!(frame[4..8], [0, 0, 0, headers_len]);
        assert_eq!(&frame[12..frame.len() - 4], expected);
    }

    #[test]
    fn ends_of_a_stream_are_read_by_the_official_decoder() {
        for (end, expected) in [
            (InvokeComplete::default(), json!({})),
            (
                InvokeComplete::default().with_log(b"START"),
                json!({"LogResult": "U1RBUlQ="}),
            ),
            (
                InvokeComplete::failed("Runtime.TruncatedResponse", b"{\"a\":\"\xff\"}")
                    .with_log(b""),
                json!({
                    "ErrorCode": "Runtime.TruncatedResponse",
                    "ErrorDetails": "{\"a\":\"\u{fffd}\"}",
                    "LogResult": ""
                }),
            ),
        ] {
            let frame = end.frame();
            let message = read_message_from(frame.as_slice()).unwrap();
            assert_eq!(
                headers(&message),
                [
                    (":message-type", "event"),
                    (":event-type", "InvokeComplete"),
                    (":content-type", "application/json")
                ]
            );
            assert_eq!(json_of(&frame), expected);
        }
    }

    #[test]
    fn a_fault_of_the_service_is_an_exception_with_its_error() {
        let frame = exception(&ServiceError::Service("no".to_owned()));
        let message = read_message_from(frame.as_slice()).unwrap();
        assert_eq!(
            headers(&message),
            [
                (":message-type", "exception"),
                (":exception-type", "ServiceException"),
                (":content-type", "application/json")
            ]
        );
        assert_eq!(json_of(&frame), json!({"Type": "Service", "Message": "no"}));
    }

    #[test]
    fn what_is_too_large_for_a_frame_takes_several() {
        let bytes = vec![7; MAX_PAYLOAD_BYTES + 1];
        let sizes: Vec<_> = payload_chunks(&bytes)
            .map(|frame| read_message_from(frame.as_slice()).unwrap().payload().len())
            .collect();
        assert_eq!(sizes, [MAX_PAYLOAD_BYTES, 1]);
        assert_eq!(payload_chunks(b"").count(), 0);

        // Six bytes of JSON for each of these.
        let end = InvokeComplete::failed("Function.Unknown", &vec![1; MAX_PAYLOAD_BYTES / 2]);
        assert_eq!(json_of(&end.frame())["ErrorCode"], "Function.Unknown");
    }

    proptest! {
        #[test]
        fn a_stream_comes_out_as_it_went_in(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..300), 0..8),
            code: Option<String>,
            details: Option<String>,
            log: Option<String>,
            cut in 1_usize..200,
        ) {
            let end = InvokeComplete { error_code: code, error_details: details, log_result: log };
            let mut stream: Vec<u8> = chunks.iter().flat_map(|chunk| payload_chunks(chunk)).flatten().collect();
            stream.extend(end.frame());

            // Fed in pieces, as a connection would.
            let mut decoder = MessageFrameDecoder::new();
            let mut buffer = Vec::new();
            let mut decoded = Vec::new();
            for piece in stream.chunks(cut) {
                buffer.extend(piece);
                let mut slice = buffer.as_slice();
                while let DecodedFrame::Complete(message) = decoder.decode_frame(&mut slice).unwrap() {
                    decoded.push(message);
                }
                buffer = slice.to_vec();
            }
            let last = decoded.pop().unwrap();
            prop_assert_eq!(decoded.iter().map(|message| message.payload().to_vec()).collect::<Vec<_>>(), chunks);
            let read: Value = serde_json::from_slice(last.payload()).unwrap();
            prop_assert_eq!(read.get("ErrorCode").and_then(Value::as_str), end.error_code.as_deref());
            prop_assert_eq!(read.get("ErrorDetails").and_then(Value::as_str), end.error_details.as_deref());
            prop_assert_eq!(read.get("LogResult").and_then(Value::as_str), end.log_result.as_deref());
        }
    }
}
