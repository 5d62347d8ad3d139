#![no_main]
const TARGETS: &[kiln_fuzz::Target] = &kiln_fuzz::targets(kiln::fuzz::TARGETS);
kiln_fuzz_drivers::drive!(TARGETS);
