//! IP packets of either family, read and written.

use std::net::IpAddr;

use portolan_model::{Address, Icmp, IcmpFamily};
use portolan_wire::{
    Icmpv4Repr, Icmpv6Repr, Ipv4Repr, Ipv4View, Ipv6Repr, Ipv6View, Malformed, PseudoHeader, checksum,
    icmpv4, ipv4, ipv6, protocol,
};

use crate::packet::Quote;

/// A whole IP packet, read in place. Its checksums are the reader's business.
#[derive(Copy, Clone, Debug)]
pub(crate) struct IpView<'a> {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// The TTL or hop limit.
    pub(crate) ttl: u8,
    pub(crate) protocol: u8,
    pub(crate) payload: &'a [u8],
    /// What the checksum of the payload is summed up with.
    pub(crate) pseudo: PseudoHeader,
}

/// An IP header to be written.
#[derive(Copy, Clone, Debug)]
pub(crate) struct IpHeader {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) ttl: u8,
    pub(crate) protocol: u8,
    /// IPv4 alone has an identification; zero says that no router may fragment the packet.
    pub(crate) identification: u16,
    pub(crate) traffic_class: u8,
}

impl<'a> IpView<'a> {
    /// A packet that is no fragment; bytes behind it (padding) are left out.
    pub(crate) fn read(packet: &'a [u8]) -> Result<Self, Malformed> {
        if packet.first().is_some_and(|first| first >> 4 == 6) {
            let view = Ipv6View::new_checked(packet)?;
            let Ipv6Repr { source, destination, protocol, hop_limit, .. } = Ipv6Repr::parse(&view)?;
            let pseudo = PseudoHeader::V6 { source, destination };
            let (source, destination) = (source.into(), destination.into());
            let payload = view.payload();
            return Ok(IpView { source, destination, ttl: hop_limit, protocol, payload, pseudo });
        }
        let view = Ipv4View::new_checked(packet)?;
        let Ipv4Repr { source, destination, protocol, ttl, .. } = Ipv4Repr::parse(&view)?;
        let pseudo = PseudoHeader::V4 { source, destination };
        let (source, destination) = (source.into(), destination.into());
        Ok(IpView { source, destination, ttl, protocol, payload: view.payload(), pseudo })
    }
}

impl<'a> IpView<'a> {
    /// A packet that was handed over to be sent to `to` and leaves from `source`, or why it is none. What it carries is for
    /// others to judge.
    pub(crate) fn of_ours(packet: &'a [u8], to: Address, source: IpAddr) -> Result<Self, Malformed> {
        let ip = IpView::read(packet)?;
        let ends_with_its_payload = packet.as_ptr_range().end == ip.payload.as_ptr_range().end;
        let summed_up = !to.ip().is_ipv4() || Ipv4View::new_checked(packet)?.has_valid_checksum();
        demand(summed_up, "the checksum of its IP header is wrong")?;
        demand(ends_with_its_payload, "it is followed by something")?;
        demand(ip.source == source, "it bears a wrong source address")?;
        demand(ip.destination == to.ip(), "it goes to another address than it was handed over for")?;
        demand(ip.ttl > 0, "no router would pass it on")?;
        Ok(ip)
    }
}

pub(crate) fn demand(holds: bool, why: &'static str) -> Result<(), Malformed> {
    if holds { Ok(()) } else { Err(Malformed { what: "a packet of ours", why }) }
}

/// A packet of ours, as an ICMP error speaks of it.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) packet: &'a [u8],
    /// Where in it the payload of IP starts.
    pub(crate) start: usize,
    /// What it left with.
    pub(crate) ttl: u8,
    pub(crate) source: IpAddr,
    pub(crate) to: Address,
    /// What tells its packets apart.
    pub(crate) hash: u64,
}

impl Subject<'_> {
    /// The ICMP error, sent from as far away as `ttl` says.
    pub(crate) fn error(&self, icmp: &Icmp, ttl: u8, quote: Quote) -> Vec<u8> {
        let (icmp_type, code, rest) = (icmp.icmp_type, icmp.code, [0; 4]);
        let payload = &*self.quoted(icmp, ttl, quote);
        let header = IpHeader {
            source: icmp.from.unwrap_or(self.to).ip(),
            destination: self.source,
            ttl: icmp.ttl.unwrap_or(ttl),
            protocol: if icmp.family == IcmpFamily::V4 { protocol::ICMP } else { protocol::ICMPV6 },
            identification: (self.hash as u16).max(1),
            // Linux: "internetwork control" (RFC 1812 section 4.3.2.5).
            traffic_class: if icmp.family == IcmpFamily::V4 { 0xc0 } else { 0 },
        };
        let length = icmpv4::HEADER_LENGTH + payload.len();
        header.packet(length, |pseudo, buffer| match icmp.family {
            IcmpFamily::V4 => Icmpv4Repr::Other { icmp_type, code, rest, payload }.emit(buffer),
            IcmpFamily::V6 => Icmpv6Repr::Other { icmp_type, code, rest, payload }.emit(pseudo, buffer),
        })
    }

    /// What an ICMP error quotes: the packet as its sender met it, with the TTL that was left by then.
    fn quoted(&self, icmp: &Icmp, ttl: u8, quote: Quote) -> Vec<u8> {
        let mut packet = self.packet.to_vec();
        // As many routers out as back; whoever says that time is exceeded met the last of it (RFC 792).
        let routers = STARTING_TTL.saturating_sub(icmp.ttl.unwrap_or(ttl));
        let is_exceeded = matches!((icmp.family, icmp.icmp_type), (IcmpFamily::V4, 11) | (IcmpFamily::V6, 3));
        let left = if is_exceeded { 1 } else { self.ttl.saturating_sub(routers).max(1) };
        if self.source.is_ipv6() {
            packet[ipv6::field::HOP_LIMIT] = left;
        } else {
            // A router sums the header up anew (RFC 1812 section 5.2.3).
            packet[ipv4::field::TTL] = left;
            packet[ipv4::field::CHECKSUM].fill(0);
            let sum = checksum::of(&packet[..self.start]);
            packet[ipv4::field::CHECKSUM].copy_from_slice(&sum.to_be_bytes());
        }
        match quote {
            Quote::Full => {}
            Quote::None => packet.truncate(self.start + 8),
        }
        packet
    }
}

/// With which TTL or hop limit everybody sends: Linux's, and most others'.
const STARTING_TTL: u8 = 64;

impl IpHeader {
    /// The header of a TCP segment, as Linux writes it.
    pub(crate) fn tcp(source: IpAddr, destination: IpAddr, ttl: u8) -> Self {
        let protocol = portolan_wire::protocol::TCP;
        IpHeader { source, destination, ttl, protocol, identification: 0, traffic_class: 0 }
    }

    /// The packet that carries the `length` bytes that `write` writes.
    ///
    /// # Panics
    ///
    /// If the ends are of two families: no packet goes from one to the other.
    pub(crate) fn packet(
        &self,
        length: usize,
        write: impl FnOnce(&PseudoHeader, &mut [u8]) -> Result<usize, Malformed>,
    ) -> Vec<u8> {
        let (header_length, pseudo) = match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                (ipv4::HEADER_LENGTH, PseudoHeader::V4 { source, destination })
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                (ipv6::HEADER_LENGTH, PseudoHeader::V6 { source, destination })
            }
            (source, destination) => panic!("a packet from {source} to {destination}"),
        };
        let mut packet = vec![0; header_length + length];
        let (header, payload) = packet.split_at_mut(header_length);
        let written = self.emit(&pseudo, length, header).and_then(|_| write(&pseudo, payload));
        assert_eq!(written, Ok(length), "the buffer is as long as the packet");
        packet
    }

    fn emit(
        &self,
        pseudo: &PseudoHeader,
        payload_length: usize,
        buffer: &mut [u8],
    ) -> Result<usize, Malformed> {
        let &IpHeader { ttl, protocol, identification, traffic_class, .. } = self;
        match *pseudo {
            PseudoHeader::V4 { source, destination } => {
                let dont_fragment = identification == 0;
                let header = Ipv4Repr {
                    source,
                    destination,
                    protocol,
                    ttl,
                    identification,
                    dont_fragment,
                    traffic_class,
                    payload_length,
                };
                header.emit(buffer)
            }
            PseudoHeader::V6 { source, destination } => {
                let header = Ipv6Repr {
                    source,
                    destination,
                    protocol,
                    hop_limit: ttl,
                    traffic_class,
                    flow_label: 0,
                    payload_length,
                };
                header.emit(buffer)
            }
        }
    }
}
