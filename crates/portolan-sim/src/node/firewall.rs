use portolan_model::Endpoint;
use serde::Deserialize;

use super::{Describe, Effect, Node, Pass, Passing, Ways, refusal};
use crate::packet::{Packet, Way};
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
    /// How it refuses; it drops if nothing is said.
    reject: Option<Refusal>,
    /// Packets to those ports (`out`), from them (`back`), or both. The answer to a packet from them goes
    /// to the host, so that for us it is dropped.
    #[serde(default = "out")]
    way: Ways,
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
}

impl Firewall {
    fn stops(&self, port: u16) -> bool {
        self.ports.as_ref().is_none_or(|ports| ports.0.contains(port)) && !self.except.0.contains(port)
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
        match self.reject {
            _ if !self.stops(to.port) => Effect::None,
            Some(refusal) if self.way.minds(Way::Out) => Effect::Refuses(refusal.with, refusal.by.0),
            _ => Effect::Drops,
        }
    }
}

impl Node for Firewall {
    fn pass(&mut self, packet: &Packet, way: Way, passing: &mut Passing<'_>) -> Pass {
        match self.reject {
            _ if !self.stops(packet.to.port) => Pass::On,
            Some(Refusal { with, by, ttl }) if way == Way::Out => {
                passing.counters.rejected += 1;
                Pass::Answered(refusal(with, packet.to, by.0, ttl))
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
