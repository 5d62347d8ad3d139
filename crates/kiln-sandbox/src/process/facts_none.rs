//! A platform that tells nothing of other processes without private interfaces.

use std::time::Duration;

use super::{Mark, Pid};

/// Whether CPU time and memory of a process can be found out here.
pub(crate) const AVAILABLE: bool = false;

pub(crate) fn cpu_time(_pid: Pid) -> Option<Duration> {
    None
}

pub(crate) fn resident(_pid: Pid) -> Option<u64> {
    None
}

pub(crate) fn proportional(_pid: Pid) -> Option<u64> {
    None
}

pub(crate) fn peak(_pid: Pid) -> Option<u64> {
    None
}

pub(crate) fn start_time(_pid: Pid) -> Option<u64> {
    None
}

pub(crate) fn moment() -> Option<u64> {
    None
}

pub(crate) fn children(_pid: Pid, _found: &mut Vec<Pid>) {}

pub(crate) fn marked(_marks: &[(Mark, u64)]) -> Vec<Pid> {
    Vec::new()
}
