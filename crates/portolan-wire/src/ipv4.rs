//! IPv4. Before editing, read RFC 791 section 3.1 and RFC 1122 section 3.2.1.

use std::net::Ipv4Addr;

use crate::bytes::{array, put, room};
use crate::checksum;
use crate::malformed::Malformed;

/// Where the fields stand: RFC 791 section 3.1.
pub mod field {
    use std::ops::Range;

    /// Version (high nibble) and header length in 32-bit words (low nibble).
    pub const VERSION_IHL: usize = 0;
    /// Differentiated services and congestion notification (RFC 2474 section 3, RFC 3168 section 5).
    pub const TRAFFIC_CLASS: usize = 1;
    /// Length of header and payload.
    pub const TOTAL_LENGTH: Range<usize> = 2..4;
    /// Identification (RFC 6864).
    pub const IDENTIFICATION: Range<usize> = 4..6;
    /// Flags (3 bits) and fragment offset in units of 8 bytes (13 bits).
    pub const FLAGS_FRAGMENT: Range<usize> = 6..8;
    /// Time to live.
    pub const TTL: usize = 8;
    /// Protocol of the payload.
    pub const PROTOCOL: usize = 9;
    /// Checksum over the header.
    pub const CHECKSUM: Range<usize> = 10..12;
    /// Source address.
    pub const SOURCE: Range<usize> = 12..16;
    /// Destination address.
    pub const DESTINATION: Range<usize> = 16..20;
}

/// Length of a header without options.
pub const HEADER_LENGTH: usize = 20;

const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const FRAGMENT_OFFSET: u16 = 0x1fff;

/// An IPv4 packet, read in place. Options are stepped over.
#[derive(Copy, Clone, Debug)]
pub struct Ipv4View<'a> {
    header: &'a [u8],
    payload: &'a [u8],
}

impl<'a> Ipv4View<'a> {
    /// A whole packet; bytes beyond its total length (Ethernet padding) are left out.
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let quoted = Self::new_quoted(bytes)?;
        match quoted.total_length().checked_sub(quoted.header.len()) {
            None => Err(malformed("total length shorter than its header")),
            Some(length) if length > quoted.payload.len() => Err(malformed("shorter than its total length")),
            Some(length) => Ok(Ipv4View { payload: &quoted.payload[..length], ..quoted }),
        }
    }

    /// The beginning of a packet, as an ICMP error quotes it. The total length is not held against the
    /// bytes: the quote is cut short, and some senders return the field changed.
    pub fn new_quoted(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < HEADER_LENGTH {
            return Err(malformed("shorter than its header"));
        }
        let header_length = usize::from(bytes[field::VERSION_IHL] & 0x0f) * 4;
        if bytes[field::VERSION_IHL] >> 4 != 4 {
            return Err(malformed("version is not 4"));
        }
        if header_length < HEADER_LENGTH {
            return Err(malformed("header length below 5 words"));
        }
        let (header, payload) =
            bytes.split_at_checked(header_length).ok_or(malformed("shorter than its header"))?;
        Ok(Ipv4View { header, payload })
    }

    /// Differentiated services and congestion notification.
    pub fn traffic_class(&self) -> u8 {
        self.header[field::TRAFFIC_CLASS]
    }

    /// Identification.
    pub fn identification(&self) -> u16 {
        u16::from_be_bytes(array(self.header, field::IDENTIFICATION))
    }

    /// Whether routers may not fragment it.
    pub fn dont_fragment(&self) -> bool {
        self.flags_fragment() & DONT_FRAGMENT != 0
    }

    /// Whether further fragments follow this one.
    pub fn more_fragments(&self) -> bool {
        self.flags_fragment() & MORE_FRAGMENTS != 0
    }

    /// Where this fragment's payload stands in the whole, in bytes.
    pub fn fragment_offset(&self) -> u16 {
        (self.flags_fragment() & FRAGMENT_OFFSET) << 3
    }

    /// Time to live, as it arrived.
    pub fn ttl(&self) -> u8 {
        self.header[field::TTL]
    }

    /// Protocol of the payload; see [`crate::protocol`].
    pub fn protocol(&self) -> u8 {
        self.header[field::PROTOCOL]
    }

    /// Source address.
    pub fn source(&self) -> Ipv4Addr {
        Ipv4Addr::from_octets(array(self.header, field::SOURCE))
    }

    /// Destination address.
    pub fn destination(&self) -> Ipv4Addr {
        Ipv4Addr::from_octets(array(self.header, field::DESTINATION))
    }

    /// Whether the header's checksum holds.
    pub fn has_valid_checksum(&self) -> bool {
        checksum::is_valid(self.header)
    }

    /// What follows the header; of a fragment, its part only.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    fn total_length(&self) -> usize {
        usize::from(u16::from_be_bytes(array(self.header, field::TOTAL_LENGTH)))
    }

    fn flags_fragment(&self) -> u16 {
        u16::from_be_bytes(array(self.header, field::FLAGS_FRAGMENT))
    }
}

/// The meaning of the header of an unfragmented IPv4 packet without options.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ipv4Repr {
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Protocol of the payload.
    pub protocol: u8,
    /// Time to live.
    pub ttl: u8,
    /// Identification.
    pub identification: u16,
    /// Whether routers may not fragment it.
    pub dont_fragment: bool,
    /// Differentiated services and congestion notification.
    pub traffic_class: u8,
    /// Length of what follows the header.
    pub payload_length: usize,
}

impl Ipv4Repr {
    /// The meaning of `view`. A fragment has none of its own; options are dropped.
    pub fn parse(view: &Ipv4View<'_>) -> Result<Self, Malformed> {
        if view.more_fragments() || view.fragment_offset() != 0 {
            return Err(malformed("a fragment, not a whole packet"));
        }
        Ok(Ipv4Repr {
            source: view.source(),
            destination: view.destination(),
            protocol: view.protocol(),
            ttl: view.ttl(),
            identification: view.identification(),
            dont_fragment: view.dont_fragment(),
            traffic_class: view.traffic_class(),
            payload_length: view.payload().len(),
        })
    }

    /// Writes the header with its checksum to the start of `buffer` and returns its length. The payload
    /// need not be there yet.
    pub fn emit(&self, buffer: &mut [u8]) -> Result<usize, Malformed> {
        let total_length = u16::try_from(HEADER_LENGTH.saturating_add(self.payload_length))
            .map_err(|_| malformed("longer than 65535 bytes"))?;
        let header = room("IPv4", buffer, HEADER_LENGTH)?;
        header[field::VERSION_IHL] = 0x45;
        header[field::TRAFFIC_CLASS] = self.traffic_class;
        put(header, field::TOTAL_LENGTH, total_length.to_be_bytes());
        put(header, field::IDENTIFICATION, self.identification.to_be_bytes());
        let flags = if self.dont_fragment { DONT_FRAGMENT } else { 0 };
        put(header, field::FLAGS_FRAGMENT, flags.to_be_bytes());
        header[field::TTL] = self.ttl;
        header[field::PROTOCOL] = self.protocol;
        put(header, field::CHECKSUM, [0, 0]);
        put(header, field::SOURCE, self.source.octets());
        put(header, field::DESTINATION, self.destination.octets());
        let checksum = checksum::of(header);
        put(header, field::CHECKSUM, checksum.to_be_bytes());
        Ok(HEADER_LENGTH)
    }
}

const fn malformed(why: &'static str) -> Malformed {
    Malformed::new("IPv4", why)
}
