//! One direction of a path: packets wait in it, arrive late, in another order, twice, or never.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::time::Duration;

use portolan_model::Instant;
use portolan_sim::Spells;
use portolan_sim::random::Random;

use crate::narrow::{Narrow, nanos};
use crate::path::{Path, Route};

/// What became of the packets of one direction.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Given to the other side, those that arrive twice twice.
    pub forwarded: u64,
    /// Taken away, as the path was told to.
    pub lost: u64,
    /// Dropped because too many were under way, or waited, or refused by the other side's kernel.
    pub overflowed: u64,
    /// Which arrive twice.
    pub duplicated: u64,
    /// Which were held back.
    pub reordered: u64,
}

/// One direction. Times are nanoseconds of any clock.
pub struct Line {
    path: Path,
    random: Random,
    /// When times of the path begin to count.
    begin: Option<u64>,
    /// With a stream of its own, so that they do not depend on the packets.
    bursts: Option<(Spells, Random)>,
    narrow: Option<Narrow>,
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
    /// There and back, empty. Same seed and same packets: the same are lost, and late. Bursts come to both at once, as on
    /// a link.
    pub fn pair(route: &Route) -> [Self; 2] {
        let [there, back] = &route.ways;
        let line = |path: &Path, seed| Line {
            random: Random::new(seed),
            begin: None,
            bursts: path.bursts.map(|bursts| {
                (Spells::new(bursts.good, bursts.bad), Random::new(!route.seed.rotate_left(32)))
            }),
            narrow: Narrow::of(path),
            path: path.clone(),
            waiting: BinaryHeap::new(),
            taken: 0,
            spare: Vec::new(),
            counts: Counts::default(),
        };
        [line(there, route.seed), line(back, route.seed ^ u64::MAX)]
    }

    /// The times of the path count from now on, if they do not yet.
    pub fn begin(&mut self, now: u64) {
        self.begin.get_or_insert(now);
    }

    /// A packet enters.
    pub fn take(&mut self, now: u64, packet: &[u8]) {
        if self.is_cut(now) || self.falls_into_a_burst(now) || self.random.chance(self.path.loss) {
            self.counts.lost += 1;
            return;
        }
        let leaves = match &mut self.narrow {
            None => Some(now),
            Some(narrow) => narrow.pass(now, packet.len(), self.begin),
        };
        let Some(leaves) = leaves else {
            self.counts.overflowed += 1;
            return;
        };
        self.carry(leaves, packet);
        if self.random.chance(self.path.duplicate) {
            self.counts.duplicated += 1;
            self.carry(leaves, packet);
        }
    }

    fn is_cut(&self, now: u64) -> bool {
        let (Some(outage), Some(begin)) = (self.path.outage, self.begin) else { return false };
        let Some(since) = now.saturating_sub(begin).checked_sub(nanos(outage.after)) else { return false };
        let since = outage.every.map_or(since, |every| since % nanos(every).max(1));
        since < nanos(outage.lasts)
    }

    fn falls_into_a_burst(&mut self, now: u64) -> bool {
        let (Some((spells, random)), Some(begin), Some(bursts)) =
            (&mut self.bursts, self.begin, self.path.bursts)
        else {
            return false;
        };
        spells.is_bad(Instant::from_nanos(now.saturating_sub(begin)), random)
            && self.random.chance(bursts.loss)
    }

    /// What is past the narrowest place, or will be then.
    fn carry(&mut self, leaves: u64, packet: &[u8]) {
        if self.waiting.len() >= self.path.limit {
            self.counts.overflowed += 1;
            return;
        }
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(packet);
        let after = self.path.delay + self.random.up_to(self.path.jitter) + self.held_back();
        self.waiting.push(Reverse(Waiting {
            due: leaves.saturating_add(nanos(after)),
            number: self.taken,
            packet: copy,
        }));
        self.taken += 1;
    }

    fn held_back(&mut self) -> Duration {
        match self.path.reorder {
            Some((share, after)) if self.random.chance(share) => {
                self.counts.reordered += 1;
                after
            }
            _ => Duration::ZERO,
        }
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

/// The first three always, the others where they count something.
impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { forwarded, lost, overflowed, duplicated, reordered } = *self;
        write!(formatter, "{forwarded} packets forwarded, {lost} lost, {overflowed} overflowed")?;
        if duplicated > 0 {
            write!(formatter, ", {duplicated} twice")?;
        }
        if reordered > 0 {
            write!(formatter, ", {reordered} held back")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const MS: u64 = 1_000_000;

    fn line(words: &str) -> Line {
        let [there, _] = Line::pair(&words.parse().unwrap());
        there
    }

    /// One packet a millisecond; (when, which) left.
    fn through(line: &mut Line, packets: u16) -> Vec<(u64, u16)> {
        let mut left = Vec::new();
        line.begin(0);
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

    /// The packets that did not leave.
    fn missing(left: &[(u64, u16)], packets: u16) -> Vec<u16> {
        let left: BTreeSet<u16> = left.iter().map(|(_, packet)| *packet).collect();
        (0..packets).filter(|packet| !left.contains(packet)).collect()
    }

    #[test]
    fn without_jitter_the_order_stays_and_each_is_late_by_the_delay() {
        let left = through(&mut line("delay=10ms"), 1000);
        let expected: Vec<_> = (0..1000).map(|packet| (10 * MS + u64::from(packet) * MS, packet)).collect();
        assert_eq!(left, expected);
    }

    #[test]
    fn packets_of_one_moment_leave_in_the_order_they_came() {
        let mut line = line("delay=10ms");
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
            let mut line = line(&format!("delay=10ms jitter=20ms loss=0.1 seed={seed}"));
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
        let mut line = line("delay=10ms limit=3");
        (0..5).for_each(|packet| line.take(0, &[packet]));
        assert!(line.give(10 * MS, |_| false));
        while line.give(10 * MS, |_| true) {}
        assert_eq!(line.counts, Counts { forwarded: 2, overflowed: 3, ..Counts::default() });
    }

    #[test]
    fn so_many_are_held_back_and_overtaken() {
        let mut line = line("delay=10ms reorder=0.1,5500us");
        let left = through(&mut line, 10_000);
        let late: Vec<u16> = left
            .iter()
            .filter_map(|(due, packet)| match due - u64::from(*packet) * MS {
                took if took == 10 * MS => None,
                took => {
                    assert_eq!(took, 15 * MS + MS / 2);
                    Some(*packet)
                }
            })
            .collect();
        assert_eq!((left.len(), late.len() as u64), (10_000, line.counts.reordered));
        assert!((900..1100).contains(&late.len()), "{}", late.len());
        assert!(!left.is_sorted_by_key(|(_, packet)| *packet), "none overtook another");
    }

    #[test]
    fn so_many_arrive_twice() {
        let mut line = line("delay=10ms duplicate=0.1");
        let left = through(&mut line, 10_000);
        assert_eq!(left.len() as u64, 10_000 + line.counts.duplicated);
        assert!((900..1100).contains(&line.counts.duplicated), "{}", line.counts);
        assert!(missing(&left, 10_000).is_empty());
        assert_eq!(
            line.counts.to_string(),
            format!("{} packets forwarded, 0 lost, 0 overflowed, {} twice", left.len(), left.len() - 10_000)
        );
    }

    #[test]
    fn bursts_take_the_share_that_was_asked_for_in_one_piece_and_from_both_directions_at_once() {
        let route: Route = "delay=10ms seed=3 burst=900ms,100ms,1".parse().unwrap();
        let lost = Line::pair(&route).map(|mut line| {
            let left = through(&mut line, 60_000);
            missing(&left, 60_000)
        });
        let [there, back] = &lost;
        assert_eq!(there, back);
        assert!((4500..7500).contains(&there.len()), "{}", there.len());
        let pieces = there.windows(2).filter(|pair| pair[1] != pair[0] + 1).count() + 1;
        // A minute has about sixty pairs of spells.
        assert!((40..80).contains(&pieces), "{pieces}");
        // In a bad spell so many pass.
        let some = through(&mut line("delay=10ms seed=3 burst=900ms,100ms,0.5"), 60_000);
        let some = missing(&some, 60_000);
        assert!(some.iter().all(|packet| there.binary_search(packet).is_ok()));
        assert!((there.len() / 5 * 2..there.len() / 5 * 3).contains(&some.len()), "{}", some.len());
    }

    #[test]
    fn an_outage_is_from_then_to_then_and_comes_again_if_it_is_to() {
        let once = through(&mut line("delay=10ms outage=1s,500ms"), 10_000);
        assert_eq!(missing(&once, 10_000), (1000..1500).collect::<Vec<u16>>());
        let again = through(&mut line("delay=10ms outage=1s,500ms,4s"), 10_000);
        let cut: Vec<u16> = (1000..1500).chain(5000..5500).chain(9000..9500).collect();
        assert_eq!(missing(&again, 10_000), cut);
        // Before the times count nothing is cut.
        let mut line = line("outage=0s,500ms burst=1us,1s,1");
        line.take(0, &[0]);
        line.begin(5);
        line.begin(700 * MS);
        line.take(100 * MS, &[1]);
        assert_eq!((line.counts.lost, line.waiting.len()), (1, 1));
    }

    #[test]
    fn a_narrow_place_comes_before_the_delay() {
        // Two octets take 2 ms, and at most one packet waits.
        let mut line = line("delay=10ms rate=8kbit queue=3ms");
        let left = through(&mut line, 1000);
        assert_eq!(
            line.counts,
            Counts {
                forwarded: left.len() as u64,
                overflowed: 1000 - left.len() as u64,
                ..Counts::default()
            }
        );
        assert!((500..=503).contains(&left.len()), "{}", left.len());
        assert_eq!(&left[..3], &[(12 * MS, 0), (14 * MS, 1), (16 * MS, 2)]);
        assert!(left.windows(2).all(|pair| pair[1].0 == pair[0].0 + 2 * MS));
    }
}
