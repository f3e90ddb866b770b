//! A scan that is stopped at any instant and resumed, as often as one likes, tells what an uninterrupted one tells.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

#[path = "voyage/probes.rs"]
mod probes;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use portolan_model::sockets::{Capacity, Event, Request, Sockets};
use portolan_model::{
    Checkpoint, Ended, Endpoint, Instant, OpenHost, OpenPorts, PortSet, PortState, Transport,
};
use portolan_scan::{Engine, Framed, Outlet, Plan, PlanSpec, Settled, Shard, TcpMethod, drive_kept};
use portolan_sim::{SimSockets, World, WorldSpec, all_worlds};
use portolan_target::{AddressSet, Ports};
use probes::PROBES;
use proptest::prelude::*;

/// Worlds whose answers depend on when, how often or in which order they are asked: two runs need not tell the same of
/// them, stopped or not.
const CHANGING: &[&str] = &[
    "ban-for-ever",
    "busy",
    "dies",
    "dies-among-others",
    "flap-host-unreach",
    "flap-net-unreach",
    "mixed",
    "outage-for-ever",
    "split",
    // How much a full queue drops depends on when it is asked, and a scan that knows of little loss says more.
    "tail-drop",
    "tail-drop-back",
    "turns-open",
    "udp-ban",
    "udp-dies",
    "udp-everything",
    "udp-flap",
    "udp-forged-bare-icmp",
    "udp-icmp-limit-linux",
    "udp-icmp-limit-shared",
    "udp-icmp-limit-window",
    "udp-late",
    "udp-nat",
    "udp-range-unreachable",
    "udp-tail-drop",
    "udp-unquoting-loss",
    "udp-v6-icmp-limit",
];

/// In so many places each scan is stopped.
const STOPS: u64 = 8;

/// What the runs of one scan told, the last word on each endpoint.
type Told = BTreeMap<Endpoint, PortState>;

/// A run that is stopped when its loop has turned so often.
struct Until<'a> {
    told: &'a mut Told,
    turns: Cell<u64>,
    stop_at: u64,
}

impl Outlet for Until<'_> {
    fn push(&mut self, settled: Settled) {
        match settled {
            Settled::Verdict(verdict) | Settled::Update(verdict) => {
                self.told.insert(verdict.endpoint, verdict.state());
            }
            Settled::Group(group) => {
                let hosts: AddressSet = group.targets.iter().copied().collect();
                let endpoint = |address, port| Endpoint { address, transport: group.transport, port };
                for address in hosts.iter() {
                    self.told.extend(group.ports.iter().map(|port| (endpoint(address, port), group.state)));
                }
            }
            Settled::Host(_) | Settled::Warning(_) | Settled::Progress(_) => {}
        }
    }

    fn is_stopped(&self) -> bool {
        self.turns.set(self.turns.get() + 1);
        self.turns.get() > self.stop_at
    }
}

/// A scan to be made in one run or several.
struct Voyage<'a> {
    spec: &'a WorldSpec,
    tcp: TcpMethod,
    seed: u64,
    shard: Option<Shard>,
}

impl Voyage<'_> {
    fn world(&self) -> World {
        self.spec.build(self.seed)
    }

    fn plan(&self) -> Plan {
        let world = self.world();
        let named = world.targets().filter(|target| target.named).map(|target| target.range).collect();
        let hosts: AddressSet = world.targets().map(|target| target.range).collect();
        let ports = Ports { tcp: world.ports().clone(), udp: world.udp_ports().clone() };
        let (tcp, seed, shard, secret) = (self.tcp, self.seed, self.shard, (self.seed, !self.seed));
        let products = vec![(hosts, ports)];
        Plan::new(PlanSpec {
            products,
            named,
            tcp,
            seed,
            shard,
            probes: PROBES,
            secret,
            ..PlanSpec::default()
        })
        .unwrap()
    }

    /// One run: where it ended, after how many turns of its loop, and how often it asked.
    fn run(&self, from: &Checkpoint, told: &mut Told, stop_at: u64) -> (Checkpoint, u64, u64) {
        let mut door = Framed::new(self.world().sockets(), (!self.seed, self.seed));
        let mut engine = Engine::resume(self.plan(), door.capacity(), from);
        let mut until = Until { told, turns: Cell::new(0), stop_at };
        let finish = drive_kept(&mut engine, &mut door, &mut until);
        let checkpoint = engine.checkpoint();
        assert!(checkpoint.complete || finish.ended == Ended::Interrupted, "{checkpoint:?}");
        assert_eq!(checkpoint.plan, self.plan().hash());
        (checkpoint, until.turns.get(), finish.packets)
    }

    /// The whole of it in one run.
    fn whole(&self) -> (Told, u64, u64) {
        let mut told = Told::new();
        let (end, turns, packets) = self.run(&Checkpoint::default(), &mut told, u64::MAX);
        assert!(end.complete && end.open.is_empty(), "{end:?}");
        (told, turns, packets)
    }

    /// Runs that are stopped after so many turns each, and one that is not: what they told, and how often they asked.
    fn in_parts(&self, stops: impl IntoIterator<Item = u64>) -> (Told, Vec<u64>) {
        let (mut told, mut at, mut packets) = (Told::new(), Checkpoint::default(), Vec::new());
        for stop_at in stops.into_iter().chain([u64::MAX]) {
            let (next, _, asked) = self.run(&at, &mut told, stop_at);
            assert!(at.done.ranges().flatten().all(|visit| next.done.contains(visit)), "{at:?} {next:?}");
            at = next;
            packets.push(asked);
        }
        assert!(at.complete && at.open.is_empty(), "{at:?}");
        (told, packets)
    }
}

/// Every world by every method that it can be asked by.
fn voyages(seed: u64, each: impl Fn(&str, &Voyage<'_>)) {
    for (name, spec) in all_worlds().unwrap() {
        let world = spec.build(seed);
        let by_syn = !world.has_local_firewall() && !world.has_own_hosts() && !world.ports().is_empty();
        for tcp in [TcpMethod::Connect, TcpMethod::Syn] {
            if tcp == TcpMethod::Connect || by_syn {
                each(&name, &Voyage { spec: &spec, tcp, seed, shard: None });
            }
        }
    }
}

/// Nothing is missing, and, where that is to be expected, nothing differs.
fn compare(name: &str, at: &str, voyage: &Voyage<'_>, parts: &Told, whole: &Told) {
    let world = voyage.world();
    // Of an address where nobody is a router may speak or not.
    let missing =
        whole.keys().filter(|endpoint| !parts.contains_key(endpoint) && world.truth(**endpoint).exists);
    assert_eq!(missing.count(), 0, "{name}, stopped at {at}: endpoints not told");
    if CHANGING.contains(&name) {
        return;
    }
    let differs = |(endpoint, state): (&Endpoint, &PortState)| {
        (whole.get(endpoint) != Some(state))
            .then(|| format!("{endpoint} {state:?}, not {:?}", whole.get(endpoint)))
    };
    let differences: Vec<String> = parts.iter().filter_map(differs).collect();
    assert!(differences.is_empty(), "{name}, stopped at {at}: {differences:?}");
}

#[test]
fn stopped_anywhere_and_resumed_it_tells_what_one_run_tells() {
    voyages(5, |name, voyage| {
        let (whole, turns, _) = voyage.whole();
        for part in 0..STOPS {
            let stop_at = turns * part / STOPS;
            let (told, _) = voyage.in_parts([stop_at]);
            compare(name, &format!("turn {stop_at} of {turns}"), voyage, &told, &whole);
        }
    });
}

#[test]
fn stopped_again_and_again_it_comes_to_the_same_end() {
    voyages(6, |name, voyage| {
        let (whole, turns, _) = voyage.whole();
        // Among them runs that are stopped before they ask anything.
        let stops = [0, turns / 7, turns / 2, 0, turns / 11, turns / 3, 3];
        let (told, _) = voyage.in_parts(stops);
        compare(name, &format!("{stops:?}"), voyage, &told, &whole);
    });
}

#[test]
fn shards_that_were_stopped_are_together_the_whole() {
    const COUNT: u32 = 4;
    for (name, spec) in all_worlds().unwrap().iter().filter(|(name, _)| !CHANGING.contains(&name.as_str())) {
        let voyage = |shard| Voyage { spec, tcp: TcpMethod::Connect, seed: 7, shard };
        let (whole, turns, _) = voyage(None).whole();
        let mut parts = Told::new();
        for index in 1..=COUNT {
            let voyage = voyage(Some(Shard { index, count: COUNT }));
            let (told, _) = voyage.in_parts([turns / 5 / u64::from(index)]);
            assert!(told.keys().all(|endpoint| !parts.contains_key(endpoint)), "{name}: told by two shards");
            parts.extend(told);
        }
        compare(name, "each shard", &voyage(None), &parts, &whole);
    }
}

/// A silence at the moment of the stop is no answer where answers take their time.
#[test]
fn no_late_answer_is_lost_by_a_stop() {
    let (_, spec) = all_worlds().unwrap().into_iter().find(|(name, _)| name == "udp-late").unwrap();
    for seed in 1..=4 {
        let voyage = Voyage { spec: &spec, tcp: TcpMethod::Connect, seed, shard: None };
        let open = |told: &Told| {
            let open = told.iter().filter(|(_, state)| **state == PortState::Open);
            open.map(|(endpoint, _)| *endpoint).collect::<BTreeSet<_>>()
        };
        let (whole, turns, _) = voyage.whole();
        for stop_at in 0..turns {
            let (told, _) = voyage.in_parts([stop_at]);
            assert!(open(&told).is_superset(&open(&whole)), "seed {seed}, stopped at {stop_at} of {turns}");
        }
    }
}

#[test]
fn what_is_settled_is_not_asked_again() {
    for (name, share) in [("all-open", 0.1), ("clean", 0.3), ("loss-10", 0.5), ("udp-clean", 0.5)] {
        let (_, spec) = all_worlds().unwrap().into_iter().find(|(known, _)| known == name).unwrap();
        let voyage = Voyage { spec: &spec, tcp: TcpMethod::Connect, seed: 8, shard: None };
        let (_, turns, whole) = voyage.whole();
        let (_, packets) = voyage.in_parts([turns * 19 / 20]);
        let again = packets[1] as f64 / whole as f64;
        assert!(again < share, "{name}: {packets:?} of {whole}");
    }
}

#[test]
fn blocks_of_a_sweep_that_are_over_are_not_asked_again() {
    let spec = WorldSpec::parse(BLOCKS).unwrap();
    let voyage = Voyage { spec: &spec, tcp: TcpMethod::Connect, seed: 9, shard: None };
    let (whole, turns, all) = voyage.whole();
    let (told, packets) = voyage.in_parts([turns * 3 / 4]);
    compare("blocks", "three quarters", &voyage, &told, &whole);
    assert!(packets[1] < all * 6 / 10, "{packets:?} of {all}");
}

const BLOCKS: &str = r#"
about = "Two blocks of a sweep, nearly empty."
targets = [{ addresses = "10.0.0.0-10.1.255.255" }]
ports = "80"
[[hosts]]
addresses = "10.0.255.0-10.1.0.255"
rest = "open"
"#;

/// A door that remembers what it was asked for.
struct Watched {
    door: SimSockets,
    asked: BTreeSet<Endpoint>,
}

impl Sockets for Watched {
    fn now(&self) -> Instant {
        self.door.now()
    }

    fn capacity(&self) -> Capacity {
        self.door.capacity()
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        self.door.receive(inbox);
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        self.asked.extend(outbox.iter().filter_map(|request| match request {
            Request::Connect { to, .. }
            | Request::Syn { to, .. }
            | Request::Ack { to, .. }
            | Request::Datagram { to, .. } => Some(*to),
            Request::Ping { to, ping, .. } => Some(Endpoint::tcp(*to, ping.port().unwrap_or(0))),
            Request::Abandon(_) => None,
        }));
        self.door.transmit(outbox);
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        self.door.wait_until(deadline);
    }
}

const FEW: &str = r#"
about = "A few hosts over both transports."
targets = [{ addresses = "10.0.0.0-10.0.0.15" }]
ports = "20-40"
udp_ports = "1-5"
[[hosts]]
addresses = "10.0.0.0-10.0.0.9"
rest = "closed"
rules = [{ answer = "open", share = 0.3 }]
udp = { rest = "closed" }
"#;

fn open_ports() -> impl Strategy<Value = OpenPorts> {
    let set =
        || prop::collection::vec(0u16..60, 0..8).prop_map(|ports| ports.into_iter().collect::<PortSet>());
    let witnesses = prop::collection::vec(0u16..60, 0..6);
    (set(), witnesses, set(), set(), any::<(u32, u32)>(), any::<bool>()).prop_map(
        |(settled, witnesses, silent, unanswered, answers, spell)| OpenPorts {
            settled,
            witnesses,
            silent,
            unanswered,
            answers,
            spell,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a checkpoint says, nothing is asked that the plan does not hold, and what it calls neither done nor
    /// settled is asked.
    #[test]
    fn no_checkpoint_widens_a_scan(
        done in prop::collection::vec((0u64..20, 0u64..4), 0..4),
        open in prop::collection::vec((0u64..20, any::<bool>(), open_ports(), open_ports()), 0..5),
        seed: u64,
    ) {
        let spec = WorldSpec::parse(FEW).unwrap();
        let voyage = Voyage { spec: &spec, tcp: TcpMethod::Connect, seed, shard: None };
        let host = |(visit, heard, tcp, udp)| OpenHost { visit, heard, tcp, udp };
        let from = Checkpoint {
            done: done.into_iter().map(|(first, more)| first..=first + more).collect(),
            open: open.into_iter().map(host).collect(),
            ..Checkpoint::default()
        };
        let mut door = Watched { door: voyage.world().sockets(), asked: BTreeSet::new() };
        let (plan, capacity) = (voyage.plan(), door.capacity());
        let mut engine = Engine::resume(plan.clone(), capacity, &from);
        drive_kept(&mut engine, &mut door, &mut |_: Settled| {});
        prop_assert!(engine.checkpoint().complete);
        let inside: BTreeSet<Endpoint> = voyage.world().endpoints().collect();
        prop_assert!(door.asked.is_subset(&inside));
        for visit in (0..plan.shard_hosts()).filter(|visit| !from.done.contains(*visit)) {
            let (address, _) = plan.visit(visit);
            let settled = from.open.iter().rfind(|host| host.visit == visit).map(|host| &host.tcp.settled);
            let asked = |port: &u16| door.asked.contains(&Endpoint { address, transport: Transport::Tcp, port: *port });
            let exists = voyage.world().truth(Endpoint { address, transport: Transport::Tcp, port: 20 }).exists;
            let left = (20u16..=40).filter(|port| !settled.is_some_and(|settled| settled.contains(*port)));
            prop_assert!(!exists || left.clone().all(|port| asked(&port)), "{address}");
        }
    }
}
