//! Packets in every world of the atlas.

use super::*;

/// Every TCP port of a world, each once, eight at a time, whatever comes back.
fn replay(spec: &WorldSpec, seed: u64) -> (Vec<Noted>, portolan_sim::Counters) {
    let world = spec.build(seed);
    let tcp = |to: &Endpoint| to.transport == portolan_model::Transport::Tcp;
    let endpoints: Vec<_> = world.endpoints().filter(tcp).take(300).collect();
    let mut door = world.sockets();
    let mut told = Vec::new();
    for chunk in endpoints.chunks(8) {
        ask(&mut door, chunk.iter().copied().filter(|to| OURS.checked_add(to.port).is_some()));
        told.extend(listen(&mut door, 3));
    }
    told.extend(listen(&mut door, 10_000));
    (told, *door.counters())
}

#[test]
fn same_seed_and_same_packets_same_bytes_in_every_world() {
    let mut changed = 0;
    for (name, spec) in portolan_sim::all_worlds().unwrap() {
        let (first, second) = (replay(&spec, 9), replay(&spec, 9));
        assert!(first == second, "{name}: the same seed gave other packets");
        changed += usize::from(first != replay(&spec, 10));
        let fates = first.0.iter().filter(|told| matches!(told, Noted::Sent(..) | Noted::Unsent(..))).count();
        assert_eq!(fates as u64, first.1.packets, "{name}: the fate of each is told once");
        for told in &first.0 {
            if let Noted::Packet(at, bytes) = told {
                Answer::read(*at, bytes);
            }
        }
    }
    assert!(changed > 30, "the seed matters in {changed} worlds only");
}

#[test]
fn what_packets_tell_is_true() {
    let names = [
        "clean",
        "v6-clean",
        "sweep",
        "v4-and-v6",
        "reject-reset",
        "turns-open",
        "split",
        "dies",
        "nat-table",
    ];
    for (name, spec) in portolan_sim::all_worlds().unwrap() {
        if !names.contains(&&*name) {
            continue;
        }
        let world = spec.build(6);
        let endpoints: Vec<_> = world.endpoints().filter(|to| to.port <= u16::MAX - OURS).collect();
        let mut door = world.sockets();
        ask(&mut door, endpoints);
        let mut right = 0;
        for answer in answers(&mut door, 5000) {
            let What::Segment { from: port, .. } = answer.what else { continue };
            let told = match answer.accepts(port).unwrap() {
                true => Told::new(PortState::Open, Reason::SynAck),
                false => Told::new(PortState::Closed, Reason::Reset),
            };
            let judgement = door.judge(Endpoint::tcp(answer.from.into(), port), told);
            assert_eq!(judgement, Judgement::Right, "{name}: {told} of {answer:?}");
            right += 1;
        }
        assert!(right > 10, "{name}: {right} answers");
    }
}
