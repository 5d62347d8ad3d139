//! Fuzz targets: what holds for whatever a function writes, sends and does, in whatever order.

mod logs;
mod runtime_api;

use kiln_fuzz::Target;

use crate::lifecycle::checker;

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    Target {
        name: "lifecycle",
        run: checker::check,
    },
    Target {
        name: "log-lines",
        run: logs::lines,
    },
    Target {
        name: "runtime-api",
        run: runtime_api::connections,
    },
];

#[cfg(test)]
mod tests {
    #[test]
    fn corpora_hold() {
        kiln_fuzz::replay(env!("CARGO_MANIFEST_DIR"), super::TARGETS);
    }
}
