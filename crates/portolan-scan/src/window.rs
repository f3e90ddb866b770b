use std::time::Duration;

use portolan_model::Instant;

/// How long a full window may hold everything back before it grows.
const PATIENCE: Duration = Duration::from_millis(10);

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
#[derive(Clone, Debug)]
pub(crate) struct Window {
    size: usize,
    floor: usize,
    ceiling: usize,
    held_since: Option<Instant>,
}

impl Window {
    /// A window that starts at `start` and may grow to `ceiling`.
    pub(crate) fn new(start: usize, ceiling: usize) -> Self {
        let ceiling = ceiling.max(1);
        let size = start.clamp(1, ceiling);
        Window { size, floor: size, ceiling, held_since: None }
    }

    /// The most it can become.
    pub(crate) fn ceiling(&self) -> usize {
        self.ceiling
    }

    /// Whether one more probe may wait beside `waiting` others, where answers take as long as `rtt`.
    pub(crate) fn has_room(&mut self, waiting: usize, rtt: Option<Duration>, now: Instant) -> bool {
        if waiting < self.size {
            let is_slow = rtt.is_some_and(|rtt| rtt >= SLOW);
            if !is_slow || waiting < self.size / 4 * 3 {
                self.held_since = None;
            }
            return true;
        }
        match self.held_since {
            None => self.held_since = Some(now),
            Some(since) if now.since(since) >= PATIENCE && self.size < self.ceiling => {
                self.size = (self.size * 2).min(self.ceiling);
                self.held_since = None;
                return waiting < self.size;
            }
            Some(_) => {}
        }
        false
    }

    /// When it may grow, if it is full.
    pub(crate) fn grows_at(&self) -> Option<Instant> {
        self.held_since.filter(|_| self.size < self.ceiling).map(|since| since + PATIENCE)
    }

    /// The machine ran short with `waiting` sockets in use: fewer from now on, and if it will not have more
    /// later (`for_good`), never again so many.
    pub(crate) fn shrink(&mut self, waiting: usize, for_good: bool) {
        if for_good {
            self.ceiling = self.ceiling.min(waiting).max(1);
        }
        self.size = (self.size / 2).clamp(1, self.ceiling);
        self.floor = self.floor.min(self.size).max(8).min(self.ceiling);
        self.held_since = None;
    }

    /// Answers get lost: back to where it started.
    pub(crate) fn calm(&mut self) {
        self.size = self.floor.min(self.ceiling);
        self.held_since = None;
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
        assert!(window.has_room(255, None, at(0)));
        assert!(!window.has_room(256, None, at(0)));
        assert!(!window.has_room(256, None, at(9)));
        assert_eq!(window.grows_at(), Some(at(10)));
        assert!(window.has_room(256, None, at(10)));
        assert!(!window.has_room(512, None, at(10)) && window.has_room(512, None, at(20)));
        assert!(!window.has_room(1000, None, at(30)) && !window.has_room(1000, None, at(60)));
    }

    #[test]
    fn where_answers_are_slow_single_places_do_not_keep_it_small() {
        let (slow, fast) = (Some(Duration::from_millis(20)), Some(Duration::from_micros(50)));
        for (rtt, grows) in [(slow, true), (fast, false), (None, false)] {
            let mut window = Window::new(256, 1000);
            for millis in 0..=10 {
                // Each millisecond one answer comes and makes room for one more.
                assert_eq!(window.has_room(256, rtt, at(millis)), grows && millis == 10, "{millis}");
                assert!(window.has_room(255, rtt, at(millis)));
            }
            assert_eq!(window.has_room(400, rtt, at(11)), grows);
            // Much room again: it holds nothing back.
            assert!(window.has_room(100, slow, at(12)));
            assert_eq!(window.grows_at(), None);
        }
    }

    #[test]
    fn a_shortage_lowers_the_ceiling_for_good() {
        let mut window = Window::new(256, 1000);
        window.shrink(40, true);
        assert_eq!(window.ceiling(), 40);
        assert!(!window.has_room(40, None, at(0)) && window.has_room(39, None, at(1)));
    }
}
