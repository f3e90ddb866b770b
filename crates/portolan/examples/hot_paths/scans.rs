//! Whole scans: the engine, from the first probe to the last verdict.

use portolan_model::sockets::Sockets;
use portolan_model::{Check, Piece, UdpProbe};
use portolan_scan::{Engine, Fold, Plan, PlanSpec, Settled, StrategyKind, drive};
use portolan_sim::{World, WorldSpec};
use portolan_target::{AddressSet, Ports};

use super::counted_from_here;
use super::tape::{Played, Recorded};

const SEED: u64 = 7;

/// One host, every TCP port: open, refused, silent.
pub(crate) fn tcp_ports() -> u64 {
    played(
        r#"
        about = "every port of one host"
        targets = [{ addresses = "198.18.0.2", named = true }]
        ports = "1-65535"
        path = [{ node = "delay", ms = 5 }]

        [[hosts]]
        addresses = "198.18.0.2"
        rest = "closed"
        rules = [{ answer = "open", count = 500 }, { answer = "drop", share = 0.05 }]
        "#,
        StrategyKind::PerHost,
    )
}

/// One host, many UDP ports: answers, ICMP errors, silence.
pub(crate) fn udp_ports() -> u64 {
    played(
        r#"
        about = "many UDP ports of one host"
        targets = [{ addresses = "198.18.0.2", named = true }]
        udp_ports = "1-20000"
        path = [{ node = "delay", ms = 5 }]

        [[hosts]]
        addresses = "198.18.0.2"

        [hosts.udp]
        rest = "closed"
        rules = [{ answer = { service = { speaks = "a" } }, count = 500 }, { answer = "drop", share = 0.05 }]
        "#,
        StrategyKind::PerHost,
    )
}

/// Two ports of many addresses, of which a quarter is there.
pub(crate) fn sweep() -> u64 {
    played(
        r#"
        about = "two ports of a large network"
        targets = [{ addresses = "198.18.0.0-198.18.63.255" }]
        ports = "80,443"
        path = [{ node = "delay", ms = 5 }]

        [[hosts]]
        addresses = "198.18.16.0-198.18.31.255"
        rest = "closed"
        rules = [{ answer = "open", share = 0.3 }, { answer = "drop", share = 0.05 }]
        "#,
        StrategyKind::Sweep,
    )
}

/// What a scan of one host tells, each of its ports by itself.
pub(crate) fn settled() -> Vec<Settled> {
    let world = WorldSpec::parse(
        r#"
        about = "what is told of one host"
        targets = [{ addresses = "198.18.0.2", named = true }]
        ports = "1-8000"
        udp_ports = "1-2000"
        path = [
            { node = "delay", ms = 5 },
            { node = "firewall", ports = "100-600", reject = { with = "admin-prohibited", by = "198.18.0.1" } },
        ]

        [[hosts]]
        addresses = "198.18.0.2"
        rest = "closed"
        rules = [{ answer = "open", count = 1000 }, { answer = "drop", share = 0.05 }]

        [hosts.udp]
        rest = "closed"
        rules = [{ answer = { service = { speaks = "a" } }, count = 200 }, { answer = "drop", share = 0.05 }]
        "#,
    );
    let world = world.unwrap().build(SEED);
    let plan = plan(&world, Fold::Never);
    let mut door = world.sockets();
    let engine = Engine::new(plan, door.capacity());
    let mut told = Vec::new();
    drive(engine, &mut door, &mut |settled: Settled| told.push(settled));
    told
}

/// Scans the world once, and what it said again. One unit an endpoint.
fn played(world: &str, strategy: StrategyKind) -> u64 {
    let world = WorldSpec::parse(world).unwrap().build(SEED);
    let plan = plan(&world, Fold::Auto);
    assert_eq!(plan.strategy(), strategy);
    let endpoints = plan.endpoints();
    let mut door = Recorded::new(world.sockets());
    let (recorded, again) = (Engine::new(plan.clone(), door.capacity()), Engine::new(plan, door.capacity()));
    drive(recorded, &mut door, &mut drop::<Settled>);
    let mut door = Played::new(door.into_tape());
    counted_from_here(|| drive(again, &mut door, &mut drop::<Settled>));
    door.assert_at_end();
    u64::try_from(endpoints).unwrap()
}

fn plan(world: &World, fold: Fold) -> Plan {
    let hosts: AddressSet = world.targets().map(|target| target.range).collect();
    let named = world.targets().filter(|target| target.named).map(|target| target.range).collect();
    let products = vec![(hosts, Ports { tcp: world.ports().clone(), udp: world.udp_ports().clone() })];
    let spec =
        PlanSpec { products, named, fold, seed: SEED, probes: PROBES, secret: (1, 2), ..PlanSpec::default() };
    Plan::new(spec).unwrap()
}

/// The simulator's own little protocol: a request of kind `a` is `Qa` and an id, its answer `Aa` and the same id.
const PROBES: &[UdpProbe] = &[UdpProbe {
    name: "a",
    service: "kind-a",
    payload: &[Piece::Bytes(b"Qa"), ID],
    answer: &[Check::At { offset: 0, pieces: &[Piece::Bytes(b"Aa"), ID] }],
    generic: true,
    ..UdpProbe::EMPTY
}];

const ID: Piece = Piece::Cookie { from: 0, len: 8 };
