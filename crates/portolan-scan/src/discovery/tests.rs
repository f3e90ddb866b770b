use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::{Ipv4Addr, Ipv6Addr};

use portolan_model::sockets::{Capacity, Event, ProbeId, Sockets};
use portolan_model::{AddressRange, Finish, HostReport, Icmp, IcmpFamily, Mac, Progress, Segment};
use portolan_target::{AddressSet, Ports};

use super::*;
use crate::drive::{Outlet, drive};
use crate::engine::Engine;
use crate::plan::{Discovery, PlanSpec, TcpMethod};
use crate::settled::Settled;

const MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);
const RESET: Outcome = Outcome::Reset(Segment { ttl: 60, window: 0 });
const ROUTER: u32 = 0xc633_6401;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn v4(n: u32) -> Address {
    Ipv4Addr::from_bits(0xc612_0000 + n).into()
}

fn v6(n: u128) -> Address {
    Address::with_zone(Ipv6Addr::from_bits((0x2001_0db8 << 96) + n), 0)
}

fn range(first: Address, last: Address) -> AddressSet {
    AddressRange { first, last }.into()
}

fn echo() -> Option<(Duration, Outcome)> {
    Some((ms(2), Outcome::Pong(Pong::Echo { ttl: 60 })))
}

fn at_once(outcome: Outcome) -> Option<(Duration, Outcome)> {
    Some((Duration::ZERO, outcome))
}

fn unreachable(code: u8) -> Option<(Duration, Outcome)> {
    let from = Some(Ipv4Addr::from_bits(ROUTER).into());
    Some((ms(2), Outcome::Icmp(Icmp { family: IcmpFamily::V4, icmp_type: 3, code, from, ttl: None })))
}

/// What the network makes of the `n`th time that this is asked of an address: how long that takes, and its end.
type Net<'a> = &'a dyn Fn(Address, Ping, usize) -> Option<(Duration, Outcome)>;

/// A door with a network behind it that answers pings as it is told, and refuses every connection.
struct Door<'a> {
    net: Net<'a>,
    now: Instant,
    coming: BinaryHeap<Reverse<(Instant, u64)>>,
    events: BTreeMap<u64, Event>,
    pinged: BTreeMap<(Address, Ping), usize>,
    connected: BTreeSet<Address>,
    packets: usize,
    most_held: usize,
    /// Neighbours answer the second question that it asks them.
    repeats: bool,
    held: usize,
}

impl<'a> Door<'a> {
    fn new(net: Net<'a>) -> Self {
        Door {
            net,
            now: Instant::from_nanos(1),
            coming: BinaryHeap::new(),
            events: BTreeMap::new(),
            pinged: BTreeMap::new(),
            connected: BTreeSet::new(),
            packets: 16_384,
            most_held: 0,
            repeats: false,
            held: 0,
        }
    }

    fn tell(&mut self, after: Duration, probe: ProbeId, outcome: Outcome) {
        let (sent, at) = (self.now, self.now + after);
        let id = self.events.len() as u64 + self.coming.len() as u64 * 2;
        let id = self.events.last_key_value().map_or(id, |(last, _)| last + 1);
        self.events.insert(id, Event::Connect(Completion { probe, sent, at, outcome }));
        self.coming.push(Reverse((at, id)));
    }

    fn ask(&mut self, probe: ProbeId, to: Address, ping: Ping) {
        let times = self.pinged.entry((to, ping)).or_default();
        *times += 1;
        let times = *times;
        if let Some((after, outcome)) = (self.net)(to, ping, times) {
            if self.repeats && matches!(outcome, Outcome::Pong(Pong::Neighbour { .. })) {
                self.now = self.now + ms(100);
                self.tell(after, probe, outcome);
                self.now = self.now - ms(100);
                return;
            }
            self.held += usize::from(ping == Ping::Neighbour && after > ms(1000));
            self.most_held = self.most_held.max(self.held);
            self.tell(after, probe, outcome);
        }
    }

    fn count(&self, wanted: Ping) -> usize {
        self.pinged.iter().filter(|((_, ping), _)| *ping == wanted).map(|(_, times)| times).sum()
    }
}

impl Sockets for Door<'_> {
    fn now(&self) -> Instant {
        self.now
    }

    fn capacity(&self) -> Capacity {
        Capacity { sockets: 1000, packets: self.packets, datagrams: 1000 }
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        while let Some(Reverse((_, id))) =
            self.coming.peek().copied().filter(|Reverse((at, _))| *at <= self.now)
        {
            self.coming.pop();
            inbox.extend(self.events.remove(&id));
            self.held = self.held.saturating_sub(1);
        }
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        for request in outbox.drain(..) {
            match request {
                Request::Ping { probe, to, ping } => self.ask(probe, to, ping),
                Request::Syn { probe, to } => {
                    self.connected.insert(to.address);
                    self.tell(ms(1), probe, RESET);
                }
                Request::Connect { probe, to } if to.port >= 1000 => {
                    self.connected.insert(to.address);
                    self.tell(ms(1), probe, Outcome::Refused);
                }
                Request::Connect { probe, to } => self.ask(probe, to.address, Ping::Syn(to.port)),
                Request::Abandon(_) => {}
                Request::Ack { .. } | Request::Datagram { .. } => unreachable!("no such port is asked"),
            }
        }
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        let next = self.coming.peek().map(|Reverse((at, _))| *at);
        let until = [next, deadline].into_iter().flatten().min().expect("something is waited for");
        self.now = self.now.max(until);
    }
}

#[derive(Default)]
struct Told {
    hosts: BTreeMap<Address, HostReport>,
    warnings: Vec<Warning>,
    stops_after: Option<usize>,
    progress: Vec<Progress>,
}

impl Outlet for Told {
    fn progress_every(&self) -> Option<Duration> {
        Some(ms(100))
    }

    fn push(&mut self, settled: Settled) {
        match settled {
            Settled::Host(host) => assert!(self.hosts.insert(host.target, *host).is_none()),
            Settled::Warning(warning) => self.warnings.push(*warning),
            Settled::Progress(progress) => self.progress.push(*progress),
            _ => {}
        }
    }

    fn is_stopped(&self) -> bool {
        self.stops_after.is_some_and(|hosts| self.hosts.len() >= hosts)
    }
}

fn spec(hosts: AddressSet, ports: u16) -> PlanSpec {
    let ports = (1000..1000 + ports).collect();
    let products = vec![(hosts, Ports::tcp(ports))];
    let discovery = Some(Discovery::default());
    PlanSpec { products, discovery, tcp: TcpMethod::Syn, ..PlanSpec::default() }
}

fn only(hosts: AddressSet) -> PlanSpec {
    PlanSpec { hosts_only: true, ..spec(hosts, 0) }
}

fn run(spec: PlanSpec, door: &mut Door<'_>) -> (Told, Finish) {
    let plan = Plan::new(spec).expect("a plan");
    let engine = Engine::new(plan, door.capacity());
    let mut told = Told::default();
    let finish = drive(engine, door, &mut told);
    (told, finish)
}

#[test]
fn a_full_table_is_small() {
    // At most 65,536 of them, and what some of them were told.
    assert!(size_of::<Option<Candidate>>() <= 192, "{}", size_of::<Option<Candidate>>());
}

/// Behind a router; every fourth host is there and answers echoes.
fn every_fourth(to: Address, ping: Ping, _: usize) -> Option<(Duration, Outcome)> {
    let is_there = match to.ip() {
        std::net::IpAddr::V4(ip) => ip.to_bits() % 4 == 0,
        std::net::IpAddr::V6(ip) => ip.to_bits() % 4 == 0,
    };
    match ping {
        Ping::Neighbour => at_once(Outcome::OffLink),
        Ping::Echo if is_there => echo(),
        _ => None,
    }
}

#[test]
fn only_hosts_that_are_there_are_scanned() {
    for ports in [1, 40] {
        let mut door = Door::new(&every_fourth);
        let (told, finish) = run(spec(range(v4(0), v4(1023)), ports), &mut door);
        assert_eq!((finish.hosts_up, finish.hosts_down, finish.hosts_silent), (256, 0, 768));
        assert_eq!(door.connected.len(), 256);
        assert_eq!(finish.endpoints_unlisted, 768 * u128::from(ports));
        assert_eq!(finish.counts.closed, 256 * u64::from(ports));
        assert_eq!(told.hosts.len(), 256);
        for host in told.hosts.values() {
            assert_eq!((host.state, host.evidence.len()), (HostState::Up, 2));
            assert!(host.rtt.is_some() && host.reason.is_some());
        }
        // Whoever answers the first ping is asked no other; the rest are asked each of them twice.
        assert_eq!(door.count(Ping::Echo), 256 + 2 * 768);
        assert_eq!(door.count(Ping::Ack(80)), 2 * 768);
        assert!(finish.elapsed < Duration::from_secs(12), "{finish:?}");
    }
}

#[test]
fn hosts_alone_are_told_if_nothing_else_is_asked() {
    let mut door = Door::new(&every_fourth);
    let named = range(v4(3), v4(5));
    let (told, finish) = run(PlanSpec { named, ..only(range(v4(0), v4(63))) }, &mut door);
    assert_eq!((finish.hosts_up, finish.hosts_silent, told.hosts.len()), (16, 48, 18));
    assert!(door.connected.is_empty());
    let silent = &told.hosts[&v4(3)];
    assert_eq!((silent.state, silent.reason), (HostState::Unknown, Some(Reason::NoResponse)));
    assert!(matches!(silent.evidence[..], [Observation { fact: Fact::Silence { attempts: 8, .. }, .. }]));
    let up = &told.hosts[&v4(4)];
    assert_eq!((up.state, up.reason, up.rtt), (HostState::Up, Some(Reason::EchoReply), Some(ms(2))));
    assert!(matches!(up.evidence[0].fact, Fact::Pinged { ping: Ping::Echo, attempt: 1 }));
}

#[test]
fn a_search_for_hosts_counts_hosts_and_guesses_the_rest_late() {
    let mut door = Door::new(&every_fourth);
    let spec = PlanSpec { max_rate: Some(100), ..only(range(v4(0), v4(1023))) };
    let (told, finish) = run(spec, &mut door);
    let (first, last) = (told.progress.first().unwrap(), told.progress.last().unwrap());
    assert_eq!(first.endpoints, 1024);
    assert!(first.settled < 10 && last.settled > 1000, "{} {}", first.settled, last.settled);
    assert!(told.progress.windows(2).all(|pair| pair[0].settled <= pair[1].settled));
    for progress in &told.progress {
        let Some(left) = progress.left else { continue };
        assert!(progress.elapsed >= Duration::from_secs(10));
        let rest = finish.elapsed.saturating_sub(progress.elapsed);
        assert!(left.time <= 3 * rest + Duration::from_secs(10), "{progress:?}: {rest:?}");
    }
    assert!(told.progress.iter().filter(|progress| progress.left.is_some()).count() > 100);
}

#[test]
fn hosts_named_singly_are_scanned_without_having_been_found() {
    let mut door = Door::new(&every_fourth);
    let hosts = range(v4(0), v4(9));
    let (_, finish) = run(PlanSpec { named: hosts.clone(), ..spec(hosts.clone(), 40) }, &mut door);
    assert_eq!((finish.hosts_up, door.connected.len(), door.pinged.len()), (10, 10, 0));
    let discovery = Some(Discovery { named_too: true, ..Default::default() });
    let mut door = Door::new(&every_fourth);
    let (told, finish) = run(PlanSpec { named: hosts.clone(), discovery, ..spec(hosts, 40) }, &mut door);
    assert_eq!((finish.hosts_up, finish.hosts_silent, door.connected.len()), (3, 7, 3));
    assert_eq!(told.hosts.len(), 10, "those that are not found are told too");
}

#[test]
fn on_a_link_the_neighbour_s_answer_decides() {
    let net = |to: Address, ping: Ping, _: usize| {
        assert_eq!(ping, Ping::Neighbour, "nothing else is asked of {to}");
        if to == v4(7) || to == v4(9) {
            return Some((ms(1), Outcome::Pong(Pong::Neighbour { mac: MAC })));
        }
        Some((ms(3000), Outcome::Local(LocalFault::NoNeighbour { on_link: true })))
    };
    let mut door = Door::new(&net);
    let (told, finish) = run(PlanSpec { named: v4(8).into(), ..only(range(v4(0), v4(255))) }, &mut door);
    assert_eq!((finish.hosts_up, finish.hosts_down, finish.hosts_silent), (2, 254, 0));
    assert_eq!((told.hosts[&v4(7)].mac, told.hosts[&v4(7)].reason), (Some(MAC), Some(Reason::ArpResponse)));
    let absent = &told.hosts[&v4(8)];
    assert_eq!((absent.state, absent.reason), (HostState::Down, Some(Reason::NoNeighbour)));
    assert_eq!(absent.evidence.len(), 2);
    assert_eq!((door.count(Ping::Neighbour), finish.local_faults), (256, 0));
}

#[test]
fn sixty_thousand_absent_neighbours_are_bounded() {
    let net = |_: Address, _: Ping, _: usize| {
        Some((ms(3000), Outcome::Local(LocalFault::NoNeighbour { on_link: true })))
    };
    let mut door = Door::new(&net);
    let (_, finish) = run(only(range(v4(0), v4(0xffff))), &mut door);
    assert_eq!((finish.hosts_down, finish.hosts_up), (65_536, 0));
    assert_eq!((finish.packets, door.count(Ping::Neighbour)), (65_536, 65_536));
    assert!(door.most_held <= MOST_NEIGHBOURS, "{}", door.most_held);
    assert!(finish.elapsed < Duration::from_secs(60), "{:?}", finish.elapsed);
}

#[test]
fn where_the_link_loses_questions_nobody_is_absent_too_soon() {
    // Of three hosts one answers at once, one no question of the first round, one none at all.
    let net = |to: Address, ping: Ping, times: usize| {
        let std::net::IpAddr::V4(ip) = to.ip() else { unreachable!("IPv4 only") };
        let here = Some((ms(1), Outcome::Pong(Pong::Neighbour { mac: MAC })));
        match (ping, ip.to_bits() % 3, times) {
            (Ping::Neighbour, 0, _) | (Ping::Neighbour, 1, 2..) => here,
            (Ping::Neighbour, ..) => {
                Some((ms(3000), Outcome::Local(LocalFault::NoNeighbour { on_link: true })))
            }
            _ => None,
        }
    };
    let mut door = Door { repeats: true, ..Door::new(&net) };
    let (_, finish) = run(only(range(v4(0), v4(149))), &mut door);
    assert_eq!((finish.hosts_up, finish.hosts_down), (100, 50));
    let mut door = Door::new(&net);
    let (_, finish) = run(only(range(v4(0), v4(149))), &mut door);
    assert_eq!((finish.hosts_up, finish.hosts_down), (50, 100), "as far as can be seen nothing gets lost");
}

#[test]
fn a_stopped_search_tells_whom_it_found() {
    let hosts = range(v4(0), v4(999));
    for (spec, ports) in [(only(hosts.clone()), 0), (spec(hosts.clone(), 40), 40)] {
        let plan = Plan::new(PlanSpec { max_rate: Some(100), ..spec }).expect("a plan");
        let mut door = Door::new(&every_fourth);
        let engine = Engine::new(plan, door.capacity());
        let mut told = Told { stops_after: Some(5), ..Told::default() };
        let finish = drive(engine, &mut door, &mut told);
        assert!(finish.hosts_up >= 5 && finish.hosts_up < 250, "{finish:?}");
        assert_eq!(
            told.hosts.values().filter(|host| host.state == HostState::Up).count() as u64,
            finish.hosts_up
        );
        let known = finish.hosts_up + finish.hosts_down + finish.hosts_silent;
        assert!(known < 1000 && finish.completeness < 0.5, "{finish:?}");
        assert!(finish.endpoints_unlisted + u128::from(finish.counts.total()) == 1000 * ports, "{finish:?}");
    }
}

#[test]
fn who_is_said_to_be_unreachable_again_and_again_is_down() {
    let net = |to: Address, ping: Ping, times: usize| match (ping, to == v4(1), to == v4(2)) {
        (Ping::Neighbour, ..) => at_once(Outcome::OffLink),
        (_, true, _) => unreachable(1),
        // For a moment only.
        (Ping::Echo, _, true) if times == 1 => unreachable(1),
        (Ping::Ack(80), _, true) => Some((ms(3), RESET)),
        // A rule that refuses pings says nothing of the host.
        (Ping::Echo, ..) => unreachable(13),
        _ => None,
    };
    let mut door = Door::new(&net);
    let named = range(v4(1), v4(3));
    let (told, finish) = run(PlanSpec { named: named.clone(), ..only(named) }, &mut door);
    assert_eq!((finish.hosts_up, finish.hosts_down, finish.hosts_silent), (1, 1, 1));
    let down = &told.hosts[&v4(1)];
    assert_eq!(
        (down.state, down.reason, down.evidence.len()),
        (HostState::Down, Some(Reason::HostUnreach), 6)
    );
    assert_eq!((told.hosts[&v4(2)].state, told.hosts[&v4(2)].reason), (HostState::Up, Some(Reason::Reset)));
    let refused = &told.hosts[&v4(3)];
    assert_eq!((refused.state, refused.reason), (HostState::Unknown, Some(Reason::AdminProhibited)));
    // Asked again a second later, by the one ping that told.
    assert_eq!(door.pinged.keys().filter(|(to, _)| *to == v4(1)).count(), 2);
}

#[test]
fn an_error_of_the_host_s_own_shows_that_it_is_there() {
    let net = |to: Address, ping: Ping, _: usize| match ping {
        Ping::Neighbour => at_once(Outcome::OffLink),
        Ping::Udp(_) => {
            let icmp = Icmp { family: IcmpFamily::V4, icmp_type: 3, code: 3, from: Some(to), ttl: Some(60) };
            Some((ms(2), Outcome::Icmp(icmp)))
        }
        _ => None,
    };
    let pings = vec![Ping::Echo, Ping::Udp(40_125)];
    let discovery = Some(Discovery { pings, ..Default::default() });
    let (told, _) = run(PlanSpec { discovery, ..only(v4(1).into()) }, &mut Door::new(&net));
    assert_eq!(
        (told.hosts[&v4(1)].state, told.hosts[&v4(1)].reason),
        (HostState::Up, Some(Reason::PortUnreach))
    );
}

#[test]
fn late_answers_are_heard_and_losses_ask_for_more() {
    // Every answer takes two seconds.
    let slow = |_: Address, ping: Ping, _: usize| match ping {
        Ping::Neighbour => at_once(Outcome::OffLink),
        Ping::Echo => Some((ms(2000), Outcome::Pong(Pong::Echo { ttl: 60 }))),
        _ => None,
    };
    let (_, finish) = run(only(range(v4(0), v4(99))), &mut Door::new(&slow));
    assert_eq!(finish.hosts_up, 100);
    // Two of five echoes are lost, so some hosts answer their fourth only.
    let lossy = |to: Address, ping: Ping, times: usize| match (ping, to.ip()) {
        (Ping::Neighbour, _) => at_once(Outcome::OffLink),
        (Ping::Echo, std::net::IpAddr::V4(ip)) if times > [0, 0, 1, 0, 3][(ip.to_bits() % 5) as usize] => {
            echo()
        }
        _ => None,
    };
    let mut door = Door::new(&lossy);
    let (_, finish) = run(only(range(v4(0), v4(99))), &mut door);
    assert_eq!((finish.hosts_up, finish.hosts_silent), (100, 0));
    assert!(finish.loss > 0.2, "{}", finish.loss);
}

#[test]
fn our_own_failures_are_not_their_silence() {
    let net = |to: Address, ping: Ping, times: usize| match (ping, times) {
        (Ping::Neighbour, _) => at_once(Outcome::OffLink),
        (Ping::Echo, 1) if to == v4(1) => at_once(Outcome::Local(LocalFault::NoBuffers)),
        (Ping::Echo, _) if to == v4(1) => echo(),
        _ => at_once(Outcome::Local(LocalFault::Firewall)),
    };
    let (told, finish) = run(only(range(v4(1), v4(2))), &mut Door::new(&net));
    assert_eq!((told.hosts[&v4(1)].state, finish.unknown_local), (HostState::Up, 1));
    let local = &told.hosts[&v4(2)];
    assert_eq!((local.state, local.reason), (HostState::Unknown, Some(Reason::LocalFirewall)));
    assert_eq!(finish.local_faults, 4);
    // Where ports are asked too, they tell why they cannot be.
    let mut door = Door::new(&net);
    let _ = run(spec(range(v4(1), v4(2)), 40), &mut door);
    assert_eq!(door.connected.len(), 2);
}

#[test]
fn own_addresses_need_no_packet() {
    let mut door = Door::new(&every_fourth);
    let own = range(v4(1), v4(3));
    let (told, finish) = run(PlanSpec { own: own.clone(), ..only(own) }, &mut door);
    assert_eq!((finish.hosts_up, finish.packets, door.pinged.len()), (3, 0, 0));
    assert_eq!(told.hosts[&v4(1)].reason, Some(Reason::LocalhostResponse));
}

#[test]
fn without_packets_hosts_are_found_by_connects() {
    let net = |to: Address, ping: Ping, _: usize| match (ping, to == v4(1)) {
        (Ping::Syn(80), true) => Some((ms(2), Outcome::Refused)),
        (Ping::Syn(_), _) => None,
        _ => unreachable!("{ping:?} needs packets"),
    };
    let mut door = Door { packets: 0, ..Door::new(&net) };
    let spec = PlanSpec { tcp: TcpMethod::Connect, ..only(range(v4(1), v4(2))) };
    let (told, finish) = run(spec, &mut door);
    assert_eq!((finish.hosts_up, finish.hosts_silent), (1, 1));
    assert_eq!(told.hosts[&v4(1)].reason, Some(Reason::ConnRefused));
}

#[test]
fn one_machine_that_answers_for_a_prefix_is_scanned_once() {
    let net = |_: Address, ping: Ping, _: usize| match ping {
        Ping::Neighbour => at_once(Outcome::OffLink),
        Ping::Echo => echo(),
        _ => None,
    };
    let hosts = range(v6(0), v6((1 << 40) - 1));
    let mut door = Door::new(&net);
    let (told, finish) = run(spec(hosts.clone(), 40), &mut door);
    assert_eq!((finish.hosts_up, finish.hosts_aliased), (1, (1 << 40) - 1));
    assert_eq!(finish.endpoints_unlisted, ((1 << 40) - 1) * 40);
    assert_eq!((door.connected.len(), door.count(Ping::Echo)), (1, 16));
    assert!(matches!(told.warnings[..], [Warning::AliasedPrefix { asked: 16, .. }]), "{:?}", told.warnings);
    // Another range beside it is looked for all the same, and all of it is asked if the user insists.
    let both = range(v6(0), v6(999)).union(&range(v4(0), v4(99)));
    let mut door = Door::new(&net);
    let (_, finish) = run(spec(both, 40), &mut door);
    assert_eq!((finish.hosts_up, finish.hosts_aliased), (101, 999));
    let discovery = Some(Discovery { collapse_aliased: false, ..Default::default() });
    let mut door = Door::new(&net);
    let (_, finish) = run(PlanSpec { discovery, ..spec(range(v6(0), v6(999)), 1) }, &mut door);
    assert_eq!((finish.hosts_up, finish.hosts_aliased), (1000, 0));
}

#[test]
fn a_range_with_gaps_is_no_alias() {
    let mut door = Door::new(&every_fourth);
    let (told, finish) = run(only(range(v6(0), v6(1023))), &mut door);
    assert_eq!((finish.hosts_up, finish.hosts_silent, finish.hosts_aliased), (256, 768, 0));
    assert!(told.warnings.is_empty());
}

#[test]
fn more_hosts_than_the_table_holds_are_found() {
    let net = |to: Address, ping: Ping, _: usize| match (ping, to == v4(77_777)) {
        (Ping::Neighbour, _) => at_once(Outcome::OffLink),
        (Ping::Ack(80), true) => Some((ms(30), RESET)),
        _ => None,
    };
    let mut door = Door::new(&net);
    let (_, finish) = run(only(range(v4(0), v4(99_999))), &mut door);
    assert_eq!((finish.hosts_up, finish.hosts_silent), (1, 99_999));
    // Two rounds of four pings.
    assert!(finish.packets <= 800_000, "{}", finish.packets);
    assert!(finish.elapsed < Duration::from_secs(300), "{:?}", finish.elapsed);
}
