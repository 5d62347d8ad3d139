//! The one timer of an environment.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Core, Environment};
use crate::lifecycle::Event;
use crate::resources::Controlled;

/// How long a fired timer waits before it looks again whether the debugger has let go.
const DEBUGGER_PATIENCE: Duration = Duration::from_millis(500);

impl Environment {
    pub(super) fn wake_timer(&self, core: &Core, deadline: Instant) {
        // Usually the task already sleeps to an earlier deadline that has been disarmed, looks when
        // it wakes and sleeps on: a warm invocation does not wake it.
        if core.timer_sleeps_to.is_none_or(|wakes| deadline < wakes) {
            self.timer.notify_one();
        }
    }

    pub(super) async fn run_timer(self: Arc<Self>) {
        loop {
            let deadline = {
                let mut core = self.lock();
                core.timer_sleeps_to = core.deadline;
                core.deadline
            };
            let Some(deadline) = deadline else {
                self.timer.notified().await;
                continue;
            };
            tokio::select! {
                () = tokio::time::sleep_until(deadline) => self.timer_elapsed(),
                () = self.timer.notified() => {}
            }
        }
    }

    pub(super) fn timer_elapsed(self: &Arc<Self>) {
        let mut core = self.lock();
        let now = Instant::now();
        if core.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        if core.processes().any(Controlled::is_traced) {
            core.deadline = Some(now + DEBUGGER_PATIENCE);
            return;
        }
        core.deadline = None;
        self.dispatch(core, Event::TimerFired);
    }
}
