use std::collections::{BTreeMap, HashMap};

use crate::addresses::{AddressSet, Plane, Span};
use crate::by_transport::Ports;

/// Makes of entries that may overlap a short list of products that do not.
///
/// Each host is in exactly one product, with the union of the ports of all entries that name it; hosts
/// with the same ports share a product. The order is that of each product's lowest address. Entries
/// without a host or without a port ask nothing and fall away.
///
/// It sweeps once over the ends of all ranges, so its cost is that of sorting them.
pub fn partition(entries: Vec<(AddressSet, Ports)>) -> Vec<(AddressSet, Ports)> {
    let mut ports = Interner::default();
    let mut ends = Vec::new();
    for (addresses, set) in entries {
        if set.is_empty() {
            continue;
        }
        let id = ports.id(set);
        for span in addresses.spans() {
            ends.push(End { plane: span.plane, at: span.first, kind: Kind::First, id });
            ends.push(End { plane: span.plane, at: span.last, kind: Kind::Last, id });
        }
    }
    ends.sort_unstable();

    let mut products = Products::default();
    let mut active = Active::default();
    // Where the stretch begins that is not yet given out; `None` behind the last address there is.
    let mut start = Some(0);
    for end in ends {
        match end.kind {
            Kind::First => {
                if let (Some(first), Some(last)) = (start, end.at.checked_sub(1)) {
                    products.add(Span { plane: end.plane, first, last }, &active, &mut ports);
                }
                active.enter(end.id);
                start = Some(end.at);
            }
            Kind::Last => {
                if let Some(first) = start {
                    products.add(Span { plane: end.plane, first, last: end.at }, &active, &mut ports);
                }
                active.leave(end.id);
                start = end.at.checked_add(1);
            }
        }
    }
    products.finish(ports)
}

/// One end of a range. The order is that of the sweep: a range that ends where another starts shares
/// that address with it, so `First` comes before `Last`.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    plane: Plane,
    at: u128,
    kind: Kind,
    id: usize,
}

#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    First,
    Last,
}

/// Numbers for port sets, equal sets one number: most lists give all hosts the same ports.
#[derive(Default)]
struct Interner {
    ids: HashMap<Ports, usize>,
    sets: Vec<Ports>,
    unions: HashMap<Vec<usize>, usize>,
}

impl Interner {
    fn id(&mut self, set: Ports) -> usize {
        if let Some(id) = self.ids.get(&set) {
            return *id;
        }
        self.sets.push(set.clone());
        self.ids.insert(set, self.sets.len() - 1);
        self.sets.len() - 1
    }

    fn union(&mut self, ids: &[usize]) -> usize {
        if let [only] = ids {
            return *only;
        }
        if let Some(id) = self.unions.get(ids) {
            return *id;
        }
        let sets = ids.iter().filter_map(|id| self.sets.get(*id));
        let union = sets.fold(Ports::default(), |all, set| all.union(set));
        let id = self.id(union);
        self.unions.insert(ids.to_vec(), id);
        id
    }
}

/// The port sets in force at the sweep's place, each with how many ranges bring it.
#[derive(Default)]
struct Active(BTreeMap<usize, usize>);

impl Active {
    fn enter(&mut self, id: usize) {
        *self.0.entry(id).or_default() += 1;
    }

    fn leave(&mut self, id: usize) {
        if let Some(count) = self.0.get_mut(&id) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&id);
            }
        }
    }
}

/// The spans given out so far, by the number of their port set.
#[derive(Default)]
struct Products {
    index: HashMap<usize, usize>,
    spans: Vec<(usize, Vec<Span>)>,
}

impl Products {
    fn add(&mut self, span: Span, active: &Active, ports: &mut Interner) {
        if active.0.is_empty() || span.first > span.last {
            return;
        }
        let ids: Vec<usize> = active.0.keys().copied().collect();
        let id = ports.union(&ids);
        let place = *self.index.entry(id).or_insert_with(|| {
            self.spans.push((id, Vec::new()));
            self.spans.len() - 1
        });
        if let Some((_, spans)) = self.spans.get_mut(place) {
            spans.push(span);
        }
    }

    fn finish(self, ports: Interner) -> Vec<(AddressSet, Ports)> {
        let set_of = |id: usize| ports.sets.get(id).cloned().unwrap_or_default();
        self.spans.into_iter().map(|(id, spans)| (AddressSet::from_spans(spans), set_of(id))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use portolan_model::{Address, AddressRange, PortSet};
    use proptest::prelude::*;

    use super::*;

    fn host(n: u32) -> Address {
        Ipv4Addr::from_bits(0x0a00_0000 + n).into()
    }

    fn hosts(first: u32, last: u32) -> AddressSet {
        AddressRange { first: host(first), last: host(last) }.into()
    }

    fn ports(first: u16, last: u16) -> Ports {
        Ports::tcp([first..=last].into_iter().collect())
    }

    #[test]
    fn a_host_named_twice_gets_both() {
        let parts = partition(vec![
            (hosts(0, 9), ports(80, 80)),
            (hosts(3, 3), ports(22, 22)),
            (hosts(5, 20), ports(80, 80)),
        ]);
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0], (hosts(0, 2).union(&hosts(4, 20)), ports(80, 80)));
        assert_eq!(parts[1], (hosts(3, 3), Ports::tcp([22, 80].into_iter().collect())));
    }

    #[test]
    fn the_last_address_of_all_is_no_trap() {
        let last: Address = Address::new("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap());
        let before = Address::new("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe".parse().unwrap());
        let both = AddressSet::from(AddressRange { first: before, last });
        let parts = partition(vec![
            (both.clone(), ports(1, 1)),
            (last.into(), ports(2, 2)),
            (last.into(), ports(3, 3)),
        ]);
        assert_eq!(parts, [(before.into(), ports(1, 1)), (last.into(), ports(1, 3))]);
    }

    #[test]
    fn nothing_to_ask_falls_away() {
        assert!(
            partition(vec![(hosts(0, 9), Ports::default()), (AddressSet::new(), ports(1, 9))]).is_empty()
        );
    }

    #[test]
    fn a_hundred_thousand_entries_are_no_trouble() {
        // Three port sets, each host named twice: what a quadratic way would choke on.
        let entry = |n: u32| {
            let port = 80 + u16::try_from(n % 3).unwrap();
            (AddressSet::from(host(n * 7 % 50_000)), ports(port, port))
        };
        let parts = partition((0..100_000).map(entry).collect());
        assert_eq!(parts.iter().map(|(addresses, _)| addresses.len()).sum::<u128>(), 50_000);
        assert!(parts.len() <= 6);
    }

    fn entry() -> impl Strategy<Value = (AddressSet, Ports)> {
        let range = (0..40_u32, 0..12_u32).prop_map(|(first, more)| hosts(first, first + more));
        let zoned = (0..6_u128, 1..3_u32).prop_map(|(n, zone)| {
            Address::with_zone(std::net::Ipv6Addr::from_bits((0xfe80 << 112) + n), zone).into()
        });
        let set = prop::collection::vec(prop_oneof![range, zoned], 0..4)
            .prop_map(|sets| sets.iter().fold(AddressSet::new(), |all, set: &AddressSet| all.union(set)));
        let ports = prop::collection::vec(1..6_u16, 0..3).prop_map(PortSet::from_iter);
        (set, (ports.clone(), ports).prop_map(|(tcp, udp)| Ports { tcp, udp }))
    }

    proptest! {
        #[test]
        fn every_endpoint_is_in_exactly_one_product(entries in prop::collection::vec(entry(), 0..8)) {
            let mut truth: BTreeMap<Address, Ports> = BTreeMap::new();
            for (addresses, ports) in &entries {
                for address in addresses.iter() {
                    let all = truth.entry(address).or_default();
                    *all = all.union(ports);
                }
            }
            truth.retain(|_, ports| !ports.is_empty());

            let parts = partition(entries);
            let mut found = BTreeMap::new();
            for (index, (addresses, ports)) in parts.iter().enumerate() {
                prop_assert!(!addresses.is_empty());
                prop_assert!(parts[..index].iter().all(|(_, other)| other != ports), "one product a port set");
                for address in addresses.iter() {
                    prop_assert!(found.insert(address, ports.clone()).is_none(), "{} twice", address);
                }
            }
            prop_assert_eq!(found, truth);
        }
    }
}
