//! Which steps to take, in which order.

use clap::ValueEnum as _;

use super::step::Step;

/// The steps asked for and all they need, each once, in the order of [`Step`]: every step comes
/// after its needs there. All steps when none is asked for.
pub fn plan(asked: &[Step]) -> Vec<Step> {
    let all = Step::value_variants();
    if asked.is_empty() {
        return all.to_vec();
    }
    let mut wanted = asked.to_vec();
    // Backwards, so that the needs of needs are seen.
    for step in all.iter().rev() {
        if wanted.contains(step) {
            wanted.extend(step.needs());
        }
    }
    let is_wanted = |step: &&Step| wanted.contains(step);
    all.iter().filter(is_wanted).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_come_before_what_needs_them() {
        let order = Step::value_variants();
        let place = |step: &Step| order.iter().position(|other| other == step);
        for step in order {
            for need in step.needs() {
                assert!(place(need) < place(step), "{need:?} before {step:?}");
            }
        }
    }

    #[test]
    fn a_plan_has_what_was_asked_for_and_its_needs_once() {
        use Step::{Clippy, Fmt, Functions, Tests, Tools};
        for (asked, planned) in [
            (vec![Clippy, Fmt, Fmt], vec![Fmt, Clippy]),
            (vec![Tests], vec![Tools, Functions, Tests]),
            (vec![Tests, Tools], vec![Tools, Functions, Tests]),
            (vec![], Step::value_variants().to_vec()),
        ] {
            assert_eq!(plan(&asked), planned);
        }
    }
}
