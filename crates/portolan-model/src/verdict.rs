use std::time::Duration;

use crate::confidence::Confidence;
use crate::endpoint::{Address, Endpoint, Transport};
use crate::evidence::Evidence;
use crate::reason::Reason;
use crate::service::Service;
use crate::state::PortState;

/// How a port was asked.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Method {
    /// The kernel's own `connect`, no privilege.
    Connect,
    /// A SYN of our own making, for which capture rights are needed.
    Syn,
    /// An ACK of our own making, of no connection: it tells what is let through, and nothing of who listens.
    Ack,
    /// Datagrams: of the kernel's own sockets and their error queue, no privilege, or with capture rights of our own making.
    Udp,
}

impl Method {
    /// The token used in every output.
    pub const fn name(self) -> &'static str {
        match self {
            Method::Connect => "connect",
            Method::Syn => "syn",
            Method::Ack => "ack",
            Method::Udp => "udp",
        }
    }

    /// The one that asks ports of `transport` here.
    pub const fn of(transport: Transport) -> Self {
        match transport {
            Transport::Udp => Method::Udp,
            Transport::Tcp | Transport::Sctp => Method::Connect,
        }
    }
}

/// Why TCP ports are asked by the method that they are asked by.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Why {
    /// The user asked for it.
    Asked,
    /// The process may capture, so it sends SYNs of its own.
    MayCapture,
    /// The process may not capture (`CAP_NET_RAW`).
    MayNotCapture,
    /// The process may capture, but the kernel may give every port to a socket, and none is left for packets of our own.
    NoFreePorts,
    /// This machine's kernel answers for every target: no packet passes a wire.
    OwnAddresses,
}

impl Why {
    /// The token used in every output.
    pub const fn name(self) -> &'static str {
        match self {
            Why::Asked => "asked",
            Why::MayCapture => "may-capture",
            Why::MayNotCapture => "may-not-capture",
            Why::NoFreePorts => "no-free-ports",
            Why::OwnAddresses => "own-addresses",
        }
    }
}

/// What carries a scan's datagrams.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Carrier {
    /// The kernel's own sockets.
    Sockets,
    /// Packets of our own making; what cannot leave as one leaves by a socket.
    Packets,
}

impl Carrier {
    /// The token used in every output.
    pub const fn name(self) -> &'static str {
        match self {
            Carrier::Sockets => "sockets",
            Carrier::Packets => "packets",
        }
    }
}

/// State, reason and confidence, before evidence is attached.
#[derive(Clone, PartialEq, Debug)]
pub struct Claim {
    /// The state claimed.
    pub state: PortState,
    /// Why.
    pub reason: Reason,
    /// How sure.
    pub confidence: Confidence,
    /// Who answered, when it was not the target.
    pub from: Option<Address>,
}

/// What is held to be true of one endpoint, and everything it rests on.
///
/// There is no verdict without evidence: the constructor demands it.
#[derive(Clone, PartialEq, Debug)]
pub struct Verdict {
    /// What was asked.
    pub endpoint: Endpoint,
    /// The claim.
    pub claim: Claim,
    /// How it was asked.
    pub method: Method,
    /// Round trip of the deciding answer.
    pub rtt: Option<Duration>,
    /// How many attempts were made.
    pub tries: u8,
    /// The service that showed itself, if one did.
    pub service: Option<Box<Service>>,
    /// The bytes of the answer, where it had any of its own.
    pub answer: Option<Box<[u8]>>,
    evidence: Evidence,
}

impl Verdict {
    /// A verdict on `endpoint`.
    pub fn new(endpoint: Endpoint, claim: Claim, method: Method, tries: u8, evidence: Evidence) -> Self {
        debug_assert!(
            claim.reason.states().contains(&claim.state),
            "{:?} for {:?}",
            claim.reason,
            claim.state
        );
        Verdict { endpoint, claim, method, rtt: None, tries, service: None, answer: None, evidence }
    }

    /// The same with the round trip of the deciding answer.
    #[must_use]
    pub fn with_rtt(mut self, rtt: Duration) -> Self {
        self.rtt = Some(rtt);
        self
    }

    /// The state.
    pub const fn state(&self) -> PortState {
        self.claim.state
    }

    /// The reason.
    pub const fn reason(&self) -> Reason {
        self.claim.reason
    }

    /// What it rests on.
    pub const fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}
