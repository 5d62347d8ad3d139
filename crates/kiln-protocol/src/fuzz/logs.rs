//! What functions write: streamed answers and lines of JSON.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use aws_smithy_types::event_stream::Message;
use kiln_fuzz::Input;
use serde_json::Value;

use crate::error::ServiceError;
use crate::event_stream::{InvokeComplete, exception, payload_chunks};
use crate::json_log::{JsonLog, Level};
use crate::telemetry_record::{Line, Record, Schema};

/// The AWS SDK's decoder reads a stream as it was written, however it is cut.
///
/// The first two bytes say how the function's writes and how the network cuts it.
pub(super) fn event_streams(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (write, cut) = (usize::from(input.byte()), usize::from(input.byte()));
    let body = input.rest();
    let mut stream = Vec::new();
    for chunk in body.chunks(write + 1) {
        stream.extend(payload_chunks(chunk).flatten());
    }
    let end = InvokeComplete::failed("Function.Unknown", body).with_log(body);
    stream.extend(end.frame());
    stream.extend(exception(&ServiceError::Service(
        String::from_utf8_lossy(body).into_owned(),
    )));

    let messages = decode(&stream, cut + 1);
    let of_type = |name: &str| -> Vec<&Message> {
        let is_it = |message: &&Message| {
            message.headers().iter().any(|header| {
                let value = header.value().as_string();
                header.name().as_str().ends_with("-type")
                    && value.is_ok_and(|value| value.as_str() == name)
            })
        };
        messages.iter().filter(is_it).collect()
    };
    let chunks = of_type("PayloadChunk").into_iter();
    let payload: Vec<u8> = chunks
        .flat_map(|message| message.payload().to_vec())
        .collect();
    assert_eq!(payload, body);
    for (name, count) in [("InvokeComplete", 1), ("ServiceException", 1)] {
        let found = of_type(name);
        assert_eq!(found.len(), count, "{name}");
        for message in found {
            serde_json::from_slice::<Value>(message.payload()).expect("it is JSON");
        }
    }
}

fn decode(stream: &[u8], cut: usize) -> Vec<Message> {
    let mut decoder = MessageFrameDecoder::new();
    let mut messages = Vec::new();
    let mut buffer = Vec::new();
    for piece in stream.chunks(cut) {
        buffer.extend(piece);
        let mut slice = buffer.as_slice();
        while let DecodedFrame::Complete(message) =
            decoder.decode_frame(&mut slice).expect("a frame")
        {
            messages.push(message);
        }
        buffer = slice.to_vec();
    }
    assert!(buffer.is_empty(), "something is left");
    messages
}

/// A line passes a filter unchanged or not at all, passes every more talkative one too, and is a
/// record of telemetry on one line of JSON.
pub(super) fn json_logs(bytes: &[u8]) {
    const TIME: &str = "2026-01-01T00:00:00.000Z";
    let line = Line {
        text: String::from_utf8_lossy(bytes).into_owned(),
        json: true,
    };
    if let Some(object) = line.object() {
        assert!(object.get().starts_with('{') && object.get().ends_with('}'));
    }
    let text = line.text.clone();
    let record = Record::FunctionLine(line);
    let mut passes = true;
    for level in [
        Level::Trace,
        Level::Debug,
        Level::Info,
        Level::Warn,
        Level::Error,
        Level::Fatal,
    ] {
        assert_eq!(Level::parse(level.name()), Some(level));
        let log = JsonLog {
            application: level,
            system: Level::Info,
        };
        let shown = log.line(TIME, &record);
        assert!(passes || shown.is_none(), "{level:?} is no filter");
        assert!(shown.as_deref().is_none_or(|shown| shown == text));
        passes = shown.is_some();
    }
    let written = record
        .json(TIME, Schema::Telemetry20221213)
        .expect("lines are in every schema");
    assert!(!written.contains(['\n', '\r']), "{written}");
    let batch = format!("[{written}]");
    let parsed: Value = serde_json::from_str(&batch).expect("a batch can be read");
    assert_eq!(parsed[0]["type"], "function");
}
