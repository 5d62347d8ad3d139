//! Environments that are started ahead.

use std::time::Duration;

use kiln_service::{
    Code, ConcurrencyShare, Function, FunctionConfig, LogSource, Mode, ProvisionedState,
    ServiceConfig,
};
use kiln_testing::{eventually, is_running};
use serde_json::json;

use crate::serving::Serving;

fn provisioned(environments: u32) -> impl Fn(&mut FunctionConfig) {
    move |config| config.mode = Mode::Provisioned { environments }
}

fn up(function: &Function, environments: usize) {
    eventually("environments to come up", || {
        (function.provisioned().available == environments).then_some(())
    });
}

#[test]
fn they_are_there_before_anybody_calls_and_the_rest_runs_on_demand() {
    let serving = Serving::start(ServiceConfig::default());
    let function = serving.function(provisioned(2));
    up(&function, 2);
    let directory = tempfile::tempdir().unwrap();
    let go = directory.path().join("go");
    let held = serving.hold(2, &go);
    eventually("both to run", || {
        (serving.lines(LogSource::Platform, "START Req").len() == 2).then_some(())
    });
    let kind = |event| serving.call(&event)["AWS_LAMBDA_INITIALIZATION_TYPE"].clone();
    assert_eq!(kind(json!({"do": "env"})), "on-demand");
    std::fs::write(go, "").unwrap();
    for call in held {
        assert_eq!(call.join().unwrap().status, 200);
    }
    let idle = |part: &str| serving.lines(LogSource::Platform, part).len();
    eventually("all to rest", || (idle("REPORT Req") == 3).then_some(()));
    assert_eq!(kind(json!({"do": "env"})), "provisioned-concurrency");
    assert_eq!(idle("INIT_START"), 3, "two ahead, one for a call");
    // Nobody waited for an init that was ahead; the first REPORT has it all the same, as on AWS.
    let finished = serving.finished();
    let with = |cold, init| {
        let like = finished
            .iter()
            .filter(|report| (report.cold, report.report.init_duration.is_some()) == (cold, init));
        like.count()
    };
    assert_eq!(
        (with(false, true), with(true, true)),
        (2, 1),
        "{finished:?}"
    );
}

#[test]
fn they_are_replaced_when_they_end_and_with_each_release() {
    let serving = Serving::start(ServiceConfig::default());
    let function = serving.function(provisioned(1));
    up(&function, 1);
    let (first, _) = serving.count();
    // As soon as it is idle again.
    eventually("one to be ended", || {
        (serving.enter(|| function.recycle()) == 1).then_some(())
    });
    eventually("the process to end", || (!is_running(first)).then_some(()));
    up(&function, 1);
    let (second, calls) = serving.count();
    assert_eq!((calls, first == second), (1, false));

    serving.function(|config| {
        provisioned(1)(config);
        config
            .variables
            .insert("RELEASE".to_owned(), "2".to_owned());
    });
    eventually("the process to end", || (!is_running(second)).then_some(()));
    up(&function, 1);
    let answer = serving.call(&json!({"do": "env"}));
    assert_eq!(
        (
            &answer["RELEASE"],
            &answer["AWS_LAMBDA_INITIALIZATION_TYPE"]
        ),
        (&json!("2"), &json!("provisioned-concurrency"))
    );

    serving.function(|_| {});
    assert_eq!(function.provisioned(), ProvisionedState::default());
    assert_eq!(
        serving.call(&json!({"do": "env"}))["AWS_LAMBDA_INITIALIZATION_TYPE"],
        "on-demand"
    );
}

#[test]
fn after_a_crash_the_environment_stays() {
    let serving = Serving::start(ServiceConfig::default());
    let function = serving.function(provisioned(1));
    up(&function, 1);
    let answer = serving.client.invoke("f", r#"{"do": "exit", "code": 3}"#);
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
    assert_eq!(serving.count().1, 1, "it begins with an init");
    assert_eq!(function.provisioned().available, 1);
    let kind = serving.call(&json!({"do": "env"}))["AWS_LAMBDA_INITIALIZATION_TYPE"].clone();
    assert_eq!(kind, "provisioned-concurrency");
}

#[test]
fn an_init_that_fails_is_given_up_and_invocations_run_on_demand() {
    let serving = Serving::start(ServiceConfig {
        init_limit: Duration::from_secs(20),
        ..ServiceConfig::default()
    });
    let function = serving.function_that_ends(provisioned(2));
    eventually("it to be given up", || {
        function.provisioned().failed.then_some(())
    });
    let said = || serving.lines(LogSource::Notice, "FUNCTION_ERROR_INIT_FAILURE");
    eventually("it to be said", || (!said().is_empty()).then_some(()));
    let attempts = serving.lines(LogSource::Platform, "INIT_REPORT").len();
    assert!((6..=8).contains(&attempts), "{attempts}");
    let answer = serving.client.invoke("f", "{}");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["errorType"], "Runtime.ExitError");
    assert_eq!(said().len(), 1);
    assert_eq!(function.provisioned().available, 0);
    assert!(serving.finished().iter().all(|report| report.cold));
    // The next release begins anew.
    serving.function(provisioned(2));
    up(&function, 2);
}

#[test]
fn more_than_there_is_is_refused_and_changes_nothing() {
    let serving = Serving::start(ServiceConfig::default());
    for (reserved, environments, tenants, text) in [
        (
            None,
            901,
            false,
            "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [900].",
        ),
        (
            Some(5),
            6,
            false,
            "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function",
        ),
        (
            None,
            1,
            true,
            "Provisioned concurrency is not supported for functions with tenant isolation.",
        ),
    ] {
        let mut config = FunctionConfig {
            reserved_concurrency: reserved,
            tenant_isolation: tenants,
            ..FunctionConfig::new("f")
        };
        provisioned(environments)(&mut config);
        let code = Code::Executable {
            path: "/nonexistent".into(),
            working_directory: "/".into(),
        };
        let refused = serving.service.deploy(config, code).unwrap_err();
        assert_eq!(refused.code(), "InvalidParameterValueException");
        assert_eq!(refused.body()["message"], text);
        assert_eq!(serving.client.invoke("f", "{}").status, 404);
    }
    let function = serving.function_that_ends(|config| {
        config.reserved_concurrency = Some(1);
        provisioned(1)(config);
    });
    let refused = serving.service.reserve([("f", Some(0))]).unwrap_err();
    assert_eq!(
        refused.body()["message"],
        " ReservedConcurrentExecutions  0 should not be lower than function's total provisioned concurrency [1]."
    );
    assert_eq!(function.provisioned().requested, 1);
}

#[test]
fn functions_may_swap_what_they_have_for_themselves() {
    let serving = Serving::start(ServiceConfig::default());
    serving.function_that_ends(|config| {
        config.reserved_concurrency = Some(800);
        provisioned(1)(config);
    });
    let share = |reserved, provisioned| ConcurrencyShare {
        reserved,
        provisioned,
    };
    let allocate = |f, g| serving.service.allocate([("f", f), ("g", g)]);
    allocate(share(None, 100), share(Some(800), 5)).unwrap();
    allocate(share(Some(800), 7), share(None, 100)).unwrap();
    let refused = allocate(share(Some(800), 7), share(None, 101)).unwrap_err();
    let text = "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [100].";
    assert_eq!(refused.body()["message"], text);
}
