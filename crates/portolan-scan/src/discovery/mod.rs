//! Which hosts are there, before anything else is asked of them.
//!
//! Hosts come from the plan's own order into a bounded table. Each is asked on its link first, then by the other pings: the
//! first alone, since most hosts answer it, then the rest together, and all that once more after a while. What is late is
//! overtaken and listened for all the same. A host that was asked enough stays in the table for as long as there is room:
//! losses that show later may ask for more rounds. Those that are there go on to the strategy, or, where nothing else is
//! asked, to the report.

mod candidate;
mod judge;
mod pace;
mod pings;
mod prefixes;

use std::collections::VecDeque;
use std::time::Duration;

use portolan_model::sockets::{Completion, Outcome, Request};
use portolan_model::{
    Address, Endpoint, Fact, HostState, Instant, LocalFault, Observation, Ping, Pong, Reason, Warning,
};

use crate::arrivals::{Arrival, Found};
use crate::core::{Core, first_packet_answered};
use crate::flight::Attempt;
use crate::heap::Heap;
use crate::loss::Loss;
use crate::permutation::mix;
use crate::plan::{Plan, Shard};
use crate::visits::Visit;
use candidate::{Candidate, NEIGHBOUR, Stand, Want};
use judge::Word;
use pace::Pace;
use prefixes::{Admission, Likeness, Outcomes, Prefixes};

/// Hosts that are looked for at a time.
const TABLE: usize = 1 << 16;
/// Neighbours that are looked for at a time: each of them holds a packet, and doors hold few.
const MOST_NEIGHBOURS: usize = 4096;
/// A question to the link that left so much later than it was asked for is a repeated one, unless the door made it wait
/// behind so many others.
const REPEATED: Duration = Duration::from_millis(90);
const BEHIND_OTHERS: usize = 200;
/// Failures of our own machine at one host before it is left to be asked without having been found.
const REFUSALS: u16 = 3;
const SHORTAGES: u16 = 100;
/// By how many milliseconds at most it is longer before what is unreachable is asked again.
const MOMENT: u64 = 500;
/// Hosts that are passed by in one go, if nothing is asked of them.
const BATCH: usize = 4096;
/// The ids of our hosts in attempts are these and more, those of the strategies less.
const OURS: u32 = 1 << 31;

/// The search for hosts.
pub(crate) struct Search {
    /// What is asked beside the link, by family.
    pings: [Vec<Ping>; 2],
    by_packets: bool,
    table: Vec<Option<Candidate>>,
    free: Vec<u32>,
    turn: VecDeque<u32>,
    wakes: Heap,
    /// Those that were asked enough, in the order in which that was so, and others that were and answered late.
    quiet: VecDeque<u32>,
    /// How many of them did not.
    quiet_hosts: usize,
    /// How many wait for an answer of the link.
    neighbours: usize,
    prefixes: Prefixes,
    /// The next visit, if it has to wait for others of its range.
    stopped_at: Option<(u64, Address, usize)>,
    /// Visits that are outside all aliased ranges.
    outside: u64,
    /// There is more to do, although nothing is waited for.
    goes_on: bool,
    loss: Loss,
    pace: Pace,
}

impl Search {
    /// The one that `plan` asks for, through a door that can send packets or not.
    pub(crate) fn new(plan: &Plan, by_packets: bool) -> Option<Self> {
        let wanted = &plan.spec.discovery.as_ref()?.pings;
        let pings = [false, true]
            .map(|v6| if by_packets { pings::packets(wanted, v6) } else { pings::connects(wanted) });
        Some(Search {
            pings,
            by_packets,
            table: Vec::new(),
            free: Vec::new(),
            turn: VecDeque::new(),
            wakes: Heap::default(),
            quiet: VecDeque::new(),
            quiet_hosts: 0,
            neighbours: 0,
            prefixes: Prefixes::new(plan),
            stopped_at: None,
            outside: 0,
            goes_on: false,
            loss: Loss::default(),
            pace: Pace::default(),
        })
    }

    /// The next ping, on its way.
    pub(crate) fn next(&mut self, core: &mut Core, now: Instant) -> Option<Request> {
        self.goes_on = false;
        if core.arrivals.nobody_is_sought() {
            return None;
        }
        loop {
            if let Some(request) = self.next_of_turn(core, now) {
                return Some(request);
            }
            let more = self.admit(core, now) || self.clear_up(core);
            if !more && self.turn.is_empty() {
                return None;
            }
        }
    }

    /// A ping ended otherwise than by silence.
    pub(crate) fn ended(&mut self, core: &mut Core, attempt: &Attempt, event: &Completion) {
        let Some(slot) = self.landed(attempt, event.at) else { return };
        let pings = &self.pings[usize::from(attempt.endpoint.address.is_ipv6())];
        let Some(host) = self.table[slot as usize].as_mut() else { return };
        let said = judge::observations(attempt, event);
        let want = match judge::judge(host.address, &event.outcome) {
            Word::Up(reason) => return self.is_up(core, slot, reason, attempt, event),
            Word::Absent => host.is_absent(event.at),
            Word::Unreachable(reason) => host.is_unreachable((reason, attempt.number), said, pings),
            Word::Refused(reason) => host.is_refused(reason, said, pings),
            Word::OffLink => {
                // Nothing left this machine.
                core.not_needed(attempt);
                host.is_off_link(pings)
            }
            Word::Silence => host.after(pings),
            Word::Local(fault) => return self.failed(core, slot, attempt, (fault, event.at)),
        };
        self.heed(core, slot, want, event.at);
    }

    /// Nobody answered a ping in time.
    pub(crate) fn silence(&mut self, core: &mut Core, attempt: &Attempt, now: Instant) {
        let Some(slot) = self.landed(attempt, now) else { return };
        let pings = &self.pings[usize::from(attempt.endpoint.address.is_ipv6())];
        let Some(host) = self.table[slot as usize].as_mut() else { return };
        let want = if attempt.overdue { Want::Nothing } else { host.after(pings) };
        self.heed(core, slot, want, now);
    }

    /// The answer to a ping is late: its host need not wait for it.
    pub(crate) fn overdue(&mut self, core: &mut Core, attempt: &Attempt, now: Instant) {
        let Some(slot) = self.slot(attempt) else { return };
        let pings = &self.pings[usize::from(attempt.endpoint.address.is_ipv6())];
        let Some(host) = self.table[slot as usize].as_mut() else { return };
        let want = host.overdue(pings);
        self.heed(core, slot, want, now);
    }

    /// Our own ring lost something: some of what is silent was answered.
    pub(crate) fn overrun(&mut self) {
        self.loss.spell();
    }

    /// Hosts whose rest is over have their turn.
    pub(crate) fn wake(&mut self, now: Instant) {
        while let Some(slot) = self.wakes.pop_due(now) {
            self.enter_turn(slot);
        }
    }

    /// When the next rest is over.
    pub(crate) fn wake_at(&self, now: Instant) -> Option<Instant> {
        let at_once = self.goes_on.then(|| now + Duration::from_micros(1));
        [at_once, self.wakes.first()].into_iter().flatten().min()
    }

    /// How many hosts were found or asked enough.
    pub(crate) fn looked_for(&self, core: &Core) -> u64 {
        core.arrivals.settled() + self.quiet_hosts as u64
    }

    /// The scan is stopped. The hosts that were found meanwhile are told.
    pub(crate) fn give_up(&mut self, core: &mut Core) {
        self.quiet_hosts = 0;
        let sought = self.table.drain(..).flatten().map(|host| host.product);
        let sought = sought.chain(self.stopped_at.take().map(|(_, _, product)| product));
        sought.for_each(|product| core.give_up_host(product));
        self.free.clear();
        self.turn.clear();
        self.quiet.clear();
        self.wakes = Heap::default();
        let mut found = self.prefixes.end();
        found.extend(core.give_up_rest());
        for host in found {
            core.give_up_host(host.product);
            if let Some(found) = host.found {
                core.tell_host(candidate::found(host.address, *found), true);
            }
        }
    }

    fn next_of_turn(&mut self, core: &mut Core, now: Instant) -> Option<Request> {
        while let Some(slot) = self.turn.pop_front() {
            let Some(host) = self.table[slot as usize].as_mut() else { continue };
            // It may have left, and another have its place.
            if host.stand != Stand::InTurn {
                continue;
            }
            let pings = &self.pings[usize::from(host.address.is_ipv6())];
            let Some((place, ping, round)) = host.ask(pings, now) else {
                let want = host.after(pings);
                self.heed(core, slot, want, now);
                continue;
            };
            if host.stand == Stand::InTurn {
                self.turn.push_front(slot);
            }
            let patience = pings::patience(core, ping);
            let endpoint = Endpoint::tcp(host.address, ping.port().unwrap_or(0));
            let attempt = Attempt {
                endpoint,
                host: OURS + slot,
                port: place,
                number: round,
                canary: false,
                ping: Some(ping),
                asked: now,
                overdue: false,
            };
            self.neighbours += usize::from(place == NEIGHBOUR);
            self.pace.asked(now);
            let (probe, request) = core.ping(attempt, ping, patience, now);
            host.probes.retain(|probe| core.flight.get(*probe).is_some());
            host.probes.push(probe);
            return Some(request);
        }
        None
    }

    /// Takes hosts of the plan into the table until one of them has something to be asked. False if there is none.
    fn admit(&mut self, core: &mut Core, now: Instant) -> bool {
        if self.skips_the_rest(core) {
            return true;
        }
        for _ in 0..BATCH {
            if core.arrivals.is_full() || self.neighbours >= MOST_NEIGHBOURS || !self.has_place(core) {
                return false;
            }
            let (visit, address, product) = match self.stopped_at.take() {
                Some((number, address, product)) => (Visit { number, before: None }, address, product),
                None => {
                    let Some(visit) = core.arrivals.seek() else { return false };
                    self.outside += 1;
                    let (address, product) = core.plan.visit(visit.number);
                    (visit, address, product)
                }
            };
            // What an earlier run began with was there.
            if !core.plan.is_sought(address) || visit.before.is_some() {
                core.arrivals.pass(Arrival { visit, address, product, found: None });
                continue;
            }
            if core.plan.spec.own.contains(address) {
                let reason = Reason::LocalhostResponse;
                let found = Found { reason, evidence: Vec::new(), mac: None, rtt: None, ttl: None };
                self.pass(core, Arrival { visit, address, product, found: Some(Box::new(found)) });
                continue;
            }
            let visit = visit.number;
            match self.prefixes.admit(address) {
                Admission::Ask => {
                    self.seat(Candidate::new(visit, (address, product), self.by_packets, now));
                    return true;
                }
                Admission::Wait => {
                    self.stopped_at = Some((visit, address, product));
                    return false;
                }
                Admission::Skip => {
                    self.outside -= 1;
                    core.arrivals.finish(visit);
                    core.skip(product);
                }
            }
        }
        self.goes_on = true;
        false
    }

    /// Whether there is room for one more; a host that was asked enough makes room, unless it has to be asked more.
    fn has_place(&mut self, core: &mut Core) -> bool {
        while self.free.is_empty() && self.table.len() >= TABLE {
            match self.first_quiet() {
                Some(slot) if self.is_over(core, slot) => self.leave(core, slot),
                _ => return false,
            }
        }
        true
    }

    /// Everybody who is left is in an aliased range: all of that in one go.
    fn skips_the_rest(&mut self, core: &mut Core) -> bool {
        let aliased = self.prefixes.aliased();
        let outside = u128::from(core.plan.hosts()).saturating_sub(aliased);
        let whole = core.plan.shard == Shard::WHOLE && u128::from(self.outside) == outside;
        if aliased == 0 || self.stopped_at.is_some() || !(whole || outside == 0) {
            return false;
        }
        let rest = core.arrivals.finish_rest();
        core.skip_rest(rest);
        rest > 0
    }

    /// Nobody is left to be taken in, and all were asked enough: they leave. True if somebody has to be asked again.
    fn clear_up(&mut self, core: &mut Core) -> bool {
        if self.goes_on || !core.arrivals.visits_are_over() || self.stopped_at.is_some() || self.busy() > 0 {
            return false;
        }
        while let Some(slot) = self.first_quiet() {
            if self.is_over(core, slot) {
                self.leave(core, slot);
            } else if self.first_quiet() == Some(slot) {
                // A late answer may still come.
                break;
            }
        }
        if self.busy() + self.quiet_hosts == 0 {
            for host in self.prefixes.end() {
                self.pass(core, host);
            }
        }
        !self.turn.is_empty()
    }

    /// Whether nothing more can come of this host, which was asked enough as it seemed; if it was not, it has its turn.
    fn is_over(&mut self, core: &Core, slot: u32) -> bool {
        let needed = self.needed(core);
        let Some(host) = self.table[slot as usize].as_mut() else { return true };
        if host.tries() < needed {
            host.again();
            self.quiet_hosts -= 1;
            self.enter_turn(slot);
            return false;
        }
        host.in_flight == 0
    }

    /// Who was asked enough first.
    fn first_quiet(&mut self) -> Option<u32> {
        while let Some(slot) = self.quiet.front().copied() {
            let host = self.table.get(slot as usize).and_then(Option::as_ref);
            if host.is_some_and(|host| host.stand == Stand::Quiet) {
                return Some(slot);
            }
            self.quiet.pop_front();
        }
        None
    }

    /// How many are neither finished nor asked enough.
    fn busy(&self) -> usize {
        self.table.len() - self.free.len() - self.quiet_hosts
    }

    /// A host that was asked enough is finished.
    fn leave(&mut self, core: &mut Core, slot: u32) {
        if let Some(host) = self.remove(core, slot) {
            self.is_not_up(core, host);
        }
    }

    fn is_not_up(&mut self, core: &mut Core, host: Candidate) {
        let by_link = if self.by_packets { Ping::Neighbour } else { self.pings[0][0] };
        for held in self.prefixes.not_up(host.address) {
            self.pass(core, held);
        }
        core.arrivals.finish(host.visit);
        core.leave_out(host.product);
        let named = core.plan.is_named(host.address);
        core.tell_host(host.report(by_link), named);
    }

    /// What a host wants is done.
    fn heed(&mut self, core: &mut Core, slot: u32, want: Want, now: Instant) {
        match want {
            Want::Turn => self.enter_turn(slot),
            Want::Nothing => {}
            Want::Round => self.end_round(core, slot, now),
            Want::Down => {
                if let Some(host) = self.remove(core, slot) {
                    self.is_not_up(core, host);
                }
            }
        }
    }

    fn end_round(&mut self, core: &mut Core, slot: u32, now: Instant) {
        let needed = self.needed(core);
        let Some(host) = self.table[slot as usize].as_mut() else { return };
        self.prefixes.quiet_so_far(host.address);
        let (tries, unreachable) = (host.tries(), host.is_unreachable_now());
        if tries < needed || unreachable {
            // What is unreachable for a moment is asked again when the moment may be over.
            let rest = if unreachable {
                // A router that cannot find it now and then must not meet us each time.
                core.gap(4) + Duration::from_millis(mix(mix(slot.into()) ^ u64::from(tries)) % MOMENT)
            } else {
                core.gap(tries.saturating_add(1))
            };
            host.again();
            host.stand = Stand::Rests;
            self.wakes.set(slot, now + rest);
        } else {
            host.stand = Stand::Quiet;
            self.quiet.push_back(slot);
            self.quiet_hosts += 1;
            let address = host.address;
            for held in self.prefixes.not_up(address) {
                self.pass(core, held);
            }
        }
    }

    fn needed(&self, core: &Core) -> u8 {
        if core.guards.retry { self.loss.rounds().min(core.plan.most_tries()) } else { 1 }
    }

    /// Our own machine could not ask: the host is asked again, or, if that goes on, left to the strategy, which tells why its
    /// ports cannot be asked.
    fn failed(&mut self, core: &mut Core, slot: u32, attempt: &Attempt, (fault, at): (LocalFault, Instant)) {
        core.not_sent(attempt);
        if fault.is_shortage() {
            core.shrink(fault != LocalFault::NoBuffers, at);
        }
        let Some(host) = self.table[slot as usize].as_mut() else { return };
        let faults = host.failed(attempt.port);
        if faults < if fault.is_shortage() { SHORTAGES } else { REFUSALS } {
            if host.stand == Stand::Quiet {
                return;
            }
            host.stand = Stand::Rests;
            return self.wakes.set(slot, at + Duration::from_millis(20) * (1 << faults.min(6)));
        }
        let Some(host) = self.remove(core, slot) else { return };
        for held in self.prefixes.not_up(host.address) {
            self.pass(core, held);
        }
        let (address, product) = (host.address, host.product);
        let visit = Visit { number: host.visit, before: None };
        if core.plan.spec.hosts_only {
            core.arrivals.leave_open();
            core.tally.unknown_local += 1;
            let seen = vec![Observation { at, fact: Fact::Local(fault) }];
            let report = candidate::report(address, (HostState::Unknown, fault.reason()), seen);
            return core.tell_host(report, true);
        }
        core.arrivals.pass(Arrival { visit, address, product, found: None });
    }

    /// A host answered.
    fn is_up(&mut self, core: &mut Core, slot: u32, reason: Reason, attempt: &Attempt, event: &Completion) {
        let Some(host) = self.remove(core, slot) else { return };
        let rtt = event.at.since(event.sent);
        let repeated = match attempt.ping {
            Some(Ping::Neighbour) => event.sent.since(attempt.asked) >= REPEATED,
            _ => !self.by_packets && !first_packet_answered(1, rtt, core.rtt.smoothed()),
        };
        if self.by_packets || !repeated {
            core.sample(rtt);
        }
        let waited = attempt.ping == Some(Ping::Neighbour) && self.neighbours >= BEHIND_OTHERS;
        if !(waited && repeated) {
            let first = attempt.number == 1 && !repeated;
            core.count_ping(&mut self.loss, first);
            self.pace.answered(first, core, event.at);
        }
        let (ttl, mac) = match event.outcome {
            Outcome::SynAck(segment) => (Some(segment.ttl), None),
            Outcome::Pong(Pong::Neighbour { mac }) => (None, Some(mac)),
            _ => (None, None),
        };
        let evidence = judge::observations(attempt, event);
        let rtt = Some(rtt).filter(|_| self.by_packets || !repeated);
        let found = Found { reason, evidence, mac, rtt, ttl };
        let arrival = Arrival {
            visit: Visit { number: host.visit, before: None },
            address: host.address,
            product: host.product,
            found: Some(Box::new(found)),
        };
        match self.prefixes.up(arrival, Likeness::of(reason, &event.outcome)) {
            Outcomes::Held => {}
            Outcomes::Pass(hosts) => hosts.into_iter().for_each(|host| self.pass(core, host)),
            Outcomes::Aliased { range, kept, others } => {
                let asked = others.len() as u64 + 1;
                core.warn(Warning::AliasedPrefix { range, asked, kept: kept.address });
                self.outside -= asked;
                for other in &others {
                    core.arrivals.finish(other.visit.number);
                    core.skip(other.product);
                }
                self.pass(core, *kept);
            }
        }
    }

    /// A host that is there goes on: to the strategy, or, if nothing but hosts is looked for, to the report.
    fn pass(&mut self, core: &mut Core, host: Arrival) {
        match host.found {
            Some(found) if core.plan.spec.hosts_only => {
                core.arrivals.finish(host.visit.number);
                core.tell_host(candidate::found(host.address, *found), true);
            }
            found => core.arrivals.pass(Arrival { found, ..host }),
        }
    }

    fn seat(&mut self, host: Candidate) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.table[slot as usize] = Some(host);
                slot
            }
            None => {
                self.table.push(Some(host));
                // The table has at most 2^16 places.
                u32::try_from(self.table.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.turn.push_back(slot);
    }

    fn remove(&mut self, core: &mut Core, slot: u32) -> Option<Candidate> {
        let host = self.table.get_mut(slot as usize)?.take()?;
        self.wakes.remove(slot);
        self.quiet_hosts -= usize::from(host.stand == Stand::Quiet);
        // Its other pings need not be waited for.
        for probe in &host.probes {
            if let Some(attempt) = core.flight.claim(*probe) {
                self.neighbours -= usize::from(attempt.port == NEIGHBOUR);
                core.let_go(*probe);
            }
        }
        self.free.push(slot);
        Some(host)
    }

    fn enter_turn(&mut self, slot: u32) {
        if let Some(host) = self.table.get_mut(slot as usize).and_then(Option::as_mut)
            && host.stand != Stand::InTurn
        {
            host.stand = Stand::InTurn;
            self.turn.push_back(slot);
        }
    }

    /// An attempt is over: its host, if that is still looked for.
    fn landed(&mut self, attempt: &Attempt, at: Instant) -> Option<u32> {
        self.neighbours -= usize::from(attempt.port == NEIGHBOUR);
        let slot = self.slot(attempt)?;
        self.table[slot as usize].as_mut()?.ended(attempt.overdue, at);
        Some(slot)
    }

    fn slot(&self, attempt: &Attempt) -> Option<u32> {
        let slot = attempt.host.checked_sub(OURS)?;
        let host = self.table.get(slot as usize)?.as_ref()?;
        (host.address == attempt.endpoint.address).then_some(slot)
    }
}

#[cfg(test)]
mod tests;
