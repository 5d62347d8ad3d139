//! The function's entry.

use kiln_testing::{Watch, fixture};

const KILN: &str = env!("CARGO_BIN_EXE_kiln");

#[test]
fn the_smallest_function_answers() {
    let watch = Watch::start(KILN, fixture("library"), &["--bin=hello"]).ready();
    let answer = watch.client().invoke("hello", "{}");
    assert_eq!(answer.json(), "hello");
}
