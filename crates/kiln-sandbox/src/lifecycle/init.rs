//! The init phase and the restore from a snapshot.

use kiln_protocol::extensions_api;
use kiln_protocol::invoke::{ExtensionFault, PlatformError};
use kiln_protocol::runtime_api::{Answer, RuntimeState, sanitise_error_type};

use super::{Effect, InitPhase, Machine, State, Step, Timer};

impl Machine {
    pub(super) fn start(&mut self) -> Vec<Effect> {
        if self.state != State::Down {
            return Vec::new();
        }
        let mut effects = vec![Effect::Arm(Timer::Init)];
        effects.extend(self.init(InitPhase::Init, State::Init));
        effects
    }

    /// Begins an init: extensions first, then the runtime.
    pub(super) fn init(&mut self, phase: InitPhase, state: fn(Step) -> State) -> Vec<Effect> {
        self.init_error = None;
        let mut effects = vec![Effect::BeginInit(phase)];
        self.state = state(Step::Extensions);
        if self.extensions.are_too_many() {
            self.extensions.begin_none();
            let text = format!(
                "Extension limit ({}) reached",
                extensions_api::MAX_EXTENSIONS
            );
            let error = PlatformError::Extension(ExtensionFault::TooManyExtensions, text);
            effects.extend(self.fail(error));
        } else if self.extensions.begin() {
            effects.push(Effect::LaunchExtensions);
        } else {
            effects.push(self.launch(state));
        }
        effects
    }

    pub(super) fn launch(&mut self, state: fn(Step) -> State) -> Effect {
        self.state = state(Step::Runtime);
        self.runtime = true;
        Effect::Launch
    }

    /// The runtime's init is done: it waits for an event, or for its restore.
    pub(super) fn runtime_ready(&mut self, hooks: bool, state: fn(Step) -> State) -> Vec<Effect> {
        self.state = state(Step::LastExtensions { hooks });
        let mut effects = vec![Effect::Park, Effect::RuntimeReady];
        effects.extend(self.go_on());
        effects
    }

    pub(super) fn restore_next(&mut self) -> Vec<Effect> {
        match self.state {
            State::Init(Step::Runtime) if self.init_error.is_none() => {
                self.runtime_ready(true, State::Init)
            }
            State::InlineInit(Step::Runtime) if self.init_error.is_none() => {
                self.runtime_ready(true, State::InlineInit)
            }
            State::Down | State::Stopping(_) | State::Closed => {
                vec![Effect::Reply(Answer::Closing)]
            }
            _ => vec![Effect::Reply(
                self.refusal(RuntimeState::RestoreReady.name()),
            )],
        }
    }

    /// What the runtime does after a restore is done: the invocation begins.
    pub(super) fn restored(&mut self) -> Vec<Effect> {
        let mut effects = vec![Effect::Restored, Effect::Arm(Timer::Invoke)];
        effects.extend(self.run());
        effects
    }

    pub(super) fn report_restore_error(&mut self, error_type: &str) -> Vec<Effect> {
        match self.state {
            State::Restoring { failed: false } => {
                self.state = State::Restoring { failed: true };
                self.init_error = Some(sanitise_error_type(error_type).to_owned());
                vec![Effect::Reply(Answer::Accepted)]
            }
            State::Down | State::Stopping(_) | State::Closed => {
                vec![Effect::Reply(Answer::Closing)]
            }
            _ => vec![Effect::Reply(
                self.refusal(RuntimeState::RestoreError.name()),
            )],
        }
    }

    pub(super) fn report_init_error(&mut self, error_type: &str) -> Vec<Effect> {
        match self.state {
            State::Init(Step::Runtime) | State::InlineInit(Step::Runtime)
                if self.init_error.is_none() =>
            {
                self.init_error = Some(sanitise_error_type(error_type).to_owned());
                vec![Effect::KeepInitError, Effect::Reply(Answer::Accepted)]
            }
            // The same to the service, while it runs what comes after a restore.
            State::Restoring { failed: false } => self.report_restore_error(error_type),
            State::Down | State::Stopping(_) | State::Closed => {
                vec![Effect::Reply(Answer::Closing)]
            }
            _ => vec![Effect::Reply(self.refusal("InitError"))],
        }
    }
}
