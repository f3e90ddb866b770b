use serde::Deserialize;

use super::{Describe, Node, Pass, Passing, Ways, lose};
use crate::packet::{Packet, Way};
use crate::text::Probability;

/// Each packet is lost with the same probability, whatever became of the others.
#[derive(Copy, Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Loss {
    probability: Probability,
    #[serde(default)]
    way: Ways,
}

impl Describe for Loss {
    fn ways(&self) -> Ways {
        self.way
    }

    fn build(&self) -> Box<dyn Node> {
        Box::new(*self)
    }
}

impl Node for Loss {
    fn pass(&mut self, _packet: &Packet, way: Way, passing: &mut Passing<'_>) -> Pass {
        if passing.random.chance(self.probability.0) { lose(way, passing.counters) } else { Pass::On }
    }

    fn needs_order(&self) -> bool {
        false
    }
}
