//! Which addresses are public: what IANA's special-purpose address registries (RFC 6890, RFC 8190) leave over.
//!
//! "Public" is the registries' *globally reachable*: a datagram sent there may reach a host of somebody whom
//! neither the link nor the organisation of the sender knows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use portolan_model::AddressRange;

use crate::addresses::{AddressSet, Plane, Span};

/// When IANA last changed the registries that [`BLOCKS`] was checked against, both of them.
pub const AS_OF: &str = "2025-10-09";

/// The public addresses of a set.
#[must_use]
pub fn public(addresses: &AddressSet) -> AddressSet {
    static PUBLIC: LazyLock<AddressSet> = LazyLock::new(everything_public);
    // A zone does not make a global address another one: the kernel ignores it.
    addresses.intersection(&PUBLIC.in_zones_of(addresses))
}

/// The IPv6 addresses that lead to the IPv4 addresses of a set: each one's form behind NAT64's well-known
/// prefix (RFC 6052 section 2.1), and its 6to4 network (RFC 3056 section 2).
pub(crate) fn forms(addresses: &AddressSet) -> AddressSet {
    let v4 = addresses.spans().iter().filter(|span| span.plane == Plane::V4);
    let spans = v4.flat_map(|span| {
        let nat64 = |v4: u128| NAT64 | v4;
        let six_to_four = |v4: u128| SIX_TO_FOUR | v4 << 80;
        [
            (nat64(span.first), nat64(span.last)),
            (six_to_four(span.first), six_to_four(span.last) | ((1 << 80) - 1)),
        ]
    });
    AddressSet::from_spans(spans.map(|(first, last)| Span { plane: NO_ZONE, first, last }).collect())
}

/// A block with a purpose of its own. Where one is inside another, the smaller one holds.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// Its first address.
    pub first: IpAddr,
    /// How many leading bits all of its addresses share.
    pub prefix: u8,
    /// What it is for.
    pub name: &'static str,
    /// Where that is said.
    pub source: &'static str,
    /// Whether it is globally reachable.
    pub reach: Reach,
}

/// Whether a block is globally reachable.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Reach {
    /// It is.
    Global,
    /// It is not.
    Local,
    /// The registry says neither (N/A). Counted as public: a guard that asks once too often does no harm.
    Unsaid,
    /// Each address leads to an IPv4 address that stands in it, and is public if that is.
    AsIpv4,
}

impl Block {
    /// The addresses of the block. Those of `::ffff:0:0/96` are none: they are IPv4 addresses to us.
    pub fn addresses(&self) -> AddressSet {
        let (plane, first, bits) = match self.first {
            IpAddr::V4(ip) => (Plane::V4, u128::from(ip.to_bits()), 32),
            IpAddr::V6(ip) => (NO_ZONE, ip.to_bits(), 128),
        };
        let host = u128::MAX.checked_shr(128 - (bits - u32::from(self.prefix))).unwrap_or(0);
        AddressSet::from_spans(vec![Span { plane, first, last: first | host }])
    }
}

/// IPv4 is public but for its blocks; IPv6 is not, but for what [`BLOCKS`] says: it is mostly unassigned.
fn everything_public() -> AddressSet {
    let ipv4 = AddressRange { first: Ipv4Addr::UNSPECIFIED.into(), last: Ipv4Addr::BROADCAST.into() };
    // A block comes before what is inside it, so the smaller one has the last word; and all of IPv4 before IPv6.
    BLOCKS.iter().fold(ipv4.into(), |public: AddressSet, block| {
        let block_of = block.addresses();
        match block.reach {
            Reach::Global | Reach::Unsaid => public.union(&block_of),
            Reach::Local => public.difference(&block_of),
            Reach::AsIpv4 => public.difference(&block_of).union(&forms(&public).intersection(&block_of)),
        }
    })
}

const NO_ZONE: Plane = Plane::V6 { zone: 0 };
/// `64:ff9b::/96`, with the IPv4 address in its last 32 bits.
const NAT64: u128 = 0x0064_ff9b << 96;
/// `2002::/16`, with the IPv4 address in the next 32 bits.
const SIX_TO_FOUR: u128 = 0x2002 << 112;

/// The blocks, by their first address, a larger one before a smaller one.
///
/// All of IANA's IPv4 and IPv6 Special-Purpose Address Registries, and, since those leave them out: multicast of
/// either family, and the one eighth of IPv6 from which addresses are given out.
pub const BLOCKS: &[Block] = &[
    v4([0, 0, 0, 0], 8, "This network", "RFC 791 section 3.2", Reach::Local),
    v4([0, 0, 0, 0], 32, "This host on this network", "RFC 1122 section 3.2.1.3", Reach::Local),
    v4([10, 0, 0, 0], 8, "Private use", "RFC 1918", Reach::Local),
    v4([100, 64, 0, 0], 10, "Shared address space", "RFC 6598", Reach::Local),
    v4([127, 0, 0, 0], 8, "Loopback", "RFC 1122 section 3.2.1.3", Reach::Local),
    v4([169, 254, 0, 0], 16, "Link-local", "RFC 3927", Reach::Local),
    v4([172, 16, 0, 0], 12, "Private use", "RFC 1918", Reach::Local),
    v4([192, 0, 0, 0], 24, "IETF protocol assignments", "RFC 6890 section 2.1", Reach::Local),
    v4([192, 0, 0, 0], 29, "IPv4 service continuity", "RFC 7335", Reach::Local),
    v4([192, 0, 0, 8], 32, "IPv4 dummy address", "RFC 7600", Reach::Local),
    v4([192, 0, 0, 9], 32, "Port Control Protocol anycast", "RFC 7723", Reach::Global),
    v4([192, 0, 0, 10], 32, "TURN anycast", "RFC 8155", Reach::Global),
    v4([192, 0, 0, 170], 32, "NAT64/DNS64 discovery", "RFC 7050 section 2.2, RFC 8880", Reach::Local),
    v4([192, 0, 0, 171], 32, "NAT64/DNS64 discovery", "RFC 7050 section 2.2, RFC 8880", Reach::Local),
    v4([192, 0, 2, 0], 24, "Documentation (TEST-NET-1)", "RFC 5737", Reach::Local),
    v4([192, 31, 196, 0], 24, "AS112", "RFC 7535", Reach::Global),
    v4([192, 52, 193, 0], 24, "Automatic Multicast Tunneling", "RFC 7450", Reach::Global),
    v4([192, 88, 99, 0], 24, "6to4 relay anycast, deprecated", "RFC 7526", Reach::Unsaid),
    v4([192, 88, 99, 2], 32, "6a44 relay anycast", "RFC 6751", Reach::Local),
    v4([192, 168, 0, 0], 16, "Private use", "RFC 1918", Reach::Local),
    v4([192, 175, 48, 0], 24, "AS112, direct delegation", "RFC 7534", Reach::Global),
    v4([198, 18, 0, 0], 15, "Benchmarking", "RFC 2544", Reach::Local),
    v4([198, 51, 100, 0], 24, "Documentation (TEST-NET-2)", "RFC 5737", Reach::Local),
    v4([203, 0, 113, 0], 24, "Documentation (TEST-NET-3)", "RFC 5737", Reach::Local),
    v4([224, 0, 0, 0], 4, "Multicast", "RFC 5771", Reach::Local),
    v4([240, 0, 0, 0], 4, "Reserved", "RFC 1112 section 4", Reach::Local),
    v4([255, 255, 255, 255], 32, "Limited broadcast", "RFC 919 section 7, RFC 8190", Reach::Local),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128, "Unspecified address", "RFC 4291 section 2.5.2", Reach::Local),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128, "Loopback", "RFC 4291 section 2.5.3", Reach::Local),
    v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, "IPv4-mapped", "RFC 4291 section 2.5.5.2", Reach::Local),
    v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, "NAT64, well-known prefix", "RFC 6052", Reach::AsIpv4),
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "NAT64, local use", "RFC 8215", Reach::Local),
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "Discard only", "RFC 6666", Reach::Local),
    v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64, "Dummy prefix", "RFC 9780", Reach::Local),
    v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3, "Global unicast", "RFC 4291 section 2.4", Reach::Global),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "IETF protocol assignments", "RFC 2928", Reach::Local),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, "Teredo", "RFC 4380", Reach::Unsaid),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 1], 128, "Port Control Protocol anycast", "RFC 7723", Reach::Global),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 2], 128, "TURN anycast", "RFC 8155", Reach::Global),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 3], 128, "DNS-SD registration anycast", "RFC 9665", Reach::Global),
    v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, "Benchmarking", "RFC 5180", Reach::Local),
    v6([0x2001, 3, 0, 0, 0, 0, 0, 0], 32, "Automatic Multicast Tunneling", "RFC 7450", Reach::Global),
    v6([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48, "AS112", "RFC 7535", Reach::Global),
    v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28, "ORCHID, deprecated", "RFC 4843", Reach::Unsaid),
    v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, "ORCHIDv2", "RFC 7343", Reach::Global),
    v6([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28, "Drone remote ID", "RFC 9374", Reach::Global),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "Documentation", "RFC 3849", Reach::Local),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "6to4", "RFC 3056", Reach::AsIpv4),
    v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, "AS112, direct delegation", "RFC 7534", Reach::Global),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "Documentation", "RFC 9637", Reach::Local),
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "Segment routing (SRv6)", "RFC 9602", Reach::Local),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "Unique local", "RFC 4193, RFC 8190", Reach::Local),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "Link-local", "RFC 4291 section 2.5.6", Reach::Local),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "Multicast", "RFC 4291 section 2.7", Reach::Local),
];

const fn v4(
    [a, b, c, d]: [u8; 4],
    prefix: u8,
    name: &'static str,
    source: &'static str,
    reach: Reach,
) -> Block {
    Block { first: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix, name, source, reach }
}

const fn v6(
    [a, b, c, d, e, f, g, h]: [u16; 8],
    prefix: u8,
    name: &'static str,
    source: &'static str,
    reach: Reach,
) -> Block {
    Block { first: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), prefix, name, source, reach }
}

#[cfg(test)]
mod tests;
