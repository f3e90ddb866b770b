//! What the UDP ports of a host do, and the little protocol that its services speak.
//!
//! A request of kind `a` is the bytes `Qa` and an id, which is all the rest; its answer is `Aa` and the same id.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::counters::Counters;
use crate::packet::{Answer, Content, Packet, Quote};
use crate::reject::Reject;
use crate::rules::Rule;
use crate::text::{Ip, Millis};

/// The UDP ports of hosts alike.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct UdpSpec {
    /// What ports do that no rule speaks of.
    pub(crate) rest: UdpAnswer,
    pub(crate) rules: Vec<Rule<UdpAnswer>>,
}

/// What a UDP port does.
#[derive(Copy, Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum UdpAnswer {
    /// Nobody is there, and the host says so: ICMP 3/3, ICMPv6 1/4.
    #[default]
    Closed,
    /// Somebody is there who never answers.
    Silent,
    /// A filter drops what comes.
    Drop,
    /// Sends back what it gets (RFC 862).
    Echo,
    Service(Service),
    /// Refused, by the host itself or by a box in its place.
    Reject {
        with: Reject,
        by: Option<Ip>,
        ttl: Option<u8>,
    },
}

/// Somebody who answers, in his own way.
#[derive(Copy, Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// The kind of request that it answers; a service that only babbles needs none.
    speaks: Option<Kind>,
    /// It answers from this port instead of the one asked, as TFTP does (RFC 1350 section 4).
    from_port: Option<u16>,
    /// How long it thinks.
    #[serde(default)]
    ms: Millis,
    /// It answers twice.
    #[serde(default)]
    twice: bool,
    /// It leaves the id out.
    #[serde(default)]
    without_id: bool,
    /// It answers anything else, even an empty datagram, with bytes of no protocol.
    #[serde(default)]
    babbles: bool,
}

/// One small letter.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Kind(u8);

impl UdpSpec {
    /// What is wrong with it beside its rules' own grammar.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let mut answers = self.rules.iter().map(|rule| &rule.answer).chain([&self.rest]);
        if answers.clone().any(|answer| matches!(answer, UdpAnswer::Reject { with: Reject::Reset, .. })) {
            return Err("no datagram is refused with a reset");
        }
        let mute =
            |answer: &UdpAnswer| matches!(answer, UdpAnswer::Service(s) if s.speaks.is_none() && !s.babbles);
        if answers.any(mute) {
            return Err("a service without `speaks` or `babbles` is `silent`");
        }
        Ok(())
    }
}

impl UdpAnswer {
    /// What it sends back, if anything, and after how long. `ttl` and `quote` are those of the host's ICMP errors.
    pub(crate) fn reply(
        &self,
        packet: &Packet,
        (ttl, quote): (u8, Quote),
        counters: &mut Counters,
    ) -> Option<(Content, Duration)> {
        let own = packet.to.address;
        let refuse =
            |with: Reject, by, ttl| Some((Content::Icmp(with.icmp(own, by, ttl)?, quote), Duration::ZERO));
        let (answer, after) = match self {
            UdpAnswer::Silent | UdpAnswer::Drop => return None,
            UdpAnswer::Closed => {
                counters.icmp_sent += 1;
                return refuse(Reject::PortUnreach, own, ttl);
            }
            UdpAnswer::Reject { with, by, ttl: other } => {
                counters.icmp_sent += 1;
                return refuse(*with, by.map_or(own, |by| by.0), other.unwrap_or(ttl));
            }
            UdpAnswer::Echo => (Answer { from: packet.to, bytes: packet.payload()?.clone() }, Duration::ZERO),
            UdpAnswer::Service(service) => {
                let bytes = service.answer(packet.payload()?)?;
                let port = service.from_port.unwrap_or(packet.to.port);
                (Answer { from: portolan_model::Endpoint { port, ..packet.to }, bytes }, service.ms.0)
            }
        };
        counters.datagrams_answered += 1;
        Some((Content::Answer(answer), after))
    }

    /// Whether it sends its answer a second time.
    pub(crate) const fn answers_twice(&self) -> bool {
        matches!(self, UdpAnswer::Service(Service { twice: true, .. }))
    }
}

impl Service {
    fn answer(&self, request: &[u8]) -> Option<Arc<[u8]>> {
        match (self.speaks, request) {
            (Some(kind), [b'Q', asked, id @ ..]) if *asked == kind.0 => {
                let id = if self.without_id { &[] } else { id };
                Some([&[b'A', kind.0], id].concat().into())
            }
            _ if self.babbles => Some(Arc::from(*b"??")),
            _ => None,
        }
    }
}

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_bytes() {
            [letter @ b'a'..=b'z'] => Ok(Kind(*letter)),
            _ => Err(format!("{text:?} is no kind of request: one small letter is")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(toml: &str, request: &[u8]) -> Option<Vec<u8>> {
        let service: Service = toml::from_str(toml).unwrap();
        service.answer(request).map(|bytes| bytes.to_vec())
    }

    #[test]
    fn a_service_answers_its_own_kind_alone() {
        assert_eq!(answers("speaks = 'a'", b"Qa1234"), Some(b"Aa1234".to_vec()));
        assert_eq!(answers("speaks = 'a'\nwithout_id = true", b"Qa1234"), Some(b"Aa".to_vec()));
        for other in [&b""[..], b"Q", b"Qb1234", b"Aa1234"] {
            assert_eq!(answers("speaks = 'a'", other), None);
            assert_eq!(answers("speaks = 'a'\nbabbles = true", other), Some(b"??".to_vec()));
            assert_eq!(answers("babbles = true", other), Some(b"??".to_vec()));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let check = |toml: &str| toml::from_str::<UdpSpec>(toml).unwrap().check();
        assert!(check("rest = { reject = { with = 'reset' } }").is_err());
        assert!(check("rules = [{ answer = { service = { ms = 3 } }, ports = '1' }]").is_err());
        assert!(check("rest = { service = { speaks = 'a' } }").is_ok());
        assert!(toml::from_str::<UdpSpec>("rest = { service = { speaks = 'ab' } }").is_err());
    }
}
