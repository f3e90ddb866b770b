use std::time::Duration;

use portolan_model::Instant;

use crate::rtt::Rtt;

/// So many silences since the host was last heard ask for a proof that it still answers.
const SILENCES: u32 = 64;
/// How long a host that stopped answering is left alone before it is tried again, in turn.
const RESTS: [u64; 5] = [1, 2, 4, 8, 20];
/// Faults of our own machine in a row before we give up asking, and the first rest after one.
const FAULTS: u8 = 8;
const FAULT_REST: Duration = Duration::from_millis(100);
/// How often a host may be lost and come back before its silences are left unknown.
const RETURNS: u8 = 8;
/// A host that was away longer than this may have banned us: it is asked slowly afterwards.
const AWAY: Duration = Duration::from_secs(5);
/// The first slow spacing, and by how much it grows each time.
const SPACING: Duration = Duration::from_millis(20);

/// Whether the host still answers us.
///
/// A silence counts only where a later answer proves that an answer would have reached us. On most hosts
/// the answers of other ports are that proof. Where they are not, a port that answered before is asked
/// again: the canary. If it is silent too, the host died, banned us, or the path broke: silences since it was
/// last heard count for nothing, and the host rests.
#[derive(Clone, Default, Debug)]
pub(super) struct Canary {
    /// When the latest answered probe was asked.
    heard: Option<Instant>,
    /// When an answer last came in.
    heard_at: Instant,
    /// The port of that answer.
    latest: u32,
    responder: Option<Responder>,
    silences: u32,
    waiting: bool,
    missed: u8,
    due: Option<Instant>,
    lost: bool,
    /// How often in a row our own machine could not ask.
    faults: u8,
    rests: usize,
    returns: u8,
    spacing: Duration,
    next_at: Instant,
    /// Each question is one packet, which nobody repeats: a SYN of our own.
    single: bool,
}

#[derive(Copy, Clone, Debug)]
struct Responder {
    port: u32,
    closed: bool,
}

impl Canary {
    /// One whose questions are single packets, or connects, whose SYN the kernel repeats.
    pub(super) fn new(single: bool) -> Self {
        Canary { single, ..Canary::default() }
    }

    /// How long a canary is waited for: long enough for the kernel's own second SYN, if it sends one.
    pub(super) fn patience(&self, rtt: &Rtt) -> Duration {
        if self.single {
            return (rtt.timeout(1) * 2).max(Duration::from_millis(500));
        }
        (rtt.timeout(1) * 4).max(Duration::from_millis(1500))
    }

    /// When the latest answered probe was asked: silences asked before it are vouched for.
    pub(super) fn last_heard(&self) -> Option<Instant> {
        self.heard
    }

    /// The port that vouches.
    pub(super) fn witness(&self) -> Option<(u32, Instant)> {
        self.heard.map(|_| (self.latest, self.heard_at))
    }

    /// The host answered a probe asked at `asked`. If it had been lost, tells since when.
    pub(super) fn heard(&mut self, port: u32, closed: bool, asked: Instant, now: Instant) -> Option<Instant> {
        let before = self.heard;
        let doubted = self.missed > 0;
        if self.heard.is_none_or(|heard| asked >= heard) {
            self.latest = port;
        }
        self.heard = self.heard.max(Some(asked));
        // A closed port makes the best canary: asking it again disturbs no service.
        if self.responder.is_none_or(|responder| closed && !responder.closed) {
            self.responder = Some(Responder { port, closed });
        }
        let away = now.since(self.heard_at);
        self.heard_at = now;
        self.silences = 0;
        self.missed = 0;
        self.waiting = false;
        self.due = None;
        self.faults = 0;
        if !self.lost {
            // One canary was missed before this: what was silent meanwhile may have been silent with it.
            return before.filter(|_| doubted);
        }
        self.lost = false;
        self.rests = 0;
        self.returns += 1;
        if away > AWAY {
            self.spacing = (self.spacing * 4).max(SPACING);
        }
        before
    }

    /// A probe asked at `asked` was not answered.
    pub(super) fn unheard(&mut self, asked: Instant, now: Instant) {
        if self.heard.is_some_and(|heard| asked >= heard) {
            self.silences += 1;
            if self.silences >= SILENCES && !self.waiting && self.due.is_none() {
                self.due = Some(now);
            }
        }
    }

    /// The canary was not answered. True when the host is taken for lost by this.
    pub(super) fn missed(&mut self, lossy: bool, now: Instant) -> bool {
        self.waiting = false;
        self.faults = 0;
        self.missed = self.missed.saturating_add(1);
        let enough = match (lossy, self.single) {
            (false, false) => 2,
            (false, true) | (true, false) => 3,
            // Where a third of all round trips is lost, this is one host in a thousand.
            (true, true) => 7,
        };
        if self.missed < enough {
            self.due = Some(now);
            return false;
        }
        let newly = !self.lost;
        self.lost = true;
        if let Some(rest) = RESTS.get(self.rests) {
            self.due = Some(now + Duration::from_secs(*rest));
        }
        self.rests += 1;
        newly
    }

    /// Our own machine could not ask the canary: again later, and later still.
    pub(super) fn failed(&mut self, now: Instant) {
        self.waiting = false;
        self.faults = self.faults.saturating_add(1);
        self.due = Some(now + FAULT_REST * (1 << self.faults.min(6)));
    }

    /// Whether our own machine has failed so often that nothing more can be learnt.
    pub(super) fn is_blind(&self) -> bool {
        self.faults > FAULTS
    }

    /// The canary is to be asked again.
    pub(super) fn ask_again(&mut self, at: Instant) {
        self.waiting = false;
        self.due = Some(at);
    }

    /// Whether the host is lost for good.
    pub(super) fn is_given_up(&self) -> bool {
        self.rests > RESTS.len() || (self.lost && self.returns >= RETURNS)
    }

    /// Whether the host does not answer us now.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// If nothing may be asked now: until when, if a time is known.
    pub(super) fn holds_back(&self, now: Instant) -> Option<Option<Instant>> {
        if self.lost && self.due.is_none_or(|due| due > now) {
            return Some(self.due);
        }
        (self.next_at > now).then_some(Some(self.next_at))
    }

    /// The canary's port, if it is to be asked now.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<u32> {
        self.due.filter(|due| *due <= now)?;
        self.start(now)
    }

    /// Asks the canary now.
    pub(super) fn start(&mut self, now: Instant) -> Option<u32> {
        let responder = self.responder.filter(|_| !self.waiting)?;
        self.due = None;
        self.waiting = true;
        self.asked(now);
        Some(responder.port)
    }

    /// Something was asked of the host: after a long absence, the next thing waits.
    pub(super) fn asked(&mut self, now: Instant) {
        self.next_at = now + self.spacing;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn two_missed_canaries_lose_the_host_and_an_answer_brings_it_back() {
        let mut canary = Canary::default();
        canary.heard(5, true, at(1), at(1));
        assert_eq!(canary.start(at(2)), Some(5));
        assert!(!canary.missed(false, at(3)) && canary.take_due(at(3)).is_some());
        assert!(canary.missed(false, at(4)) && canary.is_lost());
        assert_eq!(canary.holds_back(at(4)), Some(Some(at(5))));
        assert_eq!(canary.take_due(at(5)), Some(5));
        assert_eq!(canary.heard(5, true, at(5), at(5)), Some(at(1)));
        assert!(!canary.is_lost());
    }

    #[test]
    fn a_host_that_never_comes_back_is_given_up() {
        let mut canary = Canary::default();
        canary.heard(5, false, at(1), at(1));
        for second in 2..100 {
            if canary.is_given_up() {
                return;
            }
            if canary.start(at(second)).is_some() {
                canary.missed(false, at(second));
            }
        }
        panic!("never given up");
    }
}
