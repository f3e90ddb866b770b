use portolan_model::Address;
use proptest::prelude::*;

use super::*;
use crate::{Exclusions, What, parse_target};

fn set(text: &str) -> AddressSet {
    match parse_target(text).unwrap_or_else(|error| panic!("{error}")).what {
        What::Single(address) => address.into(),
        What::Range(set) => set,
        other => panic!("{text}: {other:?}"),
    }
}

fn address(text: &str) -> Address {
    Address::new(text.parse().unwrap())
}

fn is_public(text: &str) -> bool {
    public(&address(text).into()).contains(address(text))
}

/// Whether an address is public, found the slow way: the rows are asked one by one, and the smallest block wins.
fn by_hand(address: Address) -> bool {
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()) << 96,
        IpAddr::V6(ip) => ip.to_bits(),
    };
    let holds = |block: &&Block| {
        block.first.is_ipv4() == address.ip().is_ipv4()
            && (bits(block.first) ^ bits(address.ip())).leading_zeros() >= u32::from(block.prefix)
    };
    match BLOCKS.iter().filter(holds).max_by_key(|block| block.prefix).map(|block| block.reach) {
        None => !address.is_ipv6(),
        Some(Reach::Global | Reach::Unsaid) => true,
        Some(Reach::Local) => false,
        Some(Reach::AsIpv4) => {
            let octets = bits(address.ip()).to_be_bytes();
            let at = if octets[0] == 0x20 { 2 } else { 12 };
            by_hand(Ipv4Addr::new(octets[at], octets[at + 1], octets[at + 2], octets[at + 3]).into())
        }
    }
}

/// Rows in order, of whole prefixes, none twice; and two that overlap are one inside the other.
#[test]
fn the_rows_are_sorted_and_overlap_only_where_one_is_inside_another() {
    let rows: Vec<(AddressRange, &Block)> = BLOCKS
        .iter()
        .filter(|block| block.name != "IPv4-mapped")
        .map(|block| (block.addresses().ranges().next().unwrap(), block))
        .collect();
    for (range, block) in &rows {
        assert_eq!(range.first.ip(), block.first, "{}", block.name);
        let wide = if block.first.is_ipv4() { 32 } else { 128 };
        assert_eq!(block.addresses().len(), 1 << (wide - block.prefix), "{}", block.name);
        assert!(!block.name.is_empty() && block.source.starts_with("RFC "), "{}", block.name);
    }
    for (index, (range, block)) in rows.iter().enumerate() {
        for (later, inner) in &rows[index + 1..] {
            assert!(
                (range.first, block.prefix) < (later.first, inner.prefix),
                "{} is out of order",
                inner.name
            );
            let inside = later.last <= range.last;
            assert!(inside || later.first > range.last, "{} and {} overlap", block.name, inner.name);
        }
    }
    let mapped = BLOCKS.iter().find(|block| block.name == "IPv4-mapped").unwrap();
    assert!(mapped.addresses().is_empty(), "an IPv4-mapped address is an IPv4 address");
}

#[test]
fn what_the_registry_calls_reachable_is_public_and_nothing_else() {
    for text in [
        "1.0.0.0",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.0.9",
        "192.0.0.10",
        "192.0.1.0",
        "192.0.3.0",
        "192.31.196.1",
        "192.52.193.1",
        "192.88.99.1",
        "192.175.48.1",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2000::",
        "2001:200::",
        "2001::1",
        "2001:1::1",
        "2001:1::3",
        "2001:3::1",
        "2001:4:112::1",
        "2001:10::1",
        "2001:20::1",
        "2001:30::1",
        "2600::",
        "2620:4f:8000::1",
        "3ffe:ffff::1",
        "3fff:1000::",
        "64:ff9b::808:808",
        "2002:808:808::1",
        "2002:c000:9:ffff::1",
        "::ffff:8.8.8.8",
    ] {
        assert!(is_public(text), "{text}");
    }
    for text in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "169.254.1.1",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.8",
        "192.0.0.11",
        "192.0.0.170",
        "192.0.2.1",
        "192.88.99.2",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::8.8.8.8",
        "1fff::1",
        "64:ff9b::a00:1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::808:808",
        "100::1",
        "100:0:0:1::1",
        "2001:1::",
        "2001:1::4",
        "2001:2::1",
        "2001:4:113::",
        "2001:40::1",
        "2001:1ff::1",
        "2001:db8::1",
        "2002:a00:1::1",
        "2002:c612::1",
        "3fff::1",
        "3fff:fff:ffff::",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "::ffff:10.0.0.1",
    ] {
        assert!(!is_public(text), "{text}");
    }
}

/// Every address at which anything changes, and its neighbours.
#[test]
fn at_every_edge_the_set_says_what_the_rows_say() {
    let step = |address: Address, up: bool| match address.ip() {
        IpAddr::V4(ip) => {
            let next = if up { ip.to_bits().checked_add(1) } else { ip.to_bits().checked_sub(1) };
            next.map(|bits| Address::from(Ipv4Addr::from_bits(bits)))
        }
        IpAddr::V6(ip) => {
            let next = if up { ip.to_bits().checked_add(1) } else { ip.to_bits().checked_sub(1) };
            next.map(|bits| Address::new(Ipv6Addr::from_bits(bits).into()))
        }
    };
    let sets: Vec<AddressSet> = BLOCKS.iter().map(Block::addresses).collect();
    let sets: Vec<AddressSet> = sets.iter().cloned().chain(sets.iter().map(forms)).collect();
    let ends: Vec<Address> =
        sets.iter().flat_map(AddressSet::ranges).flat_map(|range| [range.first, range.last]).collect();
    assert!(ends.len() > 200);
    for end in ends {
        for address in [Some(end), step(end, true), step(end, false)].into_iter().flatten() {
            assert_eq!(public(&address.into()).contains(address), by_hand(address), "{address}");
        }
    }
}

#[test]
fn counted_in_one_go() {
    // The rows once more, added up without a set.
    let local: u128 = (1 << 24) * 3 // 0/8, 10/8, 127/8
        + (1 << 22) // 100.64/10
        + 2 * (1 << 16) // 169.254/16, 192.168/16
        + (1 << 20) // 172.16/12
        + (256 - 2) // 192.0.0/24 without two anycast addresses
        + 3 * 256 // documentation
        + 1 // 6a44
        + (1 << 17) // 198.18/15
        + (1 << 29); // multicast and reserved
    assert_eq!(public(&set("0.0.0.0/0")).len(), (1 << 32) - local);
    assert_eq!(public(&set("10.0.0.0/7")).len(), 1 << 24);
    assert_eq!(public(&set("2001:db7:ffff::-2001:db7:ffff::ff")).len(), 256);
    assert_eq!(public(&set("64:ff9b::/96")).len(), (1 << 32) - local);
    let all = AddressRange { first: address("::"), last: address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") };
    assert!(public(&all.into()).len() > (1 << 124));
    assert!(public(&AddressSet::new()).is_empty());
}

#[test]
fn a_zone_makes_nothing_less_public() {
    let zoned = Address::with_zone("2600::1".parse().unwrap(), 3);
    assert!(public(&zoned.into()).contains(zoned));
    let link_local = Address::with_zone("fe80::1".parse().unwrap(), 3);
    assert!(public(&link_local.into()).is_empty());
}

#[test]
fn an_exclusion_holds_for_what_leads_there() {
    let exclusions = Exclusions::new(set("192.0.2.0/25"));
    for text in
        ["192.0.2.5", "::ffff:192.0.2.5", "64:ff9b::c000:205", "2002:c000:205::1", "2002:c000:27f:9::9"]
    {
        assert!(exclusions.covers(address(text)), "{text}");
        assert!(exclusions.apply(&address(text).into()).is_empty(), "{text}");
    }
    for text in ["192.0.2.128", "64:ff9b::c000:280", "2002:c000:280::1", "2001:db8::c000:205", "::c000:205"] {
        assert!(!exclusions.covers(address(text)), "{text}");
    }
    // The other way round nothing follows: one host of a 6to4 network is not its router.
    assert!(!Exclusions::new(set("2002:c000:205::1")).covers(address("192.0.2.5")));
}

/// Addresses near the blocks, where the rows differ, and anywhere.
fn any_address() -> impl Strategy<Value = Address> {
    let near = (0..BLOCKS.len(), any::<u128>(), 0..128_u32).prop_map(|(row, noise, kept)| {
        let noise = noise.checked_shr(kept).unwrap_or(0);
        match BLOCKS[row].first {
            IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() ^ (noise >> 96) as u32).into(),
            IpAddr::V6(ip) => Address::new(Ipv6Addr::from_bits(ip.to_bits() ^ noise).into()),
        }
    });
    let led = (any_v4(), any::<u128>(), any::<bool>()).prop_map(|(v4, noise, nat64)| {
        let v4 = u128::from(v4);
        let bits = if nat64 { NAT64 | v4 } else { SIX_TO_FOUR | v4 << 80 | noise >> 48 };
        Address::new(Ipv6Addr::from_bits(bits).into())
    });
    let v4 = any_v4().prop_map(|bits| Ipv4Addr::from_bits(bits).into());
    let v6 = any::<u128>().prop_map(|bits| Address::new(Ipv6Addr::from_bits(bits).into()));
    prop_oneof![4 => near, 2 => led, 2 => v4, 1 => v6]
}

fn any_v4() -> impl Strategy<Value = u32> {
    let near =
        (0..BLOCKS.len(), any::<u32>(), 0..32_u32).prop_map(|(row, noise, kept)| match BLOCKS[row].first {
            IpAddr::V4(ip) => ip.to_bits() ^ noise.checked_shr(kept).unwrap_or(0),
            IpAddr::V6(_) => noise,
        });
    prop_oneof![near, any::<u32>()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_set_says_what_the_rows_say(addresses in prop::collection::vec(any_address(), 0..12)) {
        let all: AddressSet = addresses.iter().copied().collect();
        let truth: AddressSet = addresses.iter().copied().filter(|address| by_hand(*address)).collect();
        prop_assert_eq!(public(&all), truth);
    }

    /// Of a range: what is public of it is what is public of each of its addresses.
    #[test]
    fn ranges_are_cut_exactly(first in any_address(), more in 0..600_u32) {
        let last = match first.ip() {
            IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits().saturating_add(more)).into(),
            IpAddr::V6(ip) => Address::new(Ipv6Addr::from_bits(ip.to_bits().saturating_add(more.into())).into()),
        };
        let range: AddressSet = AddressRange { first, last }.into();
        let truth: AddressSet = range.iter().filter(|address| by_hand(*address)).collect();
        prop_assert_eq!(public(&range), truth);
    }

    #[test]
    fn an_excluded_ipv4_address_is_excluded_in_every_form(v4 in any_v4(), other in any_v4(), noise in any::<u128>()) {
        let exclusions = Exclusions::new(Address::from(Ipv4Addr::from_bits(v4)).into());
        let led = |v4: u32| [NAT64 | u128::from(v4), SIX_TO_FOUR | u128::from(v4) << 80 | noise >> 48];
        for bits in led(v4) {
            prop_assert!(exclusions.covers(Address::new(Ipv6Addr::from_bits(bits).into())));
        }
        for bits in led(other) {
            let address = Address::new(Ipv6Addr::from_bits(bits).into());
            prop_assert_eq!(exclusions.covers(address), v4 == other);
        }
    }
}
