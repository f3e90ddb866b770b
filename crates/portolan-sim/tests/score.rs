//! The judge: a simple scanner scores as it deserves, and every fault of the worlds is met.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::time::Duration;

use portolan_model::sockets::{Event, Outcome, ProbeId, Request, Sockets};
use portolan_model::{Address, Endpoint, IcmpFamily, LocalFault, PortState, Reason};
use portolan_sim::{Counters, Score, SimSockets, Tally, Told, WorldSpec, all_worlds};

/// A scanner as simple as can be: every port once, so many at a time, and what is silent for 900 ms (or
/// fails here) is filtered. It looks at no tag.
fn naive(door: &mut SimSockets, at_a_time: usize) -> Score {
    let endpoints: Vec<_> = door.world().endpoints().collect();
    let mut score = Score::new();
    for chunk in endpoints.chunks(at_a_time) {
        let name = |n| ProbeId { slot: n, tag: n };
        let connects = (0u32..).zip(chunk).map(|(n, to)| Request::Connect { probe: name(n), to: *to });
        door.transmit(&mut connects.collect());
        let end = door.now() + Duration::from_millis(900);
        let mut events: Vec<Event> = Vec::new();
        while door.now() < end && events.len() < chunk.len() {
            door.wait_until(Some(end));
            door.receive(&mut events);
        }
        let mut told: Vec<Option<Told>> = vec![None; chunk.len()];
        for event in events.into_iter().filter_map(Event::completion) {
            let slot = event.probe.slot as usize;
            if slot < chunk.len() {
                told[slot] = told[slot].or(Some(believe(chunk[slot], &event.outcome)));
            }
        }
        chunk.iter().zip(told).for_each(|(to, told)| score.tell(*to, told.unwrap_or(Told::SILENCE)));
        door.transmit(&mut (0u32..).zip(chunk).map(|(n, _)| Request::Abandon(name(n))).collect());
    }
    score
}

fn believe(to: Endpoint, outcome: &Outcome) -> Told {
    let told = |reason: Reason, from: Option<Address>| {
        let told = Told::new(reason.states()[0], reason);
        from.filter(|from| *from != to.address).map_or(told, |from| told.by(from))
    };
    match outcome {
        Outcome::Connected { .. } | Outcome::SynAck(_) => told(Reason::SynAck, None),
        Outcome::Refused => told(Reason::ConnRefused, None),
        Outcome::Reset(_) => told(Reason::Reset, None),
        Outcome::Icmp(icmp) => {
            let reason = match (icmp.family, icmp.icmp_type, icmp.code) {
                (IcmpFamily::V4, 3, 13) | (IcmpFamily::V6, 1, 1) => Reason::AdminProhibited,
                (IcmpFamily::V4, 3, 10) => Reason::HostProhibited,
                (IcmpFamily::V4, 3, 3) | (IcmpFamily::V6, 1, 4) => Reason::PortUnreach,
                _ => Reason::DestUnreach,
            };
            told(reason, icmp.from)
        }
        Outcome::Local(LocalFault::Firewall) => told(Reason::LocalFirewall, None),
        Outcome::TimedOut | Outcome::Pong(_) | Outcome::OffLink | Outcome::Local(_) => Told::SILENCE,
    }
}

fn world(name: &str) -> WorldSpec {
    all_worlds().unwrap().into_iter().find(|(found, _)| found == name).unwrap().1
}

fn scan(name: &str, at_a_time: usize) -> (Tally, Counters) {
    let mut door = world(name).build(4).sockets();
    let score = naive(&mut door, at_a_time);
    (score.tally(&door), *door.counters())
}

#[test]
fn on_a_quiet_path_even_the_simple_are_right() {
    for name in ["clean", "v6-clean", "reject-admin-prohibited", "reject-own-port-unreach", "v6-port-unreach"]
    {
        let (tally, _) = scan(name, 50);
        assert_eq!((tally.right, tally.wrong), (tally.endpoints, 0), "{name}: {tally} {:?}", tally.examples);
        assert!(tally.open > 0 && tally.open == tally.open_found, "{name}: {tally}");
    }
}

#[test]
fn elsewhere_they_are_wrong_in_the_way_of_the_world() {
    let wrong = |name, at_a_time, what: fn(&Tally) -> u64| {
        let (tally, _) = scan(name, at_a_time);
        assert!(what(&tally) > 0, "{name}: {tally}");
    };
    wrong("loss-20", 50, |tally| tally.false_filtered);
    wrong("loss-burst", 50, |tally| tally.open - tally.open_found);
    wrong("forged", 50, |tally| tally.false_open);
    wrong("self", 50, |tally| tally.false_open);
    wrong("local-descriptors", 100, |tally| tally.false_filtered);
    wrong("local-ports", 100, |tally| tally.false_filtered);
    wrong("local-buffers", 50, |tally| tally.false_filtered);
    wrong("reset-limit-window", 500, |tally| tally.false_filtered);
    wrong("dies", 50, |tally| tally.false_filtered);
    wrong("ban-for-ever", 400, |tally| tally.false_filtered);
    wrong("nat-table", 100, |tally| tally.false_filtered);
    wrong("flap-net-unreach", 5, |tally| tally.false_filtered);
    wrong("reject-net-prohibited", 50, |tally| tally.wrong_reason);
    wrong("local-no-route", 50, |tally| tally.false_filtered);
}

#[test]
fn every_fault_is_met() {
    let met = |name: &str, at_a_time, what: fn(&Counters) -> u64| {
        let (_, counters) = scan(name, at_a_time);
        assert!(what(&counters) > 0, "{name}: {counters:?}");
    };
    met("loss-out-20", 400, |counters| counters.lost_out);
    met("loss-back-20", 400, |counters| counters.lost_back);
    met("loss-burst", 50, |counters| counters.lost_out);
    met("loss-gilbert-elliott", 50, |counters| counters.lost_back);
    met("reorder", 400, |counters| counters.reordered);
    met("duplicate", 400, |counters| counters.duplicates);
    met("forged", 400, |counters| counters.forged);
    met("tail-drop", 400, |counters| counters.queue_dropped);
    met("tail-drop-back", 400, |counters| counters.queue_dropped);
    met("reset-limit-window", 400, |counters| counters.resets_limited);
    met("firewall-back", 400, |counters| counters.firewall_dropped);
    met("reject-reset", 400, |counters| counters.rejected);
    met("flap-host-unreach", 5, |counters| counters.rejected);
    met("icmp-limit-linux", 400, |counters| counters.icmp_limited);
    met("icmp-limit-shared", 400, |counters| counters.icmp_limited);
    met("busy", 100, |counters| counters.backlog_dropped);
    met("dies", 400, |counters| counters.dead);
    met("ban-for-a-while", 400, |counters| counters.banned);
    met("nat-table", 400, |counters| counters.nat_dropped);
    met("outage", 400, |counters| counters.lost_out);
    met("local-descriptors", 400, |counters| counters.no_descriptors);
    met("local-ports", 400, |counters| counters.no_ports);
    met("local-buffers", 400, |counters| counters.no_buffers);
    met("local-firewall", 400, |counters| counters.local_firewall);
    met("local-no-route", 400, |counters| counters.no_route);
    met("local-no-gateway", 400, |counters| counters.no_neighbour);
    met("local-stall", 400, |counters| counters.stalls);
    met("self", 400, |counters| counters.self_connects);
    met("sweep-unreachable", 400, |counters| counters.icmp_limited);
    met("sweep-on-link", 400, |counters| counters.no_neighbour);
    met("sweep-tail-drop", 400, |counters| counters.queue_dropped);
}

#[test]
fn the_last_telling_holds_and_the_others_are_counted() {
    let door = world("clean").build(1).sockets();
    let open = door.world().open().next().unwrap();
    let right = Told::new(PortState::Open, Reason::SynAck);
    let mut score = Score::new();
    score.tell(open, Told::SILENCE);
    assert_eq!(score.tally(&door).wrong, 1);
    score.tell(open, right);
    score.tell(Endpoint { port: 60_000, ..open }, right);
    let tally = score.tally(&door);
    assert_eq!((tally.right, tally.wrong, tally.repeated, tally.out_of_scope), (1, 0, 1, 1));
    assert_eq!((tally.endpoints, tally.open_found), (1000, 1));
    assert!(tally.untold > 0 && tally.untold_silent > 0 && tally.coverage() < 0.01);
}
