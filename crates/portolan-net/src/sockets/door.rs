//! The door: the clock, the last look before a packet leaves, and the waiting, for every kind of socket.

use std::mem;
use std::time::Duration;

use portolan_model::sockets::{Capacity, Event, ProbeId, Request, Sockets};
use portolan_model::{Address, Endpoint, Instant, LocalFault, Transport};
use portolan_sys::epoll::ReadyList;
use portolan_sys::{Errno, limits};
use portolan_target::AddressSet;

use super::connect::Connects;
use super::datagram::{self, Datagrams};
use super::machine::Machine;
use crate::error::NetError;

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
    connects: Connects,
    datagrams: Datagrams,
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
            connects: Connects::new(capacity.sockets),
            datagrams: Datagrams::new(),
        })
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
                None => self.connects.connect(probe, to, &self.machine),
            },
            Request::Datagram { probe, to, payload, own_port } => {
                match self.guard(probe, to, Transport::Udp) {
                    Some(fault) => self.datagrams.refuse(probe, fault, &self.machine),
                    None => self.datagrams.send(probe, to, &payload, own_port, &self.machine),
                }
            }
            Request::Abandon(probe) => {
                self.connects.abandon(probe);
                self.datagrams.abandon(probe, &self.machine);
            }
        }
    }

    /// The last look before a packet leaves.
    fn guard(&mut self, probe: ProbeId, to: Endpoint, transport: Transport) -> Option<LocalFault> {
        // What was forbidden without a zone is forbidden in every zone.
        if self.forbidden.contains(to.address) || self.forbidden.contains(Address::new(to.address.ip())) {
            self.refused_by_guard += 1;
            return Some(LocalFault::Other(Errno::PERM.raw_os_error()));
        }
        if to.transport != transport {
            return Some(LocalFault::Other(Errno::PROTONOSUPPORT.raw_os_error()));
        }
        // A slot beyond any window would only cost memory.
        (probe.slot >= SLOTS).then_some(LocalFault::Other(Errno::INVAL.raw_os_error()))
    }

    /// Whether anything may come in.
    fn is_waiting(&self) -> bool {
        self.connects.is_waiting() || self.datagrams.is_waiting()
    }

    /// Whether something was noticed that was not reported yet.
    const fn has_news(&self) -> bool {
        self.connects.has_news() || self.datagrams.has_news()
    }

    /// Waits for news for at most `timeout` and turns all there is into events.
    fn collect(&mut self, mut timeout: Duration) {
        let mut news = mem::take(&mut self.news);
        for _ in 0..ROUNDS {
            // A failure here could only be a programming error; it shows as silence, never as an answer.
            let told = self.machine.epoll.wait(&mut news, Some(timeout));
            let at = self.now();
            for ready in (0..news.len()).filter_map(|position| news.get(position)) {
                if ready.token < datagram::TOKENS {
                    self.connects.look(ready, at, &self.machine);
                } else {
                    self.datagrams.look(ready.token, at, &self.machine);
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
        if self.is_waiting() {
            self.collect(Duration::ZERO);
        }
        self.datagrams.report(inbox);
        self.connects.report(inbox);
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        for request in outbox.drain(..) {
            self.carry_out(request);
        }
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        let start = self.now();
        let nap = start + NAP;
        let until = deadline.map_or(nap, |deadline| deadline.min(nap));
        while !self.has_news() {
            let left = until.since(self.now());
            if left >= SPIN {
                // Whatever ends this wait, an interruption included, the caller wants to know of it.
                return self.collect(left);
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

/// How much news is taken from epoll at a time.
const NEWS: usize = 256;

/// How often news is taken in one go. A full house of connections fits; sockets that are spoken to without end have
/// news without end, and must not hold us.
const ROUNDS: usize = 32;

/// The longest wait: whoever wants the scan stopped is heard this often.
const NAP: Duration = Duration::from_millis(100);

/// Falling asleep and waking up takes about this long: a shorter wait is spent awake.
const SPIN: Duration = Duration::from_micros(200);

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
    Capacity { sockets, datagrams: datagram::capacity() }
}
