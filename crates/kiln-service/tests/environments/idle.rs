//! Environments that have nothing to do for long.

use std::time::Duration;

use kiln_service::{LogSource, Mode, ServiceConfig};
use kiln_testing::{eventually, is_running};

use crate::serving::Serving;

fn short() -> ServiceConfig {
    ServiceConfig {
        idle_timeout: Some(Duration::from_millis(100)),
        ..ServiceConfig::default()
    }
}

#[test]
fn an_environment_that_has_been_idle_for_long_ends() {
    let serving = Serving::start(short());
    serving.function(|_| {});
    for _ in 0..2 {
        // Again after all have ended: the next call is a cold start.
        let (pid, calls) = serving.count();
        assert_eq!(calls, 1);
        eventually("the process to end", || (!is_running(pid)).then_some(()));
    }
    let cold = serving.finished().iter().all(|report| report.cold);
    assert!(cold, "{:?}", serving.finished());
}

#[test]
fn an_environment_at_work_is_not_idle() {
    let serving = Serving::start(short());
    serving.function(|_| {});
    let directory = tempfile::tempdir().unwrap();
    let go = directory.path().join("go");
    let held = serving.hold(1, &go);
    eventually("the call to run", || {
        (!serving.lines(LogSource::Platform, "START Req").is_empty()).then_some(())
    });
    // Another one comes, rests and ends meanwhile.
    let (pid, _) = serving.count();
    eventually("the process to end", || (!is_running(pid)).then_some(()));
    std::fs::write(go, "").unwrap();
    for call in held {
        assert_eq!(call.join().unwrap().status, 200);
    }
}

#[test]
fn provisioned_environments_are_kept() {
    let serving = Serving::start(short());
    let function = serving.function(|config| config.mode = Mode::Provisioned { environments: 1 });
    eventually("it to come up", || {
        (function.provisioned().available == 1).then_some(())
    });
    let (kept, _) = serving.count();
    let directory = tempfile::tempdir().unwrap();
    let go = directory.path().join("go");
    let held = serving.hold(1, &go);
    eventually("the call to run", || {
        (serving.lines(LogSource::Platform, "START Req").len() == 2).then_some(())
    });
    let (on_demand, _) = serving.count();
    assert_ne!(kept, on_demand);
    std::fs::write(go, "").unwrap();
    held.into_iter().for_each(|call| drop(call.join().unwrap()));
    // The one on demand ends, however much later it came to rest.
    eventually("the process to end", || {
        (!is_running(on_demand)).then_some(())
    });
    assert_eq!(serving.count(), (kept, 3));
}

#[test]
fn an_environment_that_is_started_ahead_on_aws_has_time_for_its_init() {
    let serving = Serving::start(ServiceConfig {
        // No process is so fast.
        init_limit: Duration::from_micros(1),
        ..ServiceConfig::default()
    });
    let too_late = || serving.lines(LogSource::Platform, "timeout").len();
    serving.function(|_| {});
    serving.count();
    assert_eq!(too_late(), 1);
    for mode in [Mode::SnapStart, Mode::Managed { max_concurrency: 2 }] {
        serving.function(|config| config.mode = mode);
        serving.count();
    }
    assert_eq!(too_late(), 1);
    let report = eventually("the last report", || serving.finished().into_iter().nth(2));
    assert!(report.report.init_duration.is_some(), "{report:?}");
}
