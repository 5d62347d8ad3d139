//! `--target`: what it means where functions run on this machine.

use kiln_build::linker::{LinkError, LinkPlan};
use kiln_build::target::LambdaTarget;
use kiln_project::{Project, TargetKind};

use super::Watch;
use super::configuration::Configuration;
use crate::failure::Failure;

/// What of a `--target` means something else than in `kiln build`, since functions run here.
pub(super) fn doubt_of(target: &str, machine: &str) -> Option<String> {
    // Cargo says what is wrong with a target that is none of Lambda's.
    let parsed: LambdaTarget = target.parse().ok()?;
    if parsed.architecture.rust_name() != machine {
        return Some(format!(
            "functions for `{target}` run on this machine ({machine}) by an emulator only: QEMU, \
             which is slower than a machine of their own"
        ));
    }
    let glibc = parsed.glibc?;
    Some(format!(
        "functions run here with this machine's glibc: {glibc} counts in `kiln build` only"
    ))
}

/// How functions for the other processor are linked, as `kiln build` does. `None` where it takes no more
/// than cargo itself.
pub(super) fn linking(
    watch: &Watch,
    project: &Project,
    configuration: &Configuration,
) -> Result<Option<LinkPlan>, Failure> {
    if watch.settings.only_lambda_apis.value {
        return Ok(None);
    }
    // Of several targets, and of those that are none of Lambda's, cargo says what it thinks.
    let [target] = watch.args.cargo.target.as_slice() else {
        return Ok(None);
    };
    let Ok(target) = target.parse::<LambdaTarget>() else {
        return Ok(None);
    };
    if target.architecture.rust_name() == std::env::consts::ARCH {
        return Ok(None);
    }
    let built: Vec<_> = configuration.built().collect();
    let mut roots: Vec<_> = built.iter().map(|it| it.package_id.clone()).collect();
    roots.sort();
    roots.dedup();
    let examples = built.iter().any(|it| it.target == TargetKind::Example);
    let directory = &watch.load.current_dir;
    LinkPlan::of_named(target, &project.metadata, directory, &roots, examples)
        .map(Some)
        .map_err(failure)
}

/// A linker that is missing, or does not work.
pub(super) fn failure(error: LinkError) -> Failure {
    let hint = error.hint();
    Failure::usage(error).maybe_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_that_mean_something_else_here_are_doubted() {
        for (target, doubt) in [
            ("x86_64-unknown-linux-gnu", None),
            ("x86_64-unknown-linux-musl", None),
            ("wasm32-wasip2", None),
            (
                "x86_64-unknown-linux-gnu.2.26",
                Some("2.26 counts in `kiln build` only"),
            ),
            ("aarch64-unknown-linux-musl", Some("by an emulator only")),
        ] {
            let found = doubt_of(target, "x86_64");
            assert_eq!(found.is_some(), doubt.is_some(), "{target}");
            assert!(
                found
                    .unwrap_or_default()
                    .contains(doubt.unwrap_or_default()),
                "{target}"
            );
        }
    }
}
