//! The TCP ports of one host.

mod canary;
mod pulse;
mod settle;

use std::sync::Arc;
use std::time::Duration;

use portolan_model::sockets::{Completion, Outcome, ProbeId};
use portolan_model::{
    Address, Claim, Fact, Instant, LocalFault, Method, OpenHost, OpenPorts, PortState, TimeLeft, Transport,
    Verdict,
};

use super::order::Order;
use super::ports::{Pending, Ports};
use super::reach::Reach;
use super::{LIKELIEST, Next, SCOUT_PATIENCE};
use crate::arrivals::Found;
use crate::core::{Core, answered, first_packet_answered};
use crate::flight::{Attempt, Patience};
use crate::loss::Loss;
use crate::rtt::Rtt;
use crate::technique::{self, Judgement, tcp, tcp_ack};
use canary::Canary;
use pulse::Pulse;

/// Attempts after which no silence is doubted any more.
const MOST_TRIES: u8 = 12;
/// From so many ports on, two packets more are nothing.
const MANY: usize = 256;
/// Attempts at a port beside which nothing answered.
const TRIES_ALONE: u8 = 3;
/// Self-connects at one port before it stays unknown.
const SELF_CONNECTS: u8 = 20;

/// An open port, kept small in case every port turns out to be open.
#[derive(Copy, Clone, Debug)]
struct Open {
    port: u32,
    tries: u8,
    at: Instant,
    rtt: Duration,
    fact: Fact,
}

/// One host being scanned over TCP.
pub(super) struct TcpHost {
    pub(super) ports: Ports,
    named: bool,
    pub(super) by_packets: bool,
    /// It answered over another transport.
    elsewhere: bool,
    opens: Vec<Open>,
    /// The TTL that its own SYN-ACKs arrive with; where it is asked by ACK, that of the RST from farthest.
    ttl: Option<u8>,
    rtt: Rtt,
    loss: Loss,
    canary: Canary,
    pulse: Pulse,
    /// When everything had been asked once, and whether the canary was asked after that.
    all_asked: Option<Instant>,
    last_beat_asked: bool,
    /// When a port was last asked, canaries aside.
    last_asked: Instant,
    reach: Reach,
    /// Its time was over before everything was asked.
    timed_out: bool,
    /// What keeps the canary from being asked.
    blind: Option<(Claim, Fact, Instant)>,
}

impl TcpHost {
    /// A host to be asked by connect, or by packets of our own making.
    pub(super) fn new(address: Address, order: Arc<Order>, named: bool, by_packets: bool) -> Self {
        TcpHost {
            ports: Ports::new(address, Transport::Tcp, order),
            named,
            elsewhere: false,
            opens: Vec::new(),
            ttl: None,
            rtt: Rtt::default(),
            loss: Loss::default(),
            by_packets,
            canary: Canary::new(by_packets),
            pulse: Pulse::default(),
            all_asked: None,
            last_beat_asked: false,
            last_asked: Instant::ZERO,
            reach: Reach::default(),
            timed_out: false,
            blind: None,
        }
    }

    /// How long the answer to `attempt` is waited for.
    pub(super) fn patience(&self, overtake: bool, attempt: &Attempt) -> Patience {
        if attempt.canary {
            return Patience::until(self.canary.patience(&self.rtt));
        }
        let overdue = self.rtt.overdue().filter(|_| overtake);
        // An attempt that overtakes another is not the only one that is listened for: it need not be more patient.
        let overtakes = self.ports.pending.get(&attempt.port).is_some_and(Pending::is_on_its_way);
        let number = if overtakes { 1 } else { attempt.number };
        // What is asked of a host first waits at the head of the queue for its neighbour: if nobody answers ARP or
        // NDP, these are the sockets that hear of it, and only if they still stand.
        let scout =
            self.rtt.smoothed().is_none() && attempt.number == 1 && (attempt.port as usize) < LIKELIEST;
        let end = if scout { SCOUT_PATIENCE } else { self.rtt.timeout(number) };
        // Being overdue holds nobody up, so there is patience for a queue that our own probes have filled.
        overdue.map_or(Patience::until(end), |overdue| Patience { overdue, end: end.max(overdue * 2) })
    }

    /// What to ask next.
    pub(super) fn next(&mut self, core: &Core, now: Instant) -> Next {
        self.timed_out |= self.ports.is_out_of_time(core.plan.host_timeout(), now);
        if self.is_unreached() || self.canary.is_given_up() || self.canary.is_blind() || self.timed_out {
            return Next::Finished;
        }
        if let Some(wait) = self.canary.holds_back(now) {
            return Next::Wait(wait);
        }
        if let Some(port) = self.canary.take_due(now) {
            return self.ask_canary(port);
        }
        if let Some(port) = self.ports.take_due(now) {
            return self.ask(port, now);
        }
        if let Some(port) = self.ports.take_fresh(self.limit()) {
            return self.ask(port, now);
        }
        if let Some(next) = self.last_beat(core, now) {
            return next;
        }
        if self.ports.in_flight > 0 || self.ports.next_due().is_some() {
            if self.only_proof_is_left(core)
                && let Some(port) = self.canary.start(now)
            {
                return self.ask_canary(port);
            }
            return Next::Wait(self.ports.next_due());
        }
        self.tail(core, now)
    }

    /// Somebody answered.
    pub(super) fn answer(&mut self, core: &mut Core, attempt: &Attempt, event: &Completion) {
        if attempt.canary && !tcp::is_from_target(attempt.endpoint, &event.outcome) {
            // Somebody on the way speaks for a host that says nothing: a miss.
            return self.silence(core, attempt, event.at);
        }
        let rtt = event.at.since(event.sent);
        if tcp::is_from_target(attempt.endpoint, &event.outcome) {
            let first = self.rtt.smoothed().is_none();
            // The answer to a SYN that the kernel sent again says how long the kernel waited (Karn's rule).
            if self.is_first_packet(rtt) {
                self.rtt.sample(rtt);
                core.sample(rtt);
                core.watch_path(rtt, self.rtt.least().unwrap_or(rtt), event.at);
            } else if attempt.canary {
                // It answers, but not every packet.
                self.loss.spell();
            }
            self.pulse.answered(attempt.number == 1, attempt.asked);
            if first {
                self.hasten(core, attempt.host);
            }
            let closed = !matches!(event.outcome, Outcome::Connected { .. } | Outcome::SynAck(_));
            self.learn_distance(core.plan.method(attempt.endpoint), &event.outcome);
            let revived = self.canary.heard(attempt.port, closed, attempt.asked, event.at);
            if let Some(since) = revived {
                self.ports.roll_back(since, core.plan.most_tries_in_all(), event.at);
            }
        }
        if attempt.canary || self.ports.is_settled(attempt.port) {
            return;
        }
        let Some(fact) = tcp::fact(&event.outcome) else { return };
        let asked = (attempt.endpoint, core.plan.method(attempt.endpoint));
        let judgement = tcp::judge(asked, &event.outcome, self.ttl);
        let (claim, settled) = match judgement {
            Judgement::Silence => return self.silence(core, attempt, event.at),
            Judgement::Settled(claim) => (claim, true),
            Judgement::Provisional(claim) => (claim, false),
        };
        if settled {
            self.count_answer(core, attempt, rtt);
        }
        let tries = self.ports.tries(attempt.port);
        let verdict = answered(&core.plan, attempt, claim, tries, event.sent, event.at, fact);
        // What is unreachable for a moment is asked again when the moment may be over.
        let believed = if settled {
            Some(verdict)
        } else {
            self.ports.provisional(attempt, verdict, event.at + core.gap(4))
        };
        if let Some(verdict) = believed {
            self.settled(core, attempt.port, verdict);
        }
    }

    /// No answer came within the usual time. It is listened for all the same; if answers around it show that it met no
    /// burst of losses, the next attempt need not wait for its end.
    pub(super) fn overdue(&mut self, core: &Core, probe: ProbeId, attempt: &Attempt, now: Instant) {
        self.ports.overdue += 1;
        if attempt.canary {
            return;
        }
        let dull = self.pulse.is_dull(attempt.asked);
        let pending = self.ports.pending(attempt);
        pending.probe.get_or_insert(probe);
        pending.beside_answers |= !dull;
        let (tries, rests) = (pending.asked_so_far(), pending.rests);
        let pending = &self.ports.pending[&attempt.port];
        if tries < self.asks(core, pending)
            && !rests
            && !self.loss.seen()
            && self.pulse.is_calm(attempt.asked)
        {
            self.ports.ask_again(attempt.port, now + core.gap(tries));
        }
    }

    /// What the TTL of an answer tells of how far the host itself is.
    fn learn_distance(&mut self, method: Method, outcome: &Outcome) {
        match outcome {
            Outcome::SynAck(segment) => {
                self.ttl.get_or_insert(segment.ttl);
            }
            Outcome::Reset(segment) if method == Method::Ack => {
                self.ttl = Some(tcp_ack::farther(self.ttl, segment.ttl));
            }
            _ => {}
        }
    }

    /// Nobody answered in time.
    pub(super) fn silence(&mut self, core: &mut Core, attempt: &Attempt, now: Instant) {
        if attempt.canary {
            let lossy = self.loss.seen();
            self.loss.spell();
            if self.canary.missed(lossy, now) {
                self.ports.forget_retries();
            }
            return;
        }
        // A scout that waited its whole time has had the kernel's own SYNs as retries, a second apart.
        let repeated = now.since(attempt.asked) >= SCOUT_PATIENCE && !self.by_packets;
        let counts = if repeated { 2 } else { 1 };
        let tries = self.ports.unanswered(attempt, counts, now);
        let dull = self.pulse.is_dull(attempt.asked);
        let pending = self.ports.pending(attempt);
        pending.beside_answers |= !dull;
        let comes_again = pending.rests || pending.is_on_its_way();
        if !comes_again && tries < self.asks(core, &self.ports.pending[&attempt.port]) {
            self.ports.ask_again(attempt.port, now + core.gap(tries));
        }
        self.canary.unheard(attempt.asked, now);
    }

    /// Our own machine failed.
    pub(super) fn local(
        &mut self,
        core: &mut Core,
        attempt: &Attempt,
        fault: LocalFault,
        event: &Completion,
    ) {
        let claim = technique::local(fault);
        if attempt.canary {
            self.blind = Some((claim, Fact::Local(fault), event.at));
            self.canary.failed(event.at);
            return;
        }
        if self.canary.last_heard().is_none() {
            self.reach.fault(&claim, fault, event.at);
        }
        let heard = self.is_heard();
        if let Some(verdict) = self.ports.failed(core, attempt, (claim, fault), (event.sent, event.at), heard)
        {
            self.settled(core, attempt.port, verdict);
        }
    }

    /// Our own ring lost something: whatever is silent may have answered.
    pub(super) fn overrun(&mut self, most: u8, now: Instant) {
        self.loss.spell();
        self.ports.ask_anew(most, now);
    }

    /// More was lost because we asked too fast than the path loses: what was silent may have answered, and what was lost tells
    /// nothing of the path.
    pub(super) fn overtaxed(&mut self, most: u8, now: Instant) {
        self.loss.overtaxed();
        self.ports.ask_anew(most, now);
    }

    /// The socket met itself: that proves nothing. Another source port is chosen by the next attempt.
    pub(super) fn self_connected(&mut self, core: &mut Core, attempt: &Attempt, now: Instant) {
        if attempt.canary {
            self.canary.ask_again(now);
            return;
        }
        let port = self.ports.pending(attempt);
        port.ended(attempt);
        port.self_connects += 1;
        if port.self_connects > SELF_CONNECTS {
            let claim = tcp::self_connected();
            let (tries, fact) = (attempt.number, Fact::SelfConnected);
            let verdict = answered(&core.plan, attempt, claim, tries, attempt.asked, now, fact);
            self.settled(core, attempt.port, verdict);
            return;
        }
        self.ports.ask_again(attempt.port, now);
    }

    /// How long this host will still take, and whether it may be longer; `None` if nothing can be said.
    pub(super) fn time_left(&self, now: Instant) -> Option<TimeLeft> {
        let asking = self.ports.time_left(self.limit(), now)?;
        let silent = if self.ports.pending.is_empty() { Duration::ZERO } else { self.rtt.timeout(2) };
        Some(TimeLeft { time: asking + silent, at_least: self.canary.is_lost() || !self.is_heard() })
    }

    /// The discovery found it: it is there, and about so far away.
    pub(super) fn found(&mut self, found: &Found) {
        self.elsewhere = true;
        found.rtt.into_iter().for_each(|rtt| self.rtt.sample(rtt));
        self.ttl = self.ttl.or(found.ttl);
    }

    /// An earlier run knows this of it.
    pub(super) fn go_on(&mut self, known: &OpenHost) {
        self.elsewhere |= known.heard;
        self.loss = Loss::known(&known.tcp);
        self.ports.asked_in_vain(&known.tcp.unanswered);
    }

    /// Which ports another run need not ask, and what it should know.
    pub(super) fn settled_for_good(&self) -> OpenPorts {
        let mut open = self.ports.settled_for_good(!self.loss.seen());
        self.loss.note(&mut open);
        open
    }

    /// It answered over another transport: it is there.
    pub(super) fn heard_elsewhere(&mut self) {
        self.elsewhere = true;
    }

    /// Whether it answered over TCP itself.
    pub(super) fn is_heard(&self) -> bool {
        self.canary.last_heard().is_some()
    }

    /// Whether this host's ports are told at all: it answered, or it was named.
    pub(super) fn is_listed(&self) -> bool {
        self.named || self.elsewhere || self.is_heard()
    }

    fn is_unreached(&self) -> bool {
        self.reach.lost().is_some() && !self.is_heard()
    }

    /// How many attempts silent ports were asked.
    fn tries(&self, core: &Core) -> u8 {
        if core.guards.retry { self.loss.tries() } else { 1 }
    }

    /// How many spaced attempts the silence of a port needs before it may mean anything.
    fn needed(&self, core: &Core, port: &Pending) -> u8 {
        if !core.guards.retry {
            return 1;
        }
        // Where much answers, and next to nothing did beside this port, a burst may have swallowed what was asked then. A
        // single packet that nobody repeats is swallowed more easily than a connect.
        let much_answers = self.by_packets || self.loss.answers() as usize * 5 >= self.ports.asked();
        let alone = !port.beside_answers && much_answers;
        self.loss.tries().max(if alone { TRIES_ALONE } else { 1 })
    }

    /// How many attempts it gets.
    fn asks(&self, core: &Core, port: &Pending) -> u8 {
        if port.spent { 0 } else { self.needed(core, port).min(core.plan.most_tries()) }
    }

    /// How many ports may be asked by now.
    fn limit(&self) -> usize {
        if self.is_listed() { self.ports.limit(self.loss.seen()) } else { LIKELIEST.min(self.ports.len()) }
    }

    /// Everything was asked once, and what was asked last has no answers after it that would show that no burst
    /// swallowed it: the canary gives one, as soon as it is certain to be later.
    fn last_beat(&mut self, core: &Core, now: Instant) -> Option<Next> {
        let wanted = core.plan.timing().overtake && self.is_heard() && !self.loss.seen();
        if self.last_beat_asked || !wanted || self.ports.asked() < MANY || self.ports.in_flight == 0 {
            return None;
        }
        let due = *self.all_asked.get_or_insert(now) + Pulse::SPAN;
        if now < due {
            let next = self.ports.next_due().map_or(due, |next| next.min(due));
            return Some(Next::Wait(Some(next)));
        }
        self.last_beat_asked = true;
        self.canary.start(now).map(|port| self.ask_canary(port))
    }

    /// Whether all that is still listened for is overdue and will not be asked again, by what is known now: the proof
    /// that the host answers need not wait for its end. If losses ask for more later, there will be another proof.
    fn only_proof_is_left(&self, core: &Core) -> bool {
        let is_last = |pending: &Pending| pending.asked_so_far() >= self.asks(core, pending);
        self.ports.overdue == self.ports.in_flight
            && self.ports.next_due().is_none()
            && self.is_unproved()
            && self.ports.pending.values().all(is_last)
    }

    /// Whether something was asked since the latest probe that the host answered.
    fn is_unproved(&self) -> bool {
        self.canary.last_heard().is_some_and(|heard| self.last_asked >= heard)
    }

    fn ask(&mut self, port: u32, now: Instant) -> Next {
        self.last_asked = now;
        let number = self.ports.ask(port, now);
        self.pulse.asked(number == 1, now);
        self.canary.asked(now);
        Next::Ask { port, number, canary: false }
    }

    fn ask_canary(&mut self, port: u32) -> Next {
        self.ports.in_flight += 1;
        Next::Ask { port, number: 1, canary: true }
    }

    /// Nothing is under way and nothing waits: is any silence still unproved?
    fn tail(&mut self, core: &Core, now: Instant) -> Next {
        let enough = self.rtt.timeout(1);
        let mut again = Vec::new();
        let mut unvouched = false;
        for (port, pending) in &self.ports.pending {
            if self.ports.is_settled(*port) || pending.provisional.is_some() {
                continue;
            }
            // The loss seen since may ask for more attempts, the round trip seen since for longer ones.
            let most = MOST_TRIES.min(core.plan.most_tries());
            let too_short =
                pending.waited * 2 < enough && pending.tries < most && !pending.spent && core.guards.retry;
            if pending.tries < self.asks(core, pending) || too_short {
                again.push(*port);
            }
            unvouched |= self.canary.last_heard().is_some_and(|heard| pending.last >= heard);
        }
        if !again.is_empty() {
            let due = now + core.gap(2);
            again.into_iter().for_each(|port| self.ports.ask_again(port, due));
            return Next::Wait(Some(due));
        }
        if unvouched && let Some(port) = self.canary.start(now) {
            return self.ask_canary(port);
        }
        Next::Finished
    }

    /// The first round trip is known: what was asked before need not be waited for as long as then thought.
    fn hasten(&self, core: &mut Core, host: u32) {
        let overtake = core.plan.timing().overtake;
        core.flight.hasten(|attempt| {
            (attempt.host == host && !attempt.canary).then(|| self.patience(overtake, attempt))
        });
    }

    fn count_answer(&mut self, core: &mut Core, attempt: &Attempt, rtt: Duration) {
        // An answer that was not believed at once was an answer all the same: nothing was lost.
        let pending = self.ports.pending.get(&attempt.port);
        let (tried, contradicted) =
            pending.map_or((0, false), |pending| (pending.tries, pending.provisional.is_some()));
        // An attempt before this one is still listened for, but was overtaken: its packet was lost.
        let overtaken =
            pending.is_some_and(|pending| attempt.number == pending.number && !pending.overtaken.is_empty());
        let tried = if contradicted { 0 } else { tried + u8::from(overtaken) };
        if contradicted {
            self.loss.spell();
        }
        let first = tried == 0 && self.is_first_packet(rtt) && !self.ports.was_asked_in_vain(attempt.port);
        // What was asked anew was lost by nobody, as far as is known.
        let tells = pending.is_none_or(|pending| pending.tries > 0 || !pending.was_asked_anew());
        let asked = pending.map_or(attempt.asked, |pending| pending.first);
        core.count_answer(&mut self.loss, attempt, tells.then_some((first, asked)));
    }

    /// Whether an answer after `rtt` is one to the attempt's first packet. A packet of our own is its only one.
    fn is_first_packet(&self, rtt: Duration) -> bool {
        self.by_packets || first_packet_answered(1, rtt, self.rtt.smoothed())
    }

    fn settled(&mut self, core: &mut Core, port: u32, verdict: Verdict) {
        self.let_go(core, port);
        if verdict.state() == PortState::Open {
            self.remember_open(port, &verdict);
        }
        let listed = self.is_listed();
        self.ports.settled(core, port, verdict, listed);
    }

    /// The other attempts at a port that is settled are not listened for any more.
    fn let_go(&mut self, core: &mut Core, port: u32) {
        let Some(pending) = self.ports.pending.get_mut(&port) else { return };
        let overtaken = std::mem::take(&mut pending.overtaken).into_iter().map(|(_, probe)| probe);
        for probe in overtaken.chain(pending.probe.take()) {
            if let Some(attempt) = core.flight.claim(probe) {
                self.ports.landed(&attempt);
                core.let_go(probe);
            }
        }
    }

    fn remember_open(&mut self, port: u32, verdict: &Verdict) {
        let accepted = |fact: &Fact| matches!(fact, Fact::Connected { .. } | Fact::SynAck(_));
        if let Some(observation) = verdict.evidence().iter().find(|observation| accepted(&observation.fact)) {
            let (at, fact, rtt) = (observation.at, observation.fact, verdict.rtt.unwrap_or_default());
            self.opens.push(Open { port, tries: verdict.tries, at, rtt, fact });
        }
    }
}
