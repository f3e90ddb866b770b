use portolan_model::Endpoint;
use serde::Deserialize;

use super::spells::Spells;
use super::{Describe, Effect, Node, Pass, Passing, Refusing, Stand, Ways, refuse};
use crate::packet::{Packet, Quote, Way};
use crate::reject::Reject;
use crate::text::{Ip, Millis};

/// A router that loses its route now and then and says so: "a hint, not proof" (RFC 1122 section 3.2.2.1).
#[derive(Copy, Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Flap {
    /// Mean time without a route.
    bad_ms: Millis,
    /// Mean time with one.
    good_ms: Millis,
    with: Reject,
    by: Ip,
    /// What it quotes of a datagram.
    #[serde(default)]
    quote: Quote,
}

impl Describe for Flap {
    fn ways(&self) -> Ways {
        Ways::Out
    }

    fn build(&self) -> Box<dyn Node> {
        Box::new(Router { spec: *self, spells: Spells::new(self.good_ms.0, self.bad_ms.0) })
    }

    fn effect(&self, _to: Endpoint) -> Effect {
        Effect::Flaps(self.with, self.by.0)
    }

    fn resets_datagrams(&self) -> bool {
        self.with == Reject::Reset
    }

    fn stand(&self) -> Option<Stand> {
        Some(Stand::of(self.with, self.by.0, TTL))
    }
}

#[derive(Debug)]
struct Router {
    spec: Flap,
    spells: Spells,
}

impl Node for Router {
    fn pass(&mut self, packet: &Packet, _way: Way, passing: &mut Passing<'_>) -> Pass {
        if !self.spells.is_bad(passing.now, passing.random) {
            return Pass::On;
        }
        let Flap { with, by, quote, .. } = self.spec;
        refuse(packet, Refusing { with, by: by.0, ttl: TTL, quote }, passing.counters)
    }

    fn needs_order(&self) -> bool {
        true
    }
}

/// Of a router's answer, a few hops away.
const TTL: u8 = 61;
