use std::net::SocketAddr;

use portolan_model::sockets::{Outcome, ProbeId};
use portolan_model::{Endpoint, Icmp, Instant};

use crate::attempts::Key;

/// What travels between our kernel and a host.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Packet {
    /// The attempt it belongs to, or belonged to …
    pub(crate) attempt: Key,
    /// … its name and when `connect` was called, for completions that outlive it.
    pub(crate) probe: ProbeId,
    pub(crate) sent: Instant,
    /// The endpoint asked.
    pub(crate) to: Endpoint,
    /// The host of the world behind that endpoint, if there is one, and the chain of nodes before it.
    pub(crate) host: Option<u32>,
    pub(crate) chain: u16,
    /// Our end.
    pub(crate) local: SocketAddr,
    /// What it is.
    pub(crate) content: Content,
    /// Made by a node that duplicates, or an answer to such a copy.
    pub(crate) copy: bool,
}

/// What a packet is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    Syn,
    SynAck,
    Reset,
    Icmp(Icmp),
}

/// Which way a packet goes.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// From us to the host.
    Out,
    /// From the host, or from a box before it, to us.
    Back,
}

impl Packet {
    /// How our kernel ends an attempt at this packet's arrival.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self.content {
            Content::Syn => None,
            Content::SynAck => Some(Outcome::Connected { local: self.local }),
            Content::Reset => Some(Outcome::Refused),
            Content::Icmp(icmp) => Some(Outcome::Icmp(icmp)),
        }
    }
}
