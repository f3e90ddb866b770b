//! Datagrams through the door, against this machine's own kernel, on the loopback only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use portolan_model::sockets::{Datagram, Event, Outcome, ProbeId, Request, Sockets};
use portolan_model::{Address, Endpoint, IcmpFamily, LocalFault, Transport};
use portolan_net::SocketDoor;
use portolan_target::AddressSet;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

#[expect(clippy::unwrap_used, reason = "a test that cannot open the door has failed")]
fn door() -> SocketDoor {
    SocketDoor::open(AddressSet::new()).unwrap()
}

/// A service, if this machine speaks the family.
fn serve(ip: IpAddr) -> Option<(UdpSocket, SocketAddr)> {
    let socket = UdpSocket::bind((ip, 0)).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let name = socket.local_addr().ok()?;
    Some((socket, name))
}

/// A port that is closed to everyone but its peer, and that nobody can take as long as its holder lives.
fn closed(ip: IpAddr) -> (UdpSocket, SocketAddr) {
    let (holder, name) = serve(ip).expect("the family is spoken");
    holder.connect((ip, 9)).expect("a datagram socket connects to anything");
    (holder, name)
}

fn udp(to: SocketAddr) -> Endpoint {
    Endpoint { address: Address::from(to), transport: Transport::Udp, port: to.port() }
}

fn probe(slot: u32) -> ProbeId {
    ProbeId { slot, tag: slot ^ 0x5eed }
}

fn ask(slot: u32, to: SocketAddr, own_port: bool) -> Request {
    Request::Datagram { probe: probe(slot), to: udp(to), payload: Box::from(&b"portolan"[..]), own_port }
}

/// What the door says until `enough` or for two seconds.
fn hear(door: &mut SocketDoor, enough: impl Fn(&[Event]) -> bool) -> Vec<Event> {
    let mut inbox = Vec::new();
    let deadline = door.now() + Duration::from_secs(2);
    door.receive(&mut inbox);
    while !enough(&inbox) && door.now() < deadline {
        door.wait_until(Some(deadline));
        door.receive(&mut inbox);
    }
    inbox
}

/// Sends one datagram that must leave, and gives our port.
fn send(door: &mut SocketDoor, slot: u32, to: SocketAddr, own_port: bool) -> u16 {
    let before = door.now();
    door.transmit(&mut vec![ask(slot, to, own_port)]);
    let events = hear(door, |_| true);
    let after = door.now();
    let sent = events.iter().find_map(|event| match event {
        Event::Sent { probe: id, at, local, .. } if *id == probe(slot) => Some((*at, *local)),
        _ => None,
    });
    let (at, local) = sent.expect("known when transmit returns");
    assert!(before <= at && at <= after);
    local
}

/// Why one datagram does not leave.
fn fault(door: &mut SocketDoor, request: Request) -> Option<LocalFault> {
    door.transmit(&mut vec![request]);
    match hear(door, |_| true)[..] {
        [Event::Unsent { fault, .. }] => Some(fault),
        _ => None,
    }
}

#[test]
fn a_closed_port_is_an_error_that_names_it_and_quotes_what_was_asked() {
    let mut door = door();
    for ip in [V4, V6] {
        if serve(ip).is_none() {
            continue;
        }
        let (_holder, to) = closed(ip);
        for slot in 0..20 {
            door.transmit(&mut vec![ask(slot, to, slot % 2 == 1)]);
            let events =
                hear(&mut door, |events| events.iter().any(|event| matches!(event, Event::Error(_))));
            let [Event::Sent { probe: id, at: sent, held: 0, .. }, Event::Error(error)] = &events[..] else {
                panic!("{events:?}")
            };
            assert_eq!((*id, error.to, &error.quoted[..]), (probe(slot), udp(to), &b"portolan"[..]));
            assert!(*sent <= error.at);
            let Outcome::Icmp(icmp) = error.outcome else { panic!("{error:?}") };
            let port_unreachable = if ip.is_ipv4() { (IcmpFamily::V4, 3, 3) } else { (IcmpFamily::V6, 1, 4) };
            assert_eq!((icmp.family, icmp.icmp_type, icmp.code), port_unreachable);
            assert_eq!((icmp.from, icmp.ttl), (Some(Address::new(ip)), Some(64)));
            door.transmit(&mut vec![Request::Abandon(probe(slot))]);
        }
    }
}

#[test]
fn an_answer_comes_with_its_sender_and_our_port() {
    let mut door = door();
    for ip in [V4, V6] {
        let Some((service, to)) = serve(ip) else { continue };
        for slot in 0..20 {
            let local = send(&mut door, slot, to, false);
            let mut buffer = [0; 16];
            let (length, from) = service.recv_from(&mut buffer).unwrap();
            assert_eq!((&buffer[..length], from), (&b"portolan"[..], SocketAddr::new(ip, local)));
            service.send_to(&slot.to_be_bytes(), from).unwrap();
            let events = hear(&mut door, |events| !events.is_empty());
            let [Event::Datagram(Datagram { from, local: at_port, bytes, .. })] = &events[..] else {
                panic!("{events:?}")
            };
            assert_eq!((*from, *at_port, &bytes[..]), (udp(to), local, &slot.to_be_bytes()[..]));
        }
    }
}

#[test]
fn a_burst_at_closed_ports_loses_no_datagram() {
    let mut door = door();
    let (service, open) = serve(V4).unwrap();
    let (_holder, shut) = closed(V4);
    // No more open ones than the service has room for.
    let mut outbox = (0..600).map(|slot| ask(slot, if slot % 3 == 0 { open } else { shut }, false)).collect();
    door.transmit(&mut outbox);
    let errors = |events: &[Event]| events.iter().filter(|event| matches!(event, Event::Error(_))).count();
    let events = hear(&mut door, |events| errors(events) >= 400);
    let held: u32 = events
        .iter()
        .filter_map(|event| if let Event::Sent { held, .. } = event { Some(*held) } else { None })
        .sum();
    let sent = events.iter().filter(|event| matches!(event, Event::Sent { .. })).count();
    assert_eq!((sent, errors(&events)), (600, 400));
    assert!(held > 300, "on the loopback an error is pending before the next datagram: {held}");
    service.set_nonblocking(true).unwrap();
    let arrived = std::iter::from_fn(|| service.recv_from(&mut [0; 16]).ok()).count();
    assert_eq!(arrived, 200);
}

#[test]
fn a_port_of_its_own_hears_whoever_answers_until_it_is_given_up() {
    let mut door = door();
    let (service, to) = serve(V4).unwrap();
    let (other, _) = serve(V4).unwrap();
    let shared = send(&mut door, 0, to, false);
    let own = send(&mut door, 1, to, true);
    let another = send(&mut door, 2, to, true);
    assert!(shared != own && own != another && shared != another);

    // RFC 1350: the answer comes from another port.
    other.connect((V4, own)).unwrap();
    other.send(b"data").unwrap();
    let events = hear(&mut door, |events| !events.is_empty());
    assert!(matches!(&events[..], [Event::Datagram(datagram)] if datagram.local == own
        && datagram.from == udp(other.local_addr().unwrap())));

    // Another's name and that of a shared socket's datagram have no effect.
    let strange = ProbeId { slot: 1, tag: 0 };
    door.transmit(&mut vec![Request::Abandon(strange), Request::Abandon(probe(0))]);
    other.send(b"data").unwrap();
    assert_eq!(hear(&mut door, |events| !events.is_empty()).len(), 1);
    door.transmit(&mut vec![Request::Abandon(probe(1))]);
    other.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    other.send(b"data").unwrap();
    let refused = other.recv(&mut [0; 4]).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);

    // What is shared still hears.
    service.send_to(b"late", (V4, shared)).unwrap();
    assert_eq!(hear(&mut door, |events| !events.is_empty()).len(), 1);
}

#[test]
fn we_do_not_find_ourselves() {
    let mut door = door();
    let (_service, to) = serve(V4).unwrap();
    let own = send(&mut door, 1000, to, true);
    // Every socket that the door shares among all, and those that take their place.
    for slot in 0..50 {
        let ours = send(&mut door, slot, to, false);
        door.transmit(&mut vec![ask(99, (V4, ours).into(), false)]);
        let events = hear(&mut door, |events| events.iter().any(|event| matches!(event, Event::Error(_))));
        let [Event::Sent { local, .. }, Event::Error(error)] = &events[..] else { panic!("{events:?}") };
        assert_ne!(*local, ours);
        assert_eq!(error.to.port, ours);
    }
    // A port that somebody may be answering to is not given up, and not asked.
    assert_eq!(fault(&mut door, ask(1, (V4, own).into(), false)), Some(LocalFault::NoPorts));
    // On another's machine the same port is another's; there is none here, but a port of IPv6 is not one of IPv4.
    if serve(V6).is_some() {
        door.transmit(&mut vec![ask(1, (V6, own).into(), false)]);
        assert!(matches!(
            hear(&mut door, |events| events.len() > 1)[..],
            [Event::Sent { .. }, Event::Error(_)]
        ));
    }
    door.transmit(&mut vec![Request::Abandon(probe(1000)), ask(1, (V4, own).into(), false)]);
    assert!(matches!(hear(&mut door, |events| events.len() > 1)[..], [Event::Sent { .. }, Event::Error(_)]));
}

#[test]
fn what_finds_no_room_in_our_own_queue_is_told() {
    let mut door = door();
    let (service, to) = serve(V4).unwrap();
    let local = send(&mut door, 0, to, false);
    let room = door.capacity().datagrams / 8 * 2304;
    let payload = vec![0; 60_000];
    let flood = room / payload.len() + 20;
    // A machine without limits may have room for more than is polite to send.
    if flood > 10_000 {
        return;
    }
    for _ in 0..flood {
        service.send_to(&payload, (V4, local)).unwrap();
    }
    let count = |events: &[Event]| {
        let each = events.iter().map(|event| match event {
            Event::Datagram(datagram) => (usize::from(datagram.bytes.len() == payload.len()), 0),
            Event::Overrun { count, .. } => (0, usize::try_from(*count).unwrap()),
            _ => (0, 0),
        });
        each.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    };
    let events = hear(&mut door, |events| {
        let (came, lost) = count(events);
        came + lost >= flood
    });
    let (came, lost) = count(&events);
    assert!(came > 0 && lost > 0);
    assert_eq!(came + lost, flood);
}

#[test]
fn a_forbidden_address_is_sent_nothing() {
    let (service, to) = serve(V4).unwrap();
    let mut door = SocketDoor::open(AddressSet::from_iter([Address::new(V4)])).unwrap();
    let mapped = SocketAddr::new(Ipv4Addr::LOCALHOST.to_ipv6_mapped().into(), to.port());
    for (to, own_port) in [(to, false), (to, true), (mapped, false)] {
        assert_eq!(fault(&mut door, ask(0, to, own_port)), Some(LocalFault::Other(1)));
    }
    assert_eq!(door.refused_by_guard(), 3);
    service.set_nonblocking(true).unwrap();
    assert!(service.recv_from(&mut [0; 1]).is_err(), "a packet left");
}

#[test]
fn what_cannot_be_sent_is_said_to_be_our_own_failure() {
    let mut door = door();
    let (_service, to) = serve(V4).unwrap();
    let datagram =
        |probe, to, length| Request::Datagram { probe, to, payload: vec![0; length].into(), own_port: false };
    let tcp = Endpoint::tcp(Address::new(V4), to.port());
    let cases = [
        // EPROTONOSUPPORT, EINVAL for the slot and for port zero, EMSGSIZE with and without an entry in the queue.
        (datagram(probe(0), tcp, 1), LocalFault::Other(93)),
        (datagram(ProbeId { slot: u32::MAX, tag: 0 }, udp(to), 1), LocalFault::Other(22)),
        (datagram(probe(0), udp((V4, 0).into()), 1), LocalFault::Other(22)),
        (datagram(probe(0), udp(to), 65_510), LocalFault::Other(90)),
        (datagram(probe(0), udp(to), 70_000), LocalFault::Other(90)),
        // A broadcast needs a permission that is never asked for.
        (datagram(probe(0), udp((Ipv4Addr::new(127, 255, 255, 255), 9).into()), 1), LocalFault::Permission),
    ];
    for (request, expected) in cases {
        assert_eq!(fault(&mut door, request), Some(expected));
    }
    // And it leaves nothing behind that would be held against the next.
    for slot in 0..16 {
        send(&mut door, slot, to, false);
    }
    assert_eq!(hear(&mut door, |_| true), []);
}

#[test]
fn a_stranger_wakes_us_too() {
    let mut door = door();
    let (_service, to) = serve(V4).unwrap();
    let local = send(&mut door, 0, to, false);
    let mut woken_before_the_nap_ended = || {
        let start = door.now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Late, so that the door is asleep by then.
                let (stranger, _) = serve(V4).unwrap();
                stranger.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
                let _ = stranger.recv_from(&mut [0; 1]);
                stranger.send_to(b"knock", (V4, local)).unwrap();
            });
            door.wait_until(Some(start + Duration::from_secs(1)));
        });
        let waited = door.now().since(start);
        assert!(matches!(hear(&mut door, |events| !events.is_empty())[..], [Event::Datagram(_)]));
        waited < Duration::from_millis(90)
    };
    // A busy machine may be late once.
    assert!((0..5).any(|_| woken_before_the_nap_ended()));
}
