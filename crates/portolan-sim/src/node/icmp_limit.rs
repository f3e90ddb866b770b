use std::collections::HashMap;

use portolan_model::{Address, Endpoint};
use serde::Deserialize;

use super::{Describe, Effect, Node, Pass, Passing, Ways};
use crate::limit::{Limit, Limiter};
use crate::packet::{Content, Packet, Way};

/// ICMP errors from behind it come so fast and no faster (RFC 1812 section 4.3.2.8, RFC 4443 section 2.4 f).
/// It stands before the boxes that it limits.
#[derive(Copy, Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IcmpLimit {
    limit: Limit,
    /// One budget for all senders, instead of one each.
    #[serde(default)]
    shared: bool,
}

impl Describe for IcmpLimit {
    fn ways(&self) -> Ways {
        Ways::Back
    }

    fn build(&self) -> Box<dyn Node> {
        Box::new(Budgets { spec: *self, budgets: HashMap::new() })
    }

    fn effect(&self, _to: Endpoint) -> Effect {
        Effect::LimitsIcmp
    }
}

#[derive(Debug)]
struct Budgets {
    spec: IcmpLimit,
    budgets: HashMap<Option<Address>, Limiter>,
}

impl Node for Budgets {
    fn pass(&mut self, packet: &Packet, _way: Way, passing: &mut Passing<'_>) -> Pass {
        let Content::Icmp(icmp, _) = packet.content else { return Pass::On };
        let sender = if self.spec.shared { None } else { icmp.from };
        if self.budgets.entry(sender).or_default().allow(self.spec.limit, passing.now) {
            return Pass::On;
        }
        passing.counters.icmp_limited += 1;
        Pass::Lost
    }

    fn needs_order(&self) -> bool {
        true
    }
}
