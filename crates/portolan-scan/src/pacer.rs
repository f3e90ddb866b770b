use std::time::Duration;

use portolan_model::Instant;

/// Spaces probes so that no more than the rate leave in any second: a bucket that holds ten milliseconds of the rate, at
/// least one probe and at most a batch.
///
/// In any window `w` at most `rate × w + burst` probes pass, also if the rate changes meanwhile: then it is the highest
/// that held.
#[derive(Clone, Debug)]
pub struct Pacer {
    rate: Option<u64>,
    /// Nanoseconds that one probe costs; zero without a ceiling.
    cost: u64,
    /// Up to how many nanoseconds may be saved.
    depth: u64,
    /// When the bucket would be full if nothing more were sent.
    full_at: Instant,
}

/// No more leave back to back: what is handed to the door at a time.
const BATCH: u64 = 64;

impl Pacer {
    /// A pacer for `rate` probes a second; `None` holds nothing back.
    pub fn new(rate: Option<u64>) -> Self {
        // Rounded up: rather a little slower than a little faster.
        let cost = rate.map_or(0, |rate| 1_000_000_000_u64.div_ceil(rate.max(1)));
        Pacer { rate, cost, depth: cost * Self::burst_of(cost), full_at: Instant::ZERO }
    }

    /// From now on another rate. What is saved stays saved, as far as there is room for it, and nothing comes on top.
    pub fn change(&mut self, rate: Option<u64>, now: Instant) {
        if rate == self.rate {
            return;
        }
        let missing = u64::try_from(self.full_at.since(now).as_nanos()).unwrap_or(u64::MAX);
        // Without a ceiling nothing was counted, so nothing was saved.
        let saved = self.depth.saturating_sub(missing).checked_div(self.cost).unwrap_or(0);
        *self = Pacer::new(rate);
        let saved = saved.min(self.burst()) * self.cost;
        self.full_at = now + Duration::from_nanos(self.depth - saved);
    }

    /// How many probes may leave back to back.
    pub fn burst(&self) -> u64 {
        Self::burst_of(self.cost)
    }

    /// The ceiling in probes a second.
    pub fn rate(&self) -> Option<u64> {
        self.rate
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

    /// One that was said to leave needed no packet.
    pub(crate) fn spared(&mut self) {
        self.full_at = self.full_at - Duration::from_nanos(self.cost);
    }

    fn burst_of(cost: u64) -> u64 {
        10_000_000_u64.checked_div(cost).unwrap_or(1).clamp(1, BATCH)
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

    /// Polls at these steps, in nanoseconds, with the rates that change at some of them; when each probe left.
    fn polled(rates: &[u64], steps: &[(u64, Option<usize>)]) -> (Vec<Instant>, u64) {
        let mut pacer = Pacer::new(Some(rates[0]));
        let (mut now, mut sent, mut burst) = (Instant::ZERO, Vec::new(), pacer.burst());
        for (step, change) in steps {
            now = now + Duration::from_nanos(*step);
            if let Some(which) = change {
                pacer.change(Some(rates[which % rates.len()]), now);
                burst = burst.max(pacer.burst());
            }
            while pacer.wait(now).is_none() && sent.len() < 400 {
                pacer.sent(now);
                sent.push(now);
            }
        }
        (sent, burst)
    }

    fn check(sent: &[Instant], rate: u64, burst: u64) -> Result<(), TestCaseError> {
        prop_assert!(burst <= BATCH);
        for (i, from) in sent.iter().enumerate() {
            for (j, to) in sent.iter().enumerate().skip(i) {
                let seconds = to.since(*from).as_secs_f64();
                let allowed = rate as f64 * seconds + burst as f64 + 1e-6;
                prop_assert!((j - i + 1) as f64 <= allowed, "{} in {seconds} s", j - i + 1);
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn never_faster_than_the_rate_in_any_window(
            rate in 1u64..2_000_000,
            steps in prop::collection::vec(0u64..3_000_000, 1..100),
        ) {
            let steps: Vec<_> = steps.into_iter().map(|step| (step, None)).collect();
            let (sent, burst) = polled(&[rate], &steps);
            check(&sent, rate, burst)?;
        }

        #[test]
        fn nor_where_the_rate_changes(
            rates in prop::collection::vec(50u64..500_000, 2..5),
            steps in prop::collection::vec((0u64..2_000_000, prop::option::weighted(0.2, 0usize..5)), 1..100),
        ) {
            let (sent, burst) = polled(&rates, &steps);
            check(&sent, rates.iter().copied().max().unwrap_or(0), burst)?;
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
        pacer.change(Some(10), Instant::ZERO);
        assert!(pacer.wait(Instant::ZERO).is_some(), "what was not counted is not saved");
    }
}
