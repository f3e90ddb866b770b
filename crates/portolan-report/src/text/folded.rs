use std::cmp::Reverse;
use std::collections::BTreeMap;

use portolan_explain::{Lang, not_shown, number, others, sent_by, states};
use portolan_model::{Address, Counts, Group, PortState, Reason};

/// What the table does not show, summed up over all hosts.
#[derive(Default)]
pub(super) struct Folded {
    counts: BTreeMap<(PortState, Reason, Option<Address>), u64>,
    left: u64,
}

impl Folded {
    pub(super) fn add(&mut self, group: &Group) {
        *self.counts.entry((group.state, group.reason, group.from)).or_default() += group.count;
    }

    /// An endpoint that may have been in a group got a row of its own.
    pub(super) fn one_left(&mut self) {
        self.left += 1;
    }

    /// Takes out of the groups what left them for a row. An update does not say which group its endpoint
    /// was in; the final counts tell of which state there is one too many.
    pub(super) fn settle(&mut self, shown: &Counts, all: &Counts) {
        for ((state, shown), (_, all)) in shown.iter().zip(all.iter()) {
            let folded: u64 = self.counts.iter().filter(|(key, _)| key.0 == state).map(|(_, n)| n).sum();
            let excess = (shown + folded).saturating_sub(all).min(self.left);
            let largest = self.counts.iter_mut().filter(|(key, _)| key.0 == state).max_by_key(|(_, n)| **n);
            if let Some((_, n)) = largest {
                *n = n.saturating_sub(excess);
                self.left -= excess;
            }
        }
        self.counts.retain(|_, n| *n > 0);
    }

    /// `not shown: 10 034 closed (9 962 conn-refused, 72 port-unreach by 192.0.2.1), …`
    pub(super) fn line(&self, lang: Lang) -> Option<String> {
        let mut states: Vec<PortState> = self.counts.keys().map(|key| key.0).collect();
        states.dedup();
        let list: Vec<String> = states.into_iter().map(|state| self.of_state(state, lang)).collect();
        (!list.is_empty()).then(|| not_shown(lang, &list.join(", ")))
    }

    fn of_state(&self, state: PortState, lang: Lang) -> String {
        const TOLD: usize = 6;
        let mut rows: Vec<(Reason, Option<Address>, u64)> = self
            .counts
            .iter()
            .filter(|(key, _)| key.0 == state)
            .map(|((_, reason, from), n)| (*reason, *from, *n))
            .collect();
        rows.sort_by_key(|(_, _, n)| Reverse(*n));
        let total: u64 = rows.iter().map(|(_, _, n)| n).sum();
        let mut reasons: Vec<String> =
            rows.iter().take(TOLD).map(|(reason, from, n)| one(*reason, *from, *n, lang)).collect();
        let rest: u64 = rows.iter().skip(TOLD).map(|(_, _, n)| n).sum();
        if rest > 0 {
            reasons.push(others(lang, rest));
        }
        format!("{} {} ({})", number(lang, total), states(lang, state, total), reasons.join(", "))
    }
}

fn one(reason: Reason, from: Option<Address>, n: u64, lang: Lang) -> String {
    let by = from.map(|from| format!(" {}", sent_by(lang, &from.to_string()))).unwrap_or_default();
    format!("{} {}{by}", number(lang, n), reason.token())
}
