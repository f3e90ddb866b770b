//! UDP datagrams. Before editing, read RFC 768, RFC 1122 section 4.1 and RFC 8200 section 8.1.

use crate::bytes::{array, put, room};
use crate::checksum::PseudoHeader;
use crate::malformed::Malformed;
use crate::protocol;

/// Where the fields stand: RFC 768, "Format".
pub mod field {
    use std::ops::Range;

    /// Source port.
    pub const SOURCE_PORT: Range<usize> = 0..2;
    /// Destination port.
    pub const DESTINATION_PORT: Range<usize> = 2..4;
    /// Length of header and payload.
    pub const LENGTH: Range<usize> = 4..6;
    /// Checksum over pseudo-header, header and payload.
    pub const CHECKSUM: Range<usize> = 6..8;
}

/// Length of the header.
pub const HEADER_LENGTH: usize = 8;

/// A UDP datagram, read in place.
#[derive(Copy, Clone, Debug)]
pub struct UdpView<'a> {
    datagram: &'a [u8],
}

impl<'a> UdpView<'a> {
    /// A whole datagram: the payload of an IP packet. Bytes beyond its length field are left out.
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < HEADER_LENGTH {
            return Err(malformed("shorter than its header"));
        }
        let length = usize::from(u16::from_be_bytes(array(bytes, field::LENGTH)));
        if length < HEADER_LENGTH {
            return Err(malformed("length shorter than its header"));
        }
        let datagram = bytes.get(..length).ok_or(malformed("shorter than its length"))?;
        Ok(UdpView { datagram })
    }

    /// Source port.
    pub fn source_port(&self) -> u16 {
        u16::from_be_bytes(array(self.datagram, field::SOURCE_PORT))
    }

    /// Destination port.
    pub fn destination_port(&self) -> u16 {
        u16::from_be_bytes(array(self.datagram, field::DESTINATION_PORT))
    }

    /// What follows the header.
    pub fn payload(&self) -> &'a [u8] {
        &self.datagram[HEADER_LENGTH..]
    }

    /// Whether the checksum holds. None at all is valid over IPv4 (RFC 768) and not over IPv6 (RFC 8200
    /// section 8.1).
    pub fn has_valid_checksum(&self, pseudo: &PseudoHeader) -> bool {
        match (array(self.datagram, field::CHECKSUM), pseudo) {
            ([0, 0], PseudoHeader::V4 { .. }) => true,
            ([0, 0], PseudoHeader::V6 { .. }) => false,
            _ => pseudo.is_valid(protocol::UDP, self.datagram),
        }
    }
}

/// The meaning of a datagram.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct UdpRepr<'a> {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Payload.
    pub payload: &'a [u8],
}

impl<'a> UdpRepr<'a> {
    /// The meaning of `view`.
    pub fn parse(view: &UdpView<'a>) -> Self {
        UdpRepr {
            source_port: view.source_port(),
            destination_port: view.destination_port(),
            payload: view.payload(),
        }
    }

    /// Length of header and payload.
    pub fn length(&self) -> usize {
        HEADER_LENGTH + self.payload.len()
    }

    /// Writes the datagram with its checksum to the start of `buffer` and returns its length.
    pub fn emit(&self, pseudo: &PseudoHeader, buffer: &mut [u8]) -> Result<usize, Malformed> {
        let length = u16::try_from(self.length()).map_err(|_| malformed("longer than 65535 bytes"))?;
        let datagram = room("UDP", buffer, self.length())?;
        put(datagram, field::SOURCE_PORT, self.source_port.to_be_bytes());
        put(datagram, field::DESTINATION_PORT, self.destination_port.to_be_bytes());
        put(datagram, field::LENGTH, length.to_be_bytes());
        put(datagram, field::CHECKSUM, [0, 0]);
        datagram[HEADER_LENGTH..].copy_from_slice(self.payload);
        // RFC 768: "If the computed checksum is zero, it is transmitted as all ones", since zero says
        // that there is none.
        let checksum = match pseudo.checksum(protocol::UDP, datagram) {
            0 => 0xffff,
            checksum => checksum,
        };
        put(datagram, field::CHECKSUM, checksum.to_be_bytes());
        Ok(datagram.len())
    }
}

const fn malformed(why: &'static str) -> Malformed {
    Malformed::new("UDP", why)
}
