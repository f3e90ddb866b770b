use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::told::{State, Told};

/// What every port of the host is.
pub(crate) struct Truth {
    pub(crate) open: Vec<u16>,
    pub(crate) dropped: Vec<u16>,
    asked: Vec<u16>,
}

impl Truth {
    /// One port was asked for, and it is open.
    pub(crate) fn one(port: u16) -> Self {
        Truth { open: vec![port], dropped: Vec::new(), asked: vec![port] }
    }

    /// All ports were asked for: a thousand are open and so many dropped, both spread over the whole range.
    pub(crate) fn of_a_thousand(dropped: usize) -> Self {
        let open: Vec<u16> = (0..1000).map(|n| n * 65 + 7).collect();
        let spread = (1..=u16::MAX).filter(|port| port % 21 == 4 && !open.contains(port));
        let dropped = spread.take(dropped).collect();
        Truth { open, dropped, asked: (1..=u16::MAX).collect() }
    }

    fn states(&self) -> BTreeMap<u16, State> {
        let mut states: BTreeMap<u16, State> = self.asked.iter().map(|port| (*port, State::Closed)).collect();
        states.extend(self.dropped.iter().map(|port| (*port, State::Filtered)));
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
    fn every_kind_of_error_is_counted_apart() {
        let truth = Truth { open: vec![1, 2, 3], dropped: vec![4, 5], asked: (1..=9).collect() };
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
        let truth = Truth { open: vec![1, 2], dropped: vec![], asked: (1..=9).collect() };
        let expected = Score { open: 2, open_found: 1, false_open: 2, others: None };
        assert_eq!(Score::of(&Told::Open([1, 7, 8].into()), &truth), expected);
        assert_eq!(Score::of(&Told::Count(3), &truth), Score { open_found: 2, false_open: 1, ..expected });
    }
}
