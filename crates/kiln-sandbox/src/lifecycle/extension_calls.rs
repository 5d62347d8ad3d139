//! What extensions call, and what becomes of their processes.

use kiln_protocol::extensions_api::{self, AgentState, Kind, Operation, Registration};
use kiln_protocol::invoke::{ExtensionFault, PlatformError};

use super::{Effect, ExtensionId, Machine, State, Step};

impl Machine {
    pub(super) fn register(
        &mut self,
        registration: Registration,
        identifier: String,
    ) -> Vec<Effect> {
        match self.state {
            State::Down | State::Stopping(_) | State::Closed => {
                return vec![Effect::ReplyToExtension(extensions_api::Answer::Closing)];
            }
            State::Init(Step::Extensions | Step::Runtime)
            | State::InlineInit(Step::Extensions | Step::Runtime) => {}
            _ => {
                let refusal = match self.extensions.knows(&registration.name) {
                    // Registered or not, it is too late; a state says more where there is one.
                    Some(known) if known.kind == Kind::External => known
                        .state
                        .after(Operation::Register, &known.name)
                        .err()
                        .unwrap_or(extensions_api::Answer::RegistrationClosed),
                    _ => extensions_api::Answer::RegistrationClosed,
                };
                return vec![Effect::ReplyToExtension(refusal)];
            }
        }
        let id = match self.extensions.register(registration, identifier) {
            Ok(id) => id,
            Err(refusal) => return vec![Effect::ReplyToExtension(refusal)],
        };
        let mut effects = vec![Effect::Registered(id)];
        if self.extensions.have_registered() {
            match self.state {
                State::Init(Step::Extensions) => effects.push(self.launch(State::Init)),
                State::InlineInit(Step::Extensions) => effects.push(self.launch(State::InlineInit)),
                _ => {}
            }
        }
        effects
    }

    pub(super) fn extension_next(&mut self, id: ExtensionId) -> Vec<Effect> {
        if matches!(self.state, State::Down | State::Closed) {
            return vec![Effect::ReplyToExtension(extensions_api::Answer::Closing)];
        }
        if let Err(refusal) = self.extensions.call(id, Operation::Next) {
            return vec![Effect::ReplyToExtension(refusal)];
        }
        let mut effects = vec![Effect::ParkExtension(id)];
        match self.state {
            State::Stopping(shutdown) => effects.extend(self.tell_late(shutdown, id)),
            _ => effects.extend(self.go_on()),
        }
        effects
    }

    pub(super) fn extension_error(
        &mut self,
        id: ExtensionId,
        fault: ExtensionFault,
        text: String,
    ) -> Vec<Effect> {
        let operation = match fault {
            ExtensionFault::ExitError => Operation::ExitError,
            _ => Operation::InitError,
        };
        if let Err(refusal) = self.extensions.call(id, operation) {
            return vec![Effect::ReplyToExtension(refusal)];
        }
        self.extensions.failed(id, &text);
        let mut effects = vec![Effect::ReplyToExtension(extensions_api::Answer::Accepted)];
        if !matches!(self.state, State::Stopping(_) | State::Down | State::Closed) {
            effects.extend(self.fail(PlatformError::Extension(fault, text)));
        }
        effects
    }

    pub(super) fn extension_ended(
        &mut self,
        id: ExtensionId,
        state: AgentState,
        fault: ExtensionFault,
        text: String,
    ) -> Vec<Effect> {
        self.extensions.ended(id, state);
        match self.state {
            State::Stopping(shutdown) => self.stop_further(shutdown),
            State::Down | State::Closed => Vec::new(),
            _ => {
                self.extensions.failed(id, fault.error_type());
                self.fail(PlatformError::Extension(fault, text))
            }
        }
    }
}
