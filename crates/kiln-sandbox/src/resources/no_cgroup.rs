//! Control groups on a system that has none.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::share::CpuShare;
use crate::process::Pid;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(dead_code, reason = "nothing here has a version")]
pub(super) enum Version {
    V1,
    V2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Control {
    Cpu,
    Freeze,
    Memory,
    Processes,
}

#[derive(Debug)]
pub(super) struct Base {
    pub(super) version: Version,
    pub(super) controls: BTreeSet<Control>,
}

#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) bases: Vec<Base>,
    pub(super) refused: BTreeMap<Control, String>,
}

pub(super) fn find(wanted: &[Control]) -> Found {
    let why = |control: &Control| (*control, "this system has no control groups".to_owned());
    Found {
        bases: Vec::new(),
        refused: wanted.iter().map(why).collect(),
    }
}

impl Base {
    pub(super) fn remove(&self) {}
}

/// Never made: there is no base to make one below.
#[derive(Debug)]
pub(super) struct Group(std::convert::Infallible);

impl Group {
    pub(super) fn create(_bases: &[Base], _name: &str, _memory_mb: u32) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn adopt(&self, _pid: Pid) {
        match self.0 {}
    }

    pub(super) fn processes(&self) -> Vec<Pid> {
        match self.0 {}
    }

    pub(super) fn has(&self, _control: Control) -> bool {
        match self.0 {}
    }

    pub(super) fn set_cpu(&self, _share: Option<CpuShare>) {
        match self.0 {}
    }

    pub(super) fn freeze(&self, _frozen: bool) {
        match self.0 {}
    }

    pub(super) fn out_of_memory_kills(&self) -> u64 {
        match self.0 {}
    }

    pub(super) fn kill(&self) {
        match self.0 {}
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        match self.0 {}
    }
}
