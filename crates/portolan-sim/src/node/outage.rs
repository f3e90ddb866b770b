use portolan_model::{Endpoint, Instant};
use serde::Deserialize;

use super::{Describe, Effect, Node, Pass, Passing, Ways, lose};
use crate::packet::{Packet, Way};
use crate::text::Millis;

/// The link is dead for a while, or from some time on.
#[derive(Copy, Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outage {
    /// It begins when so many packets have gone out, so that it meets fast and slow scans alike.
    after_packets: u64,
    /// How long it lasts; for ever if nothing is said.
    ms: Option<Millis>,
}

impl Describe for Outage {
    fn ways(&self) -> Ways {
        Ways::Both
    }

    fn build(&self) -> Box<dyn Node> {
        Box::new(Link { spec: *self, out: 0, dead_since: None })
    }

    fn effect(&self, _to: Endpoint) -> Effect {
        Effect::FallsSilent
    }
}

#[derive(Debug)]
struct Link {
    spec: Outage,
    out: u64,
    dead_since: Option<Instant>,
}

impl Node for Link {
    fn pass(&mut self, _packet: &Packet, way: Way, passing: &mut Passing<'_>) -> Pass {
        self.out += u64::from(way == Way::Out);
        if self.out > self.spec.after_packets && self.dead_since.is_none() {
            self.dead_since = Some(passing.now);
        }
        let dead = self.dead_since.is_some_and(|since| match self.spec.ms {
            Some(ms) => passing.now.since(since) < ms.0,
            None => true,
        });
        if dead { lose(way, passing.counters) } else { Pass::On }
    }

    fn needs_order(&self) -> bool {
        true
    }
}
