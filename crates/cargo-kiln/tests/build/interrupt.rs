//! An interrupted build leaves no process behind, whoever the signal is for.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;

use kiln_testing::{descendants, eventually, is_running};
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
            (!is_running(process)).then_some(())
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
