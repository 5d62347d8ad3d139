//! The same conversation with the emulator and with us.

use std::path::Path;
use std::time::Duration;

use kiln_service::FunctionConfig;
use kiln_testing::eventually;
use tempfile::TempDir;

use super::emulator::Emulator;
use super::http::{Pending, Reply, Request};
use crate::served::{Served, variable};

/// Generous: no scenario is about it.
const TIMEOUT_SECONDS: u64 = 60;

/// How long an answer may take that comes at once.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A conversation with either of them, and what was said.
pub struct Talk {
    directory: TempDir,
    /// Where it is called.
    endpoint: String,
    function: &'static str,
    /// The id of the last event.
    id: String,
    /// The identifier of the extension that registered last.
    extension: String,
    /// The runtime's wait for its next event.
    waiting: Option<Pending>,
    said: Vec<(String, String)>,
    /// Ends last.
    _platform: Box<dyn std::any::Any>,
}

impl Talk {
    fn with_emulator(layer: Option<&Path>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let emulator = Emulator::start(directory.path(), TIMEOUT_SECONDS, layer);
        let endpoint = emulator.endpoint().to_owned();
        Self::new(directory, endpoint, "function", Box::new(emulator))
    }

    fn with_kiln(layer: Option<&Path>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = FunctionConfig {
            timeout: Duration::from_secs(TIMEOUT_SECONDS),
            variables: [variable("DIRECTORY", directory.path())].into(),
            layers: layer.into_iter().map(Path::to_owned).collect(),
            ..FunctionConfig::new("test_function")
        };
        let served = Served::played(config);
        let endpoint = served.address().to_owned();
        Self::new(directory, endpoint, "test_function", Box::new(served))
    }

    fn new(
        directory: TempDir,
        endpoint: String,
        function: &'static str,
        platform: Box<dyn std::any::Any>,
    ) -> Self {
        Self {
            directory,
            endpoint,
            function,
            id: "00000000-0000-4000-8000-000000000000".to_owned(),
            extension: "00000000-0000-4000-8000-000000000000".to_owned(),
            waiting: None,
            said: Vec::new(),
            _platform: platform,
        }
    }

    /// Calls the function.
    pub fn invoke(&self, payload: &str) -> Pending {
        let path = format!("/2015-03-31/functions/{}/invocations", self.function);
        Request::post(path, payload).send(&self.endpoint)
    }

    /// Waits for the next event, and notes what the caller of the last one was answered: the emulator
    /// says so only when the runtime waits again.
    pub fn answered(&mut self, what: &str, caller: Pending) {
        if self.waiting.is_none() {
            self.waiting = Some(self.begin(&next()));
        }
        self.told(what, caller);
    }

    /// Notes what the caller of a runtime that has ended was answered.
    pub fn told(&mut self, what: &str, caller: Pending) {
        let text = match caller.reply() {
            None => "no answer".to_owned(),
            Some(reply) if reply.body.len() > 1_000 => {
                format!("{} {} bytes", reply.status, reply.body.len())
            }
            Some(reply) => format!("{} {}", reply.status, text(&reply)),
        };
        self.note(what, text);
    }

    /// Notes the next event.
    pub fn next(&mut self) {
        let waiting = self.waiting.take().unwrap_or_else(|| self.begin(&next()));
        self.end("next", waiting);
    }

    /// Notes something else.
    pub fn note(&mut self, what: &str, text: String) {
        self.said.push((what.to_owned(), text));
    }

    /// The id of the last event.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn address(&self) -> String {
        let path: &Path = &self.directory.path().join("api");
        eventually("the process to start", || {
            let told = std::fs::read_to_string(path).ok()?;
            Some(told.trim().to_owned())
        })
    }

    /// Sends a request, and leaves its answer for later.
    pub fn begin(&self, request: &Request) -> Pending {
        let request = request.clone().with_id(&self.id);
        request
            .with_extension(&self.extension)
            .send(&self.address())
    }

    /// Notes the answer to a request.
    pub fn end(&mut self, what: &str, pending: Pending) {
        let reply = pending.reply();
        if let Some(id) = reply.as_ref().and_then(event_id) {
            self.id = id;
        }
        if let Some(identifier) = reply
            .as_ref()
            .and_then(|reply| reply.header("lambda-extension-identifier"))
        {
            self.extension = identifier.to_owned();
        }
        let text = reply.map_or("no answer".to_owned(), |reply| shown(&reply));
        self.said.push((what.to_owned(), text));
    }

    /// Sends a request and notes its answer.
    pub fn ask(&mut self, what: &str, request: Request) {
        let pending = self.begin(&request);
        self.end(what, pending);
    }
}

/// The runtime asks for an event.
fn next() -> Request {
    Request::get("/2018-06-01/runtime/invocation/next")
}

fn event_id(reply: &Reply) -> Option<String> {
    let id = reply.header("lambda-runtime-aws-request-id");
    id.map(str::to_owned)
}

/// An answer without what is different each time.
fn shown(reply: &Reply) -> String {
    let mut headers: Vec<String> = reply
        .headers
        .iter()
        .filter_map(|(name, value)| match name.as_str() {
            "content-type" => Some(format!("{name}: {value}")),
            // The emulator knows no traces; the service makes one where the caller sends none.
            "lambda-runtime-trace-id" => None,
            name if name.starts_with("lambda-") => Some(name.to_owned()),
            _ => None,
        })
        .collect();
    headers.sort();
    format!("{} [{}] {}", reply.status, headers.join(", "), text(reply))
}

fn text(reply: &Reply) -> String {
    let text = without_ids(&String::from_utf8_lossy(&reply.body)).replace('\n', "⏎");
    // As with the header of an event.
    match text.split_once(r#","tracing":"#) {
        Some((before, _)) => format!("{before}}}"),
        None => text,
    }
}

/// UUIDs and moments are not comparable.
fn without_ids(text: &str) -> String {
    let mut words = Vec::new();
    let is_part = |character: char| character.is_ascii_hexdigit() || character == '-';
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        let length = from.find(|character| !is_part(character));
        let (word, after) = from.split_at(length.unwrap_or(from.len()));
        words.push(before.to_owned());
        let is_moment = word.len() == 13 && word.bytes().all(|byte| byte.is_ascii_digit());
        words.push(match word {
            word if word.len() == 36 && word.matches('-').count() == 4 => "<id>".to_owned(),
            _ if is_moment => "<moment>".to_owned(),
            word => word.to_owned(),
        });
        rest = after;
    }
    words.push(rest.to_owned());
    words.concat()
}

/// What was asked where the two answer differently, what the emulator says, and what we say.
pub type Difference = (&'static str, &'static str, &'static str);

/// Has the same conversation with both; what they say must be the same, but for these differences,
/// each of which must be one.
#[track_caller]
pub fn compare(differences: &[Difference], scenario: impl Fn(&mut Talk)) {
    compare_with(None, differences, scenario);
}

/// As [`compare`], with the external extensions of a layer.
#[track_caller]
pub fn compare_with(
    layer: Option<&Path>,
    differences: &[Difference],
    scenario: impl Fn(&mut Talk),
) {
    let of = |mut talk: Talk| {
        scenario(&mut talk);
        talk.said
    };
    let emulator = of(Talk::with_emulator(layer));
    let ours = of(Talk::with_kiln(layer));
    let mut found = Vec::new();
    for ((what, emulator), (_, ours)) in emulator.iter().zip(&ours) {
        if emulator != ours {
            found.push((what.as_str(), emulator.as_str(), ours.as_str()));
        }
    }
    if found != differences {
        let all: String = emulator
            .iter()
            .zip(&ours)
            .map(|((what, emulator), (_, ours))| match emulator == ours {
                true => format!("{what}\n  both:     {emulator}\n"),
                false => format!("{what}\n  emulator: {emulator}\n  ours:     {ours}\n"),
            })
            .collect();
        assert_eq!(found, differences, "what was said:\n{all}");
    }
}
