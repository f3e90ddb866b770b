use serde::Deserialize;

use super::{Describe, Node, Pass, Passing, Ways};
use crate::packet::{Packet, Way};
use crate::text::Millis;

/// A time between nothing and `ms`, each packet its own, so that packets overtake each other.
#[derive(Copy, Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Jitter {
    /// The longest, one way.
    ms: Millis,
    #[serde(default)]
    way: Ways,
}

impl Describe for Jitter {
    fn ways(&self) -> Ways {
        self.way
    }

    fn build(&self) -> Box<dyn Node> {
        Box::new(*self)
    }
}

impl Node for Jitter {
    fn pass(&mut self, _packet: &Packet, _way: Way, passing: &mut Passing<'_>) -> Pass {
        Pass::Late(passing.random.up_to(self.ms.0))
    }

    fn needs_order(&self) -> bool {
        false
    }
}
