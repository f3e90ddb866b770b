use std::hash::Hasher;
use std::time::Duration;

use portolan_model::sockets::ProbeId;
use portolan_model::{Endpoint, Instant, Ping};
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
    /// By what the host itself is asked, if no port is.
    pub(crate) ping: Option<Ping>,
    /// When the engine asked.
    pub(crate) asked: Instant,
    /// Its answer is late: it holds no place in the window any more.
    pub(crate) overdue: bool,
}

/// How long an answer is waited for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Patience {
    /// Until it is overdue: the next attempt need not wait for it, nor anybody else.
    pub(crate) overdue: Duration,
    /// Until it is not listened for any more.
    pub(crate) end: Duration,
}

impl Patience {
    /// Nobody overtakes it.
    pub(crate) const fn until(end: Duration) -> Self {
        Patience { overdue: end, end }
    }
}

/// What the passing of time means for an attempt.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Ripe {
    /// Its answer is overdue; it is listened for all the same.
    Overdue(ProbeId, Attempt),
    /// It is over.
    Over(ProbeId, Attempt),
}

/// How long an attempt may be held: every door gives up the next machine sooner, and says so.
const LONGEST_HELD: Duration = Duration::from_secs(60);

/// The attempts that wait for an answer, each with its deadlines: when it is overdue, and when it is over.
///
/// An attempt's name carries a keyed hash of what was asked and when, so that a late or forged completion
/// of a slot used again is recognised as a stray and never believed.
pub(crate) struct Flight {
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    overdue: usize,
    held: usize,
    deadlines: Heap,
    key: u64,
    sequence: u64,
    check_tags: bool,
}

#[derive(Copy, Clone, Debug)]
struct Slot {
    tag: u32,
    attempt: Attempt,
    patience: Patience,
    /// When it is over; the heap knows when it is overdue until it is.
    end: Instant,
    /// It has not left: it waits for its way.
    held: bool,
}

impl Flight {
    pub(crate) fn new(key: u64, check_tags: bool) -> Self {
        Flight {
            slots: Vec::new(),
            free: Vec::new(),
            overdue: 0,
            held: 0,
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

    /// How many of them have left.
    pub(crate) fn sent(&self) -> usize {
        self.len() - self.held
    }

    /// How many of those that have left wait for an answer that is not overdue.
    pub(crate) fn on_time(&self) -> usize {
        self.sent() - self.overdue
    }

    /// Adds an attempt and gives it its name.
    pub(crate) fn launch(&mut self, attempt: Attempt, patience: Patience) -> ProbeId {
        let tag = self.tag(&attempt);
        let end = attempt.asked + patience.end;
        let entry = Slot { tag, attempt, patience, end, held: false };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(entry);
                slot
            }
            None => {
                self.slots.push(Some(entry));
                // The window bounds the slots, far below 2^32.
                u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.deadlines.set(slot, attempt.asked + patience.overdue.min(patience.end));
        ProbeId { slot, tag }
    }

    /// Takes out the attempt of this name; `None` if there is none: a stray.
    pub(crate) fn claim(&mut self, probe: ProbeId) -> Option<Attempt> {
        let slot = (*self.slots.get(probe.slot as usize)?)?;
        if self.check_tags && slot.tag != probe.tag {
            return None;
        }
        self.release(probe.slot);
        Some(slot.attempt)
    }

    /// The attempt of this name, if it waits.
    pub(crate) fn get(&self, probe: ProbeId) -> Option<Attempt> {
        let slot = (*self.slots.get(probe.slot as usize)?)?;
        (slot.tag == probe.tag).then_some(slot.attempt)
    }

    /// An attempt whose time has come. One that is over is taken out.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Ripe> {
        let place = self.deadlines.pop_due(now)?;
        let slot = self.slots[place as usize].as_mut()?;
        let probe = ProbeId { slot: place, tag: slot.tag };
        if slot.end > now {
            slot.attempt.overdue = true;
            let (attempt, end) = (slot.attempt, slot.end);
            self.overdue += 1;
            self.deadlines.set(place, end);
            return Some(Ripe::Overdue(probe, attempt));
        }
        let attempt = slot.attempt;
        self.release(place);
        Some(Ripe::Over(probe, attempt))
    }

    /// An attempt has not left yet: its patience begins when it does.
    pub(crate) fn hold(&mut self, probe: ProbeId) {
        let Some(Some(slot)) = self.slots.get_mut(probe.slot as usize) else { return };
        if slot.tag == probe.tag && !slot.held && !slot.attempt.overdue {
            slot.held = true;
            slot.end = slot.attempt.asked + LONGEST_HELD;
            self.held += 1;
            self.deadlines.set(probe.slot, slot.end);
        }
    }

    /// An attempt that was held left then.
    pub(crate) fn left(&mut self, probe: ProbeId, at: Instant) {
        let Some(Some(slot)) = self.slots.get_mut(probe.slot as usize) else { return };
        if slot.tag == probe.tag && slot.held {
            slot.held = false;
            slot.attempt.asked = at;
            slot.end = at + slot.patience.end;
            self.held -= 1;
            self.deadlines.set(probe.slot, at + slot.patience.overdue.min(slot.patience.end));
        }
    }

    /// An attempt that is still listened for is so at least until then.
    pub(crate) fn extend(&mut self, probe: ProbeId, until: Instant) {
        let Some(Some(slot)) = self.slots.get_mut(probe.slot as usize) else { return };
        if slot.tag == probe.tag && slot.attempt.overdue && slot.end < until {
            slot.end = until;
            self.deadlines.set(probe.slot, until);
        }
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
                let Slot { tag, attempt, .. } = entry.as_ref()?;
                wanted(attempt)
                    .then_some(ProbeId { slot: u32::try_from(slot).unwrap_or(u32::MAX), tag: *tag })
            })
            .collect()
    }

    /// Brings deadlines forward: to what `shorter` says, where that is earlier.
    pub(crate) fn hasten(&mut self, shorter: impl Fn(&Attempt) -> Option<Patience>) {
        for (place, entry) in (0u32..).zip(&mut self.slots) {
            let Some(slot) = entry.as_mut().filter(|slot| !slot.held) else { continue };
            let Some(patience) = shorter(&slot.attempt) else { continue };
            let asked = slot.attempt.asked;
            slot.end = slot.end.min(asked + patience.end);
            let next =
                if slot.attempt.overdue { slot.end } else { asked + patience.overdue.min(patience.end) };
            if self.deadlines.at(place).is_some_and(|before| next < before) {
                self.deadlines.set(place, next);
            }
        }
    }

    fn release(&mut self, slot: u32) {
        let left = self.slots[slot as usize].take();
        self.overdue -= usize::from(left.is_some_and(|slot| slot.attempt.overdue));
        self.held -= usize::from(left.is_some_and(|slot| slot.held));
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
        Attempt {
            endpoint,
            host: 0,
            port: u32::from(port),
            number: 1,
            canary: false,
            ping: None,
            asked: Instant::ZERO,
            overdue: false,
        }
    }

    #[test]
    fn a_completion_of_an_earlier_attempt_is_a_stray() {
        let mut flight = Flight::new(7, true);
        let second = Patience::until(Duration::from_secs(1));
        let first = flight.launch(attempt(80), second);
        assert_eq!(flight.claim(first).map(|attempt| attempt.port), Some(80));
        let second = flight.launch(attempt(81), second);
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
            flight.launch(attempt(port), Patience::until(Duration::from_secs(seconds)));
        }
        assert_eq!(flight.deadline(), Some(Instant::ZERO + Duration::from_secs(1)));
        let now = Instant::ZERO + Duration::from_secs(2);
        assert_eq!((over(&mut flight, now), flight.len()), (vec![2, 3], 1));
    }

    #[test]
    fn the_patience_of_what_is_held_begins_when_it_leaves() {
        let mut flight = Flight::new(7, true);
        let millis = Duration::from_millis;
        let patience = Patience { overdue: millis(20), end: millis(100) };
        let [first, second] = [80, 81].map(|port| flight.launch(attempt(port), patience));
        flight.hold(first);
        flight.hold(first);
        assert_eq!((flight.len(), flight.sent(), flight.on_time()), (2, 1, 1));
        assert_eq!(over(&mut flight, Instant::ZERO + millis(3000)), [81]);
        flight.hasten(|_| Some(patience));
        flight.left(second, Instant::ZERO);
        flight.left(first, Instant::ZERO + millis(3000));
        assert_eq!((flight.sent(), flight.on_time()), (1, 1));
        assert_eq!(over(&mut flight, Instant::ZERO + millis(3099)), []);
        assert_eq!(flight.on_time(), 0, "overdue");
        let attempt = flight.claim(first).expect("it is listened for");
        assert_eq!(attempt.asked, Instant::ZERO + millis(3000));
        assert_eq!((flight.len(), flight.sent(), flight.on_time()), (0, 0, 0));
        // No door holds for ever.
        let third = flight.launch(Attempt { overdue: false, ..attempt }, patience);
        flight.hold(third);
        assert_eq!(over(&mut flight, attempt.asked + LONGEST_HELD), [80]);
        assert_eq!(flight.sent(), 0);
    }

    fn over(flight: &mut Flight, now: Instant) -> Vec<u32> {
        let mut ports = Vec::new();
        while let Some(ripe) = flight.expire(now) {
            if let Ripe::Over(_, attempt) = ripe {
                ports.push(attempt.port);
            }
        }
        ports
    }

    #[test]
    fn what_is_overdue_holds_no_place_and_is_listened_for() {
        let mut flight = Flight::new(7, true);
        let millis = Duration::from_millis;
        let patience = Patience { overdue: millis(20), end: millis(100) };
        let first = flight.launch(attempt(80), patience);
        let second = flight.launch(attempt(81), patience);
        assert_eq!((flight.len(), flight.on_time()), (2, 2));
        let ripe = flight.expire(Instant::ZERO + millis(20));
        assert!(matches!(ripe, Some(Ripe::Overdue(probe, attempt)) if probe == first && attempt.overdue));
        assert_eq!((flight.len(), flight.on_time()), (2, 1));
        flight.extend(first, Instant::ZERO + millis(150));
        // Not overdue: not overtaken by anybody, so nothing to extend.
        flight.extend(second, Instant::ZERO + millis(150));
        assert_eq!(over(&mut flight, Instant::ZERO + millis(149)), [81]);
        assert_eq!(flight.claim(first).map(|attempt| attempt.port), Some(80));
        assert_eq!((flight.len(), flight.on_time()), (0, 0));
    }
}
