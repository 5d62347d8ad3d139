//! `kiln watch` on a terminal, which Python's `pty` module plays.

use std::process::Command;

use kiln_testing::{Project, fixture};

const KILN: &str = env!("CARGO_BIN_EXE_kiln");

#[test]
fn single_keys_act_and_the_terminal_is_left_as_it_was() {
    // Prints what the terminal shows; fails unless kiln ends by the key, with 0.
    let script = r#"
import os, pty, signal, sys, termios

# What does not come ends the test, not the patience of whoever runs it.
signal.alarm(600)

pid, terminal = pty.fork()
if pid == 0:
    os.chdir(sys.argv[1])
    os.execv(sys.argv[2], sys.argv[2:])
before = termios.tcgetattr(terminal)
shown = b""
def until(text, count=1):
    global shown
    while shown.count(text) < count:
        shown += os.read(terminal, 65536)
until(b"\xe2\x86\x92 build")
during = termios.tcgetattr(terminal)
assert not during[3] & termios.ICANON, "keys are read one by one"
os.write(terminal, b"H")
until(b"q quit", 2)
os.write(terminal, b"c")
until(b"\x1b[2J")
os.write(terminal, b"k")
until(b"0 idle environments ended")
os.write(terminal, b"r")
until(b"\xe2\x86\x92 build", 2)
os.write(terminal, b"q")
_, status = os.waitpid(pid, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
assert termios.tcgetattr(terminal) == before, "the terminal is as it was"
print(shown.decode(errors="replace"))
"#;
    let python = std::env::var_os("KILN_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let output = Command::new(python)
        .args(["-c", script])
        .arg(fixture("functions"))
        .args([
            KILN,
            "watch",
            "--port",
            "0",
            "--bin",
            "noop",
            "--target-dir",
        ])
        .arg(Project::target_directory())
        .env("TERM", "xterm")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    // Colour, since it is a terminal.
    assert!(String::from_utf8_lossy(&output.stdout).contains("\u{1b}["));
}
