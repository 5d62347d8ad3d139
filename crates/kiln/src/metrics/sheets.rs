//! Where what was added is kept: with its invocation.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use super::config::Config;
use super::sheet::Sheet;
use crate::invocation::{self, Invocation};

/// The sheet of an invocation, shared by all that work on it.
#[derive(Clone, Debug)]
pub(super) struct Sheets(Arc<Mutex<Sheet>>);

impl Sheets {
    pub(super) fn new(sheet: Sheet) -> Self {
        Self(Arc::new(Mutex::new(sheet)))
    }

    pub(super) fn of(invocation: &Invocation) -> Self {
        // Before the lock: the first time it may log what is wrong with it, and lines ask for the
        // invocation.
        let config = Config::current();
        let make = || Self::new(Sheet::new(config));
        invocation.parts().get_or_insert_with(make).clone()
    }

    pub(super) fn existing(invocation: &Invocation) -> Option<Self> {
        invocation.parts().get::<Self>().cloned()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Sheet> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what there is; returns whether nothing was added since the last end.
    pub(super) fn end(&self) -> bool {
        self.finish();
        !self.lock().take_used()
    }

    /// Writes what there is.
    pub(super) fn finish(&self) {
        let mut sheet = self.lock();
        let line = sheet.finish();
        let config = Arc::clone(sheet.config());
        drop(sheet);
        if let Some(line) = line {
            config.write(&line);
        }
    }
}

/// Of what is added outside of any invocation.
pub(super) fn outside() -> &'static Sheets {
    static OUTSIDE: LazyLock<Sheets> = LazyLock::new(|| Sheets::new(Sheet::new(Config::current())));
    &OUTSIDE
}

/// Of what is being handled here.
pub(super) fn current() -> Sheets {
    invocation::current().map_or_else(|| outside().clone(), |current| Sheets::of(&current))
}
