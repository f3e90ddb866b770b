use serde::Deserialize;

use super::{Describe, Node, Pass, Passing, Ways};
use crate::packet::{Packet, Way};
use crate::text::Millis;

/// The same time for every packet.
#[derive(Copy, Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Delay {
    /// How long, one way.
    ms: Millis,
    #[serde(default)]
    way: Ways,
}

impl Describe for Delay {
    fn ways(&self) -> Ways {
        self.way
    }

    fn build(&self) -> Box<dyn Node> {
        Box::new(*self)
    }
}

impl Node for Delay {
    fn pass(&mut self, _packet: &Packet, _way: Way, _passing: &mut Passing<'_>) -> Pass {
        Pass::Late(self.ms.0)
    }

    fn needs_order(&self) -> bool {
        false
    }
}
