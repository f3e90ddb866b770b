//! What every door of the kinds [`Sockets`] and [`Frames`](portolan_model::frames::Frames) must hold, real or simulated.

mod datagrams;
mod frames;
mod neighbours;

use std::time::Duration;

use portolan_model::sockets::{Completion, Event, Outcome, ProbeId, Request, Sockets};
use portolan_model::{Endpoint, Instant};

pub use datagrams::datagrams_conform;
pub use frames::frames_conform;
pub use neighbours::neighbours_conform;

/// Checks the contract of [`Sockets`] on doors that `make` opens, one a check. `open` accepts connections,
/// `closed` refuses them, both within a second or two. A broken clause panics with its name, as a test does.
pub fn sockets_conform<S: Sockets>(mut make: impl FnMut() -> S, open: Endpoint, closed: Endpoint) {
    capacity_is_at_least_one(&make());
    a_deadline_that_has_passed_does_not_wait(&mut make());
    a_wait_ends_at_its_deadline(&mut make());
    each_connect_completes_once_and_rightly(&mut make(), open, closed);
    completions_are_added_to_the_inbox(&mut make(), closed);
    an_abandoned_attempt_is_silent(&mut make(), open, closed);
    a_place_used_again_bears_the_new_name(&mut make(), open, closed);
    strangers_may_be_abandoned(&mut make(), closed);
}

fn capacity_is_at_least_one<S: Sockets>(door: &S) {
    assert!(door.capacity().sockets >= 1, "a door without room for one socket");
}

fn a_deadline_that_has_passed_does_not_wait<S: Sockets>(door: &mut S) {
    let before = door.now();
    door.wait_until(Some(before));
    door.wait_until(Some(before - Duration::from_secs(5)));
    let waited = door.now().since(before);
    assert!(waited < Duration::from_millis(500), "waited {waited:?} for a deadline that had passed");
}

fn a_wait_ends_at_its_deadline<S: Sockets>(door: &mut S) {
    let before = door.now();
    let deadline = before + Duration::from_millis(20);
    // An interruption may end a wait early, but not for ever.
    for _ in 0..1000 {
        if door.now() >= deadline {
            break;
        }
        door.wait_until(Some(deadline));
    }
    assert!(door.now() >= deadline, "a wait without completions never reaches its deadline");
    let waited = door.now().since(before);
    assert!(waited < Duration::from_secs(2), "waited {waited:?} for 20 ms");
    let mut inbox = Vec::new();
    door.receive(&mut inbox);
    assert!(inbox.is_empty(), "completions of nothing: {inbox:?}");
}

fn each_connect_completes_once_and_rightly<S: Sockets>(door: &mut S, open: Endpoint, closed: Endpoint) {
    let n = u32::try_from(door.capacity().sockets.min(32)).unwrap_or(32);
    let target = |slot: u32| if slot.is_multiple_of(2) { open } else { closed };
    let before = door.now();
    connect(door, (0..n).map(|slot| (ProbeId { slot, tag: slot ^ 0x5eed }, target(slot))));
    let events = collect(door, n as usize);
    let mut slots: Vec<_> = events.iter().map(|event| event.probe.slot).collect();
    slots.sort_unstable();
    assert_eq!(slots, (0..n).collect::<Vec<_>>(), "each attempt completes, and once");
    for event in &events {
        let Completion { probe, sent, at, outcome } = event;
        assert_eq!(probe.tag, probe.slot ^ 0x5eed, "the name comes back as it was given");
        assert!(before <= *sent && sent <= at && *at <= door.now(), "before, sent, at, now: {event:?}");
        match outcome {
            Outcome::Connected { local } if probe.slot.is_multiple_of(2) => {
                assert_ne!(*local, open.address.socket(open.port), "our end is not the peer's");
            }
            Outcome::Refused if !probe.slot.is_multiple_of(2) => {}
            _ => panic!("{outcome:?} from {}", target(probe.slot)),
        }
    }
}

fn completions_are_added_to_the_inbox<S: Sockets>(door: &mut S, closed: Endpoint) {
    let probe = ProbeId { slot: 1, tag: 2 };
    connect(door, [(probe, closed)]);
    let stays = Event::Connect(Completion {
        probe: ProbeId { slot: 9, tag: 9 },
        sent: door.now(),
        at: door.now(),
        outcome: Outcome::TimedOut,
    });
    let mut inbox = vec![stays.clone()];
    let end = door.now() + Duration::from_secs(5);
    while inbox.len() == 1 && door.now() < end {
        door.wait_until(Some(end));
        door.receive(&mut inbox);
    }
    assert_eq!(inbox.first(), Some(&stays), "what was in the inbox stays there");
    assert_eq!(inbox.get(1).cloned().map(completion).map(|event| event.probe), Some(probe));
}

fn an_abandoned_attempt_is_silent<S: Sockets>(door: &mut S, open: Endpoint, closed: Endpoint) {
    for (slot, to) in [(0, open), (1, closed)] {
        let probe = ProbeId { slot, tag: 7 };
        let mut outbox = vec![Request::Connect { probe, to }, Request::Abandon(probe)];
        door.transmit(&mut outbox);
        assert!(outbox.is_empty(), "transmit removes every request");
    }
    assert_silent(door);
    // Known already, but not yet received.
    let probe = ProbeId { slot: 0, tag: 8 };
    connect(door, [(probe, closed)]);
    door.wait_until(Some(door.now() + Duration::from_millis(100)));
    door.transmit(&mut vec![Request::Abandon(probe), Request::Abandon(probe)]);
    assert_silent(door);
}

fn a_place_used_again_bears_the_new_name<S: Sockets>(door: &mut S, open: Endpoint, closed: Endpoint) {
    for (tag, to) in [(1, open), (2, closed), (3, open)] {
        let probe = ProbeId { slot: 0, tag };
        connect(door, [(probe, to)]);
        let names: Vec<_> = collect(door, 1).iter().map(|event| event.probe).collect();
        assert_eq!(names, [probe], "a place used again");
    }
    // The same within one batch: given up, and its place taken at once.
    let (old, new) = (ProbeId { slot: 5, tag: 1 }, ProbeId { slot: 5, tag: 2 });
    let mut outbox = vec![
        Request::Connect { probe: old, to: closed },
        Request::Abandon(old),
        Request::Connect { probe: new, to: open },
    ];
    door.transmit(&mut outbox);
    let events = collect(door, 1);
    assert_eq!(events.iter().map(|event| event.probe).collect::<Vec<_>>(), [new], "{events:?}");
    assert!(matches!(events[0].outcome, Outcome::Connected { .. }), "{events:?}");
}

fn strangers_may_be_abandoned<S: Sockets>(door: &mut S, closed: Endpoint) {
    let probe = ProbeId { slot: 3, tag: 1 };
    connect(door, [(probe, closed)]);
    let stranger = |slot, tag| Request::Abandon(ProbeId { slot, tag });
    door.transmit(&mut vec![stranger(4_000_000_000, 1), stranger(3, 2)]);
    let events = collect(door, 1);
    assert_eq!(events[0].probe, probe, "abandoning a stranger ends nobody else");
}

fn connect<S: Sockets>(door: &mut S, attempts: impl IntoIterator<Item = (ProbeId, Endpoint)>) {
    let mut outbox: Vec<_> = attempts.into_iter().map(|(probe, to)| Request::Connect { probe, to }).collect();
    door.transmit(&mut outbox);
    assert!(outbox.is_empty(), "transmit removes every request");
}

/// Waits for `n` completions, and a moment longer for any that is too many.
fn collect<S: Sockets>(door: &mut S, n: usize) -> Vec<Completion> {
    let mut events = Vec::new();
    wait(door, &mut events, |events| events.len() >= n);
    linger(door, &mut events);
    assert_eq!(events.len(), n, "completions: {events:?}");
    events
}

fn assert_silent<S: Sockets>(door: &mut S) {
    let mut events = Vec::new();
    linger(door, &mut events);
    assert!(events.is_empty(), "completions of abandoned attempts: {events:?}");
}

fn linger<S: Sockets>(door: &mut S, events: &mut Vec<Completion>) {
    let end = door.now() + Duration::from_millis(300);
    while turn(door, events, end) < end {}
}

fn wait<S: Sockets>(door: &mut S, events: &mut Vec<Completion>, enough: impl Fn(&[Completion]) -> bool) {
    let end = door.now() + Duration::from_secs(5);
    while !enough(events) {
        assert!(turn(door, events, end) < end, "no completion in 5 s, only {events:?}");
    }
}

/// The completion that an event is; nothing else was asked for.
fn completion(event: Event) -> Completion {
    match event {
        Event::Connect(completion) => completion,
        other => panic!("{other:?} of a connect"),
    }
}

/// One turn of the loop; the time after it, which never goes back.
fn turn<S: Sockets>(door: &mut S, events: &mut Vec<Completion>, end: Instant) -> Instant {
    let before = door.now();
    door.wait_until(Some(end));
    let between = door.now();
    let mut inbox = Vec::new();
    door.receive(&mut inbox);
    events.extend(inbox.into_iter().map(completion));
    let after = door.now();
    assert!(before <= between && between <= after, "time goes back: {before:?}, {between:?}, {after:?}");
    after
}
