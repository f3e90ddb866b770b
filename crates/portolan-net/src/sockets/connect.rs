//! TCP by connect(2): the door of a user without privilege.
//!
//! Four habits make it fast (measured; a closed loopback port costs about half of the plain way):
//! a connection is asked about once before it is waited for, since a near peer has answered by then; a
//! refused socket is connected again instead of being closed; a socket is told to epoll once in its life;
//! and an open port is closed with a RST.
//!
//! One trap: an ICMP error that arrives while its socket is inside connect(2) is queued but not acted
//! upon, and the connection stays in progress. So the error queue is read whenever epoll reports an error.

use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use portolan_model::sockets::{Capacity, Completion, Event, Outcome, ProbeId, Request, Sockets};
use portolan_model::{Address, Endpoint, Icmp, IcmpFamily, Instant, LocalFault, Transport};
use portolan_sys::epoll::{Epoll, Ready, ReadyList};
use portolan_sys::error_queue::{self, Origin};
use portolan_sys::socket::{Family, Progress, TcpSocket};
use portolan_sys::{Errno, clock, interfaces, limits};
use portolan_target::AddressSet;

use super::home::Home;
use super::pool::{Attempt, Pool};
use crate::error::NetError;

/// Connects over the real kernel.
///
/// Where the peer reset a connection before its name could be asked for, the local name in
/// [`Outcome::Connected`] is the unspecified address with port zero.
pub struct ConnectDoor {
    origin: u64,
    capacity: Capacity,
    home: Home,
    forbidden: AddressSet,
    refused_by_guard: u64,
    epoll: Epoll,
    news: ReadyList,
    pool: Pool,
    /// Where the attempt of each slot sits in the pool.
    slots: Vec<Option<u32>>,
    waiting: usize,
    completions: Vec<Completion>,
    refused: Vec<Event>,
}

impl ConnectDoor {
    /// Opens the door: raises the limit of open descriptors, reads the limits and addresses of this
    /// machine, and starts the clock. No address of `forbidden` will ever be asked.
    pub fn open(forbidden: AddressSet) -> Result<Self, NetError> {
        let capacity = capacity();
        Ok(ConnectDoor {
            origin: clock::monotonic_nanos(),
            capacity,
            home: Home::new(interfaces::addresses().map_err(|errno| NetError::ListInterfaces(errno.into()))?),
            forbidden,
            refused_by_guard: 0,
            epoll: Epoll::new().map_err(|errno| NetError::CreateEpoll(errno.into()))?,
            news: ReadyList::with_capacity(NEWS),
            pool: Pool::new(capacity.sockets),
            slots: Vec::new(),
            waiting: 0,
            completions: Vec::new(),
            refused: Vec::new(),
        })
    }

    /// How many requests went to a forbidden address and were not carried out. Anything but zero is a
    /// mistake of the engine.
    pub const fn refused_by_guard(&self) -> u64 {
        self.refused_by_guard
    }

    fn connect(&mut self, probe: ProbeId, to: Endpoint) {
        self.abandon_slot(probe.slot);
        let now = self.now();
        let attempt = Attempt { probe, peer: to.address.socket(to.port), sent: now };
        if let Some(fault) = self.guard(probe, to) {
            return self.complete(attempt, now, Outcome::Local(fault));
        }
        match self.pool.take(Family::of(&attempt.peer)) {
            Ok(index) => self.start(index, attempt),
            Err(errno) => self.fail(attempt, now, errno),
        }
    }

    /// The last look before a packet leaves.
    fn guard(&mut self, probe: ProbeId, to: Endpoint) -> Option<LocalFault> {
        // What was forbidden without a zone is forbidden in every zone.
        if self.forbidden.contains(to.address) || self.forbidden.contains(Address::new(to.address.ip())) {
            self.refused_by_guard += 1;
            return Some(LocalFault::Other(Errno::PERM.raw_os_error()));
        }
        if to.transport != Transport::Tcp {
            return Some(LocalFault::Other(Errno::PROTONOSUPPORT.raw_os_error()));
        }
        // A slot beyond any window would only cost memory.
        (probe.slot >= SLOTS).then_some(LocalFault::Other(Errno::INVAL.raw_os_error()))
    }

    fn start(&mut self, index: u32, mut attempt: Attempt) {
        // Taking a socket may have meant opening one: the time of sending is now.
        attempt.sent = self.now();
        let Some(seat) = self.pool.seat_mut(index) else { return };
        let progress = match seat.socket.connect(&attempt.peer) {
            Ok(Progress::InProgress) => seat.socket.ask(&attempt.peer),
            other => other,
        };
        if progress != Ok(Progress::InProgress) {
            return self.finish(index, attempt, self.now(), progress, None);
        }
        seat.attempt = Some(attempt);
        match seat.watch(index, &self.epoll) {
            Ok(()) => self.occupy(attempt.probe.slot, index),
            Err(errno) => {
                self.pool.close(index);
                self.fail(attempt, self.now(), errno);
            }
        }
    }

    /// Looks at what epoll told about a socket at the time `at`.
    fn look(&mut self, ready: Ready, at: Instant) {
        let Ok(index) = u32::try_from(ready.token) else { return };
        let Some(seat) = self.pool.seat(index) else { return };
        // An idle socket is hung up all the time; it may say so, and nobody listens.
        let Some(attempt) = seat.attempt else { return };
        // Asking makes a failed socket forget its name.
        let name = if ready.failed { seat.socket.local_addr().ok() } else { None };
        match seat.socket.ask(&attempt.peer) {
            Ok(Progress::InProgress) if !ready.failed => {}
            Ok(Progress::InProgress) => {
                if let Some(icmp) = queued_icmp(&seat.socket) {
                    self.abandon_slot(attempt.probe.slot);
                    self.complete(attempt, at, self.home.icmp(icmp, attempt.peer.into()));
                }
            }
            verdict => {
                self.vacate(attempt.probe.slot);
                self.finish(index, attempt, at, verdict, name);
            }
        }
    }

    /// The kernel has given its verdict: reports it, and keeps or closes the socket. `name` is the name
    /// that a failed socket had.
    fn finish(
        &mut self,
        index: u32,
        attempt: Attempt,
        at: Instant,
        verdict: Result<Progress, Errno>,
        name: Option<SocketAddr>,
    ) {
        let Some(seat) = self.pool.seat(index) else { return };
        let local = match verdict {
            Ok(_) => seat.socket.local_addr().ok(),
            // RFC 9293 section 3.10.7.3: a RST in SYN-SENT means "refused". Linux says "reset" only if
            // the connection stood before: the peer accepted it and dropped it at once.
            Err(Errno::CONNRESET) => name,
            Err(errno) => return self.finish_failed(index, attempt, at, errno),
        };
        self.pool.close(index);
        let local = local.unwrap_or_else(|| nameless(attempt.peer));
        self.complete(attempt, at, Outcome::Connected { local });
    }

    fn finish_failed(&mut self, index: u32, attempt: Attempt, at: Instant, errno: Errno) {
        match self.pool.seat(index).and_then(|seat| queued_icmp(&seat.socket)) {
            Some(icmp) => {
                self.pool.close(index);
                self.complete(attempt, at, self.home.icmp(icmp, attempt.peer.into()));
            }
            None if errno == Errno::CONNREFUSED && can_go_anywhere(attempt.peer) => {
                self.pool.put_back(index);
                self.complete(attempt, at, Outcome::Refused);
            }
            None => {
                self.pool.close(index);
                self.fail(attempt, at, errno);
            }
        }
    }

    fn fail(&mut self, attempt: Attempt, at: Instant, errno: Errno) {
        let outcome = self.home.errno(errno, attempt.peer.into(), at.since(attempt.sent));
        self.complete(attempt, at, outcome);
    }

    fn complete(&mut self, attempt: Attempt, at: Instant, outcome: Outcome) {
        self.completions.push(Completion { probe: attempt.probe, sent: attempt.sent, at, outcome });
    }

    fn refuse(&mut self, probe: ProbeId) {
        let fault = LocalFault::Other(Errno::PROTONOSUPPORT.raw_os_error());
        self.refused.push(Event::Unsent { probe, at: self.now(), fault });
    }

    fn abandon(&mut self, probe: ProbeId) {
        let index = self.slots.get(probe.slot as usize).copied().flatten();
        let attempt = index.and_then(|index| self.pool.seat(index)?.attempt);
        if attempt.is_some_and(|attempt| attempt.probe == probe) {
            self.abandon_slot(probe.slot);
        }
        // Nobody wants to hear of it any more, even if it was noticed already.
        self.completions.retain(|event| event.probe != probe);
    }

    fn abandon_slot(&mut self, slot: u32) {
        if let Some(index) = self.vacate(slot) {
            self.pool.close(index);
        }
    }

    fn occupy(&mut self, slot: u32, index: u32) {
        let slot = slot as usize;
        if slot >= self.slots.len() {
            self.slots.resize(slot + 1, None);
        }
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(index);
            self.waiting += 1;
        }
    }

    fn vacate(&mut self, slot: u32) -> Option<u32> {
        let index = self.slots.get_mut(slot as usize)?.take()?;
        self.waiting -= 1;
        Some(index)
    }

    /// Waits for news for at most `timeout` and turns all there is into completions.
    fn collect(&mut self, mut timeout: Duration) {
        let mut news = mem::take(&mut self.news);
        loop {
            // A failure here could only be a programming error; it shows as silence, never as an answer.
            let told = self.epoll.wait(&mut news, Some(timeout));
            let at = self.now();
            for ready in (0..news.len()).filter_map(|position| news.get(position)) {
                self.look(ready, at);
            }
            if told.is_err() || !news.is_full() {
                break;
            }
            timeout = Duration::ZERO;
        }
        self.news = news;
    }
}

impl Sockets for ConnectDoor {
    fn now(&self) -> Instant {
        Instant::from_nanos(clock::monotonic_nanos().saturating_sub(self.origin))
    }

    fn capacity(&self) -> Capacity {
        self.capacity
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        if self.waiting > 0 {
            self.collect(Duration::ZERO);
        }
        inbox.append(&mut self.refused);
        inbox.extend(self.completions.drain(..).map(Event::Connect));
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        for request in outbox.drain(..) {
            match request {
                Request::Connect { probe, to } => self.connect(probe, to),
                Request::Datagram { probe, .. } => self.refuse(probe),
                Request::Abandon(probe) => self.abandon(probe),
            }
        }
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        let start = self.now();
        let nap = start + NAP;
        let until = deadline.map_or(nap, |deadline| deadline.min(nap));
        while self.completions.is_empty() {
            let left = until.since(self.now());
            if left >= SPIN {
                // Whatever ends this wait, an interruption included, the caller wants to know of it.
                return self.collect(left);
            }
            if left.is_zero() {
                return;
            }
            if self.waiting > 0 {
                self.collect(Duration::ZERO);
            }
            std::hint::spin_loop();
        }
    }
}

/// How much news is taken from epoll at a time.
const NEWS: usize = 256;

/// The longest wait: whoever wants the scan stopped is heard this often.
const NAP: Duration = Duration::from_millis(100);

/// Falling asleep and waking up takes about this long: a shorter wait is spent awake.
const SPIN: Duration = Duration::from_micros(200);

/// More slots than a window can have.
const SLOTS: u32 = 1 << 20;

/// Descriptors left for the rest of the program: outputs, inputs, name lookups.
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
    Capacity { sockets, datagrams: 0 }
}

/// The first ICMP error in the queue: the one that ended the attempt. Without one the queue is empty now.
fn queued_icmp(socket: &TcpSocket) -> Option<Icmp> {
    let errors = std::iter::from_fn(|| error_queue::read(socket).ok().flatten());
    // No attempt meets more than a few; the bound keeps a flood of them from holding us here.
    errors.take(16).find_map(|error| icmp(&error))
}

fn icmp(error: &error_queue::QueuedError) -> Option<Icmp> {
    let family = match error.origin {
        Origin::Icmp => IcmpFamily::V4,
        Origin::Icmp6 => IcmpFamily::V6,
        Origin::Local | Origin::Other(_) => return None,
    };
    let from = error.offender.map(Address::from);
    Some(Icmp { family, icmp_type: error.icmp_type, code: error.code, from, ttl: error.ttl })
}

/// Connecting to a link-local address binds the socket to its interface for good: it can go nowhere else.
fn can_go_anywhere(peer: SocketAddr) -> bool {
    match peer {
        SocketAddr::V4(_) => true,
        SocketAddr::V6(peer) => peer.scope_id() == 0,
    }
}

fn nameless(peer: SocketAddr) -> SocketAddr {
    match peer {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}
