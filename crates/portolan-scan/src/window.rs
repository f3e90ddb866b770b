use std::time::Duration;

use portolan_model::Instant;

/// How long a full window may hold everything back before it grows.
const PATIENCE: Duration = Duration::from_millis(10);
/// The same once a queue stood on the way.
const LONG_PATIENCE: Duration = Duration::from_millis(100);
/// No queue on the way makes it smaller than this.
const SMALLEST: usize = 16;

/// From this round trip on it is the path that one waits for.
const SLOW: Duration = Duration::from_millis(2);

/// How many probes may wait for an answer at a time.
///
/// A small window is faster where answers come at once, since everything stays in the cache; a large one
/// is needed only where answers are slow or absent. So it starts small and doubles each time it has held the
/// scan back for ten milliseconds, up to what the machine bears.
///
/// Where answers are slow they also come one by one, and each makes room for one more: there the window holds back as long
/// as it stays nearly full. Where answers are fast, being nearly full only means that the processor is busy.
///
/// Where a queue stands on the way a larger window only makes it longer: there it shrinks, and from then on it grows slowly,
/// and not while the queue stands.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    size: usize,
    floor: usize,
    ceiling: usize,
    held: Option<Held>,
    path: Path,
    /// Each answer makes room for one more, as long as it is full now and then.
    follows_answers: bool,
    was_full: bool,
}

/// It is full: since when, and how long before it grows.
#[derive(Copy, Clone, Debug)]
struct Held {
    since: Instant,
    patience: Duration,
}

/// What is known of the path.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Path {
    /// No queue ever stood there.
    Fresh,
    /// One stands there now.
    Queued,
    /// One stood there.
    Eased,
}

impl Window {
    /// A window that starts at `start` and may grow to `ceiling`.
    pub(crate) fn new(start: usize, ceiling: usize) -> Self {
        let ceiling = ceiling.max(1);
        let size = start.clamp(1, ceiling);
        Window {
            size,
            floor: size,
            ceiling,
            held: None,
            path: Path::Fresh,
            follows_answers: false,
            was_full: false,
        }
    }

    /// The same, but it also grows by one with each answer: so it doubles in a round trip, however short (RFC 5681 section
    /// 3.1, slow start), and can start smaller. For probes that take no socket: what they fill is the path.
    pub(crate) fn that_follows_answers(start: usize, ceiling: usize) -> Self {
        Window { follows_answers: true, ..Window::new(start, ceiling) }
    }

    /// An answer came, as quickly as the path allows.
    pub(crate) fn answered(&mut self) {
        if self.follows_answers && self.path == Path::Fresh && self.was_full && self.size < self.ceiling {
            self.size += 1;
        }
    }

    /// The most it can become.
    pub(crate) fn ceiling(&self) -> usize {
        self.ceiling
    }

    /// Whether one more probe may wait beside `waiting` others, where answers take as long as `rtt`. While the path does not
    /// look `clear` the window does not grow.
    pub(crate) fn has_room(
        &mut self,
        waiting: usize,
        (rtt, clear): (Option<Duration>, bool),
        now: Instant,
    ) -> bool {
        if waiting < self.size {
            let is_slow = rtt.is_some_and(|rtt| rtt >= SLOW);
            if !is_slow || waiting < self.size / 4 * 3 {
                self.held = None;
            }
            self.was_full &= waiting >= self.size / 4;
            return true;
        }
        self.was_full = true;
        let Some(held) = self.held else {
            self.held = Some(Held { since: now, patience: self.patience(rtt) });
            return false;
        };
        if now.since(held.since) < held.patience || !clear || !self.may_grow() {
            return false;
        }
        let larger = if self.path == Path::Fresh { self.size * 2 } else { self.size + self.size / 8 };
        self.size = larger.max(self.size + 1).min(self.ceiling);
        self.held = None;
        waiting < self.size
    }

    /// When it may grow, if it is full.
    pub(crate) fn grows_at(&self) -> Option<Instant> {
        self.held.filter(|_| self.may_grow()).map(|held| held.since + held.patience)
    }

    fn may_grow(&self) -> bool {
        self.size < self.ceiling && self.path != Path::Queued
    }

    /// What a larger window does to the path shows after a round trip; no growth before that.
    fn patience(&self, rtt: Option<Duration>) -> Duration {
        let least = if self.path == Path::Fresh { PATIENCE } else { LONG_PATIENCE };
        least.max(rtt.unwrap_or_default())
    }

    /// A queue may stand on the way: growing can wait until that is clear.
    pub(crate) fn hold(&mut self) {
        self.path = Path::Queued;
        self.held = None;
    }

    /// A queue stands on the way.
    pub(crate) fn ease(&mut self) {
        self.size = (self.size / 4 * 3).max(SMALLEST.min(self.ceiling));
        self.floor = self.floor.min(self.size);
        self.path = Path::Queued;
        self.held = None;
    }

    /// No queue stands on the way (any more).
    pub(crate) fn free(&mut self) {
        if self.path == Path::Queued {
            self.path = Path::Eased;
        }
    }

    /// Whether a queue stands on the way, or stood there.
    pub(crate) fn knows_queue(&self) -> bool {
        self.path != Path::Fresh
    }

    /// The machine ran short with `waiting` sockets in use: fewer from now on, and if it will not have more
    /// later (`for_good`), never again so many.
    pub(crate) fn shrink(&mut self, waiting: usize, for_good: bool) {
        if for_good {
            self.ceiling = self.ceiling.min(waiting).max(1);
        }
        self.size = (self.size / 2).clamp(1, self.ceiling);
        self.floor = self.floor.min(self.size).max(8).min(self.ceiling);
        self.held = None;
    }

    /// Answers get lost: back to where it started.
    pub(crate) fn calm(&mut self) {
        self.size = self.floor.min(self.ceiling);
        self.held = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn grows_only_when_it_holds_back() {
        let mut window = Window::new(256, 1000);
        assert!(window.has_room(255, (None, true), at(0)));
        assert!(!window.has_room(256, (None, true), at(0)));
        assert!(!window.has_room(256, (None, true), at(9)));
        assert_eq!(window.grows_at(), Some(at(10)));
        assert!(window.has_room(256, (None, true), at(10)));
        assert!(!window.has_room(512, (None, true), at(10)) && window.has_room(512, (None, true), at(20)));
        assert!(!window.has_room(1000, (None, true), at(30)) && !window.has_room(1000, (None, true), at(60)));
        let mut window = Window::new(256, 1000);
        assert!(!window.has_room(256, (None, false), at(0)) && !window.has_room(256, (None, false), at(10)));
        assert!(window.has_room(256, (None, true), at(11)));
    }

    #[test]
    fn where_answers_are_slow_single_places_do_not_keep_it_small() {
        let (slow, fast) = (Some(Duration::from_millis(20)), Some(Duration::from_micros(50)));
        for (rtt, grows) in [(slow, true), (fast, false), (None, false)] {
            let mut window = Window::new(256, 1000);
            for millis in 0..=20 {
                // Each millisecond one answer comes and makes room for one more; growing waits for a round trip.
                assert_eq!(window.has_room(256, (rtt, true), at(millis)), grows && millis == 20, "{millis}");
                assert!(window.has_room(255, (rtt, true), at(millis)));
            }
            assert_eq!(window.has_room(400, (rtt, true), at(21)), grows);
            // Much room again: it holds nothing back.
            assert!(window.has_room(100, (slow, true), at(22)));
            assert_eq!(window.grows_at(), None);
        }
    }

    #[test]
    fn a_queue_on_the_way_makes_it_small_and_keeps_it_so() {
        let mut window = Window::new(256, 1000);
        window.ease();
        assert!(window.has_room(191, (None, true), at(0)) && !window.has_room(192, (None, true), at(0)));
        assert!(!window.has_room(192, (None, true), at(500)), "not while it stands");
        assert_eq!(window.grows_at(), None);
        window.free();
        assert!(window.has_room(192, (None, true), at(600)) && !window.has_room(216, (None, true), at(601)));
        assert_eq!(window.grows_at(), Some(at(701)));
        (0..40).for_each(|_| window.ease());
        assert!(
            window.has_room(SMALLEST - 1, (None, true), at(800))
                && !window.has_room(SMALLEST, (None, true), at(800))
        );
    }

    #[test]
    fn one_that_follows_answers_doubles_in_a_round_trip_and_only_if_it_is_filled() {
        let mut window = Window::that_follows_answers(64, 1000);
        (0..64).for_each(|_| window.answered());
        assert!(!window.has_room(64, (None, true), at(0)));
        (0..64).for_each(|_| window.answered());
        assert!(window.has_room(127, (None, true), at(1)) && !window.has_room(128, (None, true), at(1)));
        assert!(window.has_room(10, (None, true), at(2)));
        (0..64).for_each(|_| window.answered());
        assert!(!window.has_room(128, (None, true), at(3)));
        window.calm();
        assert!(window.has_room(63, (None, true), at(4)) && !window.has_room(64, (None, true), at(4)));
    }

    #[test]
    fn a_shortage_lowers_the_ceiling_for_good() {
        let mut window = Window::new(256, 1000);
        window.shrink(40, true);
        assert_eq!(window.ceiling(), 40);
        assert!(!window.has_room(40, (None, true), at(0)) && window.has_room(39, (None, true), at(1)));
    }
}
