//! Several events at a time, on managed instances.

use std::collections::btree_map::Entry;
use std::sync::{Arc, MutexGuard};

use kiln_protocol::invoke::PlatformError;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::RecvError;

use super::report::settle;
use super::{Active, Core, Environment, NextEvent};
use crate::invocation::Invocation;
use crate::lifecycle::{Event, Settlement, TurnEvent};

impl Environment {
    /// Hands over an event beside those that run.
    pub(super) fn invoke_turn(
        self: &Arc<Self>,
        mut core: MutexGuard<'_, Core>,
        mut active: Active,
    ) -> Result<(), Box<Invocation>> {
        let request_id = active.invocation.request_id.clone();
        match core.turns.entry(request_id.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(active);
            }
            Entry::Occupied(_) => {
                // Callers may choose the id; two of one id could not be told apart.
                let text = format!("an event with the request id {request_id} runs already");
                let refused = Settlement::Platform(PlatformError::Sandbox(text));
                active.invocation.tail = false;
                if let Some(answer) = settle(&mut active, None, &None, refused) {
                    answer.send();
                }
                // The place it would have had is free still.
                self.dispatch(core, Event::Turn(request_id, TurnEvent::Refused));
                return Ok(());
            }
        }
        self.dispatch(core, Event::Turn(request_id, TurnEvent::Invoke));
        Ok(())
    }
}

/// A call of the runtime that waits for an event. Given up before it has one, it counts no more.
pub(super) struct Waiting<'a> {
    environment: &'a Arc<Environment>,
    receiver: oneshot::Receiver<NextEvent>,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(
        environment: &'a Arc<Environment>,
        receiver: oneshot::Receiver<NextEvent>,
    ) -> Self {
        Self {
            environment,
            receiver,
        }
    }

    pub(super) async fn event(mut self) -> Result<NextEvent, RecvError> {
        (&mut self.receiver).await
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut core = self.environment.lock();
        // Under the lock: no event is on its way here that has not arrived.
        let waits = matches!(
            self.receiver.try_recv(),
            Err(oneshot::error::TryRecvError::Empty)
        );
        if waits {
            self.receiver.close();
            core.polls.retain(|poll| !poll.is_closed());
            self.environment.dispatch(core, Event::PollGone);
        }
    }
}
