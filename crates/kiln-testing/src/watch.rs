//! A running `kiln watch`.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::process::{children, descendants};
use crate::{Client, Kiln, Project, eventually, eventually_within};

/// How long the first build of a project may take, on a clean checkout and a busy machine.
const FIRST_BUILD: Duration = Duration::from_secs(600);

/// A `kiln watch` on a free port. It is stopped with the test, and shows what it printed when the
/// test fails.
#[derive(Debug)]
pub struct Watch {
    child: Child,
    printed: Arc<Mutex<String>>,
    endpoint: String,
}

impl Watch {
    /// Starts it in a project's directory, and waits until it serves (not until it has built).
    pub fn start(binary: &str, project: impl AsRef<Path>, arguments: &[&str]) -> Self {
        let command = Kiln::new(binary)
            .in_dir(project)
            .args(["watch", "--port", "0", "--target-dir"])
            .arg(Project::target_directory())
            .args(arguments)
            .into_command();
        Self::spawn(command)
    }

    /// Starts a command that serves and says where.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let printed = Arc::default();
        collect(child.stdout.take().unwrap(), &printed);
        collect(child.stderr.take().unwrap(), &printed);
        let mut watch = Self {
            child,
            printed,
            endpoint: String::new(),
        };
        watch.endpoint = eventually("kiln to serve", || {
            let ended = watch.child.try_wait().unwrap();
            assert!(
                ended.is_none(),
                "kiln ended: {ended:?}\n{}",
                watch.printed()
            );
            let printed = watch.printed();
            let (_, rest) = printed.split_once("serves on ")?;
            Some(rest.split_once('\n')?.0.to_owned())
        });
        watch
    }

    /// Waits until the first build answers.
    #[must_use]
    pub fn ready(mut self) -> Self {
        eventually_within(FIRST_BUILD, "the first build", || {
            self.assert_running();
            self.printed().contains("ready →").then_some(())
        });
        self
    }

    fn assert_running(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "kiln ended: {ended:?}\n{}", self.printed());
    }

    /// Waits until it has printed this.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        eventually(&format!("`{text}` to be printed"), || {
            self.printed().contains(text).then_some(())
        });
    }

    /// Everything it has printed so far, on both streams.
    pub fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    /// Where it serves, such as `http://127.0.0.1:40123`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The port it serves on.
    pub fn port(&self) -> u16 {
        self.endpoint.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// A caller.
    pub fn client(&self) -> Client {
        Client::new(self.endpoint.clone())
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid()).unwrap(), signal).unwrap();
    }

    /// Stops it as Ctrl-C does; returns its exit code.
    pub fn stop(mut self) -> Option<i32> {
        self.signal(Signal::INT);
        self.child.wait().unwrap().code()
    }

    /// The processes that it has started and that have not ended, zombies left out.
    pub fn children(&self) -> Vec<i32> {
        children(self.pid())
    }

    /// Its children, their children, and so on.
    pub fn descendants(&self) -> Vec<i32> {
        descendants(self.pid())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- kiln printed:\n{}---", self.printed());
        }
    }
}

fn collect(stream: impl Read + Send + 'static, printed: &Arc<Mutex<String>>) {
    let printed = Arc::clone(printed);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            let mut printed = printed.lock().unwrap();
            printed.push_str(&line);
            printed.push('\n');
        }
    });
}
