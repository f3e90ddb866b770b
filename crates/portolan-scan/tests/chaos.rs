//! Whatever a door says, in whatever order and however often: the engine ends, asks nothing outside its plan, tells each
//! endpoint of a listed host once, and its sums are those of what it told.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

mod strangers;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use portolan_model::sockets::{
    Capacity, Completion, Datagram, DatagramError, Event, Outcome, ProbeId, Request, Sockets,
};
use portolan_model::{
    Address, Check, Endpoint, Icmp, Instant, Mac, Piece, Ping, Pong, PortSet, Segment, Transport, UdpProbe,
};
use portolan_scan::{Discovery, Engine, Fold, Plan, PlanSpec, TcpMethod, drive};
use portolan_target::{AddressSet, Ports};
use proptest::prelude::*;
use strangers::{Dice, Notebook};

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

/// An attempt: a connect, a SYN or a ping, or a datagram with what is in it.
type Asked = (ProbeId, Endpoint, Option<Box<[u8]>>);

/// A door that says anything at any time: mostly about what was asked, sometimes about what was not.
struct Chaos {
    now: Instant,
    dice: Dice,
    /// How much of what is asked is answered somehow, of 256.
    talk: u8,
    asked: Vec<Asked>,
    told: Vec<Event>,
    outside: BTreeSet<Endpoint>,
    plan: BTreeSet<Endpoint>,
    /// Whom pings may ask, and whether by packets.
    hosts: BTreeSet<Address>,
    packets: usize,
}

impl Chaos {
    fn icmp(&mut self, to: Endpoint) -> Icmp {
        let router = Address::from(Ipv4Addr::new(192, 0, 2, 254));
        let from = self.dice.one(&[Some(to.address), Some(to.address), Some(router), None]);
        self.dice.icmp(to.address, from)
    }

    fn outcome(&mut self, to: Endpoint) -> Outcome {
        let segment = Segment { ttl: self.dice.next() as u8, window: 0 };
        match self.dice.below(if self.packets > 0 { 12 } else { 6 }) {
            6 => Outcome::SynAck(segment),
            7 => Outcome::Reset(segment),
            8 => Outcome::OffLink,
            9 => Outcome::Pong(Pong::Neighbour { mac: Mac([2, 0, 0, 0, 0, segment.ttl & 1]) }),
            10 => Outcome::Pong(Pong::Echo { ttl: segment.ttl & 1 }),
            11 => Outcome::Pong(self.dice.one(&[Pong::Timestamp { ttl: 1 }, Pong::Datagram { ttl: 1 }])),
            0 => Outcome::Connected { local: to.address.socket([to.port, 40_000][self.dice.below(2)]) },
            1 => Outcome::Refused,
            2 | 3 => Outcome::Icmp(self.icmp(to)),
            4 => Outcome::TimedOut,
            _ => Outcome::Local(self.dice.fault()),
        }
    }

    /// Some bytes: what was asked, turned into an answer, cut, garbled, or nothing of it.
    fn bytes(&mut self, payload: &[u8]) -> Box<[u8]> {
        let mut bytes = payload.to_vec();
        match self.dice.below(6) {
            0 | 1 => {
                bytes.iter_mut().take(1).for_each(|first| *first = if *first == b'T' { b'R' } else { b'A' })
            }
            2 => bytes.truncate(self.dice.below(6)),
            3 => bytes.iter_mut().for_each(|byte| *byte ^= 0x55),
            4 => bytes = vec![0; self.dice.below(40)],
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
        let which = self.dice.below(self.asked.len());
        let (probe, to, payload) = self.asked[which].clone();
        let stranger = self.dice.below(16) == 0;
        let port = if self.dice.below(8) == 0 { self.dice.below(70_000) as u16 } else { to.port };
        let from = if stranger {
            Endpoint { address: Ipv4Addr::new(198, 51, 100, 9).into(), ..to }
        } else {
            Endpoint { port, ..to }
        };
        let event = match payload {
            None => match self.dice.below(12) {
                0 => Event::Held(probe),
                1 => Event::Left { probe, at },
                _ => Event::Connect(Completion { probe, sent: at, at, outcome: self.outcome(to) }),
            },
            Some(payload) => match self.dice.below(3) {
                0 => Event::Datagram(Datagram {
                    from,
                    local: 40_000 + (probe.slot % 1000) as u16,
                    at,
                    ttl: Some((probe.slot % 256) as u8).filter(|ttl| *ttl > 99),
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
        for _ in 0..=self.dice.below(2) {
            self.told.push(event.clone());
        }
    }
}

impl Sockets for Chaos {
    fn now(&self) -> Instant {
        self.now
    }

    fn capacity(&self) -> Capacity {
        Capacity { sockets: 64, packets: self.packets, datagrams: 64 }
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        inbox.append(&mut self.told);
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        for request in outbox.drain(..) {
            let (probe, to, payload) = match request {
                Request::Connect { probe, to } | Request::Syn { probe, to } | Request::Ack { probe, to } => {
                    (probe, to, None)
                }
                Request::Ping { probe, to, .. } => {
                    assert!(self.packets > 0, "nobody can ask so");
                    (probe, Endpoint::tcp(to, 0), None)
                }
                Request::Datagram { probe, to, payload, .. } => (probe, to, Some(payload)),
                Request::Abandon(_) => continue,
            };
            let is_ping = to.transport == Transport::Tcp && [0, 80, 443].contains(&to.port);
            let may_be_pinged = is_ping && self.hosts.contains(&to.address);
            if !self.plan.contains(&to) && !may_be_pinged {
                self.outside.insert(to);
            }
            if payload.is_some() {
                let (at, local) = (self.now, 40_000 + (probe.slot % 1000) as u16);
                let told = match self.dice.below(12) {
                    0 => Event::Unsent { probe, at, fault: self.dice.fault() },
                    _ => Event::Sent { probe, at, local, held: 0 },
                };
                self.told.push(told);
            }
            self.asked.push((probe, to, payload));
            if self.dice.chance(self.talk) {
                self.comes();
            }
        }
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        let nap = self.now + Duration::from_millis(1 + self.dice.next() % 400);
        self.now =
            deadline.map_or(nap, |deadline| deadline.min(nap)).max(self.now + Duration::from_micros(1));
        if self.dice.chance(self.talk) {
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
    search: Search,
}

/// How hosts are looked for.
#[derive(Clone, Debug)]
struct Search {
    pings: Option<Vec<Ping>>,
    named_too: bool,
    hosts_only: bool,
    packets: bool,
}

fn search() -> impl Strategy<Value = Search> {
    let some = prop::collection::vec(0usize..6, 0..5).prop_map(|some| {
        let all =
            [Ping::Echo, Ping::Timestamp, Ping::Syn(443), Ping::Ack(80), Ping::Udp(443), Ping::Neighbour];
        some.into_iter().map(|at| all[at]).collect()
    });
    (prop::option::of(some), any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(pings, named_too, hosts_only, packets)| Search { pings, named_too, hosts_only, packets })
}

fn voyage() -> impl Strategy<Value = Voyage> {
    let shape = (0u16..30, 0u16..30, 1u8..24, any::<bool>(), any::<bool>(), any::<bool>());
    let pace = (prop::option::of(5u64..5000), prop::option::of(0u32..400), any::<u8>(), any::<u64>());
    (shape, pace, search()).prop_map(
        |((tcp, udp, hosts, named, fold, v6), (rate, stop_after, talk, seed), search)| Voyage {
            search,
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
        },
    )
}

fn address(v6: bool, n: u8) -> Address {
    match v6 {
        false => Ipv4Addr::new(192, 0, 2, n).into(),
        true => Address::from(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into()))),
    }
}

/// Whether nothing but hosts is looked for: some scans of a discovery.
fn hosts_only(voyage: &Voyage) -> bool {
    voyage.search.pings.is_some() && voyage.search.hosts_only
}

fn plan(voyage: &Voyage) -> Plan {
    let hosts: AddressSet = (1..=voyage.hosts).map(|n| address(voyage.v6, n)).collect();
    let some = |n: u16| (1..=if hosts_only(voyage) { 0 } else { n }).collect::<PortSet>();
    let Search { pings, named_too, packets, .. } = voyage.search.clone();
    let discovery = pings.map(|pings| Discovery { pings, named_too, collapse_aliased: true });
    Plan::new(PlanSpec {
        discovery,
        hosts_only: hosts_only(voyage),
        tcp: if packets { TcpMethod::Syn } else { TcpMethod::Connect },
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
            .filter(|_| !hosts_only(&voyage))
            .collect();
        let mut door = Chaos {
            now: Instant::ZERO,
            dice: Dice::new(voyage.seed),
            talk: voyage.talk,
            asked: Vec::new(),
            told: Vec::new(),
            outside: BTreeSet::new(),
            plan: endpoints.clone(),
            hosts: (1..=voyage.hosts).filter(|_| voyage.search.pings.is_some()).map(|n| address(voyage.v6, n)).collect(),
            packets: if voyage.search.packets { 64 } else { 0 },
        };
        let mut notebook = Notebook::new(voyage.stop_after);
        let finish = drive(Engine::new(plan, door.capacity()), &mut door, &mut notebook);
        prop_assert!(door.outside.is_empty(), "asked outside the plan: {:?}", door.outside);
        notebook.check(&endpoints, &finish);
    }
}
