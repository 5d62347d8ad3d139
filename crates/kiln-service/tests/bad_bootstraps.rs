//! Bootstraps that cannot be started: what their callers are told, and that the next release works.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic in a test is its report")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kiln_service::filesystem::{FileSystemInForce, FileSystemSettings};
use kiln_service::{
    Code, FunctionConfig, InvocationReport, LogSource, Observer, Service, ServiceConfig, edge,
};
use kiln_testing::{Answer, Client};
use tokio::net::TcpListener;

/// Who remembers what the user was told.
#[derive(Default)]
struct Witness(Mutex<Vec<String>>);

impl Observer for Witness {
    fn log(&self, _function: &str, source: LogSource, line: &str) -> bool {
        if source == LogSource::Notice {
            self.0.lock().unwrap().push(line.to_owned());
        }
        true
    }

    fn finished(&self, _function: &str, _report: &InvocationReport) {}
}

struct Serving {
    service: Service,
    witness: Arc<Witness>,
    client: Client,
}

impl Serving {
    async fn start(files: FileSystemSettings) -> Self {
        let config = ServiceConfig {
            files,
            ..ServiceConfig::default()
        };
        let witness = Arc::new(Witness::default());
        let service = Service::new(config, Arc::clone(&witness) as _);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let client = Client::new(format!("http://{}", listener.local_addr().unwrap()));
        let serving = edge::serve(service.clone(), vec![listener], std::future::pending());
        tokio::spawn(serving);
        Self {
            service,
            witness,
            client,
        }
    }

    /// Calls a function of this bootstrap and these layers.
    async fn call(&self, bootstrap: PathBuf, layers: Vec<PathBuf>) -> Answer {
        let config = FunctionConfig {
            timeout: Duration::from_secs(20),
            layers,
            ..FunctionConfig::new("bad")
        };
        let code = Code::Executable {
            working_directory: bootstrap.parent().unwrap().to_owned(),
            path: bootstrap,
        };
        self.service.deploy(config, code).unwrap();
        let client = self.client.clone();
        let call = move || client.invoke("bad", "{}");
        tokio::task::spawn_blocking(call).await.unwrap()
    }
}

/// Not one that the test writes, where it is executed: while another test starts a process, that one
/// holds whatever is open for writing, and the system executes no such file.
fn bootstraps() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bootstraps")
}

/// A program for arm64 that ends with code 7.
fn for_arm64() -> Vec<u8> {
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    let half = |elf: &mut Vec<u8>, value: u16| elf.extend(value.to_le_bytes());
    let word = |elf: &mut Vec<u8>, value: u32| elf.extend(value.to_le_bytes());
    let long = |elf: &mut Vec<u8>, value: u64| elf.extend(value.to_le_bytes());
    // An executable, for AArch64, which begins behind both headers.
    half(&mut elf, 2);
    half(&mut elf, 183);
    word(&mut elf, 1);
    long(&mut elf, 0x40_0078);
    long(&mut elf, 64);
    long(&mut elf, 0);
    word(&mut elf, 0);
    for size in [64, 56, 1, 0, 0, 0] {
        half(&mut elf, size);
    }
    // One segment: the whole file, readable and executable.
    word(&mut elf, 1);
    word(&mut elf, 5);
    for value in [0, 0x40_0000, 0x40_0000, 132, 132, 0x1_0000] {
        long(&mut elf, value);
    }
    // mov x0, #7; mov x8, #93 (exit); svc #0
    for instruction in [0xd280_00e0, 0xd280_0ba8, 0xd400_0001] {
        word(&mut elf, instruction);
    }
    elf
}

fn error(kind: &str, text: &str, answer: &Answer) {
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
    let id = answer.header("x-amzn-requestid").unwrap();
    let body =
        format!(r#"{{"errorType":"{kind}","errorMessage":"RequestId: {id} Error: {text}"}}"#);
    assert_eq!(answer.text(), body);
}

const ENTRYPOINT: &str = "Runtime.InvalidEntrypoint";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_started_is_named_and_what_comes_after_works() {
    let serving = Serving::start(FileSystemSettings::Auto).await;
    let files = serving.service.files_in_force();
    assert_eq!(
        *files,
        FileSystemInForce::AsOnAws,
        "this test needs mount namespaces, which this machine refuses: {files}"
    );
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8], mode: u32| {
        use std::os::unix::fs::PermissionsExt as _;
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let fork_exec = |reason| format!("fork/exec /var/task/bootstrap: {reason}");
    let missing = directory.path().join("missing");
    let searched = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]";
    for (bootstrap, text) in [
        (missing.clone(), searched.to_owned()),
        (
            write("not-executable", b"#!/bin/sh\n", 0o644),
            fork_exec("permission denied"),
        ),
        (
            write("no-format", b"exit 0\n", 0o755),
            fork_exec("exec format error"),
        ),
        (write("empty", b"", 0o755), fork_exec("exec format error")),
        (
            bootstraps().join("no-interpreter"),
            fork_exec("no such file or directory"),
        ),
        (directory.path().to_owned(), fork_exec("permission denied")),
    ] {
        // Twice: the next invocation is told the same, and nobody waits for ever.
        for _ in 0..2 {
            let answer = serving.call(bootstrap.clone(), Vec::new()).await;
            error(ENTRYPOINT, &text, &answer);
        }
    }
    let answer = serving.call(bootstraps().join("ends"), Vec::new()).await;
    error(
        "Runtime.ExitError",
        "Runtime exited with error: exit status 1",
        &answer,
    );
    // A layer may bring the bootstrap.
    let layer = bootstraps().join("layer");
    let answer = serving.call(missing, vec![layer]).await;
    error(
        "Runtime.ExitError",
        "Runtime exited with error: exit status 3",
        &answer,
    );
    serving.service.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_processors_bootstrap_runs_under_an_emulator() {
    if std::env::consts::ARCH == "aarch64" {
        return;
    }
    let works = |name: &str| Command::new(name).arg("--version").output().is_ok();
    assert!(
        works("qemu-aarch64-static") || works("qemu-aarch64"),
        "this test needs `qemu-aarch64`: `cargo xtask test` sets it up, or install QEMU's user mode \
         emulation (Debian: `qemu-user-static`)"
    );
    let directory = tempfile::tempdir().unwrap();
    let bootstrap = directory.path().join("built");
    std::fs::write(&bootstrap, for_arm64()).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&bootstrap, std::fs::Permissions::from_mode(0o755)).unwrap();
    for files in [FileSystemSettings::Auto, FileSystemSettings::Off] {
        let serving = Serving::start(files).await;
        let answer = serving.call(bootstrap.clone(), Vec::new()).await;
        let notices = serving.witness.0.lock().unwrap().join("\n");
        let text = "Runtime exited with error: exit status 7";
        error("Runtime.ExitError", text, &answer);
        assert!(
            notices.contains("is built for arm64: it runs under"),
            "{notices}"
        );
        serving.service.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_namespaces_each_environment_has_a_directory_of_its_own() {
    let serving = Serving::start(FileSystemSettings::Fallback).await;
    let in_force = serving.service.files_in_force().to_string();
    assert_eq!(in_force, "files: a private TMPDIR (as configured)");
    // It leaves a file in each run, and says how many there are by now. A failed init runs again inside
    // the first invocation; the next one finds the same environment, reset.
    for exit in [11, 12] {
        let answer = serving
            .call(bootstraps().join("counts-files"), Vec::new())
            .await;
        let text = format!("Runtime exited with error: exit status {exit}");
        error("Runtime.ExitError", &text, &answer);
    }
    let directories = || {
        let prefix = format!("kiln-tmp-{}-", std::process::id());
        let entries = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten();
        let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix));
        ours.flat_map(|entry| std::fs::read_dir(entry.path()).into_iter().flatten())
            .count()
    };
    serving.service.close().await;
    kiln_testing::eventually("the directory to go", || (directories() == 0).then_some(()));
}
