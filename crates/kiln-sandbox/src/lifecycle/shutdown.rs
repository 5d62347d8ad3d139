//! The shutdown phase: who is asked to end, in which order, and when nobody is asked any more.
//!
//! | extensions | time | steps |
//! | --- | --- | --- |
//! | none | none | the runtime is killed |
//! | internal ones only | 500 ms | the runtime is sent SIGTERM |
//! | external ones too | 2,000 ms | the runtime is sent SIGTERM and has 300 ms, then extensions are told |
//!
//! Source: [Shutdown phase](https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown).

use std::time::Duration;

use kiln_protocol::extension_event::ShutdownReason;
use kiln_protocol::invoke::PlatformError;
use kiln_protocol::log_line::Status;

use super::{Effect, ExtensionId, InitPhase, Machine, Settlement, State, Timer};

/// Time for an environment whose extensions are all part of the runtime's process.
const INTERNAL: Duration = Duration::from_millis(500);
/// Time for an environment with external extensions.
const EXTERNAL: Duration = Duration::from_secs(2);

/// A shutdown that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shutdown {
    stage: Stage,
    reason: ShutdownReason,
    then: Then,
    /// A timer bounds it.
    timed: bool,
}

/// Who is ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The runtime.
    Runtime,
    /// The extensions.
    Extensions,
    /// All that is left has been killed.
    Killed,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The environment ends.
    Close,
    /// It takes the next invocation, and says so.
    Available,
    /// It takes the next invocation; it is thought to be idle.
    Unnoticed,
    /// It has taken the next invocation.
    Invoke,
}

impl Shutdown {
    pub(super) fn closes(self) -> bool {
        self.then == Then::Close
    }

    /// Nobody knows that the processes of an idle environment are ending.
    pub(super) fn is_unnoticed(self) -> bool {
        self.then == Then::Unnoticed
    }

    pub(super) fn has_invocation(self) -> bool {
        self.then == Then::Invoke
    }

    pub(super) fn with_invocation(self) -> Self {
        let then = Then::Invoke;
        Self { then, ..self }
    }

    pub(super) fn closing(self) -> Self {
        let then = Then::Close;
        Self { then, ..self }
    }
}

impl Machine {
    /// Ends the processes because something went wrong; the environment stays.
    pub(super) fn stop(&mut self, reason: ShutdownReason) -> Vec<Effect> {
        match self.state {
            State::Idle | State::Snapshot { .. } => {
                // Frozen between two events, where nobody waits, and nobody would wait for it.
                self.shut_down(reason, Then::Unnoticed)
            }
            // Whoever has been told that there is room must learn that there is none.
            State::Serving => self.shut_down(reason, Then::Close),
            _ => self.shut_down(reason, Then::Available),
        }
    }

    /// Ends the processes, and the environment with them.
    pub(super) fn spin_down(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if matches!(self.state, State::Idle | State::Snapshot { .. }) && !self.extensions.is_empty()
        {
            effects.push(Effect::Thaw);
        }
        effects.extend(self.shut_down(ShutdownReason::Spindown, Then::Close));
        effects
    }

    fn shut_down(&mut self, reason: ShutdownReason, then: Then) -> Vec<Effect> {
        let stage = Stage::Runtime;
        let shutdown = Shutdown {
            stage,
            reason,
            then,
            timed: false,
        };
        self.state = State::Stopping(shutdown);
        let external = self.extensions.any_alive();
        if !self.runtime && !external {
            return self.stopped(shutdown);
        }
        if self.extensions.is_empty() || then == Then::Unnoticed {
            return self.kill(shutdown);
        }
        let budget = if external { EXTERNAL } else { INTERNAL };
        let mut effects = vec![Effect::BeginShutdown(budget)];
        if !self.runtime {
            effects.extend(self.tell_extensions(shutdown));
        } else {
            let timer = match external {
                true => Timer::RuntimeShutdown,
                false => Timer::Shutdown,
            };
            let timed = true;
            self.state = State::Stopping(Shutdown { timed, ..shutdown });
            effects.extend([Effect::Arm(timer), Effect::Terminate]);
        }
        effects
    }

    fn kill(&mut self, shutdown: Shutdown) -> Vec<Effect> {
        let stage = Stage::Killed;
        self.state = State::Stopping(Shutdown { stage, ..shutdown });
        vec![Effect::Kill]
    }

    /// The runtime has had its time: it is the extensions' turn.
    fn tell_extensions(&mut self, shutdown: Shutdown) -> Vec<Effect> {
        self.state = State::Stopping(Shutdown {
            stage: Stage::Extensions,
            timed: true,
            ..shutdown
        });
        let (told, not_told) = self.extensions.shut_down();
        let told = told.into_iter();
        let not_told = not_told.into_iter().map(Effect::KillExtension);
        std::iter::once(Effect::Arm(Timer::Shutdown))
            .chain(not_told)
            .chain(told.map(|id| Effect::TellShutdown(id, shutdown.reason)))
            .collect()
    }

    /// An extension comes back while the environment ends.
    pub(super) fn tell_late(&mut self, shutdown: Shutdown, id: ExtensionId) -> Vec<Effect> {
        if shutdown.stage == Stage::Extensions && self.extensions.is_to_be_told(id) {
            vec![Effect::TellShutdown(id, shutdown.reason)]
        } else {
            Vec::new()
        }
    }

    /// A process ended while the environment does.
    pub(super) fn stop_further(&mut self, shutdown: Shutdown) -> Vec<Effect> {
        let external = self.extensions.any_alive();
        if !self.runtime && !external {
            self.stopped(shutdown)
        } else if !self.runtime && shutdown.stage == Stage::Runtime {
            self.tell_extensions(shutdown)
        } else {
            Vec::new()
        }
    }

    pub(super) fn shutdown_timer_fired(&mut self, shutdown: Shutdown) -> Vec<Effect> {
        if shutdown.has_invocation() {
            // The function's timeout, while the processes of before have still not ended.
            let then = Then::Available;
            self.state = State::Stopping(Shutdown { then, ..shutdown });
            let timed_out = PlatformError::TimedOut(self.timeout);
            let settle = Effect::Settle(Settlement::Platform(timed_out));
            return vec![settle, Effect::Finish(Status::Timeout)];
        }
        match shutdown.stage {
            Stage::Runtime if self.extensions.any_alive() => {
                let mut effects = vec![Effect::KillRuntime];
                effects.extend(self.tell_extensions(shutdown));
                effects
            }
            Stage::Runtime | Stage::Extensions => {
                let timed = false;
                self.kill(Shutdown { timed, ..shutdown })
            }
            Stage::Killed => Vec::new(),
        }
    }

    /// No process is left.
    fn stopped(&mut self, shutdown: Shutdown) -> Vec<Effect> {
        let disarm = shutdown.timed.then_some(Effect::Disarm);
        let mut effects = Vec::from_iter(disarm);
        self.state = State::Down;
        match shutdown.then {
            Then::Close => {
                self.state = State::Closed;
                effects.push(Effect::Closed);
            }
            Then::Available => effects.push(Effect::Available),
            Then::Unnoticed => {}
            // Its timer runs.
            Then::Invoke => return self.init(InitPhase::Invoke, State::InlineInit),
        }
        effects
    }
}
