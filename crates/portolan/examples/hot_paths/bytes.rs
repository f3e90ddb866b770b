//! The small machines that are run for each probe or each packet.

use std::hint::black_box;

use portolan_scan::Permutation;
use portolan_wire::{
    Icmpv4View, Icmpv6View, Ipv4View, Ipv6View, Malformed, Quote, icmpv4_meaning, icmpv6_meaning,
};

use super::counted_from_here;

/// There and back for each index of a permutation whose length is no power of two.
pub(crate) fn permutation() -> u64 {
    const LEN: u64 = 300_007;
    let permutation = Permutation::new(LEN, 7);
    counted_from_here(|| {
        for position in 0..LEN {
            let index = permutation.index(black_box(position));
            assert_eq!(permutation.position(black_box(index)), position);
        }
    });
    LEN
}

/// An ICMP error, of each family in turn, down to the ports of what it quotes.
pub(crate) fn icmp_errors() -> u64 {
    const TURNS: u64 = 100_000;
    counted_from_here(|| {
        for _ in 0..TURNS {
            black_box(of_v4(black_box(PROHIBITED)).unwrap());
            black_box(of_v6(black_box(PORT_UNREACHABLE)).unwrap());
        }
    });
    2 * TURNS
}

fn of_v4(packet: &[u8]) -> Result<Quote, Malformed> {
    let icmp = Icmpv4View::new_checked(Ipv4View::new_checked(packet)?.payload())?;
    black_box(icmpv4_meaning(icmp.icmp_type(), icmp.code()));
    Quote::from_icmpv4(&icmp)
}

fn of_v6(packet: &[u8]) -> Result<Quote, Malformed> {
    let icmp = Icmpv6View::new_checked(Ipv6View::new_checked(packet)?.payload())?;
    black_box(icmpv6_meaning(icmp.icmp_type(), icmp.code()));
    Quote::from_icmpv6(&icmp)
}

/// Of a router: a rule forbids this SYN.
const PROHIBITED: &[u8] = &[
    0x45, 0, 0, 56, 0, 0, 0, 0, 63, 1, 0, 0, 192, 0, 2, 1, 198, 51, 100, 7, // IPv4
    3, 13, 0, 0, 0, 0, 0, 0, // ICMP
    0x45, 0, 0, 40, 0, 0, 0x40, 0, 61, 6, 0, 0, 198, 51, 100, 7, 203, 0, 113,
    9, // what we had sent: IPv4
    0xc3, 0x50, 0, 22, 0xde, 0xad, 0xbe, 0xef, // TCP
];

/// Of this machine: nobody listens on UDP port 1.
const PORT_UNREACHABLE: &[u8] = &[
    0x60, 0x0d, 0xc4, 0x40, 0, 61, 58, 64, // IPv6
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, // from ::1
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, // to ::1
    1, 4, 0x2f, 0x61, 0, 0, 0, 0, // ICMPv6
    0x60, 0x09, 0x29, 0xce, 0, 13, 17, 64, // what we had sent: IPv6
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, // from ::1
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, // to ::1
    0xdf, 0x1a, 0, 1, 0, 13, 0, 0x20, b'h', b'e', b'l', b'l', b'o', // UDP
];
