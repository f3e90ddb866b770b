use portolan_model::Address;

use crate::addresses::AddressSet;
use crate::list::{ListError, Words};
use crate::spec::{Target, TargetError, is_ipv4_like, parse_target, shown};
use crate::special;

/// Addresses that are never asked, whatever else says so.
///
/// An IPv6 address excluded without a zone is excluded in every zone. An IPv4 address is excluded in every form in which
/// it can be reached: IPv4-mapped (which [`Address`] undoes), behind NAT64's well-known prefix, and as a 6to4 network.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Exclusions(AddressSet);

impl Exclusions {
    /// Excludes all of `addresses`.
    pub fn new(addresses: AddressSet) -> Self {
        Exclusions(addresses.union(&special::forms(&addresses)))
    }

    /// Whether nothing is excluded.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is excluded, with all forms of it.
    pub const fn addresses(&self) -> &AddressSet {
        &self.0
    }

    /// Whether `address` must not be asked.
    pub fn covers(&self, address: Address) -> bool {
        self.0.contains(address) || (address.zone() != 0 && self.0.contains(Address::new(address.ip())))
    }

    /// The part of `targets` that may be asked.
    #[must_use]
    pub fn apply(&self, targets: &AddressSet) -> AddressSet {
        targets.difference(&self.0.in_zones_of(targets))
    }
}

/// Reads the argument of `--exclude`: targets without ports, separated by commas.
///
/// Octet lists have commas too, so a comma does not separate where an IPv4 pattern goes on: as long as it
/// has fewer than four octets (`10.0.0,1.5`), or where only octets follow, with no dot (`10.0.0.1,3,7-9`).
/// `10.0.0.1,10.0.0.2` are two. Unlike targets, whole IPv6 networks may be excluded.
pub fn parse_exclude_argument(text: &str) -> Result<Vec<Target>, TargetError> {
    let targets = entries(text).into_iter().map(parse_exclusion).collect::<Result<Vec<_>, _>>()?;
    if targets.is_empty() { Err(TargetError::NoExclusion) } else { Ok(targets) }
}

/// Reads a list of exclusions (`--excludefile FILE`): words as in [`parse_list`](crate::parse_list), each
/// of which may be several exclusions separated by commas, as in [`parse_exclude_argument`].
pub fn parse_exclude_list(bytes: &[u8]) -> Result<Vec<Target>, ListError> {
    let mut targets = Vec::new();
    for word in Words::new(bytes)? {
        let word = word?;
        for entry in entries(word.text) {
            targets.push(
                parse_exclusion(entry).map_err(|source| ListError::Target { line: word.line, source })?,
            );
        }
    }
    if targets.is_empty() { Err(ListError::ExcludeEmpty) } else { Ok(targets) }
}

fn parse_exclusion(text: &str) -> Result<Target, TargetError> {
    let target = parse_target(text)?;
    if target.ports.is_some() {
        return Err(TargetError::ExcludedPorts { text: shown(text) });
    }
    Ok(target)
}

/// The parts between separating commas; empty ones are left out.
fn entries(text: &str) -> Vec<&str> {
    let mut entries = Vec::new();
    let mut start = 0;
    let commas = text.match_indices(',').map(|(at, _)| at).chain([text.len()]);
    for comma in commas {
        let next = text.get(comma + 1..).and_then(|rest| rest.split(',').next());
        let so_far = text.get(start..comma).unwrap_or_default();
        if next.is_some_and(|next| goes_on(so_far.trim(), next.trim())) {
            continue;
        }
        entries.push(so_far.trim());
        start = comma + 1;
    }
    entries.retain(|entry| !entry.is_empty());
    entries
}

/// Whether `next`, behind a comma, belongs to the octet pattern begun in `so_far`.
fn goes_on(so_far: &str, next: &str) -> bool {
    let octets = so_far.matches('.').count() + 1;
    is_ipv4_like(so_far)
        && is_ipv4_like(next)
        && (2..=4).contains(&octets)
        && (octets < 4 || !next.contains('.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spec::What;

    fn texts(argument: &str) -> Vec<String> {
        let targets = parse_exclude_argument(argument).unwrap_or_else(|error| panic!("{error}"));
        targets.iter().map(|target| target.text.escaped()).collect()
    }

    #[test]
    fn commas_separate_except_within_octets() {
        assert_eq!(texts("10.0.0.1,10.0.0.2"), ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(texts("10.0.0.1,3,7-9,host.example"), ["10.0.0.1,3,7-9", "host.example"]);
        assert_eq!(texts("10.0.0,1.5,10.0.9.0/24"), ["10.0.0,1.5", "10.0.9.0/24"]);
        assert_eq!(texts("10.0.0.*,2001:db8::/32,a,b,"), ["10.0.0.*", "2001:db8::/32", "a", "b"]);
        assert_eq!(texts("10.0.0.1-10.0.0.5, fe80::1%eth0"), ["10.0.0.1-10.0.0.5", "fe80::1%eth0"]);
    }

    #[test]
    fn refused_in_one_sentence() {
        let refused = |text: &str| parse_exclude_argument(text).unwrap_err().to_string();
        assert_eq!(refused(""), "no exclusion is named");
        assert_eq!(refused(",,"), "no exclusion is named");
        assert_eq!(refused("10.0.0.0/24,5"), "5: an IPv4 address has four octets, this has 1");
        assert_eq!(
            refused("10.0.0.1:80"),
            "10.0.0.1:80: an exclusion holds for all ports of a host, leave the ports out"
        );
        let file = |bytes: &[u8]| parse_exclude_list(bytes).unwrap_err().to_string();
        assert_eq!(file(b"# none\n"), "the exclude list is empty");
        assert_eq!(file(b",\n"), "the exclude list is empty");
        assert_eq!(
            file(b"a\nb,300.1.1.1"),
            "line 2: 300.1.1.1: '300' is no octet, each is a number from 0 to 255"
        );
    }

    #[test]
    fn whole_networks_may_be_excluded() {
        let targets = parse_exclude_list(b"2001:db8::/32\n10.0.0.1,3,10.9.0.0/16 # x").unwrap();
        assert_eq!(targets.len(), 3);
        let What::Range(network) = &targets[0].what else { panic!("a network") };
        assert_eq!(network.len(), 1 << 96);
    }

    #[test]
    fn without_a_zone_means_in_every_zone() {
        let link_local = |zone| Address::with_zone("fe80::1".parse().unwrap(), zone);
        let exclusions = Exclusions::new(link_local(0).into());
        assert!(exclusions.covers(link_local(7)) && exclusions.covers(link_local(0)));
        assert!(exclusions.apply(&link_local(7).into()).is_empty());
        let exclusions = Exclusions::new(link_local(2).into());
        assert!(!exclusions.covers(link_local(7)) && exclusions.covers(link_local(2)));
        let mapped = Address::new("::ffff:192.0.2.1".parse().unwrap());
        assert!(Exclusions::new(AddressSet::from(Address::new("192.0.2.1".parse().unwrap()))).covers(mapped));
    }

    fn set() -> impl Strategy<Value = AddressSet> {
        let v4 = (0..20_u32).prop_map(|n| Address::from(std::net::Ipv4Addr::from_bits(n)));
        let v6 = (0..20_u128, 0..3_u32).prop_map(|(n, zone)| {
            Address::with_zone(std::net::Ipv6Addr::from_bits((0xfe80 << 112) + n), zone)
        });
        prop::collection::vec(prop_oneof![v4, v6], 0..30).prop_map(AddressSet::from_iter)
    }

    proptest! {
        #[test]
        fn what_is_covered_is_taken_out(targets in set(), excluded in set()) {
            let exclusions = Exclusions::new(excluded);
            let left: AddressSet = targets.iter().filter(|address| !exclusions.covers(*address)).collect();
            prop_assert_eq!(exclusions.apply(&targets), left);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, text in "[0-9.,*/-]{0,30}|\\PC*") {
            let _ = parse_exclude_list(&bytes);
            let _ = parse_exclude_list(text.as_bytes());
            let kept: String = entries(&text).concat();
            let written = |text: &str| text.chars().filter(|c| *c != ',' && !c.is_whitespace()).count();
            prop_assert_eq!(written(&kept), written(&text), "nothing is lost between commas");
            let _ = parse_exclude_argument(&text);
        }
    }
}
