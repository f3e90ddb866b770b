use portolan_model::Instant;

/// A heap of moments, one at most for each small index, from which any can be taken out.
///
/// Answers come long before their deadlines. A heap without removal would keep a deadline for every
/// probe of the last second; this one holds only those that still wait.
#[derive(Default, Debug)]
pub(crate) struct Heap {
    entries: Vec<(Instant, u32)>,
    /// Where an index stands in `entries`, plus one; zero if it does not.
    places: Vec<u32>,
}

impl Heap {
    /// Sets the moment of `index`, replacing an earlier one.
    pub(crate) fn set(&mut self, index: u32, at: Instant) {
        self.remove(index);
        let slot = index as usize;
        if self.places.len() <= slot {
            self.places.resize(slot + 1, 0);
        }
        self.entries.push((at, index));
        self.rise(self.entries.len() - 1);
    }

    /// Takes `index` out, if it is there.
    pub(crate) fn remove(&mut self, index: u32) {
        let Some(place) = self.places.get(index as usize).copied().filter(|place| *place > 0) else { return };
        let place = place as usize - 1;
        self.places[index as usize] = 0;
        self.entries.swap_remove(place);
        if place < self.entries.len() {
            self.sink(place);
            self.rise(place);
        }
    }

    /// The moment of `index`, if it is there.
    pub(crate) fn at(&self, index: u32) -> Option<Instant> {
        let place = self.places.get(index as usize).copied().filter(|place| *place > 0)?;
        self.entries.get(place as usize - 1).map(|(at, _)| *at)
    }

    /// The earliest moment.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.entries.first().map(|(at, _)| *at)
    }

    /// Takes out the earliest index whose moment is not after `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<u32> {
        let (at, index) = *self.entries.first()?;
        if at > now {
            return None;
        }
        self.remove(index);
        Some(index)
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 && self.entries[place] < self.entries[(place - 1) / 2] {
            self.entries.swap(place, (place - 1) / 2);
            self.note(place);
            place = (place - 1) / 2;
        }
        self.note(place);
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let mut least = place;
            for child in [2 * place + 1, 2 * place + 2] {
                if child < self.entries.len() && self.entries[child] < self.entries[least] {
                    least = child;
                }
            }
            if least == place {
                break;
            }
            self.entries.swap(place, least);
            self.note(place);
            place = least;
        }
        self.note(place);
    }

    fn note(&mut self, place: usize) {
        // Indices are slots of the flight or of the host table: far below 2^32.
        self.places[self.entries[place].1 as usize] = u32::try_from(place + 1).unwrap_or(u32::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn behaves_as_a_sorted_map(steps in prop::collection::vec((0u32..40, prop::option::of(0u64..50)), 1..300)) {
            let (mut heap, mut map) = (Heap::default(), BTreeMap::new());
            for (index, at) in steps {
                match at {
                    Some(at) => { heap.set(index, Instant::from_nanos(at)); map.insert(index, at); }
                    None => { heap.remove(index); map.remove(&index); }
                }
                prop_assert_eq!(heap.first().map(Instant::as_nanos), map.values().min().copied());
            }
            let mut order = Vec::new();
            while let Some(index) = heap.pop_due(Instant::from_nanos(u64::MAX)) {
                order.push((map[&index], index));
            }
            prop_assert_eq!(order.len(), map.len());
            prop_assert!(order.is_sorted());
        }
    }
}
