//! The judge of UDP: a scanner that minds whose answer it is gets nothing wrong, one that does not is wrong where a
//! world makes it so, and every fault of the worlds is met.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::time::Duration;

use portolan_model::sockets::{DatagramError, Event, Outcome, ProbeId, Request, Sockets};
use portolan_model::{Endpoint, Icmp, IcmpFamily, PortState, Reason, Transport};
use portolan_sim::{Counters, Score, SimSockets, Tally, Told, WorldSpec, all_worlds};

/// How far a scanner believes what comes.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Belief {
    /// Whatever comes to whatever port.
    Anything,
    /// What bears the id that was sent, or nothing of it to compare.
    TheId,
    /// The same, and of an answer only from the address asked.
    TheIdAndTheAddress,
}

/// Every UDP port once for each of the two kinds of service, so many at a time; what is silent for 3.5 s is told so.
fn naive(door: &mut SimSockets, at_a_time: usize, belief: Belief) -> Score {
    let udp = |to: &Endpoint| to.transport == Transport::Udp;
    let endpoints: Vec<_> = door.world().endpoints().filter(udp).collect();
    let mut score = Score::new();
    let mut ids = 0u32;
    for chunk in endpoints.chunks(at_a_time) {
        let mut told: Vec<Told> = vec![Told::UDP_SILENCE; chunk.len()];
        for kind in [b'a', b'b'] {
            let first = ids;
            let mut asks = (0u32..).zip(chunk).map(|(n, to)| Request::Datagram {
                probe: ProbeId { slot: n, tag: first },
                to: *to,
                payload: request(kind, first + n),
                own_port: false,
            });
            door.transmit(&mut asks.by_ref().collect());
            ids += u32::try_from(chunk.len()).unwrap();
            for event in listen(door) {
                if let Some((at, what)) = believe(&event, chunk, (kind, first), belief)
                    && told[at].state != PortState::Open
                {
                    told[at] = what;
                }
            }
        }
        chunk.iter().zip(told).for_each(|(to, told)| score.tell(*to, told));
    }
    score
}

fn request(kind: u8, id: u32) -> Box<[u8]> {
    [&[b'Q', kind][..], &id.to_be_bytes()].concat().into()
}

fn listen(door: &mut SimSockets) -> Vec<Event> {
    let end = door.now() + Duration::from_millis(3500);
    let mut events = Vec::new();
    while door.now() < end {
        door.wait_until(Some(end));
        door.receive(&mut events);
    }
    events
}

/// Of which of `chunk` an event tells, and what.
fn believe(
    event: &Event,
    chunk: &[Endpoint],
    (kind, first): (u8, u32),
    belief: Belief,
) -> Option<(usize, Told)> {
    let id = |at: usize| request(kind, first + u32::try_from(at).unwrap_or(0));
    match event {
        Event::Datagram(answer) => {
            let asked = |(at, to): &(usize, &Endpoint)| {
                let is_answer = answer.bytes.get(2..) == id(*at).get(2..);
                let is_there = to.address == answer.from.address;
                match belief {
                    Belief::Anything => to.port == answer.from.port,
                    Belief::TheId => is_answer,
                    Belief::TheIdAndTheAddress => is_answer && is_there,
                }
            };
            let (at, _) = chunk.iter().enumerate().find(asked)?;
            Some((at, Told::new(PortState::Open, Reason::UdpResponse)))
        }
        Event::Error(DatagramError { to, outcome: Outcome::Icmp(icmp), quoted, .. }) => {
            let at = chunk.iter().position(|asked| asked == to)?;
            let ours = belief == Belief::Anything || id(at).starts_with(quoted);
            ours.then(|| (at, refused(*to, icmp)))
        }
        Event::Unsent { probe, .. } => {
            Some((probe.slot as usize, Told::new(PortState::Unknown, Reason::LocalError)))
        }
        Event::Error(DatagramError { to, .. }) => {
            let at = chunk.iter().position(|asked| asked == to)?;
            Some((at, Told::new(PortState::Unknown, Reason::NoNeighbour)))
        }
        _ => None,
    }
}

fn refused(to: Endpoint, icmp: &Icmp) -> Told {
    let own = icmp.from == Some(to.address);
    let reason = match (icmp.family, icmp.icmp_type, icmp.code) {
        (IcmpFamily::V4, 3, 3) | (IcmpFamily::V6, 1, 4) if own => {
            return Told::new(PortState::Closed, Reason::PortUnreach);
        }
        (IcmpFamily::V4, 3, 3) | (IcmpFamily::V6, 1, 4) => Reason::PortUnreach,
        (IcmpFamily::V4, 3, 0) => Reason::NetUnreach,
        (IcmpFamily::V4, 3, 1) => Reason::HostUnreach,
        (IcmpFamily::V4, 3, 2) | (IcmpFamily::V6, 4, 1) => Reason::ProtoUnreach,
        (IcmpFamily::V4, 3, 9) => Reason::NetProhibited,
        (IcmpFamily::V4, 3, 10) => Reason::HostProhibited,
        (IcmpFamily::V4, 3, 13) | (IcmpFamily::V6, 1, 1) => Reason::AdminProhibited,
        (IcmpFamily::V6, 1, 0) => Reason::NoRoute,
        (IcmpFamily::V6, 1, 3) => Reason::AddrUnreach,
        (IcmpFamily::V6, 1, 5) => Reason::FailedPolicy,
        (IcmpFamily::V6, 1, 6) => Reason::RejectRoute,
        (IcmpFamily::V4, 11, 0) | (IcmpFamily::V6, 3, 0) => Reason::TimeExceeded,
        other => panic!("no world has {other:?}"),
    };
    let told = Told::new(reason.states()[0], reason);
    icmp.from.filter(|_| !own).map_or(told, |from| told.by(from))
}

fn worlds() -> impl Iterator<Item = (String, WorldSpec)> {
    all_worlds().unwrap().into_iter().filter(|(_, spec)| !spec.build(1).udp_ports().is_empty())
}

fn scan(name: &str, at_a_time: usize, belief: Belief) -> (Tally, Counters) {
    let (_, spec) = worlds().find(|(found, _)| found == name).unwrap_or_else(|| panic!("no world {name}"));
    let mut door = spec.build(4).sockets();
    let score = naive(&mut door, at_a_time, belief);
    (score.tally(&door), *door.counters())
}

#[test]
fn whoever_minds_id_and_address_is_wrong_nowhere() {
    assert!(worlds().count() >= 40);
    for (name, spec) in worlds() {
        for seed in 1..=3 {
            let mut door = spec.build(seed).sockets();
            let tally = naive(&mut door, 40, Belief::TheIdAndTheAddress).tally(&door);
            assert_eq!(tally.wrong, 0, "{name} {seed}: {tally} {:?}", tally.examples);
        }
    }
}

#[test]
fn on_a_quiet_path_all_is_found() {
    for name in
        ["udp-clean", "udp-v6", "udp-silent-and-dropped", "udp-rejects", "udp-v6-rejects", "udp-two-kinds"]
    {
        let (tally, _) = scan(name, 40, Belief::TheIdAndTheAddress);
        assert_eq!(
            (tally.right + tally.undecided, tally.open),
            (tally.endpoints, tally.open_found),
            "{name}: {tally}"
        );
        // Only a time to live that ran out tells nothing.
        assert!(tally.undecided <= 5 && tally.open > 0, "{name}: {tally}");
    }
}

#[test]
fn whoever_believes_more_is_wrong_in_the_way_of_the_world() {
    let wrong = |name, belief, what: fn(&Tally) -> u64| {
        let (tally, _) = scan(name, 40, belief);
        assert!(what(&tally) > 0, "{name}: {tally}");
    };
    wrong("udp-forged-answer", Belief::Anything, |tally| tally.false_open);
    wrong("udp-forged-icmp", Belief::Anything, |tally| tally.false_closed);
    wrong("udp-forged-stranger", Belief::TheId, |tally| tally.false_open);
    wrong("udp-other-port", Belief::Anything, |tally| tally.open - tally.open_found);
    wrong("udp-without-id", Belief::TheId, |tally| tally.open - tally.open_found);
    wrong("udp-babbler", Belief::TheId, |tally| tally.open - tally.open_found);
    wrong("udp-loss-20", Belief::TheId, |tally| tally.undecided);
    wrong("udp-forged-bare-icmp", Belief::TheId, |tally| tally.undecided);
}

#[test]
fn every_fault_is_met() {
    let met = |name: &str, at_a_time, what: fn(&Counters) -> u64| {
        let (_, counters) = scan(name, at_a_time, Belief::TheId);
        assert!(what(&counters) > 0, "{name}: {counters:?}");
    };
    met("udp-loss-05", 40, |counters| counters.lost_out);
    met("udp-loss-burst", 10, |counters| counters.lost_out);
    met("udp-reorder", 40, |counters| counters.reordered);
    met("udp-icmp-limit-linux", 40, |counters| counters.icmp_limited);
    met("udp-v6-icmp-limit", 40, |counters| counters.icmp_limited);
    met("udp-icmp-limit-window", 100, |counters| counters.icmp_limited);
    met("udp-icmp-limit-shared", 100, |counters| counters.icmp_limited);
    met("udp-forged-answer", 40, |counters| counters.forged_answers);
    met("udp-forged-stranger", 40, |counters| counters.forged_strangers);
    met("udp-forged-icmp", 40, |counters| counters.forged_icmp);
    met("udp-forged-bare-icmp", 40, |counters| counters.forged_bare_icmp);
    met("udp-trap-pending-error", 40, |counters| counters.held_back);
    met("udp-trap-pending-error-held", 40, |counters| counters.held);
    met("udp-trap-no-buffers", 40, |counters| counters.no_buffers);
    met("udp-local-firewall", 40, |counters| counters.local_firewall);
    met("udp-local-no-route", 40, |counters| counters.no_route);
    met("udp-local-no-gateway", 40, |counters| counters.no_neighbour);
    met("udp-on-link", 40, |counters| counters.no_neighbour);
    met("udp-local-stall", 10, |counters| counters.stalls);
    met("udp-rx-queue", 100, |counters| counters.overrun);
    met("udp-dies", 40, |counters| counters.dead);
    met("udp-ban", 100, |counters| counters.banned);
    met("udp-nat", 100, |counters| counters.nat_dropped);
    met("udp-flap", 1, |counters| counters.rejected);
    met("udp-tail-drop", 100, |counters| counters.queue_dropped);
    met("udp-firewall-one-transport", 40, |counters| counters.firewall_dropped);
    met("udp-range-unreachable", 100, |counters| counters.icmp_limited);
}
