use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use portolan_model::{Address, Claim, Endpoint, Fact, Instant, PortState, Transport, Verdict};

use crate::arrivals::{Arrival, Found};
use crate::core::Core;
use crate::flight::Attempt;
use crate::outcomes::Outcomes;
use crate::permutation::{Permutation, mix};
use crate::plan::Plan;

/// Where a block is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// Asking, the nth time (from 0).
    Round(u8),
    /// Asking one witness of each host whose silences need one.
    Witness,
    /// Nothing more to ask.
    Over,
}

/// A host of a block.
#[derive(Clone, Debug)]
pub(super) struct SweptHost {
    pub(super) address: Address,
    pub(super) product: usize,
    pub(super) named: bool,
    /// It answered something itself.
    pub(super) heard: bool,
    /// The place of the port that answered, the best witness.
    pub(super) witness: Option<u32>,
    /// When the witness answered after the last round.
    pub(super) vouched: Option<Instant>,
    /// What of our own kept the witness from being asked.
    pub(super) blind: Option<(Claim, Fact, Instant)>,
    pub(super) rtt: Option<Duration>,
    /// What the discovery knows of it.
    pub(super) found: Option<Box<Found>>,
}

impl SweptHost {
    /// Whether it is known to be there.
    pub(super) fn is_there(&self) -> bool {
        self.heard || self.found.is_some()
    }
}

/// Endpoints that are asked together. Each has one byte: zero while nothing is known, else the code of its
/// outcome; the high bit while that outcome is not yet believed.
pub(super) struct Block {
    pub(super) hosts: Vec<SweptHost>,
    /// Ports a host at most; an endpoint's place is host × width + port.
    pub(super) width: usize,
    pub(super) codes: Vec<u8>,
    pub(super) ports: Vec<Vec<u16>>,
    pub(super) outcomes: Outcomes,
    pub(super) in_flight: usize,
    pub(super) opened: Instant,
    /// Endpoints settled by an answer: in all, and in this round.
    answers: u64,
    answers_now: u64,
    /// Probes of this round and when it began.
    probes_now: u64,
    round_began: Instant,
    /// When the last probe of this round left.
    last_probe: Instant,
    /// When the last round's last answer was waited for.
    pub(super) last_round_end: Instant,
    pub(super) rounds: u8,
    /// How often everybody was asked who was silent.
    pub(super) rounds_of_all: u8,
    order: Permutation,
    key: u64,
    cursor: u64,
    /// Whether this round asks silent hosts too.
    everybody: bool,
    stage: Stage,
    rests_until: Instant,
    witnesses: VecDeque<u32>,
    again: VecDeque<(Instant, Attempt)>,
    troubles: BTreeMap<u32, u8>,
    /// What was told of an endpoint, as long as it is not believed.
    pub(super) told: BTreeMap<u32, (Fact, Instant)>,
}

/// Rounds over everybody at most.
const MAX_ROUNDS: u8 = 10;

pub(super) const PROVISIONAL: u8 = 0x80;

impl Block {
    pub(super) fn new(plan: &Plan, hosts: Vec<Arrival>, salt: u64, now: Instant) -> Self {
        let hosts: Vec<SweptHost> = hosts
            .into_iter()
            .map(|Arrival { address, product, found, .. }| SweptHost {
                address,
                product,
                named: plan.is_named(address),
                heard: false,
                witness: None,
                vouched: None,
                blind: None,
                rtt: None,
                found,
            })
            .collect();
        let width = plan.most_ports();
        let len = hosts.len() * width;
        Block {
            order: Permutation::new(len as u64, mix(plan.seed() ^ mix(salt))),
            key: plan.seed() ^ mix(salt),
            codes: vec![0; len],
            ports: (0..plan.products()).map(|product| plan.ports(product).tcp.iter().collect()).collect(),
            outcomes: Outcomes::default(),
            in_flight: 0,
            answers: 0,
            answers_now: 0,
            probes_now: 0,
            round_began: now,
            last_probe: now,
            opened: now,
            last_round_end: now,
            rounds: 1,
            rounds_of_all: 1,
            cursor: 0,
            everybody: true,
            stage: Stage::Round(0),
            rests_until: now,
            witnesses: VecDeque::new(),
            again: VecDeque::new(),
            troubles: BTreeMap::new(),
            told: BTreeMap::new(),
            hosts,
            width,
        }
    }

    /// The next attempt of this stage.
    pub(super) fn next(&mut self, now: Instant) -> Option<Attempt> {
        if let Some((_, attempt)) = self.again.front().filter(|(due, _)| *due <= now).copied() {
            self.again.pop_front();
            self.in_flight += 1;
            return Some(Attempt { asked: now, overdue: false, ..attempt });
        }
        if self.rests_until > now {
            return None;
        }
        match self.stage {
            Stage::Round(round) => self.next_of_round(round, now),
            Stage::Witness => {
                let host = self.witnesses.pop_front()?;
                let place = self.hosts[host as usize].witness?;
                Some(self.attempt(place as usize, 1, true, now))
            }
            Stage::Over => None,
        }
    }

    /// Until when the block rests, if it does.
    pub(super) fn rests_until(&self, now: Instant) -> Option<Instant> {
        // What is asked again is asked before anything new.
        let next = self.again.front().map_or(self.rests_until, |(due, _)| *due);
        Some(next).filter(|at| *at > now)
    }

    pub(super) fn has_again(&self) -> bool {
        !self.again.is_empty()
    }

    /// How many endpoints the first round has not reached.
    pub(super) fn not_yet_asked(&self) -> u64 {
        if self.stage == Stage::Round(0) { self.order.len() - self.cursor } else { 0 }
    }

    /// How much of the asking is done: most blocks need two rounds, and the second is short where many answer.
    pub(super) fn share_asked(&self) -> f64 {
        let cursor = self.cursor as f64 / self.order.len().max(1) as f64;
        match self.stage {
            Stage::Round(0) => cursor * 0.5,
            Stage::Round(_) => 0.5 + cursor * 0.5,
            Stage::Witness | Stage::Over => 1.0,
        }
    }

    /// Whether this round found so much that the one before must have lost it: answers that silence hid. Then the
    /// next round asks everybody again.
    fn found_late(&self, round: u8) -> bool {
        round > 0 && self.answers_now > 2 && self.answers_now * 50 > self.answers
    }

    /// The rate to go on with, if more was lost than chance explains: half of this round's.
    pub(super) fn slower(&self) -> Option<u64> {
        let Stage::Round(round) = self.stage else { return None };
        let heavy = self.found_late(round) && self.answers_now * 8 > self.answers;
        let seconds = self.last_probe.since(self.round_began).max(Duration::from_millis(1)).as_secs_f64();
        // Not below a hundred a second: slower than that, no queue on the way explains the loss.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is positive and small"
        )]
        let half = (self.probes_now as f64 / seconds / 2.0) as u64;
        heavy.then(|| half.max(100))
    }

    /// Nothing of this stage is left and nothing is in flight: the next one. `rounds` are asked for by the loss, `most`
    /// are allowed; before another everything rests.
    pub(super) fn advance(&mut self, (rounds, most): (u8, u8), rest: Duration, now: Instant) -> Stage {
        self.stage = match self.stage {
            Stage::Round(round) => {
                self.last_round_end = now;
                // In another order: a queue on the way that drops by position must not drop the same again.
                self.order = Permutation::new(self.order.len(), mix(self.key ^ mix(u64::from(round) + 1)));
                self.cursor = 0;
                // Everything silent is asked twice; more often only where the host is known to be there.
                self.everybody =
                    round + 1 < most && (round == 0 || (self.found_late(round) && round + 1 < MAX_ROUNDS));
                let more = self.everybody || (round + 1 < rounds && self.has_silent_hosts_there());
                (self.answers_now, self.probes_now, self.round_began) = (0, 0, now);
                if more && self.codes.iter().any(|code| *code == 0 || *code & PROVISIONAL != 0) {
                    self.rounds = round + 2;
                    if self.everybody {
                        self.rounds_of_all = self.rounds;
                    }
                    self.rests_until = now + rest;
                    Stage::Round(round + 1)
                } else {
                    self.witnesses = self.hosts_to_vouch();
                    Stage::Witness
                }
            }
            Stage::Witness | Stage::Over => Stage::Over,
        };
        self.stage
    }

    pub(super) fn is_settled(&self, attempt: &Attempt) -> bool {
        let code = self.codes[self.place(attempt)];
        code != 0 && code & PROVISIONAL == 0
    }

    /// The host itself answered.
    pub(super) fn heard(&mut self, attempt: &Attempt, rtt: Duration) {
        let place = attempt.port;
        let host = &mut self.hosts[attempt.host as usize];
        host.heard = true;
        host.rtt.get_or_insert(rtt);
        host.witness.get_or_insert(place);
        if attempt.canary {
            host.vouched = Some(attempt.asked);
        }
    }

    /// This endpoint is settled.
    pub(super) fn settled(&mut self, core: &mut Core, attempt: &Attempt, verdict: Verdict) {
        let place = self.place(attempt);
        self.codes[place] = self.outcomes.code(&verdict);
        self.answers += 1;
        self.answers_now += 1;
        core.tally.settled(&verdict, 1);
        if verdict.state() == PortState::Open || !core.plan.fold {
            core.tell_verdict(verdict);
        }
    }

    /// This endpoint has an answer that the next round asks for again; the same answer twice is believed.
    pub(super) fn provisional(&mut self, attempt: &Attempt, verdict: &Verdict) {
        if attempt.canary {
            return;
        }
        let place = self.place(attempt);
        self.codes[place] = self.outcomes.kind(&verdict.claim) | PROVISIONAL;
        let told = verdict.evidence().iter().last().map(|observation| (observation.fact, observation.at));
        self.told.extend(told.map(|told| (attempt.port, told)));
    }

    /// Nobody answered in time. A witness is asked three times before it counts as gone.
    pub(super) fn silent(&mut self, attempt: &Attempt) {
        if attempt.canary {
            let tried = self.troubles.entry(attempt.host).or_insert(0);
            *tried += 1;
            if *tried < 3 {
                self.witnesses.push_back(attempt.host);
            }
        }
    }

    /// The attempt did not count: it is made again then. False if that happened too often.
    pub(super) fn ask_again(&mut self, attempt: &Attempt, due: Instant, limit: u8) -> bool {
        // Endpoints and hosts share the map: endpoints stand above all hosts.
        let key = attempt.port.saturating_add(1 << 24);
        let troubles = self.troubles.entry(key).or_insert(0);
        *troubles = troubles.saturating_add(1);
        if *troubles > limit {
            return false;
        }
        self.again.push_back((due, *attempt));
        true
    }

    /// The endpoint at a place; `None` past the host's last port.
    pub(super) fn endpoint(&self, place: usize) -> Option<Endpoint> {
        let host = &self.hosts[place / self.width];
        let port = *self.ports[host.product].get(place % self.width)?;
        Some(Endpoint { address: host.address, transport: Transport::Tcp, port })
    }

    fn next_of_round(&mut self, round: u8, now: Instant) -> Option<Attempt> {
        while self.cursor < self.order.len() {
            // Places of a Vec fit in usize.
            let place = usize::try_from(self.order.index(self.cursor)).unwrap_or(0);
            self.cursor += 1;
            let code = self.codes[place];
            let wanted = code == 0 || code & PROVISIONAL != 0;
            let host = &self.hosts[place / self.width];
            // A host that was silent to two rounds gets no third, unless the second found others late.
            if wanted && (self.everybody || host.is_there()) && self.endpoint(place).is_some() {
                self.probes_now += 1;
                self.last_probe = now;
                return Some(self.attempt(place, round + 1, false, now));
            }
        }
        None
    }

    fn attempt(&mut self, place: usize, number: u8, canary: bool, now: Instant) -> Attempt {
        self.in_flight += 1;
        let address = self.hosts[place / self.width].address;
        let fallback = Endpoint { address, transport: Transport::Tcp, port: 0 };
        Attempt {
            endpoint: self.endpoint(place).unwrap_or(fallback),
            // A block has at most 2^16 endpoints.
            host: u32::try_from(place / self.width).unwrap_or(u32::MAX),
            port: u32::try_from(place).unwrap_or(u32::MAX),
            number,
            canary,
            ping: None,
            asked: now,
            overdue: false,
        }
    }

    fn place(&self, attempt: &Attempt) -> usize {
        attempt.port as usize
    }

    fn has_silent_hosts_there(&self) -> bool {
        self.hosts.iter().enumerate().any(|(at, host)| host.is_there() && self.has_silence(at))
    }

    fn has_silence(&self, host: usize) -> bool {
        (host * self.width..(host + 1) * self.width)
            .any(|place| self.codes[place] == 0 && self.endpoint(place).is_some())
    }

    fn hosts_to_vouch(&self) -> VecDeque<u32> {
        let hosts = self.hosts.iter().enumerate().filter(|(at, host)| host.heard && self.has_silence(*at));
        hosts.map(|(at, _)| u32::try_from(at).unwrap_or(u32::MAX)).collect()
    }
}
