use std::collections::VecDeque;
use std::time::Duration;

use portolan_model::Progress;

/// How many probes a second leave, seen over a short while.
pub(crate) struct Pace {
    over: Duration,
    seen: VecDeque<(Duration, u64)>,
}

impl Pace {
    /// Seen over the last `over`.
    pub(crate) fn over(over: Duration) -> Self {
        Pace { over, seen: VecDeque::from([(Duration::ZERO, 0)]) }
    }

    /// The rate after one more look.
    pub(crate) fn rate(&mut self, progress: &Progress) -> u64 {
        self.seen.push_back((progress.elapsed, progress.packets));
        // The newest that is old enough stays: it is what the rate is measured from.
        while self.seen.get(1).is_some_and(|(at, _)| progress.elapsed.saturating_sub(*at) >= self.over) {
            self.seen.pop_front();
        }
        let (since, packets) = self.seen.front().copied().unwrap_or_default();
        let seconds = progress.elapsed.saturating_sub(since).as_secs_f64();
        let sent = progress.packets.saturating_sub(packets) as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast from f64 saturates"
        )]
        let rate = if seconds > 0.0 { (sent / seconds).round() as u64 } else { 0 };
        rate
    }
}

/// The share of the endpoints that is settled, from 0 to 1.
pub(crate) fn share(progress: &Progress) -> f64 {
    match (progress.settled, progress.endpoints) {
        (settled, endpoints) if settled >= endpoints => 1.0,
        (settled, endpoints) => settled as f64 / endpoints as f64,
    }
}

/// The same as a percentage, rounded down: nothing is all before it is.
pub(crate) fn whole_percent(progress: &Progress) -> u8 {
    const ALL: u8 = 100;
    if progress.settled >= progress.endpoints {
        return ALL;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "below 100, and casts saturate"
    )]
    let percent = (share(progress) * 100.0) as u8;
    percent.min(ALL - 1)
}
