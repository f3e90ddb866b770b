//! TCP by a SYN of our own making: half a handshake, for which capture rights are needed.
//!
//! Before editing, read RFC 9293 sections 3.5 and 3.10.7.3 (what acknowledges a SYN), RFC 5961 section 4 (a bare ACK is
//! no answer) and RFC 5927 (what an ICMP error proves). Whoever answers has seen our packet: a SYN-ACK and a RST must
//! acknowledge its sequence number, an ICMP error must quote it. Nothing else is believed.

use std::hash::Hasher;
use std::net::IpAddr;

use portolan_model::sockets::Outcome;
use portolan_model::{
    Address, Because, Claim, Endpoint, Icmp, IcmpFamily, PortState, Raise, Reason, Segment,
};
use portolan_wire::{
    Icmpv4View, Icmpv6View, Ipv4Repr, Ipv4View, Ipv6Repr, Ipv6View, PseudoHeader, Quote, QuotedTransport,
    TcpFlags, TcpOptions, TcpRepr, TcpView, ipv6, protocol, tcp,
};
use siphasher::sip::SipHasher13;

use super::claim;
use super::icmp::P_ANSWER_WRONG;

/// A box that resets in a host's name may do so for a port that is open behind it.
const P_NEARER_WRONG: f32 = 0.1;

/// No SYN of ours is longer.
pub(crate) const LONGEST: usize = ipv6::HEADER_LENGTH + tcp::HEADER_LENGTH + 40;

/// A SYN, as it leaves.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Syn {
    pub(crate) source: IpAddr,
    /// Our port.
    pub(crate) port: u16,
    pub(crate) to: Endpoint,
    pub(crate) sequence: u32,
}

/// What a packet says about a SYN of ours, if one bore these numbers.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(crate) struct Answer {
    /// The SYN's destination.
    pub(crate) to: Endpoint,
    /// Our address and port.
    pub(crate) source: IpAddr,
    pub(crate) port: u16,
    /// The SYN's sequence number.
    pub(crate) sequence: u32,
    pub(crate) outcome: Outcome,
}

/// What of a SYN's sequence number depends on its ends: nobody who has not seen it can tell it.
pub(crate) fn mask(secret: (u64, u64), to: Endpoint, port: u16) -> u32 {
    let mut hasher = SipHasher13::new_with_keys(secret.0, secret.1);
    match to.address.ip() {
        IpAddr::V4(ip) => hasher.write_u32(ip.to_bits()),
        IpAddr::V6(ip) => hasher.write_u128(ip.to_bits()),
    }
    hasher.write_u32(u32::from(to.port) << 16 | u32::from(port));
    // The low half of the hash is as good as the whole.
    (hasher.finish() & u64::from(u32::MAX)) as u32
}

/// Writes the packet; `None` if source and destination are of two families, or the buffer is too short.
pub(crate) fn emit(syn: &Syn, buffer: &mut [u8]) -> Option<usize> {
    let (family, mss) = match (syn.source, syn.to.address.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => (PseudoHeader::V4 { source, destination }, 1460),
        (IpAddr::V6(source), IpAddr::V6(destination)) => (PseudoHeader::V6 { source, destination }, 1440),
        _ => return None,
    };
    // As Linux sends it: some hosts and boxes do not answer a SYN without options.
    let options = TcpOptions {
        maximum_segment_size: Some(mss),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps: Some((syn.sequence.rotate_left(16) | 1, 0)),
    };
    let segment = TcpRepr {
        source_port: syn.port,
        destination_port: syn.to.port,
        sequence: syn.sequence,
        acknowledgment: 0,
        flags: TcpFlags::SYN,
        window: 64240,
        urgent: 0,
        options,
        payload: &[],
    };
    let header = emit_header(&family, segment.length(), buffer)?;
    let length = segment.emit(&family, buffer.get_mut(header..)?).ok()?;
    Some(header + length)
}

fn emit_header(family: &PseudoHeader, payload_length: usize, buffer: &mut [u8]) -> Option<usize> {
    match *family {
        PseudoHeader::V4 { source, destination } => {
            let header = Ipv4Repr {
                source,
                destination,
                protocol: protocol::TCP,
                ttl: 64,
                identification: 0,
                dont_fragment: true,
                traffic_class: 0,
                payload_length,
            };
            header.emit(buffer).ok()
        }
        PseudoHeader::V6 { source, destination } => {
            let header = Ipv6Repr {
                source,
                destination,
                protocol: protocol::TCP,
                hop_limit: 64,
                traffic_class: 0,
                flow_label: 0,
                payload_length,
            };
            header.emit(buffer).ok()
        }
    }
}

/// What `packet` says about a SYN. If it is `checksummed`, its checksums must hold.
pub(crate) fn parse(packet: &[u8], checksummed: bool) -> Option<Answer> {
    match packet.first()? >> 4 {
        4 => parse_v4(packet, checksummed),
        6 => parse_v6(packet, checksummed),
        _ => None,
    }
}

fn parse_v4(packet: &[u8], checksummed: bool) -> Option<Answer> {
    let ip = Ipv4View::new_checked(packet).ok()?;
    let (source, destination) = (ip.source(), ip.destination());
    if ip.fragment_offset() != 0 || ip.more_fragments() || !ip.has_valid_checksum() {
        return None;
    }
    match ip.protocol() {
        protocol::TCP => {
            let pseudo = PseudoHeader::V4 { source, destination };
            let view = segment(ip.payload(), checksummed.then_some(&pseudo))?;
            answer(&view, (source.into(), destination.into()), ip.ttl())
        }
        protocol::ICMP => {
            let message = Icmpv4View::new_checked(ip.payload()).ok()?;
            if checksummed && !message.has_valid_checksum() {
                return None;
            }
            let quote = Quote::from_icmpv4(&message).ok()?;
            let (icmp_type, code) = (message.icmp_type(), message.code());
            let from = Some(Address::from(source));
            quoted(&quote, Icmp { family: IcmpFamily::V4, icmp_type, code, from, ttl: Some(ip.ttl()) })
        }
        _ => None,
    }
}

fn parse_v6(packet: &[u8], checksummed: bool) -> Option<Answer> {
    let ip = Ipv6View::new_checked(packet).ok()?;
    let (source, destination) = (ip.source(), ip.destination());
    if ip.fragment().is_some() {
        return None;
    }
    let pseudo = PseudoHeader::V6 { source, destination };
    match ip.protocol() {
        protocol::TCP => {
            let view = segment(ip.payload(), checksummed.then_some(&pseudo))?;
            answer(&view, (source.into(), destination.into()), ip.hop_limit())
        }
        protocol::ICMPV6 => {
            let message = Icmpv6View::new_checked(ip.payload()).ok()?;
            if checksummed && !message.has_valid_checksum(&pseudo) {
                return None;
            }
            let quote = Quote::from_icmpv6(&message).ok()?;
            let (icmp_type, code) = (message.icmp_type(), message.code());
            let from = Some(Address::new(source.into()));
            quoted(&quote, Icmp { family: IcmpFamily::V6, icmp_type, code, from, ttl: Some(ip.hop_limit()) })
        }
        _ => None,
    }
}

/// A segment whose checksum holds, if it is to be looked at.
fn segment<'a>(bytes: &'a [u8], pseudo: Option<&PseudoHeader>) -> Option<TcpView<'a>> {
    let view = TcpView::new_checked(bytes).ok()?;
    pseudo.is_none_or(|pseudo| view.has_valid_checksum(pseudo)).then_some(view)
}

fn answer(view: &TcpView<'_>, (from, to): (IpAddr, IpAddr), ttl: u8) -> Option<Answer> {
    let (flags, seen) = (view.flags(), Segment { ttl, window: view.window() });
    if !flags.contains(TcpFlags::ACK) {
        return None;
    }
    let outcome = match (flags.contains(TcpFlags::SYN), flags.contains(TcpFlags::RST)) {
        (true, false) => Outcome::SynAck(seen),
        (false, true) => Outcome::Reset(seen),
        _ => return None,
    };
    Some(Answer {
        to: Endpoint::tcp(Address::new(from), view.source_port()),
        source: to,
        port: view.destination_port(),
        sequence: view.acknowledgment().wrapping_sub(1),
        outcome,
    })
}

fn quoted(quote: &Quote, icmp: Icmp) -> Option<Answer> {
    let QuotedTransport::Tcp { source_port, destination_port, sequence } = quote.transport else {
        return None;
    };
    Some(Answer {
        to: Endpoint::tcp(Address::new(quote.destination), destination_port),
        source: quote.source,
        port: source_port,
        sequence,
        outcome: Outcome::Icmp(icmp),
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
fn hops(ttl: u8) -> u8 {
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
