//! From cargo's flags to the project they are about.

use kiln_project::{Environment, Function, LoadOptions, ProjectError, Selection, TargetKind};

use crate::failure::Failure;
use crate::output;

/// Where the project is and how its graph is resolved, as cargo's flags say.
pub fn load_options(cargo: &cargo_options::Build) -> Result<LoadOptions, Failure> {
    let current_dir = std::env::current_dir()
        .map_err(|error| Failure::usage(format!("the current directory is gone: {error}")))?;
    Ok(LoadOptions {
        manifest_path: cargo.manifest_path.clone(),
        features: cargo.features.clone(),
        all_features: cargo.all_features,
        no_default_features: cargo.no_default_features,
        // Whatever is no target at all is refused by whoever builds it.
        target: cargo.target.first().and_then(|text| text.parse().ok()),
        target_dir: cargo.target_dir.clone(),
        offline: cargo.offline,
        locked: cargo.locked,
        frozen: cargo.frozen,
        config: cargo.config.clone(),
        unstable_flags: cargo.unstable_flags.clone(),
        environment: Environment::from_process(),
        // The first download of the dependencies takes a while: cargo says what it does.
        progress: Some(|line| output::say(line)),
        ..LoadOptions::new(current_dir)
    })
}

/// What cargo's selection flags select.
pub fn selection(cargo: &cargo_options::Build) -> Selection {
    Selection {
        packages: cargo.packages.clone(),
        workspace: cargo.workspace || cargo.all,
        exclude: cargo.exclude.clone(),
        bins: cargo.bin.clone(),
        examples: cargo.example.clone(),
        all_bins: cargo.bins,
        all_examples: cargo.examples,
    }
}

/// Makes cargo's flags select these functions and nothing else.
pub fn narrow(cargo: &mut cargo_options::Build, functions: &[&Function]) {
    let mut packages: Vec<String> = functions
        .iter()
        // A dependency may have the same name; cargo's own identifier says which is meant.
        .map(|function| function.package_id.repr.clone())
        .collect();
    packages.sort();
    packages.dedup();
    cargo.packages = packages;
    let named = |target| {
        let of_kind = functions
            .iter()
            .filter(|function| function.target == target);
        of_kind.map(|function| function.name.clone()).collect()
    };
    cargo.bin = named(TargetKind::Bin);
    cargo.example = named(TargetKind::Example);
    (cargo.bins, cargo.examples) = (false, false);
    (cargo.workspace, cargo.all) = (false, false);
    cargo.exclude.clear();
}

impl From<ProjectError> for Failure {
    fn from(error: ProjectError) -> Self {
        let hint = error.hint();
        Self::usage(error).maybe_hint(hint)
    }
}
