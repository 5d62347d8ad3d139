//! Running the real binary on a terminal, which Python's `pty` module plays.

use std::process::Command;

use crate::Kiln;

/// What a script has at hand.
const STAGE: &str = r#"
import os, pty, signal, sys, termios, time

def late(*_):
    raise TimeoutError("what was waited for did not come")

def report(kind, error, trace):
    sys.__excepthook__(kind, error, trace)
    print("the terminal shows:", shown.decode(errors="replace"), file=sys.stderr)

# What does not come ends the test, not the patience of whoever runs it.
signal.signal(signal.SIGALRM, late)
signal.alarm(600)
sys.excepthook = report
shown = b""

pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])

def until(text, count=1):
    """Waits until the terminal shows this so often."""
    global shown
    while shown.count(text.encode()) < count:
        shown += os.read(terminal, 65536)

def press(keys):
    """Types once keys are read one by one, so that the terminal itself makes nothing of them."""
    while termios.tcgetattr(terminal)[3] & termios.ICANON:
        time.sleep(0.01)
    os.write(terminal, keys)

def ended():
    """Waits for the end and answers the exit code."""
    global shown
    try:
        while more := os.read(terminal, 65536):
            shown += more
    except OSError:
        pass  # Nobody has the terminal open any more.
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"#;

impl Kiln {
    /// Runs on a terminal with colours while a script in Python types and reads, and returns what
    /// the terminal has shown.
    ///
    /// The script has `until(text, count=1)`, `press(keys)`, `ended()`, `shown` and, for `termios`,
    /// `terminal`. It fails the test by what it asserts.
    #[track_caller]
    pub fn on_terminal(self, script: &str) -> String {
        let kiln = self.env("TERM", "xterm").into_command();
        let python = std::env::var_os("KILN_TEST_PYTHON").unwrap_or_else(|| "python3".into());
        let mut command = Command::new(python);
        command
            .arg("-c")
            .arg(format!(
                "{STAGE}\n{script}\nsys.stdout.buffer.write(shown)\n"
            ))
            .arg(kiln.get_program())
            .args(kiln.get_args());
        if let Some(directory) = kiln.get_current_dir() {
            command.current_dir(directory);
        }
        for (name, value) in kiln.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let output = command.env_remove("NO_COLOR").output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
