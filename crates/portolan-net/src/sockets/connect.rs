//! TCP by connect(2): what a user without privilege can do.
//!
//! Five habits make it fast (measured; a closed loopback port costs about half of the plain way):
//! a connection is asked about once before it is waited for, since a near peer has answered by then; a
//! refused socket is connected again instead of being closed; a socket is told to epoll once in its life;
//! an open port is closed with a RST; and whether refusals were resets or ICMP errors is asked once for all that
//! a socket met in a batch, since its error queue outlives them and names each destination.
//!
//! One trap: an ICMP error that arrives while its socket is inside connect(2) is queued but not acted
//! upon, and the connection stays in progress. So the error queue is read whenever epoll reports an error.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use portolan_model::sockets::{Completion, Event, Outcome, ProbeId};
use portolan_model::{Endpoint, Icmp, Instant, LocalFault};
use portolan_sys::Errno;
use portolan_sys::epoll::Ready;
use portolan_sys::error_queue;
use portolan_sys::socket::{Family, Progress};

use super::home;
use super::machine::Machine;
use super::pool::{Attempt, Pool};

/// The connections that were asked for.
pub(super) struct Connects {
    pool: Pool,
    /// Where the attempt of each slot sits in the pool.
    slots: Vec<Option<u32>>,
    waiting: usize,
    completions: Vec<Completion>,
    /// Refusals among the completions that may turn out to be ICMP errors.
    unproved: Vec<Unproved>,
    /// Of the latest connect.
    family: Option<Family>,
}

/// A refusal of which nobody has looked yet whether an ICMP error came with it.
struct Unproved {
    /// The socket that met it, idle or in use again since.
    met_by: u32,
    /// Its place among the completions.
    completion: usize,
    peer: SocketAddr,
}

impl Connects {
    /// None yet; never more idle sockets than `limit`.
    pub(super) const fn new(limit: usize) -> Self {
        Connects {
            pool: Pool::new(limit),
            slots: Vec::new(),
            waiting: 0,
            completions: Vec::new(),
            unproved: Vec::new(),
            family: None,
        }
    }

    /// Whether a connection is in progress.
    pub(super) const fn is_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// Whether something was noticed that was not reported yet.
    pub(super) const fn has_news(&self) -> bool {
        !self.completions.is_empty()
    }

    /// Moves what was noticed into `completions`.
    pub(super) fn take(&mut self, completions: &mut Vec<Completion>, machine: &Machine) {
        self.prove_all(machine);
        completions.append(&mut self.completions);
    }

    /// Moves what was noticed into `inbox`.
    pub(super) fn report(&mut self, inbox: &mut Vec<Event>, machine: &Machine) {
        self.prove_all(machine);
        inbox.extend(self.completions.drain(..).map(Event::Connect));
    }

    /// Starts a connection.
    pub(super) fn connect(&mut self, probe: ProbeId, to: Endpoint, machine: &Machine) {
        self.abandon_slot(probe.slot, machine);
        let peer = to.address.socket(to.port);
        if self.family != Some(Family::of(&peer)) {
            // The pool may give up an idle socket of the other family.
            self.prove_all(machine);
            self.family = Some(Family::of(&peer));
        }
        // Taking a socket may mean opening one: the time of sending is after that.
        let taken = self.pool.take(Family::of(&peer), machine);
        let attempt = Attempt { probe, peer, sent: machine.now() };
        match taken {
            Ok(index) => self.start(index, attempt, machine),
            Err(errno) => self.fail(attempt, attempt.sent, errno, machine),
        }
    }

    /// A connection that must not be started ends at once.
    pub(super) fn refuse(&mut self, probe: ProbeId, to: Endpoint, fault: LocalFault, machine: &Machine) {
        self.abandon_slot(probe.slot, machine);
        let now = machine.now();
        let attempt = Attempt { probe, peer: to.address.socket(to.port), sent: now };
        self.complete(attempt, now, Outcome::Local(fault));
    }

    fn start(&mut self, index: u32, attempt: Attempt, machine: &Machine) {
        let Some(seat) = self.pool.seat_mut(index) else { return };
        let progress = match seat.socket.connect(&attempt.peer) {
            Ok(Progress::InProgress) => seat.socket.ask(&attempt.peer),
            other => other,
        };
        if progress != Ok(Progress::InProgress) {
            return self.finish(index, attempt, machine.now(), progress, None, machine);
        }
        seat.attempt = Some(attempt);
        match seat.watch(index, &machine.epoll) {
            Ok(()) => self.occupy(attempt.probe.slot, index),
            Err(errno) => {
                self.close(index, machine);
                self.fail(attempt, machine.now(), errno, machine);
            }
        }
    }

    /// Looks at what epoll told about a socket at the time `at`.
    pub(super) fn look(&mut self, ready: Ready, at: Instant, machine: &Machine) {
        let Ok(index) = u32::try_from(ready.token) else { return };
        let Some(seat) = self.pool.seat(index) else { return };
        // An idle socket is hung up all the time; it may say so, and nobody listens.
        let Some(attempt) = seat.attempt else { return };
        // Asking makes a failed socket forget its name.
        let name = if ready.failed { seat.socket.local_addr().ok() } else { None };
        match seat.socket.ask(&attempt.peer) {
            Ok(Progress::InProgress) if !ready.failed => {}
            Ok(Progress::InProgress) => self.prove(index, at, machine),
            verdict => {
                self.vacate(attempt.probe.slot);
                self.finish(index, attempt, at, verdict, name, machine);
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
        machine: &Machine,
    ) {
        let Some(seat) = self.pool.seat(index) else { return };
        let local = match verdict {
            Ok(_) => seat.socket.local_addr().ok(),
            // RFC 9293 section 3.10.7.3: a RST in SYN-SENT means "refused". Linux says "reset" only if
            // the connection stood before: the peer accepted it and dropped it at once.
            Err(Errno::CONNRESET) => name,
            Err(errno) => return self.finish_failed(index, attempt, at, errno, machine),
        };
        self.close(index, machine);
        let local = local.unwrap_or_else(|| nameless(attempt.peer));
        self.complete(attempt, at, Outcome::Connected { local });
    }

    fn finish_failed(&mut self, index: u32, attempt: Attempt, at: Instant, errno: Errno, machine: &Machine) {
        if errno == Errno::CONNREFUSED && can_go_anywhere(attempt.peer) {
            self.unproved.push(Unproved {
                met_by: index,
                completion: self.completions.len(),
                peer: attempt.peer,
            });
            self.pool.put_back(index);
            self.complete(attempt, at, Outcome::Refused);
            if self.unproved.len() >= UNPROVED {
                self.prove_all(machine);
            }
            return;
        }
        let icmp = self.read_errors(index, Some(attempt.peer), machine);
        self.pool.close(index);
        match icmp {
            Some(icmp) => self.complete(attempt, at, machine.home.icmp(icmp, attempt.peer.into())),
            None if errno == Errno::CONNREFUSED => self.complete(attempt, at, Outcome::Refused),
            None => self.fail(attempt, at, errno, machine),
        }
    }

    /// Finds out which refusals were ICMP errors.
    fn prove_all(&mut self, machine: &Machine) {
        while let Some(last) = self.unproved.last() {
            let index = last.met_by;
            self.prove(index, machine.now(), machine);
        }
    }

    /// The same for those that one socket met; its attempt in progress may be found to have ended as well.
    fn prove(&mut self, index: u32, at: Instant, machine: &Machine) {
        let present = self.pool.seat(index).and_then(|seat| seat.attempt);
        let icmp = self.read_errors(index, present.map(|attempt| attempt.peer), machine);
        if let Some((attempt, icmp)) = present.zip(icmp) {
            self.vacate(attempt.probe.slot);
            self.pool.close(index);
            self.complete(attempt, at, machine.home.icmp(icmp, attempt.peer.into()));
        }
    }

    /// Gives each ICMP error in the queue of a socket to the refusal that it names. The first that names `present`,
    /// where the socket's attempt of now goes, comes back.
    fn read_errors(&mut self, index: u32, present: Option<SocketAddr>, machine: &Machine) -> Option<Icmp> {
        let refusals: Vec<Unproved> =
            self.unproved.extract_if(.., |refusal| refusal.met_by == index).collect();
        if refusals.is_empty() && present.is_none() {
            return None;
        }
        // Nearly all refusals are resets, with nothing in the queue.
        let seat = self.pool.seat(index).filter(|seat| !error_queue::is_empty(&seat.socket))?;
        let errors = std::iter::from_fn(|| error_queue::read(&seat.socket, &mut []).ok().flatten());
        let mut own = None;
        for error in errors.take(QUEUED) {
            let Some(icmp) = home::icmp(&error) else { continue };
            for refusal in refusals.iter().filter(|refusal| may_be_about(error.to, refusal.peer)) {
                if let Some(end) = self.completions.get_mut(refusal.completion) {
                    // If nobody knows whose it is, none was refused for certain.
                    let is_named = error.to.is_some() || refusals.len() == 1;
                    let known = machine.home.icmp(icmp, refusal.peer.into());
                    end.outcome = if is_named { known } else { Outcome::TimedOut };
                }
            }
            own = own.or(present.filter(|present| may_be_about(error.to, *present)).map(|_| icmp));
        }
        own
    }

    /// Closes a socket; what it met before is proved first.
    fn close(&mut self, index: u32, machine: &Machine) {
        self.read_errors(index, None, machine);
        self.pool.close(index);
    }

    fn fail(&mut self, attempt: Attempt, at: Instant, errno: Errno, machine: &Machine) {
        let outcome = machine.home.errno(errno, attempt.peer.into(), at.since(attempt.sent));
        self.complete(attempt, at, outcome);
    }

    fn complete(&mut self, attempt: Attempt, at: Instant, outcome: Outcome) {
        self.completions.push(Completion { probe: attempt.probe, sent: attempt.sent, at, outcome });
    }

    /// Nobody wants to hear of this attempt any more.
    pub(super) fn abandon(&mut self, probe: ProbeId, machine: &Machine) {
        let index = self.slots.get(probe.slot as usize).copied().flatten();
        let attempt = index.and_then(|index| self.pool.seat(index)?.attempt);
        if attempt.is_some_and(|attempt| attempt.probe == probe) {
            self.abandon_slot(probe.slot, machine);
        }
        // Nobody wants to hear of it any more, even if it was noticed already; the places of the others change.
        self.prove_all(machine);
        self.completions.retain(|event| event.probe != probe);
    }

    fn abandon_slot(&mut self, slot: u32, machine: &Machine) {
        if let Some(index) = self.vacate(slot) {
            self.close(index, machine);
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
}

/// So many refusals are looked at together: their errors find room in the smallest receive buffer that a TCP socket
/// usually has (131,072 bytes; one takes up to 2304).
const UNPROVED: usize = 16;

/// No socket's queue holds more errors; the bound keeps a flood of them from holding us.
const QUEUED: usize = 256;

/// Whether an error about a packet to `to` may be about one to `peer`; without a name it may be about any.
fn may_be_about(to: Option<SocketAddr>, peer: SocketAddr) -> bool {
    to.is_none_or(|to| (to.ip(), to.port()) == (peer.ip(), peer.port()))
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
