use std::ops::RangeInclusive;

use crate::ports::PortSet;

/// Where a scan is: what another run need not ask again.
///
/// Hosts are named by the number of their visit in the plan's order, so a checkpoint means nothing beside another plan.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Checkpoint {
    /// The plan whose visits these are.
    pub plan: PlanHash,
    /// Whether nothing is left to ask.
    pub complete: bool,
    /// The visits that are over.
    pub done: Ranges,
    /// Hosts that were begun, each once, and of which something is settled.
    pub open: Vec<OpenHost>,
}

/// What of a plan must be the same for its visits to be the same, by what people would say has changed.
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug)]
pub struct PlanHash {
    /// The targets, before exclusions, and which of them are named singly.
    pub targets: u128,
    /// Their ports.
    pub ports: u128,
    /// What is excluded.
    pub excluded: u128,
    /// The order of the visits: seed, shard, and how both make an order.
    pub order: u128,
}

/// A host that was begun and not finished.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct OpenHost {
    /// The number of its visit.
    pub visit: u64,
    /// Whether it has answered anything.
    pub heard: bool,
    /// Over TCP.
    pub tcp: OpenPorts,
    /// Over UDP.
    pub udp: OpenPorts,
}

/// The ports of such a host over one transport.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct OpenPorts {
    /// Ports that have their verdict.
    pub settled: PortSet,
    /// A few of them by which the host answered: asked once more, they show that it still does.
    pub witnesses: Vec<u16>,
    /// Those of them that are settled by a silence that would mean less if answers turned out to get lost.
    pub silent: PortSet,
    /// Ports that are not settled and were asked in vain: if they answer, a packet was lost before.
    pub unanswered: PortSet,
    /// How many ports answered their first attempt, and a later one.
    pub answers: (u32, u32),
    /// Whether the path broke for a while.
    pub spell: bool,
}

/// A set of numbers, kept as sorted ranges that neither touch nor overlap.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Ranges {
    ranges: Vec<(u64, u64)>,
}

impl Ranges {
    /// The empty set.
    pub const fn new() -> Self {
        Ranges { ranges: Vec::new() }
    }

    /// How many numbers; saturating.
    pub fn len(&self) -> u64 {
        self.ranges
            .iter()
            .fold(0, |len: u64, (first, last)| len.saturating_add(last - first).saturating_add(1))
    }

    /// Whether no number is in the set.
    pub const fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether `number` is in the set.
    pub fn contains(&self, number: u64) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= number);
        after > 0 && self.ranges[after - 1].1 >= number
    }

    /// Adds one number.
    pub fn insert(&mut self, number: u64) {
        let after = self.ranges.partition_point(|(first, _)| *first <= number);
        let joins_before = after > 0 && self.ranges[after - 1].1 >= number.saturating_sub(1);
        let joins_after =
            self.ranges.get(after).is_some_and(|(first, _)| number.checked_add(1) == Some(*first));
        match (joins_before, joins_after) {
            (true, true) => {
                self.ranges[after - 1].1 = self.ranges[after].1;
                self.ranges.remove(after);
            }
            (true, false) => self.ranges[after - 1].1 = self.ranges[after - 1].1.max(number),
            (false, true) => self.ranges[after].0 = number,
            (false, false) => self.ranges.insert(after, (number, number)),
        }
    }

    /// The ranges in ascending order, both ends included.
    pub fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u64>> + '_ {
        self.ranges.iter().map(|(first, last)| *first..=*last)
    }

    /// The numbers below `end` that are not in the set, as ascending ranges.
    pub fn gaps(&self, end: u64) -> impl Iterator<Item = RangeInclusive<u64>> + '_ {
        let starts = std::iter::once(Some(0)).chain(self.ranges.iter().map(|(_, last)| last.checked_add(1)));
        let ends = self.ranges.iter().map(|(first, _)| *first).chain([u64::MAX]);
        starts.zip(ends).filter_map(move |(start, until)| {
            let (start, until) = (start?, until.min(end));
            (start < until).then(|| start..=until - 1)
        })
    }
}

impl FromIterator<RangeInclusive<u64>> for Ranges {
    fn from_iter<I: IntoIterator<Item = RangeInclusive<u64>>>(iter: I) -> Self {
        let full = |range: &RangeInclusive<u64>| !range.is_empty();
        let mut ranges: Vec<(u64, u64)> =
            iter.into_iter().filter(full).map(|range| range.into_inner()).collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Ranges { ranges: merged }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_are_a_set_of_numbers(numbers in prop::collection::vec(0u64..40, 0..60), end in 0u64..50) {
            let mut ranges = Ranges::new();
            numbers.iter().for_each(|number| ranges.insert(*number));
            let set: BTreeSet<u64> = numbers.iter().copied().collect();
            prop_assert_eq!(ranges.ranges().flatten().collect::<Vec<_>>(), set.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(&numbers.iter().map(|number| *number..=*number).collect::<Ranges>(), &ranges);
            prop_assert_eq!(ranges.len(), set.len() as u64);
            prop_assert!((0..50).all(|number| ranges.contains(number) == set.contains(&number)));
            let gaps: Vec<u64> = ranges.gaps(end).flatten().collect();
            prop_assert_eq!(gaps, (0..end).filter(|number| !set.contains(number)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_ends_of_the_numbers_are_numbers() {
        let mut ranges: Ranges = [5..=u64::MAX, 0..=1].into_iter().collect();
        ranges.insert(u64::MAX);
        ranges.insert(0);
        assert_eq!(ranges.gaps(u64::MAX).collect::<Vec<_>>(), [2..=4]);
        #[expect(clippy::reversed_empty_ranges, reason = "a range of no number is what is tested")]
        let empty: Ranges = [7..=3].into_iter().collect();
        assert!(empty.is_empty() && !empty.contains(5));
        let all: Ranges = std::iter::once(0..=u64::MAX).collect();
        assert_eq!((all.len(), all.gaps(9).count()), (u64::MAX, 0));
    }
}
