//! What functions write, beside what Powertools for AWS Lambda (Python) writes.

use kiln_testing::powertools::{Compared, compare};
use kiln_testing::{Watch, fixture};

const KILN: &str = env!("CARGO_BIN_EXE_kiln");

#[test]
fn functions_log_and_count_as_powertools_does() {
    let functions = [
        ("metrics", ["all", "many", "fail", "panic", "spawn"]),
        ("logging", ["levels", "spawn", "control", "secret", "fail"]),
        ("logs_buffered", ["error", "fail", "panic", "", ""]),
    ];
    let arguments = [
        "--bin=metrics",
        "--bin=logging",
        "--bin=logs_buffered",
        "--env-var=POWERTOOLS_LOG_LEVEL=DEBUG",
    ];
    let watch = Watch::start(KILN, fixture("library"), &arguments).ready();
    let client = watch.client();
    for (function, acts) in functions {
        for (number, act) in acts.iter().enumerate() {
            let event = format!(r#"{{"id": "e-{number}", "do": "{act}"}}"#);
            let answer = client.invoke(function, event);
            // What is said of an invocation comes after all its lines.
            let id = answer.header("x-amzn-requestid").expect("a request id");
            watch.wait_for(&format!("▸ {id} "));
        }
    }
    let printed = watch.printed();
    let lines = printed.lines().filter_map(|line| {
        let mut begins = [r#"{"_aws":"#, r#"{"level":"#].iter();
        begins.find_map(|begin| line.find(begin).map(|at| &line[at..]))
    });
    let lines: Vec<&str> = lines.collect();
    let Compared { metrics, log } = compare(&lines);
    // A cold start; of each invocation one, and the one that is alone and the one that was full.
    assert_eq!(metrics, 1 + 5 + 2, "{lines:#?}");
    assert!(log > 20, "{lines:#?}");
}
