//! The Internet checksum. Before editing, read RFC 1071 (sections 1 and 2) and RFC 1624 (sections 3
//! and 4: why the update is computed this way and no other).

use std::net::{Ipv4Addr, Ipv6Addr};

/// The checksum over `bytes`, whose own checksum field must be zero (RFC 1071 section 1).
pub fn of(bytes: &[u8]) -> u16 {
    !fold(sum(bytes))
}

/// Whether `bytes`, checksum field included, sum up as they should (RFC 1071 section 1, step 3).
pub fn is_valid(bytes: &[u8]) -> bool {
    of(bytes) == 0
}

/// The checksum after `old` became `new` somewhere in the bytes it covers, at an even offset
/// (RFC 1624 section 3, equation 3). Lets a template be patched without being summed again.
pub fn update<const N: usize>(checksum: u16, old: [u8; N], new: [u8; N]) -> u16 {
    let without_old = u64::from(!checksum) + u64::from(!fold(sum(&old)));
    !fold(without_old + sum(&new))
}

/// The addresses that TCP, UDP and ICMPv6 include in their checksum.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum PseudoHeader {
    /// RFC 9293 section 3.1, RFC 768.
    V4 {
        /// Source address of the packet.
        source: Ipv4Addr,
        /// Destination address of the packet.
        destination: Ipv4Addr,
    },
    /// RFC 8200 section 8.1.
    V6 {
        /// Source address of the packet.
        source: Ipv6Addr,
        /// Final destination of the packet.
        destination: Ipv6Addr,
    },
}

impl PseudoHeader {
    /// The checksum over this pseudo-header and `segment`, whose own checksum field must be zero.
    pub fn checksum(&self, protocol: u8, segment: &[u8]) -> u16 {
        let addresses = match self {
            PseudoHeader::V4 { source, destination } => sum(&source.octets()) + sum(&destination.octets()),
            PseudoHeader::V6 { source, destination } => sum(&source.octets()) + sum(&destination.octets()),
        };
        // The length field has 16 bits in one family and 32 in the other; the sum is the same.
        !fold(addresses + u64::from(protocol) + segment.len() as u64 + sum(segment))
    }

    /// Whether `segment`, checksum field included, sums up with this pseudo-header as it should.
    pub fn is_valid(&self, protocol: u8, segment: &[u8]) -> bool {
        self.checksum(protocol, segment) == 0
    }
}

/// The sum of the 16-bit words, an odd last byte padded with zero. 64 bits do not overflow below
/// 2⁴⁹ bytes.
fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<2>();
    let last = rest.first().map_or(0, |byte| u64::from(*byte) << 8);
    words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum::<u64>() + last
}

/// Carries go around until 16 bits are left (RFC 1071 section 1, one's complement addition).
fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 16 bits")]
    let folded = sum as u16;
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071_section_3() {
        assert_eq!(of(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(of(&[0x00, 0x01, 0xf2]), !0xf201, "an odd byte is padded on the right");
        assert_eq!(of(&[]), 0xffff);
    }

    #[test]
    fn the_example_of_rfc_1624_section_4() {
        // Equation 2 of RFC 1141 gives 0xffff here, which a receiver would refuse.
        assert_eq!(update(0xdd2f, [0x55, 0x55], [0x32, 0x85]), 0x0000);
    }
}
