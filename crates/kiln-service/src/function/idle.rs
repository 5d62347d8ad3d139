//! Ending environments that have been idle for long.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::release::Release;
use super::{Function, State};
use crate::config::Mode;

impl Function {
    /// Has a task end what has been idle for long, as long as there are environments. It sleeps until
    /// the first of them may be due, so that invocations cost it nothing.
    pub(super) fn reap(self: &Arc<Self>, state: &mut State) {
        let Some(timeout) = self.shared.config.idle_timeout else {
            return;
        };
        let managed = |release: &Arc<Release>| matches!(release.config.mode, Mode::Managed { .. });
        if state.release.as_ref().is_some_and(managed) {
            // They stay up between events.
            return;
        }
        if !state.reaped {
            state.reaped = true;
            tokio::spawn(Self::end_idle(Arc::downgrade(self), timeout));
        }
    }

    async fn end_idle(function: Weak<Self>, timeout: Duration) {
        let mut pause = timeout;
        loop {
            tokio::time::sleep(pause).await;
            let Some(function) = function.upgrade() else {
                return;
            };
            let now = function.shared.now();
            let mut state = function.lock();
            let ended = match now.checked_sub(timeout) {
                Some(moment) => state.pool.take_idle_since(moment),
                None => Vec::new(),
            };
            // What comes to rest from now on is due later than that.
            let due = state.pool.idle_since().unwrap_or(now) + timeout;
            // Timers count milliseconds.
            pause = due.saturating_sub(now) + Duration::from_millis(1);
            let done = state.pool.is_empty();
            state.reaped = !done;
            drop(state);
            for environment in ended {
                environment.retire();
            }
            if done {
                return;
            }
        }
    }
}
