use std::time::Duration;

use portolan_model::Instant;

/// Answers are looked at together for so long, and for at least a round trip: what we change shows no sooner.
const INTERVAL: Duration = Duration::from_millis(50);
/// Fewer answers than this tell nothing of a path.
const FEW: u32 = 16;
/// A queue that holds nothing longer than this is no harm.
const TARGET: Duration = Duration::from_millis(25);
/// One interval may be a moment in which we did not run ourselves.
const CERTAIN: u32 = 2;

/// Whether a queue stands on the way: every answer takes longer than the path itself takes, also the quickest of an
/// interval. What sends without a pause fills such queues, and whoever else uses the path waits in them.
///
/// The quickest answer tells a standing queue from a burst, and from a path whose round trip just varies (RFC 8289
/// section 3.2). Loss tells nothing here: it may have any cause, and where buffers are deep it comes late.
#[derive(Clone, Default, Debug)]
pub(crate) struct Swelling {
    interval: Option<Interval>,
    /// Intervals with a queue, up to now and without one between them.
    standing: u32,
    /// When the latest answer came, if it was late.
    late: Option<Instant>,
}

#[derive(Copy, Clone, Debug)]
struct Interval {
    since: Instant,
    answers: u32,
    /// How much longer than its host's quickest the quickest answer took …
    least: Duration,
    /// … and how long that one takes.
    path: Duration,
}

/// What an interval showed.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Queue {
    /// Nothing waits for long.
    None,
    /// Everything did, for the first time.
    Begins,
    /// Everything does.
    Stands,
}

impl Swelling {
    /// An answer came at `now`, `rtt` after its question, from a host whose quickest answer took `path`; what the interval
    /// showed that ends with it, if one does.
    pub(crate) fn answered(&mut self, rtt: Duration, path: Duration, now: Instant) -> Option<Queue> {
        let excess = rtt.saturating_sub(path);
        self.late = (excess > TARGET.max(path)).then_some(now);
        let fresh = Interval { since: now, answers: 0, least: excess, path };
        let interval = self.interval.get_or_insert(fresh);
        interval.answers += 1;
        if excess < interval.least {
            (interval.least, interval.path) = (excess, path);
        }
        let interval = *interval;
        if interval.answers < FEW || now.since(interval.since) < INTERVAL.max(rtt) {
            return None;
        }
        self.interval = None;
        if interval.least <= TARGET.max(interval.path) {
            self.standing = 0;
            return Some(Queue::None);
        }
        self.standing += 1;
        Some(if self.standing < CERTAIN { Queue::Begins } else { Queue::Stands })
    }
}

impl Swelling {
    /// Whether the latest answer came as quickly as the path allows, or is long ago. No proof of anything; but where it came
    /// late, it is no time to send more.
    pub(crate) fn looks_clear(&self, now: Instant) -> bool {
        self.clears_at().is_none_or(|at| now >= at)
    }

    /// When a late answer is long ago: where a queue stands, others follow sooner than that.
    pub(crate) fn clears_at(&self) -> Option<Instant> {
        self.late.map(|late| late + TARGET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// What a path shows whose answers take these times, in turn, a millisecond apart.
    fn shown(path: u64, answers: &[u64], n: u64) -> Vec<Queue> {
        let mut swelling = Swelling::default();
        let at = |k: u64| Instant::from_nanos(k * 1_000_000);
        (0..n)
            .filter_map(|k| {
                let rtt = answers[usize::try_from(k).unwrap() % answers.len()];
                swelling.answered(millis(rtt), millis(path), at(k))
            })
            .collect()
    }

    #[test]
    fn a_queue_stands_where_every_answer_is_late() {
        use Queue::{Begins, None, Stands};
        assert_eq!(shown(1, &[40], 200), [Begins, Stands, Stands]);
        assert_eq!(shown(200, &[420], 1000), [Begins, Stands]);
        // Jitter, a queue that is short, a path that is long, and too few answers.
        assert!(shown(1, &[40, 90, 3, 60], 300).iter().all(|queue| *queue == None));
        assert!(shown(1, &[25], 300).iter().all(|queue| *queue == None));
        assert!(shown(200, &[390], 2000).iter().all(|queue| *queue == None));
        assert_eq!(shown(1, &[40], 15), []);
    }

    #[test]
    fn a_late_answer_is_soon_long_ago() {
        let mut swelling = Swelling::default();
        let at = |k: u64| Instant::from_nanos(k * 1_000_000);
        swelling.answered(millis(1), millis(1), at(0));
        assert!(swelling.looks_clear(at(0)) && swelling.clears_at().is_none());
        swelling.answered(millis(40), millis(1), at(50));
        assert!(!swelling.looks_clear(at(74)) && swelling.looks_clear(at(75)));
        swelling.answered(millis(40), millis(1), at(80));
        swelling.answered(millis(2), millis(1), at(81));
        assert!(swelling.looks_clear(at(81)));
    }

    #[test]
    fn one_late_moment_is_no_queue() {
        let mut swelling = Swelling::default();
        let at = |k: u64| Instant::from_nanos(k * 1_000_000);
        for k in 0..600 {
            let rtt = if (100..170).contains(&k) { 80 } else { 2 };
            assert_ne!(swelling.answered(millis(rtt), millis(1), at(k)), Some(Queue::Stands), "{k}");
        }
    }
}
