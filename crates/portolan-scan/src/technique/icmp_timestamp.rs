//! Whether a host is there, asked by an ICMP timestamp request: where a filter thought of echo requests alone.
//!
//! Before editing, read RFC 792 ("Timestamp or Timestamp Reply Message") and RFC 1122 section 3.2.2.8. The answer bears our
//! identifier, our sequence number and our originate timestamp. That is no time here, as its high bit says, but a number
//! that nobody else can tell.

use std::net::IpAddr;

use portolan_model::Pong;
use portolan_model::sockets::Outcome;
use portolan_wire::{Icmpv4Repr, Icmpv4View, PseudoHeader, icmpv4, protocol};

use super::icmp_echo::{halves, whole};
use super::packet::{Answer, Kind, Question, emit_header, pseudo};

/// Originate, receive and transmit timestamp.
const TIMES: usize = 12;

/// RFC 792: "If the time is not available in milliseconds … then any time can be inserted in a timestamp provided the high
/// order bit of the timestamp is also set".
const NO_TIME: u32 = 1 << 31;

/// Of all that nobody else can tell, what fits.
pub(crate) const fn originate(proof: u64) -> u64 {
    (proof & u32::MAX as u64) | NO_TIME as u64
}

/// Writes the request; IPv6 knows none.
pub(super) fn emit(question: &Question, buffer: &mut [u8]) -> Option<usize> {
    let ends @ PseudoHeader::V4 { .. } = pseudo(question)? else { return None };
    let mut payload = [0; TIMES];
    let originate = u32::try_from(question.proof).ok()?;
    payload[..4].copy_from_slice(&originate.to_be_bytes());
    let (identifier, sequence) = halves(question.number);
    let header = emit_header(&ends, protocol::ICMP, icmpv4::HEADER_LENGTH + TIMES, buffer)?;
    let ([a, b], [c, d]) = (identifier.to_be_bytes(), sequence.to_be_bytes());
    let (icmp_type, rest) = (icmpv4::TIMESTAMP_REQUEST, [a, b, c, d]);
    let message = Icmpv4Repr::Other { icmp_type, code: 0, rest, payload: &payload };
    Some(header + message.emit(buffer.get_mut(header..)?).ok()?)
}

/// What a timestamp reply is about.
pub(super) fn parse(
    message: &Icmpv4View<'_>,
    (from, to): (IpAddr, IpAddr),
    ttl: u8,
) -> Option<Answer<'static>> {
    let (0, Some(originate)) = (message.code(), message.payload().first_chunk::<4>()) else { return None };
    if message.payload().len() < TIMES {
        return None;
    }
    let [a, b, c, d] = message.rest();
    Some(Answer {
        kind: Some(Kind::Timestamp),
        source: to,
        to: from,
        ours: 0,
        theirs: Kind::Timestamp.theirs(),
        number: whole((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))),
        proof: Some(u32::from_be_bytes(*originate).into()),
        carried: &[],
        outcome: Outcome::Pong(Pong::Timestamp { ttl }),
    })
}
