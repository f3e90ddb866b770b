//! Prefixes for all of whose addresses one machine answers.
//!
//! Of IPv6 ranges, hosts are so few that many answers at random addresses mean something else: a middlebox or a server to
//! which the whole prefix is routed (Gasser et al., "Clusters in the Expanse", IMC 2018, section 5, asks 16 addresses as we
//! do). Only addresses that are to be scanned anyway are asked for it.

use std::net::IpAddr;

use portolan_model::sockets::Outcome;
use portolan_model::{Address, AddressRange, Mac, Pong, Reason};

use super::judge;
use crate::arrivals::Arrival;
use crate::plan::Plan;

/// So many addresses of a range are asked before it is believed.
const ASKED: usize = 16;
/// Shorter ranges may well be full of hosts.
const SHORTEST: u128 = 256;
/// No more ranges are watched: of each, a few hosts wait for what becomes of it.
const MOST_RANGES: usize = 1024;

/// What is to be done with an address.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Admission {
    /// It is asked.
    Ask,
    /// Not now: the first addresses of its range have not been settled.
    Wait,
    /// Somebody else of its range is asked for it.
    Skip,
}

/// What became of a host that is there.
#[derive(Debug)]
pub(super) enum Outcomes {
    /// These are to be scanned.
    Pass(Vec<Arrival>),
    /// It waits for the others of its range.
    Held,
    /// Its range is aliased: one of the hosts is to be scanned, so many others are not.
    Aliased { range: AddressRange, kept: Box<Arrival>, others: Vec<Arrival> },
}

/// How an address answered. One machine answers alike at all of them.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct Likeness {
    reason: Reason,
    ttl: Option<u8>,
    mac: Option<Mac>,
}

impl Likeness {
    pub(super) fn of(reason: Reason, outcome: &Outcome) -> Self {
        let mac = match outcome {
            Outcome::Pong(Pong::Neighbour { mac }) => Some(*mac),
            _ => None,
        };
        Likeness { reason, ttl: judge::ttl(outcome), mac }
    }

    /// Two questions are answered in two ways, the same question in one.
    fn fits(self, other: Likeness) -> bool {
        self.reason != other.reason || self == other
    }
}

/// The long IPv6 ranges of a plan.
pub(super) struct Prefixes {
    /// By zone and address.
    prefixes: Vec<Prefix>,
    /// Addresses of aliased ones.
    aliased: u128,
}

#[derive(Debug)]
struct Prefix {
    range: AddressRange,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Its first addresses are asked: so many by now, and these answered.
    Tested {
        asked: usize,
        up: Vec<Arrival>,
        alike: Vec<Likeness>,
    },
    /// There is nothing special about it.
    Ordinary,
    Aliased,
}

impl Prefixes {
    /// Those of `plan`, if it wants to know.
    pub(super) fn new(plan: &Plan) -> Self {
        let wanted = plan.spec.discovery.as_ref().is_some_and(|discovery| discovery.collapse_aliased);
        let long = |range: &AddressRange| {
            // Whatever the user named singly is asked.
            range.first.is_ipv6() && len(range) >= SHORTEST && !plan.is_named(range.first)
        };
        let ranges = plan.hosts_by_product().filter(|_| wanted).flat_map(|hosts| hosts.ranges());
        let mut ranges: Vec<AddressRange> = ranges.filter(long).collect();
        ranges.sort_unstable_by_key(|range| std::cmp::Reverse(len(range)));
        ranges.truncate(MOST_RANGES);
        ranges.sort_unstable_by_key(|range| (range.first.zone(), range.first));
        let tested = || State::Tested { asked: 0, up: Vec::new(), alike: Vec::new() };
        let prefixes = ranges.into_iter().map(|range| Prefix { range, state: tested() });
        Prefixes { prefixes: prefixes.collect(), aliased: 0 }
    }

    /// How many addresses are of aliased ranges.
    pub(super) fn aliased(&self) -> u128 {
        self.aliased
    }

    /// An address is about to be asked.
    pub(super) fn admit(&mut self, address: Address) -> Admission {
        match self.find(address).map(|prefix| &mut prefix.state) {
            None | Some(State::Ordinary) => Admission::Ask,
            Some(State::Aliased) => Admission::Skip,
            Some(State::Tested { asked, .. }) if *asked == ASKED => Admission::Wait,
            Some(State::Tested { asked, .. }) => {
                *asked += 1;
                Admission::Ask
            }
        }
    }

    /// A host is there.
    pub(super) fn up(&mut self, host: Arrival, likeness: Likeness) -> Outcomes {
        let Some(prefix) = self.find(host.address) else { return Outcomes::Pass(vec![host]) };
        let State::Tested { up, alike, .. } = &mut prefix.state else { return Outcomes::Pass(vec![host]) };
        up.push(host);
        if !alike.iter().all(|other| likeness.fits(*other)) {
            return Outcomes::Pass(prefix.is_ordinary());
        }
        if !alike.contains(&likeness) {
            alike.push(likeness);
        }
        if up.len() < ASKED {
            return Outcomes::Held;
        }
        let mut others = std::mem::take(up);
        let kept = Box::new(others.swap_remove(0));
        prefix.state = State::Aliased;
        let range = prefix.range;
        self.aliased = self.aliased.saturating_add(len(&range));
        Outcomes::Aliased { range, kept, others }
    }

    /// Nobody answers at an address, as far as could be asked: hosts of its range that waited.
    pub(super) fn not_up(&mut self, address: Address) -> Vec<Arrival> {
        self.find(address).map(Prefix::is_ordinary).unwrap_or_default()
    }

    /// A whole round brought no answer of an address. Where that is so of all that were asked, no machine answers for all.
    pub(super) fn quiet_so_far(&mut self, address: Address) {
        if let Some(prefix) = self.find(address)
            && matches!(&prefix.state, State::Tested { up, .. } if up.is_empty())
        {
            prefix.is_ordinary();
        }
    }

    /// No more addresses will be asked: hosts that waited for others of their range.
    pub(super) fn end(&mut self) -> Vec<Arrival> {
        self.prefixes.iter_mut().flat_map(Prefix::is_ordinary).collect()
    }

    fn find(&mut self, address: Address) -> Option<&mut Prefix> {
        let key = |address: Address| (address.zone(), address);
        let behind = self.prefixes.partition_point(|prefix| key(prefix.range.first) <= key(address));
        let prefix = self.prefixes.get_mut(behind.checked_sub(1)?)?;
        (prefix.range.first.zone() == address.zone() && address <= prefix.range.last).then_some(prefix)
    }
}

impl Prefix {
    /// It is a range as any other, unless it is known to be none: the hosts that waited for that.
    fn is_ordinary(&mut self) -> Vec<Arrival> {
        let State::Tested { up, .. } = &mut self.state else { return Vec::new() };
        let up = std::mem::take(up);
        self.state = State::Ordinary;
        up
    }
}

fn len(range: &AddressRange) -> u128 {
    match (range.first.ip(), range.last.ip()) {
        (IpAddr::V6(first), IpAddr::V6(last)) => (last.to_bits() - first.to_bits()).saturating_add(1),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Discovery, PlanSpec};
    use crate::visits::Visit;
    use portolan_target::{AddressSet, Ports};
    use std::net::Ipv6Addr;

    const BASE: u128 = 0x2001_0db8 << 96;

    fn address(n: u128) -> Address {
        Address::with_zone(Ipv6Addr::from_bits(BASE + n), 0)
    }

    fn prefixes(ranges: &[(u128, u128)]) -> Prefixes {
        let range =
            |(first, last): &(u128, u128)| AddressRange { first: address(*first), last: address(*last) };
        let hosts: AddressSet = ranges.iter().map(range).collect();
        let products = vec![(hosts, Ports::tcp([80u16].into_iter().collect()))];
        let discovery = Some(Discovery::default());
        Prefixes::new(&Plan::new(PlanSpec { products, discovery, ..PlanSpec::default() }).unwrap())
    }

    fn host(n: u128) -> Arrival {
        Arrival { visit: Visit { number: 0, before: None }, address: address(n), product: 0, found: None }
    }

    fn echo(ttl: u8) -> Likeness {
        Likeness::of(Reason::EchoReply, &Outcome::Pong(Pong::Echo { ttl }))
    }

    #[test]
    fn sixteen_answers_alike_are_one_machine() {
        let mut prefixes = prefixes(&[(0, 255), (1000, 1200)]);
        for n in 0..16 {
            assert_eq!(prefixes.admit(address(n)), Admission::Ask);
        }
        assert_eq!(prefixes.admit(address(200)), Admission::Wait);
        // Shorter than 256, and in no range at all.
        assert_eq!(prefixes.admit(address(1000)), Admission::Ask);
        assert!(matches!(prefixes.up(host(1001), echo(60)), Outcomes::Pass(hosts) if hosts.len() == 1));
        for n in 0..15 {
            // One of them by another question, which is no sign of another machine.
            let likeness =
                if n == 3 { Likeness { reason: Reason::SynAck, ttl: Some(50), mac: None } } else { echo(60) };
            assert!(matches!(prefixes.up(host(n), likeness), Outcomes::Held));
        }
        let Outcomes::Aliased { range, kept, others } = prefixes.up(host(15), echo(60)) else {
            panic!("not aliased")
        };
        assert_eq!((range.first, range.last), (address(0), address(255)));
        assert_eq!((kept.address, others.len()), (address(0), 15));
        assert_eq!((prefixes.admit(address(200)), prefixes.aliased()), (Admission::Skip, 256));
    }

    #[test]
    fn one_that_differs_or_is_missing_makes_it_ordinary() {
        let mut prefixes = prefixes(&[(0, 1 << 40), (1 << 41, 1 << 42)]);
        for n in 0..16 {
            prefixes.admit(address(n));
            prefixes.admit(address((1 << 41) + n));
        }
        for n in 0..14 {
            assert!(matches!(prefixes.up(host(n), echo(60)), Outcomes::Held));
            assert!(matches!(prefixes.up(host((1 << 41) + n), echo(60)), Outcomes::Held));
        }
        assert!(matches!(prefixes.up(host(14), echo(59)), Outcomes::Pass(hosts) if hosts.len() == 15));
        assert_eq!(prefixes.admit(address(99)), Admission::Ask);
        assert_eq!(prefixes.not_up(address((1 << 41) + 15)).len(), 14);
        assert_eq!((prefixes.admit(address(1 << 42)), prefixes.aliased()), (Admission::Ask, 0));
    }

    #[test]
    fn where_nobody_answers_nobody_waits_for_long() {
        let mut prefixes = prefixes(&[(0, 1 << 20)]);
        for n in 0..16 {
            prefixes.admit(address(n));
        }
        prefixes.quiet_so_far(address(7));
        assert_eq!(prefixes.admit(address(20)), Admission::Ask);
    }
}
