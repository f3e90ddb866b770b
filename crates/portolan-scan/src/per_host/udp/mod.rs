//! The UDP ports of one host, asked by datagrams.

mod answers;
mod settle;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use portolan_model::sockets::ProbeId;
use portolan_model::{Address, Instant, LocalFault, OpenHost, OpenPorts, TimeLeft, Transport, Verdict};

use super::emitter::Emitter;
use super::order::Order;
use super::ports::Ports;
use super::reach::Reach;
use super::{LIKELIEST, Next, SCOUT_PATIENCE};
use crate::core::Core;
use crate::flight::Attempt;
use crate::loss::Loss;
use crate::rtt::Rtt;
use crate::technique;

/// So many datagrams go to a host that has not answered yet before it is looked for answers: the kernel keeps no more
/// than a few dozen packets for a neighbour that it is still looking for, and loses the oldest of the others.
const OPENING: usize = 32;
/// How long that takes at most.
const OPENING_REST: Duration = Duration::from_millis(100);
/// Attempts at a silent port at most. Where so many answers are missing that no usual loss explains it, an ICMP limit
/// does, and asking again only drains it.
const MOST_TRIES: u8 = 10;
const MOST_TRIES_BEYOND_LOSS: u8 = 6;
const USUAL_LOSS: f64 = 0.45;
/// So often a port of its own is waited for.
const SHORTAGES_OF_PORTS: u16 = 4;
/// A service may be busy: after the last datagram its host is listened to for at least this long, and longer if the
/// protocol answers late on purpose. Overdue attempts hold nothing up meanwhile, since an answer names its attempt
/// whenever it comes.
const LINGER: Duration = Duration::from_secs(1);

/// One host being scanned over UDP.
pub(super) struct UdpHost {
    pub(super) ports: Ports,
    named: bool,
    /// It answered over another transport.
    elsewhere: bool,
    /// It answered over UDP itself: a datagram, or an ICMP error in its own name.
    heard: bool,
    rtt: Rtt,
    loss: Loss,
    emitter: Emitter,
    reach: Reach,
    exchanges: Vec<Exchange>,
    /// Open by an answer that a stranger may have made.
    doubtful: BTreeSet<u32>,
    /// When our own queue last lost something: what was asked before may have been answered.
    deaf: Option<Instant>,
    /// When the first datagram was asked for.
    opened: Option<Instant>,
    /// Its time was over before everything was asked.
    timed_out: bool,
    /// Until when answers are listened for, whatever else is done.
    listens_until: Instant,
}

/// A question whose answer may come from another port than the one asked, from a port of ours that only it uses.
#[derive(Copy, Clone, Debug)]
struct Exchange {
    local: u16,
    port: u32,
    probe: ProbeId,
}

impl UdpHost {
    pub(super) fn new(address: Address, order: Arc<Order>, named: bool) -> Self {
        UdpHost {
            ports: Ports::new(address, Transport::Udp, order),
            named,
            elsewhere: false,
            heard: false,
            rtt: Rtt::default(),
            loss: Loss::default(),
            emitter: Emitter::default(),
            reach: Reach::default(),
            exchanges: Vec::new(),
            doubtful: BTreeSet::new(),
            deaf: None,
            opened: None,
            timed_out: false,
            listens_until: Instant::ZERO,
        }
    }

    /// How long the answer to `attempt` is waited for.
    pub(super) fn patience(&self, attempt: &Attempt) -> Duration {
        let scout =
            self.rtt.smoothed().is_none() && attempt.number == 1 && (attempt.port as usize) < LIKELIEST;
        if scout { SCOUT_PATIENCE } else { self.rtt.timeout(attempt.number) }
    }

    /// What to ask next.
    pub(super) fn next(&mut self, core: &Core, now: Instant) -> Next {
        self.timed_out |= self.ports.is_out_of_time(core.plan.host_timeout(), now);
        if self.is_unreached() || self.timed_out {
            return Next::Finished;
        }
        if let Some(port) = self.ports.take_due(now) {
            return self.ask(port, now);
        }
        let rest = self.opening_rest(now);
        if rest.is_none()
            && let Some(port) = self.ports.take_fresh(self.limit())
        {
            return self.ask(port, now);
        }
        let waits = [self.ports.next_due(), rest].into_iter().flatten().min();
        if self.ports.in_flight > 0 || waits.is_some() {
            return Next::Wait(waits);
        }
        self.tail(core, now)
    }

    /// Whether the attempt is to leave from a port of its own: its answer may come from another port. If this machine
    /// has none left, the others' has to do, and only an answer from the port asked is heard.
    pub(super) fn wants_own_port(&self, core: &Core, attempt: &Attempt) -> bool {
        let faults = self.ports.pending.get(&attempt.port).map_or(0, |pending| pending.faults);
        core.udp.probe(attempt.endpoint.port, attempt.number).elsewhere && faults < SHORTAGES_OF_PORTS
    }

    /// An attempt is on its way.
    pub(super) fn launched(&mut self, attempt: &Attempt, probe: ProbeId, own_port: bool) {
        let port = self.ports.pending(attempt);
        (port.probe, port.own_port) = (Some(probe), own_port);
    }

    /// It left this machine, from that port of ours.
    pub(super) fn sent(
        &mut self,
        core: &mut Core,
        attempt: &Attempt,
        probe: ProbeId,
        (at, local): (Instant, u16),
    ) {
        let question = core.udp.probe(attempt.endpoint.port, attempt.number);
        let late = Duration::from_millis(question.patience_ms.into());
        self.listens_until = self.listens_until.max(at + LINGER.max(late));
        let port = self.ports.pending(attempt);
        port.last = at;
        // An attempt that never left gives its number to the next.
        port.sent.truncate(usize::from(attempt.number).saturating_sub(1));
        port.sent.push(at);
        if port.own_port {
            // The exchange before it has had its time.
            self.end_exchanges(core, Some(attempt.port));
            self.exchanges.push(Exchange { local, port: attempt.port, probe });
        }
    }

    /// Nobody answered in time.
    pub(super) fn silence(&mut self, core: &Core, attempt: &Attempt, now: Instant) {
        let tries = self.ports.unanswered(attempt, 1, now);
        if tries < self.needed(core, attempt.endpoint.port) {
            self.ports.ask_again(attempt.port, now + core.gap(tries));
        }
    }

    /// The datagram never left this machine.
    pub(super) fn local(&mut self, core: &mut Core, attempt: &Attempt, fault: LocalFault, at: Instant) {
        let claim = technique::local(fault);
        if !self.heard {
            self.reach.fault(&claim, fault, at);
        }
        if let Some(verdict) =
            self.ports.failed(core, attempt, (claim, fault), (attempt.asked, at), self.heard)
        {
            self.settled(core, attempt.port, verdict);
        }
    }

    /// Our own receive queue lost something: whatever is silent may have answered.
    pub(super) fn overrun(&mut self, most: u8, now: Instant) {
        self.deaf = Some(now);
        self.loss.spell();
        self.ports.ask_anew(most, now);
    }

    /// How long this host will still take, and whether it may be longer; `None` if nothing can be said.
    pub(super) fn time_left(&self, now: Instant) -> Option<TimeLeft> {
        let asking = self.ports.time_left(self.limit(), now)?;
        let silent = if self.ports.pending.is_empty() { Duration::ZERO } else { LINGER };
        Some(TimeLeft { time: asking + silent, at_least: !self.heard })
    }

    /// An earlier run knows this of it.
    pub(super) fn go_on(&mut self, known: &OpenHost) {
        self.elsewhere |= known.heard;
        self.loss = Loss::known(&known.udp);
        self.ports.asked_in_vain(&known.udp.unanswered);
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

    /// Whether it answered over UDP itself.
    pub(super) fn is_heard(&self) -> bool {
        self.heard
    }

    /// Whether this host's ports are told at all: it answered, or it was named.
    pub(super) fn is_listed(&self) -> bool {
        self.named || self.elsewhere || self.heard
    }

    fn is_unreached(&self) -> bool {
        self.reach.lost().is_some() && !self.heard
    }

    /// How many spaced attempts a silent port gets: as many as the loss asks for, and each of its protocols in turn,
    /// twice where answers get lost.
    fn needed(&self, core: &Core, port: u16) -> u8 {
        if !core.guards.retry {
            return 1;
        }
        let turns = if self.loss.seen() { 2 } else { 1 };
        let questions = core.udp.questions(port).saturating_mul(turns);
        let most = if self.loss.share() < USUAL_LOSS { MOST_TRIES } else { MOST_TRIES_BEYOND_LOSS };
        self.loss.tries().min(most).max(questions).min(core.plan.most_tries())
    }

    /// How many ports may be asked by now.
    fn limit(&self) -> usize {
        if self.is_listed() { self.ports.limit(self.loss.seen()) } else { LIKELIEST.min(self.ports.len()) }
    }

    /// Until when nothing new is asked of a host that has not answered yet.
    fn opening_rest(&self, now: Instant) -> Option<Instant> {
        let end = self.opened.filter(|_| !self.heard && self.ports.asked() >= OPENING)? + OPENING_REST;
        (end > now).then_some(end)
    }

    fn ask(&mut self, port: u32, now: Instant) -> Next {
        self.opened.get_or_insert(now);
        let number = self.ports.ask(port, now);
        Next::Ask { port, number, canary: false }
    }

    /// Nothing is under way and nothing waits: was any silence asked too few times, or waited for too shortly?
    fn tail(&mut self, core: &Core, now: Instant) -> Next {
        let enough = self.rtt.timeout(1);
        let mut again = Vec::new();
        for (port, pending) in &self.ports.pending {
            if pending.provisional.is_some() {
                continue;
            }
            let needed = self.needed(core, self.ports.order.port(*port));
            let most = MOST_TRIES.min(core.plan.most_tries());
            let too_short = pending.waited * 2 < enough && pending.tries < most && core.guards.retry;
            if pending.tries < needed || too_short {
                again.push(*port);
            }
        }
        if again.is_empty() {
            let until =
                Some(self.listens_until).filter(|until| *until > now && !self.ports.pending.is_empty());
            return until.map_or(Next::Finished, |until| Next::Wait(Some(until)));
        }
        let due = now + core.gap(2);
        again.into_iter().for_each(|port| self.ports.ask_again(port, due));
        Next::Wait(Some(due))
    }

    /// The exchanges at a port are over, or, without a port, all of them: our ports for them are given up.
    fn end_exchanges(&mut self, core: &mut Core, port: Option<u32>) {
        self.exchanges.retain(|exchange| {
            let stays = port.is_some_and(|port| exchange.port != port);
            if !stays {
                core.let_go(exchange.probe);
            }
            stays
        });
    }

    fn settled(&mut self, core: &mut Core, port: u32, verdict: Verdict) {
        let listed = self.is_listed();
        self.ports.settled(core, port, verdict, listed);
    }
}
