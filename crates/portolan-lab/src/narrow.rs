//! The narrowest place of a path: so many bits a second pass it, and what has to wait for too long is dropped.

use std::time::Duration;

use crate::path::{Path, Queue};

/// Times are nanoseconds of any clock, and those of the rates count from a moment that is told.
pub(crate) struct Narrow {
    steps: Vec<(u64, u64)>,
    queue: Option<Queue>,
    free_at: u64,
}

impl Narrow {
    /// `None` where everything passes at once.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let steps: Vec<_> = path.rate.iter().map(|(from, rate)| (nanos(*from), *rate)).collect();
        (!steps.is_empty()).then_some(Narrow { steps, queue: path.queue, free_at: 0 })
    }

    /// When a packet that comes now is through; `None` if it is dropped. Until the rates `begin`, the first holds.
    pub(crate) fn pass(&mut self, now: u64, octets: usize, begin: Option<u64>) -> Option<u64> {
        let start = self.free_at.max(now);
        let fits = match self.queue {
            None => true,
            Some(Queue::Time(longest)) => start - now <= nanos(longest),
            Some(Queue::Octets(most)) => self.waiting(now, begin) + octets as u128 <= u128::from(most),
        };
        if !fits {
            return None;
        }
        self.free_at = self.through(start, octets as u128 * 8 * NANOS, begin);
        Some(self.free_at)
    }

    /// The octets that are not through yet, the one that is on its way among them.
    fn waiting(&self, now: u64, begin: Option<u64>) -> u128 {
        let carried = self.spells(begin).map(|(from, to, rate)| {
            let (from, to) = (from.max(now), to.min(self.free_at));
            u128::from(to.saturating_sub(from)) * u128::from(rate)
        });
        carried.sum::<u128>() / (8 * NANOS)
    }

    /// When so many billionths of a bit are through that begin at `start`.
    fn through(&self, start: u64, mut left: u128, begin: Option<u64>) -> u64 {
        for (from, to, rate) in self.spells(begin) {
            let from = from.max(start);
            let carries = u128::from(to.saturating_sub(from)) * u128::from(rate);
            if left <= carries {
                return from + u64::try_from(left.div_ceil(rate.into())).unwrap_or(u64::MAX - from);
            }
            left -= carries;
        }
        u64::MAX
    }

    /// From when to when which rate holds: all of time.
    fn spells(&self, begin: Option<u64>) -> impl Iterator<Item = (u64, u64, u64)> {
        let from = move |step: usize| match (self.steps.get(step), begin) {
            _ if step == 0 => 0,
            (Some((after, _)), Some(begin)) => begin.saturating_add(*after),
            _ => u64::MAX,
        };
        self.steps.iter().zip(0..).map(move |((_, rate), step)| (from(step), from(step + 1), *rate))
    }
}

/// Enough for five hundred years.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

const NANOS: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn narrow(words: &str) -> Narrow {
        let route: crate::path::Route = words.parse().unwrap();
        Narrow::of(&route.ways[0]).unwrap()
    }

    #[test]
    fn packets_pass_one_after_the_other_at_the_rate() {
        // 1000 octets take 8 ms.
        let mut narrow = narrow("rate=1mbit");
        assert_eq!(narrow.pass(5 * MS, 1000, None), Some(13 * MS));
        assert_eq!(narrow.pass(5 * MS, 1000, None), Some(21 * MS));
        assert_eq!(narrow.pass(100 * MS, 500, None), Some(104 * MS));
    }

    #[test]
    fn what_would_wait_too_long_is_dropped() {
        let mut by_time = narrow("rate=1mbit queue=20ms");
        let passed: Vec<_> = (0..5).map(|_| by_time.pass(0, 1000, None)).collect();
        assert_eq!(passed, [Some(8 * MS), Some(16 * MS), Some(24 * MS), None, None]);
        assert_eq!(by_time.pass(4 * MS, 1000, None), Some(32 * MS));
        let mut by_size = narrow("rate=1mbit queue=2500B");
        let passed: Vec<_> = (0..3).map(|_| by_size.pass(0, 1000, None)).collect();
        assert_eq!(passed, [Some(8 * MS), Some(16 * MS), None]);
        assert_eq!(by_size.pass(0, 500, None), Some(20 * MS));
        // After 4 ms of 20 there is room for 500 more.
        assert_eq!(by_size.pass(4 * MS, 501, None), None);
        assert_eq!(by_size.pass(4 * MS, 500, None), Some(24 * MS));
    }

    #[test]
    fn a_packet_may_begin_at_one_rate_and_end_at_another() {
        let mut narrow = narrow("rate=1mbit,100kbit@10ms,1mbit@30ms queue=1kB");
        let begin = Some(50 * MS);
        assert_eq!(narrow.pass(20 * MS, 500, begin), Some(24 * MS));
        // 4 ms of it at a million, 20 ms at a hundred thousand, and 2 ms of what is left.
        assert_eq!(narrow.pass(56 * MS, 1000, begin), Some(82 * MS));
        // 2000 bits wait for the slow time, and as many for the fast one: 500 octets.
        assert_eq!(narrow.pass(60 * MS, 501, begin), None);
        assert_eq!(narrow.pass(60 * MS, 500, begin), Some(86 * MS));
        assert_eq!(
            narrow.pass(1000 * MS, 1000, None),
            Some(1008 * MS),
            "before they begin the first rate holds"
        );
    }
}
