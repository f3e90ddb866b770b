use std::cmp::Reverse;
use std::collections::BTreeMap;

use portolan_explain::{Lang, not_shown, not_shown_of, number, others, sent_by, states};
use portolan_model::{Address, Counts, Group, PortState, Reason, Transport};

/// What the table does not show, summed up over all hosts.
#[derive(Default)]
pub(super) struct Folded {
    counts: BTreeMap<Key, u64>,
    left: BTreeMap<Transport, u64>,
}

type Key = (Transport, PortState, Reason, Option<Address>);

impl Folded {
    pub(super) fn add(&mut self, group: &Group) {
        let key = (group.transport, group.state, group.reason, group.from);
        *self.counts.entry(key).or_default() += group.count;
    }

    /// An endpoint that may have been in a group got a row of its own.
    pub(super) fn one_left(&mut self, transport: Transport) {
        *self.left.entry(transport).or_default() += 1;
    }

    /// Takes out of the groups what left them for a row. An update does not say which group its endpoint
    /// was in; the final counts tell of which state there is one too many.
    pub(super) fn settle(&mut self, shown: &Counts, all: &Counts) {
        for ((state, shown), (_, all)) in shown.iter().zip(all.iter()) {
            let folded: u64 = self.counts.iter().filter(|(key, _)| key.1 == state).map(|(_, n)| n).sum();
            let mut excess = (shown + folded).saturating_sub(all);
            for (transport, left) in &mut self.left {
                let of_both = |key: &Key| key.0 == *transport && key.1 == state;
                let largest = self.counts.iter_mut().filter(|(key, _)| of_both(key)).max_by_key(|(_, n)| **n);
                if let Some((_, n)) = largest {
                    let taken = excess.min(*left).min(*n);
                    *n -= taken;
                    *left -= taken;
                    excess -= taken;
                }
            }
        }
        self.counts.retain(|_, n| *n > 0);
    }

    /// `not shown: 10 034 closed (9 962 conn-refused, 72 port-unreach by 192.0.2.1), …`; with several transport
    /// protocols a line each.
    pub(super) fn lines(&self, several: bool, lang: Lang) -> Vec<String> {
        let mut transports: Vec<Transport> = self.counts.keys().map(|key| key.0).collect();
        transports.dedup();
        let line = |transport: Transport| {
            let list = self.of_transport(transport, lang);
            if several { not_shown_of(lang, transport.name(), &list) } else { not_shown(lang, &list) }
        };
        transports.into_iter().map(line).collect()
    }

    fn of_transport(&self, transport: Transport, lang: Lang) -> String {
        let keys = self.counts.keys().filter(|key| key.0 == transport);
        let mut states: Vec<PortState> = keys.map(|key| key.1).collect();
        states.dedup();
        let list: Vec<String> =
            states.into_iter().map(|state| self.of_state(transport, state, lang)).collect();
        list.join(", ")
    }

    fn of_state(&self, transport: Transport, state: PortState, lang: Lang) -> String {
        const TOLD: usize = 6;
        let mut rows: Vec<(Reason, Option<Address>, u64)> = self
            .counts
            .iter()
            .filter(|(key, _)| key.0 == transport && key.1 == state)
            .map(|((_, _, reason, from), n)| (*reason, *from, *n))
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
