//! One driver for each crate that has fuzz targets: a program of libFuzzer that runs the target
//! which `KILN_FUZZ_TARGET` names. `cargo xtask fuzz` builds and runs them.

use std::sync::OnceLock;

use kiln_fuzz::Target;
pub use libfuzzer_sys;

static CHOSEN: OnceLock<Target> = OnceLock::new();

/// Chooses the target that the environment names.
///
/// # Panics
/// When it names none of these.
pub fn choose(targets: &[Target]) {
    let name = std::env::var("KILN_FUZZ_TARGET").unwrap_or_default();
    let target = kiln_fuzz::find(targets, &name);
    let target = target.unwrap_or_else(|| {
        panic!(
            "KILN_FUZZ_TARGET is `{name}`, and the targets are {targets:?}: see `cargo xtask fuzz`"
        )
    });
    CHOSEN.get_or_init(|| target);
}

/// Runs the chosen target.
pub fn run(data: &[u8]) {
    if let Some(target) = CHOSEN.get() {
        (target.run)(data);
    }
}

/// Makes a program of a crate's targets.
#[macro_export]
macro_rules! drive {
    ($targets:path) => {
        $crate::libfuzzer_sys::fuzz_target!(
            init: $crate::choose($targets),
            |data: &[u8]| $crate::run(data)
        );
    };
}
