#![no_main]
kiln_fuzz_drivers::drive!(kiln_sandbox::fuzz::TARGETS);
