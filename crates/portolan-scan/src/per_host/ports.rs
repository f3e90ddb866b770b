use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use portolan_model::sockets::ProbeId;
use portolan_model::{
    Address, AddressRange, Claim, Counts, Endpoint, Fact, Instant, LocalFault, PortSet, PortState, Reason,
    Transport, Verdict, Warning,
};

use super::order::Order;
use crate::core::{Core, answered};
use crate::flight::Attempt;
use crate::outcomes::Outcomes;
use crate::progress::at_this_pace;

/// Faults of our own machine at one port before it stays unknown: shortages pass, refusals do not.
const SHORTAGES: u16 = 100;
const SHORTAGES_OF_ALL: u16 = 10;
const REFUSALS: u16 = 3;
/// The same where a route is gone by which the host has answered: it may come back. All in all that takes four seconds.
const REFUSALS_AFTER_ANSWERS: u16 = 9;
/// So often the silence of one port is asked anew because our own queue lost something. Whoever fills that queue without
/// end shall not keep the scan from ending.
const ANEW: u8 = 8;
/// Answers of the provisional kind at one port before the last of them is taken.
const PROVISIONAL_ANSWERS: u8 = 6;

/// A port that was asked and has no verdict yet.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    /// Attempts that count.
    pub(super) tries: u8,
    /// Attempts in all, also those that do not count.
    pub(super) number: u8,
    pub(super) first: Instant,
    /// When the last attempt was asked, the longest that an answer was waited for, and until when.
    pub(super) last: Instant,
    pub(super) waited: Duration,
    pub(super) until: Instant,
    /// A first answer that is not believed before it repeats.
    pub(super) provisional: Option<Box<Verdict>>,
    /// Which attempt it answered, where that is known: the same again is a copy of it, and no repetition.
    pub(super) provisional_of: Option<u8>,
    pub(super) faults: u16,
    pub(super) self_connects: u8,
    /// How often its silence was asked anew.
    anew: u8,
    /// The attempt that is on its way.
    pub(super) probe: Option<ProbeId>,
    /// Attempts before it that it overtook and that are still listened for, by their numbers.
    pub(super) overtaken: Vec<(u8, ProbeId)>,
    /// Enough of what was asked together with one of its attempts was answered.
    pub(super) beside_answers: bool,
    /// It rests before its next attempt.
    pub(super) rests: bool,
    /// When each datagram left, in the order of the attempts' numbers.
    pub(super) sent: Vec<Instant>,
    /// Whether the last one was to leave from a port of its own.
    pub(super) own_port: bool,
}

impl Pending {
    /// An attempt is over, the last one or one before it.
    pub(super) fn ended(&mut self, attempt: &Attempt) {
        if attempt.number == self.number {
            self.probe = None;
        } else {
            self.overtaken.retain(|(number, _)| *number != attempt.number);
        }
    }

    /// The next attempt is on its way; the one before it is listened for as long as this one is.
    pub(super) fn launched(&mut self, probe: ProbeId, number: u8) -> impl Iterator<Item = ProbeId> {
        let before = self.probe.replace(probe);
        self.overtaken.extend(before.map(|before| (number.saturating_sub(1), before)));
        self.overtaken.iter().map(|(_, probe)| *probe)
    }

    /// How many attempts count once those on their way have ended in silence.
    pub(super) fn asked_so_far(&self) -> u8 {
        let overtaken = u8::try_from(self.overtaken.len()).unwrap_or(u8::MAX);
        self.tries.saturating_add(u8::from(self.probe.is_some())).saturating_add(overtaken)
    }

    /// Whether an attempt is on its way.
    pub(super) fn is_on_its_way(&self) -> bool {
        self.probe.is_some() || !self.overtaken.is_empty()
    }
}

/// The ports of one host over one transport: which were never asked, which wait, which are settled. How they are
/// asked, and what silence means, is their owner's business.
pub(super) struct Ports {
    pub(super) address: Address,
    pub(super) transport: Transport,
    pub(super) order: Arc<Order>,
    pub(super) in_flight: u32,
    /// Those of them whose answer is overdue.
    pub(super) overdue: u32,
    /// Attempts so far, and when the first of them left.
    attempts: u32,
    began: Option<Instant>,
    /// The next port of the order that was never asked.
    fresh: usize,
    /// A settled port's code; zero while it is not settled.
    pub(super) codes: Vec<u8>,
    pub(super) outcomes: Outcomes,
    pub(super) pending: BTreeMap<u32, Pending>,
    retries: BinaryHeap<Reverse<(Instant, u32)>>,
    /// Settled one by one before the host was heard at all.
    untold: Vec<Verdict>,
    /// Told one by one although such ports are folded: there are few of them.
    singly: BTreeSet<u32>,
}

impl Ports {
    pub(super) fn new(address: Address, transport: Transport, order: Arc<Order>) -> Self {
        Ports {
            address,
            transport,
            in_flight: 0,
            overdue: 0,
            attempts: 0,
            began: None,
            fresh: 0,
            codes: vec![0; order.len()],
            order,
            outcomes: Outcomes::default(),
            pending: BTreeMap::new(),
            retries: BinaryHeap::new(),
            untold: Vec::new(),
            singly: BTreeSet::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn endpoint(&self, port: u32) -> Endpoint {
        Endpoint { address: self.address, transport: self.transport, port: self.order.port(port) }
    }

    pub(super) fn is_settled(&self, port: u32) -> bool {
        self.codes[port as usize] != 0
    }

    /// A port whose rest is over and that is not settled meanwhile.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<u32> {
        while let Some(Reverse((_, port))) =
            self.retries.peek().copied().filter(|Reverse((due, _))| *due <= now)
        {
            self.retries.pop();
            if let Some(pending) = self.pending.get_mut(&port) {
                pending.rests = false;
            }
            if !self.is_settled(port) {
                return Some(port);
            }
        }
        None
    }

    /// When the next rest is over.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.retries.peek().map(|Reverse((due, _))| *due)
    }

    /// The next of the first `limit` ports of the order that was never asked.
    pub(super) fn take_fresh(&mut self, limit: usize) -> Option<u32> {
        if self.fresh >= limit {
            return None;
        }
        // A host has at most 65,535 ports.
        let port = u32::try_from(self.fresh).unwrap_or(u32::MAX);
        self.fresh += 1;
        Some(port)
    }

    /// How many ports were asked at least once.
    pub(super) fn asked(&self) -> usize {
        self.fresh
    }

    /// How long the attempts that are still to come will take at the pace so far.
    pub(super) fn time_left(&self, limit: usize, now: Instant) -> Option<Duration> {
        let asked = self.fresh.max(1) as f64;
        // What was asked more than once so far will be so of the rest.
        let attempts = limit.saturating_sub(self.fresh) as f64 * f64::from(self.attempts) / asked
            + self.retries.len() as f64;
        at_this_pace(f64::from(self.attempts), attempts, now.since(self.began?))
    }

    /// How many ports were silent and will, by what is known, not be asked again.
    pub(super) fn asked_enough(&self) -> u64 {
        let enough = |pending: &&Pending| pending.tries > 0 && !pending.rests && !pending.is_on_its_way();
        self.pending.values().filter(enough).count() as u64
    }

    /// Whether the time given to the host is over.
    pub(super) fn is_out_of_time(&self, given: Option<Duration>, now: Instant) -> bool {
        given.zip(self.began).is_some_and(|(given, began)| now.since(began) >= given)
    }

    /// When it will be over.
    pub(super) fn time_is_over_at(&self, given: Option<Duration>) -> Option<Instant> {
        given.zip(self.began).map(|(given, began)| began + given)
    }

    /// The port is asked: the number of this attempt.
    pub(super) fn ask(&mut self, port: u32, now: Instant) -> u8 {
        self.in_flight += 1;
        self.attempts = self.attempts.saturating_add(1);
        self.began.get_or_insert(now);
        match self.pending.get_mut(&port) {
            None => 1,
            Some(pending) => {
                pending.number = pending.number.saturating_add(1);
                pending.last = now;
                pending.number
            }
        }
    }

    /// One attempt less is on its way.
    pub(super) fn landed(&mut self, attempt: &Attempt) {
        self.in_flight -= 1;
        self.overdue -= u32::from(attempt.overdue);
    }

    /// It rests until then.
    pub(super) fn ask_again(&mut self, port: u32, due: Instant) {
        if let Some(pending) = self.pending.get_mut(&port) {
            pending.rests = true;
        }
        self.retries.push(Reverse((due, port)));
    }

    /// Nothing rests any more.
    pub(super) fn forget_retries(&mut self) {
        self.retries.clear();
        self.pending.values_mut().for_each(|pending| pending.rests = false);
    }

    pub(super) fn pending(&mut self, attempt: &Attempt) -> &mut Pending {
        self.pending.entry(attempt.port).or_insert(Pending {
            tries: 0,
            number: 1,
            first: attempt.asked,
            last: attempt.asked,
            waited: Duration::ZERO,
            until: attempt.asked,
            provisional: None,
            provisional_of: None,
            faults: 0,
            self_connects: 0,
            anew: 0,
            probe: None,
            overtaken: Vec::new(),
            beside_answers: false,
            rests: false,
            sent: Vec::new(),
            own_port: false,
        })
    }

    /// The attempt is over: how many there were, this one included.
    pub(super) fn tries(&self, port: u32) -> u8 {
        self.pending.get(&port).map_or(0, |pending| pending.tries).saturating_add(1)
    }

    /// Nobody answered an attempt in time: how often that was so by now.
    pub(super) fn unanswered(&mut self, attempt: &Attempt, tries: u8, now: Instant) -> u8 {
        let port = self.pending(attempt);
        port.ended(attempt);
        port.last = port.last.max(attempt.asked);
        port.waited = port.waited.max(now.since(attempt.asked));
        port.until = now;
        port.tries = port.tries.saturating_add(tries);
        port.tries
    }

    /// An answer that is believed when it comes a second time, or when nothing better does. The verdict comes back
    /// when it is to be believed; else the port is asked again then.
    pub(super) fn provisional(
        &mut self,
        attempt: &Attempt,
        verdict: Verdict,
        due: Instant,
    ) -> Option<Verdict> {
        let port = self.pending(attempt);
        port.ended(attempt);
        port.last = port.last.max(attempt.asked);
        port.tries = port.tries.saturating_add(1);
        let enough = port.tries >= PROVISIONAL_ANSWERS;
        let before = port.provisional.replace(Box::new(verdict.clone()));
        if let Some(mut before) = before.filter(|before| before.reason() == verdict.reason()) {
            // The same again: the surer of the two speaks for both.
            let surer = before.claim.confidence.p_wrong < verdict.claim.confidence.p_wrong;
            before.tries = verdict.tries;
            return Some(if surer { *before } else { verdict });
        }
        if enough {
            return Some(verdict);
        }
        self.ask_again(attempt.port, due);
        None
    }

    /// Our own machine failed: the port is asked again, or stays unknown by the verdict that comes back.
    pub(super) fn failed(
        &mut self,
        core: &Core,
        attempt: &Attempt,
        (claim, fault): (Claim, LocalFault),
        (sent, at): (Instant, Instant),
        heard: bool,
    ) -> Option<Verdict> {
        let port = self.pending(attempt);
        port.ended(attempt);
        port.number = port.number.saturating_sub(1);
        port.faults += 1;
        let limit = match (fault.is_shortage(), self.transport) {
            (false, _) if heard && fault == LocalFault::NoRoute => REFUSALS_AFTER_ANSWERS,
            (false, _) => REFUSALS,
            // All datagrams share a few sockets: if none can be had, none is given back later.
            (true, Transport::Udp) if fault != LocalFault::NoBuffers => SHORTAGES_OF_ALL,
            (true, _) => SHORTAGES,
        };
        let port = self.pending(attempt);
        let faults = port.faults;
        if faults >= limit {
            let (tries, fact) = (attempt.number, Fact::Local(fault));
            return Some(answered(&core.plan, attempt, claim, tries, sent, at, fact));
        }
        let pause = Duration::from_millis(20) * (1 << faults.min(6));
        self.ask_again(attempt.port, at + pause);
        None
    }

    /// The port is settled. What is not open is told one by one only where nothing is folded, and only once the
    /// host is `listed`.
    pub(super) fn settled(&mut self, core: &mut Core, port: u32, verdict: Verdict, listed: bool) {
        self.pending.remove(&port);
        self.codes[port as usize] = self.outcomes.code(&verdict);
        core.tally.settled(&verdict, 1);
        if verdict.state() == PortState::Open || (!core.plan.fold && listed) {
            core.tell_verdict(verdict);
        } else if !core.plan.fold {
            self.untold.push(verdict);
        }
    }

    /// Whether the port is settled as open.
    pub(super) fn is_open(&self, port: u32) -> bool {
        let claim = self.outcomes.claim(self.codes[port as usize]);
        claim.is_some_and(|claim| claim.state == PortState::Open)
    }

    /// The port was settled as something else, or as open by less, and turns out to be open.
    pub(super) fn reopened(&mut self, core: &mut Core, port: u32, verdict: Verdict) {
        let Some(before) = self.outcomes.claim(self.codes[port as usize]) else { return };
        let was_open = before.state == PortState::Open;
        core.tally.unsettled(before);
        self.codes[port as usize] = self.outcomes.code(&verdict);
        core.tally.settled(&verdict, 1);
        let untold = self.untold.len();
        self.untold.retain(|told| told.endpoint != verdict.endpoint);
        // What is folded, or held until the host is listed, was told to nobody yet.
        if !was_open && (core.plan.fold || self.untold.len() < untold) {
            core.tell_verdict(verdict);
        } else {
            core.tell_update(verdict);
        }
    }

    /// Silences since `since` prove nothing: they are asked anew.
    pub(super) fn roll_back(&mut self, since: Instant, now: Instant) {
        self.forget_retries();
        let mut due = now;
        for (port, pending) in &mut self.pending {
            if self.codes[*port as usize] != 0 {
                continue;
            }
            if pending.last >= since {
                pending.tries = 0;
            }
            if pending.is_on_its_way() {
                continue;
            }
            pending.rests = true;
            due = due + Duration::from_micros(1);
            self.retries.push(Reverse((due, *port)));
        }
    }

    /// Every silence so far may have been an answer that our own queue lost: it is asked anew, unless it was too often.
    pub(super) fn ask_anew(&mut self, now: Instant) {
        let mut anew = Vec::new();
        for (port, pending) in &mut self.pending {
            if pending.tries == 0 || pending.anew >= ANEW {
                continue;
            }
            (pending.tries, pending.anew) = (0, pending.anew + 1);
            if pending.probe.is_none() {
                pending.rests = true;
                anew.push(*port);
            }
        }
        self.retries.retain(|Reverse((_, port))| anew.binary_search(port).is_err());
        let mut due = now;
        for port in anew {
            due = due + Duration::from_micros(1);
            self.retries.push(Reverse((due, port)));
        }
    }

    /// The ports that no answer settled, by number.
    pub(super) fn unsettled(&self) -> Vec<u32> {
        let sorted = self.order.sorted().iter().map(|(_, index)| *index);
        sorted.filter(|index| !self.is_settled(*index)).collect()
    }

    /// The last word on a port that no answer settled; without one it is only counted.
    pub(super) fn close(&mut self, core: &mut Core, port: u32, verdict: Option<Verdict>, listed: bool) {
        match verdict {
            Some(verdict) => {
                let cut_off = matches!(verdict.reason(), Reason::Interrupted | Reason::HostTimeout);
                core.tally.unasked += u128::from(cut_off);
                self.settled(core, port, verdict, listed);
            }
            None => {
                core.tally.unlisted += 1;
                core.tally.unasked += u128::from(core.stopping && !listed);
            }
        }
    }

    /// The same for a port that is told by itself, whatever is folded.
    pub(super) fn close_singly(&mut self, core: &mut Core, port: u32, verdict: Verdict) {
        if core.plan.fold {
            self.singly.insert(port);
            core.tell_verdict(verdict.clone());
        }
        self.close(core, port, Some(verdict), true);
    }

    /// Tells what was settled before the host was heard, now that it is listed.
    pub(super) fn tell_untold(&mut self, core: &mut Core) {
        self.untold.drain(..).for_each(|verdict| core.tell_verdict(verdict));
    }

    /// How many ports are silent.
    pub(super) fn silent(&self) -> usize {
        let silent =
            |code: &&u8| self.outcomes.claim(**code).is_some_and(|claim| claim.reason == Reason::NoResponse);
        self.codes.iter().filter(silent).count()
    }

    /// Tells what is folded, and how many ports have which state.
    pub(super) fn tell_groups(&self, core: &mut Core, listed: bool) -> Counts {
        let mut by_code: Vec<Vec<u16>> = vec![Vec::new(); 256];
        let mut counts = Counts::default();
        for (port, index) in self.order.sorted() {
            let code = self.codes[*index as usize];
            match self.outcomes.claim(code).filter(|_| self.singly.contains(index)) {
                Some(claim) => counts.add(claim.state, 1),
                None => by_code[usize::from(code)].push(*port),
            }
        }
        let target = AddressRange { first: self.address, last: self.address };
        for (code, ports) in (0u8..=255).zip(by_code) {
            let Some(claim) = self.outcomes.claim(code).filter(|_| !ports.is_empty()) else { continue };
            if let Some(fault) = self.outcomes.local_fault(code) {
                core.warn(Warning::Local { fault, count: ports.len() as u64 });
            }
            counts.add(claim.state, ports.len() as u64);
            let folded = core.plan.fold || !listed;
            if claim.state == PortState::Open || !folded {
                continue;
            }
            let ports: PortSet = ports.into_iter().collect();
            if let Some(group) = self.outcomes.group(code, self.transport, vec![target], ports) {
                core.tell_group(group);
            }
        }
        counts
    }

    /// What settled the first port.
    pub(super) fn first_reason(&self) -> Option<Reason> {
        self.outcomes.claim(1).map(|claim| claim.reason)
    }

    /// What somebody else told of a host that said nothing itself.
    pub(super) fn told_reason(&self) -> Option<Reason> {
        self.first_reason().filter(|reason| {
            !matches!(reason, Reason::NoResponse | Reason::Interrupted | Reason::HostTimeout)
        })
    }
}

/// Whether so many open ports of all are more likely one box than so many services.
pub(super) fn is_every_port_open(open: u64, all: usize) -> bool {
    open >= 50 && open * 20 >= all as u64 * 19
}
