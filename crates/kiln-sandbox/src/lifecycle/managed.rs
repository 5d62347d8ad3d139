//! Managed instances: environments that take several events at a time.
//!
//! The runtime waits for events on several connections, each event has its own timeout, which ends that
//! event and not the process, and nothing is frozen between events. What holds for the environment as a
//! whole (init, extensions, shutdown) holds here as elsewhere; extensions are told of its end only.
//!
//! Source: [Lambda Managed Instances](https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html)
//! and the behaviour of the implementation AWS publishes.

use std::collections::{BTreeMap, VecDeque};

use kiln_protocol::extension_event::ShutdownReason;
use kiln_protocol::invoke::{PlatformError, RuntimeFault};
use kiln_protocol::log_line::Status;
use kiln_protocol::runtime_api::Answer;

use super::{Answered, Effect, InitPhase, Machine, Settlement, State, Step};

/// How many calls for an event may wait.
const MAX_WAITING: usize = 10_000;
/// How many events whose time was up are remembered, to tell late answers from wrong ones.
const MAX_LATE: usize = 10_000;

/// Something that happened to one of several events. Which, its request id says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TurnEvent {
    /// The host hands it over. Only when the machine [is free](super::Machine::is_free).
    Invoke,
    /// The host handed over another of the same id, which is not taken.
    Refused,
    /// The runtime answered it.
    Respond(Answered),
    /// The runtime began to send a streamed response.
    ResponseBegun,
    /// The end of a streamed response came, or will not come any more.
    ResponseEnded(Answered),
    /// Its time is up.
    TimedOut,
}

/// Something to do about one of several events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TurnEffect {
    /// Start its timer.
    Arm,
    /// Give it to a waiting call of the runtime.
    Deliver,
    /// Pass on what comes of its response to the caller.
    Stream,
    /// Answer the caller.
    Settle(Settlement),
    /// It is over: write its lines.
    Finish(Status),
}

/// The events there are at a time.
#[derive(Debug)]
pub(super) struct Managed {
    max_concurrency: usize,
    /// How many calls of the runtime wait for an event.
    waiting: usize,
    /// For how many events the host was told that there is room, which it has not handed over.
    offered: usize,
    turns: BTreeMap<String, Turn>,
    late: VecDeque<String>,
    /// The environment ends when the last event has.
    retiring: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Its environment runs its init.
    Waiting,
    Running,
    Streaming,
}

impl Managed {
    pub(super) fn new(max_concurrency: u32) -> Self {
        Self {
            max_concurrency: usize::try_from(max_concurrency).unwrap_or(usize::MAX),
            waiting: 0,
            offered: 0,
            turns: BTreeMap::new(),
            late: VecDeque::new(),
            retiring: false,
        }
    }

    /// Offers what there is room for: a worker that waits, within the concurrency.
    fn offer(&mut self) -> impl Iterator<Item = Effect> + use<> {
        let room = match self.retiring {
            true => 0,
            false => self.max_concurrency.saturating_sub(self.turns.len()),
        };
        let more = room.min(self.waiting).saturating_sub(self.offered);
        self.offered += more;
        std::iter::repeat_n(Effect::Available, more)
    }

    fn remember_late(&mut self, id: String) {
        if self.late.len() >= MAX_LATE {
            self.late.pop_front();
        }
        self.late.push_back(id);
    }
}

fn turn(id: &str, effect: TurnEffect) -> Effect {
    Effect::Turn(id.to_owned(), effect)
}

impl Machine {
    /// A machine for an environment that takes several events at a time.
    pub fn managed(
        timeout: std::time::Duration,
        extensions: impl IntoIterator<Item = String>,
        max_concurrency: u32,
    ) -> Self {
        Self {
            managed: Some(Managed::new(max_concurrency)),
            ..Self::new(timeout, extensions, false)
        }
    }

    pub(super) fn turn(&mut self, id: String, event: TurnEvent) -> Vec<Effect> {
        let Some(managed) = &mut self.managed else {
            return Vec::new();
        };
        let running = managed.turns.get(&id).copied();
        let reply = |answer| vec![Effect::Reply(answer)];
        let unknown = || match managed.late.contains(&id) {
            true => Answer::InvokeTimeout,
            false => Answer::InvalidRequestId,
        };
        match (event, running) {
            (TurnEvent::Invoke, _) => self.invoke_turn(id),
            (TurnEvent::Respond(answered), Some(Turn::Running)) => self.turn_answered(id, answered),
            (TurnEvent::ResponseBegun, Some(Turn::Running)) => {
                managed.turns.insert(id.clone(), Turn::Streaming);
                vec![turn(&id, TurnEffect::Stream)]
            }
            (TurnEvent::ResponseEnded(answered), Some(Turn::Streaming)) => {
                self.turn_answered(id, answered)
            }
            (TurnEvent::Respond(_) | TurnEvent::ResponseBegun, _) => match self.state {
                State::Serving => reply(unknown()),
                _ => reply(Answer::Closing),
            },
            (TurnEvent::ResponseEnded(_), _) => reply(match unknown() {
                Answer::InvokeTimeout => Answer::InvokeTimeout,
                _ => Answer::Closing,
            }),
            (TurnEvent::Refused, _) => {
                managed.offered = managed.offered.saturating_sub(1);
                managed.offer().collect()
            }
            (TurnEvent::TimedOut, None) => Vec::new(),
            (TurnEvent::TimedOut, Some(_)) => {
                managed.turns.remove(&id);
                managed.remember_late(id.clone());
                let error = PlatformError::TimedOut(self.timeout);
                let mut effects = vec![
                    // Its worker may never come back, but it counts as in flight no longer.
                    Effect::AvailableSoon,
                    turn(&id, TurnEffect::Settle(Settlement::Platform(error))),
                    turn(&id, TurnEffect::Finish(Status::Timeout)),
                ];
                if matches!(self.state, State::InlineInit(_)) {
                    // Nothing else bounds the init that it waited for.
                    let failed = Effect::InitFailed(InitPhase::Invoke, Status::Timeout);
                    effects.insert(0, failed);
                    effects.extend(self.stop(ShutdownReason::Timeout));
                } else {
                    effects.extend(self.turn_over());
                }
                effects
            }
        }
    }

    fn invoke_turn(&mut self, id: String) -> Vec<Effect> {
        let state = self.state;
        let Some(managed) = &mut self.managed else {
            return Vec::new();
        };
        let arm = turn(&id, TurnEffect::Arm);
        managed.offered = managed.offered.saturating_sub(1);
        match state {
            State::Serving if managed.waiting > 0 => {
                managed.waiting -= 1;
                managed.turns.insert(id.clone(), Turn::Running);
                vec![arm, turn(&id, TurnEffect::Deliver)]
            }
            State::Down => {
                managed.turns.insert(id, Turn::Waiting);
                let mut effects = vec![arm];
                effects.extend(self.init(InitPhase::Invoke, State::InlineInit));
                effects
            }
            State::Serving => {
                let text = "no worker of the runtime waits for an event".to_owned();
                let error = PlatformError::Runtime(RuntimeFault::Unavailable, text);
                let status = Status::Error(error.report_type().to_owned());
                vec![
                    turn(&id, TurnEffect::Settle(Settlement::Platform(error))),
                    turn(&id, TurnEffect::Finish(status)),
                ]
            }
            // Not free: the caller is answered all the same.
            _ => vec![turn(&id, TurnEffect::Settle(Settlement::Closed))],
        }
    }

    fn turn_answered(&mut self, id: String, answered: Answered) -> Vec<Effect> {
        let (settlement, reply) = answered.settlement();
        let mut effects = vec![
            turn(&id, TurnEffect::Settle(settlement)),
            turn(&id, TurnEffect::Finish(Status::Success)),
            Effect::Reply(reply),
        ];
        effects.insert(0, Effect::AvailableSoon);
        if let Some(managed) = &mut self.managed {
            managed.turns.remove(&id);
        }
        effects.extend(self.turn_over());
        effects
    }

    /// An event is over: there may be room for another, or an end to be made.
    fn turn_over(&mut self) -> Vec<Effect> {
        match &mut self.managed {
            Some(managed) if managed.retiring && managed.turns.is_empty() => self.close(),
            Some(managed) => managed.offer().collect(),
            None => Vec::new(),
        }
    }

    /// The environment ends when it has nothing to do any more.
    pub(super) fn retire(&mut self) -> Vec<Effect> {
        match &mut self.managed {
            Some(managed) if !managed.turns.is_empty() => {
                managed.retiring = true;
                Vec::new()
            }
            _ => self.close(),
        }
    }

    pub(super) fn is_retiring(&self) -> bool {
        self.managed
            .as_ref()
            .is_some_and(|managed| managed.retiring)
    }

    /// Another call of the runtime waits for an event.
    pub(super) fn next_turn(&mut self) -> Vec<Effect> {
        let Some(managed) = &mut self.managed else {
            return Vec::new();
        };
        managed.waiting += 1;
        if managed.waiting > MAX_WAITING {
            let text = format!("more than {MAX_WAITING} calls for an event wait");
            let error = PlatformError::Runtime(RuntimeFault::TooManyIdleRuntimes, text);
            let mut effects = vec![Effect::Park];
            effects.extend(self.fail(error));
            return effects;
        }
        match self.state {
            State::Init(Step::Runtime) => self.runtime_ready(false, State::Init),
            State::InlineInit(Step::Runtime) => self.runtime_ready(false, State::InlineInit),
            State::Serving => std::iter::once(Effect::Park)
                .chain(managed.offer())
                .collect(),
            _ => vec![Effect::Park],
        }
    }

    /// A call for an event that waited is given up.
    pub(super) fn poll_gone(&mut self) -> Vec<Effect> {
        if let Some(managed) = &mut self.managed {
            managed.waiting = managed.waiting.saturating_sub(1);
        }
        Vec::new()
    }

    /// The init is done: whoever waited for it is served, and each worker that waits has room.
    pub(super) fn serve(&mut self) -> Vec<Effect> {
        let inline = matches!(self.state, State::InlineInit(_));
        self.state = State::Serving;
        let mut effects = vec![Effect::InitDone];
        if !inline {
            effects.insert(0, Effect::Disarm);
        }
        let Some(managed) = &mut self.managed else {
            return effects;
        };
        for (id, state) in &mut managed.turns {
            if *state == Turn::Waiting && managed.waiting > 0 {
                managed.waiting -= 1;
                *state = Turn::Running;
                effects.push(turn(id, TurnEffect::Deliver));
            }
        }
        effects.extend(managed.offer());
        effects
    }

    /// What is going on is over, with this answer for whoever waits.
    pub(super) fn abandon_managed(
        &mut self,
        settlement: Option<Settlement>,
        status: &Status,
    ) -> Vec<Effect> {
        let phase = match self.state {
            State::Init(_) => Some(InitPhase::Init),
            State::InlineInit(_) => Some(InitPhase::Invoke),
            _ => None,
        };
        let failed = phase.map(|phase| Effect::InitFailed(phase, status.clone()));
        let mut effects = Vec::from_iter(failed);
        if let Some(settlement) = settlement {
            effects.extend(self.abandon_turns(&settlement, Some(status)));
        }
        effects
    }

    /// Every event there is ends so.
    pub(super) fn abandon_turns(
        &mut self,
        settlement: &Settlement,
        finish: Option<&Status>,
    ) -> Vec<Effect> {
        let Some(managed) = &mut self.managed else {
            return Vec::new();
        };
        (managed.waiting, managed.offered) = (0, 0);
        let turns = std::mem::take(&mut managed.turns);
        let mut effects = Vec::new();
        for id in turns.keys() {
            effects.push(turn(id, TurnEffect::Settle(settlement.clone())));
            let finish = finish.cloned().map(TurnEffect::Finish);
            effects.extend(finish.map(|finish| turn(id, finish)));
        }
        effects
    }
}

#[cfg(test)]
mod tests;
