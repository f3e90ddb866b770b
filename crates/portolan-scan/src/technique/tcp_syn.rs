//! TCP by a SYN of our own making: half a handshake, for which capture rights are needed.
//!
//! Before editing, read RFC 9293 sections 3.5 and 3.10.7.3 (what acknowledges a SYN) and RFC 5961 section 4 (a bare ACK is
//! no answer). A SYN-ACK and a RST must acknowledge its sequence number.

use std::net::IpAddr;

use portolan_model::sockets::Outcome;
use portolan_model::{Because, Claim, PortState, Raise, Reason, Segment};
use portolan_wire::{PseudoHeader, TcpFlags, TcpOptions, TcpRepr, TcpView, protocol};

use super::claim;
use super::icmp::P_ANSWER_WRONG;
use super::packet::{Answer, Kind, Question, emit_header, pseudo};

/// A box that resets in a host's name may do so for a port that is open behind it.
pub(super) const P_NEARER_WRONG: f32 = 0.1;

/// Writes the packet.
pub(super) fn emit(syn: &Question, buffer: &mut [u8]) -> Option<usize> {
    let mss = if syn.source.is_ipv4() { 1460 } else { 1440 };
    // As Linux sends it: some hosts and boxes do not answer a SYN without options.
    let options = TcpOptions {
        maximum_segment_size: Some(mss),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps: Some((syn.number.rotate_left(16) | 1, 0)),
    };
    emit_segment(syn, (syn.number, TcpFlags::SYN, 64240), options, buffer)
}

/// Writes the RST that gives up what this SYN began, as the kernel would if the SYN-ACK came to it: a bare one, whose
/// sequence number is the one that the SYN-ACK acknowledges (RFC 9293 section 3.10.7.1).
pub(crate) fn emit_reset(syn: &Question, buffer: &mut [u8]) -> Option<usize> {
    emit_segment(syn, (syn.number.wrapping_add(1), TcpFlags::RST, 0), TcpOptions::default(), buffer)
}

/// A segment between the ends of a SYN.
fn emit_segment(
    syn: &Question,
    (sequence, flags, window): (u32, TcpFlags, u16),
    options: TcpOptions,
    buffer: &mut [u8],
) -> Option<usize> {
    let ends = pseudo(syn)?;
    let segment = TcpRepr {
        source_port: syn.ours,
        destination_port: syn.theirs,
        sequence,
        acknowledgment: 0,
        flags,
        window,
        urgent: 0,
        options,
        payload: &[],
    };
    let header = emit_header(&ends, protocol::TCP, segment.length(), buffer)?;
    let length = segment.emit(&ends, buffer.get_mut(header..)?).ok()?;
    Some(header + length)
}

/// What a segment is about: a SYN, or an ACK (`tcp_ack`). If it is `summed` up, that must hold.
pub(super) fn parse(
    bytes: &[u8],
    (from, to): (IpAddr, IpAddr),
    ttl: u8,
    summed: Option<&PseudoHeader>,
) -> Option<Answer<'static>> {
    let view = TcpView::new_checked(bytes).ok()?;
    if !summed.is_none_or(|pseudo| view.has_valid_checksum(pseudo)) {
        return None;
    }
    let (flags, seen) = (view.flags(), Segment { ttl, window: view.window() });
    let acknowledged = view.acknowledgment().wrapping_sub(1);
    let has = |flag| flags.contains(flag);
    let (kind, outcome, number) = match (has(TcpFlags::SYN), has(TcpFlags::RST), has(TcpFlags::ACK)) {
        (true, false, true) => (Some(Kind::Syn), Outcome::SynAck(seen), acknowledged),
        // RFC 9293 section 3.5.2: to an ACK the answer is the next one, but not every system holds to it.
        (false, true, true) => (None, Outcome::Reset(seen), acknowledged),
        (false, true, false) => (Some(Kind::Ack), Outcome::Reset(seen), view.sequence()),
        _ => return None,
    };
    Some(Answer {
        kind,
        source: to,
        to: from,
        ours: view.destination_port(),
        theirs: view.source_port(),
        number,
        proof: None,
        carried: &[],
        outcome,
    })
}

/// The claim for a port whose SYN was acknowledged by a SYN-ACK.
pub(super) fn accepted() -> Claim {
    claim(
        (PortState::Open, Reason::SynAck),
        P_ANSWER_WRONG,
        (&[Because::SynAcknowledged], &[Raise::ReadBanner]),
    )
}

/// The claim for a port whose SYN was acknowledged by a RST that arrived with this TTL, where the host's own SYN-ACKs
/// arrive with that of `host`.
pub(super) fn reset(segment: Segment, host: Option<u8>) -> Claim {
    let nearer = host.is_some_and(|host| hops(segment.ttl) < hops(host));
    let (p_wrong, because): (f32, &[Because]) = if nearer {
        (P_NEARER_WRONG, &[Because::SynAcknowledged, Because::ResetFromNearer])
    } else {
        (P_ANSWER_WRONG, &[Because::SynAcknowledged])
    };
    claim((PortState::Closed, Reason::Reset), p_wrong, (because, &[Raise::Repeat]))
}

/// How many routers a packet has passed that arrives with `ttl`: systems send with 32, 64, 128 or 255.
pub(super) fn hops(ttl: u8) -> u8 {
    let sent = match ttl {
        0..=32 => 32,
        33..=64 => 64,
        65..=128 => 128,
        129.. => 255,
    };
    sent - ttl
}

#[cfg(test)]
mod tests;
