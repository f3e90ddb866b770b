//! One direction of a path: packets wait in it, arrive late, in another order, or never.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use portolan_sim::random::Random;

/// What a path does to packets, the same in both directions.
#[derive(Copy, Clone, PartialEq, Debug, Default)]
pub struct Path {
    /// What every packet takes, one way.
    pub delay: Duration,
    /// Up to so much more, uniformly, each packet for itself: they overtake each other.
    pub jitter: Duration,
    /// How probably a packet is lost, whatever became of the others.
    pub loss: f64,
    /// How many packets a direction holds; what comes when it is full is dropped.
    pub limit: usize,
}

/// What became of the packets of one direction.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Given to the other side.
    pub forwarded: u64,
    /// Taken away, as the path was told to.
    pub lost: u64,
    /// Dropped because too many were under way, or refused by the other side's kernel.
    pub overflowed: u64,
}

/// One direction. Times are nanoseconds of any clock.
pub struct Line {
    path: Path,
    random: Random,
    waiting: BinaryHeap<Reverse<Waiting>>,
    taken: u64,
    spare: Vec<Vec<u8>>,
    /// What became of the packets so far.
    pub counts: Counts,
}

/// Ordered by when it is due, then by when it came.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    due: u64,
    number: u64,
    packet: Vec<u8>,
}

impl Line {
    /// An empty one. Same seed and same packets: the same are lost, and late.
    pub fn new(path: Path, seed: u64) -> Self {
        Line {
            path,
            random: Random::new(seed),
            waiting: BinaryHeap::new(),
            taken: 0,
            spare: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// A packet enters.
    pub fn take(&mut self, now: u64, packet: &[u8]) {
        if self.random.chance(self.path.loss) {
            self.counts.lost += 1;
            return;
        }
        if self.waiting.len() >= self.path.limit {
            self.counts.overflowed += 1;
            return;
        }
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(packet);
        let after = self.path.delay + self.random.up_to(self.path.jitter);
        let due = now + u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        self.waiting.push(Reverse(Waiting { due, number: self.taken, packet: copy }));
        self.taken += 1;
    }

    /// When the next packet leaves.
    pub fn next_due(&self) -> Option<u64> {
        self.waiting.peek().map(|Reverse(first)| first.due)
    }

    /// Hands over the next packet if its time has come. `arrive` says whether the other side took it.
    pub fn give(&mut self, now: u64, arrive: impl FnOnce(&[u8]) -> bool) -> bool {
        if self.next_due().is_none_or(|due| due > now) {
            return false;
        }
        let Some(Reverse(first)) = self.waiting.pop() else { return false };
        if arrive(&first.packet) {
            self.counts.forwarded += 1;
        } else {
            self.counts.overflowed += 1;
        }
        self.spare.push(first.packet);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn path(jitter: u64, loss: f64, limit: usize) -> Path {
        Path { delay: Duration::from_millis(10), jitter: Duration::from_millis(jitter), loss, limit }
    }

    /// One packet a millisecond; (when, which) left.
    fn through(line: &mut Line, packets: u16) -> Vec<(u64, u16)> {
        let mut left = Vec::new();
        for packet in 0..packets {
            line.take(u64::from(packet) * MS, &packet.to_be_bytes());
        }
        while let Some(due) = line.next_due() {
            assert!(!line.give(due - 1, |_| panic!("too early")));
            line.give(due, |packet| {
                left.push((due, u16::from_be_bytes([packet[0], packet[1]])));
                true
            });
        }
        left
    }

    #[test]
    fn without_jitter_the_order_stays_and_each_is_late_by_the_delay() {
        let left = through(&mut Line::new(path(0, 0.0, 1000), 1), 1000);
        let expected: Vec<_> = (0..1000).map(|packet| (10 * MS + u64::from(packet) * MS, packet)).collect();
        assert_eq!(left, expected);
    }

    #[test]
    fn packets_of_one_moment_leave_in_the_order_they_came() {
        let mut line = Line::new(path(0, 0.0, 100), 1);
        (0..100).for_each(|packet| line.take(5, &[packet]));
        let mut left = Vec::new();
        while line.give(10 * MS + 5, |packet| {
            left.push(packet[0]);
            true
        }) {}
        assert_eq!(left, (0..100).collect::<Vec<u8>>());
    }

    #[test]
    fn jitter_and_loss_are_of_the_size_that_was_asked_for_and_the_same_for_the_same_seed() {
        let run = |seed| {
            let mut line = Line::new(path(20, 0.1, 10_000), seed);
            let left = through(&mut line, 10_000);
            (left, line.counts)
        };
        let (left, counts) = run(7);
        assert_eq!(counts.forwarded, left.len() as u64);
        assert_eq!(counts.forwarded + counts.lost, 10_000);
        assert!((900..1100).contains(&counts.lost), "{counts:?}");
        assert!(left.is_sorted_by_key(|(due, _)| *due));
        assert!(!left.is_sorted_by_key(|(_, packet)| *packet), "none overtook another");
        for (due, packet) in &left {
            let took = due - u64::from(*packet) * MS;
            assert!((10 * MS..=30 * MS).contains(&took), "{packet} took {took} ns");
        }
        assert_eq!(run(7), (left.clone(), counts));
        assert_ne!(run(8).0, left);
    }

    #[test]
    fn what_does_not_fit_or_is_refused_is_counted() {
        let mut line = Line::new(path(0, 0.0, 3), 1);
        (0..5).for_each(|packet| line.take(0, &[packet]));
        assert!(line.give(10 * MS, |_| false));
        while line.give(10 * MS, |_| true) {}
        assert_eq!(line.counts, Counts { forwarded: 2, lost: 0, overflowed: 3 });
    }
}
