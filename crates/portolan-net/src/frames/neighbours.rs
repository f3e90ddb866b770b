//! Who is behind an address of our own link: what ARP (RFC 826) and NDP (RFC 4861 section 7.2) told, and what waits for
//! it. Nothing here sends or reads a clock.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use portolan_model::sockets::ProbeId;
use portolan_model::{Address, Instant, Mac};
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

/// Somebody asked who is behind an address, for its own sake: whether anybody is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    pub(super) probe: ProbeId,
    /// When the address was last asked for.
    pub(super) asked: Instant,
}

/// All that waited for somebody.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Waited {
    pub(super) held: Vec<Held>,
    pub(super) wanted: Vec<Wanted>,
}

/// When a question is repeated, after the first. The kernel asks three times, a second apart, and gives up after three;
/// one early repetition costs nothing and spares a second where the first is lost.
const AGAIN: [Duration; 3] = [Duration::from_millis(100), Duration::from_secs(1), Duration::from_secs(2)];
const GIVEN_UP: Duration = Duration::from_secs(3);

/// So many questions a second go out at most, and so many at once. Each of them is a broadcast that every machine of the
/// link has to look at: 5,000 are under 3 Mbit/s, less than a hundredth of what the slowest wired link in use carries, and
/// within what small devices bear that handle each in software. A /24 is asked for in one burst.
const QUESTION_EVERY: Duration = Duration::from_micros(200);
const BURST: u32 = 256;

/// More answers than this are forgotten, and asked for again when they are needed.
const MOST_KNOWN: usize = 1 << 16;

/// After so long somebody may have another card, or another machine have taken over: it is asked again, while packets
/// leave for where it was. Whoever does not answer then has not moved, as far as we know: such are neighbours that an
/// administrator wrote down.
const DOUBTED_AFTER: Duration = Duration::from_secs(2);

/// What is known of the neighbours.
pub(super) struct Neighbours {
    known: HashMap<NextHop, Known>,
    asking: HashMap<NextHop, Asking>,
    /// When each of those asked is to be asked again …
    due: BTreeSet<(Instant, NextHop)>,
    /// … or given up.
    ending: BTreeSet<(Instant, NextHop)>,
    /// When the budget of questions will be as if nothing had been asked.
    rested: Instant,
    waiting: usize,
    /// More than this does not wait: who sends more than the link answers shall hear of it.
    most_waiting: usize,
}

#[derive(Copy, Clone, Debug)]
struct Known {
    link: LinkAddress,
    /// From when on it is not taken for granted.
    doubted: Instant,
    /// An administrator wrote it down: that nobody answers proves nothing.
    is_written: bool,
}

struct Asking {
    /// When it was asked first, and last.
    first: Instant,
    last: Instant,
    asked: usize,
    due: Instant,
    held: Vec<Held>,
    wanted: Vec<ProbeId>,
}

impl Neighbours {
    /// Lets no more than `most_waiting` wait at a time.
    pub(super) fn new(most_waiting: usize) -> Self {
        Neighbours {
            known: HashMap::new(),
            asking: HashMap::new(),
            due: BTreeSet::new(),
            ending: BTreeSet::new(),
            rested: Instant::ZERO,
            waiting: 0,
            most_waiting,
        }
    }

    /// Learns from others who is behind `hop`: that is used, and asked for all the same.
    pub(super) fn suppose(&mut self, hop: NextHop, link: LinkAddress, is_written: bool, now: Instant) {
        self.learn(hop, Known { link, doubted: now, is_written });
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
            Asking { first: now, last: now, asked: 0, due: now, held: Vec::new(), wanted: Vec::new() }
        })
    }

    /// Keeps a packet until it is known who is behind `hop`; false if there is no room for it.
    pub(super) fn hold(&mut self, hop: NextHop, held: Held, now: Instant) -> bool {
        if self.waiting >= self.most_waiting {
            return false;
        }
        self.waiting += 1;
        self.ask(hop, now).held.push(held);
        true
    }

    /// Asks whether anybody is behind `hop`, whatever is known of it; false if there is no room for that.
    pub(super) fn want(&mut self, hop: NextHop, probe: ProbeId, now: Instant) -> bool {
        if self.waiting >= self.most_waiting {
            return false;
        }
        self.waiting += 1;
        self.ask(hop, now).wanted.push(probe);
        true
    }

    /// Whether an administrator wrote down who is behind `hop`.
    pub(super) fn is_written(&self, hop: NextHop) -> bool {
        self.known.get(&hop).is_some_and(|known| known.is_written)
    }

    /// Somebody says that `link` is behind `hop`. Whoever was not asked is not believed. What waited for it can leave.
    pub(super) fn answered(&mut self, hop: NextHop, link: LinkAddress, now: Instant) -> Waited {
        let Some(waited) = self.end(hop) else {
            if let Some(known) = self.known.get_mut(&hop) {
                known.link = link;
            }
            return Waited::default();
        };
        let is_written = self.is_written(hop);
        self.learn(hop, Known { link, doubted: now + DOUBTED_AFTER, is_written });
        waited
    }

    /// Nobody asks for `hop` any more.
    fn end(&mut self, hop: NextHop) -> Option<Waited> {
        let Asking { due, last, held, wanted, .. } = self.asking.remove(&hop)?;
        self.due.remove(&(due, hop));
        self.ending.remove(&(due, hop));
        self.waiting -= held.len() + wanted.len();
        let wanted = wanted.into_iter().map(|probe| Wanted { probe, asked: last }).collect();
        Some(Waited { held, wanted })
    }

    /// Who is to be asked now, as far as the budget of questions goes.
    pub(super) fn poll_question(&mut self, now: Instant) -> Option<NextHop> {
        let (due, hop) = self.due.first().copied().filter(|(due, _)| *due <= now)?;
        if self.may_ask() > now {
            return None;
        }
        self.due.remove(&(due, hop));
        let asking = self.asking.get_mut(&hop)?;
        self.rested = self.rested.max(now) + QUESTION_EVERY;
        if asking.asked == 0 {
            // It may have waited for the budget until now.
            asking.first = now;
        }
        (asking.last, asking.asked) = (now, asking.asked + 1);
        match AGAIN.get(asking.asked - 1) {
            Some(after) => {
                // Never all at once, however late we are.
                asking.due = (asking.first + *after).max(now + AGAIN[0]);
                self.due.insert((asking.due, hop));
            }
            None => {
                asking.due = (asking.first + GIVEN_UP).max(now + AGAIN[0]);
                self.ending.insert((asking.due, hop));
            }
        }
        Some(hop)
    }

    /// From when on a question is within the budget.
    fn may_ask(&self) -> Instant {
        self.rested - QUESTION_EVERY * (BURST - 1)
    }

    /// What waited for somebody who does not answer.
    pub(super) fn poll_lost(&mut self, now: Instant) -> Option<(NextHop, Waited)> {
        let (_, hop) = self.ending.first().copied().filter(|(due, _)| *due <= now)?;
        self.end(hop).map(|waited| (hop, waited))
    }

    /// When somebody is to be asked again, or given up.
    pub(super) fn due(&self) -> Option<Instant> {
        // A few at a time: to be woken for each costs more than to ask it.
        let question = self.due.first().map(|(due, _)| (*due).max(self.may_ask() + QUESTION_EVERY * 4));

        let end = self.ending.first().map(|(due, _)| *due);
        question.into_iter().chain(end).min()
    }
}

/// The hardware address, if it has six bytes as on Ethernet.
pub(super) fn mac(link: LinkAddress) -> Option<Mac> {
    link.as_bytes().try_into().ok().map(Mac)
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

    const MOST: usize = 100;

    /// Everything that is asked by then.
    fn asked(neighbours: &mut Neighbours, now: Instant) -> Vec<NextHop> {
        std::iter::from_fn(|| neighbours.poll_question(now)).collect()
    }

    #[test]
    fn whoever_is_needed_is_asked_and_its_packets_leave_in_order() {
        let mut neighbours = Neighbours::new(MOST);
        assert!((0..3).all(|slot| neighbours.hold(hop(1), held(slot), at(0))));
        assert_eq!(asked(&mut neighbours, at(0)), [hop(1)]);
        assert_eq!((asked(&mut neighbours, at(99)), neighbours.due()), (vec![], Some(at(100))));
        let link = LinkAddress::BROADCAST;
        // Nobody asked for that one.
        assert_eq!(neighbours.answered(hop(2), link, at(99)), Waited::default());
        assert_eq!([hop(2), hop(1)].map(|hop| neighbours.find(hop, at(99))), [None, None]);
        let released = neighbours.answered(hop(1), link, at(99)).held;
        assert_eq!(released.iter().map(|held| held.probe.slot).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!((neighbours.find(hop(1), at(99)), neighbours.due()), (Some(link), None));
    }

    #[test]
    fn whoever_does_not_answer_is_asked_four_times_and_given_up_after_three_seconds() {
        let mut neighbours = Neighbours::new(MOST);
        neighbours.hold(hop(1), held(0), at(0));
        neighbours.hold(hop(2), held(1), at(500));
        let mut questions = Vec::new();
        let mut lost = Vec::new();
        for millis in (0..4000).step_by(50) {
            questions.extend(asked(&mut neighbours, at(millis)).iter().map(|hop| (*hop, millis)));
            while let Some((hop, Waited { held, .. })) = neighbours.poll_lost(at(millis)) {
                lost.push((hop, held.len(), millis));
            }
        }
        let first: Vec<_> = questions.iter().filter(|(who, _)| *who == hop(1)).map(|(_, at)| *at).collect();
        assert_eq!(first, [0, 100, 1000, 2000]);
        assert_eq!(lost, [(hop(1), 1, 3000), (hop(2), 1, 3500)]);
        assert_eq!((neighbours.due(), neighbours.waiting), (None, 0));
        // The next packet begins anew.
        neighbours.hold(hop(1), held(2), at(5000));
        assert_eq!(asked(&mut neighbours, at(5000)), [hop(1)]);
    }

    #[test]
    fn what_was_known_for_long_is_asked_again_and_used_meanwhile() {
        let mut neighbours = Neighbours::new(MOST);
        let (old, new) = (LinkAddress::BROADCAST, LinkAddress::default());
        neighbours.suppose(hop(1), old, false, at(0));
        assert_eq!(neighbours.due(), None, "nobody needs it");
        assert_eq!(neighbours.find(hop(1), at(10)), Some(old));
        assert_eq!(asked(&mut neighbours, at(10)), [hop(1)]);
        assert_eq!(neighbours.answered(hop(1), new, at(20)), Waited::default());
        assert_eq!((neighbours.find(hop(1), at(2019)), neighbours.due()), (Some(new), None));
        // Nobody answers: it stays, and is asked again in its time.
        assert_eq!(neighbours.find(hop(1), at(2020)), Some(new));
        for millis in [2020, 2120, 3020, 4020] {
            assert_eq!(asked(&mut neighbours, at(millis)), [hop(1)], "{millis}");
        }
        assert_eq!(neighbours.poll_lost(at(5020)), Some((hop(1), Waited::default())));
        assert_eq!((neighbours.find(hop(1), at(5021)), neighbours.due()), (Some(new), Some(at(5021))));
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut neighbours = Neighbours::new(MOST);
        let most = u32::try_from(MOST).unwrap();
        assert!((0..most).all(|slot| neighbours.hold(hop((slot % 7) as u8), held(slot), at(0))));
        assert!(!neighbours.hold(hop(1), held(0), at(0)) && !neighbours.want(hop(9), held(0).probe, at(0)));
        neighbours.answered(hop(3), LinkAddress::BROADCAST, at(0));
        assert!(neighbours.hold(hop(1), held(0), at(0)) && neighbours.want(hop(9), held(0).probe, at(0)));
    }

    #[test]
    fn whether_anybody_is_there_is_asked_whatever_is_known() {
        let mut neighbours = Neighbours::new(MOST);
        let link = LinkAddress::BROADCAST;
        let probe = held(7).probe;
        neighbours.suppose(hop(1), link, false, at(0));
        assert!(neighbours.want(hop(1), probe, at(5)) && neighbours.hold(hop(1), held(8), at(6)));
        assert_eq!((asked(&mut neighbours, at(7)), neighbours.due()), (vec![hop(1)], Some(at(107))));
        assert_eq!(asked(&mut neighbours, at(107)), [hop(1)]);
        let waited = neighbours.answered(hop(1), link, at(110));
        assert_eq!(waited.wanted, [Wanted { probe, asked: at(107) }], "dated by the last question");
        assert_eq!((waited.held.len(), neighbours.waiting, neighbours.due()), (1, 0, None));
        assert!(neighbours.want(hop(1), probe, at(111)), "and again");
        assert_eq!(asked(&mut neighbours, at(111)), [hop(1)]);
    }

    #[test]
    fn what_was_written_down_is_remembered_as_such() {
        let mut neighbours = Neighbours::new(MOST);
        neighbours.suppose(hop(1), LinkAddress::BROADCAST, true, at(0));
        neighbours.want(hop(1), held(0).probe, at(0));
        asked(&mut neighbours, at(0));
        neighbours.answered(hop(1), LinkAddress::default(), at(1));
        assert!(neighbours.is_written(hop(1)) && !neighbours.is_written(hop(2)));
    }

    #[test]
    fn a_whole_network_is_asked_in_bursts() {
        let mut neighbours = Neighbours::new(20_000);
        let hop = |n: u32| NextHop { interface: 2, ip: Ipv4Addr::from_bits(0xc612_0000 | n).into() };
        let number = 10_000;
        for n in 0..number {
            assert!(neighbours.want(hop(n), held(n).probe, at(0)));
        }
        assert_eq!(asked(&mut neighbours, at(0)).len(), BURST as usize);
        assert!(neighbours.due().is_some_and(|due| due > at(0) && due <= at(1)), "{:?}", neighbours.due());
        let (mut questions, mut lost, mut last) = (u64::from(BURST), 0, 0);
        for millis in 1..20_000 {
            let now = asked(&mut neighbours, at(millis)).len();
            assert!(now <= 5 + usize::from(millis == 1), "{now} at once");
            questions += now as u64;
            assert!(questions <= u64::from(BURST) + millis * 5, "{questions} within {millis} ms");
            while let Some((_, waited)) = neighbours.poll_lost(at(millis)) {
                (lost, last) = (lost + waited.wanted.len(), millis);
            }
        }
        // Nobody answers: each is asked four times, however long it waited for the first.
        assert_eq!((questions, lost), (4 * u64::from(number), number as usize));
        assert!((8000..12_000).contains(&last), "{last}");
        assert_eq!((neighbours.due(), neighbours.waiting), (None, 0));
        // After a rest there may be a burst again, and no more than one.
        for n in 0..number {
            neighbours.want(hop(n), held(n).probe, at(60_000));
        }
        assert_eq!(asked(&mut neighbours, at(60_000)).len(), BURST as usize);
    }
}
