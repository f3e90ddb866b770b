use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use portolan_model::sockets::{Completion, Outcome};
use portolan_model::{Address, Claim, Fact, Instant, LocalFault, PortState, Verdict};

use super::canary::Canary;
use super::order::Order;
use crate::core::{Core, answered, first_packet_answered, gap};
use crate::flight::Attempt;
use crate::loss::Loss;
use crate::outcomes::Outcomes;
use crate::rtt::Rtt;
use crate::technique::tcp_connect::{self, Judgement};

/// How many of the likeliest ports a host of a range is asked before it has answered anything.
const LIKELIEST: usize = 12;
/// Faults of our own machine at one port before it stays unknown: shortages pass, refusals do not.
const SHORTAGES: u16 = 100;
const REFUSALS: u16 = 3;
/// Faults that concern the whole host before it is given up.
const UNREACHED: u8 = 3;
/// Answers of the provisional kind at one port before the last of them is taken.
const PROVISIONAL_ANSWERS: u8 = 6;
/// Attempts after which no silence is doubted any more.
const MOST_TRIES: u8 = 12;
/// How long the first probes of a host that never answered wait: the three seconds in which the kernel looks for a
/// neighbour, and a little.
const SCOUT_PATIENCE: Duration = Duration::from_millis(3300);
/// A missing route counts again after this long.
const ROUTE_REST: Duration = Duration::from_millis(35);
/// Self-connects at one port before it stays unknown.
const SELF_CONNECTS: u8 = 20;

/// What a host wants next.
pub(crate) enum Next {
    /// Ask this port.
    Ask { port: u32, number: u8, canary: bool },
    /// Nothing before then, or before something happens.
    Wait(Option<Instant>),
    /// Nothing more.
    Finished,
}

/// A port that was asked and has no verdict yet.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    /// Attempts that count.
    pub(super) tries: u8,
    /// Attempts in all, also those that do not count.
    pub(super) number: u8,
    pub(super) first: Instant,
    /// When the last attempt was asked, and how long its answer was waited for.
    pub(super) last: Instant,
    pub(super) waited: Duration,
    /// A first answer that is not believed before it repeats.
    pub(super) provisional: Option<Box<Verdict>>,
    pub(super) faults: u16,
    pub(super) self_connects: u8,
    pub(super) in_flight: bool,
}

/// An open port, kept small in case every port turns out to be open.
#[derive(Copy, Clone, Debug)]
pub(super) struct Open {
    pub(super) port: u32,
    pub(super) tries: u8,
    pub(super) at: Instant,
    pub(super) rtt: Duration,
    pub(super) local: SocketAddr,
}

/// One host being scanned.
pub(crate) struct Host {
    pub(crate) address: Address,
    pub(crate) in_turn: bool,
    pub(crate) in_flight: u32,
    pub(super) named: bool,
    pub(super) order: Arc<Order>,
    /// The next port of the order that was never asked.
    pub(super) fresh: usize,
    /// A settled port's code; zero while it is not settled.
    pub(super) codes: Vec<u8>,
    pub(super) outcomes: Outcomes,
    pub(super) pending: BTreeMap<u32, Pending>,
    pub(super) retries: BinaryHeap<Reverse<(Instant, u32)>>,
    pub(super) opens: Vec<Open>,
    /// Settled one by one before the host was heard at all.
    pub(super) untold: Vec<Verdict>,
    pub(super) rtt: Rtt,
    pub(super) loss: Loss,
    pub(super) canary: Canary,
    /// What keeps us from reaching the host at all.
    pub(super) unreached: Option<(Claim, Fact, Instant)>,
    unreached_count: u8,
    /// What keeps the canary from being asked.
    pub(super) blind: Option<(Claim, Fact, Instant)>,
}

impl Host {
    pub(crate) fn new(address: Address, order: Arc<Order>, named: bool) -> Self {
        Host {
            address,
            in_turn: true,
            in_flight: 0,
            named,
            fresh: 0,
            codes: vec![0; order.len()],
            order,
            outcomes: Outcomes::default(),
            pending: BTreeMap::new(),
            retries: BinaryHeap::new(),
            opens: Vec::new(),
            untold: Vec::new(),
            rtt: Rtt::default(),
            loss: Loss::default(),
            canary: Canary::default(),
            unreached: None,
            unreached_count: 0,
            blind: None,
        }
    }

    pub(crate) fn port(&self, index: u32) -> u16 {
        self.order.port(index)
    }

    /// How long the answer to `attempt` is waited for.
    pub(crate) fn patience(&self, attempt: &Attempt) -> Duration {
        if attempt.canary {
            return Canary::patience(&self.rtt);
        }
        // What is asked of a host first waits at the head of the queue for its neighbour: if nobody answers ARP or
        // NDP, these are the sockets that hear of it, and only if they still stand.
        let scout =
            self.rtt.smoothed().is_none() && attempt.number == 1 && (attempt.port as usize) < LIKELIEST;
        if scout { SCOUT_PATIENCE } else { self.rtt.timeout(attempt.number) }
    }

    /// What to ask next.
    pub(crate) fn next(&mut self, core: &Core, now: Instant) -> Next {
        if self.is_unreached() || self.canary.is_given_up() || self.canary.is_blind() {
            return Next::Finished;
        }
        if let Some(wait) = self.canary.holds_back(now) {
            return Next::Wait(wait);
        }
        if let Some(port) = self.canary.take_due(now) {
            self.in_flight += 1;
            return Next::Ask { port, number: 1, canary: true };
        }
        while let Some(Reverse((_, port))) =
            self.retries.peek().copied().filter(|Reverse((due, _))| *due <= now)
        {
            self.retries.pop();
            if self.codes[port as usize] == 0 {
                return self.ask(port, now);
            }
        }
        if self.fresh < self.limit() {
            // A host has at most 65,535 ports.
            let port = u32::try_from(self.fresh).unwrap_or(u32::MAX);
            self.fresh += 1;
            return self.ask(port, now);
        }
        let retry = self.retries.peek().map(|Reverse((due, _))| *due);
        if self.in_flight > 0 || retry.is_some() {
            return Next::Wait(retry);
        }
        self.tail(core, now)
    }

    /// Somebody answered.
    pub(crate) fn answer(&mut self, core: &mut Core, attempt: &Attempt, event: &Completion) {
        if attempt.canary && !tcp_connect::is_from_target(attempt.endpoint, &event.outcome) {
            // Somebody on the way speaks for a host that says nothing: a miss.
            return self.silence(core, attempt, event.at);
        }
        let rtt = event.at.since(event.sent);
        if tcp_connect::is_from_target(attempt.endpoint, &event.outcome) {
            let first = self.rtt.smoothed().is_none();
            self.rtt.sample(rtt);
            core.rtt.sample(rtt);
            if first {
                self.hasten(core, attempt.host);
            }
            let closed = !matches!(event.outcome, Outcome::Connected { .. });
            let revived = self.canary.heard(attempt.port, closed, attempt.asked, event.at);
            if let Some(since) = revived {
                self.roll_back(since, event.at);
            }
        }
        if attempt.canary || self.codes[attempt.port as usize] != 0 {
            return;
        }
        let Some(fact) = tcp_connect::fact(&event.outcome) else { return };
        match tcp_connect::judge(attempt.endpoint, &event.outcome) {
            Judgement::Silence => self.silence(core, attempt, event.at),
            Judgement::Settled(claim) => {
                self.count_answer(core, attempt, rtt);
                let verdict = answered(attempt, claim, self.tries(attempt), event.sent, event.at, fact);
                self.settled(core, attempt.port, verdict);
            }
            Judgement::Provisional(claim) => {
                let verdict = answered(attempt, claim, self.tries(attempt), event.sent, event.at, fact);
                self.provisional(core, attempt, verdict, event.at);
            }
        }
    }

    /// Nobody answered in time.
    pub(crate) fn silence(&mut self, core: &mut Core, attempt: &Attempt, now: Instant) {
        if attempt.canary {
            let lossy = self.loss.seen();
            self.loss.spell();
            if self.canary.missed(lossy, now) {
                self.retries.clear();
            }
            return;
        }
        let needed = self.needed(core);
        let port = self.pending(attempt);
        port.in_flight = false;
        port.last = attempt.asked;
        port.waited = now.since(attempt.asked);
        // A scout that waited its whole time has had the kernel's own SYNs as retries, a second apart.
        let tries = if port.waited >= SCOUT_PATIENCE { 2 } else { 1 };
        port.tries = port.tries.saturating_add(tries);
        if port.tries < needed {
            let due = now + gap(port.tries);
            self.retries.push(Reverse((due, attempt.port)));
        }
        self.canary.unheard(attempt.asked, now);
    }

    /// Our own machine failed.
    pub(crate) fn local(
        &mut self,
        core: &mut Core,
        attempt: &Attempt,
        fault: LocalFault,
        event: &Completion,
    ) {
        let waiting = core.flight.len();
        if fault.is_shortage() {
            core.window.shrink(waiting, fault != LocalFault::NoBuffers);
        }
        let Judgement::Provisional(claim) = tcp_connect::judge(attempt.endpoint, &event.outcome) else {
            return;
        };
        if attempt.canary {
            self.blind = Some((claim, Fact::Local(fault), event.at));
            self.canary.failed(event.at);
            return;
        }
        if matches!(fault, LocalFault::NoRoute | LocalFault::NoNeighbour { .. })
            && self.canary.last_heard().is_none()
        {
            // The kernel has asked for a neighbour three times in three seconds before it says that there is none.
            let weight = if matches!(fault, LocalFault::NoRoute) { 1 } else { UNREACHED };
            // A whole batch meets a missing route in one instant: that is one observation, not many.
            if self.unreached.as_ref().is_none_or(|(_, _, at)| event.at.since(*at) >= ROUTE_REST) {
                self.unreached_count = self.unreached_count.saturating_add(weight);
                self.unreached = Some((claim.clone(), Fact::Local(fault), event.at));
            }
        }
        let port = self.pending(attempt);
        port.in_flight = false;
        port.number = port.number.saturating_sub(1);
        port.faults += 1;
        let (faults, limit) = (port.faults, if fault.is_shortage() { SHORTAGES } else { REFUSALS });
        if faults >= limit {
            let verdict = answered(attempt, claim, attempt.number, event.sent, event.at, Fact::Local(fault));
            self.settled(core, attempt.port, verdict);
            return;
        }
        let pause = Duration::from_millis(20) * (1 << faults.min(6));
        self.retries.push(Reverse((event.at + pause, attempt.port)));
    }

    /// The socket met itself: that proves nothing. Another source port is chosen by the next attempt.
    pub(crate) fn self_connected(&mut self, core: &mut Core, attempt: &Attempt, now: Instant) {
        if attempt.canary {
            self.canary.ask_again(now);
            return;
        }
        let port = self.pending(attempt);
        port.in_flight = false;
        port.self_connects += 1;
        if port.self_connects > SELF_CONNECTS {
            let claim = tcp_connect::self_connected();
            let verdict = answered(attempt, claim, attempt.number, attempt.asked, now, Fact::SelfConnected);
            self.settled(core, attempt.port, verdict);
            return;
        }
        self.retries.push(Reverse((now, attempt.port)));
    }

    pub(super) fn is_unreached(&self) -> bool {
        self.unreached_count >= UNREACHED && self.canary.last_heard().is_none()
    }

    /// How many spaced attempts silence needs before it may mean anything.
    pub(super) fn needed(&self, core: &Core) -> u8 {
        if core.guards.retry { self.loss.tries() } else { 1 }
    }

    /// How many ports may be asked by now.
    fn limit(&self) -> usize {
        if self.named || self.canary.last_heard().is_some() {
            self.order.len()
        } else {
            LIKELIEST.min(self.order.len())
        }
    }

    fn ask(&mut self, port: u32, now: Instant) -> Next {
        self.in_flight += 1;
        let number = match self.pending.get_mut(&port) {
            None => 1,
            Some(pending) => {
                pending.in_flight = true;
                pending.number = pending.number.saturating_add(1);
                pending.last = now;
                pending.number
            }
        };
        self.canary.asked(now);
        Next::Ask { port, number, canary: false }
    }

    /// Nothing is under way and nothing waits: is any silence still unproved?
    fn tail(&mut self, core: &Core, now: Instant) -> Next {
        let needed = self.needed(core);
        let enough = self.rtt.timeout(1);
        let mut again = Vec::new();
        let mut unvouched = false;
        for (port, pending) in &self.pending {
            if self.codes[*port as usize] != 0 || pending.provisional.is_some() {
                continue;
            }
            // The loss seen since may ask for more attempts, the round trip seen since for longer ones.
            let too_short = pending.waited * 2 < enough && pending.tries < MOST_TRIES && core.guards.retry;
            if pending.tries < needed || too_short {
                again.push(*port);
            }
            unvouched |= self.canary.last_heard().is_some_and(|heard| pending.last >= heard);
        }
        if !again.is_empty() {
            let due = now + gap(2);
            self.retries.extend(again.into_iter().map(|port| Reverse((due, port))));
            return Next::Wait(Some(due));
        }
        if unvouched && let Some(port) = self.canary.start(now) {
            self.in_flight += 1;
            return Next::Ask { port, number: 1, canary: true };
        }
        Next::Finished
    }

    /// Silences since `since` prove nothing: the host did not answer us then. They are asked anew.
    fn roll_back(&mut self, since: Instant, now: Instant) {
        self.retries.clear();
        let mut due = now;
        for (port, pending) in &mut self.pending {
            if self.codes[*port as usize] != 0 {
                continue;
            }
            if pending.last >= since {
                pending.tries = 0;
            }
            if pending.in_flight {
                continue;
            }
            due = due + Duration::from_micros(1);
            self.retries.push(Reverse((due, *port)));
        }
    }

    /// The first round trip is known: what was asked before need not be waited for as long as then thought.
    fn hasten(&self, core: &mut Core, host: u32) {
        core.flight.hasten(|attempt| {
            (attempt.host == host && !attempt.canary)
                .then(|| attempt.asked + self.rtt.timeout(attempt.number))
        });
    }

    fn count_answer(&mut self, core: &mut Core, attempt: &Attempt, rtt: Duration) {
        // An answer that was not believed at once was an answer all the same: nothing was lost.
        let (tried, contradicted) = self
            .pending
            .get(&attempt.port)
            .map_or((0, false), |pending| (pending.tries, pending.provisional.is_some()));
        let tried = if contradicted { 0 } else { tried };
        if contradicted {
            self.loss.spell();
        }
        let first = tried == 0 && first_packet_answered(1, rtt, self.rtt.smoothed());
        self.loss.answered(first);
        let answers = &mut core.tally.answers;
        *(if first { &mut answers.0 } else { &mut answers.1 }) += 1;
        if !first && self.loss.answers() > 20 && self.loss.share() > 0.02 {
            core.window.calm();
        }
    }

    fn tries(&self, attempt: &Attempt) -> u8 {
        self.pending.get(&attempt.port).map_or(0, |pending| pending.tries).saturating_add(1)
    }

    /// Believed when it comes a second time, or when nothing better does.
    fn provisional(&mut self, core: &mut Core, attempt: &Attempt, verdict: Verdict, now: Instant) {
        let port = self.pending(attempt);
        port.in_flight = false;
        port.last = attempt.asked;
        port.tries = port.tries.saturating_add(1);
        let repeated = port.provisional.replace(Box::new(verdict.clone()));
        if port.tries >= PROVISIONAL_ANSWERS
            || repeated.is_some_and(|before| before.reason() == verdict.reason())
        {
            self.settled(core, attempt.port, verdict);
        } else {
            // What is unreachable for a moment is asked again when the moment may be over.
            let due = now + gap(4);
            self.retries.push(Reverse((due, attempt.port)));
        }
    }

    pub(super) fn settled(&mut self, core: &mut Core, port: u32, verdict: Verdict) {
        self.pending.remove(&port);
        self.codes[port as usize] = self.outcomes.code(&verdict);
        core.tally.settled(&verdict, 1);
        if verdict.state() == PortState::Open {
            self.remember_open(port, &verdict);
            core.tell_verdict(verdict);
        } else if !core.plan.fold && self.is_listed() {
            core.tell_verdict(verdict);
        } else if !core.plan.fold {
            self.untold.push(verdict);
        }
    }

    /// Whether this host's ports are told at all: it answered, or it was named.
    pub(super) fn is_listed(&self) -> bool {
        self.named || self.canary.last_heard().is_some()
    }

    fn remember_open(&mut self, port: u32, verdict: &Verdict) {
        let connected = verdict.evidence().iter().find_map(|observation| match observation.fact {
            Fact::Connected { local } => Some((observation.at, local)),
            _ => None,
        });
        if let Some((at, local)) = connected {
            let rtt = verdict.rtt.unwrap_or_default();
            self.opens.push(Open { port, tries: verdict.tries, at, rtt, local });
        }
    }

    fn pending(&mut self, attempt: &Attempt) -> &mut Pending {
        self.pending.entry(attempt.port).or_insert(Pending {
            tries: 0,
            number: 1,
            first: attempt.asked,
            last: attempt.asked,
            waited: Duration::ZERO,
            provisional: None,
            faults: 0,
            self_connects: 0,
            in_flight: false,
        })
    }
}
