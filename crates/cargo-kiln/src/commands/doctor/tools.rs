//! Asking the tools of this machine about themselves.

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a tool may take to say its version. A cold disk and a slow shim together stay well
/// below it.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What came of asking a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is not there.
    Missing,
    /// It did not answer in time, and was killed.
    Hung,
    /// It failed, with this on its standard error.
    Failed(String),
    /// It wrote this.
    Said(String),
}

impl Answer {
    /// What it wrote, if it did.
    pub fn said(&self) -> Option<&str> {
        match self {
            Self::Said(text) => Some(text),
            _ => None,
        }
    }

    /// Why there is no answer, completing "`tool` …".
    pub fn trouble(&self) -> String {
        match self {
            Self::Missing => "was not found on PATH".into(),
            Self::Hung => "did not answer".into(),
            Self::Failed(words) => match words.lines().find(|line| !line.trim().is_empty()) {
                Some(line) => format!("failed: {}", line.trim()),
                None => "failed".into(),
            },
            Self::Said(text) => format!("answered `{}`", text.trim()),
        }
    }
}

/// Runs tools the way the project would.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The directory to run in: rustup chooses the toolchain by it.
    pub directory: PathBuf,
    /// How long to wait for each.
    pub patience: Duration,
}

impl Tools {
    /// Runs a tool and waits for what it writes, no longer than there is patience.
    pub fn ask(&self, program: &str, arguments: &[&str]) -> Answer {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.directory)
            // A check looks; it does not download a toolchain.
            .env("RUSTUP_AUTO_INSTALL", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Answer::Missing,
            Err(error) => return Answer::Failed(error.to_string()),
        };
        let (sender, receiver) = mpsc::channel();
        let streams = (child.stdout.take(), child.stderr.take());
        // The reader outlives a tool that leaves a child behind with its output open; nobody
        // waits for it then.
        std::thread::spawn(move || {
            let (mut said, mut complained) = (Vec::new(), Vec::new());
            if let Some(mut stdout) = streams.0 {
                let _ = stdout.read_to_end(&mut said);
            }
            if let Some(mut stderr) = streams.1 {
                let _ = stderr.read_to_end(&mut complained);
            }
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            let _ = sender.send((text(said), text(complained)));
        });
        let Ok((said, complained)) = receiver.recv_timeout(self.patience) else {
            let _ = child.kill();
            let _ = child.wait();
            return Answer::Hung;
        };
        match child.wait() {
            Ok(status) if status.success() => Answer::Said(said),
            Ok(_) => Answer::Failed(complained),
            Err(error) => Answer::Failed(error.to_string()),
        }
    }
}

/// Whether one of these programs is on a search path.
pub fn find_on_path<'a>(path: Option<&OsStr>, names: &[&'a str]) -> Option<&'a str> {
    let directories: Vec<PathBuf> = std::env::split_paths(path?).collect();
    names
        .iter()
        .copied()
        .find(|name| directories.iter().any(|it| is_program(&it.join(name))))
}

/// Whether there is a file that can be run.
fn is_program(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        path.metadata()
            .is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    {
        path.with_extension("exe").is_file()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn tools(patience: Duration) -> Tools {
        Tools {
            directory: std::env::temp_dir(),
            patience,
        }
    }

    #[test]
    fn answers() {
        let cases: [(&str, &[&str], Answer, &str); 4] = [
            (
                "sh",
                &["-c", "echo 1.2"],
                Answer::Said("1.2\n".into()),
                "answered `1.2`",
            ),
            (
                "sh",
                &["-c", "echo why >&2; exit 3"],
                Answer::Failed("why\n".into()),
                "failed: why",
            ),
            (
                "sh",
                &["-c", "exit 3"],
                Answer::Failed(String::new()),
                "failed",
            ),
            (
                "no-such-tool-anywhere",
                &[],
                Answer::Missing,
                "was not found on PATH",
            ),
        ];
        for (program, arguments, expected, trouble) in cases {
            let answer = tools(PATIENCE).ask(program, arguments);
            assert_eq!(answer, expected);
            assert_eq!(answer.trouble(), trouble);
        }
    }

    #[test]
    fn a_hanging_tool_is_killed() {
        let answer = tools(Duration::from_millis(50)).ask("sh", &["-c", "exec sleep 600"]);
        assert_eq!(answer, Answer::Hung);
    }

    #[test]
    fn programs_on_a_path() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, mode: u32| {
            let path = directory.path().join(name);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        write("runs", 0o755);
        write("text", 0o644);
        let path = Some(directory.path().as_os_str());
        assert_eq!(find_on_path(path, &["text", "runs"]), Some("runs"));
        assert_eq!(find_on_path(path, &["text"]), None);
        assert_eq!(find_on_path(None, &["runs"]), None);
    }
}
