//! Answers that our kernel does not see: the other end sends them again until we give up what we began.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::net::Ipv4Addr;
use std::time::Duration;

use portolan_model::Endpoint;
use portolan_model::sockets::{Event, Outcome, ProbeId, Request, Sockets};
use portolan_scan::Framed;
use portolan_sim::{SimSockets, WorldSpec};

/// A host whose every port is open, before a machine of this kind.
fn door(path: &str, machine: &str) -> Framed<SimSockets> {
    let spec = WorldSpec::parse(&format!(
        "about = 'open'\nports = '1-10'\ntargets = [{{ addresses = '192.0.2.1', named = true }}]
         path = [{path}]\n[[hosts]]\naddresses = '192.0.2.1'\nrest = 'open'\n[machine]\n{machine}"
    ));
    let mut door = Framed::new(spec.unwrap().build(1).sockets(), (1, 2));
    door.keep_answers(&[]);
    door
}

fn ask(door: &mut Framed<SimSockets>, ports: std::ops::RangeInclusive<u16>) {
    let syn = |port: u16| {
        let to = Endpoint::tcp(Ipv4Addr::new(192, 0, 2, 1).into(), port);
        Request::Syn { probe: ProbeId { slot: port.into(), tag: 7 }, to }
    };
    door.transmit(&mut ports.map(syn).collect());
}

/// Which attempts a SYN-ACK has ended within so many milliseconds, in their order.
fn listen(door: &mut Framed<SimSockets>, millis: u64) -> Vec<u32> {
    let end = door.now() + Duration::from_millis(millis);
    let (mut inbox, mut accepted) = (Vec::new(), Vec::new());
    while door.now() < end {
        door.wait_until(Some(end));
        door.receive(&mut inbox);
        door.transmit(&mut Vec::new());
        accepted.extend(inbox.drain(..).filter_map(Event::completion).filter_map(|end| match end.outcome {
            Outcome::SynAck(_) => Some(end.probe.slot),
            _ => None,
        }));
    }
    accepted
}

#[test]
fn what_was_lost_comes_again_and_is_used() {
    let mut kept = door("", "ring = 1");
    ask(&mut kept, 1..=2);
    assert_eq!(listen(&mut kept, 500), [1], "the ring has room for one");
    assert_eq!(listen(&mut kept, 1000), [2], "the other comes again");
    let kept = kept.into_inner();
    assert_eq!((kept.counters().syns, kept.counters().resets, kept.half_open()), (2, 2, 0));

    let mut seen = door("", "ring = 1\nkeeps_answers = false");
    ask(&mut seen, 1..=2);
    assert_eq!(listen(&mut seen, 100_000), [1], "the kernel refused the other");
    assert_eq!(seen.into_inner().counters().resets, 0, "and the first");
}

#[test]
fn each_syn_ack_gets_one_rst_and_an_attempt_one_answer() {
    let mut door = door("{ node = 'duplicate', probability = 1.0, ms = 30, way = 'back' }", "");
    ask(&mut door, 1..=5);
    assert_eq!(listen(&mut door, 10), [1, 2, 3, 4, 5]);
    assert!(listen(&mut door, 100_000).is_empty(), "what is settled is not told again");
    let door = door.into_inner();
    assert_eq!((door.counters().resets, door.half_open()), (10, 0), "a copy is refused as the first was");
}

/// Nobody asks for the answers any more, and they are given up all the same.
#[test]
fn what_is_abandoned_is_given_up() {
    let mut door = door("{ node = 'delay', ms = 50 }", "");
    ask(&mut door, 1..=5);
    let abandon = |port: u32| Request::Abandon(ProbeId { slot: port, tag: 7 });
    door.transmit(&mut (1..=5).map(abandon).collect());
    assert!(listen(&mut door, 100_000).is_empty());
    let door = door.into_inner();
    assert_eq!((door.counters().resets, door.half_open()), (5, 0));
}

/// Whoever answers without having seen the SYN does not make us send anything.
#[test]
fn a_forged_syn_ack_earns_nothing() {
    let mut door =
        door("{ node = 'forger', probability = 1.0, ms = 1 }, { node = 'firewall', way = 'out' }", "");
    for _ in 0..100 {
        ask(&mut door, 1..=10);
        assert!(listen(&mut door, 10).is_empty());
    }
    let door = door.into_inner();
    assert_eq!(door.counters().resets, 0);
    assert_eq!(door.counters().forged_packets, 1000);
}
