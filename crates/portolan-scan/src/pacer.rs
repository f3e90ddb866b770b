use std::time::Duration;

use portolan_model::Instant;

/// Spaces probes so that no more than the rate leave in any second: a bucket that holds ten milliseconds
/// of the rate, and at least one probe.
///
/// In any window `w` at most `rate × w + burst` probes pass.
#[derive(Clone, Debug)]
pub struct Pacer {
    /// Nanoseconds that one probe costs; zero without a ceiling.
    cost: u64,
    /// Up to how many nanoseconds may be saved.
    depth: u64,
    /// When the bucket would be full if nothing more were sent.
    full_at: Instant,
}

impl Pacer {
    /// A pacer for `rate` probes a second; `None` holds nothing back.
    pub fn new(rate: Option<u64>) -> Self {
        let cost = rate.map_or(0, |rate| 1_000_000_000 / rate.max(1));
        Pacer { cost, depth: cost * Self::burst_of(cost), full_at: Instant::ZERO }
    }

    /// How many probes may leave back to back.
    pub fn burst(&self) -> u64 {
        Self::burst_of(self.cost)
    }

    /// The ceiling in probes a second.
    pub fn rate(&self) -> Option<u64> {
        1_000_000_000_u64.checked_div(self.cost)
    }

    /// When the next probe may leave, if not now.
    pub fn wait(&self, now: Instant) -> Option<Instant> {
        let earliest = self.full_at - Duration::from_nanos(self.depth.saturating_sub(self.cost));
        (self.cost > 0 && earliest > now).then_some(earliest)
    }

    /// One probe leaves.
    pub fn sent(&mut self, now: Instant) {
        self.full_at = self.full_at.max(now) + Duration::from_nanos(self.cost);
    }

    fn burst_of(cost: u64) -> u64 {
        10_000_000_u64.checked_div(cost).unwrap_or(1).max(1)
    }
}

/// The other way round: says when the rate would fall below what was asked for.
///
/// As long as there is something to ask, and whoever asks heeds it, at least `rate × w − burst` probes leave in any
/// window `w`.
#[derive(Clone, Debug)]
pub(crate) struct Floor {
    /// Nanoseconds in which one probe must leave; zero without a floor.
    cost: u64,
    due: Instant,
}

/// A delay is made up for no further back than this.
const ARREARS: Duration = Duration::from_millis(10);

impl Floor {
    /// A floor of `rate` probes a second; `None` asks for nothing.
    pub(crate) fn new(rate: Option<u64>) -> Self {
        Floor { cost: rate.map_or(0, |rate| 1_000_000_000 / rate.max(1)), due: Instant::ZERO }
    }

    /// Whether a probe must leave now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.cost > 0 && self.due <= now
    }

    /// When the next probe must leave.
    pub(crate) fn due(&self) -> Option<Instant> {
        (self.cost > 0).then_some(self.due)
    }

    /// The floor in probes a second.
    pub(crate) fn rate(&self) -> Option<u64> {
        1_000_000_000_u64.checked_div(self.cost)
    }

    /// One probe leaves.
    pub(crate) fn sent(&mut self, now: Instant) {
        self.due = self.due.max(now - ARREARS) + Duration::from_nanos(self.cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_faster_than_the_rate_in_any_window(rate in 1u64..200_000, steps in prop::collection::vec(0u64..3_000_000, 1..100)) {
            let mut pacer = Pacer::new(Some(rate));
            let (mut now, mut sent) = (Instant::ZERO, Vec::new());
            for step in steps {
                now = now + Duration::from_nanos(step);
                while pacer.wait(now).is_none() && sent.len() < 300 {
                    pacer.sent(now);
                    sent.push(now);
                }
            }
            for (i, from) in sent.iter().enumerate() {
                for (j, to) in sent.iter().enumerate().skip(i) {
                    let seconds = to.since(*from).as_secs_f64();
                    let allowed = rate as f64 * seconds * 1.001 + pacer.burst() as f64 + 1e-6;
                    prop_assert!((j - i + 1) as f64 <= allowed + 1.0, "{} in {seconds} s", j - i + 1);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn never_slower_than_the_floor(rate in 100u64..50_000, steps in prop::collection::vec(0u64..3_000_000, 1..100)) {
            let mut floor = Floor::new(Some(rate));
            let (mut now, mut sent) = (Instant::ZERO, 0u64);
            for step in steps {
                now = now + Duration::from_nanos(step);
                while floor.is_due(now) {
                    floor.sent(now);
                    sent += 1;
                }
            }
            let wanted = rate as f64 * now.since(Instant::ZERO).as_secs_f64();
            prop_assert!(sent as f64 >= wanted * 0.999 - 1.0, "{sent} of {wanted}");
            prop_assert!(sent as f64 <= wanted * 1.001 + 2.0, "{sent} of {wanted}: no faster than asked for");
        }
    }

    #[test]
    fn without_a_ceiling_nothing_waits() {
        let mut pacer = Pacer::new(None);
        (0..1000).for_each(|_| pacer.sent(Instant::ZERO));
        assert_eq!(pacer.wait(Instant::ZERO), None);
    }
}
