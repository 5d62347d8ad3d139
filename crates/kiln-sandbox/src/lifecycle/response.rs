//! The runtime's answers to an invocation.

use kiln_protocol::runtime_api::Answer;

use super::{Answered, Effect, Machine, State};

impl Machine {
    pub(super) fn respond(&mut self, answered: Answered, current: bool) -> Vec<Effect> {
        match self.state {
            State::Running if current => self.answered(answered),
            _ => {
                let to = match answered {
                    Answered::Body { failed: true } => "InvocationErrorResponse",
                    _ => "InvocationResponse",
                };
                vec![Effect::Reply(self.no_response(to, current))]
            }
        }
    }

    pub(super) fn response_begun(&mut self, current: bool) -> Vec<Effect> {
        match self.state {
            State::Running if current => {
                self.state = State::Streaming;
                vec![Effect::Stream]
            }
            _ => vec![Effect::Reply(
                self.no_response("InvocationResponse", current),
            )],
        }
    }

    pub(super) fn response_ended(&mut self, answered: Answered, current: bool) -> Vec<Effect> {
        match self.state {
            State::Streaming if current => self.answered(answered),
            // Its caller has been answered: after a timeout, a crash or a close.
            _ => vec![Effect::Reply(Answer::Closing)],
        }
    }

    /// The running invocation has its answer.
    pub(super) fn answered(&mut self, answered: Answered) -> Vec<Effect> {
        self.state = State::Finishing { returned: false };
        let (settlement, reply) = answered.settlement();
        let mut effects = vec![Effect::Settle(settlement), Effect::Reply(reply)];
        // Extensions often have something to send when the function has answered.
        if self.extensions.are_ready() {
            effects.insert(0, Effect::AvailableSoon);
        }
        effects
    }

    /// Why a response cannot be taken now. The id comes first: a response to nothing is no transition.
    pub(super) fn no_response(&self, to: &'static str, current: bool) -> Answer {
        match self.state {
            State::Down | State::Stopping(_) | State::Closed => Answer::Closing,
            _ if !current => Answer::InvalidRequestId,
            _ => self.refusal(to),
        }
    }
}
