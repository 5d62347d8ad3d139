//! Several events at a time: each path as a row, and a property over all sequences of events.

use std::collections::BTreeMap;
use std::time::Duration;

use kiln_protocol::invoke::ExitCause;
use proptest::prelude::*;

use super::*;
use crate::lifecycle::{Event, Timer};

const TIMEOUT: Duration = Duration::from_secs(3);

fn at(id: &str, event: TurnEvent) -> Event {
    Event::Turn(id.to_owned(), event)
}

fn body() -> TurnEvent {
    TurnEvent::Respond(Answered::Body { failed: false })
}

/// Plays the events in an environment of two events at a time; returns the effects of the last one.
fn last(events: &[Event]) -> Vec<Effect> {
    let mut machine = Machine::managed(TIMEOUT, [], 2);
    let mut effects = Vec::new();
    for event in events {
        effects = machine.handle(event.clone());
    }
    effects
}

/// Two workers wait.
fn ready() -> Vec<Event> {
    vec![Event::Start, Event::Next, Event::Next]
}

fn after(events: &[Event]) -> Vec<Effect> {
    last(&[&ready(), events].concat())
}

#[test]
fn each_worker_that_waits_is_offered_within_the_concurrency() {
    use Effect as E;
    assert_eq!(
        last(&[Event::Start, Event::Next]),
        [
            E::Park,
            E::RuntimeReady,
            E::Disarm,
            E::InitDone,
            E::Available
        ]
    );
    assert_eq!(after(&[]), [E::Park, E::Available]);
    // A third worker is one more than there may be events.
    assert_eq!(after(&[Event::Next]), [E::Park]);
    let two = [at("a", TurnEvent::Invoke), at("b", TurnEvent::Invoke)];
    assert_eq!(
        after(&two),
        [turn("b", TurnEffect::Arm), turn("b", TurnEffect::Deliver)]
    );
    let answered = [&two[..], &[at("a", body())]].concat();
    assert_eq!(
        after(&answered),
        [
            E::AvailableSoon,
            turn(
                "a",
                TurnEffect::Settle(Settlement::Answer { failed: false })
            ),
            turn("a", TurnEffect::Finish(Status::Success)),
            E::Reply(Answer::Accepted)
        ]
    );
    let back = [&answered[..], &[Event::Next]].concat();
    assert_eq!(after(&back), [E::Park, E::Available]);
}

#[test]
fn a_timeout_ends_one_event_and_late_answers_are_told_so() {
    use Effect as E;
    let late = [
        at("a", TurnEvent::Invoke),
        at("b", TurnEvent::Invoke),
        at("a", TurnEvent::TimedOut),
    ];
    assert_eq!(
        after(&late),
        [
            E::AvailableSoon,
            turn(
                "a",
                TurnEffect::Settle(Settlement::Platform(PlatformError::TimedOut(TIMEOUT)))
            ),
            turn("a", TurnEffect::Finish(Status::Timeout))
        ]
    );
    for (id, answer) in [
        ("a", Answer::InvokeTimeout),
        ("b", Answer::Accepted),
        ("c", Answer::InvalidRequestId),
    ] {
        let effects = after(&[&late[..], &[at(id, body())]].concat());
        assert!(effects.contains(&E::Reply(answer)), "{id}: {effects:?}");
    }
    // A second answer is one to no event.
    let twice = [at("a", TurnEvent::Invoke), at("a", body()), at("a", body())];
    assert_eq!(after(&twice), [E::Reply(Answer::InvalidRequestId)]);
}

#[test]
fn without_a_worker_the_event_fails_and_the_environment_goes_on() {
    let gone = [Event::PollGone, Event::PollGone, at("a", TurnEvent::Invoke)];
    let effects = after(&gone);
    let unavailable = Status::Error("Runtime.Unavailable".to_owned());
    assert!(
        effects.contains(&turn("a", TurnEffect::Finish(unavailable))),
        "{effects:?}"
    );
    // Of the two places that were offered, one is still to be taken.
    let next = [&gone[..], &[Event::Next]].concat();
    assert_eq!(after(&next), [Effect::Park]);
    let taken = [&next[..], &[at("b", TurnEvent::Invoke)]].concat();
    assert!(after(&taken).contains(&turn("b", TurnEffect::Deliver)));
}

#[test]
fn a_place_that_a_refused_event_would_have_had_is_offered_again() {
    use Effect as E;
    let refused = [at("a", TurnEvent::Invoke), at("a", TurnEvent::Refused)];
    assert_eq!(after(&refused), [E::Available]);
    let next = [&refused[..], &[at("b", TurnEvent::Invoke)]].concat();
    assert!(after(&next).contains(&turn("b", TurnEffect::Deliver)));
}

#[test]
fn a_crash_fails_every_event_and_ends_the_environment() {
    use Effect as E;
    let exit = Event::Exited(ExitCause::Code(1));
    let crashed = [
        at("a", TurnEvent::Invoke),
        at("b", TurnEvent::Invoke),
        exit.clone(),
    ];
    let error = Settlement::Platform(PlatformError::RuntimeExited(ExitCause::Code(1)));
    let status = Status::Error("Runtime.ExitError".to_owned());
    assert_eq!(
        after(&crashed),
        [
            E::Disarm,
            turn("a", TurnEffect::Settle(error.clone())),
            turn("a", TurnEffect::Finish(status.clone())),
            turn("b", TurnEffect::Settle(error)),
            turn("b", TurnEffect::Finish(status)),
            E::Closed
        ]
    );
    // An init that fails is told to whoever comes.
    let failed = [Event::Start, exit.clone()];
    assert!(last(&failed).contains(&E::Available));
    let invoked = [&failed[..], &[at("a", TurnEvent::Invoke)]].concat();
    assert_eq!(
        last(&invoked),
        [
            turn("a", TurnEffect::Arm),
            E::BeginInit(InitPhase::Invoke),
            E::Launch
        ]
    );
    let again = last(&[&invoked[..], &[exit]].concat());
    assert!(
        again
            .iter()
            .any(|it| matches!(it, E::Turn(_, TurnEffect::Settle(_)))),
        "{again:?}"
    );
    assert!(!again.contains(&E::Arm(Timer::Invoke)));
}

#[test]
fn what_runs_is_finished_before_the_environment_ends() {
    use Effect as E;
    let retired = [
        at("a", TurnEvent::Invoke),
        at("b", TurnEvent::Invoke),
        Event::Retire,
    ];
    assert_eq!(after(&retired), []);
    let one = [&retired[..], &[at("a", body()), Event::Next]].concat();
    assert_eq!(after(&one), [E::Park]);
    let both = [&one[..], &[at("b", TurnEvent::TimedOut)]].concat();
    assert_eq!(after(&both)[3..], [E::Disarm, E::Kill]);
    assert_eq!(after(&[Event::Retire]), [E::Disarm, E::Kill]);
}

/// What the machine's effects have led to.
#[derive(Debug, Default)]
struct World {
    alive: bool,
    killed: bool,
    waiting: usize,
    offered: usize,
    /// Those that run, and whether they are settled.
    turns: BTreeMap<String, bool>,
    closed: bool,
}

fn play(script: &[u8]) -> Result<(), String> {
    let mut machine = Machine::managed(TIMEOUT, [], 3);
    let mut world = World::default();
    let mut count = 0;
    let mut played = vec![Event::Start];
    step(&mut world, &mut machine, Event::Start)?;
    let letters = script.iter().copied().chain(*b"c");
    for letter in letters.chain(std::iter::repeat_n(b'x', 2)) {
        let oldest = world.turns.keys().next().cloned();
        let event = match (letter, oldest) {
            (b'i', _) if machine.is_free() && world.offered > 0 => {
                count += 1;
                at(&format!("{count:06}"), TurnEvent::Invoke)
            }
            (b'n', _) if world.alive => Event::Next,
            (b'g', _) if world.waiting > 0 => Event::PollGone,
            (b'u', _) => at("unknown", body()),
            (b'r', Some(id)) => at(&id, body()),
            (b'b', Some(id)) => at(&id, TurnEvent::ResponseBegun),
            (b'e', Some(id)) => at(&id, TurnEvent::ResponseEnded(Answered::Truncated)),
            (b't', Some(id)) => at(&id, TurnEvent::TimedOut),
            (b'x', _) if world.alive => Event::Exited(ExitCause::Code(1)),
            (b'q', _) => Event::Retire,
            (b'c', _) => Event::Close,
            _ => continue,
        };
        played.push(event.clone());
        step(&mut world, &mut machine, event)
            .map_err(|broken| format!("{broken}: {world:?} {machine:?} after {played:?}"))?;
    }
    match world.closed && world.turns.values().all(|settled| *settled) {
        true => Ok(()),
        false => Err(format!("does not end: {world:?} after {played:?}")),
    }
}

fn step(world: &mut World, machine: &mut Machine, event: Event) -> Result<(), String> {
    let holds = |holds: bool, rule: &str| if holds { Ok(()) } else { Err(rule.to_owned()) };
    let mut replies = 0;
    let called = match &event {
        Event::Next => {
            world.waiting += 1;
            true
        }
        Event::PollGone => {
            world.waiting -= 1;
            false
        }
        Event::Exited(_) => {
            (world.alive, world.waiting) = (false, 0);
            false
        }
        Event::Turn(id, TurnEvent::Invoke) => {
            world.offered = world.offered.saturating_sub(1);
            world.turns.insert(id.clone(), false);
            false
        }
        Event::Turn(_, event) => *event != TurnEvent::TimedOut,
        _ => false,
    };
    for effect in machine.handle(event) {
        match effect {
            Effect::Launch => {
                holds(!world.alive, "a process beside another")?;
                (world.alive, world.killed, world.offered) = (true, false, 0);
            }
            Effect::Kill => world.killed = true,
            Effect::Park | Effect::Reply(_) => replies += 1,
            Effect::Available => {
                world.offered += 1;
                holds(world.offered <= 3, "more is offered than there is")?;
            }
            Effect::Closed => {
                holds(!world.alive, "a process outlives its environment")?;
                world.closed = true;
            }
            Effect::Turn(_, TurnEffect::Stream) => replies += 1,
            Effect::Turn(_, TurnEffect::Arm) => {}
            Effect::Turn(id, effect) => {
                let settled = world.turns.get_mut(&id).ok_or("an effect of no event")?;
                match effect {
                    TurnEffect::Deliver => {
                        holds(world.waiting > 0, "nobody waits for the event")?;
                        world.waiting -= 1;
                    }
                    TurnEffect::Settle(_) => {
                        holds(!*settled, "settled twice")?;
                        *settled = true;
                    }
                    TurnEffect::Finish(_) => {
                        holds(*settled, "finished before it was settled")?;
                        world.turns.remove(&id);
                    }
                    TurnEffect::Arm | TurnEffect::Stream => {}
                }
            }
            _ => {}
        }
    }
    holds(
        replies == usize::from(called),
        "a call has not exactly one answer",
    )
}

proptest! {
    #[test]
    fn every_event_is_settled_once(
        script in proptest::collection::vec(
            proptest::sample::select(&b"iiiinnnnrrrgubetttxq"[..]), 0..80,
        ),
    ) {
        prop_assert_eq!(play(&script), Ok(()));
    }
}
