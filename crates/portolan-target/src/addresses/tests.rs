use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn v4(text: &str) -> Address {
    Address::new(text.parse().unwrap())
}

fn v6(text: &str, zone: u32) -> Address {
    Address::with_zone(text.parse().unwrap(), zone)
}

fn range(first: Address, last: Address) -> AddressRange {
    AddressRange { first, last }
}

#[test]
fn ranges_merge_and_families_sort() {
    let set: AddressSet = [
        range(v6("2001:db8::1", 0), v6("2001:db8::2", 0)),
        range(v4("10.0.0.5"), v4("10.0.0.9")),
        range(v6("fe80::1", 2), v6("fe80::1", 2)),
        range(v6("fe80::1", 1), v6("fe80::1", 1)),
        range(v4("10.0.0.0"), v4("10.0.0.4")),
    ]
    .into_iter()
    .collect();
    let shown: Vec<String> = set.ranges().map(|range| range.to_string()).collect();
    assert_eq!(shown, ["10.0.0.0-10.0.0.9", "2001:db8::1-2001:db8::2", "fe80::1%1", "fe80::1%2"]);
    assert_eq!(set.len(), 14);
    assert_eq!(set.nth(10), Some(v6("2001:db8::1", 0)));
    assert_eq!(set.position(v6("fe80::1", 2)), Some(13));
    assert_eq!(set.nth(14), None);
}

#[test]
fn whole_spaces_saturate_and_do_not_panic() {
    let whole = |zone| range(v6("::", zone), v6("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", zone));
    let all_v4 = range(v4("0.0.0.0"), v4("255.255.255.255"));
    let set: AddressSet = [whole(0), all_v4].into_iter().collect();
    assert_eq!(set.len(), u128::MAX, "2^128, of which the mapped block is IPv4: one too many");
    assert_eq!(AddressSet::from(whole(0)).len(), u128::MAX - u128::from(u32::MAX));
    assert_eq!(set.position(v4("255.255.255.255")), Some(u128::from(u32::MAX)));
    let two: AddressSet = [whole(1), whole(2)].into_iter().collect();
    assert_eq!(two.len(), u128::MAX);
    assert!(two.nth(u128::MAX).is_some() && two.nth(0).is_some());
    assert!(set.difference(&set).is_empty());
    assert!(two.difference(&two).is_empty());
}

#[test]
fn the_mapped_block_is_ipv4() {
    let mapped = AddressSet::from(range(v6("::ffff:10.0.0.0", 0), v6("::ffff:10.0.0.3", 0)));
    assert_eq!(mapped, AddressSet::from(range(v4("10.0.0.0"), v4("10.0.0.3"))));
    let around = AddressSet::from(range(v6("::fffe:ffff:ffff", 0), v6("::1:0:0:0", 0)));
    assert_eq!(around.iter().collect::<Vec<_>>(), [v6("::fffe:ffff:ffff", 0), v6("::1:0:0:0", 0)]);
}

#[test]
fn broken_ranges_hold_nothing() {
    assert!(AddressSet::from(range(v4("10.0.0.2"), v4("10.0.0.1"))).is_empty());
    assert!(AddressSet::from(range(v4("10.0.0.2"), v6("::1", 0))).is_empty());
    assert!(AddressSet::from(range(v6("fe80::1", 1), v6("fe80::2", 2))).is_empty());
}

/// Addresses from a small world, so that sets meet often: the ends of both families, two zones.
fn address() -> impl Strategy<Value = Address> {
    let bases =
        [v4("10.0.0.0"), v4("255.255.255.224"), v6("2001:db8::", 0), v6("fe80::", 1), v6("fe80::", 2)];
    (prop::sample::select(bases.to_vec()), 0..24_u128).prop_map(|(base, offset)| step(base, offset))
}

fn step(base: Address, offset: u128) -> Address {
    let (plane, value) = Plane::of(base);
    plane.address(value + offset)
}

fn ranges() -> impl Strategy<Value = Vec<AddressRange>> {
    prop::collection::vec(
        (address(), 0..7_u128).prop_map(|(first, more)| range(first, step(first, more))),
        0..12,
    )
}

fn brute(ranges: &[AddressRange]) -> BTreeSet<(Plane, u128)> {
    let mut all = BTreeSet::new();
    for range in ranges {
        let ((plane, first), (_, last)) = (Plane::of(range.first), Plane::of(range.last));
        all.extend((first..=last).map(|value| (plane, value)));
    }
    all
}

fn keys(set: &AddressSet) -> Vec<(Plane, u128)> {
    set.iter().map(Plane::of).collect()
}

proptest! {
    #[test]
    fn a_set_is_what_a_sorted_list_is(ranges in ranges(), stranger in address()) {
        let set: AddressSet = ranges.iter().copied().collect();
        let truth: Vec<_> = brute(&ranges).into_iter().collect();
        prop_assert_eq!(keys(&set), truth.clone());
        prop_assert_eq!(set.len(), truth.len() as u128);
        prop_assert_eq!(set.is_empty(), truth.is_empty());
        for (index, (plane, value)) in truth.iter().enumerate() {
            let address = plane.address(*value);
            prop_assert_eq!(set.nth(index as u128), Some(address));
            prop_assert_eq!(set.position(address), Some(index as u128));
        }
        prop_assert_eq!(set.nth(truth.len() as u128), None);
        let index = truth.binary_search(&Plane::of(stranger)).ok();
        prop_assert_eq!(set.contains(stranger), index.is_some());
        prop_assert_eq!(set.position(stranger), index.map(|index| index as u128));
        prop_assert_eq!(set.iter().collect::<AddressSet>(), set.clone());
        for pair in set.spans().windows(2) {
            prop_assert!(pair[0].ends_before(&pair[1]) && !pair[0].touches(&pair[1]));
        }
    }

    #[test]
    fn operations_are_those_of_sets(left in ranges(), right in ranges()) {
        let (a, b): (AddressSet, AddressSet) = (left.iter().copied().collect(), right.iter().copied().collect());
        let (x, y) = (brute(&left), brute(&right));
        prop_assert_eq!(keys(&a.union(&b)), x.union(&y).copied().collect::<Vec<_>>());
        prop_assert_eq!(keys(&a.difference(&b)), x.difference(&y).copied().collect::<Vec<_>>());
        prop_assert_eq!(keys(&a.intersection(&b)), x.intersection(&y).copied().collect::<Vec<_>>());
        prop_assert_eq!(a.union(&b), b.union(&a));
        prop_assert_eq!(a.difference(&b).union(&a.intersection(&b)), a);
    }
}
