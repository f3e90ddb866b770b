use portolan_model::sockets::ProbeId;
use portolan_model::{Address, Fact, HostReport, HostState, Instant, LocalFault, Observation, Ping, Reason};

use crate::arrivals::Found;

/// What a host is being asked.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Wave {
    /// Whether it is on a link of ours.
    Neighbour,
    /// The first of the other pings: most hosts answer it, and then need no more.
    First,
    /// All others.
    Others,
}

/// What happens to a host.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Stand {
    /// It is asked as soon as it has its turn.
    InTurn,
    /// Its answers are waited for.
    Waits,
    /// It rests until it is asked again.
    Rests,
    /// It was asked enough, by what is known of the losses; late answers are listened for.
    Quiet,
}

/// A host that is looked for.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) visit: u64,
    pub(super) address: Address,
    pub(super) product: usize,
    pub(super) stand: Stand,
    wave: Wave,
    /// The next ping of the wave.
    next: u32,
    /// Answers that are waited for, and those of them that are not late.
    pub(super) in_flight: u32,
    on_time: u32,
    /// The round's number, from 1.
    round: u8,
    /// Spaced attempts that count.
    tries: u8,
    /// It is not on our link, so what passes a router is asked.
    off_link: bool,
    /// The link says that nobody has the address.
    pub(super) absent: bool,
    /// In how many rounds somebody else said that there is no way to it, and in which last.
    unreachable: u8,
    unreachable_in: u8,
    faults: u16,
    /// Its attempts on their way, and perhaps some that are over.
    pub(super) probes: Vec<ProbeId>,
    attempts: u8,
    first: Instant,
    last: Instant,
    /// What somebody else said, and the last reason of it.
    said: Vec<Observation>,
    reason: Option<Reason>,
}

/// The place of [`Ping::Neighbour`], which stands in no list.
pub(super) const NEIGHBOUR: u32 = u32::MAX;
/// One answer of the link stands for three questions (RFC 4861 section 7.2.2, and ours for ARP).
const QUESTIONS: u8 = 3;
/// In so many rounds somebody must say that a host cannot be reached: once is a moment, twice may be chance.
const UNREACHABLE: u8 = 3;
/// No more than so much of what others say is kept.
const MOST_SAID: usize = 6;

/// What a host wants after an attempt.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Want {
    /// To be asked more at once.
    Turn,
    /// Nothing before something happens.
    Nothing,
    /// A round is over: another one after a rest, if there is to be one.
    Round,
    /// It is down: told so often enough.
    Down,
}

impl Candidate {
    /// Where packets can be sent the link is asked first.
    pub(super) fn new(visit: u64, (address, product): (Address, usize), by_link: bool, now: Instant) -> Self {
        Candidate {
            visit,
            address,
            product,
            stand: Stand::InTurn,
            wave: if by_link { Wave::Neighbour } else { Wave::First },
            next: 0,
            in_flight: 0,
            on_time: 0,
            round: 1,
            tries: 0,
            off_link: !by_link,
            absent: false,
            unreachable: 0,
            unreachable_in: 0,
            faults: 0,
            probes: Vec::new(),
            attempts: 0,
            first: now,
            last: now,
            said: Vec::new(),
            reason: None,
        }
    }

    /// The next ping, its place in the list, and the round.
    pub(super) fn ask(&mut self, pings: &[Ping], now: Instant) -> Option<(u32, Ping, u8)> {
        let place = match self.wave {
            Wave::Neighbour if self.next == 0 => Some((NEIGHBOUR, Ping::Neighbour)),
            Wave::First if self.next == 0 => pings.first().map(|ping| (0, *ping)),
            Wave::Neighbour | Wave::First => None,
            Wave::Others => pings.get(self.next as usize + 1).map(|ping| (self.next + 1, *ping)),
        };
        let Some((place, ping)) = place else {
            self.stand = Stand::Waits;
            return None;
        };
        self.next += 1;
        self.in_flight += 1;
        self.on_time += 1;
        self.attempts = self.attempts.saturating_add(1);
        if self.attempts == 1 {
            self.first = now;
        }
        self.last = now;
        let more = match self.wave {
            Wave::Neighbour | Wave::First => false,
            Wave::Others => (self.next as usize) + 1 < pings.len(),
        };
        if !more {
            self.stand = Stand::Waits;
        }
        Some((place, ping, self.round))
    }

    /// An answer is late.
    pub(super) fn overdue(&mut self, pings: &[Ping]) -> Want {
        self.on_time -= 1;
        self.after(pings)
    }

    /// An attempt ended, by what did not show that the host is there.
    pub(super) fn ended(&mut self, was_late: bool, at: Instant) {
        self.last = self.last.max(at);
        self.in_flight -= 1;
        self.on_time -= u32::from(!was_late);
    }

    /// What there is to do if nothing that is on time is waited for any more.
    pub(super) fn after(&mut self, pings: &[Ping]) -> Want {
        if self.stand != Stand::Waits || self.on_time > 0 {
            return Want::Nothing;
        }
        (self.wave, self.next) = match self.wave {
            Wave::Neighbour => (Wave::First, 0),
            // Whoever says that there is no way to the host says so of every ping.
            Wave::First if pings.len() > 1 && !self.is_unreachable_now() => (Wave::Others, 0),
            Wave::First | Wave::Others => {
                self.tries = self.tries.saturating_add(1);
                return Want::Round;
            }
        };
        Want::Turn
    }

    /// It is behind a router.
    pub(super) fn is_off_link(&mut self, pings: &[Ping]) -> Want {
        // Nothing left for it.
        self.attempts = self.attempts.saturating_sub(1);
        self.off_link = true;
        self.after(pings)
    }

    /// The link says that nobody has the address: that is all that there is to ask.
    pub(super) fn is_absent(&mut self, at: Instant) -> Want {
        (self.absent, self.last) = (true, at);
        if self.stand == Stand::Waits && self.on_time == 0 {
            self.tries = self.tries.saturating_add(QUESTIONS);
            return Want::Round;
        }
        Want::Nothing
    }

    /// Somebody else says that there is no way to it: down, if that was said in enough rounds.
    pub(super) fn is_unreachable(
        &mut self,
        (reason, round): (Reason, u8),
        said: Vec<Observation>,
        pings: &[Ping],
    ) -> Want {
        self.keep(reason, said);
        // Late news of an earlier round is no news.
        if self.unreachable_in < round {
            self.unreachable_in = round;
            self.unreachable += 1;
        }
        if self.unreachable >= UNREACHABLE { Want::Down } else { self.after(pings) }
    }

    /// Somebody else refused the ping in its place.
    pub(super) fn is_refused(&mut self, reason: Reason, said: Vec<Observation>, pings: &[Ping]) -> Want {
        self.keep(reason, said);
        self.after(pings)
    }

    /// Our own machine failed: how often by now. The ping is asked again.
    pub(super) fn failed(&mut self, place: u32) -> u16 {
        self.attempts = self.attempts.saturating_sub(1);
        self.faults += 1;
        let at = match self.wave {
            Wave::Neighbour | Wave::First => 0,
            Wave::Others => place.saturating_sub(1),
        };
        self.next = self.next.min(at);
        self.faults
    }

    /// Another round.
    pub(super) fn again(&mut self) {
        self.round = self.round.saturating_add(1);
        self.next = 0;
        self.wave = if self.off_link { Wave::First } else { Wave::Neighbour };
    }

    /// How many spaced attempts count.
    pub(super) fn tries(&self) -> u8 {
        self.tries
    }

    /// Whether somebody said just now that it cannot be reached.
    pub(super) fn is_unreachable_now(&self) -> bool {
        self.unreachable_in == self.round
    }

    /// What is told of it in the end.
    pub(super) fn report(mut self, ping_of: Ping) -> HostReport {
        let (state, reason, evidence) = if self.absent {
            let asked = Fact::Pinged { ping: ping_of, attempt: self.round };
            let fault = Fact::Local(LocalFault::NoNeighbour { on_link: true });
            let seen = [(self.first, asked), (self.last, fault)];
            let seen = seen.map(|(at, fact)| Observation { at, fact }).to_vec();
            (HostState::Down, Reason::NoNeighbour, seen)
        } else if self.unreachable >= UNREACHABLE {
            (HostState::Down, self.reason.unwrap_or(Reason::HostUnreach), self.said)
        } else {
            let silence = Fact::Silence { attempts: self.attempts, over: self.last.since(self.first) };
            self.said.push(Observation { at: self.last, fact: silence });
            (HostState::Unknown, self.reason.unwrap_or(Reason::NoResponse), self.said)
        };
        report(self.address, (state, reason), evidence)
    }

    fn keep(&mut self, reason: Reason, said: Vec<Observation>) {
        if self.said.len() < MOST_SAID {
            self.said.extend(said);
        }
        self.reason = Some(reason);
    }
}

/// The report of a host of which nothing but its state is known.
pub(super) fn report(
    target: Address,
    (state, reason): (HostState, Reason),
    evidence: Vec<Observation>,
) -> HostReport {
    let reason = Some(reason);
    HostReport {
        target,
        state,
        reason,
        evidence,
        mac: None,
        rtt: None,
        loss: 0.0,
        counts: Default::default(),
    }
}

/// The report of a host that was found.
pub(super) fn found(target: Address, found: Found) -> HostReport {
    let Found { reason, evidence, mac, rtt, .. } = found;
    HostReport { mac, rtt, ..report(target, (HostState::Up, reason), evidence) }
}
