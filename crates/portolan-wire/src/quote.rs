//! The packet that an ICMP error is about. Before editing, read RFC 792, RFC 1122 section 3.2.2,
//! RFC 1812 section 4.3.2.3, RFC 4443 section 2.4(c) and RFC 4884 (what may follow the quote).

use std::net::IpAddr;

use crate::bytes::array;
use crate::malformed::Malformed;
use crate::{Icmpv4View, Icmpv6View, Ipv4View, Ipv6View, protocol, tcp, udp};

/// What an ICMP error quotes of the packet it is about.
///
/// Anyone can send an ICMP error: a quote proves something only if it carries what only the sender of
/// the packet and those on its way could know. Its checksums are not verified, and cannot be.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Quote {
    /// Who had sent the packet.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// TTL or hop limit that the packet had left.
    pub ttl: u8,
    /// The beginning of what it carried.
    pub transport: QuotedTransport,
}

/// The first eight bytes of a quoted transport header: all that RFC 792 promises.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum QuotedTransport {
    /// TCP (RFC 9293 section 3.1).
    Tcp {
        /// Source port.
        source_port: u16,
        /// Destination port.
        destination_port: u16,
        /// Sequence number.
        sequence: u32,
    },
    /// UDP (RFC 768).
    Udp {
        /// Source port.
        source_port: u16,
        /// Destination port.
        destination_port: u16,
        /// Length of the datagram that was sent, however little of it is quoted.
        length: u16,
        /// Its checksum, as quoted.
        checksum: u16,
    },
    /// Another protocol.
    Other {
        /// Its number; see [`crate::protocol`].
        protocol: u8,
        /// Its first eight bytes.
        start: [u8; 8],
    },
}

impl Quote {
    /// The packet that `message`, an ICMP error, quotes.
    pub fn from_icmpv4(message: &Icmpv4View<'_>) -> Result<Self, Malformed> {
        if !message.is_error() {
            return Err(malformed("the ICMP message is no error"));
        }
        let packet = Ipv4View::new_quoted(message.payload())?;
        if packet.fragment_offset() != 0 {
            return Err(malformed("a later fragment, without a transport header"));
        }
        Ok(Quote {
            source: packet.source().into(),
            destination: packet.destination().into(),
            ttl: packet.ttl(),
            transport: QuotedTransport::read(packet.protocol(), packet.payload())?,
        })
    }

    /// The packet that `message`, an ICMPv6 error, quotes.
    pub fn from_icmpv6(message: &Icmpv6View<'_>) -> Result<Self, Malformed> {
        if !message.is_error() {
            return Err(malformed("the ICMPv6 message is no error"));
        }
        let packet = Ipv6View::new_quoted(message.payload())?;
        if packet.fragment().is_some_and(|fragment| fragment.offset != 0) {
            return Err(malformed("a later fragment, without a transport header"));
        }
        Ok(Quote {
            source: packet.source().into(),
            destination: packet.destination().into(),
            ttl: packet.hop_limit(),
            transport: QuotedTransport::read(packet.protocol(), packet.payload())?,
        })
    }
}

impl QuotedTransport {
    fn read(protocol: u8, bytes: &[u8]) -> Result<Self, Malformed> {
        let start =
            *bytes.first_chunk::<8>().ok_or(malformed("fewer than 8 bytes of the transport header"))?;
        let u16_at = |field| u16::from_be_bytes(array(&start, field));
        Ok(match protocol {
            protocol::TCP => QuotedTransport::Tcp {
                source_port: u16_at(tcp::field::SOURCE_PORT),
                destination_port: u16_at(tcp::field::DESTINATION_PORT),
                sequence: u32::from_be_bytes(array(&start, tcp::field::SEQUENCE)),
            },
            protocol::UDP => QuotedTransport::Udp {
                source_port: u16_at(udp::field::SOURCE_PORT),
                destination_port: u16_at(udp::field::DESTINATION_PORT),
                length: u16_at(udp::field::LENGTH),
                checksum: u16_at(udp::field::CHECKSUM),
            },
            protocol => QuotedTransport::Other { protocol, start },
        })
    }
}

const fn malformed(why: &'static str) -> Malformed {
    Malformed::new("quoted packet", why)
}
