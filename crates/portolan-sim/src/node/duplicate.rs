use serde::Deserialize;

use super::{Describe, Node, Pass, Passing, Ways};
use crate::packet::{Packet, Way};
use crate::text::{Millis, Probability};

/// Some packets arrive twice.
///
/// A kernel drops the second answer. The door of such a world hands it over all the same, under the name
/// of the attempt that is over: whoever keeps attempts in places that are used again must see the stray.
#[derive(Copy, Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Duplicate {
    probability: Probability,
    /// How much later the copy comes, at most.
    ms: Millis,
    #[serde(default)]
    way: Ways,
}

impl Describe for Duplicate {
    fn ways(&self) -> Ways {
        self.way
    }

    fn build(&self) -> Box<dyn Node> {
        Box::new(*self)
    }
}

impl Node for Duplicate {
    fn pass(&mut self, packet: &Packet, _way: Way, passing: &mut Passing<'_>) -> Pass {
        // A copy is not copied again: two such nodes in a row would have no end of it.
        if packet.copy || !passing.random.chance(self.probability.0) {
            return Pass::On;
        }
        Pass::Twice(passing.random.up_to(self.ms.0))
    }

    fn needs_order(&self) -> bool {
        false
    }
}
