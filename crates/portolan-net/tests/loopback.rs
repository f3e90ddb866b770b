//! The door against this machine's own kernel, on the loopback only.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use portolan_model::sockets::{Completion, Event, Outcome, ProbeId, Request, Sockets};
use portolan_model::{Address, Endpoint, LocalFault};
use portolan_net::SocketDoor;
use portolan_target::AddressSet;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

#[expect(clippy::unwrap_used, reason = "a test that cannot open the door has failed")]
fn door() -> SocketDoor {
    SocketDoor::open(AddressSet::new()).unwrap()
}

fn connect(slot: u32, to: SocketAddr) -> Request {
    let to = Endpoint::tcp(Address::from(to), to.port());
    Request::Connect { probe: ProbeId { slot, tag: slot ^ 0x5eed }, to }
}

/// What became of each target, asked `window` at a time; gives up after ten seconds.
fn ask(door: &mut SocketDoor, targets: &[SocketAddr], window: usize) -> BTreeMap<SocketAddr, Completion> {
    let mut found = BTreeMap::new();
    let deadline = door.now() + Duration::from_secs(10);
    let mut inbox = Vec::new();
    for (turn, chunk) in targets.chunks(window).enumerate() {
        let wanted = turn * window + chunk.len();
        let mut outbox: Vec<Request> = (0..).zip(chunk).map(|(slot, to)| connect(slot, *to)).collect();
        door.transmit(&mut outbox);
        assert!(outbox.is_empty());
        while found.len() < wanted && door.now() < deadline {
            door.wait_until(Some(deadline));
            door.receive(&mut inbox);
            for event in inbox.drain(..).filter_map(Event::completion) {
                assert_eq!(event.probe.tag, event.probe.slot ^ 0x5eed);
                assert!(event.sent <= event.at);
                let twice = found.insert(chunk[event.probe.slot as usize], event);
                assert!(twice.is_none(), "two ends of one attempt: {event:?}");
            }
        }
    }
    found
}

fn outcome(door: &mut SocketDoor, to: SocketAddr) -> Option<Outcome> {
    ask(door, &[to], 1).get(&to).map(|event| event.outcome)
}

fn is_open(outcome: Outcome, to: SocketAddr) -> bool {
    matches!(outcome, Outcome::Connected { local } if local.ip() == to.ip() && local != to)
}

/// A listener, if this machine speaks the family.
fn listen(ip: IpAddr) -> Option<TcpListener> {
    TcpListener::bind((ip, 0)).ok()
}

/// Ports that are closed and, being below the ephemeral ones, stay so; those in use are left out.
fn closed_ports(ip: IpAddr, count: usize) -> Vec<SocketAddr> {
    let free = |to: &SocketAddr| TcpListener::bind(to).is_ok();
    (20_000..30_000).map(|port| SocketAddr::new(ip, port)).filter(free).take(count).collect()
}

#[test]
fn open_and_closed_ports_of_both_families_are_told_apart() {
    let mut door = door();
    for ip in [V4, V6] {
        let Some(listener) = listen(ip) else { continue };
        let open = listener.local_addr().unwrap();
        let closed = closed_ports(ip, 1)[0];
        for _ in 0..3 {
            assert_eq!(outcome(&mut door, closed), Some(Outcome::Refused));
            let found = outcome(&mut door, open).unwrap();
            assert!(is_open(found, open), "{found:?}");
        }
    }
}

#[test]
fn an_open_port_sees_a_reset_and_not_a_byte() {
    let mut door = door();
    let listener = listen(V4).unwrap();
    outcome(&mut door, listener.local_addr().unwrap()).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let error = stream.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn two_thousand_ports_with_listeners_among_them_are_all_right() {
    for ip in [V4, V6] {
        let listeners: Vec<TcpListener> = (0..25).map_while(|_| listen(ip)).collect();
        let open: BTreeSet<SocketAddr> = listeners.iter().map(|l| l.local_addr().unwrap()).collect();
        if open.is_empty() {
            continue;
        }
        let mut targets = closed_ports(ip, 2000 - open.len());
        // Listeners spread among the closed ports.
        for (turn, to) in open.iter().enumerate() {
            targets.insert(turn * 79, *to);
        }
        for (window, lanes) in [(256, 1), (3, 1), (256, 2), (3, 2)] {
            let mut door = if lanes == 1 { door() } else { door().with_second_lane().unwrap() };
            let window = window.min(door.capacity().sockets);
            let found = ask(&mut door, &targets, window);
            assert_eq!(found.len(), targets.len());
            for (to, event) in found {
                let right = if open.contains(&to) {
                    is_open(event.outcome, to)
                } else {
                    event.outcome == Outcome::Refused
                };
                assert!(right, "{to}: {event:?}");
            }
        }
    }
}

#[test]
fn a_peer_that_resets_at_once_was_open() {
    let listener = listen(V4).unwrap();
    let to = listener.local_addr().unwrap();
    let mut door = door();
    const TIMES: usize = 400;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for stream in listener.incoming().take(TIMES).flatten() {
                rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
            }
        });
        for _ in 0..TIMES {
            // Whoever resets first, the answer was SYN-ACK; only its name may be lost.
            let found = outcome(&mut door, to).unwrap();
            assert!(matches!(found, Outcome::Connected { local } if local != to), "{found:?}");
        }
    });
}

#[test]
fn a_full_accept_queue_is_silence_until_it_is_abandoned() {
    let mut door = door();
    let (_listener, to) = full_listener().unwrap();
    // The queue of a listener with no backlog holds one connection: the next SYN is dropped.
    let _parked = std::net::TcpStream::connect(to).unwrap();
    let mut outbox = vec![connect(0, to)];
    door.transmit(&mut outbox);
    let mut inbox = Vec::new();
    let until = door.now() + Duration::from_millis(60);
    while door.now() < until {
        door.wait_until(Some(until));
        door.receive(&mut inbox);
    }
    assert_eq!(inbox, []);

    let probe = |tag| ProbeId { slot: 0, tag };
    // Another's tag, an unknown slot: no effect. Its own: silence for good.
    outbox.extend([1, 0x5eed, 0x5eed].map(|tag| Request::Abandon(probe(tag))));
    outbox.push(Request::Abandon(ProbeId { slot: 77_777, tag: 0 }));
    door.transmit(&mut outbox);
    door.receive(&mut inbox);
    assert_eq!(inbox, []);
    // The slot is free again.
    assert_eq!(outcome(&mut door, closed_ports(V4, 1)[0]), Some(Outcome::Refused));
}

/// `listen(0)`, which the standard library does not offer.
fn full_listener() -> rustix::io::Result<(std::os::fd::OwnedFd, SocketAddr)> {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddr::new(V4, 0))?;
    listen(&socket, 0)?;
    let name = SocketAddr::try_from(getsockname(&socket)?)?;
    Ok((socket, name))
}

#[test]
fn a_forbidden_address_is_never_asked() {
    let forbidden = AddressSet::from_iter([Address::new(V4)]);
    let mut door = SocketDoor::open(forbidden).unwrap().with_second_lane().unwrap();
    let listener = listen(V4).unwrap();
    let to = listener.local_addr().unwrap();
    let mapped = SocketAddr::new(Ipv4Addr::LOCALHOST.to_ipv6_mapped().into(), to.port());
    // Once by each thread.
    for end in ask(&mut door, &[to, mapped], 2).values() {
        assert_eq!(end.outcome, Outcome::Local(LocalFault::Other(1)));
    }
    assert_eq!(door.refused_by_guard(), 2);
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "a packet left");
    assert_eq!(outcome(&mut door, (Ipv4Addr::new(127, 0, 0, 2), to.port()).into()), Some(Outcome::Refused));
}

#[test]
fn waiting_ends_at_the_deadline_and_no_later_than_a_tenth_of_a_second() {
    let mut door = door();
    for micros in [0, 50, 150, 700, 3_300] {
        let wanted = Duration::from_micros(micros);
        let start = door.now();
        door.wait_until(Some(start + wanted));
        assert!(door.now().since(start) >= wanted);
    }
    let start = door.now();
    door.wait_until(None);
    assert!(door.now().since(start) < Duration::from_secs(2));
}

#[test]
fn what_is_not_tcp_or_has_an_absurd_slot_is_a_local_failure() {
    let mut door = door();
    let endpoint = Endpoint::tcp(Address::new(V4), 9);
    let udp = Endpoint { transport: portolan_model::Transport::Udp, ..endpoint };
    let probe = |slot| ProbeId { slot, tag: 0 };
    let mut outbox = vec![
        Request::Connect { probe: probe(1), to: udp },
        Request::Connect { probe: probe(u32::MAX), to: endpoint },
    ];
    door.transmit(&mut outbox);
    let mut inbox = Vec::new();
    door.receive(&mut inbox);
    assert_eq!(inbox.len(), 2);
    let ends = inbox.into_iter().filter_map(Event::completion);
    assert!(
        ends.map(|end| end.outcome).all(|outcome| matches!(outcome, Outcome::Local(LocalFault::Other(_))))
    );
}
