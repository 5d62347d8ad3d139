//! What an environment's listener is sent that no runtime should send: the answer, and that the next
//! invocation works. The test is the runtime; its process only tells where its API is.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use kiln_service::{FunctionConfig, LogSource};
use kiln_testing::eventually;
use tempfile::TempDir;

use crate::oracle::http::{Pending, Reply, Request};
use crate::served::{Served, variable};

const NEXT: &str = "/2018-06-01/runtime/invocation/next";

struct Played {
    served: Served,
    directory: TempDir,
}

impl Played {
    fn start(timeout: Duration) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = FunctionConfig {
            timeout,
            variables: [variable("DIRECTORY", directory.path())].into(),
            ..FunctionConfig::new("played")
        };
        let served = Served::played(config);
        Self { served, directory }
    }

    fn invoke(&self) -> Pending {
        let path = "/2015-03-31/functions/played/invocations";
        Request::post(path, "{}").send(self.served.address())
    }

    fn api(&self) -> String {
        eventually("the process to start", || {
            let told = std::fs::read_to_string(self.directory.path().join("api")).ok()?;
            Some(told.trim().to_owned())
        })
    }

    fn ask(&self, request: &Request) -> Reply {
        request.send(&self.api()).reply().unwrap()
    }

    /// Waits for the next event; returns its id.
    fn next(&self) -> String {
        let event = self.ask(&Request::get(NEXT));
        let id = event.header("lambda-runtime-aws-request-id");
        id.unwrap().to_owned()
    }

    fn respond(&self, id: &str, body: &str) -> Reply {
        let path = format!("/2018-06-01/runtime/invocation/{id}/response");
        self.ask(&Request::post(path, body))
    }

    /// An invocation from its beginning to its end.
    #[track_caller]
    fn works(&self) {
        let caller = self.invoke();
        let id = self.next();
        assert_eq!(self.respond(&id, "1").status, 202);
        assert_eq!(caller.reply().unwrap().body, b"1");
    }
}

#[test]
fn what_is_no_http_ends_its_connection_only() {
    let played = Played::start(Duration::from_secs(60));
    let caller = played.invoke();
    let long = format!("GET {NEXT} HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    for (sent, status) in [
        (&b"nonsense\r\n\r\n"[..], "400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400"),
        (b"GET / HTTP/9.9\r\n\r\n", "400"),
        (b"POST /x HTTP/1.1\r\ncontent-length: -1\r\n\r\n", "400"),
        (long.as_bytes(), "431"),
        // Half a request.
        (b"GET /2018-06-01/runtime", ""),
        (b"", ""),
    ] {
        let mut connection = TcpStream::connect(played.api()).unwrap();
        // It may be closed before all of it is written.
        let _ = connection.write_all(sent);
        let _ = connection.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        let found = answer.split(' ').nth(1).unwrap_or_default();
        let sent = String::from_utf8_lossy(sent.get(..40).unwrap_or(sent));
        assert_eq!(found, status, "{sent:?}: {answer}");
    }
    let id = played.next();
    assert_eq!(played.respond(&id, "2").status, 202);
    assert_eq!(caller.reply().unwrap().body, b"2");
}

#[test]
fn a_second_answer_is_refused_and_nobody_sees_it() {
    let played = Played::start(Duration::from_secs(60));
    let caller = played.invoke();
    let id = played.next();
    assert_eq!(played.respond(&id, "1").status, 202);
    assert_eq!(played.respond(&id, "2").status, 403);
    assert_eq!(caller.reply().unwrap().body, b"1");
    played.works();
}

#[test]
fn an_answer_after_the_timeout_is_refused_and_the_next_invocation_works() {
    let played = Played::start(Duration::from_secs(3));
    let caller = played.invoke();
    let late = played.next();
    let timed_out = String::from_utf8(caller.reply().unwrap().body).unwrap();
    assert!(timed_out.contains("Task timed out after 3.00 seconds"));
    // Nobody runs there any more.
    assert_eq!(played.respond(&late, "late").status, 500);
    std::fs::remove_file(played.directory.path().join("api")).unwrap();
    let caller = played.invoke();
    // Nor is it the answer of the event that runs now.
    let id = played.next();
    assert_eq!(played.respond(&late, "late").status, 400);
    assert_eq!(played.respond(&id, "3").status, 202);
    assert_eq!(caller.reply().unwrap().body, b"3");
    let lines = played.served.log().lines(LogSource::Platform);
    let begun = lines.iter().filter(|line| line.starts_with("INIT_START"));
    assert_eq!(
        begun.count(),
        2,
        "an init after a reset has its own: {lines:#?}"
    );
}

#[test]
fn a_subscriber_that_never_answers_slows_no_invocation() {
    let played = Played::start(Duration::from_secs(60));
    // It listens, and takes no connection.
    let subscriber = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = subscriber.local_addr().unwrap().port();
    let caller = played.invoke();
    let register = Request::post("/2020-01-01/extension/register", r#"{"events":[]}"#)
        .header("Lambda-Extension-Name", "deaf");
    let registered = played.ask(&register);
    let own = |request: Request| {
        let identifier = registered.header("lambda-extension-identifier").unwrap();
        request.header("Lambda-Extension-Identifier", identifier)
    };
    let subscription = format!(
        r#"{{"types":["platform","function"],"buffering":{{"timeoutMs":25}},"destination":{{"protocol":"HTTP","URI":"http://sandbox.localdomain:{port}"}}}}"#
    );
    let subscribe = Request::new("PUT", "/2022-07-01/telemetry").body(subscription);
    assert_eq!(played.ask(&own(subscribe)).status, 200);
    let next = Request::get("/2020-01-01/extension/event/next");
    let _waiting = own(next).send(&played.api());
    let id = played.next();
    assert_eq!(played.respond(&id, "1").status, 202);
    assert_eq!(caller.reply().unwrap().body, b"1");
    // A freeze waits a tenth of a second for its subscribers; the next event does not.
    let began = Instant::now();
    for _ in 0..100 {
        played.works();
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
}
