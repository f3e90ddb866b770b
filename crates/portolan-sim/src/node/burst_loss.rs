use serde::Deserialize;

use super::spells::Spells;
use super::{Describe, Node, Pass, Passing, Ways, lose};
use crate::packet::{Packet, Way};
use crate::random::Random;
use crate::text::{Millis, Probability};

/// Losses come in bursts: bad spells among good ones, in both directions at once, as a link has them.
#[derive(Copy, Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BurstLoss {
    /// Mean length of a bad spell.
    bad_ms: Millis,
    /// Mean length of a good one.
    good_ms: Millis,
    /// Lost in a bad spell.
    #[serde(default = "all")]
    loss_bad: Probability,
    /// Lost in a good one.
    #[serde(default)]
    loss_good: Probability,
    #[serde(default)]
    way: Ways,
}

impl Describe for BurstLoss {
    fn ways(&self) -> Ways {
        self.way
    }

    fn build(&self) -> Box<dyn Node> {
        Box::new(Link { spec: *self, spells: Spells::new(self.good_ms.0, self.bad_ms.0) })
    }
}

#[derive(Debug)]
struct Link {
    spec: BurstLoss,
    spells: Spells,
}

impl Link {
    fn probability(&mut self, now: portolan_model::Instant, random: &mut Random) -> f64 {
        let bad = self.spells.is_bad(now, random);
        if bad { self.spec.loss_bad.0 } else { self.spec.loss_good.0 }
    }
}

impl Node for Link {
    fn pass(&mut self, _packet: &Packet, way: Way, passing: &mut Passing<'_>) -> Pass {
        let probability = self.probability(passing.now, passing.random);
        if passing.random.chance(probability) { lose(way, passing.counters) } else { Pass::On }
    }

    fn needs_order(&self) -> bool {
        true
    }
}

const fn all() -> Probability {
    Probability(1.0)
}
