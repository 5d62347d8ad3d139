//! The lifecycle of an execution environment as a machine one can hold in one's hand.
//!
//! [`Machine::handle`] takes what happened and answers with what to do about it. It starts no
//! process, keeps no payload and reads no clock, so that every path through init, invoke, timeout,
//! crash and shutdown is a row in a table of tests.
//!
//! Source: [Lambda runtime environment lifecycle](https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html).

use kiln_protocol::invoke::{ExitCause, PlatformError};
use kiln_protocol::log_line::Status;
use kiln_protocol::runtime_api::{Answer, RuntimeState, sanitise_error_type};

/// Something that happened to the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The environment was created: begin with the init phase.
    Start,
    /// The host hands over an invocation. Only when the machine [is free](Machine::is_free).
    Invoke,
    /// The runtime asked for the next event.
    Next,
    /// The runtime answered an invocation.
    Respond {
        /// With what.
        answered: Answered,
        /// The id in the path is that of the running invocation.
        current: bool,
    },
    /// The runtime began to send a streamed response.
    ResponseBegun {
        /// The id in the path is that of the running invocation.
        current: bool,
    },
    /// The end of a streamed response came, or will not come any more.
    ResponseEnded {
        /// How.
        answered: Answered,
        /// It is the response of the running invocation that ended, not one of a process of before.
        current: bool,
    },
    /// The runtime reported that its init failed, with the type it gave.
    InitError(String),
    /// The process could not be started.
    LaunchFailed(PlatformError),
    /// The process ended.
    Exited(ExitCause),
    /// The armed timer ran out.
    TimerFired,
    /// The environment is no longer wanted.
    Close,
}

/// What the runtime posted for an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// A result, or the error of a handler: either way the body goes to the caller.
    Body {
        /// Posted to `/error`, or with the trailers of an error.
        failed: bool,
    },
    /// A result larger than a function may give.
    TooLarge {
        /// What it may give, in bytes.
        limit: usize,
    },
    /// A body that broke off.
    Truncated,
    /// A result in a response mode that there is not.
    InvalidMode,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Start the process.
    Launch,
    /// End the whole process family at once.
    Kill,
    /// Start a timer, in place of any other.
    Arm(Timer),
    /// Stop the timer.
    Disarm,
    /// The init phase succeeded: note its duration.
    InitDone,
    /// The init failed: write its report line.
    InitFailed(InitPhase, Status),
    /// Give the event of the current invocation to the waiting runtime.
    Deliver,
    /// Keep the runtime waiting for an event.
    Park,
    /// An event comes: let the processes run, at the function's share of CPU.
    Thaw,
    /// There is no event: let no process run until there is.
    Freeze,
    /// Answer the runtime's call.
    Reply(Answer),
    /// Pass on what comes of the response to the caller.
    Stream,
    /// Answer the caller.
    Settle(Settlement),
    /// The invocation is as good as over and the environment will be available in a moment: the
    /// runtime has answered, or its process ends. Comes before the caller learns of it, who may call
    /// again at once.
    AvailableSoon,
    /// The invocation is over: write its END and REPORT lines.
    Finish(Status),
    /// The environment can take an invocation.
    Available,
    /// The environment is gone.
    Closed,
}

/// The timers of an environment; one runs at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// Limit of the init phase.
    Init,
    /// The function's timeout.
    Invoke,
}

/// Which phase an init ran in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitPhase {
    /// Before any invocation.
    Init,
    /// Inside an invocation, after the first attempt failed or the environment was reset.
    Invoke,
}

impl InitPhase {
    /// The name in log lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Invoke => "invoke",
        }
    }
}

/// What the caller of an invocation receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The body the runtime posted with this call, or the end of the response it has streamed.
    Answer {
        /// It is an error.
        failed: bool,
    },
    /// The body the runtime posted to `/init/error` before it ended.
    InitError,
    /// An error of the platform.
    Platform(PlatformError),
    /// The environment was closed under the invocation.
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No process. The next invocation begins with an init of its own.
    Down,
    /// The process runs its init, bounded by the init limit.
    Init,
    /// The process runs its init inside an invocation, bounded by the function's timeout.
    InlineInit,
    /// The runtime waits for an event.
    Idle,
    /// The runtime has an event.
    Running,
    /// The runtime sends a streamed response.
    Streaming,
    /// The runtime answered and has not come back for the next event.
    Finishing,
    /// The process was killed and has not ended yet.
    Stopping { close: bool },
    /// Nothing happens any more.
    Closed,
}

/// The lifecycle of one environment.
#[derive(Debug)]
pub struct Machine {
    state: State,
    /// The type of a posted init error, until the process that posted it ends.
    init_error: Option<String>,
    /// The function's timeout, for the words of its error.
    timeout: std::time::Duration,
}

impl Machine {
    /// A machine that has not started, for a function with this timeout.
    pub fn new(timeout: std::time::Duration) -> Self {
        Self {
            state: State::Down,
            init_error: None,
            timeout,
        }
    }

    /// Whether an invocation may be handed over now.
    pub fn is_free(&self) -> bool {
        matches!(self.state, State::Idle | State::Down)
    }

    /// Whether a runtime waits for an event.
    pub fn is_initialised(&self) -> bool {
        self.state == State::Idle
    }

    /// Whether the environment has ended, or is about to.
    pub fn is_closing(&self) -> bool {
        matches!(self.state, State::Closed | State::Stopping { close: true })
    }

    /// The state as refusals of the Runtime API name it.
    fn runtime_state(&self) -> RuntimeState {
        match self.state {
            State::Down | State::Stopping { .. } | State::Closed => RuntimeState::Started,
            State::Init | State::InlineInit if self.init_error.is_some() => RuntimeState::InitError,
            State::Init | State::InlineInit => RuntimeState::Started,
            State::Idle => RuntimeState::Ready,
            State::Running => RuntimeState::Running,
            State::Streaming => RuntimeState::InvocationResponse,
            State::Finishing => RuntimeState::ResponseSent,
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
            Event::LaunchFailed(error) => self.process_ended(error),
            Event::Exited(cause) => self.process_ended(PlatformError::RuntimeExited(cause)),
            Event::TimerFired => self.timer_fired(),
            Event::Close => self.close(),
        }
    }

    fn start(&mut self) -> Vec<Effect> {
        if self.state != State::Down {
            return Vec::new();
        }
        self.state = State::Init;
        vec![Effect::Arm(Timer::Init), Effect::Launch]
    }

    fn invoke(&mut self) -> Vec<Effect> {
        match self.state {
            State::Idle => {
                self.state = State::Running;
                vec![Effect::Arm(Timer::Invoke), Effect::Thaw, Effect::Deliver]
            }
            State::Down => {
                self.state = State::InlineInit;
                vec![Effect::Arm(Timer::Invoke), Effect::Launch]
            }
            // Not free: the caller is answered all the same.
            _ => vec![Effect::Settle(Settlement::Closed)],
        }
    }

    fn next(&mut self) -> Vec<Effect> {
        match self.state {
            State::Init | State::InlineInit if self.init_error.is_some() => {
                vec![Effect::Reply(self.refusal("Ready"))]
            }
            State::Init => {
                self.state = State::Idle;
                vec![
                    Effect::Disarm,
                    Effect::Park,
                    Effect::InitDone,
                    Effect::Freeze,
                    Effect::Available,
                ]
            }
            State::InlineInit => {
                self.state = State::Running;
                vec![Effect::InitDone, Effect::Thaw, Effect::Deliver]
            }
            // The runtime polled anew, on another connection perhaps: the new poll counts.
            State::Idle => vec![Effect::Park],
            // Asking again before answering yields the same event.
            State::Running => vec![Effect::Deliver],
            // Its response has not ended.
            State::Streaming => vec![Effect::Reply(self.refusal("Ready"))],
            State::Finishing => {
                self.state = State::Idle;
                vec![
                    Effect::Disarm,
                    Effect::Park,
                    Effect::Finish(Status::Success),
                    Effect::Freeze,
                    Effect::Available,
                ]
            }
            State::Down | State::Stopping { .. } | State::Closed => {
                vec![Effect::Reply(Answer::Closing)]
            }
        }
    }

    fn respond(&mut self, answered: Answered, current: bool) -> Vec<Effect> {
        match self.state {
            State::Running if current => self.answered(answered),
            _ => {
                let to = match answered {
                    Answered::Body { failed: true } => "InvocationErrorResponse",
                    _ => "InvocationResponse",
                };
                vec![Effect::Reply(self.no_response(to))]
            }
        }
    }

    fn response_begun(&mut self, current: bool) -> Vec<Effect> {
        match self.state {
            State::Running if current => {
                self.state = State::Streaming;
                vec![Effect::Stream]
            }
            _ => vec![Effect::Reply(self.no_response("InvocationResponse"))],
        }
    }

    fn response_ended(&mut self, answered: Answered, current: bool) -> Vec<Effect> {
        match self.state {
            State::Streaming if current => self.answered(answered),
            // Its caller has been answered: after a timeout, a crash or a close.
            _ => vec![Effect::Reply(Answer::Closing)],
        }
    }

    /// The running invocation has its answer.
    fn answered(&mut self, answered: Answered) -> Vec<Effect> {
        self.state = State::Finishing;
        let platform = Settlement::Platform;
        // No capture shows what the service says of the last two: the Runtime API's own words.
        let (settlement, reply) = match answered {
            Answered::Body { failed } => (Settlement::Answer { failed }, Answer::Accepted),
            Answered::TooLarge { limit } => (
                platform(PlatformError::ResponseTooLarge(limit)),
                Answer::ResponseTooLarge(limit),
            ),
            Answered::Truncated => (
                platform(PlatformError::truncated_response()),
                Answer::Truncated,
            ),
            Answered::InvalidMode => (
                platform(PlatformError::invalid_response_mode()),
                Answer::InvalidResponseMode,
            ),
        };
        vec![
            Effect::AvailableSoon,
            Effect::Settle(settlement),
            Effect::Reply(reply),
        ]
    }

    /// Why a response cannot be taken now.
    fn no_response(&self, to: &'static str) -> Answer {
        match self.state {
            State::Running => Answer::InvalidRequestId,
            State::Init | State::InlineInit | State::Idle | State::Streaming | State::Finishing => {
                self.refusal(to)
            }
            State::Down | State::Stopping { .. } | State::Closed => Answer::Closing,
        }
    }

    fn report_init_error(&mut self, error_type: &str) -> Vec<Effect> {
        match self.state {
            State::Init | State::InlineInit if self.init_error.is_none() => {
                self.init_error = Some(sanitise_error_type(error_type).to_owned());
                vec![Effect::Reply(Answer::Accepted)]
            }
            State::Down | State::Stopping { .. } | State::Closed => {
                vec![Effect::Reply(Answer::Closing)]
            }
            _ => vec![Effect::Reply(self.refusal("InitError"))],
        }
    }

    fn process_ended(&mut self, error: PlatformError) -> Vec<Effect> {
        let init_error = self.init_error.take();
        let posted = init_error.is_some();
        let status = Status::Error(init_error.unwrap_or_else(|| error.report_type().to_owned()));
        match self.state {
            State::Init => {
                self.state = State::Down;
                // The environment stays: init runs again inside the first invocation.
                vec![
                    Effect::Disarm,
                    Effect::InitFailed(InitPhase::Init, status),
                    Effect::Available,
                ]
            }
            State::InlineInit => {
                self.state = State::Down;
                let settlement = if posted {
                    Settlement::InitError
                } else {
                    Settlement::Platform(error)
                };
                vec![
                    Effect::Disarm,
                    Effect::AvailableSoon,
                    Effect::InitFailed(InitPhase::Invoke, status.clone()),
                    Effect::Settle(settlement),
                    Effect::Finish(status),
                    Effect::Available,
                ]
            }
            State::Running | State::Streaming => {
                self.state = State::Down;
                vec![
                    Effect::Disarm,
                    Effect::AvailableSoon,
                    Effect::Settle(Settlement::Platform(error)),
                    Effect::Finish(status),
                    Effect::Available,
                ]
            }
            State::Finishing => {
                self.state = State::Down;
                vec![Effect::Disarm, Effect::Finish(status), Effect::Available]
            }
            State::Idle => {
                // Between two events nobody waits: the next one begins with an init.
                self.state = State::Down;
                Vec::new()
            }
            State::Stopping { close: false } => {
                self.state = State::Down;
                vec![Effect::Available]
            }
            State::Stopping { close: true } => {
                self.state = State::Closed;
                vec![Effect::Closed]
            }
            State::Down | State::Closed => Vec::new(),
        }
    }

    fn timer_fired(&mut self) -> Vec<Effect> {
        let stopping = State::Stopping { close: false };
        match self.state {
            State::Init => {
                self.state = stopping;
                self.init_error = None;
                vec![
                    Effect::InitFailed(InitPhase::Init, Status::Timeout),
                    Effect::Kill,
                ]
            }
            State::InlineInit | State::Running | State::Streaming => {
                self.state = stopping;
                self.init_error = None;
                let error = PlatformError::TimedOut(self.timeout);
                vec![
                    Effect::AvailableSoon,
                    Effect::Settle(Settlement::Platform(error)),
                    Effect::Finish(Status::Timeout),
                    Effect::Kill,
                ]
            }
            State::Finishing => {
                self.state = stopping;
                vec![Effect::Finish(Status::Timeout), Effect::Kill]
            }
            State::Down | State::Idle | State::Stopping { .. } | State::Closed => Vec::new(),
        }
    }

    fn close(&mut self) -> Vec<Effect> {
        let stopping = State::Stopping { close: true };
        match self.state {
            State::Down => {
                self.state = State::Closed;
                vec![Effect::Closed]
            }
            State::Init | State::Idle => {
                self.state = stopping;
                vec![Effect::Disarm, Effect::Kill]
            }
            State::InlineInit | State::Running | State::Streaming => {
                self.state = stopping;
                vec![
                    Effect::Disarm,
                    Effect::Settle(Settlement::Closed),
                    Effect::Kill,
                ]
            }
            State::Finishing => {
                self.state = stopping;
                vec![
                    Effect::Disarm,
                    Effect::Finish(Status::Success),
                    Effect::Kill,
                ]
            }
            State::Stopping { .. } => {
                self.state = stopping;
                Vec::new()
            }
            State::Closed => Vec::new(),
        }
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
