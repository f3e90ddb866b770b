use std::hash::Hasher;

use portolan_model::sockets::ProbeId;
use portolan_model::{Endpoint, Instant};
use siphasher::sip::SipHasher13;

use crate::heap::Heap;

/// One attempt on its way.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Attempt {
    /// What was asked.
    pub(crate) endpoint: Endpoint,
    /// The strategy's own name of the host (a place in its table) …
    pub(crate) host: u32,
    /// … and of the port.
    pub(crate) port: u32,
    /// The attempt's number, from 1.
    pub(crate) number: u8,
    /// Asked only to learn whether the host still answers.
    pub(crate) canary: bool,
    /// When the engine asked.
    pub(crate) asked: Instant,
}

/// The attempts that wait for an answer, each with its deadline.
///
/// An attempt's name carries a keyed hash of what was asked and when, so that a late or forged completion
/// of a slot used again is recognised as a stray and never believed.
pub(crate) struct Flight {
    slots: Vec<Option<(u32, Attempt)>>,
    free: Vec<u32>,
    deadlines: Heap,
    key: u64,
    sequence: u64,
    check_tags: bool,
}

impl Flight {
    pub(crate) fn new(key: u64, check_tags: bool) -> Self {
        Flight {
            slots: Vec::new(),
            free: Vec::new(),
            deadlines: Heap::default(),
            key,
            sequence: 0,
            check_tags,
        }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Adds an attempt and gives it its name.
    pub(crate) fn launch(&mut self, attempt: Attempt, deadline: Instant) -> ProbeId {
        let tag = self.tag(&attempt);
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some((tag, attempt));
                slot
            }
            None => {
                self.slots.push(Some((tag, attempt)));
                // The window bounds the slots, far below 2^32.
                u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.deadlines.set(slot, deadline);
        ProbeId { slot, tag }
    }

    /// Takes out the attempt of this name; `None` if there is none: a stray.
    pub(crate) fn claim(&mut self, probe: ProbeId) -> Option<Attempt> {
        let (tag, attempt) = (*self.slots.get(probe.slot as usize)?)?;
        if self.check_tags && tag != probe.tag {
            return None;
        }
        self.release(probe.slot);
        Some(attempt)
    }

    /// The attempt of this name, if it waits.
    pub(crate) fn get(&self, probe: ProbeId) -> Option<Attempt> {
        let (tag, attempt) = (*self.slots.get(probe.slot as usize)?)?;
        (tag == probe.tag).then_some(attempt)
    }

    /// Takes out an attempt whose deadline has passed.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<(ProbeId, Attempt)> {
        let slot = self.deadlines.pop_due(now)?;
        let (tag, attempt) = self.slots[slot as usize]?;
        self.release(slot);
        Some((ProbeId { slot, tag }, attempt))
    }

    /// The earliest deadline.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadlines.first()
    }

    /// The names of all attempts for which `wanted` holds.
    pub(crate) fn find(&self, wanted: impl Fn(&Attempt) -> bool) -> Vec<ProbeId> {
        let slots = self.slots.iter().enumerate();
        slots
            .filter_map(|(slot, entry)| {
                let (tag, attempt) = entry.as_ref()?;
                wanted(attempt)
                    .then_some(ProbeId { slot: u32::try_from(slot).unwrap_or(u32::MAX), tag: *tag })
            })
            .collect()
    }

    /// Brings deadlines forward: to what `earlier` says, where it says something earlier.
    pub(crate) fn hasten(&mut self, earlier: impl Fn(&Attempt) -> Option<Instant>) {
        for (slot, entry) in (0u32..).zip(&self.slots) {
            let Some(deadline) = entry.as_ref().and_then(|(_, attempt)| earlier(attempt)) else { continue };
            if self.deadlines.at(slot).is_some_and(|before| deadline < before) {
                self.deadlines.set(slot, deadline);
            }
        }
    }

    fn release(&mut self, slot: u32) {
        self.slots[slot as usize] = None;
        self.free.push(slot);
        self.deadlines.remove(slot);
    }

    fn tag(&mut self, attempt: &Attempt) -> u32 {
        self.sequence += 1;
        let mut hasher = SipHasher13::new_with_keys(self.key, self.sequence);
        match attempt.endpoint.address.ip() {
            std::net::IpAddr::V4(ip) => hasher.write_u32(ip.to_bits()),
            std::net::IpAddr::V6(ip) => hasher.write_u128(ip.to_bits()),
        }
        hasher.write_u16(attempt.endpoint.port);
        // The low half of the hash is as good as the whole for a 32-bit tag.
        (hasher.finish() & u64::from(u32::MAX)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    fn attempt(port: u16) -> Attempt {
        let endpoint = Endpoint::tcp(Ipv4Addr::LOCALHOST.into(), port);
        Attempt { endpoint, host: 0, port: u32::from(port), number: 1, canary: false, asked: Instant::ZERO }
    }

    #[test]
    fn a_completion_of_an_earlier_attempt_is_a_stray() {
        let mut flight = Flight::new(7, true);
        let first = flight.launch(attempt(80), Instant::ZERO + Duration::from_secs(1));
        assert_eq!(flight.claim(first).map(|attempt| attempt.port), Some(80));
        let second = flight.launch(attempt(81), Instant::ZERO + Duration::from_secs(1));
        assert_eq!(second.slot, first.slot);
        assert!(flight.claim(first).is_none());
        assert!(flight.claim(second).is_some());
        assert!(flight.claim(second).is_none());
        assert!(flight.claim(ProbeId { slot: 99, tag: 0 }).is_none());
    }

    #[test]
    fn expires_in_the_order_of_deadlines() {
        let mut flight = Flight::new(7, true);
        for (port, seconds) in [(1, 3), (2, 1), (3, 2)] {
            flight.launch(attempt(port), Instant::ZERO + Duration::from_secs(seconds));
        }
        assert_eq!(flight.deadline(), Some(Instant::ZERO + Duration::from_secs(1)));
        let now = Instant::ZERO + Duration::from_secs(2);
        let ports: Vec<_> =
            std::iter::from_fn(|| flight.expire(now)).map(|(_, attempt)| attempt.port).collect();
        assert_eq!((ports, flight.len()), (vec![2, 3], 1));
    }
}
