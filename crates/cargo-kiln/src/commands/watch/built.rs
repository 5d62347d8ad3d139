//! What cargo has built already, for `--no-build`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kiln_build::optimize::selected_profile;
use kiln_project::{Function, TargetKind};

use crate::failure::Failure;
use crate::local::compile::Compiled;

/// The executables of these functions where cargo's flags say that they would be built.
pub(super) fn executables<'f>(
    functions: impl Iterator<Item = &'f Function>,
    target_directory: &Path,
    cargo: &cargo_options::Build,
) -> Result<Compiled, Failure> {
    let directory = directory(target_directory, cargo);
    let mut executables = BTreeMap::new();
    for function in functions {
        let mut path = directory.clone();
        if function.target == TargetKind::Example {
            path.push("examples");
        }
        path.push(&function.name);
        if !path.is_file() {
            return Err(Failure::usage(format!(
                "`{}` is not built: there is no `{}`",
                function.name,
                path.display()
            ))
            .hint("build it with the same flags by `cargo build`, or leave out `--no-build`"));
        }
        executables.insert(function.name.clone(), path);
    }
    Ok(Compiled {
        executables,
        duration: Duration::ZERO,
    })
}

/// Where cargo puts binaries: [build cache](https://doc.rust-lang.org/cargo/reference/build-cache.html).
fn directory(target_directory: &Path, cargo: &cargo_options::Build) -> PathBuf {
    let mut directory = target_directory.to_owned();
    directory.extend(&cargo.target);
    directory.push(match selected_profile(cargo) {
        "dev" | "test" => "debug",
        "bench" => "release",
        other => other,
    });
    directory
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_and_targets_have_directories() {
        for (profile, target, expected) in [
            (None, None, "target/debug"),
            (Some("test"), None, "target/debug"),
            (Some("bench"), None, "target/release"),
            (Some("small"), None, "target/small"),
            (
                Some("release"),
                Some("aarch64-unknown-linux-musl"),
                "target/aarch64-unknown-linux-musl/release",
            ),
        ] {
            let mut cargo = cargo_options::Build::default();
            cargo.common.profile = profile.map(str::to_owned);
            cargo.target = target.map(str::to_owned).into_iter().collect();
            assert_eq!(directory(Path::new("target"), &cargo), Path::new(expected));
        }
    }
}
