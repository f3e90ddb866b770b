use std::net::Ipv4Addr;

use super::*;
use portolan_model::{Check, IcmpFamily, Level, Piece};

const ID: Piece = Piece::Cookie { from: 0, len: 4 };
const PROBES: &[UdpProbe] = &[
    UdpProbe {
        name: "a",
        service: "a",
        ports: &[53, 4000],
        payload: &[Piece::Bytes(b"Qa"), ID],
        answer: &[Check::At { offset: 0, pieces: &[Piece::Bytes(b"Aa"), ID] }],
        generic: true,
        ..UdpProbe::EMPTY
    },
    UdpProbe {
        name: "b",
        service: "b",
        ports: &[4000],
        payload: &[Piece::Bytes(b"Qb")],
        answer: &[Check::At { offset: 0, pieces: &[Piece::Bytes(b"Ab")] }],
        generic: false,
        ..UdpProbe::EMPTY
    },
];
const TARGET: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);

fn udp() -> Udp {
    Udp::new(PROBES, (1, 2), Guards::default())
}

fn port(port: u16) -> Endpoint {
    Endpoint { address: TARGET.into(), transport: portolan_model::Transport::Udp, port }
}

fn answer(kind: &[u8], of: &[u8]) -> Vec<u8> {
    [kind, &of[2..]].concat()
}

#[test]
fn a_port_of_several_protocols_takes_them_in_turn() {
    let asked = |port| (1..=4).map(|number| udp().probe(port, number).name).collect::<Vec<_>>();
    assert_eq!(asked(4000), ["a", "b", "a", "b"]);
    assert_eq!(asked(53), ["a", "a", "a", "a"]);
    assert_eq!(asked(9), ["a", "empty", "a", "empty"], "unknown: never the empty one alone");
    assert_eq!(asked(47808), ["empty"; 4], "fragile");
    assert_eq!((udp().questions(4000), udp().questions(9), udp().questions(47808)), (2, 2, 1));
}

#[test]
fn an_answer_names_its_attempt_and_a_strangers_does_not_count() {
    let udp = udp();
    let third = udp.payload(port(4000), 3);
    let found = udp.recognise(port(4000), 3, &answer(b"Aa", &third));
    assert_eq!(
        (found.number, found.probe.map(|probe| probe.name), found.likeness),
        (Some(3), Some("a"), Likeness::Echoes)
    );
    assert_eq!(udp.recognise(port(4000), 2, &answer(b"Aa", &third)).likeness, Likeness::Strange);
    assert_eq!(
        udp.recognise(port(53), 3, &answer(b"Aa", &third)).likeness,
        Likeness::Strange,
        "of another port"
    );
    assert_eq!(udp.recognise(port(4000), 2, b"Ab").likeness, Likeness::Fits);
    assert_eq!(udp.recognise(port(4000), 2, b"??").likeness, Likeness::Unlike);
    assert_eq!(udp.recognise(port(4000), 0, b"Ab").likeness, Likeness::Unlike, "never asked");
    assert!(udp.judge(Likeness::Strange, false).is_none());
    let level = |likeness, other| udp.judge(likeness, other).map(|claim| claim.confidence.level());
    assert_eq!(level(Likeness::Echoes, false), Some(Level::Certain));
    assert_eq!(level(Likeness::Fits, false), Some(Level::Likely));
    assert_eq!(level(Likeness::Unlike, false), Some(Level::Likely));
    assert_eq!(level(Likeness::Fits, true), Some(Level::Likely));
    assert_eq!(level(Likeness::Unlike, true), None);
}

#[test]
fn another_secret_makes_other_cookies() {
    let other = Udp::new(PROBES, (1, 3), Guards::default());
    assert_ne!(udp().payload(port(53), 1), other.payload(port(53), 1));
    assert_ne!(udp().payload(port(53), 1), udp().payload(port(53), 2));
}

#[test]
fn a_quote_is_compared_with_what_was_sent() {
    let udp = udp();
    let sent = udp.payload(port(53), 2);
    let quoted = |quote: &[u8]| udp.recognise_quote(port(53), 2, quote);
    assert_eq!(quoted(&sent), Some(Quoted { number: Some(2), with_id: true }));
    assert_eq!(quoted(&sent[..3]), Some(Quoted { number: Some(2), with_id: false }));
    assert_eq!(quoted(&[]), Some(Quoted { number: None, with_id: false }));
    assert_eq!(quoted(&answer(b"Qx", &sent)), None);
    assert_eq!(udp.recognise_quote(port(53), 1, &sent), None, "not sent yet");
    let padded = [&sent[..], &[0; 64], &[0x20, 0, 1, 2]].concat();
    assert_eq!(quoted(&padded), Some(Quoted { number: Some(2), with_id: true }));
    assert_eq!(quoted(&[&sent[..], b"more"].concat()), None);
    // Without an id the second and the fourth attempt are alike, and nobody can say whose error it is.
    let alike = |asked| udp.recognise_quote(port(4000), asked, b"Qb");
    assert_eq!(alike(2), Some(Quoted { number: Some(2), with_id: false }));
    assert_eq!(alike(4), Some(Quoted { number: None, with_id: false }));
    // An empty datagram has nothing to quote.
    assert_eq!(udp.recognise_quote(port(9), 2, b"something"), None);
    let empty = udp.recognise_quote(port(9), 2, &[0; 100]);
    assert_eq!(empty, Some(Quoted { number: Some(2), with_id: false }));
}

#[test]
fn port_unreachable_closes_only_from_the_target() {
    let udp = udp();
    let error = |from: Ipv4Addr, code| Icmp {
        family: IcmpFamily::V4,
        icmp_type: 3,
        code,
        from: Some(from.into()),
        ttl: None,
    };
    let judged = |from, code, with_id| match udp.judge_error(TARGET.into(), &error(from, code), with_id) {
        Judgement::Settled(claim) => (claim.state, claim.reason, claim.from, claim.confidence.level()),
        other => panic!("{other:?}"),
    };
    let router = Some(Address::from(ROUTER));
    assert_eq!(judged(TARGET, 3, true), (PortState::Closed, Reason::PortUnreach, None, Level::Strong));
    assert_eq!(judged(TARGET, 3, false), (PortState::Closed, Reason::PortUnreach, None, Level::Likely));
    assert_eq!(judged(ROUTER, 3, true), (PortState::Filtered, Reason::PortUnreach, router, Level::Strong));
    assert_eq!(
        judged(ROUTER, 13, true),
        (PortState::Filtered, Reason::AdminProhibited, router, Level::Certain)
    );
    assert_eq!(
        judged(ROUTER, 13, false),
        (PortState::Filtered, Reason::AdminProhibited, router, Level::Likely)
    );
    let nobody = Icmp { from: None, ..error(ROUTER, 3) };
    let Judgement::Settled(claim) = udp.judge_error(TARGET.into(), &nobody, true) else { panic!("settled") };
    assert_ne!(claim.state, PortState::Closed, "who did not say who he is does not close");
    assert!(matches!(udp.judge_error(TARGET.into(), &error(ROUTER, 1), true), Judgement::Provisional(_)));
}

#[test]
fn silence_is_weak_and_never_closed() {
    for vouch in [Vouch::Later, Vouch::Before, Vouch::Elsewhere, Vouch::Never] {
        let claim = silence(vouch);
        assert_eq!((claim.state, claim.confidence.level()), (PortState::OpenFiltered, Level::Weak));
    }
}
