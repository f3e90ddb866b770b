use serde::Deserialize;

use super::{Describe, Node, Pass, Passing, Ways};
use crate::packet::{Content, Packet, Way};
use crate::text::{Millis, Probability};

/// Somebody who completes attempts that he has not seen: the door reports a connection in the right place
/// under a wrong tag.
#[derive(Copy, Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Forger {
    /// For how many SYNs he tries.
    probability: Probability,
    /// How much later he strikes, at most.
    ms: Millis,
}

impl Describe for Forger {
    fn ways(&self) -> Ways {
        Ways::Out
    }

    fn build(&self) -> Box<dyn Node> {
        Box::new(*self)
    }
}

impl Node for Forger {
    fn pass(&mut self, packet: &Packet, _way: Way, passing: &mut Passing<'_>) -> Pass {
        if packet.content != Content::Syn || !passing.random.chance(self.probability.0) {
            return Pass::On;
        }
        Pass::Forged(passing.random.up_to(self.ms.0))
    }

    fn needs_order(&self) -> bool {
        false
    }
}
