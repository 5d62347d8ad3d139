//! What is invoked in a soak, in which mixture, and what must come of it.

use aws_smithy_eventstream::frame::read_message_from;

use crate::wire::{Answer, invocation, streaming_invocation};

/// Bytes of the filling of a large payload.
const LARGE: usize = 5_000_000;
/// A mebibyte of a stream, as the fixture functions send it.
const MEBIBYTE: usize = 1 << 20;

/// A kind of invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Answers with its event.
    Echo,
    /// Reports an error.
    Error,
    /// Panics, which the runtime reports.
    Panic,
    /// Its process exits.
    Exit,
    /// Its process aborts.
    Abort,
    /// Takes longer than it may.
    Timeout,
    /// Answers 5 MB with 5 MB.
    Large,
    /// Streams its answer.
    Stream,
    /// Streams an answer whose reader leaves after the first bytes.
    StreamLeft,
    /// Works for somebody who has left.
    Left,
    /// An event that somebody announced and has left without sending it whole.
    Broken,
}

/// Which service an invocation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// The one with the plain functions.
    Functions,
    /// The one with the functions that stream.
    Streaming,
}

/// How long the caller stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// Until the whole answer is there.
    ToTheEnd,
    /// Until its first bytes are there.
    FirstBytes,
    /// Not at all.
    None,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Echo,
        Self::Error,
        Self::Panic,
        Self::Exit,
        Self::Abort,
        Self::Timeout,
        Self::Large,
        Self::Stream,
        Self::StreamLeft,
        Self::Left,
        Self::Broken,
    ];

    /// Its place in the mixture: one in so many invocations, the first of them this one. What costs the
    /// start of a process, or seconds, is rare; a few thousand invocations have some of each.
    const RARE_FIRST: [(Self, u64, u64); 10] = [
        (Self::Timeout, 5_000, 11),
        (Self::Abort, 1_000, 13),
        (Self::Exit, 500, 7),
        (Self::Large, 500, 5),
        (Self::StreamLeft, 500, 17),
        (Self::Broken, 500, 19),
        (Self::Left, 200, 21),
        (Self::Stream, 50, 9),
        (Self::Panic, 50, 3),
        (Self::Error, 4, 2),
    ];

    /// The kind of an invocation by its number: the same in every soak.
    pub fn of(number: u64) -> Self {
        let mut rare = Self::RARE_FIRST.into_iter();
        rare.find(|(_, one_in, first)| number % one_in == *first)
            .map_or(Self::Echo, |(kind, ..)| kind)
    }

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Echo => "ok",
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Exit => "exit",
            Self::Abort => "abort",
            Self::Timeout => "timeout",
            Self::Large => "5 MB",
            Self::Stream => "streamed",
            Self::StreamLeft => "left amid a stream",
            Self::Left => "left before the answer",
            Self::Broken => "left amid the request",
        }
    }

    /// Who serves it.
    pub fn service(self) -> Of {
        match self {
            Self::Stream | Self::StreamLeft => Of::Streaming,
            _ => Of::Functions,
        }
    }

    /// How long its caller stays.
    pub fn stay(self) -> Stay {
        match self {
            Self::StreamLeft => Stay::FirstBytes,
            Self::Left | Self::Broken => Stay::None,
            _ => Stay::ToTheEnd,
        }
    }

    /// The bytes of the request.
    pub fn request(self, number: u64) -> Vec<u8> {
        match self {
            Self::Echo => invocation("behave", &echo(number, "")),
            Self::Large => invocation("behave", &echo(number, &"x".repeat(LARGE))),
            Self::Error => invocation("behave", r#"{"do":"fail"}"#),
            Self::Panic => invocation("behave", r#"{"do":"panic"}"#),
            Self::Exit => invocation("behave", r#"{"do":"exit","code":3}"#),
            Self::Abort => invocation("behave", r#"{"do":"abort"}"#),
            Self::Timeout => invocation("quick", r#"{"do":"sleep","ms":60000}"#),
            Self::Left => invocation("behave", r#"{"do":"sleep","ms":20}"#),
            Self::Broken => {
                let mut request = invocation("behave", &echo(number, &"x".repeat(1_000)));
                request.truncate(request.len() - 500);
                request
            }
            Self::Stream => {
                let mebibytes = mebibytes(number);
                let event =
                    format!(r#"{{"chunks":["{number}","-","end"],"mebibytes":{mebibytes}}}"#);
                streaming_invocation("stream", &event)
            }
            Self::StreamLeft => {
                streaming_invocation("stream", r#"{"chunks":["begun"],"mebibytes":3}"#)
            }
        }
    }

    /// What is wrong with an answer; `None` of the right one.
    pub fn fault(self, number: u64, answer: &Answer) -> Option<String> {
        let wanted = match self {
            Self::Echo => Ok(echo(number, "")),
            Self::Large => Ok(echo(number, &"x".repeat(LARGE))),
            Self::Stream => return stream_fault(number, answer),
            // Nobody reads these.
            Self::StreamLeft | Self::Left | Self::Broken => return None,
            Self::Error => Err(r#""errorMessage":"boom""#.to_owned()),
            Self::Panic => Err(r#""errorMessage":"Lambda panicked: out of cheese""#.to_owned()),
            Self::Exit => Err(of_the_platform(
                answer,
                "Runtime exited with error: exit status 3",
            )),
            Self::Abort => Err(of_the_platform(
                answer,
                "Runtime exited with error: signal: aborted",
            )),
            Self::Timeout => Err(of_the_platform(answer, "Task timed out after 1.00 seconds")),
        };
        let body = String::from_utf8_lossy(&answer.body);
        let right = match &wanted {
            Ok(event) => !answer.function_error && body == event.as_str(),
            Err(error) => answer.function_error && body.contains(error.as_str()),
        };
        (answer.status != 200 || !right).then(|| {
            let error = if answer.function_error {
                ", function error"
            } else {
                ""
            };
            let body: String = body.chars().take(200).collect();
            format!("status {}{error}, `{body}`", answer.status)
        })
    }
}

/// The message of an error that the platform reports names the invocation, and the right one.
fn of_the_platform(answer: &Answer, message: &str) -> String {
    let id = answer.request_id.as_deref().unwrap_or("?");
    format!(r#""errorMessage":"RequestId: {id} Error: {message}""#)
}

/// As the function writes it again.
fn echo(number: u64, filling: &str) -> String {
    format!(r#"{{"number":{number},"x":"{filling}"}}"#)
}

/// Most streams are small.
fn mebibytes(number: u64) -> usize {
    usize::from(number.is_multiple_of(3))
}

fn stream_fault(number: u64, answer: &Answer) -> Option<String> {
    let mut frames = answer.body.as_slice();
    let (mut streamed, mut end) = (Vec::new(), None);
    while !frames.is_empty() {
        let message = match read_message_from(&mut frames) {
            Ok(message) => message,
            Err(error) => return Some(format!("a frame that is none: {error}")),
        };
        let event = message
            .headers()
            .iter()
            .find(|header| header.name().as_str() == ":event-type");
        let event = event.and_then(|header| header.value().as_string().ok());
        match (event.map(|event| event.as_str()), &end) {
            (Some("PayloadChunk"), None) => streamed.extend_from_slice(message.payload()),
            (Some("InvokeComplete"), None) => end = Some(message.payload().clone()),
            (other, _) => return Some(format!("a frame `{other:?}` out of place")),
        }
    }
    // After the prelude of `lambda_runtime`, which ends with eight zeros.
    let payload = streamed.windows(8).position(|window| window == [0; 8]);
    let payload = payload.and_then(|prelude| streamed.get(prelude + 8..));
    let mut wanted = format!("{number}-end").into_bytes();
    wanted.resize(wanted.len() + mebibytes(number) * MEBIBYTE, b'x');
    if answer.status != 200 || payload != Some(&wanted) {
        let length = payload.map(<[u8]>::len);
        return Some(format!(
            "status {}, a stream of {length:?} bytes",
            answer.status
        ));
    }
    match end.as_deref() {
        Some(b"{}") => None,
        other => Some(format!("a stream that ends with {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_thousand_invocations_have_some_of_each_kind() {
        let count = |kind| {
            (0..5_000)
                .filter(|number| Kind::of(*number) == kind)
                .count()
        };
        for kind in Kind::ALL {
            assert!(count(kind) > 0, "{kind:?}");
        }
        assert_eq!(count(Kind::Timeout), 1);
        assert!(count(Kind::Echo) > 3_000);
    }

    #[test]
    fn a_wrong_answer_is_told_from_the_right_one() {
        let answer = |function_error, body: &str| Answer {
            status: 200,
            function_error,
            request_id: Some("7".to_owned()),
            body: body.into(),
        };
        let exit = r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 7 Error: Runtime exited with error: exit status 3"}"#;
        for (kind, answer, right) in [
            (Kind::Echo, answer(false, r#"{"number":1,"x":""}"#), true),
            (Kind::Echo, answer(true, r#"{"number":1,"x":""}"#), false),
            // Of another invocation.
            (Kind::Echo, answer(false, r#"{"number":2,"x":""}"#), false),
            (
                Kind::Error,
                answer(true, r#"{"errorType":"E","errorMessage":"boom"}"#),
                true,
            ),
            (
                Kind::Error,
                answer(false, r#"{"errorType":"E","errorMessage":"boom"}"#),
                false,
            ),
            (Kind::Exit, answer(true, exit), true),
            (Kind::Exit, answer(true, &exit.replace('7', "8")), false),
            (Kind::Stream, answer(false, ""), false),
            (Kind::Stream, answer(false, "no frames, none at all"), false),
        ] {
            assert_eq!(
                kind.fault(1, &answer).is_none(),
                right,
                "{kind:?} {answer:?}"
            );
        }
    }
}
