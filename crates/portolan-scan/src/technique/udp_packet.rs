//! Datagrams of our own making: a question to a port, which `udp` writes and whose answers it judges as if a socket had sent
//! it; or an empty one to a port on which nobody should listen, to see whether the host is there.
//!
//! Before editing, read RFC 768, RFC 1122 section 4.1.3.1 (a host without a listener says "port unreachable"), RFC 8085
//! section 5.2, RFC 8200 sections 4.5 and 5, and `udp` on what makes an answer to a question ours.
//!
//! An empty datagram carries nothing that an answer could repeat: what proves one is the port of ours that it comes to,
//! which nobody else can tell, one of a few thousand. That is less than the 32 bits of every other ping: who sends thousands
//! of packets in the host's name while we wait can make it seem to be there. Our kernel has no socket at that port, and
//! answers a datagram that comes there with "port unreachable": the other end hears that nobody waits for more, as it hears
//! of a SYN-ACK by a RST. A question comes from a port that is held, where nothing is refused: more of its answer may follow.

use std::net::IpAddr;

use portolan_model::Pong;
use portolan_model::sockets::Outcome;
use portolan_wire::{PseudoHeader, UdpRepr, UdpView, ipv6, protocol, udp};

use super::packet::{Answer, Kind, Question, emit_header, pseudo};

/// No longer payload leaves in a packet of our own: such a one passes every link (RFC 8200 section 5) in one piece.
pub(crate) const MOST_PAYLOAD: usize = 1200;

/// No datagram of ours is longer.
pub(crate) const LONGEST: usize = ipv6::HEADER_LENGTH + udp::HEADER_LENGTH + MOST_PAYLOAD;

/// Writes the datagram.
pub(crate) fn emit(question: &Question, payload: &[u8], buffer: &mut [u8]) -> Option<usize> {
    let ends = pseudo(question)?;
    let datagram = UdpRepr { source_port: question.ours, destination_port: question.theirs, payload };
    let header = emit_header(&ends, protocol::UDP, datagram.length(), buffer)?;
    Some(header + datagram.emit(&ends, buffer.get_mut(header..)?).ok()?)
}

/// What a datagram is about. If it is `summed` up, that must hold.
pub(super) fn parse<'a>(
    bytes: &'a [u8],
    ends: (IpAddr, IpAddr),
    ttl: u8,
    summed: Option<&PseudoHeader>,
) -> Option<Answer<'a>> {
    let view = UdpView::new_checked(bytes).ok()?;
    if !summed.is_none_or(|pseudo| view.has_valid_checksum(pseudo)) {
        return None;
    }
    Some(answer(ends, (view.source_port(), view.destination_port()), ttl, view.payload()))
}

/// The same of the first piece of a datagram: an answer that came in pieces bears in its first what makes it one. Its length
/// and its checksum are those of the whole.
pub(super) fn parse_piece(bytes: &[u8], ends: (IpAddr, IpAddr), ttl: u8) -> Option<Answer<'_>> {
    let ports = (u16_at(bytes, udp::field::SOURCE_PORT)?, u16_at(bytes, udp::field::DESTINATION_PORT)?);
    Some(answer(ends, ports, ttl, bytes.get(udp::HEADER_LENGTH..)?))
}

fn answer((from, to): (IpAddr, IpAddr), (theirs, ours): (u16, u16), ttl: u8, carried: &[u8]) -> Answer<'_> {
    let outcome = Outcome::Pong(Pong::Datagram { ttl });
    let kind = Some(Kind::Udp);
    Answer { kind, source: to, to: from, ours, theirs, number: 0, proof: None, carried, outcome }
}

/// What an ICMP error repeats of a datagram of this length, its header counted: how much it carried.
pub(super) fn proof(length: u16) -> Option<u64> {
    usize::from(length).checked_sub(udp::HEADER_LENGTH)?.try_into().ok()
}

fn u16_at(bytes: &[u8], field: std::ops::Range<usize>) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(field)?.try_into().ok()?))
}
