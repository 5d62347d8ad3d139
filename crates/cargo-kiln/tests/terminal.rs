//! `kiln watch` on a terminal.

use kiln_testing::{Kiln, Project, Watch, fixture};
use serde_json::json;

const KILN: &str = env!("CARGO_BIN_EXE_kiln");

#[test]
fn single_keys_act_and_the_terminal_is_left_as_it_was() {
    let shown = Kiln::new(KILN)
        .in_dir(fixture("functions"))
        .args(["watch", "--port", "0", "--bin", "noop", "--target-dir"])
        .arg(Project::target_directory())
        .on_terminal(
            r#"
before = termios.tcgetattr(terminal)
until("→ build")
press(b"H")
until("q quit", 2)
press(b"c")
until("\x1b[2J")
press(b"k")
until("0 idle environments ended")
press(b"r")
until("→ build", 2)
press(b"q")
assert ended() == 0
assert termios.tcgetattr(terminal) == before, "the terminal is as it was"
"#,
        );
    // Colour, since it is a terminal.
    assert!(shown.contains("\u{1b}["), "{shown}");
}

#[test]
fn logs_in_json_are_made_readable() {
    let shown = Kiln::new(KILN)
        .in_dir(fixture("functions"))
        .args(["watch", "--port", "0", "--bin", "behave", "--target-dir"])
        .arg(Project::target_directory())
        .on_terminal(
            r#"
import json, re, urllib.request
until("→ build")
port = re.search(rb"127\.0\.0\.1:(\d+)", shown).group(1).decode()
line = json.dumps({"timestamp": "t", "level": "WARN", "fields": {"message": "late by", "ms": 3}})
event = json.dumps({"do": "log", "line": line}).encode()
address = f"http://127.0.0.1:{port}/2015-03-31/functions/behave/invocations"
assert urllib.request.urlopen(address, data=event).status == 200
until("ms=3")
press(b"q")
assert ended() == 0
"#,
        );
    let shown = anstream::adapter::strip_str(&shown).to_string();
    assert!(shown.contains("behave WARN  late by ms=3"), "{shown}");
}

#[test]
fn logs_in_json_stay_as_they_are_where_no_terminal_is() {
    let watch = Watch::start(KILN, fixture("functions"), &["--bin", "behave"]).ready();
    let line = r#"{"level":"WARN", "fields":{"message":"late by","ms":3}}"#;
    let event = json!({"do": "log", "line": line}).to_string();
    assert_eq!(watch.client().invoke("behave", event).status, 200);
    watch.wait_for(&format!("behave {line}\n"));
}
