//! What the simulated kernel does with a datagram, and what comes back of it, one clause a test.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::time::Duration;

use portolan_model::sockets::{DatagramError, Event, Outcome, ProbeId, Request, Sockets};
use portolan_model::{Address, Endpoint, Icmp, LocalFault, PortState, Reason, Transport};
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
