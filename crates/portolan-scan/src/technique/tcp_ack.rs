//! TCP by an ACK of our own making that belongs to no connection: it tells what is let through, and nothing of who listens.
//!
//! Before editing, read RFC 9293 section 3.10.7.1 and the first lines of 3.10.7.2: an open and a closed port answer such an
//! ACK alike, with a RST whose sequence number is the one that the ACK acknowledged. So that number has to be one that nobody
//! else can tell. The sequence number is the same: it is what an ICMP error quotes, and what some systems acknowledge
//! besides.

use portolan_model::{Because, PortState, Raise, Reason, Segment};
use portolan_wire::{TcpFlags, TcpOptions, TcpRepr, protocol};

use super::icmp::P_ANSWER_WRONG;
use super::packet::{Question, emit_header, pseudo};
use super::tcp_syn::{P_NEARER_WRONG, hops};
use super::{Judgement, claim};

/// Writes an ACK with these ends and this number.
pub(super) fn emit(ack: &Question, buffer: &mut [u8]) -> Option<usize> {
    let ends = pseudo(ack)?;
    let segment = TcpRepr {
        source_port: ack.ours,
        destination_port: ack.theirs,
        sequence: ack.number,
        acknowledgment: ack.number,
        flags: TcpFlags::ACK,
        window: 64240,
        urgent: 0,
        options: TcpOptions::default(),
        payload: &[],
    };
    let header = emit_header(&ends, protocol::TCP, segment.length(), buffer)?;
    let length = segment.emit(&ends, buffer.get_mut(header..)?).ok()?;
    Some(header + length)
}

/// What a RST means that answered an ACK and arrived with this TTL, where the farthest one of the host arrived with that of
/// `farthest`.
pub(super) fn reset(segment: Segment, farthest: Option<u8>) -> Judgement {
    let nearer = farthest.is_some_and(|farthest| hops(segment.ttl) < hops(farthest));
    // A box that resets in the host's name does not let through what it answers.
    let (p_wrong, because): (f32, &[Because]) = if nearer {
        (P_NEARER_WRONG, &[Because::AckReset, Because::ResetFromNearer])
    } else {
        (P_ANSWER_WRONG, &[Because::AckReset])
    };
    Judgement::Settled(claim((PortState::Unfiltered, Reason::Reset), p_wrong, (because, &[Raise::AskBySyn])))
}

/// The TTL of these that has come the longer way. Boxes stand before a host and never behind it: what came from farthest is
/// the host's own, as far as anybody can tell who asks by ACK alone.
pub(crate) fn farther(before: Option<u8>, ttl: u8) -> u8 {
    before.filter(|before| hops(*before) >= hops(ttl)).unwrap_or(ttl)
}

#[cfg(test)]
mod tests;
