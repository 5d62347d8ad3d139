//! The types that failures are reported by, beside those of plain `lambda_runtime`: the table of the
//! chapter on errors is what functions answer.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: a panic there is the report"
)]

use std::fs;

use kiln_testing::{Watch, fixture, workspace_root};

const KILN: &str = env!("CARGO_BIN_EXE_kiln");
/// The table's failures in their order, by the event that brings them about.
const EVENTS: [&str; 5] = [
    r#""declined""#,
    r#""twelve""#,
    r#""panic""#,
    r#"{"total": 12}"#,
    r#""wait""#,
];

#[test]
fn the_chapter_on_errors_has_the_types_that_are_reported() {
    let chapter = fs::read_to_string(workspace_root().join("docs/library/errors.md")).unwrap();
    let rows = rows(&chapter);
    assert_eq!(rows.len(), EVENTS.len(), "{rows:?}");
    let plain = watch("failures_plain");
    let kiln = watch("failures");
    for (event, [plain_type, kiln_type]) in EVENTS.into_iter().zip(rows) {
        assert_eq!(error_type(&plain, "failures_plain", event), plain_type);
        assert_eq!(error_type(&kiln, "failures", event), kiln_type);
    }
}

fn watch(bin: &str) -> Watch {
    let bin = format!("--bin={bin}");
    Watch::start(KILN, fixture("library"), &[&bin, "--timeout=2"]).ready()
}

fn error_type(watch: &Watch, function: &str, event: &str) -> String {
    let answer = watch.client().invoke(function, event).json();
    answer["errorType"].as_str().unwrap().to_owned()
}

/// The two columns with types, of the table of failures.
fn rows(chapter: &str) -> Vec<[&str; 2]> {
    let (_, table) = chapter.split_once("| failure |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let types = table.lines().skip(2).map(|row| {
        let (_failure, types) = row.trim_matches('|').split_once('|').unwrap();
        let mut types = types.split('`').skip(1).step_by(2);
        [types.next().unwrap(), types.next().unwrap()]
    });
    types.collect()
}
