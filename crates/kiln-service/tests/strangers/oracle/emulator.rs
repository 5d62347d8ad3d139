//! The Runtime Interface Emulator with one function.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use kiln_testing::eventually;

use crate::served::bootstrap;

/// Makes room of its own for what the emulator expects at fixed places, and runs it there.
const ALONE: &str = r#"
mount -t tmpfs none /opt
if [ -n "$LAYER" ]; then cp -R "$LAYER"/. /opt; fi
exec "$@"
"#;

/// An emulator. Its processes end with it.
pub struct Emulator {
    child: Child,
    endpoint: String,
}

impl Emulator {
    /// One whose function tells in `directory` where its API is, with what is in this layer.
    pub fn start(directory: &Path, timeout_seconds: u64, layer: Option<&Path>) -> Self {
        let program = std::env::var_os("KILN_TEST_RIE").expect(
            "`KILN_TEST_RIE` names no Runtime Interface Emulator: run the tests by `cargo xtask test`",
        );
        let log = std::fs::File::create(directory.join("emulator.log")).unwrap();
        let [endpoint, api] = free_addresses();
        let child = Command::new("setpriv")
            // It ends with the test, also with one that is killed.
            .args(["--pdeathsig", "KILL", "unshare"])
            // With all rights over namespaces of its own, whoever we are; what is in them ends with
            // the first process.
            .args([
                "--map-root-user",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
            ])
            .args(["sh", "-e", "-c", ALONE, "sh"])
            .arg(program)
            .args(["--runtime-interface-emulator-address", &endpoint])
            .args(["--runtime-api-address", &api])
            .args(["--log-level", "error"])
            .arg(bootstrap("played"))
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("DIRECTORY", directory)
            .env("AWS_LAMBDA_FUNCTION_HANDLER", "bootstrap")
            .env("LAYER", layer.unwrap_or(Path::new("")))
            .env("AWS_LAMBDA_FUNCTION_TIMEOUT", timeout_seconds.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        let mut emulator = Self { child, endpoint };
        eventually("the emulator to listen", || {
            let ended = emulator.child.try_wait().unwrap();
            assert!(ended.is_none(), "the emulator ended: {ended:?}");
            std::net::TcpStream::connect(&emulator.endpoint).ok()
        });
        emulator
    }

    /// Where its function is called.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Addresses that nobody listens on: it cannot be told to choose one itself. Below the ports that the
/// system gives out, so that no connection takes them in between.
fn free_addresses<const N: usize>() -> [String; N] {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    [(); N].map(|()| {
        let free = (0..10_000).find_map(|_| {
            // Test programs that run beside each other begin at different ones.
            let offset = std::process::id() * 37 + NEXT.fetch_add(1, Ordering::Relaxed);
            let address = format!("127.0.0.1:{}", 20_000 + offset % 10_000);
            TcpListener::bind(&address).ok().map(|_| address)
        });
        free.unwrap()
    })
}
