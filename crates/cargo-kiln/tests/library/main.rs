//! Functions written with the library, on the local Lambda.

mod entry;
mod errors;
mod http;
mod logging;
mod metrics;
mod powertools;
mod streaming;
mod together;

use kiln_testing::Watch;
use serde_json::Value;

/// What functions have written as JSON, behind the names that `kiln watch` puts before their lines.
fn json_lines(watch: &Watch) -> Vec<Value> {
    let printed = watch.printed();
    let objects = printed
        .lines()
        .filter_map(|line| line.find('{').map(|at| &line[at..]));
    objects
        .filter_map(|text| serde_json::from_str(text).ok())
        .collect()
}
