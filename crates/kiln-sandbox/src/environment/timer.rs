//! The one timer of an environment.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Core, Environment};
use crate::lifecycle::{Event, TurnEvent};
use crate::resources::Controlled;

/// How long a fired timer waits before it looks again whether the debugger has let go.
const DEBUGGER_PATIENCE: Duration = Duration::from_millis(500);

fn is_over(deadline: Option<Instant>, now: Instant) -> bool {
    deadline.is_some_and(|deadline| deadline <= now)
}

impl Core {
    /// The environment's own, or that of one of several events.
    fn next_deadline(&self) -> Option<Instant> {
        let turns = self.turns.values().filter_map(|active| active.deadline);
        turns.chain(self.deadline).min()
    }

    /// Nothing is over before this moment.
    fn postpone(&mut self, until: Instant) {
        let turns = self
            .turns
            .values_mut()
            .filter_map(|it| it.deadline.as_mut());
        for deadline in turns.chain(&mut self.deadline) {
            *deadline = (*deadline).max(until);
        }
    }
}

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
                let deadline = core.next_deadline();
                core.timer_sleeps_to = deadline;
                deadline
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
        if core.next_deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        if core.processes().any(Controlled::is_traced) {
            core.postpone(now + DEBUGGER_PATIENCE);
            return;
        }
        let late = core
            .turns
            .iter()
            .filter(|(_, active)| is_over(active.deadline, now));
        let late: Vec<String> = late.map(|(id, _)| id.clone()).collect();
        if is_over(core.deadline, now) {
            core.deadline = None;
            self.dispatch(core, Event::TimerFired);
        } else {
            drop(core);
        }
        for id in late {
            self.dispatch(self.lock(), Event::Turn(id, TurnEvent::TimedOut));
        }
    }
}
