//! IPv6. Before editing, read RFC 8200 sections 3 and 4, and RFC 7045 (which headers are extensions).

use std::net::Ipv6Addr;

use crate::bytes::{array, put, room};
use crate::malformed::Malformed;
use crate::protocol;

/// Where the fields stand: RFC 8200 section 3.
pub mod field {
    use std::ops::Range;

    /// Version (4 bits), traffic class (8 bits), flow label (20 bits).
    pub const VERSION_CLASS_FLOW: Range<usize> = 0..4;
    /// Length of what follows this header, extension headers included.
    pub const PAYLOAD_LENGTH: Range<usize> = 4..6;
    /// What follows this header.
    pub const NEXT_HEADER: usize = 6;
    /// Hop limit.
    pub const HOP_LIMIT: usize = 7;
    /// Source address.
    pub const SOURCE: Range<usize> = 8..24;
    /// Destination address.
    pub const DESTINATION: Range<usize> = 24..40;
}

/// Length of the fixed header.
pub const HEADER_LENGTH: usize = 40;

/// The longest chain of extension headers that is walked. RFC 8200 section 4.1 has each appear once and
/// the destination options twice, which makes seven; a longer chain is not sent in good faith.
pub const MAX_EXTENSION_HEADERS: usize = 8;

/// The part that a fragment header tells (RFC 8200 section 4.5).
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ipv6Fragment {
    /// Where this fragment stands in the whole, in bytes.
    pub offset: u16,
    /// Whether further fragments follow this one.
    pub more: bool,
    /// What the fragments of one packet have in common.
    pub identification: u32,
}

/// An IPv6 packet, read in place. Extension headers are stepped over, a fragment header is noted.
#[derive(Copy, Clone, Debug)]
pub struct Ipv6View<'a> {
    header: &'a [u8],
    upper: Upper<'a>,
}

/// What the chain of extension headers leads to.
#[derive(Copy, Clone, Debug)]
struct Upper<'a> {
    protocol: u8,
    payload: &'a [u8],
    fragment: Option<Ipv6Fragment>,
}

impl<'a> Ipv6View<'a> {
    /// A whole packet; bytes beyond its payload length are left out. Jumbograms (RFC 2675) are not read.
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (header, rest) = fixed_header(bytes)?;
        let length = usize::from(u16::from_be_bytes(array(header, field::PAYLOAD_LENGTH)));
        let rest = rest.get(..length).ok_or(malformed("shorter than its payload length"))?;
        Ok(Ipv6View { header, upper: walk(header[field::NEXT_HEADER], rest)? })
    }

    /// The beginning of a packet, as an ICMPv6 error quotes it: the payload length is not held against
    /// the bytes, since the quote is cut short.
    pub fn new_quoted(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (header, rest) = fixed_header(bytes)?;
        Ok(Ipv6View { header, upper: walk(header[field::NEXT_HEADER], rest)? })
    }

    /// Differentiated services and congestion notification.
    pub fn traffic_class(&self) -> u8 {
        let [class, ..] = (self.version_class_flow() << 4).to_be_bytes();
        class
    }

    /// Flow label (RFC 6437).
    pub fn flow_label(&self) -> u32 {
        self.version_class_flow() & FLOW_LABEL
    }

    /// Hop limit, as it arrived.
    pub fn hop_limit(&self) -> u8 {
        self.header[field::HOP_LIMIT]
    }

    /// Source address.
    pub fn source(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(array(self.header, field::SOURCE))
    }

    /// Destination address.
    pub fn destination(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(array(self.header, field::DESTINATION))
    }

    /// Protocol at the end of the chain of extension headers; see [`crate::protocol`].
    pub fn protocol(&self) -> u8 {
        self.upper.protocol
    }

    /// What the fragment header says, if there is one.
    pub fn fragment(&self) -> Option<Ipv6Fragment> {
        self.upper.fragment
    }

    /// What follows the extension headers; of a fragment, its part only.
    pub fn payload(&self) -> &'a [u8] {
        self.upper.payload
    }

    fn version_class_flow(&self) -> u32 {
        u32::from_be_bytes(array(self.header, field::VERSION_CLASS_FLOW))
    }
}

/// The meaning of the fixed header of an unfragmented IPv6 packet.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ipv6Repr {
    /// Source address.
    pub source: Ipv6Addr,
    /// Destination address.
    pub destination: Ipv6Addr,
    /// Protocol of the payload.
    pub protocol: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Differentiated services and congestion notification.
    pub traffic_class: u8,
    /// Flow label; only the low 20 bits are sent.
    pub flow_label: u32,
    /// Length of what follows the header.
    pub payload_length: usize,
}

impl Ipv6Repr {
    /// The meaning of `view`. A fragment has none of its own; extension headers are dropped.
    pub fn parse(view: &Ipv6View<'_>) -> Result<Self, Malformed> {
        // RFC 6946: a fragment header alone ("atomic fragment") still carries a whole packet.
        if view.fragment().is_some_and(|fragment| fragment.more || fragment.offset != 0) {
            return Err(malformed("a fragment, not a whole packet"));
        }
        Ok(Ipv6Repr {
            source: view.source(),
            destination: view.destination(),
            protocol: view.protocol(),
            hop_limit: view.hop_limit(),
            traffic_class: view.traffic_class(),
            flow_label: view.flow_label(),
            payload_length: view.payload().len(),
        })
    }

    /// Writes the header to the start of `buffer` and returns its length. The payload need not be there
    /// yet.
    pub fn emit(&self, buffer: &mut [u8]) -> Result<usize, Malformed> {
        let payload_length =
            u16::try_from(self.payload_length).map_err(|_| malformed("payload longer than 65535 bytes"))?;
        let header = room("IPv6", buffer, HEADER_LENGTH)?;
        let word = 6 << 28 | u32::from(self.traffic_class) << 20 | self.flow_label & FLOW_LABEL;
        put(header, field::VERSION_CLASS_FLOW, word.to_be_bytes());
        put(header, field::PAYLOAD_LENGTH, payload_length.to_be_bytes());
        header[field::NEXT_HEADER] = self.protocol;
        header[field::HOP_LIMIT] = self.hop_limit;
        put(header, field::SOURCE, self.source.octets());
        put(header, field::DESTINATION, self.destination.octets());
        Ok(HEADER_LENGTH)
    }
}

fn fixed_header(bytes: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let (header, rest) = bytes.split_at_checked(HEADER_LENGTH).ok_or(malformed("shorter than its header"))?;
    if header[0] >> 4 != 6 {
        return Err(malformed("version is not 6"));
    }
    Ok((header, rest))
}

/// Steps over the extension headers. Each step takes at least eight bytes, and there are few steps.
fn walk(mut next: u8, mut rest: &[u8]) -> Result<Upper<'_>, Malformed> {
    let mut fragment = None;
    for position in 0..=MAX_EXTENSION_HEADERS {
        // RFC 8200 section 4.1: hop-by-hop options come "immediately after an IPv6 header only".
        if next == protocol::HOP_BY_HOP && position > 0 {
            return Err(malformed("hop-by-hop options not in the first place"));
        }
        let Some(length) = extension_length(next, rest)? else {
            return Ok(Upper { protocol: next, payload: rest, fragment });
        };
        let (extension, after) =
            rest.split_at_checked(length).ok_or(malformed("cut inside an extension header"))?;
        if next == protocol::FRAGMENT {
            let read = read_fragment(extension);
            fragment = Some(read);
            // The rest of a later fragment is no header, whatever the next header field says.
            if read.offset != 0 {
                return Ok(Upper { protocol: extension[0], payload: after, fragment });
            }
        }
        (next, rest) = (extension[0], after);
    }
    Err(malformed("too many extension headers"))
}

/// The length of the extension header at the start of `bytes`, at least eight; `None` if `next` is no
/// extension header.
fn extension_length(next: u8, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let &[_, length, ..] = bytes else {
        return if is_extension(next) { Err(malformed("cut inside an extension header")) } else { Ok(None) };
    };
    Ok(match next {
        protocol::FRAGMENT => Some(8),
        // RFC 4302 section 2.2: in 32-bit words, minus 2.
        protocol::AUTHENTICATION => Some((usize::from(length) + 2) * 4),
        // RFC 8200 section 4.3, RFC 6564 section 4: in 8-byte units, the first not counted.
        _ if is_extension(next) => Some((usize::from(length) + 1) * 8),
        _ => None,
    })
}

/// RFC 7045 section 4. ESP is left out: what it carries cannot be read.
fn is_extension(next: u8) -> bool {
    matches!(
        next,
        protocol::HOP_BY_HOP
            | protocol::ROUTING
            | protocol::FRAGMENT
            | protocol::AUTHENTICATION
            | protocol::DESTINATION_OPTIONS
            | protocol::MOBILITY
            | protocol::HOST_IDENTITY
            | protocol::SHIM6
    )
}

/// `extension` is a fragment header of eight bytes.
fn read_fragment(extension: &[u8]) -> Ipv6Fragment {
    let offset_flags = u16::from_be_bytes(array(extension, 2..4));
    Ipv6Fragment {
        // The three low bits are flags; the offset is in units of 8 bytes, so it stands in place.
        offset: offset_flags & !7,
        more: offset_flags & 1 != 0,
        identification: u32::from_be_bytes(array(extension, 4..8)),
    }
}

const FLOW_LABEL: u32 = 0x000f_ffff;

const fn malformed(why: &'static str) -> Malformed {
    Malformed::new("IPv6", why)
}
