//! A door that keeps its own contract (each datagram leaves or does not, each connect ends at most once) before a network
//! that keeps none: strangers, forgers, boxes on the way, late and doubled answers, and a receive queue that somebody else
//! fills. What is told rests on what was really shown, what was opened is given up, and it ends.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

mod strangers;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use portolan_model::sockets::{
    Capacity, Completion, Datagram, DatagramError, Event, Outcome, ProbeId, Request, Sockets,
};
use portolan_model::{
    Address, Because, Check, Endpoint, Finish, HostState, Icmp, IcmpFamily, Instant, Level, LocalFault, Mac,
    Piece, Ping, Pong, PortSet, PortState, Reason, Segment, Transport, UdpProbe, Verdict,
};
use portolan_scan::{Discovery, Engine, Fold, Plan, PlanSpec, Settled, drive};
use portolan_target::{AddressSet, Ports};
use proptest::prelude::*;
use strangers::{Dice, Notebook, PORT_UNREACHABLE};

const ID: Piece = Piece::Cookie { from: 0, len: 4 };

/// `a` is asked wherever nothing else is known; `t` may answer from another port; `n` has no id.
const PROBES: &[UdpProbe] = &[
    UdpProbe {
        name: "a",
        service: "a",
        ports: &[1, 2, 9, 20, 21, 22],
        payload: &[Piece::Bytes(b"Qa"), ID],
        answer: &[Check::At { offset: 0, pieces: &[Piece::Bytes(b"Aa"), ID] }],
        generic: true,
        ..UdpProbe::EMPTY
    },
    UdpProbe {
        name: "t",
        service: "t",
        ports: &[2, 3, 4],
        payload: &[Piece::Bytes(b"Qt"), ID],
        answer: &[Check::At { offset: 0, pieces: &[Piece::Bytes(b"At"), ID] }],
        elsewhere: true,
        generic: false,
        patience_ms: 700,
    },
    UdpProbe {
        name: "n",
        service: "n",
        ports: &[5, 9],
        payload: &[Piece::Bytes(b"Qn")],
        answer: &[Check::At { offset: 0, pieces: &[Piece::Bytes(b"An")] }],
        generic: false,
        ..UdpProbe::EMPTY
    },
];

/// An attempt: a connect, or a datagram with what is in it.
type Asked = (ProbeId, Endpoint, Option<Box<[u8]>>);

/// The port that all datagrams leave from that need none of their own.
const SHARED: u16 = 40_000;

/// What the network and the machine have shown of an endpoint.
#[derive(Copy, Clone, Default, Debug)]
struct Shown {
    /// Datagrams, or connects, that were carried out.
    sent: u32,
    /// An answer that only who saw the question can have made.
    echo: bool,
    /// Any datagram, or a connection.
    answer: bool,
    /// The target's own port unreachable, with the id of what was sent …
    closed_with_id: bool,
    /// … and whatever it quotes; over TCP a RST.
    closed: bool,
    /// Any ICMP error that quotes the id of what was sent …
    icmp_with_id: bool,
    /// … and whatever it quotes.
    icmp: bool,
}

struct Hostile {
    now: Instant,
    dice: Dice,
    world: World,
    plan: BTreeSet<Endpoint>,
    asked: Vec<Asked>,
    waiting: BTreeSet<(u32, u32)>,
    most_waiting: usize,
    own: BTreeMap<(u32, u32), u16>,
    opened: u16,
    queue: Vec<Event>,
    /// Hosts that answered themselves, and those that somebody, or our link, called absent.
    up: BTreeSet<Address>,
    absent: BTreeSet<Address>,
    outside: Vec<Endpoint>,
    shown: BTreeMap<Endpoint, Shown>,
    times: Vec<Instant>,
}

/// How hostile it is; each share of 256.
#[derive(Clone, Debug)]
struct World {
    hosts: u8,
    tcp: u16,
    udp: u16,
    other_udp: u16,
    named: bool,
    fold: bool,
    zoned: bool,
    capacity: (usize, usize),
    own_ports: usize,
    rate: Option<u64>,
    stop_after: Option<u32>,
    talk: u8,
    unsent: u8,
    overrun: u8,
    seed: u64,
    /// Hosts are looked for, perhaps by packets.
    search: Option<bool>,
}

fn world() -> impl Strategy<Value = World> {
    let shape = (1u8..14, 0u16..20, 0u16..20, 0u16..30, any::<bool>(), any::<bool>(), any::<bool>());
    let machine = (1usize..40, 1usize..40, 0usize..12, prop::option::of(5u64..5000));
    let share = || prop_oneof![3 => Just(0u8), 2 => any::<u8>(), 1 => Just(255u8)];
    let search = prop::option::of(any::<bool>());
    let net = (prop::option::of(0u32..400), share(), share(), share(), any::<u64>(), search);
    (shape, machine, net).prop_map(|((hosts, tcp, udp, other_udp, named, fold, zoned), machine, net)| {
        let (sockets, datagrams, own_ports, rate) = machine;
        let (stop_after, talk, unsent, overrun, seed, search) = net;
        World {
            hosts,
            tcp,
            udp: udp.max(u16::from(tcp == 0)),
            other_udp,
            named,
            fold,
            zoned,
            capacity: (sockets, datagrams),
            own_ports,
            rate,
            stop_after,
            talk,
            unsent,
            overrun,
            seed,
            search,
        }
    })
}

impl World {
    fn address(&self, n: u8) -> Address {
        if self.zoned {
            return Address::with_zone(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n.into()), 3);
        }
        Ipv4Addr::new(192, 0, 2, n).into()
    }

    /// The first hosts are asked some ports over both transports, the last one others over UDP alone.
    fn products(&self) -> Vec<(AddressSet, Ports)> {
        let some = |n: u16| (1..=n).collect::<PortSet>();
        let first: AddressSet = (1..self.hosts).map(|n| self.address(n)).collect();
        let last: AddressSet = [self.address(self.hosts)].into_iter().collect();
        vec![
            (first, Ports { tcp: some(self.tcp), udp: some(self.udp) }),
            (last, Ports { tcp: PortSet::new(), udp: some(self.other_udp) }),
        ]
    }

    fn endpoints(&self) -> BTreeSet<Endpoint> {
        let over = |address, transport, ports: &PortSet| {
            ports.iter().map(|port| Endpoint { address, transport, port }).collect::<Vec<_>>()
        };
        let products = self.products();
        let hosts = products.iter().flat_map(|(hosts, ports)| hosts.iter().map(move |host| (host, ports)));
        hosts
            .flat_map(|(host, ports)| {
                let mut all = over(host, Transport::Tcp, &ports.tcp);
                all.extend(over(host, Transport::Udp, &ports.udp));
                all
            })
            .collect()
    }

    fn plan(&self) -> Option<Plan> {
        let named = (1..=self.hosts).map(|n| self.address(n)).filter(|_| self.named).collect();
        let pings = vec![Ping::Echo, Ping::Syn(443), Ping::Ack(80)];
        let discovery = self.search.map(|_| Discovery {
            pings,
            named_too: self.seed.is_multiple_of(2),
            collapse_aliased: true,
        });
        let spec = PlanSpec {
            discovery,
            products: self.products(),
            named,
            fold: if self.fold { Fold::Auto } else { Fold::Never },
            max_rate: self.rate,
            seed: self.seed,
            probes: PROBES,
            secret: (self.seed, 9),
            ..PlanSpec::default()
        };
        Plan::new(spec).ok()
    }
}

impl Hostile {
    fn new(world: &World) -> Self {
        Hostile {
            now: Instant::from_nanos(1),
            dice: Dice::new(world.seed),
            plan: world.endpoints(),
            world: world.clone(),
            asked: Vec::new(),
            waiting: BTreeSet::new(),
            most_waiting: 0,
            own: BTreeMap::new(),
            opened: 0,
            queue: Vec::new(),
            up: BTreeSet::new(),
            absent: BTreeSet::new(),
            outside: Vec::new(),
            shown: BTreeMap::new(),
            times: Vec::new(),
        }
    }

    fn sender(&mut self, target: Address) -> Option<Address> {
        let box_on_the_way = match target.ip() {
            IpAddr::V4(_) => Address::from(Ipv4Addr::new(192, 0, 2, 254)),
            // The target's address in another zone, or in none, is somebody else.
            IpAddr::V6(ip) => Address::with_zone(ip, self.dice.one(&[0, 4])),
        };
        self.dice.one(&[Some(target), Some(target), Some(box_on_the_way), None])
    }

    fn icmp(&mut self, target: Address) -> Icmp {
        let from = self.sender(target);
        self.dice.icmp(target, from)
    }

    /// Something comes in, about something that was asked once upon a time.
    fn something(&mut self) {
        if self.asked.is_empty() {
            return;
        }
        let which = self.dice.below(self.asked.len());
        let (probe, to, payload) = self.asked[which].clone();
        let event = match payload {
            None => self.about_connect(probe, to),
            Some(payload) => self.about_datagram(probe, to, &payload),
        };
        let times = 1 + self.dice.below(2);
        self.queue.extend(event.into_iter().flat_map(|event| vec![event; times]));
    }

    fn about_connect(&mut self, probe: ProbeId, to: Endpoint) -> Option<Event> {
        // A connect ends once, and not after it was given up.
        self.waiting.remove(&(probe.slot, probe.tag)).then_some(())?;
        let (ttl, by_packets) = (self.dice.next() as u8, to.port == 0);
        let outcome = match self.dice.below(6) {
            0 if by_packets => Outcome::Pong(Pong::Neighbour { mac: Mac([2; 6]) }),
            1 if by_packets && ttl < 99 => Outcome::Pong(Pong::Echo { ttl }),
            1 if by_packets => Outcome::Reset(Segment { ttl, window: 0 }),
            0 => Outcome::Connected { local: to.address.socket([to.port, SHARED][self.dice.below(2)]) },
            1 => Outcome::Refused,
            2 | 3 => Outcome::Icmp(self.icmp(to.address)),
            4 => Outcome::TimedOut,
            _ => Outcome::Local(self.dice.fault()),
        };
        self.speaks_of_host(to.address, &outcome);
        let shown = self.shown.entry(to).or_default();
        match outcome {
            Outcome::Connected { .. } => (shown.echo, shown.answer) = (true, true),
            Outcome::Refused => (shown.closed, shown.closed_with_id) = (true, true),
            Outcome::Icmp(_) => (shown.icmp, shown.icmp_with_id) = (true, true),
            _ => {}
        }
        Some(Event::Connect(Completion { probe, sent: self.now, at: self.now, outcome }))
    }

    /// What this says of a host.
    fn speaks_of_host(&mut self, host: Address, outcome: &Outcome) {
        match outcome {
            Outcome::Icmp(icmp) if icmp.from != Some(host) => self.absent.insert(host),
            Outcome::Local(LocalFault::NoNeighbour { on_link: true }) => self.absent.insert(host),
            Outcome::TimedOut | Outcome::OffLink | Outcome::Local(_) => false,
            _ => self.up.insert(host),
        };
    }

    fn about_datagram(&mut self, probe: ProbeId, to: Endpoint, payload: &[u8]) -> Option<Event> {
        let at = self.now;
        let own = self.own.get(&(probe.slot, probe.tag)).copied();
        let local =
            if self.dice.below(8) == 0 { SHARED + self.dice.below(20) as u16 } else { own.unwrap_or(SHARED) };
        // From the target, from another port of it, from a stranger, or about an endpoint of somebody else's.
        let mut whose = to;
        match self.dice.below(12) {
            0 | 1 => whose.port = self.dice.below(24) as u16,
            2 => whose.address = Ipv4Addr::new(198, 51, 100, 9).into(),
            3 => whose.address = self.sender(to.address).unwrap_or(to.address),
            _ => {}
        }
        let mut bytes = payload.to_vec();
        let genuine = match self.dice.below(5) {
            // As a service answers.
            0 | 1 => {
                bytes.iter_mut().take(1).for_each(|first| *first = b'A');
                bytes.len() > 2
            }
            2 => {
                bytes.iter_mut().take(1).for_each(|first| *first = b'A');
                bytes.iter_mut().skip(2).for_each(|byte| *byte ^= 0x55);
                false
            }
            3 => {
                bytes = vec![self.dice.next() as u8; self.dice.below(40)];
                false
            }
            _ => {
                bytes.truncate(self.dice.below(8));
                false
            }
        };
        match self.dice.below(3) {
            0 | 1 if self.dice.below(2) == 0 => {
                let from = whose;
                self.up.insert(from.address);
                let shown = self.shown.entry(from).or_default();
                shown.answer = true;
                shown.echo |= genuine && whose == to;
                // From elsewhere it may be the answer of whom it was asked.
                if from.address == to.address {
                    self.shown.entry(to).or_default().answer = true;
                }
                Some(Event::Datagram(Datagram { from, local, at, ttl: None, bytes: bytes.into() }))
            }
            2 if self.dice.below(4) == 0 => {
                let outcome = Outcome::Local(self.dice.fault());
                self.speaks_of_host(whose.address, &outcome);
                Some(Event::Error(DatagramError { to: whose, at, outcome, quoted: payload.into() }))
            }
            _ => {
                let quoted = match self.dice.below(4) {
                    0 => Vec::new(),
                    1 => bytes,
                    2 => payload[..self.dice.below(payload.len() + 1)].to_vec(),
                    _ => [payload, &[0; 12]].concat(),
                };
                let icmp = self.icmp(whose.address);
                self.speaks_of_host(whose.address, &Outcome::Icmp(icmp));
                let with_id = whose == to && payload.len() > 2 && quoted.starts_with(payload);
                let shown = self.shown.entry(whose).or_default();
                let unreachable = PORT_UNREACHABLE[usize::from(whose.address.is_ipv6())];
                let closes = (icmp.icmp_type, icmp.code) == unreachable && icmp.from == Some(whose.address);
                shown.icmp = true;
                shown.icmp_with_id |= with_id;
                shown.closed |= closes;
                shown.closed_with_id |= closes && with_id;
                Some(Event::Error(DatagramError {
                    to: whose,
                    at,
                    outcome: Outcome::Icmp(icmp),
                    quoted: quoted.into(),
                }))
            }
        }
    }

    fn send(&mut self, probe: ProbeId, to: Endpoint, own_port: bool) -> Event {
        let at = self.now;
        if own_port && self.own.len() >= self.world.own_ports {
            return Event::Unsent { probe, at, fault: LocalFault::NoDescriptors };
        }
        if self.dice.chance(self.world.unsent) {
            let fault = self.dice.fault();
            self.speaks_of_host(to.address, &Outcome::Local(fault));
            return Event::Unsent { probe, at, fault };
        }
        let mut local = SHARED;
        if own_port {
            self.opened = self.opened % 20_000 + 1;
            local += self.opened;
            self.own.insert((probe.slot, probe.tag), local);
        }
        self.shown.entry(to).or_default().sent += 1;
        Event::Sent { probe, at, local, held: 0 }
    }
}

impl Sockets for Hostile {
    fn now(&self) -> Instant {
        self.now
    }

    fn capacity(&self) -> Capacity {
        let (sockets, datagrams) = self.world.capacity;
        Capacity { sockets, packets: if self.world.search == Some(true) { sockets } else { 0 }, datagrams }
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        if self.dice.chance(self.world.overrun) {
            self.queue.push(Event::Overrun { count: 1, at: self.now });
        }
        inbox.append(&mut self.queue);
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        for request in outbox.drain(..) {
            // What is noticed while one is busy sending.
            if self.dice.chance(self.world.talk) {
                self.something();
            }
            let (probe, to, payload) = match request {
                Request::Connect { probe, to } | Request::Syn { probe, to } | Request::Ack { probe, to } => {
                    (probe, to, None)
                }
                Request::Ping { probe, to, .. } => (probe, Endpoint::tcp(to, 0), None),
                Request::Datagram { probe, to, payload, own_port } => {
                    let told = self.send(probe, to, own_port);
                    let left = matches!(told, Event::Sent { .. });
                    self.queue.push(told);
                    // What never left is answered by nobody but forgers.
                    (probe, to, Some(if left { payload } else { Box::from(&b"Qz!!!!"[..]) }))
                }
                Request::Abandon(probe) => {
                    self.waiting.remove(&(probe.slot, probe.tag));
                    self.own.remove(&(probe.slot, probe.tag));
                    continue;
                }
            };
            if payload.is_none() {
                self.waiting.insert((probe.slot, probe.tag));
                self.most_waiting = self.most_waiting.max(self.waiting.len());
                self.shown.entry(to).or_default().sent += 1;
            }
            let is_ping = self.world.search.is_some() && [0, 80, 443].contains(&to.port);
            let is_ping = is_ping && self.plan.iter().any(|endpoint| endpoint.address == to.address);
            if !self.plan.contains(&to) && !is_ping {
                self.outside.push(to);
            }
            self.times.push(self.now);
            self.asked.push((probe, to, payload));
        }
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        if self.dice.chance(self.world.talk) {
            self.something();
        }
        let nap = self.now + Duration::from_millis(1 + self.dice.next() % 200);
        self.now =
            deadline.map_or(nap, |deadline| deadline.min(nap)).max(self.now + Duration::from_micros(1));
    }
}

/// Runs it, and what came of it.
fn run(world: &World, plan: Plan) -> (Hostile, Notebook, Finish) {
    let mut door = Hostile::new(world);
    let mut notebook = Notebook::new(world.stop_after);
    let finish = drive(Engine::new(plan, door.capacity()), &mut door, &mut notebook);
    notebook.log.push_str(&format!("{finish:?}"));
    (door, notebook, finish)
}

/// Why a claim is more than what was shown, if it is.
fn overclaimed(
    endpoint: Endpoint,
    (state, reason, level): (PortState, Reason, Level),
    shown: Shown,
) -> Option<String> {
    let udp = endpoint.transport == Transport::Udp;
    let sure = level > Level::Likely;
    let holds = match state {
        PortState::Open => shown.answer && (!sure || shown.echo),
        PortState::Closed => shown.closed && (!sure || shown.closed_with_id),
        PortState::Filtered if reason == Reason::NoResponse => !udp && shown.sent > 0,
        PortState::Filtered => shown.icmp && (!sure || shown.icmp_with_id),
        PortState::OpenFiltered => udp && shown.sent > 0 && level == Level::Weak,
        PortState::Unknown => true,
        // Nothing of these worlds is asked by ACK.
        PortState::Unfiltered | PortState::ClosedFiltered => false,
    };
    (!holds).then(|| format!("{endpoint}: {state} {reason:?} {level:?}, but {shown:?}"))
}

/// A named host whose UDP ports stay silent but for what `answer` says of the nth datagram, sent then.
fn silent_but_for(
    ports: &[u16],
    mut answer: impl FnMut(usize, Endpoint, &[u8], Instant) -> Vec<Event>,
) -> Vec<Verdict> {
    let host: AddressSet = [Address::from(TARGET)].into_iter().collect();
    let ports = Ports { tcp: PortSet::new(), udp: ports.iter().copied().collect() };
    let spec = PlanSpec {
        products: vec![(host.clone(), ports)],
        named: host,
        fold: Fold::Never,
        probes: PROBES,
        ..PlanSpec::default()
    };
    let mut engine =
        Engine::new(Plan::new(spec).unwrap(), Capacity { sockets: 64, packets: 0, datagrams: 64 });
    let (mut now, mut sent, mut verdicts) = (Instant::from_nanos(1), 0, Vec::new());
    while !engine.is_done() {
        engine.handle_timeout(now);
        while let Some(request) = engine.poll_probe(now) {
            let Request::Datagram { probe, to, payload, .. } = request else { continue };
            now = now + Duration::from_millis(1);
            engine.handle_event(Event::Sent { probe, at: now, local: SHARED, held: 0 });
            sent += 1;
            answer(sent, to, &payload, now).into_iter().for_each(|event| engine.handle_event(event));
        }
        verdicts.extend(std::iter::from_fn(|| engine.poll_verdict()).filter_map(|settled| match settled {
            Settled::Verdict(verdict) | Settled::Update(verdict) => Some(*verdict),
            _ => None,
        }));
        now = engine.poll_timeout(now).unwrap_or(now);
    }
    verdicts
}

const TARGET: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);

fn unreachable(code: u8, to: Endpoint, from: Ipv4Addr, quoted: &[u8], at: Instant) -> Event {
    let icmp = Icmp { family: IcmpFamily::V4, icmp_type: 3, code, from: Some(from.into()), ttl: None };
    Event::Error(DatagramError { to, at, outcome: Outcome::Icmp(icmp), quoted: quoted.into() })
}

#[test]
fn only_the_hosts_own_errors_show_that_it_still_sends_them() {
    for (from, shown) in [(TARGET, true), (ROUTER, false)] {
        // One port is refused late, so the two others get six attempts; the last datagram of all is refused too.
        let verdicts = silent_but_for(&[20, 21, 22], |nth, to, payload, at| {
            let refused = (nth == 5 || nth == 14)
                .then(|| unreachable(3, to, from, payload, at + Duration::from_millis(1)));
            refused.into_iter().collect()
        });
        let [_, refused, silent] = &verdicts[..] else { panic!("{verdicts:?}") };
        assert_eq!((refused.reason(), silent.state()), (Reason::PortUnreach, PortState::OpenFiltered));
        let because = &silent.claim.confidence.because;
        assert_eq!(because.contains(&Because::HostAnsweredLater), shown, "{from}: {because:?}");
    }
}

#[test]
fn a_strangers_datagram_does_not_hide_the_service() {
    let answers = |noise: &'static [u8]| {
        move |nth, from: Endpoint, payload: &[u8], at| {
            let echo = [b"Aa", &payload[2..]].concat();
            let bytes = [noise, &echo, &echo].into_iter().filter(|bytes| !bytes.is_empty() && nth == 1);
            bytes
                .map(|bytes| {
                    Event::Datagram(Datagram { from, local: SHARED, at, ttl: None, bytes: bytes.into() })
                })
                .collect()
        }
    };
    let told = |verdicts: Vec<Verdict>| -> Vec<_> {
        let level = |verdict: &Verdict| (verdict.claim.confidence.level(), verdict.service.is_some());
        verdicts.iter().map(level).collect()
    };
    assert_eq!(
        told(silent_but_for(&[20], answers(b"noise"))),
        [(Level::Likely, false), (Level::Certain, true)]
    );
    assert_eq!(told(silent_but_for(&[20], answers(b""))), [(Level::Certain, true)], "a copy is nothing new");
}

#[test]
fn a_doubled_error_is_no_second_one() {
    // A network that is unreachable for the moment, told once of each of the first `errors` attempts, or twice of one.
    let told = |errors: usize, doubled: bool| {
        let mut first = Vec::new();
        let verdicts = silent_but_for(&[20], |nth, to, payload, at| {
            first = if nth == 1 { payload.to_vec() } else { std::mem::take(&mut first) };
            let quoted = if doubled { &first } else { payload };
            (nth <= errors).then(|| unreachable(0, to, ROUTER, quoted, at)).into_iter().collect()
        });
        (verdicts[0].reason(), verdicts[0].tries)
    };
    assert_eq!(told(2, false), (Reason::NetUnreach, 2));
    assert_eq!(told(1, false), (Reason::NetUnreach, 1), "nothing better came");
    assert_eq!(told(2, true), told(1, false));
}

#[test]
fn a_queue_that_is_filled_without_end_is_our_own_loss() {
    let overrun = |_, _, _: &[u8], at| vec![Event::Overrun { count: 1, at: at + Duration::from_millis(1) }];
    for verdict in silent_but_for(&[20, 21, 22], overrun) {
        assert_eq!(verdict.reason(), Reason::LocalNoBuffers, "{verdict:?}");
    }
    // Once is asked anew, and then silence is a silence.
    let once =
        |nth, _, _: &[u8], at| (nth == 2).then_some(Event::Overrun { count: 1, at }).into_iter().collect();
    for verdict in silent_but_for(&[20, 21, 22], once) {
        assert_eq!(verdict.state(), PortState::OpenFiltered, "{verdict:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::default())]

    #[test]
    fn no_network_makes_it_say_what_was_not_shown(world in world()) {
        let Some(plan) = world.plan() else { return Ok(()) };
        let endpoints = world.endpoints();
        let (door, notebook, finish) = run(&world, plan.clone());
        notebook.check(&endpoints, &finish);
        prop_assert!(door.outside.is_empty(), "asked outside the plan: {:?}", door.outside);
        prop_assert!(door.own.is_empty(), "ports of our own are never given up: {:?}", door.own);
        prop_assert!(door.waiting.is_empty(), "connects are never given up: {:?}", door.waiting);
        prop_assert!(door.most_waiting <= world.capacity.0, "{} wait", door.most_waiting);
        for (endpoint, told) in &notebook.told {
            let shown = door.shown.get(endpoint).copied().unwrap_or_default();
            prop_assert_eq!(overclaimed(*endpoint, *told, shown), None);
        }
        for (host, state) in &notebook.states {
            let shown = match state {
                HostState::Up => door.up.contains(host),
                HostState::Down => door.absent.contains(host),
                HostState::Unknown => true,
            };
            prop_assert!(shown, "{} is told {:?}", host, state);
        }
        if let Some(rate) = world.rate {
            let burst = usize::try_from((rate / 100).max(1)).unwrap() + 1;
            for (at, from) in door.times.iter().enumerate() {
                let within = door.times[at..].iter().take_while(|to| to.since(*from) < Duration::from_secs(1)).count();
                prop_assert!(within <= usize::try_from(rate).unwrap() + burst, "{} in a second", within);
            }
        }
        let (_, again, _) = run(&world, plan);
        prop_assert!(notebook.log == again.log, "same seed, same bytes");
    }
}
