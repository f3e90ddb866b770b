use std::time::Duration;

use portolan_model::sockets::{Datagram, DatagramError, Event, Outcome, ProbeId, Request, Sockets};
use portolan_model::{Endpoint, Instant};

/// Checks what [`Sockets`] says of datagrams on doors that `make` opens, one a check. `answering` sends back whatever it
/// gets, `closed` is refused by its host with an ICMP error, and of `silent` nothing is heard; all within a second. A
/// broken clause panics with its name, as a test does.
pub fn datagrams_conform<S: Sockets>(
    mut make: impl FnMut() -> S,
    answering: Endpoint,
    closed: Endpoint,
    silent: Endpoint,
) {
    capacity_is_at_least_one(&make());
    each_datagram_is_told_once(&mut make(), [answering, closed, silent]);
    an_answer_comes_as_it_was_sent(&mut make(), answering);
    an_error_names_whom_it_is_about(&mut make(), closed);
    silence_is_silent(&mut make(), silent);
    a_port_of_its_own_is_another_and_is_given_up(&mut make(), answering, closed);
    datagrams_are_added_to_the_inbox(&mut make(), answering);
    strangers_may_be_abandoned(&mut make(), answering);
}

/// One datagram: to whom, what, and from a port of its own or not.
struct Ask {
    probe: ProbeId,
    to: Endpoint,
    payload: Vec<u8>,
    own_port: bool,
}

/// What was told of a datagram that left.
struct Left {
    at: Instant,
    local: u16,
}

fn capacity_is_at_least_one<S: Sockets>(door: &S) {
    assert!(door.capacity().datagrams >= 1, "a door without room for one datagram");
}

fn each_datagram_is_told_once<S: Sockets>(door: &mut S, to: [Endpoint; 3]) {
    let n = u32::try_from(door.capacity().datagrams.min(30)).unwrap_or(30);
    let asks: Vec<_> =
        (0..n).zip(to.iter().cycle()).map(|(n, to)| Ask::new(n, *to).own_port(n % 5 == 4)).collect();
    let before = door.now();
    transmit(door, &asks);
    let mut events = Vec::new();
    door.receive(&mut events);
    let now = door.now();
    for ask in &asks {
        let told = |event: &&Event| tells_of(event) == Some(ask.probe);
        let told: Vec<_> = events.iter().filter(told).collect();
        let [Event::Sent { at, .. } | Event::Unsent { at, .. }] = told[..] else {
            panic!("sent or unsent, once, by the end of `transmit`: {told:?}");
        };
        assert!(before <= *at && *at <= now, "before, sent, now: {before:?}, {at:?}, {now:?}");
    }
    let told = events.iter().filter_map(tells_of).count();
    assert_eq!(told, asks.len(), "nothing is told of what was not asked for: {events:?}");
    let later = listen(door, Vec::new(), |_| false);
    let later: Vec<_> = later.iter().filter_map(tells_of).collect();
    assert!(later.is_empty(), "told again, or too late: {later:?}");
}

fn an_answer_comes_as_it_was_sent<S: Sockets>(door: &mut S, answering: Endpoint) {
    for payload in [&b"one"[..], b"another", b""] {
        let ask = Ask { payload: payload.into(), ..Ask::new(1, answering) };
        let (left, answer) = echo(door, &ask);
        assert_eq!((answer.from, &*answer.bytes), (answering, payload), "who answered, and what");
        assert_eq!(answer.local, left.local, "it comes to the port it was asked from");
        assert!(left.at <= answer.at && answer.at <= door.now(), "sent, answered, now: {answer:?}");
    }
}

fn an_error_names_whom_it_is_about<S: Sockets>(door: &mut S, closed: Endpoint) {
    for own_port in [false, true] {
        let ask = Ask { payload: b"is anybody there?".into(), ..Ask::new(1, closed) }.own_port(own_port);
        let (left, event) = exchange(door, &ask);
        let Event::Error(DatagramError { to, at, outcome, quoted }) = event else {
            panic!("{event:?} of a closed port");
        };
        assert_eq!(to, closed, "where the datagram was going");
        assert!(ask.payload.starts_with(&quoted), "it quotes what was sent: {quoted:?}");
        assert!(left.at <= at && at <= door.now(), "sent, refused, now: {at:?}");
        match outcome {
            Outcome::Icmp(icmp) => assert_eq!(icmp.from, Some(closed.address), "the host speaks for itself"),
            other => panic!("{other:?} of a closed port"),
        }
    }
}

fn silence_is_silent<S: Sockets>(door: &mut S, silent: Endpoint) {
    for (n, own_port) in [(1, false), (2, true)] {
        let (_, events) = leave(door, &Ask::new(n, silent).own_port(own_port), |_| false);
        assert!(events.is_empty(), "{events:?} of a port that is silent");
    }
}

fn a_port_of_its_own_is_another_and_is_given_up<S: Sockets>(
    door: &mut S,
    answering: Endpoint,
    closed: Endpoint,
) {
    let mut ports = Vec::new();
    for (n, own_port) in [(1, false), (2, true), (3, true)] {
        let (left, answer) = echo(door, &Ask::new(n, answering).own_port(own_port));
        assert_eq!(answer.local, left.local, "it comes to the port it was asked from");
        ports.push(left.local);
    }
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 3, "a port of its own is nobody else's: {ports:?}");
    for (n, to) in [(4, answering), (5, closed)] {
        let ask = Ask::new(n, to).own_port(true);
        let mut outbox = vec![ask.request(), Request::Abandon(ask.probe)];
        door.transmit(&mut outbox);
        assert!(outbox.is_empty(), "transmit removes every request");
        let given_up = door.now();
        let events = listen(door, Vec::new(), |_| false);
        let told = matches!(events[..], [Event::Sent { probe, .. }, ..] if probe == ask.probe);
        assert!(told, "what left is told, abandoned or not: {events:?}");
        // What a near host said before it was given up may still be told.
        let late = events[1..].iter().find(|event| when(event).is_none_or(|at| at > given_up));
        assert!(late.is_none(), "an abandoned port hears nothing more: {late:?}");
    }
    let (shared, answer) = echo(door, &Ask::new(6, answering));
    assert_eq!(answer.local, shared.local, "the others' port stays");
}

/// When what came was noticed.
fn when(event: &Event) -> Option<Instant> {
    match event {
        Event::Datagram(datagram) => Some(datagram.at),
        Event::Error(error) => Some(error.at),
        _ => None,
    }
}

fn datagrams_are_added_to_the_inbox<S: Sockets>(door: &mut S, answering: Endpoint) {
    let ask = Ask::new(1, answering);
    transmit(door, std::slice::from_ref(&ask));
    let stays = Event::Overrun { count: 7, at: door.now() };
    let mut inbox = vec![stays.clone()];
    let end = door.now() + PATIENCE;
    while inbox.len() < 3 && door.now() < end {
        door.receive(&mut inbox);
        door.wait_until(Some(end));
    }
    assert_eq!(inbox.first(), Some(&stays), "what was in the inbox stays there");
    assert_eq!(inbox.get(1).and_then(tells_of), Some(ask.probe), "sent before it is answered");
    assert!(matches!(inbox[2..], [Event::Datagram(_)]), "one answer: {inbox:?}");
}

fn strangers_may_be_abandoned<S: Sockets>(door: &mut S, answering: Endpoint) {
    let ask = Ask::new(3, answering).own_port(true);
    let ProbeId { slot, tag } = ask.probe;
    let stranger = |slot, tag| Request::Abandon(ProbeId { slot, tag });
    let mut outbox = vec![ask.request(), stranger(4_000_000_000, tag), stranger(slot, tag ^ 1)];
    door.transmit(&mut outbox);
    let events = listen(door, Vec::new(), |events| events.len() >= 2);
    let [Event::Sent { local, .. }, Event::Datagram(answer)] = &events[..] else {
        panic!("abandoning a stranger closes nobody else's port: {events:?}");
    };
    assert_eq!(answer.local, *local, "it comes to the port it was asked from");
}

impl Ask {
    fn new(n: u32, to: Endpoint) -> Ask {
        let payload = [&b"portolan "[..], &n.to_be_bytes()].concat();
        Ask { probe: ProbeId { slot: n, tag: n ^ 0x5eed }, to, payload, own_port: false }
    }

    fn own_port(self, own_port: bool) -> Ask {
        Ask { own_port, ..self }
    }

    fn request(&self) -> Request {
        let Ask { probe, to, own_port, .. } = *self;
        Request::Datagram { probe, to, payload: (*self.payload).into(), own_port }
    }
}

/// Of which datagram an event tells that it left, or that it did not.
fn tells_of(event: &Event) -> Option<ProbeId> {
    match event {
        Event::Sent { probe, .. } | Event::Unsent { probe, .. } => Some(*probe),
        _ => None,
    }
}

fn transmit<S: Sockets>(door: &mut S, asks: &[Ask]) {
    let mut outbox: Vec<_> = asks.iter().map(Ask::request).collect();
    door.transmit(&mut outbox);
    assert!(outbox.is_empty(), "transmit removes every request");
}

/// Sends one datagram; what was told of it at once, and the one event that comes of it.
fn exchange<S: Sockets>(door: &mut S, ask: &Ask) -> (Left, Event) {
    let (left, mut events) = leave(door, ask, |events| !events.is_empty());
    match (events.pop(), events.is_empty()) {
        (Some(event), true) => (left, event),
        (event, _) => panic!("one event of a datagram to {}: {events:?} {event:?}", ask.to),
    }
}

/// Sends one datagram to who sends it back.
fn echo<S: Sockets>(door: &mut S, ask: &Ask) -> (Left, Datagram) {
    match exchange(door, ask) {
        (left, Event::Datagram(datagram)) => (left, datagram),
        (_, event) => panic!("{event:?} of {}, which answers", ask.to),
    }
}

/// Sends one datagram, and listens until it is enough.
fn leave<S: Sockets>(door: &mut S, ask: &Ask, enough: impl Fn(&[Event]) -> bool) -> (Left, Vec<Event>) {
    transmit(door, std::slice::from_ref(ask));
    let mut events = Vec::new();
    door.receive(&mut events);
    let told = events.iter().position(|event| tells_of(event) == Some(ask.probe));
    match told.map(|told| events.remove(told)) {
        Some(Event::Sent { at, local, .. }) => (Left { at, local }, listen(door, events, enough)),
        told => panic!("a datagram to {} is sent by the end of `transmit`: {told:?}", ask.to),
    }
}

/// What comes until it is enough, and a moment longer for what is too many.
fn listen<S: Sockets>(door: &mut S, mut events: Vec<Event>, enough: impl Fn(&[Event]) -> bool) -> Vec<Event> {
    let mut end = door.now() + PATIENCE;
    let mut waits = true;
    loop {
        if waits && enough(&events) {
            (waits, end) = (false, door.now() + MOMENT);
        }
        let before = door.now();
        if before >= end {
            return events;
        }
        door.wait_until(Some(end));
        door.receive(&mut events);
        assert!(before <= door.now(), "time goes back");
    }
}

/// Within this everything comes that comes at all.
const PATIENCE: Duration = Duration::from_millis(1000);

/// And what comes twice comes within this.
const MOMENT: Duration = Duration::from_millis(200);
