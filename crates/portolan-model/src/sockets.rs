//! The door without privilege: connects through the kernel's own sockets.
//!
//! The engine hands over [`Request`]s and is given [`Event`]s. A door reports only what its kernel told
//! it; it decides nothing, and it tells the time, so that time has one source.

use std::net::SocketAddr;

use crate::endpoint::Endpoint;
use crate::evidence::{Icmp, LocalFault};
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
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// Start a TCP connection.
    Connect {
        /// The attempt's name.
        probe: ProbeId,
        /// To where.
        to: Endpoint,
    },
    /// Give this attempt up: no completion is wanted any more.
    Abandon(ProbeId),
}

/// How an attempt ended.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Connected. The door has closed the connection again (with a reset: nothing was exchanged).
    Connected {
        /// Our own end. If it is the peer's name too, the socket met itself.
        local: SocketAddr,
    },
    /// ECONNREFUSED with an empty error queue: a RST.
    Refused,
    /// An ICMP error that quotes this attempt.
    Icmp(Icmp),
    /// The kernel gave up by itself (ETIMEDOUT).
    TimedOut,
    /// This machine failed.
    Local(LocalFault),
}

/// One attempt is over.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Which.
    pub probe: ProbeId,
    /// When `connect` was called.
    pub sent: Instant,
    /// When its end was noticed.
    pub at: Instant,
    /// How it ended.
    pub outcome: Outcome,
}

/// The limits of the machine behind the door, read when it was opened.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Capacity {
    /// How many connects may wait at a time.
    pub sockets: usize,
}

/// Connects without privilege; behind it a kernel or a simulated world.
pub trait Sockets {
    /// The time, on the scan's own clock.
    fn now(&self) -> Instant;

    /// What the machine can bear.
    fn capacity(&self) -> Capacity;

    /// Moves every completion that is known by now into `inbox`, without waiting.
    fn receive(&mut self, inbox: &mut Vec<Event>);

    /// Carries out and removes every request. A failure comes back as an event.
    fn transmit(&mut self, outbox: &mut Vec<Request>);

    /// Waits for a completion, for `deadline`, or for an interruption, whichever is first.
    /// Without a deadline it waits for one of the others.
    fn wait_until(&mut self, deadline: Option<Instant>);
}
