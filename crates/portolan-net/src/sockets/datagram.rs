//! UDP without privilege: a few sockets that speak to everybody, and some that belong to one attempt each.
//!
//! Before editing, read `sending.rs` for the kernel's traps, and RFC 1122 section 4.1.3.
//!
//! Several sockets a family, used in turn: an ICMP error waits in the receive buffer of the socket whose datagram it
//! is about, and one that finds no room there is dropped without a word.

use std::cell::Cell;
use std::net::SocketAddr;

use portolan_model::sockets::{Datagram, DatagramError, Event, Outcome, ProbeId};
use portolan_model::{Address, Endpoint, Instant, LocalFault, Transport};
use portolan_sys::Errno;
use portolan_sys::datagram::UdpSocket;
use portolan_sys::epoll::Interest;
use portolan_sys::error_queue::{Origin, QueuedError};
use portolan_sys::socket::Family;

use super::home::{self, Home};
use super::machine::Machine;
use super::sending::{self, Found};

/// The sockets that datagrams are sent from.
pub(super) struct Datagrams {
    /// First [`EACH`] places for each family, filled when they are needed; then the ports of single attempts.
    places: Vec<Option<Port>>,
    /// Whose turn it is, by family.
    turns: [usize; 2],
    events: Vec<Event>,
    buffer: Box<[u8]>,
}

struct Port {
    socket: UdpSocket,
    family: Family,
    /// The attempt it belongs to, if it does not serve all.
    owner: Option<ProbeId>,
    /// How many losses of it have been told.
    overruns: u32,
}

impl Datagrams {
    /// No sockets yet.
    pub(super) fn new() -> Self {
        Datagrams {
            places: (0..2 * EACH).map(|_| None).collect(),
            turns: [0; 2],
            events: Vec::new(),
            buffer: vec![0; LONGEST].into(),
        }
    }

    /// Whether there is a socket that something may come to.
    pub(super) fn is_waiting(&self) -> bool {
        self.places.iter().any(Option::is_some)
    }

    /// Whether something was noticed that was not reported yet.
    pub(super) const fn has_news(&self) -> bool {
        !self.events.is_empty()
    }

    /// Moves what was noticed into `inbox`.
    pub(super) fn report(&mut self, inbox: &mut Vec<Event>) {
        inbox.append(&mut self.events);
    }

    /// Sends a datagram, from a port of its own if that is wanted.
    pub(super) fn send(
        &mut self,
        probe: ProbeId,
        to: Endpoint,
        payload: &[u8],
        own_port: bool,
        machine: &Machine,
    ) {
        let owned = self.owned(probe).is_some();
        let sent = self
            .sender(probe, to, own_port, machine)
            .and_then(|index| self.send_from(index, probe, to, payload, machine));
        match sent {
            Ok(event) => self.events.push(event),
            Err(errno) => {
                // Nothing was asked from a port that was opened for this, so nothing will answer to it.
                if !owned {
                    self.abandon(probe, machine);
                }
                self.refuse(probe, machine.home.unsent(errno, to.address), machine);
            }
        }
    }

    /// A datagram that is not to be sent ends at once.
    pub(super) fn refuse(&mut self, probe: ProbeId, fault: LocalFault, machine: &Machine) {
        self.events.push(Event::Unsent { probe, at: machine.now(), fault });
    }

    /// Gives up the port that belongs to this attempt, if there is one.
    pub(super) fn abandon(&mut self, probe: ProbeId, machine: &Machine) {
        if let Some(index) = self.owned(probe) {
            self.empty(index, machine);
            self.vacate(index);
        }
    }

    /// Takes what there is at the socket that epoll told of, at the time `at`. Whatever is beyond the bound is told
    /// again: the watch is for a level.
    pub(super) fn look(&mut self, token: u64, at: Instant, machine: &Machine) {
        if let Some(index) = token.checked_sub(TOKENS).and_then(|index| usize::try_from(index).ok()) {
            self.take(index, at, machine);
        }
    }

    /// The place of the socket that is to send: it is open, and its port is not the one that is asked.
    fn sender(
        &mut self,
        probe: ProbeId,
        to: Endpoint,
        own_port: bool,
        machine: &Machine,
    ) -> Result<usize, Errno> {
        let family = Family::of(&to.address.socket(to.port));
        let index = if own_port { self.own(probe, family, machine)? } else { self.shared(family, machine)? };
        if machine.home.is_own(to.address) {
            self.leave(family, to.port, machine)?;
        }
        Ok(index)
    }

    fn send_from(
        &mut self,
        index: usize,
        probe: ProbeId,
        to: Endpoint,
        payload: &[u8],
        machine: &Machine,
    ) -> Result<Event, Errno> {
        let Datagrams { places, events, buffer, .. } = self;
        let Some(Some(port)) = places.get(index) else { return Err(Errno::BADF) };
        let before = events.len();
        let tell = |found: Found<'_>| {
            if let Found::Error(error, quote) = found {
                events.extend(told(error, quote, machine.now(), &machine.home));
            }
        };
        // A near host has answered before the call returns: the clock is read before it.
        let called = Cell::new(machine.now());
        let datagram = (&to.address.socket(to.port), payload);
        let sent = sending::send(&port.socket, datagram, buffer, || called.set(machine.now()), tell);
        let held = sent.inspect_err(|_| forget_local(events, before, to))?;
        Ok(Event::Sent { probe, at: called.get(), local: port.socket.local_port(), held })
    }

    /// The next socket in turn. If there are no descriptors for all of them, fewer will do.
    fn shared(&mut self, family: Family, machine: &Machine) -> Result<usize, Errno> {
        let turn = self.turns[family as usize];
        self.turns[family as usize] = (turn + 1) % EACH;
        let mut places = (turn..turn + EACH).map(|turn| family as usize * EACH + turn % EACH);
        let wanted = places.next().unwrap_or(0);
        if self.is_open(wanted) {
            return Ok(wanted);
        }
        match self.open(wanted, family, None, machine) {
            Ok(()) => Ok(wanted),
            Err(errno) => places.find(|index| self.is_open(*index)).ok_or(errno),
        }
    }

    /// The socket of this attempt: the same, however often it asks.
    fn own(&mut self, probe: ProbeId, family: Family, machine: &Machine) -> Result<usize, Errno> {
        if let Some(index) = self.owned(probe) {
            return Ok(index);
        }
        let vacant = (2 * EACH..2 * EACH + OWN).find(|index| !self.is_open(*index)).ok_or(Errno::MFILE)?;
        self.open(vacant, family, Some(probe), machine)?;
        Ok(vacant)
    }

    /// Leaves `port` of this machine, which is about to be asked, if it is one of ours: what would be found there is
    /// ourselves.
    fn leave(&mut self, family: Family, port: u16, machine: &Machine) -> Result<(), Errno> {
        let Some(index) = self.places.iter().position(|place| is_at(place.as_ref(), family, port)) else {
            return Ok(());
        };
        if self.places.get(index).and_then(Option::as_ref).is_some_and(|port| port.owner.is_some()) {
            // Somebody may be answering to it. It will be given up soon.
            return Err(Errno::ADDRINUSE);
        }
        self.empty(index, machine);
        // The new one is opened before the old one is closed, and so has another port.
        self.open(index, family, None, machine)
    }

    fn owned(&self, probe: ProbeId) -> Option<usize> {
        let owned = |place: &Option<Port>| place.as_ref().is_some_and(|port| port.owner == Some(probe));
        self.places.iter().position(owned)
    }

    fn is_open(&self, index: usize) -> bool {
        self.places.get(index).is_some_and(Option::is_some)
    }

    /// Opens a socket at a place; the one that was there is closed.
    fn open(
        &mut self,
        index: usize,
        family: Family,
        owner: Option<ProbeId>,
        machine: &Machine,
    ) -> Result<(), Errno> {
        let socket = UdpSocket::open(family)?;
        machine.tie(&socket)?;
        machine.epoll.add(&socket, TOKENS + index as u64, Interest::ReadableLevel)?;
        if index >= self.places.len() {
            self.places.resize_with(index + 1, || None);
        }
        if let Some(place) = self.places.get_mut(index) {
            *place = Some(Port { socket, family, owner, overruns: 0 });
        }
        Ok(())
    }

    fn vacate(&mut self, index: usize) {
        if let Some(place) = self.places.get_mut(index) {
            *place = None;
        }
    }

    /// Takes all there is at a socket that will be closed; what still comes in then is a stranger's.
    fn empty(&mut self, index: usize, machine: &Machine) {
        for _ in 0..ROUNDS {
            if self.take(index, machine.now(), machine) == 0 {
                break;
            }
        }
    }

    /// Takes what there is at a socket, up to a bound, and gives how much it was.
    fn take(&mut self, index: usize, at: Instant, machine: &Machine) -> usize {
        let Datagrams { places, events, buffer, .. } = self;
        let Some(Some(port)) = places.get(index) else { return 0 };
        let local = port.socket.local_port();
        let count = sending::drain(&port.socket, buffer, |found| match found {
            Found::Error(error, quote) => events.extend(told(error, quote, at, &machine.home)),
            Found::Datagram(received, _) if is_ours(received.from, places, &machine.home) => {}
            Found::Datagram(received, bytes) => {
                let from = udp(received.from);
                events.push(Event::Datagram(Datagram { from, local, at, ttl: None, bytes: bytes.into() }));
            }
        });
        if count > 0 {
            self.count_losses(index, at);
        }
        count
    }

    fn count_losses(&mut self, index: usize, at: Instant) {
        let Some(Some(port)) = self.places.get_mut(index) else { return };
        let Ok(overruns) = port.socket.overruns() else { return };
        let count = overruns.wrapping_sub(port.overruns);
        port.overruns = overruns;
        if count > 0 {
            self.events.push(Event::Overrun { count: count.into(), at });
        }
    }
}

/// How many datagrams may be answered at once before the receive buffers of one family are full, or wait for their
/// neighbours before its send buffers are, by what the kernel grants a socket; at least one.
pub(super) fn capacity() -> usize {
    let granted = [Family::V4, Family::V6].into_iter().find_map(|family| {
        let socket = UdpSocket::open(family).ok()?;
        Some(socket.receive_buffer().ok()?.min(socket.send_buffer().ok()?))
    });
    (EACH * granted.unwrap_or(0) / WORST).max(1)
}

/// What the kernel tells in its error queue, as an event.
fn told(error: QueuedError, quote: &[u8], at: Instant, home: &Home) -> Option<Event> {
    // What IPv4 has itself against a datagram, it says without its port; its sender knows from the errno.
    let to = error.to.filter(|to| to.port() != 0).map(udp)?;
    let outcome = match home::icmp(&error) {
        Some(icmp) => home.icmp(icmp, to.address),
        None if error.origin == Origin::Local => {
            Outcome::Local(home.unsent(Errno::from_raw_os_error(error.errno), to.address))
        }
        None => return None,
    };
    Some(Event::Error(DatagramError { to, at, outcome, quoted: quote.into() }))
}

/// Of the events from `first` on, forgets what this machine itself had against a datagram to `to`: it never left, and
/// [`Event::Unsent`] will say why.
fn forget_local(events: &mut Vec<Event>, first: usize, to: Endpoint) {
    let is_about_it = |event: &Event| match event {
        Event::Error(error) => error.to == to && matches!(error.outcome, Outcome::Local(_)),
        _ => false,
    };
    let kept: Vec<Event> = events.drain(first..).filter(|event| !is_about_it(event)).collect();
    events.extend(kept);
}

/// Whether a datagram from there is one that we sent ourselves, which a broadcast or a multicast may bring back.
fn is_ours(from: SocketAddr, places: &[Option<Port>], home: &Home) -> bool {
    home.is_own(from.into())
        && places.iter().any(|place| is_at(place.as_ref(), Family::of(&from), from.port()))
}

fn is_at(place: Option<&Port>, family: Family, port: u16) -> bool {
    place.is_some_and(|place| place.family == family && place.socket.local_port() == port)
}

fn udp(name: SocketAddr) -> Endpoint {
    Endpoint { address: Address::from(name), transport: Transport::Udp, port: name.port() }
}

/// The tokens of these sockets in epoll begin here; those below are for connections.
pub(super) const TOKENS: u64 = 1 << 32;

/// How many sockets serve all, for each family.
const EACH: usize = 8;

/// How many attempts may have a port of their own at a time.
const OWN: usize = 1024;

/// What the kernel charges a receive buffer for a full-size packet of an Ethernet, the worst that is common.
const WORST: usize = 2304;

/// The longest payload of a datagram is shorter than this.
const LONGEST: usize = 1 << 16;

/// How often a socket is looked at for the last time.
const ROUNDS: usize = 64;

#[cfg(test)]
mod tests {
    use portolan_sys::interfaces::InterfaceAddress;

    use super::*;

    const TARGET: &str = "198.18.0.9:7";

    /// An ICMP error about a datagram to `to`.
    fn error(to: &str, code: u8, offender: &str) -> QueuedError {
        QueuedError {
            origin: Origin::Icmp,
            errno: Errno::HOSTUNREACH.raw_os_error(),
            icmp_type: 3,
            code,
            to: Some(to.parse().unwrap()),
            offender: Some(offender.parse().unwrap()),
            ttl: Some(64),
            quoted: 0,
        }
    }

    fn event(error: QueuedError) -> Option<Event> {
        let own = InterfaceAddress { index: 2, ip: "198.18.0.1".parse().unwrap(), prefix: 24 };
        told(error, b"", Instant::ZERO, &Home::new(vec![own]))
    }

    fn outcome(error: QueuedError) -> Option<Outcome> {
        match event(error)? {
            Event::Error(error) => Some(error.outcome),
            _ => None,
        }
    }

    #[test]
    fn every_error_is_told_as_what_it_is() {
        assert!(
            matches!(outcome(error(TARGET, 3, "198.18.0.9:0")), Some(Outcome::Icmp(icmp)) if icmp.code == 3)
        );
        let no_neighbour = Outcome::Local(LocalFault::NoNeighbour { on_link: true });
        assert_eq!(outcome(error(TARGET, 1, "198.18.0.1:0")), Some(no_neighbour));
        let too_long = QueuedError {
            origin: Origin::Local,
            errno: Errno::MSGSIZE.raw_os_error(),
            ..error(TARGET, 0, "198.18.0.1:0")
        };
        assert_eq!(outcome(too_long), Some(Outcome::Local(LocalFault::Other(90))));
        // Without a port nobody knows which; what is neither ICMP nor an error of ours (a time stamp) is no error.
        assert_eq!(outcome(QueuedError { to: Some("198.18.0.9:0".parse().unwrap()), ..too_long }), None);
        assert_eq!(outcome(QueuedError { to: None, ..too_long }), None);
        assert_eq!(outcome(QueuedError { origin: Origin::Other(4), ..too_long }), None);
    }

    #[test]
    fn what_our_own_firewall_says_of_a_datagram_that_never_left_is_said_once() {
        let ours = error(TARGET, 1, "198.18.0.1:0");
        let others = [error("198.18.0.9:8", 1, "198.18.0.1:0"), error(TARGET, 3, "198.18.0.9:0")];
        let mut events: Vec<Event> =
            [ours, ours, others[0], ours, others[1]].into_iter().filter_map(event).collect();
        forget_local(&mut events, 1, udp(TARGET.parse().unwrap()));
        let kept: Vec<Event> = [ours, others[0], others[1]].into_iter().filter_map(event).collect();
        assert_eq!(events, kept);
    }
}
