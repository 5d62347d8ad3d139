//! What happens to an environment, and what there is to do about it.

use std::time::Duration;

use kiln_protocol::extension_event::ShutdownReason;
use kiln_protocol::extensions_api::{self, Registration};
use kiln_protocol::invoke::{ExitCause, ExtensionFault, PlatformError};
use kiln_protocol::log_line::Status;
use kiln_protocol::runtime_api::Answer;

use super::{ExtensionId, TurnEffect, TurnEvent};

/// Something that happened to the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The environment was created: begin with the init phase.
    Start,
    /// The host hands over an invocation. Only when the machine [is free](super::Machine::is_free).
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
    /// The runtime's init is done as far as a snapshot has it; it asks to be told of its restore.
    RestoreNext,
    /// The runtime reported that what it does after a restore failed, with the type it gave.
    RestoreError(String),
    /// The runtime's process could not be started.
    LaunchFailed(PlatformError),
    /// The runtime's process ended.
    Exited(ExitCause),
    /// Something happened to one of several events, named by its request id (managed instances).
    Turn(String, TurnEvent),
    /// A call of the runtime for an event was given up while it waited (managed instances).
    PollGone,
    /// An extension registers, to be known by this identifier.
    Register(Registration, String),
    /// An extension asked for the next event.
    ExtensionNext(ExtensionId),
    /// An extension reported that its init failed, or that it must exit, with the type it gave.
    ExtensionError(ExtensionId, ExtensionFault, String),
    /// An extension's process could not be started; the text is the operating system's.
    ExtensionNotLaunched(ExtensionId, String),
    /// An extension's process ended.
    ExtensionExited(ExtensionId, ExitCause),
    /// The armed timer ran out.
    TimerFired,
    /// The environment is no longer wanted, once it has nothing to do.
    Retire,
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

impl Answered {
    /// What the caller receives, and the runtime.
    pub(super) fn settlement(self) -> (Settlement, Answer) {
        let platform = Settlement::Platform;
        // No capture shows what the service says of the last two: the Runtime API's own words.
        match self {
            Self::Body { failed } => (Settlement::Answer { failed }, Answer::Accepted),
            Self::TooLarge { limit } => (
                platform(PlatformError::ResponseTooLarge(limit)),
                Answer::ResponseTooLarge(limit),
            ),
            Self::Truncated => (
                platform(PlatformError::truncated_response()),
                Answer::Truncated,
            ),
            Self::InvalidMode => (
                platform(PlatformError::invalid_response_mode()),
                Answer::InvalidResponseMode,
            ),
        }
    }
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// An init begins, with nothing yet started.
    BeginInit(InitPhase),
    /// Start the external extensions.
    LaunchExtensions,
    /// Start the runtime's process.
    Launch,
    /// End all processes at once.
    Kill,
    /// End the runtime's processes at once.
    KillRuntime,
    /// End an extension's processes at once.
    KillExtension(ExtensionId),
    /// Ask the runtime's processes to end.
    Terminate,
    /// The shutdown phase begins: so much time is left to all processes.
    BeginShutdown(Duration),
    /// Start a timer, in place of any other.
    Arm(Timer),
    /// Stop the timer.
    Disarm,
    /// The runtime's part of the init is done.
    RuntimeReady,
    /// The init succeeded, of all extensions too: note its duration.
    InitDone,
    /// The init failed: write its report line.
    InitFailed(InitPhase, Status),
    /// Keep what the runtime posted as the error of its init.
    KeepInitError,
    /// Give the event of the current invocation to the waiting runtime.
    Deliver,
    /// Keep the runtime waiting for an event.
    Park,
    /// The environment is restored from its snapshot: tell the runtime that waits for it.
    Restore,
    /// The restore is done: the invocation's time begins.
    Restored,
    /// Something to do about one of several events.
    Turn(String, TurnEffect),
    /// Answer an extension's call.
    ReplyToExtension(extensions_api::Answer),
    /// Answer an extension that has registered.
    Registered(ExtensionId),
    /// Keep an extension waiting for an event.
    ParkExtension(ExtensionId),
    /// Tell a waiting extension of the current invocation.
    TellInvoke(ExtensionId),
    /// Tell a waiting extension that the environment ends.
    TellShutdown(ExtensionId, ShutdownReason),
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
    /// The runtime's part of the invocation is done.
    RuntimeDone,
    /// The invocation is over: write its END and REPORT lines.
    Finish(Status),
    /// The environment can take an invocation, or another.
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
    /// What a restore may take.
    Restore,
    /// What the runtime has of the shutdown phase when extensions come after it.
    RuntimeShutdown,
    /// The end of the shutdown phase.
    Shutdown,
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
    /// The environment could not be restored.
    NotRestored(Status),
    /// An error of the platform.
    Platform(PlatformError),
    /// The environment was closed under the invocation.
    Closed,
}
