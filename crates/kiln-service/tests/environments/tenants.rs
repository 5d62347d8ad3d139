//! Functions that keep their tenants apart.

use std::collections::BTreeMap;
use std::thread;

use kiln_service::{FunctionConfig, ServiceConfig};
use kiln_testing::aws::{json_of, program};
use kiln_testing::{Answer, eventually, is_running};
use serde_json::{Value, json};

use crate::serving::Serving;

const TENANT: &str = "x-amz-tenant-id";
const WHO: &str = r#"{"do": "tenant"}"#;

fn isolated(config: &mut FunctionConfig) {
    config.tenant_isolation = true;
}

fn call(serving: &Serving, tenant: &str) -> Answer {
    serving.client.invoke_with("f", WHO, &[(TENANT, tenant)])
}

/// The process that has answered, for the tenant that called.
#[track_caller]
fn process(answer: &Answer, tenant: &str) -> i32 {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    assert_eq!(answer["tenant"], tenant);
    answer["pid"].as_i64().unwrap().try_into().unwrap()
}

#[test]
fn every_way_to_invoke_asks_for_a_tenant_where_there_must_be_one() {
    let missing = "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again.";
    let unwanted = "The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try again.";
    let malformed =
        "1 validation error detected: Value 'a,b' at 'tenantId' failed to satisfy constraint: ";
    let kind = "x-amz-invocation-type";
    for tenants in [true, false] {
        let serving = Serving::start(ServiceConfig::default());
        serving.function(|config| config.tenant_isolation = tenants);
        let right = if tenants {
            &[(TENANT, "blue")][..]
        } else {
            &[]
        };
        let wrong = if tenants {
            &[][..]
        } else {
            &[(TENANT, "blue")]
        };
        let text = if tenants { missing } else { unwanted };
        for (path, way, status) in [
            ("2015-03-31/functions/f/invocations", "RequestResponse", 200),
            ("2015-03-31/functions/f/invocations", "Event", 202),
            ("2015-03-31/functions/f/invocations", "DryRun", 204),
            (
                "2021-11-15/functions/f/response-streaming-invocations",
                "RequestResponse",
                200,
            ),
            (
                "2021-11-15/functions/f/response-streaming-invocations",
                "DryRun",
                204,
            ),
        ] {
            let post = |headers: &[(&'static str, &'static str)]| {
                let headers = [headers, &[(kind, way)]].concat();
                serving.client.post(&format!("/{path}"), WHO, &headers)
            };
            assert_eq!(post(right).status, status, "{path} {way}");
            let refused = post(wrong);
            assert_eq!(refused.status, 400, "{path} {way}");
            assert_eq!(
                refused.header("x-amzn-errortype"),
                Some("InvalidParameterValueException")
            );
            assert_eq!(refused.json(), json!({"Type": "User", "message": text}));
            let refused = post(&[(TENANT, "a,b")]);
            assert_eq!(refused.status, 400, "{path} {way}");
            let said = refused.json()["message"].as_str().unwrap().to_owned();
            assert!(said.starts_with(malformed), "{said}");
        }
    }
}

#[test]
fn no_process_serves_two_tenants() {
    let serving = Serving::start(ServiceConfig::default());
    serving.function(isolated);
    let tenants = ["blue", "green", "Red-1_2.3:/=+@ x"];
    let mut of: BTreeMap<i32, &str> = BTreeMap::new();
    thread::scope(|scope| {
        let callers: Vec<_> = (0..6)
            .map(|caller| {
                let serving = &serving;
                scope.spawn(move || {
                    let calls = (0..20).map(|call| tenants[(caller + call) % tenants.len()]);
                    calls
                        .map(|tenant| (process(&call(serving, tenant), tenant), tenant))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        for (pid, tenant) in callers
            .into_iter()
            .flat_map(|caller| caller.join().unwrap())
        {
            assert_eq!(*of.entry(pid).or_insert(tenant), tenant, "process {pid}");
        }
    });
    // Who comes back finds what it left.
    for tenant in tenants {
        let pid = process(&call(&serving, tenant), tenant);
        assert_eq!(of.get(&pid), Some(&tenant));
    }
}

#[test]
fn without_room_the_idle_environment_of_another_tenant_ends() {
    let serving = Serving::start(ServiceConfig {
        max_environments: 1,
        ..ServiceConfig::default()
    });
    serving.function(isolated);
    for _ in 0..2 {
        let blue = process(&call(&serving, "blue"), "blue");
        let green = process(&call(&serving, "green"), "green");
        assert_ne!(blue, green);
        eventually("the process to end", || (!is_running(blue)).then_some(()));
    }
}

#[test]
fn tenants_have_no_more_environments_than_their_limit() {
    let serving = Serving::start(ServiceConfig::default());
    serving.function(|config| {
        isolated(config);
        // Two and a half.
        config.reserved_concurrency = Some(1);
    });
    let mut processes = Vec::new();
    for tenant in ["blue", "green"] {
        processes.push(process(&call(&serving, tenant), tenant));
        // The last one is at rest again.
        eventually("the call to be over", || {
            (serving.finished().len() == processes.len()).then_some(())
        });
    }
    let refused = call(&serving, "red");
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert_eq!(
        (&refused.json()["message"], &refused.json()["Type"]),
        (&json!("Rate Exceeded."), &json!("User"))
    );
    // Those who have one are served.
    assert_eq!(process(&call(&serving, "blue"), "blue"), processes[0]);
}

#[test]
fn without_isolation_there_is_no_tenant() {
    let serving = Serving::start(ServiceConfig::default());
    serving.function(|_| {});
    assert_eq!(
        serving.call(&json!({"do": "tenant"}))["tenant"],
        Value::Null
    );
}

#[test]
fn boto3_and_the_aws_cli_bring_their_tenants() {
    let serving = Serving::start(ServiceConfig::default());
    serving.function(isolated);
    let script = r#"
import json, sys, boto3
client = boto3.client("lambda", endpoint_url=sys.argv[1])
def invoke(**arguments):
    answer = client.invoke(FunctionName="f", Payload=b'{"do": "tenant"}', **arguments)
    return json.loads(answer["Payload"].read())
found = {tenant: invoke(TenantId=tenant) for tenant in ["blue", "green"]}
try:
    invoke()
except client.exceptions.InvalidParameterValueException as error:
    found["refused"] = error.response["Error"]["Message"]
print(json.dumps(found))
"#;
    let output = program("python3")
        .args(["-c", script, &serving.endpoint])
        .output()
        .unwrap();
    let found = json_of(&output);
    assert_eq!(
        (&found["blue"]["tenant"], &found["green"]["tenant"]),
        (&json!("blue"), &json!("green"))
    );
    assert_ne!(found["blue"]["pid"], found["green"]["pid"]);
    let refused = found["refused"].as_str().unwrap();
    assert!(refused.contains("Add a valid tenant ID"), "{refused}");

    let directory = tempfile::tempdir().unwrap();
    let answer = directory.path().join("answer");
    let output = program("aws")
        .args(["--endpoint-url", &serving.endpoint, "lambda", "invoke"])
        .args(["--function-name", "f", "--tenant-id", "blue"])
        .args(["--payload", WHO])
        .arg(&answer)
        .output()
        .unwrap();
    assert_eq!(json_of(&output)["StatusCode"], 200);
    let answered: Value = serde_json::from_slice(&std::fs::read(answer).unwrap()).unwrap();
    assert_eq!(answered, found["blue"], "the same process");
}
