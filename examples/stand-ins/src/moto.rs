//! A stand-in for AWS: the server of [moto](https://docs.getmoto.org), a Python package.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;

/// A server with nothing in it; it ends with the test.
#[derive(Debug)]
pub struct Moto {
    child: Child,
    endpoint: String,
}

impl Moto {
    /// Starts `moto_server`, that of the Python environment that `KILN_TEST_PYTHON` names if there is one.
    pub fn start() -> Self {
        let mut command = match env::var_os("KILN_TEST_PYTHON") {
            Some(python) => {
                let mut command = Command::new(python);
                command.args(["-m", "moto.server"]);
                command
            }
            None => Command::new("moto_server"),
        };
        let mut child = command
            .args(["--host", "127.0.0.1", "--port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("`pip install 'moto[server]'` brings the program `moto_server`");
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let endpoint = said.by_ref().find_map(|line| {
            let line = line.unwrap();
            let (_, endpoint) = line.split_once("Running on ")?;
            Some(endpoint.trim().to_owned())
        });
        // It must be able to go on logging.
        thread::spawn(move || said.for_each(drop));
        Self {
            child,
            endpoint: endpoint.expect("moto serves"),
        }
    }

    /// Where it serves.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
