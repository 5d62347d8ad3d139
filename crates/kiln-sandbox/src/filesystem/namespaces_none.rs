//! File systems of one's own, on a system where a process sees what all see.

use std::convert::Infallible;
use std::sync::Arc;

use super::layout::Layout;

/// Never found.
#[derive(Debug)]
pub(super) struct Means(Infallible);

#[derive(Debug)]
pub(super) struct View(Arc<Means>);

#[derive(Debug)]
pub(super) struct Inside(Infallible);

impl Means {
    pub(super) fn detect() -> Result<Self, String> {
        Err("this system has no mount namespaces".to_owned())
    }
}

impl View {
    pub(super) fn new(means: Arc<Means>, _layout: Layout) -> Arc<Self> {
        Arc::new(Self(means))
    }

    pub(super) fn environment(self: &Arc<Self>) -> Result<Inside, String> {
        match self.0.0 {}
    }
}

impl Inside {
    pub(super) fn enter(&self) -> Result<(), rustix::io::Errno> {
        match self.0 {}
    }

    pub(super) fn number(&self) -> u64 {
        match self.0 {}
    }
}
