//! The door: the clock, the last look before a packet leaves, and the waiting, for every kind of socket.

use std::mem;
use std::os::fd::AsFd;
use std::time::Duration;

use portolan_model::sockets::{Capacity, Event, ProbeId, Request, Sockets};
use portolan_model::{Address, Endpoint, Instant, LocalFault, Transport};
use portolan_sys::epoll::{Interest, ReadyList};
use portolan_sys::{Errno, limits};
use portolan_target::AddressSet;

use super::connect::Connects;
use super::datagram::{self, Datagrams};
use super::lane::{self, Lane};
use super::machine::Machine;
use crate::error::NetError;
use crate::frames::Ways;
use crate::interface::Interface;

/// The real kernel, asked through its own sockets.
///
/// Where the peer reset a connection before its name could be asked for, the local name in
/// [`Outcome::Connected`](portolan_model::sockets::Outcome::Connected) is the unspecified address with port zero.
pub struct SocketDoor {
    machine: Machine,
    capacity: Capacity,
    forbidden: AddressSet,
    refused_by_guard: u64,
    news: ReadyList,
    /// Up to when everything that came to our own sockets was noticed.
    heard_until: Instant,
    connects: Connects,
    lane: Option<Lane>,
    /// Room for the requests of a batch that the lane does not take.
    ours: Vec<Request>,
    datagrams: Datagrams,
    /// Whether something else is waited for beside the sockets, and whether it has news.
    watches: bool,
    watched: bool,
    /// The ways by the one interface that everything is to leave by, if it is one.
    ways: Option<Ways>,
}

impl SocketDoor {
    /// Opens the door: raises the limit of open descriptors, reads the limits and addresses of this
    /// machine, and starts the clock. No address of `forbidden` will ever be asked.
    pub fn open(forbidden: AddressSet) -> Result<Self, NetError> {
        let capacity = capacity();
        Ok(SocketDoor {
            machine: Machine::open()?,
            capacity,
            forbidden,
            refused_by_guard: 0,
            news: ReadyList::with_capacity(NEWS),
            heard_until: Instant::ZERO,
            connects: Connects::new(capacity.sockets),
            lane: None,
            ours: Vec::new(),
            datagrams: Datagrams::new(),
            watches: false,
            watched: false,
            ways: None,
        })
    }

    /// From now on everything leaves by this interface and is heard there alone, and where no route leads by it, there is
    /// none. It has to be said before anything is sent, and before a second lane is opened. A socket may be tied without
    /// privilege since Linux 5.7.
    pub fn only_by(mut self, interface: Interface) -> Result<Self, NetError> {
        let ways = Ways::open(Some(interface)).map_err(|errno| NetError::ReadRoutes(errno.into()))?;
        self.machine.interface = Some(interface);
        self.ways = Some(ways);
        Ok(self)
    }

    /// The interface that everything leaves by, if it is one.
    pub(crate) const fn interface(&self) -> Option<Interface> {
        self.machine.interface
    }

    /// From now on a wait ends also when `other` has something to read.
    pub(crate) fn watch(&mut self, other: impl AsFd) -> Result<(), NetError> {
        let add = self.machine.epoll.add(other, WATCHED, Interest::ReadableLevel);
        self.watches = true;
        add.map_err(|errno| NetError::CreateEpoll(errno.into()))
    }

    /// Whether it had; its owner looks now.
    pub(crate) fn take_watched(&mut self) -> bool {
        mem::take(&mut self.watched)
    }

    /// From now on half of the connects are made by a second thread: it pays for many ports beyond the loopback.
    pub fn with_second_lane(mut self) -> Result<Self, NetError> {
        // Each has half of the slots, so it never needs more than half of the sockets, idle ones included.
        let half = self.capacity.sockets.div_ceil(2);
        self.connects = Connects::new(half);
        let lane = Lane::start(self.machine.another()?, half)?;
        let add = self.machine.epoll.add(lane.bell(), lane::BELL, Interest::ReadableLevel);
        add.map_err(|errno| NetError::CreateBell(errno.into()))?;
        self.lane = Some(lane);
        Ok(self)
    }

    /// How many requests went to a forbidden address and were not carried out. Anything but zero is a
    /// mistake of the engine.
    pub const fn refused_by_guard(&self) -> u64 {
        self.refused_by_guard
    }

    fn carry_out(&mut self, request: Request) {
        match request {
            Request::Connect { probe, to } => match self.guard(probe, to, Transport::Tcp) {
                Some(fault) => self.connects.refuse(probe, to, fault, &self.machine),
                None => match self.lane_of(probe) {
                    Some(lane) => lane.push(Request::Connect { probe, to }),
                    None => self.connects.connect(probe, to, &self.machine),
                },
            },
            Request::Ping { probe, to, .. } => {
                let to = Endpoint::tcp(to, 0);
                self.connects.refuse(probe, to, LocalFault::Permission, &self.machine);
            }
            // Without packets of our own making there is no SYN and no ACK of our own either.
            Request::Syn { probe, to } | Request::Ack { probe, to } => {
                self.connects.refuse(probe, to, LocalFault::Permission, &self.machine);
            }
            Request::Datagram { probe, to, payload, own_port } => {
                match self.guard(probe, to, Transport::Udp) {
                    Some(fault) => self.datagrams.refuse(probe, fault, &self.machine),
                    None => self.datagrams.send(probe, to, &payload, own_port, &self.machine),
                }
            }
            Request::Abandon(probe) => {
                match self.lane_of(probe) {
                    Some(lane) => lane.push(Request::Abandon(probe)),
                    None => self.connects.abandon(probe, &self.machine),
                }
                self.datagrams.abandon(probe, &self.machine);
            }
        }
    }

    /// The lane that this slot's connects take, if not the door's own.
    fn lane_of(&mut self, probe: ProbeId) -> Option<&mut Lane> {
        self.lane.as_mut().filter(|_| lane::takes(probe))
    }

    /// The last look before a packet leaves.
    fn guard(&mut self, probe: ProbeId, to: Endpoint, transport: Transport) -> Option<LocalFault> {
        // What was forbidden without a zone is forbidden in every zone.
        if self.forbidden.contains(to.address) || self.forbidden.contains(Address::new(to.address.ip())) {
            self.refused_by_guard += 1;
            return Some(LocalFault::Other(Errno::PERM.raw_os_error()));
        }
        let reaches = |ways: &mut Ways| ways.reaches(to.address, self.machine.now()).err();
        if let Some(fault) = self.ways.as_mut().and_then(reaches) {
            return Some(fault);
        }
        if to.transport != transport {
            return Some(LocalFault::Other(Errno::PROTONOSUPPORT.raw_os_error()));
        }
        // A slot beyond any window would only cost memory.
        (probe.slot >= SLOTS).then_some(LocalFault::Other(Errno::INVAL.raw_os_error()))
    }

    /// Whether anything may come in.
    fn is_waiting(&self) -> bool {
        self.watches || self.connects.is_waiting() || self.datagrams.is_waiting()
    }

    /// Whether something was noticed that was not reported yet.
    fn has_news(&self) -> bool {
        self.watched
            || self.connects.has_news()
            || self.datagrams.has_news()
            || self.lane.as_ref().is_some_and(Lane::has_news)
    }

    /// Sleeps until there is news, for at most `timeout`.
    fn sleep(&mut self, timeout: Duration) {
        if let Some(lane) = &self.lane {
            lane.door_sleeps(true);
        }
        // What came before that was said rang no bell.
        let has_news = self.lane.as_ref().is_some_and(Lane::has_news);
        self.collect(if has_news { Duration::ZERO } else { timeout });
        if let Some(lane) = &self.lane {
            lane.door_sleeps(false);
        }
    }

    /// Waits for news for at most `timeout` and turns all there is into events. Whatever had news at the beginning is
    /// looked at: those that have more come behind the others.
    fn collect(&mut self, mut timeout: Duration) {
        let mut news = mem::take(&mut self.news);
        for _ in 0..ROUNDS {
            // A failure here could only be a programming error; it shows as silence, never as an answer.
            let told = self.machine.epoll.wait(&mut news, Some(timeout));
            let at = self.now();
            for ready in (0..news.len()).filter_map(|position| news.get(position)) {
                match (ready.token, &self.lane) {
                    (WATCHED, _) => self.watched = true,
                    (lane::BELL, Some(lane)) => lane.bell().silence(),
                    (token, _) if token < datagram::TOKENS => self.connects.look(ready, at, &self.machine),
                    (token, _) => self.datagrams.look(token, at, &self.machine),
                }
            }
            if told.is_err() || !news.is_full() {
                break;
            }
            timeout = Duration::ZERO;
        }
        self.news = news;
    }
}

impl Sockets for SocketDoor {
    fn now(&self) -> Instant {
        self.machine.now()
    }

    fn capacity(&self) -> Capacity {
        self.capacity
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        self.heard_until = self.now();
        if self.is_waiting() {
            self.collect(Duration::ZERO);
        }
        self.datagrams.report(inbox);
        self.connects.report(inbox, &self.machine);
        if let Some(lane) = &mut self.lane {
            lane.report(inbox);
        }
    }

    fn heard_until(&self) -> Instant {
        self.lane.as_ref().map_or(self.heard_until, |lane| self.heard_until.min(lane.heard_until()))
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        if self.lane.is_some() {
            // Theirs first, so that both work at the same time.
            let mut ours = mem::take(&mut self.ours);
            for request in outbox.drain(..) {
                let theirs = matches!(request, Request::Connect { probe, .. } | Request::Abandon(probe) if lane::takes(probe));
                if theirs { self.carry_out(request) } else { ours.push(request) }
            }
            mem::swap(outbox, &mut ours);
            self.ours = ours;
        }
        if let Some(lane) = &mut self.lane {
            lane.send(self.machine.now());
        }
        for request in outbox.drain(..) {
            self.carry_out(request);
        }
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        let start = self.now();
        if let Some(lane) = &self.lane
            && deadline.is_some_and(|deadline| deadline <= start && lane.heard_until() < deadline)
        {
            // What it was waiting for may have come; only the lane can tell.
            lane.ask_to_look();
            return self.sleep(LOOK);
        }
        let nap = start + NAP;
        let until = deadline.map_or(nap, |deadline| deadline.min(nap));
        while !self.has_news() {
            let now = self.now();
            let left = until.since(now);
            // The lane is about to have something: waking us would keep it from its work for longer than that.
            let lane_is_near = self.lane.is_some() && now.since(start) < NEAR;
            if left >= SPIN && !lane_is_near {
                // Whatever ends this wait, an interruption included, the caller wants to know of it.
                return self.sleep(left);
            }
            if left.is_zero() {
                return;
            }
            if self.is_waiting() {
                self.collect(Duration::ZERO);
            }
            std::hint::spin_loop();
        }
    }
}

/// The token of what is watched beside the sockets.
const WATCHED: u64 = u64::MAX - 1;

/// How much news is taken from epoll at a time.
const NEWS: usize = 256;

/// How often news is taken in one go. A full house of connections fits; sockets that are spoken to without end have
/// news without end, and must not hold us.
const ROUNDS: usize = 32;

/// The longest wait: whoever wants the scan stopped is heard this often.
const NAP: Duration = Duration::from_millis(100);

/// Falling asleep and waking up takes about this long: a shorter wait is spent awake.
const SPIN: Duration = Duration::from_micros(200);

/// So long the door waits at a time for its second lane to look at its sockets.
const LOOK: Duration = Duration::from_millis(5);

/// So long the door stays awake for its second lane.
const NEAR: Duration = Duration::from_micros(30);

/// More slots than a window can have.
const SLOTS: u32 = 1 << 20;

/// Descriptors left for the rest of the program: outputs, inputs, name lookups, and the sockets of datagrams.
const RESERVE: usize = 32;

/// No window pays beyond this: the kernel's memory leaves the processor's cache long before.
const MOST: usize = 4096;

fn capacity() -> Capacity {
    let descriptors = usize::try_from(limits::raise_open_files()).unwrap_or(usize::MAX);
    let open = limits::open_files().unwrap_or(3);
    // Ports in TIME_WAIT may be used for other peers, but not for those they remember: leave them alone as
    // long as that leaves a quarter.
    let ports = limits::ephemeral_ports().map_or(usize::MAX, |ports| ports.len());
    let resting = limits::time_wait().unwrap_or(0);
    let ports = ports.saturating_sub(resting).max(ports / 4);
    let sockets = descriptors.saturating_sub(open).saturating_sub(RESERVE).min(ports).clamp(1, MOST);
    Capacity { sockets, packets: 0, datagrams: datagram::capacity() }
}
