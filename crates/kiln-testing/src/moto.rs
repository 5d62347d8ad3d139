//! A stranger's AWS: [moto](https://docs.getmoto.org)'s server.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::mpsc;

use crate::{aws, eventually};

/// A running server with nothing in it, on a port of its own; it ends with the test.
///
/// It answers for DynamoDB, Systems Manager, Secrets Manager and S3, to any credentials.
#[derive(Debug)]
pub struct Moto {
    child: Child,
    endpoint: String,
}

impl Moto {
    /// Starts it, and waits until it serves.
    #[track_caller]
    pub fn start() -> Self {
        let mut child = aws::program("moto_server")
            .args(["--host", "127.0.0.1", "--port", "0"])
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            while said.read_line(&mut line).is_ok_and(|read| read > 0) {
                if let Some((_, endpoint)) = line.split_once("Running on ") {
                    // Nobody waits any more for a second one.
                    let _ = sender.send(endpoint.trim().to_owned());
                    break;
                }
                line.clear();
            }
            // It must be able to go on logging.
            let _ = std::io::copy(&mut said.by_ref(), &mut std::io::sink());
        });
        let endpoint = eventually("moto to serve", || {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "moto ended: {ended:?}");
            receiver.try_recv().ok()
        });
        Self { child, endpoint }
    }

    /// Where it serves, for `--endpoint-url` and an SDK's `endpoint_url`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
