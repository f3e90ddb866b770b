use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use portolan_model::sockets::ProbeId;
use portolan_model::{Address, Ping};
use proptest::prelude::*;

use super::*;

const PROBE: ProbeId = ProbeId { slot: 0, tag: 0 };
const AT: Instant = Instant::from_nanos(12_034_056_789);
const TARGET: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);

fn tcp() -> Option<Asked> {
    Some(Asked { nth: 7, to: Endpoint::tcp(TARGET.into(), 80), ping: None })
}

fn dns() -> Endpoint {
    Endpoint { address: TARGET.into(), transport: Transport::Udp, port: 53 }
}

fn udp() -> Option<Asked> {
    Some(Asked { nth: 8, to: dns(), ping: None })
}

fn pinged(ping: Ping) -> Option<Asked> {
    Some(Asked { nth: 10, to: Endpoint::tcp(TARGET.into(), ping.port().unwrap_or(0)), ping: Some(ping) })
}

fn end(outcome: Outcome) -> Event {
    Event::Connect(Completion { probe: PROBE, sent: Instant::ZERO, at: AT, outcome })
}

fn icmp(family: IcmpFamily, icmp_type: u8, code: u8) -> Icmp {
    let from = match family {
        IcmpFamily::V4 => Address::from(Ipv4Addr::new(198, 18, 0, 1)),
        IcmpFamily::V6 => Address::with_zone("fe80::1".parse().unwrap(), 2),
    };
    Icmp { family, icmp_type, code, from: Some(from), ttl: Some(64) }
}

fn error(outcome: Outcome) -> Event {
    Event::Error(DatagramError { to: dns(), at: AT, outcome, quoted: Box::from(&b"12345"[..]) })
}

#[test]
fn each_kind_of_line() {
    let datagram = |payload: &[u8], own_port| Request::Datagram {
        probe: PROBE,
        to: dns(),
        payload: payload.into(),
        own_port,
    };
    let local = SocketAddr::from((Ipv4Addr::new(198, 18, 0, 1), 40312));
    let itself = SocketAddr::from((TARGET, 80));
    let unnamed = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let silent = Icmp { from: None, ttl: None, ..icmp(IcmpFamily::V4, 3, 3) };
    let v6 =
        Some(Asked { nth: 9, to: Endpoint::tcp(Address::new(Ipv6Addr::LOCALHOST.into()), 22), ping: None });
    let answer =
        Datagram { from: dns(), local: 40313, at: AT, ttl: None, bytes: Box::from(&b"\x1b[2J\xe9"[..]) };
    let lines = [
        request_line(AT, tcp(), &Request::Connect { probe: PROBE, to: tcp().unwrap().to }),
        request_line(AT, udp(), &datagram(b"\x12\x34\x01\0dns", false)),
        request_line(AT, udp(), &datagram(b"", true)),
        request_line(AT, tcp(), &Request::Abandon(PROBE)),
        request_line(AT, None, &Request::Abandon(PROBE)),
        event_line(tcp(), &end(Outcome::Connected { local })),
        event_line(tcp(), &end(Outcome::Connected { local: itself })),
        event_line(tcp(), &end(Outcome::Connected { local: unnamed })),
        event_line(tcp(), &end(Outcome::Refused)),
        event_line(None, &end(Outcome::Refused)),
        event_line(tcp(), &end(Outcome::Icmp(icmp(IcmpFamily::V4, 3, 13)))),
        event_line(v6, &end(Outcome::Icmp(icmp(IcmpFamily::V6, 1, 0)))),
        event_line(tcp(), &end(Outcome::TimedOut)),
        event_line(tcp(), &end(Outcome::Local(LocalFault::NoDescriptors))),
        event_line(tcp(), &end(Outcome::Local(LocalFault::Other(71)))),
        event_line(udp(), &Event::Sent { probe: PROBE, at: AT, local: 40313, held: 0 }),
        event_line(udp(), &Event::Sent { probe: PROBE, at: AT, local: 40313, held: 2 }),
        event_line(udp(), &Event::Unsent { probe: PROBE, at: AT, fault: LocalFault::Firewall }),
        event_line(None, &Event::Datagram(answer)),
        event_line(None, &error(Outcome::Icmp(icmp(IcmpFamily::V4, 3, 10)))),
        event_line(None, &error(Outcome::Icmp(silent))),
        event_line(None, &error(Outcome::Local(LocalFault::NoNeighbour { on_link: true }))),
        event_line(None, &error(Outcome::Refused)),
        request_line(
            AT,
            pinged(Ping::Echo),
            &Request::Ping { probe: PROBE, to: TARGET.into(), ping: Ping::Echo },
        ),
        event_line(pinged(Ping::Echo), &Event::Held(PROBE)),
        event_line(pinged(Ping::Echo), &end(Outcome::Pong(Pong::Echo { ttl: 64 }))),
        event_line(pinged(Ping::Ack(80)), &end(Outcome::Reset(Segment { ttl: 64, window: 0 }))),
        event_line(pinged(Ping::Echo), &end(Outcome::Icmp(icmp(IcmpFamily::V4, 3, 1)))),
        event_line(pinged(Ping::Neighbour), &end(Outcome::Local(LocalFault::NoNeighbour { on_link: true }))),
        event_line(None, &Event::Overrun { count: 12, at: AT }),
    ];
    insta::assert_snapshot!("lines", lines.join("\n"));
}

#[test]
fn a_long_payload_is_cut() {
    assert_eq!(Payload(&[b'a'; SHOWN]).to_string(), format!("{SHOWN} bytes: {}", "a".repeat(SHOWN)));
    assert_eq!(Payload(&[b'a'; 1400]).to_string(), format!("1400 bytes: {}...", "a".repeat(SHOWN)));
}

proptest! {
    #[test]
    fn no_bytes_of_a_stranger_act_or_bury_the_rest(bytes: Vec<u8>, port: u16) {
        let from = Endpoint { port, ..dns() };
        let event = Event::Datagram(Datagram { from, local: port, at: AT, ttl: None, bytes: bytes.clone().into() });
        let line = event_line(None, &event);
        prop_assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line}");
        prop_assert!(line.len() < 100 + 4 * SHOWN, "{line}");
        let begins = format!("RCVD (12.034056s) UDP 198.18.0.2:{port}, to port {port}, {} bytes", bytes.len());
        prop_assert!(line.starts_with(&begins), "{line}");
    }
}
