//! What holds for every sequence of events, for the property test and the fuzz target.

use std::time::Duration;

use kiln_protocol::invoke::{ExitCause, PlatformError};

use super::{Answered, Effect, Event, Machine};

/// Bytes that stand for events, those that happen often more than once.
#[cfg(test)]
pub(crate) const LIKELY: &[u8] = b"iiinnnrreotvbbswdwgzfmxxtc";

/// The event that a byte stands for: that of its letter, and of some letter for any other byte.
fn event(byte: u8) -> Event {
    use Answered::{Body, InvalidMode, TooLarge, Truncated};
    const LETTERS: &[u8] = b"inreolvubaswdgzfmxtc";
    let letter = if LETTERS.contains(&byte) {
        byte
    } else {
        LETTERS[usize::from(byte) % LETTERS.len()]
    };
    let respond = |answered, current| Event::Respond { answered, current };
    let ended = |answered, current| Event::ResponseEnded { answered, current };
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
        b'm' => Event::LaunchFailed(PlatformError::no_bootstrap(&["bootstrap"])),
        b'x' => Event::Exited(ExitCause::Code(1)),
        b't' => Event::TimerFired,
        _ => Event::Close,
    }
}

/// What the machine's effects have led to.
#[derive(Debug, Default)]
struct World {
    /// There is a process.
    alive: bool,
    /// It has been killed.
    killed: bool,
    /// It does not run until there is an event.
    frozen: bool,
    /// Invocations whose caller has no answer.
    unsettled: u32,
    /// Invocations without their END and REPORT.
    unfinished: u32,
    /// The response of the invocation has begun to come.
    streams: bool,
}

/// Plays a script of events, one for each byte, from the start on. Whatever happens in whatever
/// order: every invocation taken is settled exactly once before the environment takes another or
/// ends, no process is started beside a living one, a process that is alive when the environment
/// ends has been killed, no event goes to a process that is frozen, a stream begins at most once for
/// an invocation and while its caller waits, and each call of the runtime is answered exactly once.
///
/// # Panics
/// When something of it does not hold, with the events that led there.
pub(crate) fn check(script: &[u8]) {
    let mut machine = Machine::new(Duration::from_secs(3));
    let mut world = World::default();
    let mut played = Vec::new();
    let script = script.iter().copied().map(event);
    for event in std::iter::once(Event::Start).chain(script) {
        // What the shell never does: hand over to a busy environment, report the end or the
        // failed start of a process that does not run.
        match event {
            Event::Invoke if !machine.is_free() => continue,
            Event::Exited(_) | Event::LaunchFailed(_) if !world.alive => continue,
            _ => {}
        }
        played.push(event.clone());
        if let Err(broken) = world.step(&mut machine, event) {
            panic!("{broken}: {world:?} {machine:?} after {played:?}");
        }
    }
}

impl World {
    fn step(&mut self, machine: &mut Machine, event: Event) -> Result<(), &'static str> {
        let holds = |holds: bool, rule| if holds { Ok(()) } else { Err(rule) };
        let called = matches!(
            event,
            Event::Next
                | Event::Respond { .. }
                | Event::ResponseBegun { .. }
                | Event::ResponseEnded { .. }
                | Event::InitError(_)
        );
        match event {
            Event::Invoke => {
                self.unsettled += 1;
                self.unfinished += 1;
                self.streams = false;
            }
            Event::Exited(_) | Event::LaunchFailed(_) => self.alive = false,
            _ => {}
        }
        let mut replies = 0;
        for effect in machine.handle(event) {
            match effect {
                Effect::Launch => {
                    holds(!self.alive, "a process is started beside another")?;
                    (self.alive, self.killed, self.frozen) = (true, false, false);
                }
                Effect::Kill => {
                    holds(self.alive, "a process is killed that is not there")?;
                    self.killed = true;
                }
                Effect::Freeze => {
                    holds(self.alive, "what is not there is frozen")?;
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
                    holds(!self.alive, "a process outlives its environment")?;
                    holds(self.unsettled == 0, "closed before all are settled")?;
                }
                Effect::Deliver => {
                    holds(
                        self.alive && !self.frozen,
                        "an event for no process that runs",
                    )?;
                    holds(self.unsettled == 1, "an event of no invocation")?;
                    replies += 1;
                }
                Effect::Stream => {
                    holds(self.alive && self.unsettled == 1, "a stream for nobody")?;
                    holds(!self.streams, "a second stream of an invocation")?;
                    self.streams = true;
                    // The call is answered when the stream ends.
                    replies += 1;
                }
                Effect::Park | Effect::Reply(_) => replies += 1,
                _ => {}
            }
        }
        // The event of an invocation answers a call of before.
        holds(!called || replies == 1, "a call has not exactly one answer")?;
        if machine.is_free() {
            holds(self.unsettled == 0, "free, and somebody waits")?;
        }
        if machine.is_closing() {
            holds(!self.alive || self.killed, "it closes and kills nobody")?;
        }
        Ok(())
    }
}
