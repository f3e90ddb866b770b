use std::net::SocketAddr;
use std::time::Duration;

use crate::endpoint::{Address, Endpoint};
use crate::ping::{Ping, Pong};
use crate::reason::Reason;
use crate::time::Instant;
use crate::udp_probe::Likeness;

/// The layers of RFC 1122 section 1.1.3, from the wire up.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Layer {
    /// The next machine: Ethernet, ARP, NDP.
    Link,
    /// The host: IP, ICMP.
    Internet,
    /// The port: TCP, UDP.
    Transport,
    /// What it means.
    Application,
}

impl Layer {
    /// The token used in every output.
    pub const fn name(self) -> &'static str {
        match self {
            Layer::Link => "link",
            Layer::Internet => "internet",
            Layer::Transport => "transport",
            Layer::Application => "application",
        }
    }
}

/// Which ICMP.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IcmpFamily {
    /// RFC 792.
    V4,
    /// RFC 4443.
    V6,
}

/// An ICMP error that quotes a packet of ours.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Icmp {
    /// Which ICMP the numbers belong to.
    pub family: IcmpFamily,
    /// The type field.
    pub icmp_type: u8,
    /// The code field.
    pub code: u8,
    /// Who sent it, where the kernel said so.
    pub from: Option<Address>,
    /// The TTL or hop limit it arrived with, where the kernel said so.
    pub ttl: Option<u8>,
}

/// What the header of a segment that came in tells of whoever sent it.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Segment {
    /// The TTL or hop limit it arrived with.
    pub ttl: u8,
    /// Its window, unscaled.
    pub window: u16,
}

/// A failure of our own machine: the probe never left, or nobody could have heard it.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum LocalFault {
    /// EPERM: a local firewall rule, or a full connection-tracking table.
    Firewall,
    /// ENETUNREACH or EHOSTUNREACH before anything was sent.
    NoRoute,
    /// This machine's kernel answers for the address itself: no packet to it passes a wire.
    OwnAddress,
    /// Nobody answers ARP or NDP for the next machine.
    NoNeighbour {
        /// The next machine would have been the target itself, not a gateway of ours.
        on_link: bool,
    },
    /// EACCES.
    Permission,
    /// EADDRNOTAVAIL, EADDRINUSE.
    NoPorts,
    /// EMFILE, ENFILE.
    NoDescriptors,
    /// ENOBUFS, ENOMEM, EAGAIN.
    NoBuffers,
    /// Any other errno.
    Other(i32),
}

impl LocalFault {
    /// Whether it passes by itself when fewer sockets are in use: worth waiting for.
    pub const fn is_shortage(self) -> bool {
        matches!(self, LocalFault::NoPorts | LocalFault::NoDescriptors | LocalFault::NoBuffers)
    }

    /// Why a port that could not be asked is unknown.
    pub const fn reason(self) -> Reason {
        match self {
            LocalFault::Firewall => Reason::LocalFirewall,
            LocalFault::NoRoute => Reason::LocalNoRoute,
            LocalFault::OwnAddress => Reason::LocalOwnAddress,
            LocalFault::NoNeighbour { on_link: true } => Reason::NoNeighbour,
            LocalFault::NoNeighbour { on_link: false } => Reason::LocalNoNeighbour,
            LocalFault::Permission => Reason::LocalPermission,
            LocalFault::NoPorts => Reason::LocalNoPorts,
            LocalFault::NoDescriptors => Reason::LocalNoDescriptors,
            LocalFault::NoBuffers => Reason::LocalNoBuffers,
            LocalFault::Other(_) => Reason::LocalError,
        }
    }
}

/// What was observed. Nothing here is inferred: seen on the wire, or told by the kernel.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Fact {
    /// An attempt started: `connect` was called, or a SYN or an ACK was sent.
    Asked {
        /// The attempt's number, from 1.
        attempt: u8,
    },
    /// The host itself was asked whether it is there.
    Pinged {
        /// By what.
        ping: Ping,
        /// The round's number, from 1.
        attempt: u8,
    },
    /// It answered that.
    Pong(Pong),
    /// `connect` succeeded; the name of our end.
    Connected {
        /// Our end of the connection.
        local: SocketAddr,
    },
    /// `connect` failed with ECONNREFUSED and the error queue was empty: a RST.
    Refused,
    /// A SYN-ACK came that acknowledges the sequence number of our SYN.
    SynAck(Segment),
    /// A RST came that acknowledges it, or bears the number that our ACK named.
    Reset(Segment),
    /// An ICMP error came that quotes our packet: from the error queue, or off the wire.
    Icmp(Icmp),
    /// A datagram was handed to the kernel, which took it.
    Sent {
        /// The attempt's number, from 1.
        attempt: u8,
        /// The name of the probe whose payload it carried.
        probe: &'static str,
        /// The payload's length.
        bytes: u16,
    },
    /// A datagram came back.
    Datagram {
        /// From where.
        from: Endpoint,
        /// Its length.
        bytes: u16,
        /// Whether it is an answer to what was asked.
        likeness: Likeness,
        /// The TTL or hop limit it arrived with, where it was read off the wire.
        ttl: Option<u8>,
    },
    /// Nothing came back.
    Silence {
        /// How many attempts went unanswered.
        attempts: u8,
        /// From the first of them to the end of the last wait.
        over: Duration,
    },
    /// A later probe to the same host was answered: an answer would have reached us.
    Witness {
        /// The port that answered.
        port: u16,
    },
    /// Our own machine failed.
    Local(LocalFault),
    /// The socket was connected to itself (RFC 9293 section 3.5, simultaneous open): discarded.
    SelfConnected,
    /// The scan ended first.
    Stopped,
}

impl Fact {
    /// The layer at which it was observed.
    pub const fn layer(&self) -> Layer {
        match self {
            Fact::Pinged { ping, .. } => ping.layer(),
            Fact::Pong(pong) => pong.layer(),
            Fact::Icmp(_) => Layer::Internet,
            Fact::Local(LocalFault::NoNeighbour { .. }) => Layer::Link,
            Fact::Datagram { likeness: Likeness::Echoes | Likeness::Fits, .. }
            | Fact::Local(LocalFault::NoDescriptors)
            | Fact::Stopped => Layer::Application,
            Fact::Local(
                LocalFault::Firewall | LocalFault::NoRoute | LocalFault::OwnAddress | LocalFault::Permission,
            ) => Layer::Internet,
            _ => Layer::Transport,
        }
    }
}

/// One dated fact.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Observation {
    /// When.
    pub at: Instant,
    /// What.
    pub fact: Fact,
}

/// The observations behind a verdict, in the order of time; never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    first: Observation,
    more: Vec<Observation>,
}

impl Evidence {
    /// Evidence of one observation.
    pub const fn new(at: Instant, fact: Fact) -> Self {
        Evidence { first: Observation { at, fact }, more: Vec::new() }
    }

    /// The same with one observation more.
    #[must_use]
    pub fn and(mut self, at: Instant, fact: Fact) -> Self {
        self.more.push(Observation { at, fact });
        self
    }

    /// All observations.
    pub fn iter(&self) -> impl Iterator<Item = &Observation> {
        std::iter::once(&self.first).chain(&self.more)
    }
}
