//! What the simulated kernel does with a datagram, and what comes back of it, one clause a test.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::time::Duration;

use portolan_model::sockets::{DatagramError, Event, Outcome, ProbeId, Request, Sockets};
use portolan_model::{Address, Endpoint, Icmp, Instant, LocalFault, PortState, Reason, Transport};
use portolan_sim::{Judgement, SimSockets, Told, WorldSpec};

const HOST: &str = "192.0.2.1";

/// A world of one host, in few words.
fn door(path: &str, host: &str, machine: &str) -> SimSockets {
    let text = format!(
        "about = 'a test'\nudp_ports = '1-1000'\ntargets = [{{ addresses = '{HOST}', named = true }}]\n\
         path = [{path}]\n[[hosts]]\naddresses = '{HOST}'\n{host}\n[machine]\n{machine}\n"
    );
    WorldSpec::parse(&text).unwrap().build(1).sockets()
}

/// Port 1 speaks `a` and the rest is closed.
fn rules(more: &str) -> String {
    format!("udp = {{ rules = [{{ answer = {{ service = {{ speaks = 'a'{more} }} }}, ports = '1' }}] }}")
}

fn address(text: &str) -> Address {
    Address::new(text.parse().unwrap())
}

fn to(port: u16) -> Endpoint {
    Endpoint { address: address(HOST), transport: Transport::Udp, port }
}

fn name(port: u16) -> ProbeId {
    ProbeId { slot: port.into(), tag: 77 }
}

/// Sends a datagram to each port; what `transmit` told of them.
fn send(door: &mut SimSockets, ports: impl IntoIterator<Item = u16>, payload: &[u8]) {
    let ask = |port| Request::Datagram {
        probe: name(port),
        to: to(port),
        payload: payload.into(),
        own_port: false,
    };
    door.transmit(&mut ports.into_iter().map(ask).collect());
}

/// Everything that is told within so many seconds.
fn listen(door: &mut SimSockets, seconds: u64) -> Vec<Event> {
    let end = door.now() + Duration::from_secs(seconds);
    let mut inbox = Vec::new();
    while door.now() < end {
        door.wait_until(Some(end));
        door.receive(&mut inbox);
    }
    inbox
}

/// The datagrams among events, in short: from which port, and what.
fn answers(events: &[Event]) -> Vec<(u16, &[u8])> {
    let datagrams = events.iter().filter_map(|event| match event {
        Event::Datagram(datagram) => Some((datagram.from.port, &*datagram.bytes)),
        _ => None,
    });
    datagrams.collect()
}

fn errors(events: &[Event]) -> Vec<&DatagramError> {
    let errors = events.iter().filter_map(|event| match event {
        Event::Error(error) => Some(error),
        _ => None,
    });
    errors.collect()
}

fn icmp(error: &DatagramError) -> Icmp {
    match error.outcome {
        Outcome::Icmp(icmp) => icmp,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_service_answers_and_the_host_speaks_for_closed_ports() {
    let mut door = door("{ node = 'delay', ms = 20 }", &rules(""), "");
    let before = door.now();
    send(&mut door, [1, 2], b"Qa1234");
    let now = door.now();
    let events = listen(&mut door, 1);
    assert!(
        matches!(events[0], Event::Sent { probe, at, held: 0, .. } if probe == name(1) && before < at && at < now)
    );
    assert!(matches!(events[1], Event::Sent { probe, .. } if probe == name(2)));
    assert_eq!(answers(&events), [(1, &b"Aa1234"[..])]);
    let [error] = errors(&events)[..] else { panic!("{events:?}") };
    assert_eq!((error.to, &*error.quoted), (to(2), &b"Qa1234"[..]));
    let icmp = icmp(error);
    assert_eq!((icmp.icmp_type, icmp.code, icmp.from), (3, 3, Some(address(HOST))));
    assert_eq!(error.at.since(before).as_millis(), 40);
    assert_eq!(events.len(), 4);
}

#[test]
fn truth_knows_both_transports() {
    let by = "198.51.100.1";
    let host = format!(
        "rest = 'open'\nudp = {{ rest = 'drop', rules = [
            {{ answer = {{ service = {{ speaks = 'a' }} }}, ports = '1' }},
            {{ answer = 'silent', ports = '2' }},
            {{ answer = 'closed', ports = '3' }},
            {{ answer = {{ reject = {{ with = 'port-unreach', by = '{by}' }} }}, ports = '4' }},
            {{ answer = {{ reject = {{ with = 'host-unreach' }} }}, ports = '5' }},
        ] }}"
    );
    let door = door("", &host, "");
    let open = Told::new(PortState::Open, Reason::UdpResponse);
    let closed = Told::new(PortState::Closed, Reason::PortUnreach);
    let filtered = Told::new(PortState::Filtered, Reason::PortUnreach).by(address(by));
    let unreached = Told::new(PortState::Filtered, Reason::HostUnreach);
    let right = [open, Told::UDP_SILENCE, closed, filtered, unreached, Told::UDP_SILENCE];
    for (port, right) in (1..).zip(right) {
        assert_eq!(door.judge(to(port), right), Judgement::Right, "{port}");
        let silence = door.judge(to(port), Told::UDP_SILENCE);
        assert_eq!(silence == Judgement::Right, right == Told::UDP_SILENCE, "{port}");
        assert_ne!(silence, Judgement::Wrong, "{port}");
        assert_eq!(door.judge(to(port), Told::SILENCE), Judgement::Wrong, "{port}");
        let lie = if right == open { closed } else { open };
        assert_eq!(door.judge(to(port), lie), Judgement::Wrong, "{port}");
    }
    let tcp = Endpoint::tcp(address(HOST), 1);
    assert_eq!(door.judge(tcp, Told::new(PortState::Open, Reason::SynAck)), Judgement::Right);
    assert_eq!(door.world().endpoints().count(), 1000);
    assert!(door.world().ports().is_empty() && door.world().open().eq([to(1)]));
}

#[test]
fn what_this_machine_cannot_send_is_told_at_once() {
    for (machine, fault) in [
        ("no_buffers = 1.0", LocalFault::NoBuffers),
        ("firewall = '1-1000'", LocalFault::Firewall),
        ("no_route = ['192.0.2.0-192.0.2.255']", LocalFault::NoRoute),
    ] {
        let mut door = door("", "", machine);
        send(&mut door, 1..=3, b"");
        let events = listen(&mut door, 1);
        let told = |event: &Event| matches!(event, Event::Unsent { fault: because, .. } if *because == fault);
        assert!(events.len() == 3 && events.iter().all(told), "{events:?}");
        assert_eq!((door.counters().local_faults(), door.counters().datagrams_sent), (3, 0));
    }
}

#[test]
fn services_answer_in_ways_of_their_own() {
    for (more, request, expected) in [
        (", from_port = 40000", &b"Qa12"[..], vec![(40_000, &b"Aa12"[..])]),
        (", twice = true", b"Qa12", vec![(1, b"Aa12"), (1, b"Aa12")]),
        (", without_id = true", b"Qa12", vec![(1, b"Aa")]),
        (", babbles = true", b"", vec![(1, b"??")]),
        ("", b"Qb12", vec![]),
        ("", b"", vec![]),
    ] {
        let mut door = door("{ node = 'delay', ms = 5 }", &rules(more), "");
        send(&mut door, [1], request);
        assert_eq!(answers(&listen(&mut door, 1)), expected, "{more}");
        assert_eq!(door.counters().datagrams_answered > 0, !expected.is_empty(), "{more}");
    }
    let mut late = door("{ node = 'delay', ms = 5 }", &rules(", ms = 300"), "");
    send(&mut late, [1], b"Qa12");
    let events = listen(&mut late, 1);
    assert!(
        matches!(&events[1], Event::Datagram(answer) if answer.at.since(Instant::ZERO).as_millis() == 310)
    );
}

#[test]
fn errors_quote_as_their_sender_does() {
    let reject = |quote: &str| {
        format!(
            "{{ node = 'firewall', ports = '2', reject = {{ with = 'admin-prohibited', by = '198.51.100.1', \
             quote = '{quote}' }} }}"
        )
    };
    for (host, node) in [("full", "none"), ("none", "full")] {
        let mut door = door(&reject(node), &format!("quote = '{host}'"), "");
        send(&mut door, [1, 2], b"Qa12");
        let events = listen(&mut door, 1);
        let quoted: Vec<_> = errors(&events).iter().map(|error| error.quoted.len()).collect();
        let len = |quote| if quote == "full" { 4 } else { 0 };
        assert_eq!(quoted, [len(host), len(node)]);
        assert_eq!(door.counters().icmp_sent, 2);
    }
}

#[test]
fn a_port_of_ones_own_hears_its_answer_until_it_is_abandoned() {
    let mut door = door("{ node = 'delay', ms = 5 }", "udp = { rest = 'echo' }", "");
    let ask = |port, own_port| Request::Datagram {
        probe: name(port),
        to: to(port),
        payload: Box::default(),
        own_port,
    };
    door.transmit(&mut vec![ask(1, false), ask(2, true), ask(3, true), ask(4, false)]);
    door.transmit(&mut vec![Request::Abandon(name(3)), Request::Abandon(name(4))]);
    let events = listen(&mut door, 1);
    let sent = events.iter().filter_map(|event| match event {
        Event::Sent { local, .. } => Some(*local),
        _ => None,
    });
    let sent: Vec<u16> = sent.collect();
    assert!(sent[0] == sent[3] && sent[0] != sent[1] && sent[1] != sent[2] && sent[2] != sent[0]);
    let heard: Vec<_> = answers(&events).iter().map(|(port, _)| *port).collect();
    assert_eq!(heard, [1, 2, 4], "of a datagram from the shared port nothing is given up");
    assert_eq!(door.counters().events_late, 1);
}

#[test]
fn only_ports_of_their_own_need_descriptors() {
    for (machine, fault) in
        [("descriptors = 2", LocalFault::NoDescriptors), ("local_ports = '40000-40001'", LocalFault::NoPorts)]
    {
        let mut door = door("", "udp = { rest = 'drop' }", machine);
        let ask = |port, own_port| Request::Datagram {
            probe: name(port),
            to: to(port),
            payload: Box::default(),
            own_port,
        };
        let unsent = |events: &[Event]| {
            let unsent = |event: &&Event| matches!(event, Event::Unsent { fault: why, .. } if *why == fault);
            events.iter().filter(unsent).count()
        };
        door.transmit(&mut (1..=5).map(|port| ask(port, true)).collect());
        assert_eq!(unsent(&listen(&mut door, 1)), 3, "{fault:?}");
        door.transmit(&mut (1..=5).map(|port| Request::Abandon(name(port))).collect());
        door.transmit(&mut vec![ask(9, false), ask(10, false), ask(6, true)]);
        assert_eq!(unsent(&listen(&mut door, 1)), 0, "{fault:?}");
    }
}

#[test]
fn a_pending_error_keeps_the_next_datagram_from_being_sent() {
    // Errors come at once, as from a host on the same machine.
    let mut repeats = door("", "", "pending_errors = true");
    send(&mut repeats, 1..=4, b"Qa12");
    let events = listen(&mut repeats, 1);
    let held = events.iter().filter_map(|event| match event {
        Event::Sent { held, .. } => Some(*held),
        _ => None,
    });
    assert_eq!((held.collect::<Vec<_>>(), errors(&events).len()), (vec![0, 1, 1, 1], 4));
    assert_eq!(repeats.counters().held, 3);
    // What was read is not pending any more.
    send(&mut repeats, [5], b"Qa12");
    assert!(matches!(listen(&mut repeats, 1)[0], Event::Sent { held: 0, .. }));

    let mut gives_up = door("", "", "pending_errors = true\ndoor_repeats = false");
    send(&mut gives_up, 1..=4, b"Qa12");
    let events = listen(&mut gives_up, 1);
    let unsent = |event: &&Event| matches!(event, Event::Unsent { fault: LocalFault::NoBuffers, .. });
    assert_eq!((events.iter().filter(unsent).count(), errors(&events).len()), (2, 2), "every other");
    assert_eq!((gives_up.counters().held_back, gives_up.counters().datagrams_sent), (2, 2));
    // A port of its own has errors of its own.
    let mut outbox: Vec<_> = (1..=4)
        .map(|port| Request::Datagram {
            probe: name(port),
            to: to(port),
            payload: Box::default(),
            own_port: true,
        })
        .collect();
    gives_up.transmit(&mut outbox);
    assert_eq!(gives_up.counters().held_back, 2);
}

#[test]
fn a_full_receive_queue_is_told_once() {
    let mut door = door("", "udp = { rest = 'echo' }", "rx_queue = 3");
    send(&mut door, 1..=10, b"");
    let mut inbox = Vec::new();
    // Everything has come by now, and what left needs no room.
    door.receive(&mut inbox);
    assert_eq!((answers(&inbox).len(), inbox.len()), (3, 10 + 3 + 1));
    let at = door.now();
    assert_eq!(inbox.last(), Some(&Event::Overrun { count: 7, at }));
    inbox.clear();
    door.receive(&mut inbox);
    assert!(inbox.is_empty() && door.counters().overrun == 7);
}

#[test]
fn nobody_on_the_link_is_an_error_after_a_while() {
    for (host, machine, on_link) in
        [("presence = 'no-neighbour'", "", true), ("", "no_gateway = ['192.0.2.0-192.0.2.255']", false)]
    {
        let mut door = door("", host, machine);
        send(&mut door, [1], b"Qa12");
        let events = listen(&mut door, 5);
        let [error] = errors(&events)[..] else { panic!("{events:?}") };
        assert_eq!(error.outcome, Outcome::Local(LocalFault::NoNeighbour { on_link }));
        assert_eq!((error.to, &*error.quoted), (to(1), &b"Qa12"[..]));
        assert!((1000..=3000).contains(&error.at.since(Instant::ZERO).as_millis()));
        assert_eq!((events.len(), door.counters().no_neighbour), (2, 1));
    }
}

#[test]
fn a_limit_on_the_way_holds_the_hosts_errors_back() {
    let limit = "{ node = 'icmp-limit', limit = { kind = 'bucket', burst = 6, per_second = 1 } }";
    let mut door = door(limit, "", "");
    send(&mut door, 1..=20, b"Qa12");
    assert_eq!(errors(&listen(&mut door, 2)).len(), 6);
    assert_eq!((door.counters().icmp_sent, door.counters().icmp_limited), (20, 14));
    send(&mut door, 1..=20, b"Qa12");
    assert_eq!(errors(&listen(&mut door, 1)).len(), 2);
    assert_eq!(door.judge(to(1), Told::UDP_SILENCE), Judgement::Undecided, "closed all the same");
}

#[test]
fn what_a_forger_makes() {
    let forger = |kind| format!("{{ node = 'forger', probability = 1.0, ms = 30, kinds = ['{kind}'] }}");
    let forged = |kind| {
        let mut door = door(&forger(kind), "udp = { rest = 'silent' }", "");
        send(&mut door, [1], b"Qa1234");
        (listen(&mut door, 1).remove(1), *door.counters(), door)
    };
    let (event, counters, _) = forged("answer");
    let Event::Datagram(answer) = event else { panic!("{event:?}") };
    assert!(answer.from == to(1) && answer.bytes.starts_with(b"Aa") && answer.bytes.len() == 6);
    assert!(answer.bytes[2..].iter().zip(b"1234").all(|(forged, true_)| forged != true_));
    assert_eq!(counters.forged_answers, 1);

    let (event, counters, _) = forged("stranger");
    let Event::Datagram(answer) = event else { panic!("{event:?}") };
    assert!(answer.from.address != address(HOST) && answer.from.port == 1 && *answer.bytes == *b"Aa1234");
    assert_eq!(counters.forged_strangers, 1);

    for (kind, quotes) in [("icmp", true), ("bare-icmp", false)] {
        let (event, counters, door) = forged(kind);
        let Event::Error(error) = event else { panic!("{event:?}") };
        assert_eq!((icmp(&error).from, icmp(&error).code, error.to), (Some(address(HOST)), 3, to(1)));
        assert_eq!(b"Qa1234".starts_with(&error.quoted), !quotes, "{:?}", error.quoted);
        assert_eq!((counters.forged_icmp, counters.forged_bare_icmp), (quotes.into(), (!quotes).into()));
        let believed = door.judge(to(1), Told::new(PortState::Closed, Reason::PortUnreach));
        assert_eq!(believed, if quotes { Judgement::Wrong } else { Judgement::Undecided });
    }
}

#[test]
fn hosts_die_and_ban_whoever_asks_by_datagram() {
    let mut dies = door("", "dies_after = 5", "");
    send(&mut dies, 1..=8, b"");
    assert_eq!((errors(&listen(&mut dies, 1)).len(), dies.counters().dead), (5, 3));
    let mut bans = door("", "ban = { per_second = 5, ms = 1500 }", "");
    send(&mut bans, 1..=8, b"");
    assert_eq!((errors(&listen(&mut bans, 2)).len(), bans.counters().banned), (5, 3));
    send(&mut bans, 1..=3, b"");
    assert_eq!(errors(&listen(&mut bans, 1)).len(), 3);
}

#[test]
fn copies_are_handed_over_and_a_firewall_minds_one_transport() {
    let mut copies = door("{ node = 'duplicate', probability = 1.0, ms = 30 }", &rules(""), "");
    send(&mut copies, [1], b"Qa12");
    // The question is copied, and the answer to the question, but no copy again.
    assert_eq!(answers(&listen(&mut copies, 1)).len(), 3);

    let mut walls = door("{ node = 'firewall', transport = 'udp' }", &rules(""), "");
    send(&mut walls, [1], b"Qa12");
    walls.transmit(&mut vec![Request::Connect { probe: name(9), to: Endpoint::tcp(address(HOST), 9) }]);
    let events = listen(&mut walls, 1);
    assert!(answers(&events).is_empty() && walls.counters().firewall_dropped == 1);
    assert!(
        events.iter().any(|event| matches!(event, Event::Connect(end) if end.outcome == Outcome::Refused))
    );
}

#[test]
fn the_transports_choose_ports_of_their_own() {
    let spec = WorldSpec::parse(
        "about = 'twins'\nports = '1-200'\nudp_ports = '1-200'\ntargets = [{ addresses = '192.0.2.1' }]
         [[hosts]]\naddresses = '192.0.2.1'\nrules = [{ answer = 'open', count = 20 }]
         udp = { rules = [{ answer = 'echo', count = 20 }] }",
    );
    let world = spec.unwrap().build(1);
    let open = |transport| -> Vec<u16> {
        world.open().filter(|to| to.transport == transport).map(|to| to.port).collect()
    };
    let (tcp, udp) = (open(Transport::Tcp), open(Transport::Udp));
    assert!(tcp.len() == 20 && udp.len() == 20 && tcp != udp);
}

#[test]
fn what_makes_no_sense_of_datagrams_is_refused() {
    let base =
        "about = 'nonsense'\ntargets = [{ addresses = '192.0.2.1' }]\nhosts = [{ addresses = '192.0.2.1'";
    let reset = "{ with = 'reset', by = '198.51.100.1' }";
    for (world, word) in [
        (format!("{base} }}]"), "udp_ports"),
        (
            format!("udp_ports = '1'\n{base}, udp = {{ rest = {{ reject = {{ with = 'reset' }} }} }} }}]"),
            "reset",
        ),
        (format!("udp_ports = '1'\npath = [{{ node = 'firewall', reject = {reset} }}]\n{base} }}]"), "reset"),
        (format!("udp_ports = '1'\n{base}, udp = {{ rules = [{{ answer = 'silent' }}] }} }}]"), "count"),
    ] {
        let error = WorldSpec::parse(&world).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    let tcp = format!(
        "udp_ports = '1'\npath = [{{ node = 'firewall', transport = 'tcp', reject = {reset} }}]\n{base} }}]"
    );
    assert!(WorldSpec::parse(&tcp).is_ok());
}
