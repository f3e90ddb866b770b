//! Whatever a door says, in whatever order and however often: the engine ends, asks nothing outside its plan, tells each
//! endpoint of a listed host once, and its sums are those of what it told.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use portolan_model::sockets::{
    Capacity, Completion, Datagram, DatagramError, Event, Outcome, ProbeId, Request, Sockets,
};
use portolan_model::{
    Address, Endpoint, Icmp, IcmpFamily, Instant, LocalFault, PortSet, Transport, UdpProbe, Verdict,
};
use portolan_model::{Check, Counts, Piece};
use portolan_scan::{Engine, Fold, Plan, PlanSpec, Settled};
use portolan_target::{AddressSet, Ports};
use proptest::prelude::*;

const ID: Piece = Piece::Cookie { from: 0, len: 4 };

const PROBES: &[UdpProbe] = &[
    UdpProbe {
        name: "a",
        service: "a",
        ports: &[1, 2],
        payload: &[Piece::Bytes(b"Q"), ID],
        answer: &[Check::At { offset: 0, pieces: &[Piece::Bytes(b"A"), ID] }],
        generic: true,
        ..UdpProbe::EMPTY
    },
    UdpProbe {
        name: "t",
        service: "t",
        ports: &[2, 3],
        payload: &[Piece::Bytes(b"T"), ID],
        answer: &[Check::At { offset: 0, pieces: &[Piece::Bytes(b"R")] }],
        elsewhere: true,
        generic: false,
        patience_ms: 700,
    },
];

/// An attempt: a connect, or a datagram with what is in it.
type Asked = (ProbeId, Endpoint, Option<Box<[u8]>>);

/// A door that says anything at any time: mostly about what was asked, sometimes about what was not.
struct Chaos {
    now: Instant,
    state: u64,
    /// How much of what is asked is answered somehow, of 256.
    talk: u8,
    asked: Vec<Asked>,
    told: Vec<Event>,
    outside: BTreeSet<Endpoint>,
    plan: BTreeSet<Endpoint>,
}

impl Chaos {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn fault(&mut self) -> LocalFault {
        [
            LocalFault::Firewall,
            LocalFault::NoRoute,
            LocalFault::NoNeighbour { on_link: true },
            LocalFault::NoNeighbour { on_link: false },
            LocalFault::Permission,
            LocalFault::NoPorts,
            LocalFault::NoDescriptors,
            LocalFault::NoBuffers,
            LocalFault::Other(22),
        ][self.below(9)]
    }

    fn icmp(&mut self, to: Endpoint) -> Icmp {
        let family = if to.address.is_ipv6() { IcmpFamily::V6 } else { IcmpFamily::V4 };
        let from = match self.below(4) {
            0 | 1 => Some(to.address),
            2 => Some(Address::from(Ipv4Addr::new(192, 0, 2, 254))),
            _ => None,
        };
        let icmp_type = [3, 11, 1, 12, 4, 255][self.below(6)];
        Icmp { family, icmp_type, code: self.below(17) as u8, from, ttl: None }
    }

    fn outcome(&mut self, to: Endpoint) -> Outcome {
        match self.below(6) {
            0 => Outcome::Connected { local: to.address.socket([to.port, 40_000][self.below(2)]) },
            1 => Outcome::Refused,
            2 | 3 => Outcome::Icmp(self.icmp(to)),
            4 => Outcome::TimedOut,
            _ => Outcome::Local(self.fault()),
        }
    }

    /// Some bytes: what was asked, turned into an answer, cut, garbled, or nothing of it.
    fn bytes(&mut self, payload: &[u8]) -> Box<[u8]> {
        let mut bytes = payload.to_vec();
        match self.below(6) {
            0 | 1 => {
                bytes.iter_mut().take(1).for_each(|first| *first = if *first == b'T' { b'R' } else { b'A' })
            }
            2 => bytes.truncate(self.below(6)),
            3 => bytes.iter_mut().for_each(|byte| *byte ^= 0x55),
            4 => bytes = vec![0; self.below(40)],
            _ => {}
        }
        bytes.into()
    }

    /// Something comes, about something asked once upon a time.
    fn comes(&mut self) {
        if self.asked.is_empty() {
            return;
        }
        let at = self.now;
        let which = self.below(self.asked.len());
        let (probe, to, payload) = self.asked[which].clone();
        let stranger = self.below(16) == 0;
        let port = if self.below(8) == 0 { self.below(70_000) as u16 } else { to.port };
        let from = if stranger {
            Endpoint { address: Ipv4Addr::new(198, 51, 100, 9).into(), ..to }
        } else {
            Endpoint { port, ..to }
        };
        let event = match payload {
            None => Event::Connect(Completion { probe, sent: at, at, outcome: self.outcome(to) }),
            Some(payload) => match self.below(3) {
                0 => Event::Datagram(Datagram {
                    from,
                    local: 40_000 + (probe.slot % 1000) as u16,
                    at,
                    bytes: self.bytes(&payload),
                }),
                1 => {
                    let quoted = self.bytes(&payload);
                    let outcome = self.outcome(to);
                    Event::Error(DatagramError { to: from, at, outcome, quoted })
                }
                _ => Event::Overrun { count: 3, at },
            },
        };
        for _ in 0..=self.below(2) {
            self.told.push(event.clone());
        }
    }
}

impl Sockets for Chaos {
    fn now(&self) -> Instant {
        self.now
    }

    fn capacity(&self) -> Capacity {
        Capacity { sockets: 64, datagrams: 64 }
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        inbox.append(&mut self.told);
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        for request in outbox.drain(..) {
            let (probe, to, payload) = match request {
                Request::Connect { probe, to } => (probe, to, None),
                Request::Datagram { probe, to, payload, .. } => (probe, to, Some(payload)),
                Request::Abandon(_) => continue,
            };
            if !self.plan.contains(&to) {
                self.outside.insert(to);
            }
            if payload.is_some() {
                let (at, local) = (self.now, 40_000 + (probe.slot % 1000) as u16);
                let told = match self.below(12) {
                    0 => Event::Unsent { probe, at, fault: self.fault() },
                    _ => Event::Sent { probe, at, local, held: 0 },
                };
                self.told.push(told);
            }
            self.asked.push((probe, to, payload));
            if (self.next() & 255) < u64::from(self.talk) {
                self.comes();
            }
        }
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        let nap = self.now + Duration::from_millis(1 + self.next() % 400);
        self.now =
            deadline.map_or(nap, |deadline| deadline.min(nap)).max(self.now + Duration::from_micros(1));
        if (self.next() & 255) < u64::from(self.talk) {
            self.comes();
        }
    }
}

#[derive(Clone, Debug)]
struct Voyage {
    tcp: u16,
    udp: u16,
    hosts: u8,
    named: bool,
    fold: bool,
    v6: bool,
    rate: Option<u64>,
    stop_after: Option<u32>,
    talk: u8,
    seed: u64,
}

fn voyage() -> impl Strategy<Value = Voyage> {
    let shape = (0u16..30, 0u16..30, 1u8..24, any::<bool>(), any::<bool>(), any::<bool>());
    let pace = (prop::option::of(5u64..5000), prop::option::of(0u32..400), any::<u8>(), any::<u64>());
    (shape, pace).prop_map(|((tcp, udp, hosts, named, fold, v6), (rate, stop_after, talk, seed))| Voyage {
        tcp,
        udp: if tcp == 0 { udp.max(1) } else { udp },
        hosts,
        named,
        fold,
        v6,
        rate,
        stop_after,
        talk,
        seed,
    })
}

fn address(v6: bool, n: u8) -> Address {
    match v6 {
        false => Ipv4Addr::new(192, 0, 2, n).into(),
        true => Address::from(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into()))),
    }
}

fn plan(voyage: &Voyage) -> Plan {
    let hosts: AddressSet = (1..=voyage.hosts).map(|n| address(voyage.v6, n)).collect();
    let some = |n: u16| (1..=n).collect::<PortSet>();
    Plan::new(PlanSpec {
        products: vec![(hosts.clone(), Ports { tcp: some(voyage.tcp), udp: some(voyage.udp) })],
        named: if voyage.named { hosts } else { AddressSet::new() },
        fold: if voyage.fold { Fold::Auto } else { Fold::Never },
        max_rate: voyage.rate,
        seed: voyage.seed,
        probes: PROBES,
        secret: (voyage.seed, 9),
        ..PlanSpec::default()
    })
    .unwrap()
}

/// What was told, one state an endpoint.
#[derive(Default)]
struct Notebook {
    states: BTreeMap<Endpoint, portolan_model::PortState>,
    twice: Vec<Endpoint>,
    stray_updates: Vec<Endpoint>,
    hosts: BTreeSet<Address>,
}

impl Notebook {
    fn one(&mut self, verdict: &Verdict) {
        if self.states.insert(verdict.endpoint, verdict.state()).is_some() {
            self.twice.push(verdict.endpoint);
        }
    }

    fn note(&mut self, settled: &Settled) {
        match settled {
            Settled::Verdict(verdict) => self.one(verdict),
            Settled::Update(verdict) => {
                if self.states.insert(verdict.endpoint, verdict.state()).is_none() {
                    self.stray_updates.push(verdict.endpoint);
                }
            }
            Settled::Group(group) => {
                for range in &group.targets {
                    let hosts: AddressSet = [*range].into_iter().collect();
                    for (address, port) in
                        hosts.iter().flat_map(|address| group.ports.iter().map(move |port| (address, port)))
                    {
                        let endpoint = Endpoint { address, transport: group.transport, port };
                        if self.states.insert(endpoint, group.state).is_some() {
                            self.twice.push(endpoint);
                        }
                    }
                }
            }
            Settled::Host(host) => {
                self.hosts.insert(host.target);
            }
            Settled::Warning(_) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::default())]

    #[test]
    fn no_door_confuses_the_engine(voyage in voyage()) {
        let plan = plan(&voyage);
        let endpoints: BTreeSet<Endpoint> = (1..=voyage.hosts)
            .flat_map(|n| {
                let address = address(voyage.v6, n);
                let over = |transport, ports: u16| (1..=ports).map(move |port| Endpoint { address, transport, port });
                over(Transport::Tcp, voyage.tcp).chain(over(Transport::Udp, voyage.udp))
            })
            .collect();
        let mut door = Chaos {
            now: Instant::ZERO,
            state: voyage.seed,
            talk: voyage.talk,
            asked: Vec::new(),
            told: Vec::new(),
            outside: BTreeSet::new(),
            plan: endpoints.clone(),
        };
        let mut engine = Engine::new(plan, door.capacity());
        let mut notebook = Notebook::default();
        let (mut inbox, mut outbox) = (Vec::new(), Vec::new());
        let mut turns = 0u32;
        let finish = loop {
            turns += 1;
            prop_assert!(turns < 400_000, "it does not end; {:?}", door.now);
            door.receive(&mut inbox);
            inbox.drain(..).for_each(|event| engine.handle_event(event));
            let now = door.now();
            if voyage.stop_after.is_some_and(|after| turns > after) {
                engine.handle_stop(now);
            }
            engine.handle_timeout(now);
            while outbox.len() < 16 && let Some(request) = engine.poll_probe(now) {
                outbox.push(request);
            }
            let asked = !outbox.is_empty();
            door.transmit(&mut outbox);
            while let Some(settled) = engine.poll_verdict() {
                notebook.note(&settled);
            }
            if engine.is_done() {
                break engine.finish(door.now());
            }
            if !asked {
                door.wait_until(engine.poll_timeout(now));
            }
        };
        prop_assert!(door.outside.is_empty(), "asked outside the plan: {:?}", door.outside);
        prop_assert!(notebook.twice.is_empty(), "told twice: {:?}", notebook.twice);
        prop_assert!(notebook.stray_updates.is_empty(), "updates of nothing: {:?}", notebook.stray_updates);
        let untold = |host: &Address| endpoints.iter().filter(|of| of.address == *host && !notebook.states.contains_key(of)).count();
        for host in &notebook.hosts {
            prop_assert_eq!(untold(host), 0, "of {:?}", host);
        }
        let mut counts = Counts::default();
        notebook.states.values().for_each(|state| counts.add(*state, 1));
        prop_assert_eq!(counts, finish.counts);
        let all = counts.total() + u64::try_from(finish.endpoints_unlisted).unwrap();
        prop_assert_eq!(all, endpoints.len() as u64, "every endpoint is told or counted");
    }
}
