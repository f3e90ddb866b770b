//! What stands behind an address: what its ports do, and how it bears being asked.

use std::net::Ipv4Addr;
use std::time::Duration;

use portolan_model::{Address, AddressRange, Instant, Mac, Transport};
use serde::Deserialize;

use crate::counters::Counters;
use crate::error::WorldError;
use crate::limit::{Limit, Limiter};
use crate::node::{NodeSpec, Stand};
use crate::packet::{Content, Packet, Quote};
use crate::ping::PingKind;
use crate::random::{Random, mix};
use crate::reject::Reject;
use crate::rules::{Rule, Rules};
use crate::text::{HardwareAddress, Ip, Millis, Probability, Range};
use crate::udp::{UdpAnswer, UdpSpec};

/// Hosts alike, as a world's file describes them.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostSpec {
    pub(crate) addresses: Range,
    #[serde(default)]
    pub(crate) presence: Presence,
    /// What TCP ports do that no rule speaks of.
    #[serde(default)]
    rest: Answer,
    #[serde(default)]
    rules: Vec<Rule<Answer>>,
    #[serde(default)]
    udp: UdpSpec,
    /// The address is our own: what we send there never leaves this machine.
    #[serde(default)]
    pub(crate) own: bool,
    /// The TTL or hop limit its packets arrive with: 64, less the routers on its path.
    #[serde(default = "far")]
    pub(crate) ttl: u8,
    /// What its ICMP errors quote of a packet.
    #[serde(default)]
    quote: Quote,
    /// Whether it answers echo requests …
    #[serde(default = "yes")]
    echo: bool,
    /// … and timestamp requests, which are IPv4's alone.
    #[serde(default = "yes")]
    timestamp: bool,
    /// It is on our own link, and says so under this hardware address; the next address of a range under the next one.
    /// Without one it is behind a router.
    pub(crate) mac: Option<HardwareAddress>,
    /// It dies when it has seen so many SYNs and datagrams.
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

/// What a TCP port does.
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

/// What a port does, of either transport.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(crate) enum Does {
    Tcp(Answer),
    Udp(UdpAnswer),
    /// It is asked itself: whether it answers this.
    Ping(PingKind),
}

/// More SYNs and datagrams in a second than this, and we are ignored.
#[derive(Copy, Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ban {
    per_second: u32,
    /// How long; for ever if nothing is said.
    ms: Option<Millis>,
}

impl Answer {
    /// What the port does with an ACK of no connection: listening or not, the host's TCP refuses it (RFC 9293 sections
    /// 3.10.7.1 and 3.10.7.2), and no queue can be full.
    pub(crate) fn to_ack(self) -> Self {
        match self {
            Answer::Open | Answer::Busy(_) | Answer::Closed | Answer::Split => Answer::Closed,
            Answer::Drop | Answer::Reject { .. } => self,
        }
    }
}

impl HostSpec {
    pub(crate) fn check(&self) -> Result<(), WorldError> {
        let checks = [self.tcp().check(), self.udp().check(), self.udp.check()];
        checks
            .into_iter()
            .collect::<Result<(), _>>()
            .map_err(|what| WorldError::invalid(format!("the hosts {:?}: {what}", self.addresses)))
    }

    /// Everything but the addresses.
    pub(crate) fn fingerprint(&self) -> String {
        let family = if self.addresses.0.first.is_ipv6() { 6 } else { 4 };
        let anywhere = Address::from(Ipv4Addr::UNSPECIFIED);
        let addresses = Range(AddressRange { first: anywhere, last: anywhere });
        format!("v{family} {:?}", HostSpec { addresses, ..self.clone() })
    }

    /// What an answer of a TCP port arrives with, if it is in the host's name. An ICMP error says itself.
    fn ttl_of(&self, answer: Answer, own: Address) -> u8 {
        match answer {
            Answer::Reject { ttl: Some(ttl), .. } => ttl,
            Answer::Reject { by: Some(by), .. } if by.0 != own => self.ttl_of_a_box(),
            _ => self.ttl,
        }
    }

    /// A box before the host is nearer than it.
    fn ttl_of_a_box(&self) -> u8 {
        self.ttl.saturating_add(1)
    }

    /// Where those stand who answer TCP in its place, by its own description: boxes on its path aside.
    pub(crate) fn stands(&self) -> impl Iterator<Item = Stand> + '_ {
        let router = match self.presence {
            Presence::Unreachable { by, .. } => Some(Stand { by: Some(by.0), ttl: self.ttl_of_a_box() }),
            _ => None,
        };
        let answers = self.rules.iter().map(|rule| rule.answer).chain([self.rest]);
        let boxes = answers.filter_map(|answer| match answer {
            Answer::Reject { with, by: Some(by), ttl } => {
                Some(Stand::of(with, by.0, ttl.unwrap_or(self.ttl_of_a_box())))
            }
            _ => None,
        });
        router.into_iter().chain(boxes)
    }

    /// How it answers a ping.
    fn pong(&self, kind: PingKind) -> Option<Content> {
        let answers = match kind {
            PingKind::Echo => self.echo,
            PingKind::Timestamp => self.timestamp,
        };
        answers.then_some(Content::Pong)
    }

    /// Under which hardware address the host at `address` is on our link, if it is there.
    pub(crate) fn neighbour(&self, address: Address) -> Option<Mac> {
        Some(self.mac?.nth(self.addresses.place(address)))
    }

    /// What its TCP ports do …
    pub(crate) fn tcp(&self) -> Rules<'_, Answer> {
        Rules { transport: Transport::Tcp, rest: self.rest, rules: &self.rules }
    }

    /// … and its UDP ports.
    pub(crate) fn udp(&self) -> Rules<'_, UdpAnswer> {
        Rules { transport: Transport::Udp, rest: self.udp.rest, rules: &self.udp.rules }
    }
}

/// A host as it is being asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostLife {
    /// Whether anything it sent reached an attempt that waited.
    pub(crate) heard: bool,
    seen: u64,
    asked: Limiter,
    resets: Limiter,
    banned: Option<Banned>,
}

/// What a host sends back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) content: Content,
    /// After how long.
    pub(crate) after: Duration,
    /// The TTL or hop limit it arrives with.
    pub(crate) ttl: u8,
}

#[derive(Copy, Clone, Debug)]
enum Banned {
    Until(Instant),
    Forever,
}

impl Reply {
    /// An ICMP error says itself what it arrives with.
    fn of(content: Content, after: Duration, ttl: u8) -> Self {
        let ttl = match content {
            Content::Icmp(icmp, _) => icmp.ttl.unwrap_or(ttl),
            _ => ttl,
        };
        Reply { content, after, ttl }
    }
}

impl HostLife {
    /// A SYN or a datagram arrives. What the host sends back, if anything.
    pub(crate) fn receive(
        &mut self,
        spec: &HostSpec,
        does: Does,
        packet: &Packet,
        (now, random, counters): (Instant, &mut Random, &mut Counters),
    ) -> Option<Reply> {
        match spec.presence {
            Presence::Present => {}
            Presence::Silent | Presence::Absent | Presence::NoNeighbour => return None,
            Presence::Unreachable { by, ms } => {
                let icmp = Reject::HostUnreach.icmp(packet.to.address, by.0, spec.ttl)?;
                counters.icmp_sent += u64::from(packet.is_datagram());
                return Some(Reply::of(Content::Icmp(icmp, spec.quote), ms.0, spec.ttl));
            }
        }
        *match does {
            Does::Tcp(_) => &mut counters.syns_arrived,
            Does::Udp(_) => &mut counters.datagrams_arrived,
            Does::Ping(_) => &mut counters.pings_arrived,
        } += 1;
        self.seen += 1;
        if self.is_dead(spec) {
            counters.dead += 1;
            return None;
        }
        if self.is_banned(spec, now, counters) {
            counters.banned += 1;
            return None;
        }
        let (content, after, ttl) = match does {
            Does::Udp(answer) => {
                let (content, after) = answer.reply(packet, (spec.ttl, spec.quote), counters)?;
                (content, after, spec.ttl)
            }
            Does::Ping(kind) => (spec.pong(kind)?, Duration::ZERO, spec.ttl),
            // It is the box that accepts.
            Does::Tcp(_)
                if packet.content == Content::Syn && spec.turns_open_after.is_some_and(|n| self.seen > n) =>
            {
                (Content::SynAck, Duration::ZERO, spec.ttl_of_a_box())
            }
            Does::Tcp(answer) => {
                let content = self.reply(spec, answer, packet, (now, random, counters))?;
                (content, Duration::ZERO, spec.ttl_of(answer, packet.to.address))
            }
        };
        Some(Reply::of(content, after, ttl))
    }

    pub(crate) fn is_dead(&self, spec: &HostSpec) -> bool {
        spec.dies_after.is_some_and(|n| self.seen > n)
    }

    fn reply(
        &mut self,
        spec: &HostSpec,
        answer: Answer,
        packet: &Packet,
        (now, random, counters): (Instant, &mut Random, &mut Counters),
    ) -> Option<Content> {
        let answer = if packet.content == Content::Ack { answer.to_ack() } else { answer };
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
                let icmp = with.icmp(to, by, ttl.unwrap_or(spec.ttl));
                Some(icmp.map_or(Content::Reset, |icmp| Content::Icmp(icmp, spec.quote)))
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

const fn yes() -> bool {
    true
}

const fn far() -> u8 {
    57
}

const SECOND: Millis = Millis(Duration::from_secs(1));
