use portolan_model::{Endpoint, Transport};
use serde::Deserialize;

use super::{Describe, Effect, Node, Pass, Passing, Refusing, Stand, Ways, refuse};
use crate::packet::{Content, Packet, Quote, Way};
use crate::reject::Reject;
use crate::text::{Ip, Ports};

/// A box that drops or refuses what goes to some ports, or drops what comes from them.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Firewall {
    /// Which ports; all if nothing is said.
    ports: Option<Ports>,
    /// Which of these are let through.
    #[serde(default)]
    except: Ports,
    /// Of which transport; of both if nothing is said.
    transport: Option<Minds>,
    /// How it refuses; it drops if nothing is said.
    reject: Option<Refusal>,
    /// It minds only what belongs to no connection that it has seen begin: an ACK out of nowhere, and no SYN.
    #[serde(default)]
    stateful: bool,
    /// Packets to those ports (`out`), from them (`back`), or both. The answer to a packet from them goes
    /// to the host, so that for us it is dropped.
    #[serde(default = "out")]
    way: Ways,
}

/// A transport as a world's file writes it.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Minds {
    Tcp,
    Udp,
}

/// How a box refuses.
#[derive(Copy, Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    with: Reject,
    /// In whose name.
    by: Ip,
    /// The TTL or hop limit it arrives with.
    #[serde(default = "near")]
    ttl: u8,
    /// What it quotes of a datagram.
    #[serde(default)]
    quote: Quote,
}

impl Firewall {
    fn stops(&self, to: Endpoint) -> bool {
        self.minds(to.transport)
            && self.ports.as_ref().is_none_or(|ports| ports.0.contains(to.port))
            && !self.except.0.contains(to.port)
    }

    /// What has no port is stopped by a box that minds all ports of both transports.
    fn stops_packet(&self, packet: &Packet) -> bool {
        if packet.is_ping() {
            return self.ports.is_none() && self.transport.is_none();
        }
        self.stops(packet.to)
    }

    fn minds(&self, transport: Transport) -> bool {
        match self.transport {
            None => true,
            Some(Minds::Tcp) => transport == Transport::Tcp,
            Some(Minds::Udp) => transport == Transport::Udp,
        }
    }
}

impl Describe for Firewall {
    fn ways(&self) -> Ways {
        self.way
    }

    fn build(&self) -> Box<dyn Node> {
        Box::new(self.clone())
    }

    fn effect(&self, to: Endpoint) -> Effect {
        if self.stateful { Effect::None } else { self.effect_on_ack(to) }
    }

    fn effect_on_ack(&self, to: Endpoint) -> Effect {
        match self.reject {
            _ if !self.stops(to) => Effect::None,
            Some(refusal) if self.way.minds(Way::Out) => Effect::Refuses(refusal.with, refusal.by.0),
            _ => Effect::Drops,
        }
    }

    fn resets_datagrams(&self) -> bool {
        self.minds(Transport::Udp) && self.reject.is_some_and(|refusal| refusal.with == Reject::Reset)
    }

    fn stand(&self) -> Option<Stand> {
        self.reject.map(|refusal| Stand::of(refusal.with, refusal.by.0, refusal.ttl))
    }
}

impl Node for Firewall {
    fn pass(&mut self, packet: &Packet, way: Way, passing: &mut Passing<'_>) -> Pass {
        match self.reject {
            _ if !self.stops_packet(packet) || (self.stateful && packet.content != Content::Ack) => Pass::On,
            Some(Refusal { with, by, ttl, quote }) if way == Way::Out => {
                refuse(packet, Refusing { with, by: by.0, ttl, quote }, passing.counters)
            }
            _ => {
                passing.counters.firewall_dropped += 1;
                Pass::Lost
            }
        }
    }

    fn needs_order(&self) -> bool {
        false
    }
}

const fn out() -> Ways {
    Ways::Out
}

const fn near() -> u8 {
    63
}
