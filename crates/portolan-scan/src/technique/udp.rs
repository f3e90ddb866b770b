//! UDP by datagrams of the kernel's own sockets, without privilege, or of our own making (`udp_packet`): what comes back
//! means the same.
//!
//! Before editing, read RFC 1122 sections 3.2.2.1 and 4.1.3 (who sends "port unreachable", and that it is passed up),
//! RFC 1812 section 4.3.2.3 (how much an ICMP error quotes) and RFC 4884 (what may follow the quote).
//!
//! A datagram's answer bears no name of ours. So each question carries a cookie, a keyed hash of whom it asks and how
//! often, where its protocol has a transaction id; an answer that returns it, or an ICMP error that quotes it, cannot
//! be a stranger's. What carries less is believed less, and what carries another's is not believed.
//!
//! Silence proves nothing here: an open port that ignores the question, a filter, and an ICMP error that was lost or
//! withheld (RFC 1812 section 4.3.2.8) look the same. It is `open|filtered`, weak, and never `closed`.

use std::hash::Hasher;
use std::net::IpAddr;

use portolan_model::{
    Address, Because, Claim, Cookie, Endpoint, Icmp, Likeness, PortState, Raise, Reason, UdpProbe,
};
use siphasher::sip128::{Hasher128, SipHasher13};

use super::icmp::{self, P_ANSWER_WRONG};
use super::{Judgement, Vouch, claim};
use crate::engine::Guards;

/// That an answer with our id is wrong all the same: a box that answers in the host's place.
const P_ECHO_WRONG: f32 = 0.001;
/// That an answer of the right protocol without any id, or an ICMP error whose quote lacks it, was forged.
const P_NO_ID_WRONG: f32 = 0.05;
/// That an answer of no protocol we know was.
const P_UNLIKE_WRONG: f32 = 0.1;
/// That a silent port is no `open|filtered`. A later ICMP error of the host makes it no better: the error that this port
/// was due may have been the one withheld, and another was granted since.
const P_SILENCE_WRONG: f32 = 0.5;

/// Ports of industrial controllers, which a datagram that they do not understand has stopped before: EtherNet/IP's
/// (2222, 44818), PROFINET's (34962 to 34964) and BACnet's (47808). They get an empty one.
const FRAGILE: &[u16] = &[2222, 34962, 34963, 34964, 44818, 47808];

/// Ports of services that only take (traps, system logs, metrics): a question would end in their records as noise.
const ONE_WAY: &[u16] = &[162, 514, 8125, 12201, 25826];

static EMPTY: UdpProbe = UdpProbe::EMPTY;

/// How UDP is asked: the probes, and the secret that makes cookies.
#[derive(Clone, Debug)]
pub struct Udp {
    probes: &'static [UdpProbe],
    secret: (u64, u64),
    guards: Guards,
}

/// What a datagram from the host is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Recognised {
    /// The attempt that it answers, if it says so.
    pub number: Option<u8>,
    /// The probe whose protocol it speaks.
    pub probe: Option<&'static UdpProbe>,
    /// How much of an answer to that probe it has.
    pub likeness: Likeness,
}

/// What an ICMP error quotes of what we sent.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Quoted {
    /// The attempt that it quotes, if it says so.
    pub number: Option<u8>,
    /// Whether the attempt's id is in it.
    pub with_id: bool,
}

impl Udp {
    /// Asks with these probes.
    pub fn new(probes: &'static [UdpProbe], secret: (u64, u64), guards: Guards) -> Self {
        Udp { probes, secret, guards }
    }

    /// How many questions a port is asked in turn.
    pub fn questions(&self, port: u16) -> u8 {
        u8::try_from(self.of_port(port).count()).unwrap_or(u8::MAX)
    }

    /// What the `number`th attempt (from 1) at a port asks: the protocols that are usual there, or, where none is, a
    /// harmless question of one that is everywhere and then nothing at all.
    pub fn probe(&self, port: u16, number: u8) -> &'static UdpProbe {
        let turn = usize::from(number.saturating_sub(1) % self.questions(port).max(1));
        self.of_port(port).nth(turn).unwrap_or(&EMPTY)
    }

    /// What it sends.
    pub fn payload(&self, to: Endpoint, number: u8) -> Box<[u8]> {
        self.probe(to.port, number).write(&self.cookie(to, number))
    }

    /// What `bytes` are that came from `to`, which was asked so many times.
    pub fn recognise(&self, to: Endpoint, asked: u8, bytes: &[u8]) -> Recognised {
        let answers = (1..=asked).rev().map(|number| {
            let probe = self.probe(to.port, number);
            let likeness = probe.likeness(bytes, &self.cookie(to, number));
            let is_named = likeness == Likeness::Echoes;
            let probe = Some(probe).filter(|_| likeness != Likeness::Unlike);
            Recognised { number: is_named.then_some(number), probe, likeness }
        });
        let best = answers.min_by_key(|answer| answer.likeness);
        best.unwrap_or(Recognised { number: None, probe: None, likeness: Likeness::Unlike })
    }

    /// What `quote` is of what was sent to `to`, which was asked so many times; `None` if it is nothing of ours.
    pub fn recognise_quote(&self, to: Endpoint, asked: u8, quote: &[u8]) -> Option<Quoted> {
        if !self.guards.cookie {
            return Some(Quoted { number: None, with_id: true });
        }
        if quote.is_empty() {
            // Eight bytes behind the IP header are all that RFC 792 asks for: the ports, and nothing of the payload.
            return Some(Quoted { number: None, with_id: false });
        }
        let quotes = (1..=asked).rev().filter_map(|number| {
            let payload = self.payload(to, number);
            let common = quote.len().min(payload.len());
            let (ours, more) = quote.split_at(common);
            // RFC 4884 section 5.1: a quote may be padded with zeros, and more may follow.
            let padded = more.iter().take(PADDING).all(|byte| *byte == 0);
            if ours != &payload[..common] || !padded {
                return None;
            }
            let id = self.probe(to.port, number).id();
            Some(Quoted { number: Some(number), with_id: id.is_some_and(|id| id.end <= common) })
        });
        quotes.reduce(|one, other| match (one.with_id, other.with_id) {
            // What several attempts have sent alike names none of them.
            (false, false) => Quoted { number: None, with_id: false },
            (true, _) => one,
            (false, true) => other,
        })
    }

    /// What an answer means; `None` if it is somebody else's.
    pub fn judge(&self, likeness: Likeness, other_port: bool) -> Option<Claim> {
        let (p_wrong, because) = match likeness {
            Likeness::Echoes => (P_ECHO_WRONG, Because::EchoesId),
            Likeness::Fits => (P_NO_ID_WRONG, Because::FitsProtocol),
            Likeness::Strange if self.guards.cookie => return None,
            Likeness::Strange => (P_ECHO_WRONG, Because::EchoesId),
            // From another port only the protocol shows that it is an answer.
            Likeness::Unlike if other_port => return None,
            Likeness::Unlike => (P_UNLIKE_WRONG, Because::UnlikeProtocol),
        };
        let mut claim = claim((PortState::Open, Reason::UdpResponse), p_wrong, (&[because], &[]));
        if other_port {
            claim.confidence.because.push(Because::OtherPort);
            claim.confidence.p_wrong = p_wrong.max(P_NO_ID_WRONG);
        }
        if likeness != Likeness::Echoes {
            claim.confidence.would_raise.push(match likeness {
                Likeness::Unlike => Raise::OtherPayload,
                _ => Raise::Repeat,
            });
        }
        Some(claim)
    }

    /// What an ICMP error about a port of `target` means.
    pub fn judge_error(&self, target: Address, error: &Icmp, with_id: bool) -> Judgement {
        let (quote, p_quote) =
            if with_id { (Because::QuoteMatches, 0.0) } else { (Because::QuoteWithoutId, P_NO_ID_WRONG) };
        let from_target = error.from == Some(target) || !self.guards.sender;
        let mut judgement = icmp::judge(target, error);
        if icmp::is_port_unreachable(error) && from_target {
            // Only the host itself knows that nothing listens there (RFC 1122 section 4.1.3.1).
            judgement = Judgement::Settled(claim(
                (PortState::Closed, Reason::PortUnreach),
                P_ANSWER_WRONG,
                (&[Because::IcmpFromTarget], &[Raise::Capture]),
            ));
        }
        match &mut judgement {
            Judgement::Settled(claim) | Judgement::Provisional(claim) => {
                claim.confidence.because.push(quote);
                claim.confidence.p_wrong = claim.confidence.p_wrong.max(p_quote);
            }
            Judgement::Silence => {}
        }
        judgement
    }

    fn of_port(&self, port: u16) -> impl Iterator<Item = &'static UdpProbe> {
        let no_words = FRAGILE.contains(&port) || ONE_WAY.contains(&port);
        let usual = move |probe: &&UdpProbe| !no_words && probe.ports.contains(&port);
        let known = self.probes.iter().any(|probe| usual(&probe));
        let generic = move |probe: &&UdpProbe| !no_words && probe.generic;
        self.probes
            .iter()
            .filter(move |probe| if known { usual(probe) } else { generic(probe) })
            .chain((!known).then_some(&EMPTY))
    }

    fn cookie(&self, to: Endpoint, number: u8) -> Cookie {
        let mut hasher = SipHasher13::new_with_keys(self.secret.0, self.secret.1);
        match to.address.ip() {
            IpAddr::V4(ip) => hasher.write_u32(ip.to_bits()),
            IpAddr::V6(ip) => hasher.write_u128(ip.to_bits()),
        }
        hasher.write_u32(to.address.zone());
        hasher.write_u16(to.port);
        hasher.write_u8(number);
        Cookie(hasher.finish128().as_bytes())
    }
}

/// What silence means after `tries` spaced attempts.
pub fn silence(vouch: Vouch) -> Claim {
    let host = match vouch {
        Vouch::Later => Because::HostAnsweredLater,
        Vouch::Before => Because::HostAnsweredBefore,
        Vouch::Elsewhere => Because::HostAnsweredElsewhere,
        Vouch::Never => Because::HostNeverAnswered,
    };
    let because = [Because::SilenceIsAmbiguous, host, Because::RetriesSpaced];
    let raise = [Raise::OtherPayload, Raise::Longer];
    claim((PortState::OpenFiltered, Reason::NoResponse), P_SILENCE_WRONG, (&because, &raise))
}

/// So many zeros behind our bytes are padding.
const PADDING: usize = 8;

#[cfg(test)]
mod tests;
