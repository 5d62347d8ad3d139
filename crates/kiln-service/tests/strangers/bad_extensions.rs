//! External extensions that misbehave: their environment fails as on AWS, and the next invocation works.

use std::path::Path;
use std::time::{Duration, Instant};

use kiln_service::LogSource;
use serde_json::json;

use crate::stage::{Running, Stage};

/// A function whose extension misbehaves so, once.
fn misbehaving(how: &str) -> Stage {
    Stage::new("concurrent")
        .extension("misbehaving")
        .variable("MISBEHAVE", how)
        .configure(|config| config.timeout = Duration::from_secs(60))
}

impl Running {
    #[track_caller]
    fn works(&self) {
        let answer = self.invoke_alone(&json!({"number": 7}));
        assert_eq!(answer.header("x-amz-function-error"), None);
        assert_eq!(answer.json()["number"], 7);
    }

    /// What the log says of inits that failed, without how long they took.
    fn failed_inits(&self) -> Vec<String> {
        let lines = self.served.log().lines(LogSource::Platform);
        let reports = lines.iter().filter(|line| line.starts_with("INIT_REPORT "));
        reports
            .map(|line| line.split_once('\t').unwrap().1.to_owned())
            .collect()
    }
}

/// The init fails, and runs again inside the invocation that waits for it.
#[track_caller]
fn is_told_and_runs_again(how: &str, limit: Duration, status: &str) {
    let running = misbehaving(how).init_limit(limit).start();
    running.works();
    assert_eq!(running.failed_inits(), [format!("Phase: init\t{status}")]);
    // Neither the init nor its extension is begun a third time.
    running.works();
    assert_eq!(running.wait_for("extension", 2).len(), 2);
    let lines = running.served.log().lines(LogSource::Platform);
    let begun = lines.iter().filter(|line| line.starts_with("INIT_START"));
    assert_eq!(begun.count(), 1, "{lines:#?}");
}

const SOON: Duration = Duration::from_millis(500);

#[test]
fn one_that_ends_before_it_registers() {
    let limit = Duration::from_secs(60);
    is_told_and_runs_again("end", limit, "Status: error\tError Type: Extension.Crash");
}

#[test]
fn one_that_never_registers() {
    is_told_and_runs_again("never register", SOON, "Status: timeout");
}

#[test]
fn one_that_registers_late() {
    is_told_and_runs_again("register late", SOON, "Status: timeout");
}

#[test]
fn one_that_never_asks_for_an_event() {
    is_told_and_runs_again("never ask", SOON, "Status: timeout");
}

#[test]
fn one_that_ends_in_an_invocation() {
    let running = misbehaving("end in an invocation").start();
    let answer = running.invoke(&json!({"do": "sleep"}));
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
    let id = answer.header("x-amzn-requestid").unwrap();
    let message = format!("RequestId: {id} Error: exit code 4");
    assert_eq!(
        answer.json(),
        json!({"errorType": "Extension.Crash", "errorMessage": message})
    );
    running.works();
}

#[test]
fn one_that_hangs_at_the_end() {
    let running = misbehaving("hang at the end").start();
    running.works();
    let extension = running.wait_for("extension", 1)[0].clone();
    let began = Instant::now();
    running.served.close();
    // The 2,000 ms of the shutdown phase, on a machine with more to do than this.
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(1_900), "{took:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(!Path::new(&format!("/proc/{extension}")).exists());
}
