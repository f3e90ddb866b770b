use std::net::SocketAddr;
use std::sync::Arc;

use portolan_model::sockets::{Outcome, ProbeId};
use portolan_model::{Endpoint, Icmp, Instant, Transport};
use serde::Deserialize;

use crate::attempts::Key;
use crate::ping::Ping;
use crate::syn::Syn;

/// What travels between our kernel and a host.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// What of ours it is, or answers.
    pub(crate) flow: Flow,
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

/// What was sent from here.
#[derive(Clone, Debug)]
pub(crate) enum Flow {
    Connect(Connect),
    /// A datagram with this payload. The wire knows no names, and so this has none.
    Datagram(Arc<[u8]>),
    /// A SYN or an ACK of the scanner's own making, which has no name either.
    Syn(Arc<Syn>),
    /// A question of the scanner's own making: whether the host is there, or a datagram past the kernel's sockets.
    Ping(Arc<Ping>),
}

/// A connect …
#[derive(Copy, Clone, Debug)]
pub(crate) struct Connect {
    /// … the attempt it belongs to, or belonged to …
    pub(crate) attempt: Key,
    /// … its name and when `connect` was called, for completions that outlive it.
    pub(crate) probe: ProbeId,
    pub(crate) sent: Instant,
}

/// What a packet is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    Syn,
    /// An ACK of ours that belongs to no connection.
    Ack,
    SynAck,
    Reset,
    /// An echo or timestamp request of ours.
    Ping,
    /// What answers it.
    Pong,
    /// A datagram of ours.
    Question,
    /// A datagram of somebody else's.
    Answer(Answer),
    /// An ICMP error, and what it quotes of the packet it is about.
    Icmp(Icmp, Quote),
}

/// A datagram that comes back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    pub(crate) from: Endpoint,
    pub(crate) bytes: Arc<[u8]>,
}

/// How much of a packet an ICMP error quotes.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Quote {
    /// All of it: RFC 1812 section 4.3.2.3 asks for as much as fits, and so does RFC 4443.
    #[default]
    Full,
    /// The IP header and the 8 bytes of RFC 792: of a datagram that is the UDP header, and nothing of what it carries.
    None,
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
    /// How our kernel ends a connect at this packet's arrival.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self.content {
            Content::Syn
            | Content::Ack
            | Content::Ping
            | Content::Pong
            | Content::Question
            | Content::Answer(_) => None,
            Content::SynAck => Some(Outcome::Connected { local: self.local }),
            Content::Reset => Some(Outcome::Refused),
            Content::Icmp(icmp, _) => Some(Outcome::Icmp(icmp)),
        }
    }

    /// What our datagram carries.
    pub(crate) fn payload(&self) -> Option<&Arc<[u8]>> {
        match &self.flow {
            Flow::Datagram(payload) => Some(payload),
            Flow::Ping(ping) => ping.payload(),
            Flow::Connect(_) | Flow::Syn(_) => None,
        }
    }

    /// Whether it is ICMP of ours, or answers that: no port is asked.
    pub(crate) fn is_ping(&self) -> bool {
        matches!(&self.flow, Flow::Ping(ping) if ping.payload().is_none())
    }

    pub(crate) const fn is_datagram(&self) -> bool {
        matches!(self.to.transport, Transport::Udp)
    }

    /// Whether the endpoint's own host sent it, and not a box before it.
    pub(crate) fn is_the_hosts_own(&self) -> bool {
        match self.content {
            Content::Icmp(icmp, _) => icmp.from == Some(self.to.address),
            _ => true,
        }
    }
}

impl Quote {
    /// What of `payload` is quoted.
    pub(crate) fn of(self, payload: &[u8]) -> &[u8] {
        match self {
            Quote::Full => payload,
            Quote::None => &[],
        }
    }
}
