//! Who is behind an address of our own link: what ARP (RFC 826) and NDP (RFC 4861 section 7.2) told, and what waits for
//! it. Nothing here sends or reads a clock.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use portolan_model::sockets::ProbeId;
use portolan_model::{Address, Instant};
use portolan_sys::packet::LinkAddress;

/// The next machine on the way of a packet.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct NextHop {
    pub(super) interface: u32,
    pub(super) ip: IpAddr,
}

/// A packet that waits for its next hop's address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Held {
    pub(super) probe: ProbeId,
    pub(super) to: Address,
    pub(super) packet: Box<[u8]>,
}

/// When a question is repeated, after the first. The kernel asks three times, a second apart, and gives up after three;
/// one early repetition costs nothing and spares a second where the first is lost.
const AGAIN: [Duration; 3] = [Duration::from_millis(100), Duration::from_secs(1), Duration::from_secs(2)];
const GIVEN_UP: Duration = Duration::from_secs(3);

/// More packets than this are not held: who sends more than the link answers shall hear of it.
const MOST_HELD: usize = 8192;

/// More answers than this are forgotten, and asked for again when they are needed.
const MOST_KNOWN: usize = 1 << 16;

/// After so long somebody may have another card, or another machine have taken over: it is asked again, while packets
/// leave for where it was. Whoever does not answer then has not moved, as far as we know: such are neighbours that an
/// administrator wrote down.
const DOUBTED_AFTER: Duration = Duration::from_secs(2);

/// What is known of the neighbours.
#[derive(Default)]
pub(super) struct Neighbours {
    known: HashMap<NextHop, Known>,
    asking: HashMap<NextHop, Asking>,
    /// When each of those asked is to be asked again, or given up.
    due: BTreeSet<(Instant, NextHop)>,
    held: usize,
}

#[derive(Copy, Clone, Debug)]
struct Known {
    link: LinkAddress,
    /// From when on it is not taken for granted.
    doubted: Instant,
}

struct Asking {
    since: Instant,
    asked: usize,
    due: Instant,
    held: Vec<Held>,
}

impl Neighbours {
    /// Learns from others who is behind `hop`: that is used, and asked for all the same.
    pub(super) fn suppose(&mut self, hop: NextHop, link: LinkAddress, now: Instant) {
        self.learn(hop, Known { link, doubted: now });
    }

    fn learn(&mut self, hop: NextHop, known: Known) {
        if self.known.len() >= MOST_KNOWN {
            self.known.clear();
        }
        self.known.insert(hop, known);
    }

    /// Who is behind `hop`, if that is known. What was known for long is asked again.
    pub(super) fn find(&mut self, hop: NextHop, now: Instant) -> Option<LinkAddress> {
        let known = self.known.get_mut(&hop)?;
        let link = known.link;
        if known.doubted <= now {
            known.doubted = now + DOUBTED_AFTER;
            self.ask(hop, now);
        }
        Some(link)
    }

    fn ask(&mut self, hop: NextHop, now: Instant) -> &mut Asking {
        self.asking.entry(hop).or_insert_with(|| {
            self.due.insert((now, hop));
            Asking { since: now, asked: 0, due: now, held: Vec::new() }
        })
    }

    /// Keeps a packet until it is known who is behind `hop`; false if there is no room for it.
    pub(super) fn hold(&mut self, hop: NextHop, held: Held, now: Instant) -> bool {
        if self.held >= MOST_HELD {
            return false;
        }
        self.held += 1;
        self.ask(hop, now).held.push(held);
        true
    }

    /// Somebody says that `link` is behind `hop`. Whoever was not asked is not believed. What waited for it can leave.
    pub(super) fn answered(&mut self, hop: NextHop, link: LinkAddress, now: Instant) -> Vec<Held> {
        let Some(asking) = self.asking.remove(&hop) else {
            if let Some(known) = self.known.get_mut(&hop) {
                known.link = link;
            }
            return Vec::new();
        };
        self.due.remove(&(asking.due, hop));
        self.held -= asking.held.len();
        self.learn(hop, Known { link, doubted: now + DOUBTED_AFTER });
        asking.held
    }

    /// Who is to be asked now.
    pub(super) fn poll_question(&mut self, now: Instant) -> Option<NextHop> {
        let hop = *self
            .due
            .iter()
            .take_while(|(due, _)| *due <= now)
            .map(|(_, hop)| hop)
            .find(|hop| self.asking.get(hop).is_some_and(|asking| asking.asked <= AGAIN.len()))?;
        let asking = self.asking.get_mut(&hop)?;
        self.due.remove(&(asking.due, hop));
        asking.due = asking.since + AGAIN.get(asking.asked).copied().unwrap_or(GIVEN_UP);
        asking.asked += 1;
        self.due.insert((asking.due, hop));
        Some(hop)
    }

    /// What waited for somebody who does not answer.
    pub(super) fn poll_lost(&mut self, now: Instant) -> Option<(NextHop, Vec<Held>)> {
        let (due, hop) = self.due.first().copied().filter(|(due, _)| *due <= now)?;
        let asking = self.asking.get(&hop).filter(|asking| asking.asked > AGAIN.len())?;
        self.held -= asking.held.len();
        self.due.remove(&(due, hop));
        self.asking.remove(&hop).map(|asking| (hop, asking.held))
    }

    /// When somebody is to be asked again, or given up.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    fn hop(last: u8) -> NextHop {
        NextHop { interface: 2, ip: Ipv4Addr::new(198, 18, 0, last).into() }
    }

    fn held(slot: u32) -> Held {
        Held {
            probe: ProbeId { slot, tag: 0 },
            to: Ipv4Addr::new(198, 18, 0, 9).into(),
            packet: Box::default(),
        }
    }

    /// Everything that is asked by then.
    fn asked(neighbours: &mut Neighbours, now: Instant) -> Vec<NextHop> {
        std::iter::from_fn(|| neighbours.poll_question(now)).collect()
    }

    #[test]
    fn whoever_is_needed_is_asked_and_its_packets_leave_in_order() {
        let mut neighbours = Neighbours::default();
        assert!((0..3).all(|slot| neighbours.hold(hop(1), held(slot), at(0))));
        assert_eq!(asked(&mut neighbours, at(0)), [hop(1)]);
        assert_eq!((asked(&mut neighbours, at(99)), neighbours.due()), (vec![], Some(at(100))));
        let link = LinkAddress::BROADCAST;
        // Nobody asked for that one.
        assert_eq!(neighbours.answered(hop(2), link, at(99)), []);
        assert_eq!([hop(2), hop(1)].map(|hop| neighbours.find(hop, at(99))), [None, None]);
        let released = neighbours.answered(hop(1), link, at(99));
        assert_eq!(released.iter().map(|held| held.probe.slot).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!((neighbours.find(hop(1), at(99)), neighbours.due()), (Some(link), None));
    }

    #[test]
    fn whoever_does_not_answer_is_asked_four_times_and_given_up_after_three_seconds() {
        let mut neighbours = Neighbours::default();
        neighbours.hold(hop(1), held(0), at(0));
        neighbours.hold(hop(2), held(1), at(500));
        let mut questions = Vec::new();
        let mut lost = Vec::new();
        for millis in (0..4000).step_by(50) {
            questions.extend(asked(&mut neighbours, at(millis)).iter().map(|hop| (*hop, millis)));
            while let Some((hop, held)) = neighbours.poll_lost(at(millis)) {
                lost.push((hop, held.len(), millis));
            }
        }
        let first: Vec<_> = questions.iter().filter(|(who, _)| *who == hop(1)).map(|(_, at)| *at).collect();
        assert_eq!(first, [0, 100, 1000, 2000]);
        assert_eq!(lost, [(hop(1), 1, 3000), (hop(2), 1, 3500)]);
        assert_eq!((neighbours.due(), neighbours.held), (None, 0));
        // The next packet begins anew.
        neighbours.hold(hop(1), held(2), at(5000));
        assert_eq!(asked(&mut neighbours, at(5000)), [hop(1)]);
    }

    #[test]
    fn what_was_known_for_long_is_asked_again_and_used_meanwhile() {
        let mut neighbours = Neighbours::default();
        let (old, new) = (LinkAddress::BROADCAST, LinkAddress::default());
        neighbours.suppose(hop(1), old, at(0));
        assert_eq!(neighbours.due(), None, "nobody needs it");
        assert_eq!(neighbours.find(hop(1), at(10)), Some(old));
        assert_eq!(asked(&mut neighbours, at(10)), [hop(1)]);
        assert_eq!(neighbours.answered(hop(1), new, at(20)), []);
        assert_eq!((neighbours.find(hop(1), at(2019)), neighbours.due()), (Some(new), None));
        // Nobody answers: it stays, and is asked again in its time.
        assert_eq!(neighbours.find(hop(1), at(2020)), Some(new));
        for millis in [2020, 2120, 3020, 4020] {
            assert_eq!(asked(&mut neighbours, at(millis)), [hop(1)], "{millis}");
        }
        assert_eq!(neighbours.poll_lost(at(5020)), Some((hop(1), vec![])));
        assert_eq!((neighbours.find(hop(1), at(5021)), neighbours.due()), (Some(new), Some(at(5021))));
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut neighbours = Neighbours::default();
        let most = u32::try_from(MOST_HELD).unwrap();
        assert!((0..most).all(|slot| neighbours.hold(hop((slot % 7) as u8), held(slot), at(0))));
        assert!(!neighbours.hold(hop(1), held(0), at(0)));
        neighbours.answered(hop(3), LinkAddress::BROADCAST, at(0));
        assert!(neighbours.hold(hop(1), held(0), at(0)));
    }
}
