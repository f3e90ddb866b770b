use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use portolan_model::sockets::ProbeId;
use portolan_model::{
    Address, AddressRange, Claim, Counts, Endpoint, Fact, Instant, LocalFault, OpenPorts, PortSet, PortState,
    Reason, Transport, Verdict, Warning,
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
/// How many ports that answered are asked again by a run that goes on with the host.
const WITNESSES: usize = 4;
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
    /// Its silence proves nothing, and it was asked as often as it may be.
    pub(super) spent: bool,
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

    /// Whether its silence was once asked anew.
    pub(super) fn was_asked_anew(&self) -> bool {
        self.anew > 0
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
    /// They were asked in vain before the end of this run, or by an earlier one.
    in_vain: BTreeSet<u16>,
    /// Their verdict was the best to be had when the scan was stopped: more time would have given a better one.
    cut_short: BTreeSet<u32>,
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
            in_vain: BTreeSet::new(),
            cut_short: BTreeSet::new(),
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

    /// How many ports may be asked of a host that is known to be there: what an earlier run took for silent only if answers
    /// get lost.
    pub(super) fn limit(&self, lossy: bool) -> usize {
        if lossy { self.order.len() } else { self.order.awake() }
    }

    /// Whether the port has its verdict from an earlier run, and nothing that comes now changes it.
    fn is_told(&self, port: u32) -> bool {
        self.order.is_witness(port) || (port as usize) >= self.order.awake().max(self.fresh)
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
            spent: false,
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
        if self.is_told(port) {
            // An earlier run told it, and whether it still answers changes nothing of that.
            self.codes[port as usize] = self.outcomes.kind(&verdict.claim);
            return;
        }
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
        if self.is_told(port) {
            self.codes[port as usize] = self.outcomes.kind(&verdict.claim);
            return;
        }
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

    /// Silences since `since` prove nothing: they are asked anew, unless a port was asked `most` times in all.
    pub(super) fn roll_back(&mut self, since: Instant, most: u8, now: Instant) {
        self.forget_retries();
        let mut due = now;
        for (port, pending) in &mut self.pending {
            if self.codes[*port as usize] != 0 {
                continue;
            }
            let (unproved, may_be_asked) = (pending.last >= since, pending.number < most);
            pending.spent |= unproved && !may_be_asked;
            if unproved && may_be_asked {
                pending.tries = 0;
            }
            if pending.is_on_its_way() || !may_be_asked {
                continue;
            }
            pending.rests = true;
            due = due + Duration::from_micros(1);
            self.retries.push(Reverse((due, *port)));
        }
    }

    /// Every silence so far may have been an answer that our own queue lost: it is asked anew, unless it was too often.
    pub(super) fn ask_anew(&mut self, most: u8, now: Instant) {
        let mut anew = Vec::new();
        for (port, pending) in &mut self.pending {
            if pending.tries == 0 || pending.anew >= ANEW {
                continue;
            }
            if pending.number >= most {
                pending.spent = true;
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
            None if self.is_told(port) => {}
            Some(verdict) if self.is_told(port) => self.settled(core, port, verdict, listed),
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
        if core.plan.fold && !self.is_told(port) {
            self.singly.insert(port);
            core.tell_verdict(verdict.clone());
        }
        self.close(core, port, Some(verdict), true);
    }

    /// An earlier run asked these in vain.
    pub(super) fn asked_in_vain(&mut self, ports: &PortSet) {
        self.in_vain.extend(ports.iter());
    }

    /// Whether an earlier run asked this port in vain.
    pub(super) fn was_asked_in_vain(&self, port: u32) -> bool {
        self.in_vain.contains(&self.order.port(port))
    }

    /// The port is about to get its last word before the scan has come to its end: whether it waits for more than that is
    /// its owner's to say.
    pub(super) fn ends_early(&mut self, port: u32, pending: &Pending, waits: bool) {
        if waits {
            self.cut_short.insert(port);
        }
        if pending.tries > 0 && pending.provisional.is_none() {
            self.in_vain.insert(self.order.port(port));
        }
    }

    /// Which ports are settled so that they need not be asked by another run, and a few of those that answered.
    /// `doubt_silence`: whether silences are to be named as such.
    pub(super) fn settled_for_good(&self, doubt_silence: bool) -> OpenPorts {
        let (mut answered, mut silent) = (Vec::new(), Vec::new());
        let settled = self.order.sorted().iter().filter_map(|(port, index)| {
            let claim = self.outcomes.claim(self.codes[*index as usize])?;
            if is_answer(claim) {
                answered.push((claim.state, *port));
            }
            let for_good = is_for_good(claim) && !self.cut_short.contains(index);
            if for_good && doubt_silence && claim.reason == Reason::NoResponse && !self.is_told(*index) {
                silent.push(*port);
            }
            for_good.then_some(*port)
        });
        let settled: PortSet = settled.collect();
        let in_vain = self.in_vain.iter().copied().filter(|port| !settled.contains(*port));
        let unanswered = in_vain.collect();
        // Closed ports first: asking them again disturbs no service.
        answered.sort_unstable_by_key(|(state, port)| (*state != PortState::Closed, *port));
        let witnesses = answered.into_iter().map(|(_, port)| port).take(WITNESSES).collect();
        let silent = silent.into_iter().collect();
        OpenPorts { settled, witnesses, silent, unanswered, ..OpenPorts::default() }
    }

    /// Tells what was settled before the host was heard, now that it is listed.
    pub(super) fn tell_untold(&mut self, core: &mut Core) {
        self.untold.drain(..).for_each(|verdict| core.tell_verdict(verdict));
    }

    /// How often ports that no answer settled were asked, also by attempts that count for nothing: the median.
    pub(super) fn silent_so_often(&self) -> Option<u8> {
        let silent =
            self.pending.iter().filter(|(port, pending)| !self.is_settled(**port) && pending.tries > 0);
        let mut often: Vec<u8> = silent.map(|(_, pending)| pending.number).collect();
        often.sort_unstable();
        often.get(often.len() / 2).copied()
    }

    /// How many ports are silent.
    pub(super) fn silent(&self) -> usize {
        let silent = |code: &&u8| {
            let reason = self.outcomes.claim(**code).map(|claim| claim.reason);
            matches!(reason, Some(Reason::NoResponse | Reason::RetriesCapped))
        };
        self.codes.iter().filter(silent).count()
    }

    /// Tells what is folded, and how many ports have which state.
    pub(super) fn tell_groups(&self, core: &mut Core, listed: bool) -> Counts {
        let mut by_code: Vec<Vec<u16>> = vec![Vec::new(); 256];
        let mut counts = Counts::default();
        for (port, index) in self.order.sorted().iter().filter(|(_, index)| !self.is_told(*index)) {
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

/// Whether the host itself answered by this.
fn is_answer(claim: &Claim) -> bool {
    let answers =
        [Reason::SynAck, Reason::UdpResponse, Reason::ConnRefused, Reason::Reset, Reason::PortUnreach];
    matches!(claim.state, PortState::Open | PortState::Closed) && answers.contains(&claim.reason)
}

/// Whether asking again would show nothing else: not so where the scan was cut off, the host was lost, or our own
/// machine failed.
fn is_for_good(claim: &Claim) -> bool {
    let known = [Reason::RetriesCapped, Reason::SelfConnect, Reason::TimeExceeded, Reason::IcmpOther];
    claim.state != PortState::Unknown || known.contains(&claim.reason)
}

/// Whether so many open ports of all are more likely one box than so many services.
pub(super) fn is_every_port_open(open: u64, all: usize) -> bool {
    open >= 50 && open * 20 >= all as u64 * 19
}
