use std::collections::HashMap;

use portolan_model::{Endpoint, Instant};
use serde::Deserialize;

use super::{Describe, Node, Pass, Passing, Ways};
use crate::packet::{Content, Packet, Way};
use crate::text::Millis;

/// An address translator, or a firewall that keeps state: an entry for each connection, or each pair of ends that
/// exchange datagrams, and no more than
/// its table holds.
#[derive(Copy, Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nat {
    /// How many entries.
    entries: usize,
    /// How long an unanswered one lives after its last SYN, or one of datagrams after the last of them.
    timeout_ms: Millis,
    /// How long an answered connection lives on: both ends close it at once.
    closed_ms: Millis,
}

impl Describe for Nat {
    fn ways(&self) -> Ways {
        Ways::Both
    }

    fn build(&self) -> Box<dyn Node> {
        Box::new(Table { spec: *self, until: HashMap::new() })
    }
}

#[derive(Debug)]
struct Table {
    spec: Nat,
    until: HashMap<(Endpoint, u16), Instant>,
}

impl Node for Table {
    fn pass(&mut self, packet: &Packet, way: Way, passing: &mut Passing<'_>) -> Pass {
        let now = passing.now;
        let name = (packet.to, packet.local.port());
        if self.until.len() >= self.spec.entries {
            self.until.retain(|_, until| *until > now);
        }
        match way {
            Way::Out if self.until.len() >= self.spec.entries && !self.until.contains_key(&name) => {
                passing.counters.nat_dropped += 1;
                return Pass::Lost;
            }
            Way::Out => {
                self.until.insert(name, now + self.spec.timeout_ms.0);
            }
            Way::Back if matches!(packet.content, Content::SynAck | Content::Reset) => {
                if let Some(until) = self.until.get_mut(&name) {
                    *until = now + self.spec.closed_ms.0;
                }
            }
            Way::Back if packet.is_datagram() => match self.until.get_mut(&name) {
                Some(until) if *until > now => *until = now + self.spec.timeout_ms.0,
                // Nobody inside is known by that name any more.
                _ => {
                    passing.counters.nat_dropped += 1;
                    return Pass::Lost;
                }
            },
            Way::Back => {}
        }
        Pass::On
    }

    fn needs_order(&self) -> bool {
        true
    }
}
