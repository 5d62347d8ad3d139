//! An interrupted build leaves no process behind, whoever the signal is for.

use std::fs;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;

use kiln_testing::eventually;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::project::Project;

/// A build script that says it runs, and would run for an hour.
const SLEEPING_BUILD_SCRIPT: &str = r#"
fn main() {
    std::fs::write("../running", "").unwrap();
    std::thread::sleep(std::time::Duration::from_secs(3600));
}
"#;

/// Whom a signal is sent to.
#[derive(Clone, Copy, Debug)]
enum Receiver {
    /// Kiln's process alone, as `kill` and supervisors do.
    Process,
    /// Its group, as a terminal does for Ctrl-C.
    Group,
}

/// The parent of a process; none when it has ended, even if nobody has noticed.
fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it, in parentheses, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.next()?.parse().ok()
}

/// All running processes that descend from one.
fn descendants(root: i32) -> Vec<i32> {
    let running: Vec<(i32, i32)> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, parent(pid)?)))
        .collect();
    let mut found = vec![root];
    let mut at = 0;
    while let Some(&parent) = found.get(at) {
        let children = running.iter().filter(|(_, of)| *of == parent);
        found.extend(children.map(|(pid, _)| *pid));
        at += 1;
    }
    found.remove(0);
    found
}

fn interrupted(signal: Signal, receiver: Receiver) {
    let project = Project::new("build-workspace");
    project.write("orders/build.rs", SLEEPING_BUILD_SCRIPT);
    let mut kiln = project
        .build(&["-p", "orders"])
        .into_command()
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = i32::try_from(kiln.id()).unwrap();
    eventually("the build script to run", || {
        project.path("running").exists().then_some(())
    });
    let family = descendants(pid);
    // Cargo and the build script at least.
    assert!(family.len() >= 2, "{family:?}");

    let target = Pid::from_raw(pid).unwrap();
    match receiver {
        Receiver::Process => kill_process(target, signal),
        Receiver::Group => kill_process_group(target, signal),
    }
    .unwrap();
    let status = kiln.wait().unwrap();
    let mut said = String::new();
    kiln.stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(status.code(), Some(2), "{signal:?} {receiver:?}: {said}");
    assert!(
        said.ends_with("error: the build was interrupted\n"),
        "{said}"
    );
    for process in family {
        eventually("every process of the build to end", || {
            parent(process).is_none().then_some(())
        });
    }
    assert_eq!(project.listing("target/lambda"), [""; 0]);
}

#[test]
fn an_interrupt_of_kiln_alone_ends_cargo_and_its_build_scripts() {
    interrupted(Signal::INT, Receiver::Process);
}

#[test]
fn an_interrupt_of_the_group_ends_cargo_and_its_build_scripts() {
    interrupted(Signal::INT, Receiver::Group);
}

#[test]
fn a_request_to_terminate_ends_cargo_and_its_build_scripts() {
    interrupted(Signal::TERM, Receiver::Process);
}

#[test]
fn a_terminal_that_goes_away_ends_cargo_and_its_build_scripts() {
    interrupted(Signal::HUP, Receiver::Group);
}
