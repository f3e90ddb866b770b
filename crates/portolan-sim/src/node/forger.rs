use portolan_model::{Endpoint, PortState, Reason, Transport};
use serde::Deserialize;

use super::{Describe, Effect, Node, Pass, Passing, Ways};
use crate::packet::{Content, Packet, Way};
use crate::text::{Millis, Probability};
use crate::truth::Told;

/// Somebody who answers what he has not seen: the door reports a connection in the right place under a wrong tag,
/// or something comes about a datagram or a SYN of our own making that nobody earned.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Forger {
    /// For how many SYNs and datagrams he tries.
    probability: Probability,
    /// How much later he strikes, at most.
    ms: Millis,
    /// What he makes of a datagram, one of these at a time.
    #[serde(default = "guesses")]
    kinds: Vec<Kind>,
}

/// What he makes of a datagram.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// An answer in the name of the endpoint asked, of the right shape, with a wrong id.
    Answer,
    /// The very answer, the id too, from an address that nobody asked.
    Stranger,
    /// An ICMP error in the host's name (port unreachable) that quotes what was never sent.
    Icmp,
    /// The same, but quoting nothing: it cannot be told from a true one.
    BareIcmp,
}

/// What is forged.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Forgery {
    /// The end of a connect, or what answers a SYN, an ACK or a ping of our own making.
    Completion,
    /// What comes of a datagram.
    Datagram(Kind),
}

impl Describe for Forger {
    fn ways(&self) -> Ways {
        Ways::Out
    }

    fn build(&self) -> Box<dyn Node> {
        Box::new(self.clone())
    }

    fn effect(&self, to: Endpoint) -> Effect {
        if to.transport == Transport::Udp && self.kinds.contains(&Kind::BareIcmp) {
            return Effect::Passes(Told::new(PortState::Closed, Reason::PortUnreach));
        }
        Effect::None
    }
}

impl Node for Forger {
    fn pass(&mut self, packet: &Packet, _way: Way, passing: &mut Passing<'_>) -> Pass {
        let asks = matches!(packet.content, Content::Syn | Content::Ack | Content::Ping | Content::Question);
        if !asks || !passing.random.chance(self.probability.0) {
            return Pass::On;
        }
        let forgery = match packet.content {
            Content::Question if self.kinds.is_empty() => return Pass::On,
            Content::Question => Forgery::Datagram(self.kinds[passing.random.below(self.kinds.len())]),
            _ => Forgery::Completion,
        };
        Pass::Forged(forgery, passing.random.up_to(self.ms.0))
    }

    fn needs_order(&self) -> bool {
        false
    }
}

fn guesses() -> Vec<Kind> {
    vec![Kind::Answer, Kind::Stranger, Kind::Icmp]
}
