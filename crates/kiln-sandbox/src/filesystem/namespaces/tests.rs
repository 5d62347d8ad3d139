//! Views with real processes in them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::*;

/// A release in a directory of its own, seen by root's means or by everybody's.
struct Release {
    directory: TempDir,
    view: Arc<View>,
}

impl Release {
    fn new(means: &Arc<Means>, layers: &[&str]) -> Self {
        Self::with_tmp(means, layers, 1)
    }

    fn with_tmp(means: &Arc<Means>, layers: &[&str], tmp_mb: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir_all(path("package/assets")).unwrap();
        fs::write(path("package/assets/a.txt"), "an asset").unwrap();
        fs::write(path("package/settings.toml"), "settings").unwrap();
        // Not one to execute: while another test starts a process, that one holds what we write.
        fs::write(path("built"), "the bootstrap").unwrap();
        for layer in layers {
            fs::create_dir_all(path(layer).join("extensions")).unwrap();
            fs::write(path(layer).join("extensions").join(layer), *layer).unwrap();
            fs::write(path(layer).join("shared"), *layer).unwrap();
            fs::create_dir_all(path(layer).join(format!("only-{layer}/deep"))).unwrap();
        }
        let layout = Layout {
            task_root: path("package"),
            bootstrap: path("built"),
            layers: layers.iter().map(|layer| path(layer)).collect(),
            tmp_mb,
        };
        let view = View::new(Arc::clone(means), layout);
        Self { directory, view }
    }

    fn environment(&self) -> Arc<Inside> {
        Arc::new(self.view.environment().unwrap())
    }
}

/// All the ways to a namespace that there are here; the tests need one of them.
fn ways() -> Vec<Arc<Means>> {
    let (ways, refused): (Vec<_>, Vec<_>) = [Means::detect(), Means::in_user_namespace()]
        .into_iter()
        .partition(Result::is_ok);
    let mut refused: Vec<String> = refused.into_iter().filter_map(Result::err).collect();
    refused.dedup();
    assert!(
        !ways.is_empty(),
        "this test needs mount namespaces, which this machine refuses: {}",
        refused.join("; ")
    );
    ways.into_iter()
        .filter_map(Result::ok)
        .map(Arc::new)
        .collect()
}

fn patiently<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(std::time::Instant::now() < until, "waited for {what}");
        std::thread::yield_now();
    }
}

/// Has a command see it.
fn enter(environment: &Arc<Inside>, command: &mut Command) {
    let environment = Arc::clone(environment);
    // SAFETY: system calls with what was prepared.
    unsafe { command.pre_exec(move || Ok(environment.enter()?)) };
}

fn sh(environment: &Arc<Inside>, script: &str) -> Output {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]);
    enter(environment, &mut command);
    command.output().unwrap()
}

/// What a script prints, complaints included.
fn says(environment: &Arc<Inside>, script: &str) -> String {
    let output = sh(environment, &format!("{{ {script}; }} 2>&1"));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn code_layers_and_tmp_are_where_aws_has_them() {
    for means in ways() {
        let release = Release::with_tmp(&means, &["a"], 5);
        let environment = release.environment();
        for (script, expected) in [
            ("pwd; ls", "/var/task\nassets\nbootstrap\nsettings.toml\n"),
            (
                "cat bootstrap assets/a.txt settings.toml",
                "the bootstrapan assetsettings",
            ),
            ("cat /opt/extensions/a /opt/shared", "aa"),
            (
                "ls -A /tmp; stat -c %a /tmp; stat -fc %b-%S /tmp",
                "1777\n1280-4096\n",
            ),
            ("echo kept > /tmp/file; cat /tmp/file", "kept\n"),
            ("echo > /dev/null && cat /proc/self/comm", "cat\n"),
            (
                "test -r /dev/urandom -a -w /dev/ptmx && echo devices",
                "devices\n",
            ),
            (
                "id -u",
                &format!("{}\n", rustix::process::getuid().as_raw()),
            ),
        ] {
            assert_eq!(says(&environment, script), expected, "{script}");
        }
        let shown = says(&environment, "ls -d /.*");
        assert!(!shown.contains("host"), "{shown}");
        let hosts = says(&environment, "cat /etc/hosts");
        assert!(
            hosts.ends_with("127.0.0.1 sandbox.localdomain sandbox\n"),
            "{hosts}"
        );
    }
}

#[test]
fn nothing_but_tmp_can_be_written_to() {
    for means in ways() {
        let release = Release::new(&means, &["a"]);
        let environment = release.environment();
        let package = release.directory.path().join("package");
        for place in [
            "/",
            "/var",
            "/var/task",
            "/var/task/assets",
            "/var/tmp",
            "/opt",
            "/opt/extensions",
            "/etc",
            "/usr",
            "/home",
            "/root",
            "/run",
            "/sys",
            "/dev",
            "/dev/shm",
        ] {
            if !Path::new(place).exists() && !place.starts_with("/var/task") {
                continue;
            }
            let said = says(&environment, &format!("touch {place}/written"));
            let refused =
                said.contains("Read-only file system") || said.contains("Permission denied");
            assert!(refused, "{place}: {said}");
        }
        for file in ["bootstrap", "settings.toml", "/etc/hosts", "/opt/shared"] {
            let said = says(&environment, &format!("echo more >> {file}"));
            let refused = said.contains("Read-only file system") || said.contains("nonexistent");
            assert!(
                refused || said.contains("ermission denied"),
                "{file}: {said}"
            );
        }
        assert_eq!(fs::read_dir(package).unwrap().count(), 2);
    }
}

#[test]
fn tmp_is_private_bounded_and_outlives_processes() {
    for means in ways() {
        let release = Release::new(&means, &[]);
        let (one, other) = (release.environment(), release.environment());
        let said = says(
            &one,
            "head -c 2000000 /dev/zero > /tmp/file; wc -c < /tmp/file",
        );
        assert!(said.contains("No space left on device"), "{said}");
        assert!(said.ends_with("\n1048576\n"), "{said}");
        // Another process of the same environment, and one of another.
        assert_eq!(says(&one, "wc -c < /tmp/file"), "1048576\n");
        assert_eq!(says(&other, "ls -A /tmp"), "");
        assert_ne!(one.number(), other.number());
        assert_eq!(
            says(&one, "rm /tmp/file; echo again > /tmp/b; cat /tmp/b"),
            "again\n"
        );
    }
}

#[test]
fn layers_are_merged_the_later_over_the_earlier() {
    for means in ways() {
        let mut seen = Vec::new();
        for overlay in [true, false] {
            means.abilities.lock().unwrap().overlay = overlay;
            let release = Release::new(&means, &["a", "b", "c"]);
            let environment = release.environment();
            let script = "cd /opt && ls -A . extensions && cat shared extensions/a && \
                          ls -d only-a/deep && touch x extensions/x only-b/x";
            seen.push(says(&environment, script));
        }
        let [with_overlay, without] = seen.as_slice() else {
            unreachable!()
        };
        let expected = ".:\nextensions\nonly-a\nonly-b\nonly-c\nshared\n\nextensions:\na\nb\nc\nca\
                        only-a/deep\n";
        assert!(with_overlay.starts_with(expected), "{with_overlay}");
        assert_eq!(with_overlay, without);
        assert_eq!(
            without.matches("Read-only file system").count(),
            3,
            "{without}"
        );
    }
}

#[test]
fn an_older_kernel_write_protects_mount_by_mount() {
    for means in ways() {
        means.abilities.lock().unwrap().trees = false;
        let release = Release::new(&means, &["a"]);
        let environment = release.environment();
        for place in [
            "/",
            "/usr",
            "/etc",
            "/var/task",
            "/var/task/assets",
            "/opt",
            "/sys",
        ] {
            let said = says(&environment, &format!("touch {place}/written"));
            let refused =
                said.contains("Read-only file system") || said.contains("Permission denied");
            assert!(refused, "{place}: {said}");
        }
        assert_eq!(
            says(&environment, "echo kept > /tmp/file; cat /tmp/file"),
            "kept\n"
        );
    }
}

#[test]
fn a_bootstrap_may_be_part_of_the_code_or_take_the_place_of_another() {
    for means in ways() {
        for (outside, expected) in [
            ("package/bootstrap", "in the code"),
            ("built", "the bootstrap"),
        ] {
            let release = Release::new(&means, &[]);
            let path = |name: &str| release.directory.path().join(name);
            fs::write(path("package/bootstrap"), "in the code").unwrap();
            let layout = Layout {
                bootstrap: path(outside),
                ..release.view.layout.clone()
            };
            let view = View::new(Arc::clone(&means), layout);
            let environment = Arc::new(view.environment().unwrap());
            assert_eq!(says(&environment, "cat bootstrap"), expected);
            // What changes in a directory that is shown as it is, is seen.
            fs::write(path("package/assets/b.txt"), "new").unwrap();
            assert_eq!(says(&environment, "cat assets/b.txt"), "new");
        }
    }
}

#[test]
fn new_entries_of_the_package_are_seen_by_new_environments() {
    let means = ways().remove(0);
    let release = Release::new(&means, &[]);
    let before = release.environment();
    let same = release.environment();
    assert_eq!(says(&same, "ls"), says(&before, "ls"));
    fs::write(release.directory.path().join("package/new.txt"), "new").unwrap();
    let after = release.environment();
    assert_eq!(says(&after, "cat new.txt"), "new");
    assert_eq!(says(&before, "ls"), "assets\nbootstrap\nsettings.toml\n");
}

#[test]
fn nothing_of_it_is_seen_outside() {
    let mounts = || fs::read_to_string("/proc/self/mountinfo").unwrap();
    let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
    let before = mounts();
    for means in ways() {
        let release = Release::new(&means, &["a", "b"]);
        let environment = release.environment();
        assert_eq!(says(&environment, "echo > /tmp/inside-alone"), "");
        assert!(!Path::new("/tmp/inside-alone").exists());
        assert_eq!(mounts(), before);
        let held = descriptors();
        for _ in 0..64 {
            drop(release.environment());
        }
        // They are closed by a thread of its own, and other tests open and close some.
        patiently("the descriptors to be closed", || {
            (descriptors() < held + 64).then_some(())
        });
    }
}

#[test]
fn what_cannot_be_shown_is_named() {
    let means = ways().remove(0);
    let release = Release::new(&means, &[]);
    let layout = Layout {
        layers: vec![PathBuf::from("/no such layer")],
        ..release.view.layout.clone()
    };
    let refused = View::new(Arc::clone(&means), layout)
        .environment()
        .unwrap_err();
    let expected = "cannot show `/no such layer` at `/opt`: no such file or directory";
    assert_eq!(refused, expected);
}

#[test]
fn files_that_may_not_be_executed_stay_so() {
    let means = ways().remove(0);
    let release = Release::new(&means, &[]);
    let built = release.directory.path().join("built");
    fs::set_permissions(&built, fs::Permissions::from_mode(0o644)).unwrap();
    let environment = release.environment();
    let mut command = Command::new("/var/task/bootstrap");
    enter(&environment, &mut command);
    let error = command.spawn().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
}

#[test]
fn a_view_is_made_while_processes_are_started() {
    use std::sync::atomic::{AtomicBool, Ordering};

    let means = ways().remove(0);
    let release = Release::new(&means, &[]);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let mut command = Command::new("/bin/true");
                    // A copy of our descriptors for as long as it has not executed anything.
                    let linger = || {
                        std::thread::sleep(std::time::Duration::from_millis(2));
                        Ok(())
                    };
                    // SAFETY: one system call.
                    unsafe { command.pre_exec(linger) };
                    command.status().unwrap();
                }
            });
        }
        let made: Vec<_> = (0..400)
            .map(|_| means.assemble(&release.view.layout).map(drop))
            .collect();
        done.store(true, Ordering::Relaxed);
        assert_eq!(made, vec![Ok(()); 400]);
    });
}

#[test]
fn a_process_inside_dies_with_whoever_started_it() {
    use rustix::process::{Signal, set_parent_process_death_signal};
    use std::os::unix::process::ExitStatusExt as _;

    for means in ways() {
        let release = Release::new(&means, &[]);
        let environment = release.environment();
        let start = move || {
            let mut command = Command::new("/bin/sleep");
            command.arg("600");
            enter(&environment, &mut command);
            let tie = || Ok(set_parent_process_death_signal(Some(Signal::KILL))?);
            // SAFETY: one system call.
            unsafe { command.pre_exec(tie) };
            command.spawn().unwrap()
        };
        // It is tied to the thread, and whoever enters a user namespace might lose the tie.
        let mut child = std::thread::spawn(start).join().unwrap();
        let status = patiently("the process to end", || child.try_wait().unwrap());
        assert_eq!(status.signal(), Some(libc::SIGKILL));
    }
}

/// Not a test: `cargo test -p kiln-sandbox --release what_it_costs -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn what_it_costs() {
    use std::time::{Duration, Instant};

    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    for (name, means) in ["root", "user"].into_iter().zip(ways()) {
        let release = Release::new(&means, &[]);
        let timed = |work: &mut dyn FnMut()| {
            let times = (0..300).map(|_| {
                let began = Instant::now();
                work();
                began.elapsed()
            });
            median(times.collect())
        };
        let view = timed(&mut || drop(means.assemble(&release.view.layout).unwrap()));
        let mut made = Vec::new();
        let environment = timed(&mut || made.push(release.environment()));
        let closed = timed(&mut || drop(made.pop()));
        let inside = release.environment();
        // One after another in turn: whatever else the machine does, it does to all.
        let mut times = [const { Vec::new() }; 3];
        for turn in 0..900 {
            let began = Instant::now();
            let made = (turn % 3 == 2).then(|| release.environment());
            let mut command = Command::new("/bin/true");
            match turn % 3 {
                // SAFETY: nothing is done.
                0 => unsafe {
                    command.pre_exec(|| Ok(()));
                },
                1 => enter(&inside, &mut command),
                _ => made.iter().for_each(|made| enter(made, &mut command)),
            }
            command.status().unwrap();
            times[turn % 3].push(began.elapsed());
        }
        let [outside, entered, all] = times.map(median);
        let mounts = says(&inside, "wc -l < /proc/self/mountinfo");
        eprintln!(
            "{name}: view {view:?}, environment {environment:?}, close {closed:?}, process outside \
             {outside:?}, inside {entered:?}, with an environment of its own {all:?}, mounts {mounts}"
        );
    }
}
