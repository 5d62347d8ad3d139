//! `kiln watch`, for as long as a test needs it.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{LocalBuilder, LocalError};

/// How long it may take to end: the two seconds that Lambda gives an environment with extensions, and one to end them all.
const PATIENCE: Duration = Duration::from_secs(3);

/// A running `kiln watch`, and what it prints.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    printed: watch::Receiver<String>,
}

impl Process {
    pub(super) fn start(settings: &LocalBuilder) -> Result<Self, LocalError> {
        let program = env::var_os("KILN").unwrap_or_else(|| "kiln".into());
        let mut command = Command::new(&program);
        for (name, _) in env::vars_os() {
            if is_of_the_test(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        command
            .current_dir(&settings.directory)
            .env("NO_COLOR", "1")
            .args(["watch", "--port", "0", "--ignore-changes", "--package"])
            .arg(&settings.package)
            .args(where_the_test_is())
            .args(is_built(env::vars_os()).then_some("--no-build"))
            .args(variables(&settings.variables)?)
            .args(&settings.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| LocalError::NotStarted {
            program: program.to_string_lossy().into_owned(),
            source,
        })?;
        let (sender, printed) = watch::channel(String::new());
        if let Some(stdout) = child.stdout.take() {
            collect(stdout, sender.clone());
        }
        if let Some(stderr) = child.stderr.take() {
            collect(stderr, sender);
        }
        Ok(Self { child, printed })
    }

    /// Waits until the functions are built; returns where they answer.
    pub(super) async fn ready(&self) -> Result<String, LocalError> {
        let mut printed = self.printed.clone();
        let has_news = |text: &String| is_ready(text) || does_not_build(text);
        // Fails when both streams are at their ends.
        let _ = printed.wait_for(has_news).await;
        let printed = self.printed();
        match endpoint(&printed) {
            Some(endpoint) if is_ready(&printed) => Ok(endpoint.to_owned()),
            _ if does_not_build(&printed) => Err(LocalError::DoesNotBuild { printed }),
            _ => Err(LocalError::Ended { printed }),
        }
    }

    pub(super) fn printed(&self) -> String {
        self.printed.borrow().clone()
    }
}

impl Process {
    /// Ends it as Ctrl-C does: shutdown hooks run, and it removes what it has written. By force where
    /// that takes too long.
    fn end(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        if self.is_running() && interrupt(self.child.id()) {
            while self.is_running() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(5));
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

/// Sends it SIGINT; whether it could. By the program for it: the standard library knows only SIGKILL.
fn interrupt(process: u32) -> bool {
    let mut kill = Command::new("kill");
    kill.arg("-INT").arg(process.to_string());
    kill.stdin(Stdio::null()).stdout(Stdio::null());
    kill.stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
        if thread::panicking() {
            #[expect(clippy::print_stderr, reason = "for whoever reads the failed test")]
            {
                eprintln!("--- kiln printed:\n{}---", self.printed());
            }
        }
    }
}

fn endpoint(printed: &str) -> Option<&str> {
    let (_, rest) = printed.split_once(" serves on ")?;
    rest.split_once('\n').map(|(endpoint, _)| endpoint)
}

fn is_ready(printed: &str) -> bool {
    printed.lines().any(|line| line.starts_with("ready →"))
}

fn does_not_build(printed: &str) -> bool {
    printed.contains("invocations are refused until the code compiles")
}

/// What cargo sets for a test: passed on to another cargo, it would build some crates anew.
fn is_of_the_test(variable: &str) -> bool {
    [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
        "CARGO_TARGET_TMPDIR",
    ]
    .iter()
    .any(|prefix| variable.starts_with(prefix))
}

/// Whether cargo has built the package's binaries for this test, as it does for [integration tests].
///
/// Built once more by themselves, the packages of a workspace would get other features.
///
/// [integration tests]: https://doc.rust-lang.org/cargo/reference/environment-variables.html
fn is_built(mut variables: impl Iterator<Item = (OsString, OsString)>) -> bool {
    variables.any(|(name, _)| name.to_string_lossy().starts_with("CARGO_BIN_EXE_"))
}

/// The flags that have the functions built where the test was, so that nothing is built twice.
fn where_the_test_is() -> Vec<String> {
    let Ok(program) = env::current_exe() else {
        return Vec::new();
    };
    let mut flags = Vec::new();
    if let Some(target) = target_directory(&program, |directory| {
        directory.join(".rustc_info.json").exists()
    }) {
        flags.push(format!("--target-dir={}", target.display()));
    }
    match profile(&program) {
        None | Some("debug") => {}
        Some("release") => flags.push("--release".to_owned()),
        Some(other) => flags.push(format!("--profile={other}")),
    }
    flags
}

/// The closest directory above the test that cargo has marked as its own.
fn target_directory(program: &Path, is_marked: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let found = program.ancestors().skip(1).find(|above| is_marked(above));
    found.map(ToOwned::to_owned)
}

/// A test is at `PROFILE/deps/NAME`.
fn profile(program: &Path) -> Option<&str> {
    let deps = program.parent().filter(|deps| deps.ends_with("deps"))?;
    deps.parent()?.file_name()?.to_str()
}

/// As `--env-var` takes them.
fn variables(variables: &[(String, String)]) -> Result<Vec<String>, LocalError> {
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && name
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    let begins_another = |part: &str| {
        let name = part.split_once('=').map(|(name, _)| name.trim());
        name.is_some_and(is_name)
    };
    let flag = |(name, value): &(String, String)| {
        let is_whole = value.trim() == value && !value.split(',').skip(1).any(begins_another);
        if is_name(name) && is_whole {
            Ok(format!("--env-var={name}={value}"))
        } else {
            Err(LocalError::Variable { name: name.clone() })
        }
    };
    variables.iter().map(flag).collect()
}

fn collect(stream: impl Read + Send + 'static, printed: watch::Sender<String>) {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        // By bytes: a function may log what is no text.
        while stream
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            let text = String::from_utf8_lossy(&line);
            printed.send_modify(|printed| printed.push_str(&text));
            line.clear();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "kiln 0.1.0 serves on http://127.0.0.1:40123\n  hello 128 MB\n";

    #[test]
    fn what_is_printed_tells_where_and_when() {
        assert_eq!(endpoint(PRINTED), Some("http://127.0.0.1:40123"));
        assert!(!is_ready(PRINTED));
        assert!(is_ready(&format!(
            "{PRINTED}ready → build 1 ms → swap 0 ms (hello)\n"
        )));
        assert_eq!(endpoint("kiln 0.1.0 serves on http://127"), None);
    }

    #[test]
    fn the_tests_place_is_the_functions_place() {
        for (program, target, its_profile) in [
            ("/p/target/debug/deps/it-1f", "/p/target", Some("debug")),
            ("/p/target/release/deps/it-1f", "/p/target", Some("release")),
            (
                "/p/target/x86_64-unknown-linux-gnu/debug/deps/it-1f",
                "/p/target",
                Some("debug"),
            ),
            ("/p/target/small/deps/it-1f", "/p/target", Some("small")),
            ("/p/target/debug/it", "/p/target", None),
        ] {
            let program = Path::new(program);
            let found = target_directory(program, |directory| directory.ends_with("target"));
            assert_eq!(found.as_deref(), Some(Path::new(target)));
            assert_eq!(profile(program), its_profile, "{}", program.display());
        }
    }

    #[test]
    fn cargo_says_that_it_has_built_the_binaries() {
        let variable = |name: &str| (OsString::from(name), OsString::new());
        assert!(is_built(
            ["HOME", "CARGO_BIN_EXE_orders"].map(variable).into_iter()
        ));
        assert!(!is_built(["HOME", "CARGO"].map(variable).into_iter()));
    }

    #[test]
    fn variables_arrive_as_they_are_or_are_refused() {
        for (name, value, is_passed) in [
            ("TABLE", "orders", true),
            ("HOSTS", "a,b", true),
            ("EMPTY", "", true),
            ("JSON", r#"{"a":"b=c","d":1}"#, true),
            ("HOSTS", "a,DEBUG=1", false),
            ("BLANK", " a", false),
            ("", "a", false),
            ("1ST", "a", false),
            ("A-B", "a", false),
        ] {
            let flags = variables(&[(name.to_owned(), value.to_owned())]);
            match flags {
                Ok(flags) => {
                    assert!(is_passed, "{name}={value}");
                    assert_eq!(flags, [format!("--env-var={name}={value}")]);
                }
                Err(error) => {
                    assert!(!is_passed, "{name}={value}");
                    assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
                    // A value may be a secret.
                    assert!(value.is_empty() || !error.to_string().contains("DEBUG=1"));
                }
            }
        }
    }
}
