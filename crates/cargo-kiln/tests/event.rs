//! `kiln event` through the front door.

#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

use kiln_testing::{Kiln, Output};
use serde_json::Value;

fn event(args: &[&str]) -> Output {
    Kiln::new(env!("CARGO_BIN_EXE_kiln"))
        .arg("event")
        .args(args)
        .output()
}

/// The event that is printed, of a run that is expected to succeed without a word.
fn printed(args: &[&str]) -> Value {
    let run = event(args);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{args:?}");
    serde_json::from_str(&run.stdout).unwrap()
}

/// The names in `--list --format json`.
fn names() -> Vec<String> {
    let Value::Array(kinds) = printed(&["--list", "--format", "json"]) else {
        panic!("the list is not an array");
    };
    kinds
        .iter()
        .map(|kind| kind["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_kind_of_the_list_prints_json() {
    let names = names();
    for expected in [
        "json",
        "http",
        "function-url",
        "apigw-v1",
        "alb",
        "websocket",
        "sqs",
        "sns",
        "s3",
        "eventbridge",
        "schedule",
        "dynamodb",
        "kinesis",
        "kafka",
        "cognito",
        "cloudwatch-logs",
        "ses",
        "iot",
        "s3-in-sqs",
        "sns-in-sqs",
        "extension-invoke",
        "extension-logs",
        "extension-telemetry",
    ] {
        assert!(names.iter().any(|name| name == expected), "{expected}");
    }
    for name in names {
        let event = printed(&[&name]);
        assert!(event.is_object() || event.is_array(), "{name}");
    }
}

#[test]
fn without_a_kind_the_kinds_are_listed_with_descriptions() {
    for args in [&[][..], &["--list"]] {
        let run = event(args);
        assert_eq!(run.code, Some(0));
        assert!(run.stdout.contains("sqs"), "{}", run.stdout);
        assert!(
            run.stdout.contains("a batch of two messages"),
            "{}",
            run.stdout
        );
        assert_eq!(run.stdout.lines().count(), names().len());
        // How to go on is conversation, not data.
        assert!(run.stderr.contains("kiln event KIND"), "{}", run.stderr);
    }
    let Value::Array(kinds) = printed(&["-o", "json"]) else {
        panic!("the list is not an array");
    };
    for kind in kinds {
        for member in ["name", "description", "rust_type"] {
            assert!(!kind[member].as_str().unwrap().is_empty(), "{kind}");
        }
        assert!(kind["aliases"].is_array());
    }
}

#[test]
fn compact_is_one_line_of_the_same_event() {
    let run = event(&["sqs", "--compact"]);
    assert_eq!(run.stdout.lines().count(), 1);
    assert_eq!(
        serde_json::from_str::<Value>(&run.stdout).unwrap(),
        printed(&["sqs"])
    );
    assert!(event(&["sqs"]).stdout.lines().count() > 20);
}

#[test]
fn set_changes_parts_in_the_order_given() {
    let event = printed(&[
        "sqs",
        "--set",
        "Records.0.body=hello",
        "--set",
        "Records.1.body.customer=ada=1",
        "-s",
        "Records.0.messageId=-1",
        "--set=Records.2={\"body\": \"first\"}",
        "--set=Records.2.body=second",
    ]);
    let records = event["Records"].as_array().unwrap();
    assert_eq!(records.len(), 3);
    assert_eq!(records[0]["body"], "hello");
    assert_eq!(records[0]["messageId"], "-1");
    let body: Value = serde_json::from_str(records[1]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["customer"], "ada=1");
    assert_eq!(body["orderId"], "ord-1002");
    assert_eq!(records[2], serde_json::json!({"body": "second"}));
}

#[test]
fn names_of_cargo_lambda_are_understood() {
    for (theirs, ours) in [
        ("apigw-request", "apigw-v1"),
        ("apigw-v2", "http"),
        ("example-sqs-event.json", "sqs"),
        ("s3-event", "s3"),
        ("cloudwatch_logs-event", "cloudwatch-logs"),
    ] {
        assert_eq!(printed(&[theirs]), printed(&[ours]), "{theirs}");
    }
}

#[test]
fn wrong_usage_is_told_with_the_way_out_and_prints_no_data() {
    for (args, expected) in [
        (
            &["sqz"][..],
            &[
                "no sample event is called `sqz`",
                "did you mean `sqs`?",
                "kinesis",
            ][..],
        ),
        (
            &["banana"],
            &[
                "no sample event is called `banana`",
                "hint: ",
                "extension-logs",
            ],
        ),
        (
            &["sqs", "--set", "Records.0.body"],
            &["Records.0.body", "no `=`"],
        ),
        (
            &["sqs", "--set", "Records.7.body=x"],
            &[
                "`--set Records.7.body=…` does not fit the `sqs` event",
                "`Records` is an array of 2: there is no `7` in it",
                "hint: its items are `0` to `1`, and `2` adds one",
            ],
        ),
        (
            // The first change fits; nothing is printed all the same.
            &[
                "sqs",
                "--set",
                "Records.0.body=x",
                "--set",
                "Records.0.awsRegion.x=y",
            ],
            &["`Records.0.awsRegion` is a text without JSON inside"],
        ),
        (&["sqs", "--set", "=x"], &["the path is empty"]),
        (&["--set", "a=b"], &["KIND"]),
        (&["sqs", "--list"], &["cannot be used with"]),
    ] {
        let run = event(args);
        assert_eq!(run.code, Some(2), "{args:?}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{args:?}");
        for words in expected {
            assert!(run.stderr.contains(words), "{args:?}: {}", run.stderr);
        }
    }
}

#[test]
fn help_teaches_by_example() {
    let run = event(&["--help"]);
    assert_eq!(run.code, Some(0));
    for words in ["Examples:", "kiln event sqs", "PATH=VALUE", "base64"] {
        assert!(run.stdout.contains(words), "{}", run.stdout);
    }
}
