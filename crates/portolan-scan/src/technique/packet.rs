//! What packets of our own making have in common: their ends, the number by which an answer leads back to one, and the
//! headers around them. What each of them carries, and what answers it, stands in its own file.
//!
//! Before editing, read RFC 5927 (what an ICMP error proves). Whoever answers has seen our packet: an answer bears its
//! number, an ICMP error quotes it. Nothing else is believed.

use std::hash::Hasher;
use std::net::IpAddr;

use portolan_model::sockets::Outcome;
use portolan_model::{Address, Icmp, IcmpFamily};
use portolan_wire::{
    Icmpv4View, Icmpv6View, Ipv4Repr, Ipv4View, Ipv6Repr, Ipv6View, PseudoHeader, Quote, QuotedTransport,
    icmpv4, icmpv6, ipv6, protocol, tcp, udp,
};
use siphasher::sip::SipHasher13;

use super::{icmp_echo, icmp_timestamp, tcp_ack, tcp_syn, udp_packet};

/// No packet of ours is longer, datagrams that carry something aside: a SYN over IPv6 with all its options.
pub(crate) const LONGEST: usize = ipv6::HEADER_LENGTH + tcp::HEADER_LENGTH + 40;

/// What a packet is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Syn,
    Ack,
    Echo,
    Timestamp,
    Udp,
}

/// A packet of ours, as it leaves.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Question {
    pub(crate) kind: Kind,
    pub(crate) source: IpAddr,
    pub(crate) to: Address,
    /// Our port; zero where the protocol has none.
    pub(crate) ours: u16,
    /// Theirs; zero where the protocol has none.
    pub(crate) theirs: u16,
    /// What an answer repeats: a sequence number, or identifier and sequence number of ICMP.
    pub(crate) number: u32,
    /// What an ICMP answer repeats besides; of a datagram, which an error about it repeats, how much it carries.
    pub(crate) proof: u64,
}

/// What a packet says about one of ours, if one bore these numbers.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(crate) struct Answer<'a> {
    /// What alone it can be about; nothing if it may be about a SYN or an ACK.
    pub(crate) kind: Option<Kind>,
    pub(crate) source: IpAddr,
    /// To whom ours had gone.
    pub(crate) to: IpAddr,
    pub(crate) ours: u16,
    pub(crate) theirs: u16,
    pub(crate) number: u32,
    /// What it repeats besides, where it has to.
    pub(crate) proof: Option<u64>,
    /// What a datagram carries, as far as it came in one piece, or what an error quotes of what ours carried.
    pub(crate) carried: &'a [u8],
    pub(crate) outcome: Outcome,
}

impl Answer<'_> {
    /// The SYN that a SYN-ACK answers; of a zone it knows nothing.
    pub(crate) fn syn(&self) -> Question {
        let Answer { source, to, ours, theirs, number, .. } = *self;
        Question { kind: Kind::Syn, source, to: Address::new(to), ours, theirs, number, proof: 0 }
    }

    /// Whether it bears the numbers of this packet. A packet knows no zones.
    pub(crate) fn is_about(&self, question: &Question) -> bool {
        (self.to, self.theirs, self.source, self.ours, self.number)
            == (question.to.ip(), question.theirs, question.source, question.ours, question.number)
            && match self.kind {
                Some(kind) => kind == question.kind,
                None => matches!(question.kind, Kind::Syn | Kind::Ack),
            }
            && self.proof.is_none_or(|proof| proof == question.proof)
    }
}

/// Writes the packet; `None` if source and destination are of two families, if their family knows no such packet, or if the
/// buffer is too short. A datagram is empty.
pub(crate) fn emit(question: &Question, buffer: &mut [u8]) -> Option<usize> {
    match question.kind {
        Kind::Syn => tcp_syn::emit(question, buffer),
        Kind::Ack => tcp_ack::emit(question, buffer),
        Kind::Echo => icmp_echo::emit(question, buffer),
        Kind::Timestamp => icmp_timestamp::emit(question, buffer),
        Kind::Udp => udp_packet::emit(question, &[], buffer),
    }
}

/// What of a packet's ends and its number nobody else can tell either.
pub(crate) fn proof(secret: (u64, u64), to: IpAddr, theirs: u16, number: u32) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(secret.0, secret.1);
    match to {
        IpAddr::V4(ip) => hasher.write_u32(ip.to_bits()),
        IpAddr::V6(ip) => hasher.write_u128(ip.to_bits()),
    }
    hasher.write_u32(u32::from(theirs));
    hasher.write_u32(number);
    hasher.finish()
}

/// The ends of a packet; `None` if they are of two families.
pub(super) fn pseudo(question: &Question) -> Option<PseudoHeader> {
    match (question.source, question.to.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => Some(PseudoHeader::V4 { source, destination }),
        (IpAddr::V6(source), IpAddr::V6(destination)) => Some(PseudoHeader::V6 { source, destination }),
        _ => None,
    }
}

/// The IP header of a packet between these ends; its length.
pub(super) fn emit_header(
    ends: &PseudoHeader,
    protocol: u8,
    payload_length: usize,
    buffer: &mut [u8],
) -> Option<usize> {
    match *ends {
        PseudoHeader::V4 { source, destination } => {
            let header = Ipv4Repr {
                source,
                destination,
                protocol,
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
                protocol,
                hop_limit: 64,
                traffic_class: 0,
                flow_label: 0,
                payload_length,
            };
            header.emit(buffer).ok()
        }
    }
}

/// What `packet` says about one of ours. If it is `checksummed`, its checksums must hold.
pub(crate) fn parse(packet: &[u8], checksummed: bool) -> Option<Answer<'_>> {
    match packet.first()? >> 4 {
        4 => parse_v4(packet, checksummed),
        6 => parse_v6(packet, checksummed),
        _ => None,
    }
}

fn parse_v4(packet: &[u8], checksummed: bool) -> Option<Answer<'_>> {
    let ip = Ipv4View::new_checked(packet).ok()?;
    let (source, destination) = (ip.source(), ip.destination());
    if ip.fragment_offset() != 0 || !ip.has_valid_checksum() {
        return None;
    }
    let pseudo = PseudoHeader::V4 { source, destination };
    let (ends, summed) = ((source.into(), destination.into()), checksummed.then_some(&pseudo));
    match ip.protocol() {
        protocol::UDP if ip.more_fragments() => udp_packet::parse_piece(ip.payload(), ends, ip.ttl()),
        _ if ip.more_fragments() => None,
        protocol::TCP => tcp_syn::parse(ip.payload(), ends, ip.ttl(), summed),
        protocol::UDP => udp_packet::parse(ip.payload(), ends, ip.ttl(), summed),
        protocol::ICMP => {
            let message = Icmpv4View::new_checked(ip.payload()).ok()?;
            if checksummed && !message.has_valid_checksum() {
                return None;
            }
            match message.icmp_type() {
                icmpv4::ECHO_REPLY => icmp_echo::parse_v4(&message, ends, ip.ttl()),
                icmpv4::TIMESTAMP_REPLY => icmp_timestamp::parse(&message, ends, ip.ttl()),
                icmp_type => {
                    let quote = Quote::from_icmpv4(&message).ok()?;
                    let carried = Ipv4View::new_quoted(message.payload()).ok()?.payload();
                    let (code, from) = (message.code(), Some(Address::from(source)));
                    let ttl = Some(ip.ttl());
                    quoted(&quote, carried, Icmp { family: IcmpFamily::V4, icmp_type, code, from, ttl })
                }
            }
        }
        _ => None,
    }
}

fn parse_v6(packet: &[u8], checksummed: bool) -> Option<Answer<'_>> {
    let ip = Ipv6View::new_checked(packet).ok()?;
    let (source, destination) = (ip.source(), ip.destination());
    // RFC 6946: one that is the first and the last is whole.
    let is_piece = ip.fragment().is_some_and(|fragment| fragment.more);
    if ip.fragment().is_some_and(|fragment| fragment.offset != 0) {
        return None;
    }
    let pseudo = PseudoHeader::V6 { source, destination };
    let (ends, summed) = ((source.into(), destination.into()), checksummed.then_some(&pseudo));
    match ip.protocol() {
        protocol::UDP if is_piece => udp_packet::parse_piece(ip.payload(), ends, ip.hop_limit()),
        _ if is_piece => None,
        protocol::TCP => tcp_syn::parse(ip.payload(), ends, ip.hop_limit(), summed),
        protocol::UDP => udp_packet::parse(ip.payload(), ends, ip.hop_limit(), summed),
        protocol::ICMPV6 => {
            let message = Icmpv6View::new_checked(ip.payload()).ok()?;
            if checksummed && !message.has_valid_checksum(&pseudo) {
                return None;
            }
            match message.icmp_type() {
                icmpv6::ECHO_REPLY => icmp_echo::parse_v6(&message, ends, ip.hop_limit()),
                icmp_type => {
                    let quote = Quote::from_icmpv6(&message).ok()?;
                    let carried = Ipv6View::new_quoted(message.payload()).ok()?.payload();
                    let (code, from) = (message.code(), Some(Address::new(source.into())));
                    let ttl = Some(ip.hop_limit());
                    quoted(&quote, carried, Icmp { family: IcmpFamily::V6, icmp_type, code, from, ttl })
                }
            }
        }
        _ => None,
    }
}

/// What an ICMP error is about. Whatever follows what was sent is for the reader of the quote to judge, as it is where a
/// kernel hands it over.
fn quoted<'a>(quote: &Quote, transport: &'a [u8], icmp: Icmp) -> Option<Answer<'a>> {
    let (mut proof, mut carried) = (None, &[][..]);
    let (kind, ours, theirs, number) = match quote.transport {
        QuotedTransport::Tcp { source_port, destination_port, sequence } => {
            (None, source_port, destination_port, sequence)
        }
        QuotedTransport::Udp { source_port, destination_port, length, .. } => {
            proof = Some(udp_packet::proof(length)?);
            carried = transport.get(udp::HEADER_LENGTH..).unwrap_or(&[]);
            (Some(Kind::Udp), source_port, destination_port, 0)
        }
        QuotedTransport::Other { protocol, start } => {
            let kind = match (protocol, start) {
                (protocol::ICMP, [icmpv4::ECHO_REQUEST, 0, ..])
                | (protocol::ICMPV6, [icmpv6::ECHO_REQUEST, 0, ..]) => Kind::Echo,
                (protocol::ICMP, [icmpv4::TIMESTAMP_REQUEST, 0, ..]) => Kind::Timestamp,
                _ => return None,
            };
            let [.., a, b, c, d] = start;
            (Some(kind), 0, kind.theirs(), u32::from_be_bytes([a, b, c, d]))
        }
    };
    let (source, to, outcome) = (quote.source, quote.destination, Outcome::Icmp(icmp));
    Some(Answer { kind, source, to, ours, theirs, number, proof, carried, outcome })
}

impl Kind {
    /// What stands for the port of whom is asked where the protocol has none: so that the numbers of two kinds are two.
    pub(crate) const fn theirs(self) -> u16 {
        match self {
            Kind::Echo => 8,
            Kind::Timestamp => 13,
            Kind::Syn | Kind::Ack | Kind::Udp => 0,
        }
    }
}

#[cfg(test)]
mod tests;
