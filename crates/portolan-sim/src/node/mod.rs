//! What a packet passes on its way: one file a kind, each with its parameters and its tests.
//!
//! A path is a list of nodes from us outwards. Packets out meet them in that order, packets back in the
//! other; a node that has a `way` leaves packets of the other way alone.

mod bottleneck;
mod burst_loss;
mod delay;
mod duplicate;
mod firewall;
mod flap;
mod forger;
mod icmp_limit;
mod jitter;
mod loss;
mod nat;
mod outage;
mod reorder;
mod spells;
mod tail_drop;

use std::time::Duration;

use portolan_model::{Address, Endpoint, Instant};
use serde::Deserialize;

use crate::counters::Counters;
use crate::packet::{Content, Packet, Quote, Way};
use crate::random::Random;
use crate::reject::Reject;
use crate::truth::Told;

pub(crate) use forger::{Forgery, Kind as ForgedKind};
pub use spells::Spells;

/// The kinds of node that a world's file may name.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(tag = "node", rename_all = "kebab-case")]
pub(crate) enum NodeSpec {
    Delay(delay::Delay),
    Jitter(jitter::Jitter),
    Loss(loss::Loss),
    BurstLoss(burst_loss::BurstLoss),
    Reorder(reorder::Reorder),
    Duplicate(duplicate::Duplicate),
    TailDrop(tail_drop::TailDrop),
    Bottleneck(bottleneck::Bottleneck),
    IcmpLimit(icmp_limit::IcmpLimit),
    Firewall(firewall::Firewall),
    Flap(flap::Flap),
    Outage(outage::Outage),
    Nat(nat::Nat),
    Forger(forger::Forger),
}

/// Which ways a node minds.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ways {
    Out,
    Back,
    #[default]
    Both,
}

/// A node as described.
pub(crate) trait Describe {
    /// Which ways it minds.
    fn ways(&self) -> Ways;

    /// The node at work.
    fn build(&self) -> Box<dyn Node>;

    /// What it does to the truth about an endpoint behind it.
    fn effect(&self, _to: Endpoint) -> Effect {
        Effect::None
    }

    /// The same about an endpoint that is asked by ACK.
    fn effect_on_ack(&self, to: Endpoint) -> Effect {
        self.effect(to)
    }

    /// Whether it would refuse a datagram with a reset, which nobody can.
    fn resets_datagrams(&self) -> bool {
        false
    }

    /// Where it stands, if it is a box that answers.
    fn stand(&self) -> Option<Stand> {
        None
    }
}

/// Where a box stands that answers in the place of those behind it.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(crate) struct Stand {
    /// In whose name it speaks; `None` if only in that of the host asked.
    pub(crate) by: Option<Address>,
    /// The TTL or hop limit that all its packets arrive with: what tells it from a host further away.
    pub(crate) ttl: u8,
}

/// A node at work. Two fields of `passing` are only valid for nodes that say they need order: see there.
pub(crate) trait Node: std::fmt::Debug {
    /// A packet passes.
    fn pass(&mut self, packet: &Packet, way: Way, passing: &mut Passing<'_>) -> Pass;

    /// Whether what it does depends on the time, or on what passed before: such a node is shown packets in
    /// the order of time. The others may be shown a packet early.
    fn needs_order(&self) -> bool;
}

/// What a node may use.
pub(crate) struct Passing<'a> {
    /// When the packet arrives here; only for nodes that need order.
    pub(crate) now: Instant,
    /// The world's stream of chance.
    pub(crate) random: &'a mut Random,
    /// What happened so far.
    pub(crate) counters: &'a mut Counters,
}

/// What becomes of the packet.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Pass {
    /// It goes on.
    On,
    /// It goes on later.
    Late(Duration),
    /// It goes on, and a copy of it so much later.
    Twice(Duration),
    /// It is gone.
    Lost,
    /// It is gone, and this goes back to whence it came.
    Answered(Content),
    /// It goes on, and so much later something comes that nobody earned.
    Forged(Forgery, Duration),
}

/// What a node does to the truth.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(crate) enum Effect {
    /// Nothing that asking often enough would not overcome.
    None,
    /// Silence.
    Drops,
    /// This answer, from this address.
    Refuses(Reject, Address),
    /// For a time this answer, from this address.
    Flaps(Reject, Address),
    /// This may be told, and nobody could know better.
    Passes(Told),
    /// ICMP errors from behind it may be withheld.
    LimitsIcmp,
    /// For a time, or from some time on, silence.
    FallsSilent,
}

impl NodeSpec {
    /// The description behind the name.
    pub(crate) fn describe(&self) -> &dyn Describe {
        match self {
            NodeSpec::Delay(node) => node,
            NodeSpec::Jitter(node) => node,
            NodeSpec::Loss(node) => node,
            NodeSpec::BurstLoss(node) => node,
            NodeSpec::Reorder(node) => node,
            NodeSpec::Duplicate(node) => node,
            NodeSpec::TailDrop(node) => node,
            NodeSpec::Bottleneck(node) => node,
            NodeSpec::IcmpLimit(node) => node,
            NodeSpec::Firewall(node) => node,
            NodeSpec::Flap(node) => node,
            NodeSpec::Outage(node) => node,
            NodeSpec::Nat(node) => node,
            NodeSpec::Forger(node) => node,
        }
    }
}

impl NodeSpec {
    /// Whether it would refuse a datagram with a reset, which nobody can.
    pub(crate) fn resets_datagrams(&self) -> bool {
        self.describe().resets_datagrams()
    }

    /// Where it stands, if it is a box that answers.
    pub(crate) fn stand(&self) -> Option<Stand> {
        self.describe().stand()
    }
}

impl Ways {
    pub(crate) const fn minds(self, way: Way) -> bool {
        matches!((self, way), (Ways::Both, _) | (Ways::Out, Way::Out) | (Ways::Back, Way::Back))
    }
}

/// Counts a packet lost on the way.
fn lose(way: Way, counters: &mut Counters) -> Pass {
    match way {
        Way::Out => counters.lost_out += 1,
        Way::Back => counters.lost_back += 1,
    }
    Pass::Lost
}

/// How a box refuses.
#[derive(Copy, Clone, PartialEq, Debug)]
struct Refusing {
    with: Reject,
    by: Address,
    ttl: u8,
    quote: Quote,
}

impl Stand {
    /// Of a box that refuses like this.
    pub(crate) fn of(with: Reject, by: Address, ttl: u8) -> Self {
        Stand { by: Some(by).filter(|_| with != Reject::Reset), ttl }
    }
}

/// It refuses a packet.
fn refuse(packet: &Packet, how: Refusing, counters: &mut Counters) -> Pass {
    counters.rejected += 1;
    let icmp = how.with.icmp(packet.to.address, how.by, how.ttl);
    counters.icmp_sent += u64::from(icmp.is_some() && packet.is_datagram());
    Pass::Answered(icmp.map_or(Content::Reset, |icmp| Content::Icmp(icmp, how.quote)))
}

#[cfg(test)]
mod tests;
