use serde::Deserialize;

use super::{Describe, Node, Pass, Passing, Ways};
use crate::packet::{Packet, Way};
use crate::text::{Millis, Probability};

/// Some packets are held back, so that later ones overtake them.
#[derive(Copy, Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reorder {
    probability: Probability,
    /// How long they are held.
    ms: Millis,
    #[serde(default)]
    way: Ways,
}

impl Describe for Reorder {
    fn ways(&self) -> Ways {
        self.way
    }

    fn build(&self) -> Box<dyn Node> {
        Box::new(*self)
    }
}

impl Node for Reorder {
    fn pass(&mut self, _packet: &Packet, _way: Way, passing: &mut Passing<'_>) -> Pass {
        if !passing.random.chance(self.probability.0) {
            return Pass::On;
        }
        passing.counters.reordered += 1;
        Pass::Late(self.ms.0)
    }

    fn needs_order(&self) -> bool {
        false
    }
}
