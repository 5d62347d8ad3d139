//! What holds for every sequence of events, for the property test and the fuzz target.

use std::time::Duration;

use kiln_protocol::extension_event::EventType;
use kiln_protocol::extensions_api::Registration;
use kiln_protocol::invoke::{ExitCause, ExtensionFault, PlatformError};

use super::{Answered, Effect, Event, ExtensionId, Machine};

/// Bytes that stand for events, those that happen often more than once.
#[cfg(test)]
pub(crate) const LIKELY: &[u8] = b"iiinnnrreotvbbswdwgzfmxxtcRRSSINNNMMMPPPhhHXYELjk";

/// The names of external extensions a machine may have.
const EXTERNAL: [&str; 2] = ["first", "second"];

/// The event that a byte stands for: that of its letter, and of some letter for any other byte.
fn event(byte: u8) -> Event {
    use Answered::{Body, InvalidMode, TooLarge, Truncated};
    const LETTERS: &[u8] = b"inreolvubaswdgzfmxtcRSINMPhHXYELjk";
    let letter = if LETTERS.contains(&byte) {
        byte
    } else {
        LETTERS[usize::from(byte) % LETTERS.len()]
    };
    let respond = |answered, current| Event::Respond { answered, current };
    let ended = |answered, current| Event::ResponseEnded { answered, current };
    let register = |name: &str, events: &[EventType]| {
        let registration = Registration {
            name: name.to_owned(),
            events: events.to_vec(),
            account_id: false,
        };
        Event::Register(registration, format!("id of {name}"))
    };
    match letter {
        b'i' => Event::Invoke,
        b'n' => Event::Next,
        // A whole response: well or not, of another invocation, or one that cannot be used.
        b'r' => respond(Body { failed: false }, true),
        b'e' => respond(Body { failed: true }, true),
        b'o' => respond(Body { failed: false }, false),
        b'l' => respond(TooLarge { limit: 1 }, true),
        b'v' => respond(InvalidMode, true),
        b'u' => respond(Truncated, true),
        // A stream: its beginning and its end.
        b'b' => Event::ResponseBegun { current: true },
        b'a' => Event::ResponseBegun { current: false },
        b's' => ended(Body { failed: false }, true),
        b'w' => ended(Body { failed: true }, true),
        b'd' => ended(TooLarge { limit: 1 }, true),
        b'g' => ended(Truncated, true),
        b'z' => ended(Truncated, false),
        b'f' => Event::InitError("Function.Failed".to_owned()),
        b'h' => Event::RestoreNext,
        b'H' => Event::RestoreError("Function.Failed".to_owned()),
        b'm' => Event::LaunchFailed(PlatformError::no_bootstrap(&["bootstrap"])),
        b'x' => Event::Exited(ExitCause::Code(1)),
        // Extensions: two external ones and an internal one.
        b'R' => register(EXTERNAL[0], &[EventType::Invoke, EventType::Shutdown]),
        b'S' => register(EXTERNAL[1], &[EventType::Invoke]),
        b'I' => register("internal", &[]),
        b'N' => Event::ExtensionNext(ExtensionId(0)),
        b'M' => Event::ExtensionNext(ExtensionId(1)),
        b'P' => Event::ExtensionNext(ExtensionId(2)),
        b'E' => Event::ExtensionError(
            ExtensionId(0),
            ExtensionFault::InitError,
            "Extension.Failed".to_owned(),
        ),
        b'k' => Event::ExtensionError(
            ExtensionId(1),
            ExtensionFault::ExitError,
            "Extension.Failed".to_owned(),
        ),
        b'X' => Event::ExtensionExited(ExtensionId(0), ExitCause::Code(1)),
        b'Y' => Event::ExtensionExited(ExtensionId(1), ExitCause::Signal(9)),
        b'L' => Event::ExtensionNotLaunched(ExtensionId(0), "permission denied".to_owned()),
        b'j' => Event::ExtensionNotLaunched(ExtensionId(1), "permission denied".to_owned()),
        b't' => Event::TimerFired,
        _ => Event::Close,
    }
}

/// A process as far as it concerns anybody.
#[derive(Clone, Copy, Debug, Default)]
struct Process {
    alive: bool,
    killed: bool,
}

impl Process {
    fn start(&mut self) -> Result<(), &'static str> {
        holds(!self.alive, "a process is started beside another")?;
        (self.alive, self.killed) = (true, false);
        Ok(())
    }

    fn kill(&mut self) {
        self.killed = self.alive;
    }
}

/// What the machine's effects have led to.
#[derive(Debug, Default)]
struct World {
    runtime: Process,
    /// As many as there are external extensions.
    extensions: Vec<Process>,
    /// Which extensions wait for an event.
    waiting: Vec<ExtensionId>,
    /// A timer runs.
    timed: bool,
    /// No process runs until there is an event.
    frozen: bool,
    /// Invocations whose caller has no answer.
    unsettled: u32,
    /// Invocations without their END and REPORT.
    unfinished: u32,
    /// The response of the invocation has begun to come.
    streams: bool,
    /// A call of the runtime for an event has not been answered.
    parked: bool,
    closed: bool,
}

fn holds(holds: bool, rule: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(rule) }
}

/// Plays a script of events, one for each byte, from the start on; the first byte says how many
/// external extensions there are, and whether there are snapshots. Whatever happens in whatever
/// order: every invocation taken is settled exactly once before the environment takes another or
/// ends, no process is started beside a living one, a process that is alive when the environment
/// ends has been killed, no event goes to a process that is frozen, a stream begins at most once for
/// an invocation and while its caller waits, each call of the runtime and of an extension is answered
/// exactly once. And whatever has happened: told to close, it ends, if only its timers fire and what it
/// kills dies.
///
/// # Panics
/// When something of it does not hold, with the events that led there.
pub(crate) fn check(script: &[u8]) {
    let (&kind, script) = script.split_first().unwrap_or((&0, &[]));
    let external = EXTERNAL.iter().take(usize::from(kind) % 3);
    let external: Vec<String> = external.map(|name| (*name).to_owned()).collect();
    let mut world = World {
        extensions: vec![Process::default(); external.len()],
        ..World::default()
    };
    let mut machine = Machine::new(Duration::from_secs(3), external, kind % 2 == 1);
    let mut played = Vec::new();
    let script = script.iter().copied().map(event);
    let mut play = |world: &mut World, event: Event| {
        // What the shell never does.
        if !world.can(&machine, &event) {
            return;
        }
        played.push(event.clone());
        if let Err(broken) = world.step(&mut machine, event) {
            panic!("{broken}: {world:?} {machine:?} after {played:?}");
        }
    };
    for event in std::iter::once(Event::Start).chain(script) {
        play(&mut world, event);
    }
    play(&mut world, Event::Close);
    for _ in 0..16 {
        if let Some(event) = world.consequence() {
            play(&mut world, event);
        }
    }
    assert!(
        world.closed,
        "does not end: {world:?} {machine:?} after {played:?}"
    );
}

impl World {
    /// Hand over to a busy environment, report the end or the failed start of a process that does not
    /// run, call for an extension that has not registered, fire a timer that is not armed: nobody does.
    fn can(&self, machine: &Machine, event: &Event) -> bool {
        let alive = |id: &ExtensionId| self.extensions.get(id.0).is_some_and(|it| it.alive);
        let registered = |id: &ExtensionId| {
            let extension = machine.extensions().get(*id);
            extension.is_some_and(|it| it.identifier.is_some())
        };
        match event {
            Event::Invoke => machine.is_free(),
            Event::Exited(_) | Event::LaunchFailed(_) => self.runtime.alive,
            Event::ExtensionExited(id, _) | Event::ExtensionNotLaunched(id, _) => alive(id),
            Event::ExtensionNext(id) | Event::ExtensionError(id, ..) => registered(id),
            Event::TimerFired => self.timed,
            _ => true,
        }
    }

    /// What comes of itself: what was killed dies, what is timed runs out.
    fn consequence(&self) -> Option<Event> {
        if self.runtime.alive && self.runtime.killed {
            return Some(Event::Exited(ExitCause::Signal(9)));
        }
        let killed = self.extensions.iter().position(|it| it.alive && it.killed);
        if let Some(index) = killed {
            let cause = ExitCause::Signal(9);
            return Some(Event::ExtensionExited(ExtensionId(index), cause));
        }
        self.timed.then_some(Event::TimerFired)
    }

    fn any_alive(&self) -> bool {
        self.runtime.alive || self.extensions.iter().any(|it| it.alive)
    }

    fn step(&mut self, machine: &mut Machine, event: Event) -> Result<(), &'static str> {
        let called = matches!(
            event,
            Event::Next
                | Event::Respond { .. }
                | Event::ResponseBegun { .. }
                | Event::ResponseEnded { .. }
                | Event::InitError(_)
                | Event::RestoreNext
                | Event::RestoreError(_)
        );
        let extension_called = matches!(
            event,
            Event::Register(..) | Event::ExtensionNext(_) | Event::ExtensionError(..)
        );
        match event {
            Event::Invoke => {
                self.unsettled += 1;
                self.unfinished += 1;
                self.streams = false;
            }
            Event::Exited(_) | Event::LaunchFailed(_) => self.runtime.alive = false,
            Event::ExtensionExited(id, _) | Event::ExtensionNotLaunched(id, _) => {
                self.extensions[id.0].alive = false;
                self.waiting.retain(|waiting| *waiting != id);
            }
            Event::TimerFired => self.timed = false,
            _ => {}
        }
        let mut replies = 0;
        let mut extension_replies = 0;
        for effect in machine.handle(event) {
            match effect {
                Effect::BeginInit(_) => {
                    holds(!self.any_alive(), "an init with processes of before")?;
                    (self.frozen, self.parked) = (false, false);
                    self.waiting.clear();
                }
                Effect::LaunchExtensions => {
                    self.extensions.iter_mut().try_for_each(Process::start)?;
                }
                Effect::Launch => self.runtime.start()?,
                Effect::Kill => {
                    holds(self.any_alive(), "a process is killed that is not there")?;
                    self.runtime.kill();
                    self.extensions.iter_mut().for_each(Process::kill);
                }
                Effect::KillRuntime => {
                    holds(self.runtime.alive, "a runtime is killed that is not there")?;
                    self.runtime.kill();
                }
                Effect::KillExtension(id) => {
                    let extension = &mut self.extensions[id.0];
                    holds(extension.alive, "an extension is killed that is not there")?;
                    extension.kill();
                }
                Effect::Terminate => {
                    holds(
                        self.runtime.alive && !self.frozen,
                        "asked to end, and cannot hear it",
                    )?;
                }
                Effect::Arm(_) => self.timed = true,
                Effect::Disarm => self.timed = false,
                Effect::Freeze => {
                    holds(self.runtime.alive, "what is not there is frozen")?;
                    holds(self.unfinished == 0, "frozen in an invocation")?;
                    self.frozen = true;
                }
                Effect::Thaw => self.frozen = false,
                Effect::Settle(_) => {
                    holds(self.unsettled == 1, "nobody waits for this answer")?;
                    self.unsettled = 0;
                }
                Effect::Finish(_) => {
                    holds(self.unfinished == 1, "nothing is to be finished")?;
                    holds(self.unsettled == 0, "finished before it was settled")?;
                    self.unfinished = 0;
                }
                Effect::Available => {
                    holds(machine.is_free(), "available and not free")?;
                    holds(self.unsettled == 0, "available before all are settled")?;
                }
                Effect::Closed => {
                    holds(!self.any_alive(), "a process outlives its environment")?;
                    holds(self.unsettled == 0, "closed before all are settled")?;
                    self.closed = true;
                }
                Effect::Deliver => {
                    holds(
                        self.runtime.alive && !self.frozen,
                        "an event for no process that runs",
                    )?;
                    holds(self.unsettled == 1, "an event of no invocation")?;
                    replies += u32::from(!std::mem::take(&mut self.parked));
                }
                Effect::TellInvoke(id) | Effect::TellShutdown(id, _) => {
                    holds(!self.frozen, "an extension is told that is frozen")?;
                    let waiting = self.waiting.iter().position(|it| *it == id);
                    let Some(waiting) = waiting else {
                        return Err("an extension is told that does not ask");
                    };
                    self.waiting.swap_remove(waiting);
                }
                Effect::Stream => {
                    holds(
                        self.runtime.alive && self.unsettled == 1,
                        "a stream for nobody",
                    )?;
                    holds(!self.streams, "a second stream of an invocation")?;
                    self.streams = true;
                    // The call is answered when the stream ends.
                    replies += 1;
                }
                Effect::Park => {
                    self.parked = true;
                    replies += 1;
                }
                Effect::Restore => self.parked = false,
                Effect::Reply(_) => replies += 1,
                Effect::ParkExtension(id) => {
                    extension_replies += 1;
                    holds(!self.waiting.contains(&id), "an extension asks twice")?;
                    self.waiting.push(id);
                }
                Effect::ReplyToExtension(_) | Effect::Registered(_) => extension_replies += 1,
                _ => {}
            }
        }
        // The event of an invocation answers a call of before.
        holds(!called || replies == 1, "a call has not exactly one answer")?;
        holds(
            extension_replies == usize::from(extension_called),
            "a call of an extension has not exactly one answer",
        )?;
        if machine.is_free() {
            holds(self.unsettled == 0, "free, and somebody waits")?;
        }
        Ok(())
    }
}
