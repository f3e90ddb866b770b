//! Whether a host is there, asked by an ICMP echo request.
//!
//! Before editing, read RFC 792 ("Echo or Echo Reply Message"), RFC 1122 section 3.2.2.6 and RFC 4443 section 4: every host
//! answers, and the answer bears our identifier, our sequence number and our data. The first two are one number of 32 bits
//! that nobody else can tell, and all that an ICMP error is bound to quote; the data are 64 bits more of the same kind.

use std::net::IpAddr;

use portolan_model::Pong;
use portolan_model::sockets::Outcome;
use portolan_wire::{Icmpv4Repr, Icmpv4View, Icmpv6Repr, Icmpv6View, PseudoHeader, icmpv4, protocol};

use super::packet::{Answer, Kind, Question, emit_header, pseudo};

/// Writes the request.
pub(super) fn emit(question: &Question, buffer: &mut [u8]) -> Option<usize> {
    let ends = pseudo(question)?;
    let data = &question.proof.to_be_bytes()[..];
    let (identifier, sequence) = halves(question.number);
    let protocol = if question.source.is_ipv4() { protocol::ICMP } else { protocol::ICMPV6 };
    let header = emit_header(&ends, protocol, icmpv4::HEADER_LENGTH + data.len(), buffer)?;
    let rest = buffer.get_mut(header..)?;
    let length = match ends {
        PseudoHeader::V4 { .. } => Icmpv4Repr::EchoRequest { identifier, sequence, data }.emit(rest),
        PseudoHeader::V6 { .. } => Icmpv6Repr::EchoRequest { identifier, sequence, data }.emit(&ends, rest),
    };
    Some(header + length.ok()?)
}

/// What an echo reply of IPv4 is about.
pub(super) fn parse_v4(message: &Icmpv4View<'_>, ends: (IpAddr, IpAddr), ttl: u8) -> Option<Answer<'static>> {
    match Icmpv4Repr::parse(message) {
        Icmpv4Repr::EchoReply { identifier, sequence, data } => {
            answer((identifier, sequence), data, ends, ttl)
        }
        _ => None,
    }
}

/// The same over IPv6.
pub(super) fn parse_v6(message: &Icmpv6View<'_>, ends: (IpAddr, IpAddr), ttl: u8) -> Option<Answer<'static>> {
    match Icmpv6Repr::parse(message) {
        Icmpv6Repr::EchoReply { identifier, sequence, data } => {
            answer((identifier, sequence), data, ends, ttl)
        }
        _ => None,
    }
}

fn answer(
    numbers: (u16, u16),
    data: &[u8],
    (from, to): (IpAddr, IpAddr),
    ttl: u8,
) -> Option<Answer<'static>> {
    Some(Answer {
        kind: Some(Kind::Echo),
        source: to,
        to: from,
        ours: 0,
        theirs: Kind::Echo.theirs(),
        number: whole(numbers),
        proof: Some(u64::from_be_bytes(data.try_into().ok()?)),
        carried: &[],
        outcome: Outcome::Pong(Pong::Echo { ttl }),
    })
}

/// Identifier and sequence number.
pub(super) const fn halves(number: u32) -> (u16, u16) {
    ((number >> 16) as u16, (number & 0xffff) as u16)
}

/// The number again.
pub(super) fn whole((identifier, sequence): (u16, u16)) -> u32 {
    u32::from(identifier) << 16 | u32::from(sequence)
}
