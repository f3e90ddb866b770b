//! A SYN of the scanner's own making: what is sound, and the bytes of what answers it.
//!
//! Before editing, read RFC 9293 section 3.10.7, and what Linux sends: `tcp_make_synack`, `tcp_v4_send_reset`,
//! `__icmp_send`.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use portolan_model::{Address, Endpoint, Icmp, IcmpFamily};
use portolan_wire::{
    Icmpv4Repr, Icmpv6Repr, Ipv4View, Malformed, TcpFlags, TcpOptions, TcpRepr, TcpView, checksum, ipv4,
    ipv6, protocol, tcp,
};

use crate::ip::{IpHeader, IpView};
use crate::packet::{Content, Quote};
use crate::random::{mix, port_hash};

/// A sound SYN, as it left.
#[derive(Clone, Debug)]
pub(crate) struct Syn {
    pub(crate) to: Endpoint,
    pub(crate) local: SocketAddr,
    packet: Box<[u8]>,
    /// Where in it TCP starts.
    start: usize,
    ttl: u8,
    sequence: u32,
    options: TcpOptions,
}

impl Syn {
    /// Reads what was handed over to be sent to `to`, or says why it is no sound SYN from `source` and one of `ports`.
    pub(crate) fn read(
        packet: &[u8],
        to: Address,
        source: IpAddr,
        ports: &RangeInclusive<u16>,
    ) -> Result<Syn, Malformed> {
        let ip = IpView::read(packet)?;
        let ends_with_its_payload = packet.as_ptr_range().end == ip.payload.as_ptr_range().end;
        let summed_up = !to.ip().is_ipv4() || Ipv4View::new_checked(packet)?.has_valid_checksum();
        demand(summed_up, "the checksum of its IP header is wrong")?;
        demand(ends_with_its_payload, "it is followed by something")?;
        demand(ip.source == source, "it bears a wrong source address")?;
        demand(ip.destination == to.ip(), "it goes to another address than it was handed over for")?;
        demand(ip.ttl > 0, "no router would pass it on")?;
        demand(ip.protocol == protocol::TCP, "it is not TCP")?;
        let view = TcpView::new_checked(ip.payload)?;
        let broken = view.options().find_map(Result::err);
        broken.map_or(Ok(()), Err)?;
        let segment = TcpRepr::parse(&view);
        demand(view.has_valid_checksum(&ip.pseudo), "its TCP checksum is wrong")?;
        // ECN (RFC 3168 section 6.1.1) may be asked for.
        let ecn = TcpFlags::ECE | TcpFlags::CWR;
        demand(segment.flags.0 & !ecn.0 == TcpFlags::SYN.0, "it is no SYN")?;
        demand(segment.payload.is_empty(), "it carries data")?;
        demand(segment.destination_port != 0, "it goes to port 0")?;
        demand(ports.contains(&segment.source_port), "it comes from a port that is not for packets")?;
        Ok(Syn {
            to: Endpoint::tcp(to, segment.destination_port),
            local: Address::new(source).socket(segment.source_port),
            packet: packet.into(),
            start: packet.len() - ip.payload.len(),
            ttl: ip.ttl,
            sequence: segment.sequence,
            options: segment.options,
        })
    }

    /// The bytes of `content` that answers it, sent from as far away as `ttl` says. `None` if nobody answers with that.
    ///
    /// They are a function of what they answer: a copy is the same bytes.
    pub(crate) fn answer(&self, content: &Content, ttl: u8, seed: u64) -> Option<Vec<u8>> {
        match content {
            Content::SynAck => Some(self.accepted(ttl, self.expected(), seed)),
            Content::Reset => Some(self.reset(ttl, self.expected())),
            Content::Icmp(icmp, quote) => Some(self.error(icmp, ttl, *quote, self.sequence)),
            Content::Syn | Content::Question | Content::Answer(_) => None,
        }
    }

    /// What acknowledges it: RFC 9293 section 3.10.7.4, `RCV.NXT`.
    pub(crate) fn expected(&self) -> u32 {
        self.sequence.wrapping_add(1)
    }

    /// A SYN-ACK, as a Linux host sends it.
    pub(crate) fn accepted(&self, ttl: u8, acknowledgment: u32, seed: u64) -> Vec<u8> {
        let hash = self.hash(seed);
        // Linux moves its clock by a hash of the two ends; here it is the hash alone.
        let clock = (hash >> 32) as u32;
        let size: u16 = if self.local.is_ipv6() { 1440 } else { 1460 };
        let asked = self.options;
        let timestamps = asked.timestamps.map(|(value, _)| (clock, value));
        // As many full segments as an unscaled window holds.
        let full = if timestamps.is_some() { size - 12 } else { size };
        self.segment(ttl, TcpFlags::SYN | TcpFlags::ACK, (hash as u32, acknowledgment), |segment| TcpRepr {
            window: u16::MAX / full * full,
            options: TcpOptions {
                maximum_segment_size: Some(size),
                window_scale: asked.window_scale.map(|_| 7),
                sack_permitted: asked.sack_permitted,
                timestamps,
            },
            ..segment
        })
    }

    /// A RST (RFC 9293 section 3.5.2, the first case).
    pub(crate) fn reset(&self, ttl: u8, acknowledgment: u32) -> Vec<u8> {
        self.segment(ttl, TcpFlags::RST | TcpFlags::ACK, (0, acknowledgment), |segment| segment)
    }

    /// An ICMP error that quotes it, with `sequence` as its sequence number.
    pub(crate) fn error(&self, icmp: &Icmp, ttl: u8, quote: Quote, sequence: u32) -> Vec<u8> {
        let (icmp_type, code, rest) = (icmp.icmp_type, icmp.code, [0; 4]);
        let payload = &*self.quoted(icmp, ttl, quote, sequence);
        let header = IpHeader {
            source: icmp.from.unwrap_or(self.to.address).ip(),
            destination: self.local.ip(),
            ttl: icmp.ttl.unwrap_or(ttl),
            protocol: if icmp.family == IcmpFamily::V4 { protocol::ICMP } else { protocol::ICMPV6 },
            identification: (self.hash(0) as u16).max(1),
            // Linux: "internetwork control" (RFC 1812 section 4.3.2.5).
            traffic_class: if icmp.family == IcmpFamily::V4 { 0xc0 } else { 0 },
        };
        let length = portolan_wire::icmpv4::HEADER_LENGTH + payload.len();
        header.packet(length, |pseudo, buffer| match icmp.family {
            IcmpFamily::V4 => Icmpv4Repr::Other { icmp_type, code, rest, payload }.emit(buffer),
            IcmpFamily::V6 => Icmpv6Repr::Other { icmp_type, code, rest, payload }.emit(pseudo, buffer),
        })
    }

    /// What an ICMP error quotes: the packet as its sender met it, with the TTL that was left by then.
    fn quoted(&self, icmp: &Icmp, ttl: u8, quote: Quote, sequence: u32) -> Vec<u8> {
        let mut packet = self.packet.to_vec();
        // As many routers out as back; whoever says that time is exceeded met the last of it (RFC 792).
        let routers = STARTING_TTL.saturating_sub(icmp.ttl.unwrap_or(ttl));
        let is_exceeded = matches!((icmp.family, icmp.icmp_type), (IcmpFamily::V4, 11) | (IcmpFamily::V6, 3));
        let left = if is_exceeded { 1 } else { self.ttl.saturating_sub(routers).max(1) };
        if self.local.is_ipv6() {
            packet[ipv6::field::HOP_LIMIT] = left;
        } else {
            // A router sums the header up anew (RFC 1812 section 5.2.3).
            packet[ipv4::field::TTL] = left;
            packet[ipv4::field::CHECKSUM].fill(0);
            let sum = checksum::of(&packet[..self.start]);
            packet[ipv4::field::CHECKSUM].copy_from_slice(&sum.to_be_bytes());
        }
        packet[self.start..][tcp::field::SEQUENCE].copy_from_slice(&sequence.to_be_bytes());
        match quote {
            Quote::Full => {}
            Quote::None => packet.truncate(self.start + 8),
        }
        packet
    }

    /// A segment from the endpoint asked back to us.
    fn segment<'a>(
        &self,
        ttl: u8,
        flags: TcpFlags,
        (sequence, acknowledgment): (u32, u32),
        with: impl FnOnce(TcpRepr<'a>) -> TcpRepr<'a>,
    ) -> Vec<u8> {
        let segment = with(TcpRepr {
            source_port: self.to.port,
            destination_port: self.local.port(),
            sequence,
            acknowledgment,
            flags,
            window: 0,
            urgent: 0,
            options: TcpOptions::default(),
            payload: &[],
        });
        let header = IpHeader::tcp(self.to.address.ip(), self.local.ip(), ttl);
        header.packet(segment.length(), |pseudo, buffer| segment.emit(pseudo, buffer))
    }

    /// Of both ends and what we sent.
    fn hash(&self, seed: u64) -> u64 {
        let ours = u64::from(self.local.port()) << 32 | u64::from(self.sequence);
        mix(port_hash(seed, self.to) ^ mix(ours))
    }
}

fn demand(holds: bool, why: &'static str) -> Result<(), Malformed> {
    if holds { Ok(()) } else { Err(Malformed { what: "a SYN of ours", why }) }
}

/// With which TTL or hop limit everybody sends: Linux's, and most others'.
const STARTING_TTL: u8 = 64;
