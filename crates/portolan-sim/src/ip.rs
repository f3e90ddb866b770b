//! IP packets of either family, read and written.

use std::net::IpAddr;

use portolan_wire::{Ipv4Repr, Ipv4View, Ipv6Repr, Ipv6View, Malformed, PseudoHeader, ipv4, ipv6};

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
