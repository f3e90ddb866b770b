//! The door without privilege: connects and datagrams through the kernel's own sockets.
//!
//! The engine hands over [`Request`]s and is given [`Event`]s. A door reports only what its kernel told
//! it; it decides nothing, and it tells the time, so that time has one source.
//!
//! A connect ends in one [`Completion`] that bears its name. A datagram is different: the wire knows no names, so
//! whatever comes back is handed over as it came, and only the engine can tell whose answer it is, or that it is a
//! stranger's.

mod traced;

pub use traced::{Asked, Trace, Traced};

use std::net::SocketAddr;

use crate::endpoint::{Address, Endpoint};
use crate::evidence::{Icmp, LocalFault, Segment};
use crate::ping::{Ping, Pong};
use crate::time::Instant;

/// The name of one attempt: where the engine keeps it, and a keyed tag that tells it from every earlier
/// attempt kept at the same place.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct ProbeId {
    /// The place.
    pub slot: u32,
    /// The tag; a completion with another tag is a stray.
    pub tag: u32,
}

/// What the engine asks of the door.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// Start a TCP connection.
    Connect {
        /// The attempt's name.
        probe: ProbeId,
        /// To where.
        to: Endpoint,
    },
    /// Send a TCP SYN of our own making. It ends in one [`Event::Connect`], as a connect does, but nobody repeats it. Only
    /// a door with packets behind it ([`Frames`](crate::frames::Frames)) can; to any other it is
    /// [`LocalFault::Permission`].
    Syn {
        /// The attempt's name.
        probe: ProbeId,
        /// To where.
        to: Endpoint,
    },
    /// Send a TCP ACK of our own making, of no connection. It ends as a SYN does, in a RST or an ICMP error, and needs the
    /// same door.
    Ack {
        /// The attempt's name.
        probe: ProbeId,
        /// To where.
        to: Endpoint,
    },
    /// Ask a host itself whether it is there. It ends in one [`Event::Connect`], whose outcome is a [`Pong`], what a port
    /// answers, or an ICMP error. Only a door with packets behind it can; to any other it is [`LocalFault::Permission`].
    Ping {
        /// The attempt's name.
        probe: ProbeId,
        /// Whom.
        to: Address,
        /// What.
        ping: Ping,
    },
    /// Send a UDP datagram. It ends in [`Event::Sent`] or [`Event::Unsent`], one of them: that is known when `transmit`
    /// returns, unless it leaves as a packet that is [`Event::Held`] before.
    Datagram {
        /// The attempt's name.
        probe: ProbeId,
        /// To where.
        to: Endpoint,
        /// What.
        payload: Box<[u8]>,
        /// From a port of its own, open until the attempt is abandoned: where the answer may come from another port,
        /// ours is the only name the exchange has (RFC 1350 section 4).
        own_port: bool,
    },
    /// Give this attempt up: no completion is wanted any more. Of a datagram only its own port is given up; what answers
    /// it may still come in.
    Abandon(ProbeId),
}

/// How a connect, a SYN, an ACK or a ping ended, or what an error about a datagram says.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Connected. The door has closed the connection again (with a reset: nothing was exchanged).
    Connected {
        /// Our own end. If it is the peer's name too, the socket met itself.
        local: SocketAddr,
    },
    /// ECONNREFUSED with an empty error queue: a RST.
    Refused,
    /// A SYN-ACK answered our SYN.
    SynAck(Segment),
    /// A RST answered our SYN, or our ACK.
    Reset(Segment),
    /// A host answered a ping as only it can.
    Pong(Pong),
    /// It was to be asked on the link, and is behind a router.
    OffLink,
    /// An ICMP error that quotes this attempt.
    Icmp(Icmp),
    /// The kernel gave up by itself (ETIMEDOUT).
    TimedOut,
    /// This machine failed.
    Local(LocalFault),
}

/// A connect, a SYN, an ACK or a ping is over.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Completion {
    /// Which.
    pub probe: ProbeId,
    /// When `connect` was called, or the packet left.
    pub sent: Instant,
    /// When its end was noticed.
    pub at: Instant,
    /// How it ended.
    pub outcome: Outcome,
}

/// A datagram came in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Datagram {
    /// From where.
    pub from: Endpoint,
    /// To which port of ours.
    pub local: u16,
    /// When it was noticed.
    pub at: Instant,
    /// The TTL or hop limit it arrived with, where it was read off the wire.
    pub ttl: Option<u8>,
    /// What is in it.
    pub bytes: Box<[u8]>,
}

/// An ICMP error, or a failure of our own, about a datagram that had left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DatagramError {
    /// Where the datagram was going.
    pub to: Endpoint,
    /// When the error was noticed.
    pub at: Instant,
    /// What it says: [`Outcome::Icmp`] or [`Outcome::Local`].
    pub outcome: Outcome,
    /// As much of the datagram's payload as the error quotes, often all of it, sometimes nothing.
    pub quoted: Box<[u8]>,
}

/// What the door has to tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A connect, a SYN, an ACK or a ping is over.
    Connect(Completion),
    /// A packet waits for its way: nobody has told yet who is the next machine. What becomes of it is told by
    /// [`Event::Left`], or by its end.
    Held(ProbeId),
    /// A packet that was held left this machine.
    Left {
        /// Which.
        probe: ProbeId,
        /// When.
        at: Instant,
    },
    /// A datagram left this machine.
    Sent {
        /// Which.
        probe: ProbeId,
        /// When: the moment before the call that succeeded.
        at: Instant,
        /// From which port of ours.
        local: u16,
        /// How many calls failed before it without sending: the error of an earlier datagram was pending.
        held: u32,
    },
    /// A datagram never left this machine.
    Unsent {
        /// Which.
        probe: ProbeId,
        /// When that was known.
        at: Instant,
        /// Why.
        fault: LocalFault,
    },
    /// A datagram came in, from whomever.
    Datagram(Datagram),
    /// An error about a datagram.
    Error(DatagramError),
    /// Our own receive queue was full: so many datagrams were lost in it since the last time this was told.
    Overrun {
        /// How many.
        count: u64,
        /// When it was noticed.
        at: Instant,
    },
}

impl Event {
    /// The completion of a connect, if it is one.
    pub fn completion(self) -> Option<Completion> {
        match self {
            Event::Connect(completion) => Some(completion),
            _ => None,
        }
    }
}

/// The limits of the machine behind the door, read when it was opened.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Capacity {
    /// How many connects may wait at a time.
    pub sockets: usize,
    /// How many SYNs or ACKs of our own making may wait at a time: if each of them is answered at once, the rings hold it. None
    /// where the door cannot send any.
    pub packets: usize,
    /// How many datagrams may wait at a time: if each of them is answered at once, the receive queues hold it.
    pub datagrams: usize,
}

/// Connects and datagrams without privilege; behind it a kernel or a simulated world.
pub trait Sockets {
    /// The time, on the scan's own clock.
    fn now(&self) -> Instant;

    /// What the machine can bear.
    fn capacity(&self) -> Capacity;

    /// Moves every event that is known by now into `inbox`, without waiting.
    fn receive(&mut self, inbox: &mut Vec<Event>);

    /// Up to when everything that came in has been received. Whoever was not let run for a while knows less than the
    /// clock: what is waited for until a later moment may have come, and must not be taken for silent.
    fn heard_until(&self) -> Instant {
        self.now()
    }

    /// Carries out and removes every request. A failure comes back as an event.
    fn transmit(&mut self, outbox: &mut Vec<Request>);

    /// Waits for an event, for `deadline`, or for an interruption, whichever is first.
    /// Without a deadline it waits for one of the others.
    fn wait_until(&mut self, deadline: Option<Instant>);
}
