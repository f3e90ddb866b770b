//! Host by host: many ports each, all hosts interleaved.
//!
//! A bounded table of active hosts takes turns; a host that waits (for an answer, for a retry's
//! gap, for a canary) leaves the turn and comes back by its timer. A host that is asked over TCP and UDP has a
//! place in the table for each; they know of each other, and are told as one.

mod emitter;
mod open;
mod order;
mod ports;
mod reach;
mod tcp;
mod udp;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use portolan_model::sockets::{Completion, Datagram, DatagramError, ProbeId, Request};
use portolan_model::{
    Address, Endpoint, HostReport, HostState, Instant, LocalFault, OpenHost, TimeLeft, Transport,
};

use crate::arrivals::{Arrival, Found};
use crate::core::Core;
use crate::flight::Attempt;
use crate::heap::Heap;
use crate::progress::{Course, at_this_pace};
use open::{Half, Known};
use order::Order;
use ports::Ports;
use tcp::TcpHost;
use udp::UdpHost;

/// Ports of all active hosts together: bounds the memory whatever the plan.
const ACTIVE_PORTS: usize = 1 << 21;
/// How many of the likeliest ports a host of a range is asked before it has answered anything.
const LIKELIEST: usize = 12;
/// How long the first probes of a host that never answered wait: the three seconds in which the kernel looks for a
/// neighbour, and a little.
const SCOUT_PATIENCE: Duration = Duration::from_millis(3300);

/// What a host wants next.
enum Next {
    /// Ask this port.
    Ask { port: u32, number: u8, canary: bool },
    /// Nothing before then, or before something happens.
    Wait(Option<Instant>),
    /// Nothing more.
    Finished,
}

pub(crate) struct PerHost {
    /// How the ports of each product are ordered, over TCP and over UDP.
    orders: Vec<(Arc<Order>, Arc<Order>)>,
    places: Vec<Option<Place>>,
    /// Where the UDP ports of an address stand.
    datagrams: HashMap<Address, u32>,
    turn: VecDeque<u32>,
    wakes: Heap,
    /// Hosts that the end of the scan cut off.
    cut_off: Vec<OpenHost>,
    /// When the first attempt left.
    began: Option<Instant>,
    active: usize,
    most_active: usize,
}

/// A place in the table: one host over one transport.
struct Place {
    host: Host,
    in_turn: bool,
    /// It has nothing more to ask, unless the other transport shows that the host is there.
    parked: bool,
    /// The place of the same host over the other transport.
    sibling: Option<u32>,
    /// What that one had to tell when it was finished first.
    half: Option<Half>,
    /// Which visit of the plan this is.
    visit: u64,
    /// What earlier runs know of the host.
    known: Option<Known>,
    /// What the discovery knows of the host.
    found: Option<Box<Found>>,
}

enum Host {
    Tcp(Box<TcpHost>),
    Udp(Box<UdpHost>),
}

impl PerHost {
    pub(crate) fn new(core: &Core) -> Self {
        let plan = &core.plan;
        let orders = (0..plan.products()).map(|product| {
            let ports = plan.ports(product);
            let order = |transport, ports| Arc::new(Order::new(transport, ports, plan.seed()));
            (order(Transport::Tcp, &ports.tcp), order(Transport::Udp, &ports.udp))
        });
        PerHost {
            orders: orders.collect(),
            places: Vec::new(),
            datagrams: HashMap::new(),
            turn: VecDeque::new(),
            wakes: Heap::default(),
            cut_off: Vec::new(),
            began: None,
            active: 0,
            most_active: (ACTIVE_PORTS / plan.most_ports().max(1)).clamp(8, 256),
        }
    }

    /// The next attempt, on its way.
    pub(crate) fn next(&mut self, core: &mut Core, now: Instant) -> Option<Request> {
        self.admit(core);
        while let Some(id) = self.turn.pop_front() {
            let Some(place) = self.places[id as usize].as_mut() else { continue };
            match place.host.next(core, now) {
                Next::Ask { port, number, canary } => {
                    let endpoint = place.host.ports().endpoint(port);
                    let attempt = Attempt {
                        endpoint,
                        host: id,
                        port,
                        number,
                        canary,
                        ping: None,
                        asked: now,
                        overdue: false,
                    };
                    self.turn.push_back(id);
                    self.began.get_or_insert(now);
                    return Some(place.host.launch(core, attempt, now));
                }
                Next::Wait(until) => {
                    place.in_turn = false;
                    let over = place.host.ports().time_is_over_at(core.plan.host_timeout());
                    if let Some(until) = [until, over].into_iter().flatten().min() {
                        self.wakes.set(id, until);
                    }
                }
                Next::Finished if self.may_yet_be_heard(id) => {
                    if let Some(place) = self.places[id as usize].as_mut() {
                        (place.in_turn, place.parked) = (false, true);
                    }
                }
                Next::Finished => {
                    self.remove(core, id, now);
                    self.admit(core);
                }
            }
        }
        None
    }

    pub(crate) fn answer(&mut self, core: &mut Core, attempt: &Attempt, event: &Completion) {
        self.with_tcp(attempt, |host| host.answer(core, attempt, event));
    }

    pub(crate) fn silence(&mut self, core: &mut Core, attempt: &Attempt, now: Instant) {
        self.with(attempt, |host| match host {
            Host::Tcp(host) => host.silence(core, attempt, now),
            Host::Udp(host) => host.silence(core, attempt, now),
        });
    }

    /// The answer to an attempt is overdue.
    pub(crate) fn overdue(&mut self, core: &Core, probe: ProbeId, attempt: &Attempt, now: Instant) {
        if let Some(Host::Tcp(host)) = self.host(attempt.host) {
            host.overdue(core, probe, attempt, now);
            self.enter_turn(attempt.host);
        }
    }

    pub(crate) fn local(
        &mut self,
        core: &mut Core,
        attempt: &Attempt,
        fault: LocalFault,
        event: &Completion,
    ) {
        self.with_tcp(attempt, |host| host.local(core, attempt, fault, event));
    }

    pub(crate) fn self_connected(&mut self, core: &mut Core, attempt: &Attempt, now: Instant) {
        self.with_tcp(attempt, |host| host.self_connected(core, attempt, now));
    }

    /// A datagram left, then and from that port of ours.
    pub(crate) fn sent(&mut self, core: &mut Core, attempt: &Attempt, probe: ProbeId, from: (Instant, u16)) {
        if let Some(Host::Udp(host)) = self.host(attempt.host) {
            host.sent(core, attempt, probe, from);
        }
    }

    /// A datagram did not leave.
    pub(crate) fn unsent(&mut self, core: &mut Core, attempt: &Attempt, fault: LocalFault, at: Instant) {
        self.with(attempt, |host| {
            if let Host::Udp(host) = host {
                host.local(core, attempt, fault, at);
            }
        });
    }

    /// A datagram came. False if it answers nothing that was asked.
    pub(crate) fn datagram(&mut self, core: &mut Core, datagram: &Datagram) -> bool {
        self.with_datagrams(datagram.from, |id, host| host.datagram(core, id, datagram))
    }

    /// An error about a datagram came. False if it quotes nothing that was asked.
    pub(crate) fn error(&mut self, core: &mut Core, error: &DatagramError) -> bool {
        self.with_datagrams(error.to, |id, host| host.error(core, id, error))
    }

    /// Our own receive queue lost something.
    pub(crate) fn overrun(&mut self, most: u8, now: Instant) {
        // In the order of the table: a map's own order differs from run to run, and the turn would with it.
        for id in (0u32..).take(self.places.len()) {
            match self.host(id) {
                Some(Host::Udp(host)) => host.overrun(most, now),
                // What a connect hears comes through no queue of ours.
                Some(Host::Tcp(host)) if host.by_packets => host.overrun(most, now),
                _ => continue,
            }
            self.enter_turn(id);
        }
    }

    /// We asked faster than the path bears, and it lost much of it.
    pub(crate) fn overtaxed(&mut self, most: u8, now: Instant) {
        for id in (0u32..).take(self.places.len()) {
            if let Some(Host::Tcp(host)) = self.host(id) {
                host.overtaxed(most, now);
                self.enter_turn(id);
            }
        }
    }

    /// Hosts whose time has come take their turn again.
    pub(crate) fn wake(&mut self, now: Instant) {
        while let Some(id) = self.wakes.pop_due(now) {
            self.enter_turn(id);
        }
    }

    /// When the next host's time comes.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        self.wakes.first()
    }

    /// Whether no host is being scanned.
    pub(crate) fn is_idle(&self) -> bool {
        self.active == 0
    }

    /// How far the hosts have come. The slowest of them tells how long the rest takes, or, where many are still to
    /// come, the pace at which hosts were finished so far.
    pub(crate) fn course(&self, core: &Core, now: Instant) -> Course {
        let places = || self.places.iter().flatten().filter(|place| !place.parked);
        let is_there = |place: &&Place| place.host.is_heard() || place.found.is_some();
        let heard = places().filter(is_there).count() as u64 + core.arrivals.waiting();
        let slowest = places().filter_map(|place| place.host.time_left(now)).max_by_key(|left| left.time);
        let to_come = core.arrivals.to_come();
        let left = slowest.map(|slowest| {
            // Each place still to be filled again takes at least as long as the slowest host has left.
            let turns = to_come.div_ceil(self.most_active as u64);
            let time = slowest.time.saturating_mul(u32::try_from(turns + 1).unwrap_or(u32::MAX));
            TimeLeft { time, at_least: slowest.at_least || turns > 0 }
        });
        let finished = core.tally.hosts_up + core.tally.hosts_down + core.tally.hosts_silent;
        let by_pace = self.began.filter(|_| to_come > 0).and_then(|began| {
            at_this_pace(finished as f64, (to_come + self.active as u64) as f64, now.since(began))
        });
        let left = match (left, by_pace) {
            (Some(left), Some(pace)) => Some(TimeLeft { time: left.time.max(pace), at_least: false }),
            (left, _) => left,
        };
        let silent = places().map(|place| place.host.ports().asked_enough()).sum();
        Course { heard, silent, left, ..Course::default() }
    }

    /// The scan is stopped: what is known is told, the rest is not asked.
    pub(crate) fn give_up(&mut self, core: &mut Core, now: Instant) {
        for id in 0..self.places.len() {
            self.remove(core, u32::try_from(id).unwrap_or(u32::MAX), now);
        }
    }

    fn admit(&mut self, core: &mut Core) {
        while self.active < self.most_active
            && let Some(Arrival { visit, address, product, found }) = core.arrivals.next(&core.plan)
        {
            let (known, tcp, udp) = self.orders_of(core, product, &visit);
            let (named, by_packets) = (core.plan.is_named(address), core.plan.is_by_packets(address));
            let mut seat = |mut host: Host| {
                if let Some(known) = &known {
                    host.go_on(known);
                }
                if let Some(found) = &found {
                    host.found(found);
                }
                self.seat(host, visit.number, known.clone(), found.clone())
            };
            let first = (tcp.len() > 0)
                .then(|| seat(Host::Tcp(Box::new(TcpHost::new(address, tcp, named, by_packets)))));
            let second =
                (udp.len() > 0).then(|| seat(Host::Udp(Box::new(UdpHost::new(address, udp, named)))));
            if let Some(second) = second {
                self.datagrams.insert(address, second);
            }
            for (place, sibling) in [(first, second), (second, first)] {
                if let Some(place) = place.and_then(|id| self.places[id as usize].as_mut()) {
                    place.sibling = sibling;
                }
            }
            if first.or(second).is_none() {
                core.arrivals.visits.finished(visit.number);
            }
        }
    }

    fn seat(&mut self, host: Host, visit: u64, known: Option<Known>, found: Option<Box<Found>>) -> u32 {
        let (sibling, half) = (None, None);
        let place = Some(Place { host, in_turn: true, parked: false, sibling, half, visit, known, found });
        self.active += 1;
        let id = match self.places.iter().position(Option::is_none) {
            Some(free) => {
                self.places[free] = place;
                free
            }
            None => {
                self.places.push(place);
                self.places.len() - 1
            }
        };
        // The table is bounded by `most_active`.
        let id = u32::try_from(id).unwrap_or(u32::MAX);
        self.turn.push_back(id);
        id
    }

    /// Whether a host of a range that has answered nothing may still turn out to be there by what its sibling hears.
    fn may_yet_be_heard(&self, id: u32) -> bool {
        let Some(place) = self.places[id as usize].as_ref() else { return false };
        let sibling = place.sibling.and_then(|sibling| self.places[sibling as usize].as_ref());
        // If the sibling waits for us in its turn, nobody will hear anything any more.
        sibling.is_some_and(|sibling| !sibling.parked && !sibling.host.is_listed()) && !place.host.is_listed()
    }

    fn remove(&mut self, core: &mut Core, id: u32, now: Instant) {
        let Some(mut place) = self.places[id as usize].take() else { return };
        self.active -= 1;
        self.wakes.remove(id);
        if let Host::Udp(host) = &place.host {
            self.datagrams.remove(&host.ports.address);
        }
        if place.host.ports().in_flight > 0 {
            core.abandon(|attempt| attempt.host == id);
        }
        let report = place.host.settle(core, now);
        let told = Half { report, listed: place.host.is_listed(), settled: place.host.settled_for_good() };
        let sibling = place.sibling.and_then(|sibling| self.places[sibling as usize].as_mut());
        match sibling {
            Some(sibling) => {
                // Our place may be another host's soon.
                (sibling.half, sibling.sibling) = (Some(told), None);
                let parked = sibling.parked;
                let other = place.sibling.unwrap_or(id);
                // Both have nothing more to ask: they are told together, before anything else is heard.
                if parked { self.remove(core, other, now) } else { self.enter_turn(other) }
            }
            None => {
                self.leave(core, place.visit, place.known.as_ref(), [place.half.as_ref(), Some(&told)]);
                let (mut report, listed) = match place.half {
                    Some(half) => joined((half.report, half.listed), (told.report, told.listed)),
                    None => (told.report, told.listed),
                };
                if let Some(found) = &place.found {
                    found.complete(&mut report);
                }
                core.tell_host(report, listed);
            }
        }
    }

    fn host(&mut self, id: u32) -> Option<&mut Host> {
        self.places.get_mut(id as usize)?.as_mut().map(|place| &mut place.host)
    }

    /// An attempt ended: its host is told, and takes its turn again.
    fn with(&mut self, attempt: &Attempt, happened: impl FnOnce(&mut Host)) {
        let Some(host) = self.host(attempt.host) else { return };
        host.ports_mut().landed(attempt);
        self.happen(attempt.host, happened);
    }

    fn with_tcp(&mut self, attempt: &Attempt, happened: impl FnOnce(&mut TcpHost)) {
        self.with(attempt, |host| {
            if let Host::Tcp(host) = host {
                happened(host);
            }
        });
    }

    fn with_datagrams(&mut self, with: Endpoint, happened: impl FnOnce(u32, &mut UdpHost) -> bool) -> bool {
        let Some(id) = self.datagrams.get(&with.address).copied() else { return false };
        let mut ours = false;
        self.happen(id, |host| {
            if let Host::Udp(host) = host {
                ours = happened(id, host);
            }
        });
        ours
    }

    fn happen(&mut self, id: u32, happened: impl FnOnce(&mut Host)) {
        let Some(place) = self.places.get_mut(id as usize).and_then(Option::as_mut) else { return };
        let before = place.host.is_heard();
        happened(&mut place.host);
        let (news, sibling) = (!before && place.host.is_heard(), place.sibling);
        self.wakes.remove(id);
        self.enter_turn(id);
        if news && let Some(sibling) = sibling {
            if let Some(host) = self.host(sibling) {
                host.heard_elsewhere();
            }
            self.enter_turn(sibling);
        }
    }

    fn enter_turn(&mut self, id: u32) {
        if let Some(place) = self.places.get_mut(id as usize).and_then(Option::as_mut)
            && !place.in_turn
        {
            (place.in_turn, place.parked) = (true, false);
            self.turn.push_back(id);
        }
    }
}

impl Host {
    fn ports(&self) -> &Ports {
        match self {
            Host::Tcp(host) => &host.ports,
            Host::Udp(host) => &host.ports,
        }
    }

    fn ports_mut(&mut self) -> &mut Ports {
        match self {
            Host::Tcp(host) => &mut host.ports,
            Host::Udp(host) => &mut host.ports,
        }
    }

    fn next(&mut self, core: &Core, now: Instant) -> Next {
        match self {
            Host::Tcp(host) => host.next(core, now),
            Host::Udp(host) => host.next(core, now),
        }
    }

    fn launch(&mut self, core: &mut Core, attempt: Attempt, now: Instant) -> Request {
        match self {
            Host::Tcp(host) => {
                let patience = host.patience(core.plan.timing().overtake, &attempt);
                let (probe, request) = core.ask_tcp(attempt, patience, now);
                if !attempt.canary
                    && let Some(pending) = host.ports.pending.get_mut(&attempt.port)
                {
                    for before in pending.launched(probe, attempt.number) {
                        core.flight.extend(before, now + patience.end);
                    }
                }
                request
            }
            Host::Udp(host) => {
                let (patience, own_port) = (host.patience(&attempt), host.wants_own_port(core, &attempt));
                let (probe, request) = core.datagram(attempt, own_port, patience, now);
                host.launched(&attempt, probe, own_port);
                request
            }
        }
    }

    fn is_heard(&self) -> bool {
        match self {
            Host::Tcp(host) => host.is_heard(),
            Host::Udp(host) => host.is_heard(),
        }
    }

    fn is_listed(&self) -> bool {
        match self {
            Host::Tcp(host) => host.is_listed(),
            Host::Udp(host) => host.is_listed(),
        }
    }

    fn time_left(&self, now: Instant) -> Option<TimeLeft> {
        match self {
            Host::Tcp(host) => host.time_left(now),
            Host::Udp(host) => host.time_left(now),
        }
    }

    /// The discovery found it.
    fn found(&mut self, found: &Found) {
        match self {
            Host::Tcp(host) => host.found(found),
            // How long it takes to answer a ping says little of how long a service takes.
            Host::Udp(host) => host.heard_elsewhere(),
        }
    }

    fn heard_elsewhere(&mut self) {
        match self {
            Host::Tcp(host) => host.heard_elsewhere(),
            Host::Udp(host) => host.heard_elsewhere(),
        }
    }

    fn settle(&mut self, core: &mut Core, now: Instant) -> HostReport {
        match self {
            Host::Tcp(host) => host.settle(core, now),
            Host::Udp(host) => host.settle(core, now),
        }
    }
}

/// One report of both halves of a host.
fn joined(
    (first, first_listed): (HostReport, bool),
    (second, second_listed): (HostReport, bool),
) -> (HostReport, bool) {
    let is_up = |report: &HostReport| report.state == HostState::Up;
    // Whoever heard it knows best; else whoever knows anything.
    let best = match (is_up(&first), first.state) {
        (false, HostState::Unknown) => &second,
        (false, _) if is_up(&second) => &second,
        _ => &first,
    };
    let (state, reason) = (best.state, best.reason.or(first.reason).or(second.reason));
    let mut counts = first.counts;
    second.counts.iter().for_each(|(state, n)| counts.add(state, n));
    let rtt = match (first.rtt, second.rtt) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    let (loss, target) = (first.loss.max(second.loss), first.target);
    let report =
        HostReport { target, state, reason, evidence: first.evidence, mac: first.mac, rtt, loss, counts };
    (report, first_listed || second_listed)
}
