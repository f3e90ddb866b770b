use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;

use portolan_model::{OpenHost, Ranges};

/// Which visits of a plan are to be made, which are over, and what earlier runs left half done: the one place where that
/// is kept, whoever finishes a host.
///
/// Visits are handed out in ascending order and few are under way at a time, so what is over is a handful of ranges
/// however large the plan is.
pub(crate) struct Visits {
    all: u64,
    /// Hosts that an earlier run left open: they come first.
    open: BTreeMap<u64, OpenHost>,
    to_come: VecDeque<RangeInclusive<u64>>,
    left: u64,
    done: Ranges,
    /// How many were over when this run began.
    earlier: u64,
}

/// A host to be visited.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Visit {
    /// Its number in the plan's order.
    pub(crate) number: u64,
    /// What an earlier run settled of it.
    pub(crate) before: Option<OpenHost>,
}

impl Visits {
    /// The visits `0..all` but for those in `done`; what is known of hosts in `open` goes along with their visits.
    pub(crate) fn new(all: u64, done: &Ranges, open: &[OpenHost]) -> Self {
        let inside = |range: RangeInclusive<u64>| *range.start()..=(*range.end()).min(all.saturating_sub(1));
        let done: Ranges = done.ranges().filter(|range| *range.start() < all).map(inside).collect();
        let wanted = |host: &&OpenHost| host.visit < all && !done.contains(host.visit);
        let open: BTreeMap<u64, OpenHost> =
            open.iter().filter(wanted).map(|host| (host.visit, host.clone())).collect();
        let begun = open.keys().map(|visit| *visit..=*visit);
        let taken: Ranges = done.ranges().chain(begun).collect();
        let earlier = done.len();
        Visits { all, open, to_come: taken.gaps(all).collect(), left: all - earlier, done, earlier }
    }

    /// The next visit to be made.
    pub(crate) fn next(&mut self) -> Option<Visit> {
        if let Some((number, before)) = self.open.pop_first() {
            self.left -= 1;
            return Some(Visit { number, before: Some(before) });
        }
        let range = self.to_come.front_mut()?;
        let number = *range.start();
        if number == *range.end() {
            self.to_come.pop_front();
        } else {
            *range = number + 1..=*range.end();
        }
        self.left -= 1;
        Some(Visit { number, before: None })
    }

    /// How many are still to be made.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// All that are to be made are over, without having been made: how many.
    pub(crate) fn finish_rest(&mut self) -> u64 {
        let open = std::mem::take(&mut self.open).into_keys().map(|visit| visit..=visit);
        let rest = self.to_come.drain(..).chain(open.collect::<Vec<_>>());
        self.done = self.done.ranges().chain(rest).collect();
        std::mem::take(&mut self.left)
    }

    /// Those that are still to be made.
    pub(crate) fn to_come(&self) -> impl Iterator<Item = u64> + '_ {
        self.open.keys().copied().chain(self.to_come.iter().cloned().flatten())
    }

    /// This one is over: everything about its host is settled and told.
    pub(crate) fn finished(&mut self, number: u64) {
        self.done.insert(number);
    }

    /// How many were over when this run began.
    pub(crate) fn earlier(&self) -> u64 {
        self.earlier
    }

    /// Those that are over.
    pub(crate) fn done(&self) -> &Ranges {
        &self.done
    }

    /// Hosts that an earlier run left open and that this one has not visited.
    pub(crate) fn still_open(&self) -> impl Iterator<Item = &OpenHost> {
        self.open.values()
    }

    /// Whether all are over.
    pub(crate) fn is_complete(&self) -> bool {
        self.done.len() == self.all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_visit_is_made_once_unless_it_is_over(
            all in 0u64..60,
            done in prop::collection::vec((0u64..80, 0u64..9), 0..6),
            open in prop::collection::vec(0u64..80, 0..6),
        ) {
            let done: Ranges = done.iter().map(|(first, more)| *first..=first + more).collect();
            let open: Vec<OpenHost> = open.iter().map(|visit| OpenHost { visit: *visit, ..OpenHost::default() }).collect();
            let mut visits = Visits::new(all, &done, &open);
            let expected: Vec<u64> = (0..all).filter(|number| !done.contains(*number)).collect();
            prop_assert_eq!(visits.left(), expected.len() as u64);
            let mut made = Vec::new();
            while let Some(visit) = visits.next() {
                prop_assert_eq!(visit.before.is_some(), open.iter().any(|host| host.visit == visit.number));
                made.push(visit.number);
                visits.finished(visit.number);
            }
            made.sort_unstable();
            prop_assert_eq!(made, expected);
            prop_assert!(visits.is_complete() && visits.left() == 0);
        }
    }
}
