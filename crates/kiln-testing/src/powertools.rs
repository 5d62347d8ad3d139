//! A stranger's logs and metrics: [Powertools for AWS Lambda (Python)](https://docs.aws.amazon.com/powertools/python/).

use std::fs::File;

use serde_json::{Value, json};

use crate::aws;

/// Reads the lines, and has Powertools write its own for each.
const SCRIPT: &str = include_str!("powertools.py");

/// How many lines were compared with those of Powertools.
#[derive(Debug, PartialEq, Eq)]
pub struct Compared {
    /// Lines of metrics.
    pub metrics: u64,
    /// Lines of the log.
    pub log: u64,
}

/// Has these lines of a function read by Python, and each compared with the line that Powertools
/// writes of the same metrics, or of the same record in the same invocation.
///
/// Lines are JSON that has no name twice and no `NaN`; times are RFC 3339 in UTC, and of this hour.
/// Metrics are those that Powertools' checks let through, and the whole line is the same, but for orders
/// that CloudWatch does not look at. A line of the log begins with the keys of Powertools in its order, and
/// has all of its keys with its values.
#[track_caller]
pub fn compare<L: AsRef<str>>(lines: &[L]) -> Compared {
    let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("lines.json");
    std::fs::write(&input, json!(lines).to_string()).unwrap();
    let output = aws::python()
        .args(["-c", SCRIPT])
        .stdin(File::open(input).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let counted: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |kind: &str| counted[kind].as_u64().unwrap();
    Compared {
        metrics: of("metrics"),
        log: of("log"),
    }
}
