//! What stands behind an address: what its ports do, and how it bears being asked.

use std::net::Ipv4Addr;
use std::time::Duration;

use portolan_model::{Address, AddressRange, Endpoint, Instant, PortSet};
use serde::Deserialize;

use crate::counters::Counters;
use crate::error::WorldError;
use crate::limit::{Limit, Limiter};
use crate::node::NodeSpec;
use crate::packet::{Content, Packet};
use crate::random::{Random, mix, port_hash, to_unit};
use crate::reject::Reject;
use crate::text::{Ip, Millis, Ports, Probability, Range};

/// Hosts alike, as a world's file describes them.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostSpec {
    pub(crate) addresses: Range,
    #[serde(default)]
    pub(crate) presence: Presence,
    /// What ports do that no rule speaks of.
    #[serde(default)]
    rest: Answer,
    #[serde(default)]
    rules: Vec<Rule>,
    /// The address is our own: what we send there never leaves this machine.
    #[serde(default)]
    pub(crate) own: bool,
    /// The TTL or hop limit its ICMP errors arrive with.
    #[serde(default = "far")]
    ttl: u8,
    /// It dies when it has seen so many SYNs.
    #[serde(default)]
    pub(crate) dies_after: Option<u64>,
    /// Who asks too fast is not answered any more.
    #[serde(default)]
    pub(crate) ban: Option<Ban>,
    /// How many RSTs it sends (BSD's 200 a second).
    #[serde(default)]
    resets: Option<Limit>,
    /// When it has seen so many SYNs, a box before it begins to accept every connection.
    #[serde(default)]
    pub(crate) turns_open_after: Option<u64>,
    /// Nodes between the common path and these hosts.
    #[serde(default)]
    pub(crate) path: Vec<NodeSpec>,
}

/// Whether anybody is there.
#[derive(Copy, Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Presence {
    /// Yes.
    #[default]
    Present,
    /// It is, and drops everything.
    Silent,
    /// No, and nobody says so.
    Absent,
    /// No, and a router says so, after it has asked in vain.
    Unreachable { by: Ip, ms: Millis },
    /// No: our own link would be the last, and nobody there answers ARP or NDP.
    NoNeighbour,
}

/// What a port does.
#[derive(Copy, Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Answer {
    Open,
    /// Open; each SYN meets a full accept queue with this probability (Linux drops it then).
    Busy(Probability),
    #[default]
    Closed,
    Drop,
    /// Refused, by the host itself or by a box in its place.
    Reject {
        with: Reject,
        by: Option<Ip>,
        ttl: Option<u8>,
    },
    /// Two machines share the address, by our port: it is open on one of them.
    Split,
}

/// An answer and its ports: named, a share of all, or so many of those that are scanned.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    answer: Answer,
    ports: Option<Ports>,
    share: Option<Probability>,
    count: Option<usize>,
}

/// More SYNs in a second than this, and we are ignored.
#[derive(Copy, Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ban {
    per_second: u32,
    /// How long; for ever if nothing is said.
    ms: Option<Millis>,
}

impl HostSpec {
    pub(crate) fn check(&self) -> Result<(), WorldError> {
        let ways = |rule: &Rule| {
            [rule.ports.is_some(), rule.share.is_some(), rule.count.is_some()]
                .into_iter()
                .filter(|x| *x)
                .count()
        };
        if self.rules.iter().any(|rule| ways(rule) != 1) {
            let what = format!("each rule of {:?} needs one of `ports`, `share`, `count`", self.addresses);
            return Err(WorldError::invalid(what));
        }
        let shares: f64 = self.rules.iter().filter_map(|rule| rule.share).map(|share| share.0).sum();
        if shares > 1.0 + 1e-9 {
            return Err(WorldError::invalid(format!("the shares of {:?} are more than 1", self.addresses)));
        }
        if self.rules.len() > usize::from(u8::MAX) {
            return Err(WorldError::invalid(format!("{:?} has more than 255 rules", self.addresses)));
        }
        Ok(())
    }

    /// Everything but the addresses.
    pub(crate) fn fingerprint(&self) -> String {
        let family = if self.addresses.0.first.is_ipv6() { 6 } else { 4 };
        let anywhere = Address::from(Ipv4Addr::UNSPECIFIED);
        let addresses = Range(AddressRange { first: anywhere, last: anywhere });
        format!("v{family} {:?}", HostSpec { addresses, ..self.clone() })
    }

    /// The ports that `count` rules choose on the host at `address`, each with its rule's number.
    pub(crate) fn choose(&self, seed: u64, address: Address, scanned: &PortSet) -> Box<[(u16, u8)]> {
        let wanted: usize = self.rules.iter().filter_map(|rule| rule.count).sum();
        if wanted == 0 {
            return Box::default();
        }
        let named = |port: &u16| self.named(*port).is_none();
        let mut ports: Vec<u16> = scanned.iter().filter(named).collect();
        ports.sort_by_cached_key(|port| port_hash(mix(seed), address, *port));
        let numbers = (0u8..).zip(&self.rules);
        let rules = numbers.flat_map(|(number, rule)| std::iter::repeat_n(number, rule.count.unwrap_or(0)));
        let mut chosen: Vec<_> = ports.into_iter().zip(rules).collect();
        chosen.sort_unstable();
        chosen.into()
    }

    /// What the port does: a pure function of the seed.
    pub(crate) fn answer(&self, seed: u64, to: Endpoint, chosen: &[(u16, u8)]) -> Answer {
        if let Some(rule) = self.named(to.port) {
            return rule.answer;
        }
        if let Ok(at) = chosen.binary_search_by_key(&to.port, |(port, _)| *port) {
            return self.rules[usize::from(chosen[at].1)].answer;
        }
        let mut left = to_unit(port_hash(seed, to.address, to.port));
        for (rule, share) in self.rules.iter().filter_map(|rule| Some((rule, rule.share?))) {
            if left < share.0 {
                return rule.answer;
            }
            left -= share.0;
        }
        self.rest
    }

    fn named(&self, port: u16) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.ports.as_ref().is_some_and(|ports| ports.0.contains(port)))
    }
}

/// A host as it is being asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostLife {
    /// Whether anything it sent reached an attempt that waited.
    pub(crate) heard: bool,
    syns: u64,
    asked: Limiter,
    resets: Limiter,
    banned: Option<Banned>,
}

#[derive(Copy, Clone, Debug)]
enum Banned {
    Until(Instant),
    Forever,
}

impl HostLife {
    /// A SYN arrives. What the host sends back, if anything, and after how long.
    pub(crate) fn receive(
        &mut self,
        spec: &HostSpec,
        answer: Answer,
        packet: &Packet,
        (now, random, counters): (Instant, &mut Random, &mut Counters),
    ) -> Option<(Content, Duration)> {
        match spec.presence {
            Presence::Present => {}
            Presence::Silent | Presence::Absent | Presence::NoNeighbour => return None,
            Presence::Unreachable { by, ms } => {
                let icmp = Reject::HostUnreach.icmp(packet.to.address, by.0, spec.ttl)?;
                return Some((Content::Icmp(icmp), ms.0));
            }
        }
        counters.syns_arrived += 1;
        self.syns += 1;
        if self.is_dead(spec) {
            counters.dead += 1;
            return None;
        }
        if self.is_banned(spec, now, counters) {
            counters.banned += 1;
            return None;
        }
        let content = if spec.turns_open_after.is_some_and(|n| self.syns > n) {
            Content::SynAck
        } else {
            self.reply(spec, answer, packet, (now, random, counters))?
        };
        Some((content, Duration::ZERO))
    }

    pub(crate) fn is_dead(&self, spec: &HostSpec) -> bool {
        spec.dies_after.is_some_and(|n| self.syns > n)
    }

    fn reply(
        &mut self,
        spec: &HostSpec,
        answer: Answer,
        packet: &Packet,
        (now, random, counters): (Instant, &mut Random, &mut Counters),
    ) -> Option<Content> {
        match answer {
            Answer::Open => Some(Content::SynAck),
            Answer::Busy(full) if random.chance(full.0) => {
                counters.backlog_dropped += 1;
                None
            }
            Answer::Busy(_) => Some(Content::SynAck),
            Answer::Split if mix(u64::from(packet.local.port())) & 1 == 0 => Some(Content::SynAck),
            Answer::Closed | Answer::Split => match spec.resets {
                Some(limit) if !self.resets.allow(limit, now) => {
                    counters.resets_limited += 1;
                    None
                }
                _ => Some(Content::Reset),
            },
            Answer::Drop => None,
            Answer::Reject { with, by, ttl } => {
                let (to, by) = (packet.to.address, by.map_or(packet.to.address, |by| by.0));
                Some(with.icmp(to, by, ttl.unwrap_or(spec.ttl)).map_or(Content::Reset, Content::Icmp))
            }
        }
    }

    fn is_banned(&mut self, spec: &HostSpec, now: Instant, counters: &mut Counters) -> bool {
        match self.banned {
            Some(Banned::Forever) => return true,
            Some(Banned::Until(end)) if now < end => return true,
            Some(Banned::Until(_)) => (self.banned, self.asked) = (None, Limiter::default()),
            None => {}
        }
        let Some(ban) = spec.ban else { return false };
        if self.asked.allow(Limit::Window { count: ban.per_second, ms: SECOND }, now) {
            return false;
        }
        counters.bans += 1;
        self.banned = Some(ban.ms.map_or(Banned::Forever, |ms| Banned::Until(now + ms.0)));
        true
    }
}

const fn far() -> u8 {
    57
}

const SECOND: Millis = Millis(Duration::from_secs(1));
