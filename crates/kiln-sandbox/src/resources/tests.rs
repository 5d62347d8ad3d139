//! Real families under control, by control group where this machine allows it and by the fallback.

#![expect(clippy::unwrap_used, reason = "a panic in a test is its report")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::*;
use crate::process::{Child, Manners, Pid, facts};

/// A patience that no machine needs.
const PATIENCE: Duration = Duration::from_secs(60);
/// One that a spinning family fills with far more CPU time than its share.
const A_WHILE: Duration = Duration::from_millis(400);

const SPIN: &str = "while :; do :; done";

fn ways() -> [Controls; 2] {
    let fallback = ResourceSettings {
        cpu: Choice::Fallback,
        freeze: Choice::Fallback,
        memory: Choice::Fallback,
        process_limits: true,
    };
    [ResourceSettings::default(), fallback].map(Controls::detect)
}

struct Run {
    controlled: Controlled,
    child: Child,
    leader: Pid,
}

fn by_variable(variable: &str) -> Mark {
    Mark {
        variable: variable.to_owned(),
        mounts: None,
    }
}

fn start(controls: &Controls, memory_mb: u32, script: &str, mark: Option<&str>) -> Run {
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    if let Some((name, value)) = mark.and_then(|mark| mark.split_once('=')) {
        command.env(name, value);
    }
    let manners = Manners {
        limits: Some(controls.process_limits(false)),
        lets_us_finish: true,
    };
    let (family, child) = Family::spawn(command, manners).unwrap();
    let leader = family.leader();
    let mark = mark.map(by_variable);
    let controlled = controls.begin_init(family, Limits { memory_mb, mark });
    Run {
        controlled,
        child,
        leader,
    }
}

impl Run {
    async fn end(mut self) -> Ended {
        self.controlled.kill();
        self.child.wait().await.unwrap();
        self.controlled.end()
    }
}

async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// CPU time of some processes in a while.
async fn used_in_a_while(pids: &[Pid]) -> Duration {
    let used = || -> Duration { pids.iter().filter_map(|pid| facts::cpu_time(*pid)).sum() };
    let before = used();
    tokio::time::sleep(A_WHILE).await;
    used() - before
}

fn children(pid: Pid) -> Vec<Pid> {
    let mut found = Vec::new();
    facts::children(pid, &mut found);
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_family_gets_no_more_than_its_share_and_nothing_between_invocations() {
    for controls in ways() {
        // One in a session of its own, where a signal to the group does not reach it.
        let run = start(
            &controls,
            128,
            &format!("setsid sh -c '{SPIN}' & {SPIN}"),
            None,
        );
        let mut family = vec![run.leader];
        eventually("the second process", || {
            family.splice(1.., children(run.leader));
            family.len() == 2
        })
        .await;
        run.controlled.begin_invoke();
        // Until it has moved to its group, and has used up what it came with.
        used_in_a_while(&family).await;
        let used = used_in_a_while(&family).await;
        let share = used.as_secs_f64() / A_WHILE.as_secs_f64();
        assert!(share < 0.3, "{share}, {}", controls.in_force());

        run.controlled.end_invoke();
        let mut frozen = Duration::MAX;
        for _ in 0..20 {
            frozen = used_in_a_while(&family).await;
            if frozen.is_zero() {
                break;
            }
        }
        assert_eq!(frozen, Duration::ZERO, "{}", controls.in_force());

        run.controlled.begin_invoke();
        let used = facts::cpu_time(run.leader);
        eventually("the thawed family", || facts::cpu_time(run.leader) > used).await;
        assert!(!run.end().await.out_of_memory);
        eventually("all to be gone", || {
            family
                .iter()
                .all(|pid| facts::resident(*pid).unwrap_or(0) == 0)
        })
        .await;
        controls.close();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_family_that_exceeds_its_memory_is_killed_and_its_peak_is_that_of_all() {
    for controls in ways() {
        // Not the leader: `tail` keeps all it reads until there is a line break.
        let script = "head -c 900000000 /dev/zero | tail > /dev/null; sleep 600";
        let mut run = start(&controls, 200, script, None);
        run.controlled.begin_invoke();
        run.child.wait().await.unwrap();
        let ended = run.controlled.end();
        assert!(ended.out_of_memory, "{}", controls.in_force());
        let peak = ended.peak_memory.unwrap() / 1_024 / 1_024;
        assert!(peak > 150, "{peak} MB");
        controls.close();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_daemon_does_not_outlive_its_environment() {
    for (number, controls) in ways().into_iter().enumerate() {
        let mark = format!("KILN_TEST_MARK={}-{number}", std::process::id());
        let script = "(setsid sleep 600 &) ; sleep 600";
        let run = start(&controls, 128, script, Some(&mark));
        // All there are, at whatever time they started.
        let marked = || facts::marked(&[(by_variable(&mark), u64::MAX)]);
        eventually("the daemon", || marked().len() == 3).await;
        eventually("a later moment", || {
            let moment = facts::moment();
            let started = marked().into_iter().map(facts::start_time);
            started.max() < Some(moment)
        })
        .await;
        run.end().await;
        controls.close();
        eventually("the daemon to end", || marked().is_empty()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_next_family_of_an_environment_is_not_taken_for_what_the_last_left_behind() {
    let [controls, _] = ways();
    let mark = format!("KILN_TEST_MARK={}-next", std::process::id());
    let last_ended = facts::moment().unwrap();
    let next = start(&controls, 128, "sleep 600", Some(&mark));
    let started = facts::start_time(next.leader).unwrap();
    eventually("a later moment", || facts::moment() > Some(started)).await;
    let marked = |before| facts::marked(&[(by_variable(&mark), before)]);
    assert_eq!(marked(last_ended), []);
    assert!(marked(facts::moment().unwrap()).contains(&next.leader));
    next.end().await;
    controls.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_family_without_control_runs_as_it_likes() {
    let controls = Controls::off();
    assert_eq!(controls.in_force().cpu.means, Means::Nothing);
    let run = start(&controls, 128, SPIN, None);
    run.controlled.begin_invoke();
    run.controlled.end_invoke();
    let used = facts::cpu_time(run.leader);
    used_in_a_while(&[]).await;
    eventually("it to run on", || facts::cpu_time(run.leader) > used).await;
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_family_in_a_debugger_is_neither_held_nor_frozen() {
    // The process asks to be traced, as one that a debugger started; nobody else runs.
    let [_, fallback] = ways();
    let run = start(&fallback, 128, SPIN, None);
    let tracer = Command::new("strace")
        .args(["-f", "-p", &run.leader.as_raw_nonzero().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    // Where there is no tracer, `cargo-kiln/tests/service.rs` has a function that traces itself.
    let Ok(mut tracer) = tracer else {
        run.end().await;
        return;
    };
    eventually("the tracer", || run.controlled.is_traced()).await;
    run.controlled.begin_invoke();
    run.controlled.end_invoke();
    let used = facts::cpu_time(run.leader);
    used_in_a_while(&[]).await;
    eventually("it to run on", || facts::cpu_time(run.leader) > used).await;
    tracer.kill().unwrap();
    tracer.wait().unwrap();
    run.end().await;
}

#[test]
fn what_is_in_force_fits_one_line_and_says_why() {
    let [auto, fallback] = ways();
    assert!(!auto.in_force().to_string().contains('\n'));
    assert_eq!(
        fallback.in_force().to_string(),
        "cpu: signals (as configured), freeze: signals (as configured), memory: watching (as configured), limits: rlimits"
    );
    assert_eq!(
        Controls::off().in_force().to_string(),
        "cpu: off, freeze: off, memory: off, limits: rlimits (descriptors only)"
    );
}
