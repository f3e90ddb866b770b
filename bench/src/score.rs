use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::told::{State, Told};

/// What every port of the host is.
pub(crate) struct Truth {
    pub(crate) open: Vec<u16>,
    /// They do not answer, or something else answers that they may not be asked.
    pub(crate) filtered: Vec<u16>,
    asked: Vec<u16>,
}

impl Truth {
    /// What a function says of the ports that were asked for.
    pub(crate) fn new(asked: RangeInclusive<u16>, of: impl Fn(u16) -> State) -> Self {
        let all = |wanted| asked.clone().filter(|port| of(*port) == wanted).collect();
        Truth { open: all(State::Open), filtered: all(State::Filtered), asked: asked.collect() }
    }

    /// One port was asked for, and it is open.
    pub(crate) fn one(port: u16) -> Self {
        Truth::new(port..=port, |_| State::Open)
    }

    /// All ports were asked for: a thousand are open and so many filtered, both spread over the whole range.
    pub(crate) fn of_a_thousand(filtered: usize) -> Self {
        Self::spread(u16::MAX, 1000, filtered)
    }

    /// The ports from 1 to the last were asked for, and so many are open and so many filtered.
    pub(crate) fn spread(last: u16, open: u16, filtered: usize) -> Self {
        let open: Vec<u16> = (0..open).map(|n| n * 65 + 7).collect();
        let spread = (1..=last).filter(|port| port % 21 == 4 && !open.contains(port));
        let filtered = spread.take(filtered).collect();
        Truth { open, filtered, asked: (1..=last).collect() }
    }

    fn states(&self) -> BTreeMap<u16, State> {
        let mut states: BTreeMap<u16, State> = self.asked.iter().map(|port| (*port, State::Closed)).collect();
        states.extend(self.filtered.iter().map(|port| (*port, State::Filtered)));
        states.extend(self.open.iter().map(|port| (*port, State::Open)));
        states
    }
}

/// What one run told, held against the truth.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Score {
    /// Ports that are open.
    pub(crate) open: usize,
    /// Of these, the ones that were found.
    pub(crate) open_found: usize,
    /// Ports that were told to be open and are not.
    pub(crate) false_open: usize,
    /// What was told of the other ports, by a program that tells of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) others: Option<Others>,
}

/// Verdicts that are wrong, open ones aside.
#[derive(Copy, Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Others {
    pub(crate) wrong_closed: usize,
    pub(crate) wrong_filtered: usize,
    /// No verdict, or one that is none of open, closed and filtered.
    pub(crate) unsaid: usize,
}

impl Others {
    pub(crate) fn sum(self) -> usize {
        self.wrong_closed + self.wrong_filtered + self.unsaid
    }
}

impl Score {
    pub(crate) fn of(told: &Told, truth: &Truth) -> Self {
        let open: BTreeSet<u16> = truth.open.iter().copied().collect();
        let score = |found: usize, told: usize| Score {
            open: open.len(),
            open_found: found,
            false_open: told - found,
            others: None,
        };
        match told {
            Told::Count(count) => score((*count).min(open.len()), *count),
            Told::Open(ports) => score(ports.intersection(&open).count(), ports.len()),
            Told::All(told) => {
                let ports = told.iter().filter(|(_, state)| **state == State::Open).map(|(port, _)| *port);
                let ports: BTreeSet<u16> = ports.collect();
                let others = Some(others(told, &truth.states()));
                Score { others, ..score(ports.intersection(&open).count(), ports.len()) }
            }
        }
    }

    pub(crate) fn recall(&self) -> f64 {
        self.open_found as f64 / self.open as f64
    }
}

fn others(told: &BTreeMap<u16, State>, truth: &BTreeMap<u16, State>) -> Others {
    let mut others = Others { wrong_closed: 0, wrong_filtered: 0, unsaid: 0 };
    for (port, state) in truth {
        match told.get(port) {
            Some(State::Closed) if *state != State::Closed => others.wrong_closed += 1,
            Some(State::Filtered) if *state != State::Filtered => others.wrong_filtered += 1,
            None | Some(State::Other) => others.unsaid += 1,
            Some(_) => {}
        }
    }
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_are_open_and_three_thousand_dropped() {
        let truth = Truth::of_a_thousand(3000);
        let states = truth.states();
        let count = |wanted| states.values().filter(|state| **state == wanted).count();
        assert_eq!([count(State::Open), count(State::Filtered), count(State::Closed)], [1000, 3000, 61_535]);
    }

    #[test]
    fn a_truth_is_what_its_function_says() {
        let truth = Truth::new(1..=9, |port| match port {
            2 => State::Open,
            4 | 5 => State::Filtered,
            _ => State::Closed,
        });
        assert_eq!((truth.open, truth.filtered, truth.asked.len()), (vec![2], vec![4, 5], 9));
        let spread = Truth::spread(20_000, 300, 0);
        assert_eq!((spread.open.len(), spread.filtered.len(), spread.asked.len()), (300, 0, 20_000));
        assert!(spread.open.iter().all(|port| spread.asked.contains(port)));
    }

    #[test]
    fn every_kind_of_error_is_counted_apart() {
        let truth = Truth { open: vec![1, 2, 3], filtered: vec![4, 5], asked: (1..=9).collect() };
        let mut told = truth.states();
        let right = Score::of(&Told::All(told.clone()), &truth);
        assert_eq!((right.recall(), right.false_open, right.others.map(Others::sum)), (1.0, 0, Some(0)));
        told.insert(2, State::Closed);
        told.insert(3, State::Filtered);
        told.insert(4, State::Closed);
        told.insert(5, State::Open);
        told.insert(6, State::Filtered);
        told.insert(7, State::Other);
        told.remove(&8);
        let others = Others { wrong_closed: 2, wrong_filtered: 2, unsaid: 2 };
        assert_eq!(
            Score::of(&Told::All(told), &truth),
            Score { open: 3, open_found: 1, false_open: 1, others: Some(others) }
        );
    }

    #[test]
    fn who_tells_only_of_open_ports_is_asked_for_no_others() {
        let truth = Truth { open: vec![1, 2], filtered: vec![], asked: (1..=9).collect() };
        let expected = Score { open: 2, open_found: 1, false_open: 2, others: None };
        assert_eq!(Score::of(&Told::Open([1, 7, 8].into()), &truth), expected);
        assert_eq!(Score::of(&Told::Count(3), &truth), Score { open_found: 2, false_open: 1, ..expected });
    }
}
