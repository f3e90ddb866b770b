//! Which port does what: the same grammar for both transports.

use portolan_model::{Address, Endpoint, PortSet, Transport};
use serde::Deserialize;

use crate::random::{mix, port_hash, to_unit};
use crate::text::{Ports, Probability};

/// An answer and its ports: named, a share of all, or so many of those that are scanned.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule<A> {
    pub(crate) answer: A,
    ports: Option<Ports>,
    share: Option<Probability>,
    count: Option<usize>,
}

/// The rules of one transport on hosts alike, and what ports do that none of them speaks of.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Rules<'a, A> {
    pub(crate) transport: Transport,
    pub(crate) rest: A,
    pub(crate) rules: &'a [Rule<A>],
}

/// The ports that `count` rules choose on a host, ascending, each with its rule's number.
pub(crate) type Chosen = Box<[(u16, u8)]>;

impl<A: Copy> Rules<'_, A> {
    /// What is wrong with them.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let ways = |rule: &Rule<A>| {
            [rule.ports.is_some(), rule.share.is_some(), rule.count.is_some()]
                .into_iter()
                .filter(|x| *x)
                .count()
        };
        if self.rules.iter().any(|rule| ways(rule) != 1) {
            return Err("each rule needs one of `ports`, `share`, `count`");
        }
        let shares: f64 = self.rules.iter().filter_map(|rule| rule.share).map(|share| share.0).sum();
        if shares > 1.0 + 1e-9 {
            return Err("the shares are more than 1");
        }
        if self.rules.len() > usize::from(u8::MAX) {
            return Err("there are more than 255 rules");
        }
        Ok(())
    }

    /// The ports that `count` rules choose on the host at `address`.
    pub(crate) fn choose(&self, seed: u64, address: Address, scanned: &PortSet) -> Chosen {
        let wanted: usize = self.rules.iter().filter_map(|rule| rule.count).sum();
        if wanted == 0 {
            return Box::default();
        }
        let unnamed = |port: &u16| self.named(*port).is_none();
        let mut ports: Vec<u16> = scanned.iter().filter(unnamed).collect();
        let endpoint = |port| Endpoint { address, transport: self.transport, port };
        ports.sort_by_cached_key(|port| port_hash(mix(seed), endpoint(*port)));
        let numbers = (0u8..).zip(self.rules);
        let rules = numbers.flat_map(|(number, rule)| std::iter::repeat_n(number, rule.count.unwrap_or(0)));
        let mut chosen: Vec<_> = ports.into_iter().zip(rules).collect();
        chosen.sort_unstable();
        chosen.into()
    }

    /// What the port does: a pure function of the seed.
    pub(crate) fn answer(&self, seed: u64, to: Endpoint, chosen: &[(u16, u8)]) -> A {
        if let Some(rule) = self.named(to.port) {
            return rule.answer;
        }
        if let Ok(at) = chosen.binary_search_by_key(&to.port, |(port, _)| *port) {
            return self.rules[usize::from(chosen[at].1)].answer;
        }
        let mut left = to_unit(port_hash(seed, to));
        for (rule, share) in self.rules.iter().filter_map(|rule| Some((rule, rule.share?))) {
            if left < share.0 {
                return rule.answer;
            }
            left -= share.0;
        }
        self.rest
    }

    fn named(&self, port: u16) -> Option<&Rule<A>> {
        self.rules.iter().find(|rule| rule.ports.as_ref().is_some_and(|ports| ports.0.contains(port)))
    }
}
