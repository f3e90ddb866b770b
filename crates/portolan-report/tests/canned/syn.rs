//! A scan by SYN, as nobody ran it: a host behind a box that resets, and one of our own addresses.

use portolan_model::{
    Because, Begin, Counts, Endpoint, Evidence, Fact, HostReport, HostState, Icmp, IcmpFamily,
};
use portolan_model::{Method, PortState, Raise, Reason, Segment, Untrusted, Verdict, Why};

use super::*;

fn told(address: Address, port: u16, claim: Claim, fact: Fact) -> Verdict {
    let evidence = Evidence::new(at(2000), Fact::Asked { attempt: 1 }).and(at(2640), fact);
    Verdict::new(Endpoint::tcp(address, port), claim, Method::Syn, 1, evidence)
        .with_rtt(Duration::from_micros(640))
}

fn accepted(address: Address, port: u16) -> Verdict {
    let claim =
        claim(PortState::Open, Reason::SynAck, 0.005, &[Because::SynAcknowledged], &[Raise::ReadBanner]);
    told(address, port, claim, Fact::SynAck(Segment { ttl: 57, window: 65_160 }))
}

fn reset(address: Address, port: u16, nearer: bool) -> Verdict {
    let (ttl, p_wrong) = if nearer { (62, 0.1) } else { (57, 0.005) };
    let because = [Because::SynAcknowledged, Because::ResetFromNearer];
    let because = if nearer { &because[..] } else { &because[..1] };
    let claim = claim(PortState::Closed, Reason::Reset, p_wrong, because, &[Raise::Repeat]);
    told(address, port, claim, Fact::Reset(Segment { ttl, window: 0 }))
}

fn host(target: Address, reason: Reason, counts: Counts) -> Event {
    let rtt = Some(Duration::from_micros(640));
    Event::Host(HostReport {
        target,
        state: HostState::Up,
        reason: Some(reason),
        evidence: Vec::new(),
        mac: None,
        rtt,
        loss: 0.0,
        counts,
    })
}

/// Two hosts, one of them our own.
pub(crate) fn scan() -> Vec<Event> {
    let (far, own) = (v6(0x40), v4(40));
    let icmp = Icmp { family: IcmpFamily::V6, icmp_type: 1, code: 1, from: Some(v6(1)), ttl: Some(62) };
    let mut forbidden = claim(
        PortState::Filtered,
        Reason::AdminProhibited,
        0.001,
        &[Because::IcmpFromOther],
        &[Raise::Capture],
    );
    forbidden.from = icmp.from;
    let far_counts = Counts { open: 1, closed: 2, filtered: 1, ..Counts::default() };
    let own_counts = Counts { open: 1, closed: 3, ..Counts::default() };
    let all = Counts { open: 2, closed: 5, filtered: 1, ..Counts::default() };
    vec![
        Event::Begin(Begin {
            argv: ["portolan", "-p22-25", "2001:db8::40", "192.0.2.40"].map(Untrusted::from).to_vec(),
            targets: vec![Untrusted::from("2001:db8::40"), Untrusted::from("192.0.2.40")],
            excluded: Vec::new(),
            ports: "22-25".to_owned(),
            endpoints: 8,
            methods: vec![Method::Connect, Method::Syn],
            why: Some(Why::MayCapture),
            answers_kept: Some(true),
            udp_by: None,
            ..begin()
        }),
        Event::Verdict(accepted(far, 22)),
        Event::Verdict(reset(far, 23, false)),
        Event::Verdict(reset(far, 24, true)),
        Event::Verdict(told(far, 25, forbidden, Fact::Icmp(icmp))),
        host(far, Reason::SynAck, far_counts),
        Event::Verdict(open(own, 22, 40)),
        Event::Verdict(refused(own, 23)),
        Event::Verdict(refused(own, 24)),
        Event::Verdict(refused(own, 25)),
        host(own, Reason::SynAck, own_counts),
        Event::Finish(finish(all)),
    ]
}

/// ACKs alone: one host resets some of them.
pub(crate) fn acks() -> Vec<Event> {
    let (there, fact) = (v4(41), Fact::Reset(Segment { ttl: 57, window: 0 }));
    let told = |port| {
        let claim =
            claim(PortState::Unfiltered, Reason::Reset, 0.005, &[Because::AckReset], &[Raise::Repeat]);
        let evidence = Evidence::new(at(2000), Fact::Asked { attempt: 1 }).and(at(2640), fact);
        let verdict = Verdict::new(Endpoint::tcp(there, port), claim, Method::Ack, 1, evidence);
        Event::Verdict(verdict.with_rtt(Duration::from_micros(640)))
    };
    let counts = Counts { unfiltered: 2, ..Counts::default() };
    vec![
        Event::Begin(Begin {
            argv: ["portolan", "-sA", "-p22,80", "192.0.2.41"].map(Untrusted::from).to_vec(),
            targets: vec![Untrusted::from("192.0.2.41")],
            excluded: Vec::new(),
            ports: "22,80".to_owned(),
            endpoints: 2,
            methods: vec![Method::Ack],
            why: Some(Why::Asked),
            answers_kept: None,
            ..begin()
        }),
        told(22),
        told(80),
        host(there, Reason::Reset, counts),
        Event::Finish(finish(counts)),
    ]
}
