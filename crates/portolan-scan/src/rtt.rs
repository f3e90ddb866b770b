use std::time::Duration;

/// No wait is shorter: a busy machine answers late, and a wrong silence costs more than 100 ms.
const MIN_TIMEOUT: Duration = Duration::from_millis(100);
/// An answer is not overdue before it is so late: a busy machine may be the reason, its own or ours.
const LATENESS: Duration = Duration::from_millis(20);
/// A few samples tell little of the variation.
const FEW_SAMPLES: u8 = 8;
const EARLY_MIN_TIMEOUT: Duration = Duration::from_millis(300);
const MAX_TIMEOUT: Duration = Duration::from_secs(10);
/// RFC 6298 section 2.1: one second until the first measurement.
const FIRST_TIMEOUT: Duration = Duration::from_secs(1);
/// And after that long enough for the kernel to tell that nobody on the link has this address: it asks three
/// times, a second apart (RFC 4861 section 7.2.2; Linux does the same for ARP).
const LATER_TIMEOUT: Duration = Duration::from_millis(2500);

/// Round-trip time and how long to wait for an answer, after RFC 6298 section 2.
///
/// Every attempt has a name of its own, so there is no ambiguity between an answer to the first
/// and one to a repeated probe (Karn's rule is not needed).
#[derive(Copy, Clone, Default, Debug)]
pub(crate) struct Rtt {
    smoothed: Option<Duration>,
    least: Option<Duration>,
    samples: u8,
    variation: Duration,
}

impl Rtt {
    /// One measured round trip.
    pub(crate) fn sample(&mut self, rtt: Duration) {
        self.samples = self.samples.saturating_add(1);
        self.least = Some(self.least.map_or(rtt, |least| least.min(rtt)));
        match self.smoothed {
            None => {
                self.smoothed = Some(rtt);
                self.variation = rtt / 2;
            }
            Some(smoothed) => {
                self.variation = (self.variation * 3 + smoothed.abs_diff(rtt)) / 4;
                self.smoothed = Some((smoothed * 7 + rtt) / 8);
            }
        }
    }

    /// The smoothed round trip, once one was measured.
    pub(crate) fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    /// The quickest so far.
    pub(crate) fn least(&self) -> Option<Duration> {
        self.least
    }

    /// After how long an answer is overdue: later than nearly all of them come. A wrong guess costs one more packet.
    pub(crate) fn overdue(&self) -> Option<Duration> {
        self.smoothed.map(|smoothed| smoothed + (self.variation * 4).max(LATENESS).max(smoothed / 2))
    }

    /// How long the `attempt`th probe (from 1) waits. Later ones wait up to four times longer, so that a
    /// path that became slow is noticed instead of being read as loss.
    pub(crate) fn timeout(&self, attempt: u8) -> Duration {
        let Some(smoothed) = self.smoothed else {
            return if attempt < 2 { FIRST_TIMEOUT } else { LATER_TIMEOUT };
        };
        let base = smoothed + self.variation * 4;
        let patience = 1 << attempt.saturating_sub(1).min(2);
        let least = if self.samples < FEW_SAMPLES { EARLY_MIN_TIMEOUT } else { MIN_TIMEOUT };
        (base.max(least) * patience).min(MAX_TIMEOUT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_a_second_until_it_knows_better() {
        let mut rtt = Rtt::default();
        assert_eq!(rtt.timeout(1), Duration::from_secs(1));
        for _ in 0..50 {
            rtt.sample(Duration::from_millis(1));
        }
        assert_eq!(rtt.timeout(1), MIN_TIMEOUT);
        assert_eq!(rtt.timeout(3), MIN_TIMEOUT * 4);
    }

    #[test]
    fn follows_a_path_that_becomes_slow() {
        let mut rtt = Rtt::default();
        for millis in [20; 10].into_iter().chain([400; 5]) {
            rtt.sample(Duration::from_millis(millis));
        }
        assert!(rtt.timeout(1) > Duration::from_millis(400));
    }
}
