//! Documents inside of strings: the bodies, messages and record data that AWS services carry.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder};
use serde_json::Value;

/// No compressed document is read beyond this many bytes: CloudWatch Logs sends at most 1 MiB, and
/// a few kilobytes can unfold into gigabytes.
const LARGEST_UNCOMPRESSED: u64 = 16 * 1024 * 1024;

/// How a string carries a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// As JSON text: SQS bodies, SNS messages, HTTP bodies.
    Text,
    /// As base64 of JSON text: Kinesis and Kafka records.
    Base64,
    /// As base64 of compressed JSON text: CloudWatch Logs.
    Gzip,
}

impl Packing {
    /// Recognizes an object or array inside of `text`, and how it got there.
    ///
    /// Scalars do not count: almost every short word is base64 of something, and `42` is a text as
    /// well as a number.
    pub(super) fn open(text: &str) -> Option<(Self, Value)> {
        if let Some(document) = document(text.as_bytes()) {
            return Some((Self::Text, document));
        }
        let bytes = STANDARD.decode(text).ok()?;
        if let Some(document) = document(&bytes) {
            return Some((Self::Base64, document));
        }
        let mut unpacked = Vec::new();
        GzDecoder::new(bytes.as_slice())
            .take(LARGEST_UNCOMPRESSED)
            .read_to_end(&mut unpacked)
            .ok()?;
        document(&unpacked).map(|document| (Self::Gzip, document))
    }

    /// The string that carries `document`.
    pub(super) fn close(self, document: &Value) -> String {
        let text = document.to_string();
        match self {
            Self::Text => text,
            Self::Base64 => STANDARD.encode(text),
            Self::Gzip => {
                let mut packed = Vec::new();
                GzEncoder::new(text.as_bytes(), Compression::default())
                    .read_to_end(&mut packed)
                    .expect("reading from memory does not fail");
                STANDARD.encode(packed)
            }
        }
    }
}

/// The object or array that `bytes` are the JSON of.
fn document(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes)
        .ok()
        .filter(|value: &Value| value.is_object() || value.is_array())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_closed_can_be_opened() {
        for document in [json!({"orderId": "ord-1001"}), json!([1, 2]), json!({})] {
            for packing in [Packing::Text, Packing::Base64, Packing::Gzip] {
                let text = packing.close(&document);
                assert_eq!(Packing::open(&text), Some((packing, document.clone())));
            }
        }
    }

    #[test]
    fn words_and_numbers_carry_nothing() {
        for text in ["", "hello", "42", "null", "true", "\"{}\"", "{", "bnVsbA=="] {
            assert_eq!(Packing::open(text), None, "{text}");
        }
    }
}
