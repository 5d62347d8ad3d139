//! The lifecycle of an execution environment as a machine one can hold in one's hand.
//!
//! [`Machine::handle`] takes what happened and answers with what to do about it. It starts no
//! process, keeps no payload and reads no clock, so that every path through init, invoke, timeout,
//! crash and shutdown is a row in a table of tests.
//!
//! Source: [Lambda runtime environment lifecycle](https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html)
//! and [Extensions API](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html).

mod event;
mod extension_calls;
mod extensions;
mod init;
mod managed;
mod response;
mod shutdown;

use std::time::Duration;

use kiln_protocol::extension_event::ShutdownReason;
use kiln_protocol::extensions_api::AgentState;
use kiln_protocol::invoke::{ExitCause, ExtensionFault, PlatformError};
use kiln_protocol::log_line::Status;
use kiln_protocol::runtime_api::{Answer, RuntimeState};

pub use event::{Answered, Effect, Event, InitPhase, Settlement, Timer};
pub use extensions::{Extension, ExtensionId, Extensions};
use managed::Managed;
pub use managed::{TurnEffect, TurnEvent};
use shutdown::Shutdown;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No process. The next invocation begins with an init of its own.
    Down,
    /// The processes run their init, bounded by the init limit.
    Init(Step),
    /// The processes run their init inside an invocation, bounded by the function's timeout.
    InlineInit(Step),
    /// Init is done as far as the snapshot has it. The runtime waits to be told of the restore, or,
    /// where nothing is to be done after one, for an event.
    Snapshot { hooks: bool },
    /// An invocation waits for what the runtime does after a restore.
    Restoring { failed: bool },
    /// The runtime waits for an event.
    Idle,
    /// The runtime has an event.
    Running,
    /// The runtime sends a streamed response.
    Streaming,
    /// The runtime has answered, and it has not come back for the next event, or not every extension
    /// has.
    Finishing { returned: bool },
    /// The runtime takes events as long as it has workers for them (managed instances).
    Serving,
    /// The processes end.
    Stopping(Shutdown),
    /// Nothing happens any more.
    Closed,
}

/// How far an init is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Not every external extension has registered.
    Extensions,
    /// The runtime has not asked for its first event.
    Runtime,
    /// Not every extension has asked for its first event; the runtime has, or, for a snapshot, waits
    /// to be restored.
    LastExtensions { hooks: bool },
}

/// The lifecycle of one environment.
#[derive(Debug)]
pub struct Machine {
    state: State,
    /// The runtime has a process that has not ended.
    runtime: bool,
    extensions: Extensions,
    /// The type of a posted init error, until the process that posted it ends.
    init_error: Option<String>,
    /// The function's timeout, for the words of its error.
    timeout: Duration,
    /// Invocations are run in what is restored from a snapshot.
    snapshots: bool,
    /// Several events at a time.
    managed: Option<Managed>,
}

impl Machine {
    /// A machine that has not started, for a function with this timeout and external extensions of
    /// these names. With `snapshots`, each environment is restored from the state after its init.
    pub fn new(
        timeout: Duration,
        extensions: impl IntoIterator<Item = String>,
        snapshots: bool,
    ) -> Self {
        Self {
            state: State::Down,
            runtime: false,
            extensions: Extensions::new(extensions),
            init_error: None,
            timeout,
            snapshots,
            managed: None,
        }
    }

    /// Whether an invocation may be handed over now.
    pub fn is_free(&self) -> bool {
        match self.state {
            State::Idle | State::Down | State::Snapshot { .. } => true,
            State::Serving => !self.is_retiring(),
            State::Stopping(shutdown) => shutdown.is_unnoticed(),
            _ => false,
        }
    }

    /// Whether a runtime waits for an event.
    pub fn is_initialised(&self) -> bool {
        matches!(
            self.state,
            State::Idle | State::Snapshot { .. } | State::Serving
        )
    }

    /// Whether the environment has ended, or is about to.
    pub fn is_closing(&self) -> bool {
        match self.state {
            State::Closed => true,
            State::Stopping(shutdown) => shutdown.closes(),
            _ => false,
        }
    }

    /// The extensions, as they stand.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Whether the paths of restores exist.
    pub fn has_snapshots(&self) -> bool {
        self.snapshots
    }

    /// The state as refusals of the Runtime API name it.
    fn runtime_state(&self) -> RuntimeState {
        match self.state {
            State::Down | State::Stopping(_) | State::Closed => RuntimeState::Started,
            State::Init(_) | State::InlineInit(_) if self.init_error.is_some() => {
                RuntimeState::InitError
            }
            State::Init(Step::LastExtensions { hooks: true })
            | State::InlineInit(Step::LastExtensions { hooks: true })
            | State::Snapshot { hooks: true } => RuntimeState::RestoreReady,
            State::Init(Step::LastExtensions { .. })
            | State::InlineInit(Step::LastExtensions { .. }) => RuntimeState::Ready,
            State::Init(_) | State::InlineInit(_) => RuntimeState::Started,
            State::Restoring { failed: true } => RuntimeState::RestoreError,
            State::Restoring { failed: false } => RuntimeState::Restoring,
            State::Idle | State::Snapshot { hooks: false } | State::Serving => RuntimeState::Ready,
            State::Running => RuntimeState::Running,
            State::Streaming => RuntimeState::InvocationResponse,
            State::Finishing { returned: false } => RuntimeState::ResponseSent,
            State::Finishing { returned: true } => RuntimeState::Ready,
        }
    }

    /// Takes an event, returns what to do, in order.
    pub fn handle(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Start => self.start(),
            Event::Invoke => self.invoke(),
            Event::Next => self.next(),
            Event::Respond { answered, current } => self.respond(answered, current),
            Event::ResponseBegun { current } => self.response_begun(current),
            Event::ResponseEnded { answered, current } => self.response_ended(answered, current),
            Event::InitError(error_type) => self.report_init_error(&error_type),
            Event::RestoreNext => self.restore_next(),
            Event::RestoreError(error_type) => self.report_restore_error(&error_type),
            Event::LaunchFailed(error) => self.runtime_ended(error),
            Event::Exited(cause) => self.runtime_ended(PlatformError::RuntimeExited(cause)),
            Event::Turn(id, event) => self.turn(id, event),
            Event::PollGone => self.poll_gone(),
            Event::Register(registration, identifier) => self.register(registration, identifier),
            Event::ExtensionNext(id) => self.extension_next(id),
            Event::ExtensionError(id, fault, text) => self.extension_error(id, fault, text),
            Event::ExtensionNotLaunched(id, text) => {
                let fault = ExtensionFault::LaunchError;
                self.extension_ended(id, AgentState::LaunchError, fault, text)
            }
            Event::ExtensionExited(id, cause) => {
                let text = match cause {
                    ExitCause::Code(code) => format!("exit code {code}"),
                    other => other.describe(),
                };
                self.extension_ended(id, AgentState::Exited, ExtensionFault::Crash, text)
            }
            Event::TimerFired => self.timer_fired(),
            Event::Retire => self.retire(),
            Event::Close => self.close(),
        }
    }

    fn invoke(&mut self) -> Vec<Effect> {
        match self.state {
            State::Idle => {
                let mut effects = vec![Effect::Arm(Timer::Invoke), Effect::Thaw];
                effects.extend(self.run());
                effects
            }
            State::Snapshot { hooks } => {
                let mut effects = vec![Effect::Arm(Timer::Restore), Effect::Thaw, Effect::Restore];
                self.state = State::Restoring { failed: false };
                if !hooks {
                    effects.extend(self.restored());
                }
                effects
            }
            State::Down => {
                let mut effects = vec![Effect::Arm(Timer::Invoke)];
                effects.extend(self.init(InitPhase::Invoke, State::InlineInit));
                effects
            }
            State::Stopping(shutdown) if shutdown.is_unnoticed() => {
                // The processes of before are about to be gone.
                self.state = State::Stopping(shutdown.with_invocation());
                vec![Effect::Arm(Timer::Invoke)]
            }
            // Not free: the caller is answered all the same.
            _ => vec![Effect::Settle(Settlement::Closed)],
        }
    }

    /// The runtime gets the event, and each extension that asked for such.
    fn run(&mut self) -> Vec<Effect> {
        self.state = State::Running;
        let mut effects = vec![Effect::Deliver];
        effects.extend(self.extensions.invoke().into_iter().map(Effect::TellInvoke));
        effects
    }

    fn next(&mut self) -> Vec<Effect> {
        match self.state {
            State::Init(_) | State::InlineInit(_) if self.init_error.is_some() => {
                vec![Effect::Reply(self.refusal("Ready"))]
            }
            // What ends gracefully asks for an event that never comes: a refusal would cut its hooks short.
            State::Stopping(_) => vec![Effect::Park],
            State::Down | State::Closed => vec![Effect::Reply(Answer::Closing)],
            _ if self.managed.is_some() => self.next_turn(),
            State::Init(Step::Runtime) => self.runtime_ready(false, State::Init),
            State::InlineInit(Step::Runtime) => self.runtime_ready(false, State::InlineInit),
            // It waits to be told of its restore, by another call.
            State::Init(Step::LastExtensions { hooks: true })
            | State::InlineInit(Step::LastExtensions { hooks: true })
            | State::Snapshot { hooks: true }
            | State::Restoring { failed: true } => vec![Effect::Reply(self.refusal("Ready"))],
            State::Restoring { failed: false } => self.restored(),
            // The runtime polled anew, on another connection perhaps: the new poll counts.
            State::Init(_)
            | State::InlineInit(_)
            | State::Idle
            | State::Serving
            | State::Snapshot { hooks: false }
            | State::Finishing { returned: true } => {
                vec![Effect::Park]
            }
            // Asking again before answering yields the same event.
            State::Running => vec![Effect::Deliver],
            // Its response has not ended.
            State::Streaming => vec![Effect::Reply(self.refusal("Ready"))],
            State::Finishing { returned: false } => {
                self.state = State::Finishing { returned: true };
                let mut effects = vec![Effect::Park, Effect::RuntimeDone];
                effects.extend(self.go_on());
                effects
            }
        }
    }

    /// Goes on once every extension is ready, where that is all that is waited for.
    fn go_on(&mut self) -> Vec<Effect> {
        if !self.extensions.are_ready() {
            return Vec::new();
        }
        match self.state {
            State::Init(Step::LastExtensions { .. })
            | State::InlineInit(Step::LastExtensions { .. })
                if self.managed.is_some() =>
            {
                self.serve()
            }
            State::Init(Step::LastExtensions { hooks }) => {
                self.state = match self.snapshots {
                    true => State::Snapshot { hooks },
                    false => State::Idle,
                };
                vec![
                    Effect::Disarm,
                    Effect::InitDone,
                    Effect::Freeze,
                    Effect::Available,
                ]
            }
            State::InlineInit(Step::LastExtensions { hooks: true }) => {
                // The invocation waits already: what a snapshot would have is there.
                self.state = State::Restoring { failed: false };
                vec![Effect::InitDone, Effect::Thaw, Effect::Restore]
            }
            State::InlineInit(Step::LastExtensions { hooks: false }) => {
                let mut effects = vec![Effect::InitDone, Effect::Thaw];
                effects.extend(self.run());
                effects
            }
            State::Finishing { returned: true } => {
                self.state = State::Idle;
                vec![
                    Effect::Disarm,
                    Effect::Finish(Status::Success),
                    Effect::Freeze,
                    Effect::Available,
                ]
            }
            _ => Vec::new(),
        }
    }

    fn runtime_ended(&mut self, error: PlatformError) -> Vec<Effect> {
        self.runtime = false;
        match self.state {
            State::Stopping(shutdown) => self.stop_further(shutdown),
            State::Down | State::Closed => Vec::new(),
            _ => self.fail(error),
        }
    }

    /// A process failed, in whatever phase: who waits is answered, the others are shut down.
    fn fail(&mut self, error: PlatformError) -> Vec<Effect> {
        let posted = self.init_error.take();
        let has_posted = posted.is_some();
        let status = Status::Error(posted.unwrap_or_else(|| error.report_type().to_owned()));
        let settlement = match self.state {
            State::InlineInit(_) if has_posted => Settlement::InitError,
            State::Restoring { .. } => Settlement::NotRestored(status.clone()),
            _ => Settlement::Platform(error),
        };
        let mut effects = match self.state {
            State::Idle | State::Snapshot { .. } => Vec::new(),
            _ => vec![Effect::Disarm],
        };
        effects.extend(self.abandon(Some(settlement), &status));
        effects.extend(self.stop(ShutdownReason::Failure));
        effects
    }

    /// What is going on is over, with this answer for whoever waits.
    fn abandon(&mut self, settlement: Option<Settlement>, status: &Status) -> Vec<Effect> {
        if self.managed.is_some() {
            return self.abandon_managed(settlement, status);
        }
        let settle = settlement.map(Effect::Settle);
        let finish = Effect::Finish(status.clone());
        let mut effects = Vec::new();
        match self.state {
            State::Init(_) => {
                effects.push(Effect::InitFailed(InitPhase::Init, status.clone()));
            }
            State::InlineInit(_) => {
                effects.extend(self.soon());
                effects.push(Effect::InitFailed(InitPhase::Invoke, status.clone()));
                effects.extend(settle);
                effects.push(finish);
            }
            State::Restoring { .. } | State::Running | State::Streaming => {
                effects.extend(self.soon());
                effects.extend(settle);
                effects.push(finish);
            }
            State::Finishing { .. } => effects.push(finish),
            _ => {}
        }
        effects
    }

    /// Without extensions, whatever ends an invocation is over in a moment.
    fn soon(&self) -> Option<Effect> {
        self.extensions.is_empty().then_some(Effect::AvailableSoon)
    }

    fn timer_fired(&mut self) -> Vec<Effect> {
        let timed_out = Settlement::Platform(PlatformError::TimedOut(self.timeout));
        let settlement = match self.state {
            State::Restoring { .. } => Settlement::NotRestored(Status::Timeout),
            _ => timed_out,
        };
        match self.state {
            State::Stopping(shutdown) => return self.shutdown_timer_fired(shutdown),
            State::Down | State::Idle | State::Snapshot { .. } | State::Closed => {
                return Vec::new();
            }
            _ => self.init_error = None,
        }
        let mut effects = self.abandon(Some(settlement), &Status::Timeout);
        effects.extend(self.stop(ShutdownReason::Timeout));
        effects
    }

    pub(super) fn close(&mut self) -> Vec<Effect> {
        let mut effects = match self.state {
            State::Down => Vec::new(),
            _ => vec![Effect::Disarm],
        };
        match self.state {
            State::Closed => return Vec::new(),
            State::Stopping(shutdown) => {
                let waits = shutdown.has_invocation();
                self.state = State::Stopping(shutdown.closing());
                return match waits {
                    true => vec![Effect::Settle(Settlement::Closed)],
                    false => Vec::new(),
                };
            }
            State::InlineInit(_) | State::Serving if self.managed.is_some() => {
                effects.extend(self.abandon_turns(&Settlement::Closed, None));
            }
            State::InlineInit(_) | State::Restoring { .. } | State::Running | State::Streaming => {
                effects.push(Effect::Settle(Settlement::Closed));
            }
            State::Finishing { .. } => effects.push(Effect::Finish(Status::Success)),
            State::Down
            | State::Init(_)
            | State::Idle
            | State::Snapshot { .. }
            | State::Serving => {}
        }
        effects.extend(self.spin_down());
        effects
    }

    fn refusal(&self, to: &'static str) -> Answer {
        Answer::InvalidStateTransition {
            from: self.runtime_state(),
            to,
        }
    }
}

#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod checker;

#[cfg(test)]
mod tests;
