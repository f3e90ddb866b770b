use std::cmp::Reverse;
use std::collections::BinaryHeap;

use portolan_model::Instant;

/// What will happen, by time; at the same time in the order in which it was put down.
///
/// The heap holds places only, so that sifting moves 24 bytes whatever an entry is.
#[derive(Debug)]
pub(crate) struct Agenda<T> {
    heap: BinaryHeap<Reverse<(Instant, u64, u32)>>,
    entries: Vec<Option<T>>,
    free: Vec<u32>,
    sequence: u64,
}

impl<T> Agenda<T> {
    pub(crate) const fn new() -> Self {
        Agenda { heap: BinaryHeap::new(), entries: Vec::new(), free: Vec::new(), sequence: 0 }
    }

    pub(crate) fn put(&mut self, at: Instant, entry: T) {
        let place = match self.free.pop() {
            Some(place) => {
                self.entries[place as usize] = Some(entry);
                place
            }
            None => {
                self.entries.push(Some(entry));
                u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.sequence += 1;
        self.heap.push(Reverse((at, self.sequence, place)));
    }

    /// When the next entry is due.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Takes out the next entry if it is due by `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, T)> {
        if self.next_at()? > now {
            return None;
        }
        let Reverse((at, _, place)) = self.heap.pop()?;
        let entry = self.entries[place as usize].take()?;
        self.free.push(place);
        Some((at, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_time_and_then_by_order() {
        let mut agenda = Agenda::new();
        for (at, name) in [(5, 'a'), (3, 'b'), (5, 'c'), (3, 'd'), (9, 'e')] {
            agenda.put(Instant::from_nanos(at), name);
        }
        let now = Instant::from_nanos(5);
        let names: String = std::iter::from_fn(|| agenda.pop_due(now)).map(|(_, name)| name).collect();
        assert_eq!(names, "bdac");
        assert_eq!(agenda.next_at(), Some(Instant::from_nanos(9)));
    }
}
