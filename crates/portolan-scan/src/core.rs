use std::collections::VecDeque;
use std::time::Duration;

use portolan_model::sockets::{Capacity, ProbeId, Request};
use portolan_model::{
    Checkpoint, Claim, Endpoint, Evidence, Fact, Group, HostReport, Instant, LossBy, Method, Ping,
};
use portolan_model::{Transport, Verdict, Warning};

use crate::arrivals::{Arrival, Arrivals};
use crate::engine::Guards;
use crate::flight::{Attempt, Flight, Patience, Ripe};
use crate::loss::Loss;
use crate::pace::{History, Mark, Trial};
use crate::pacer::{Floor, Pacer};
use crate::plan::Plan;
use crate::rtt::Rtt;
use crate::settled::Settled;
use crate::swelling::{Queue, Swelling};
use crate::tally::Tally;
use crate::technique::{self, udp::Udp};
use crate::visits::Visits;
use crate::window::Window;

/// How long a shortage counts as one, at least.
const ONE_REASON: Duration = Duration::from_millis(100);

/// What both strategies share: the plan, the attempts on their way, what bounds them, and what is to be told.
pub(crate) struct Core {
    pub(crate) plan: Plan,
    /// Hosts on their way to the strategy.
    pub(crate) arrivals: Arrivals,
    /// Whether hosts are pinged by packets, and not by connects.
    pub(crate) by_packets: bool,
    pub(crate) guards: Guards,
    pub(crate) flight: Flight,
    pub(crate) window: Window,
    /// How many attempts may be on their way at a time, overdue ones included.
    most_open: usize,
    pub(crate) pacer: Pacer,
    pub(crate) floor: Floor,
    /// How fast it was asked so far, and why.
    pub(crate) history: History,
    /// Whether what gets lost is lost because of that.
    pub(crate) trial: Trial,
    /// A sweep, or a search for hosts, lost so much that it went on more slowly.
    slowed: Option<u64>,
    /// When our own queue last made the window smaller.
    shrunk: Option<Instant>,
    /// Whether our own probes queue on the way.
    pub(crate) swelling: Swelling,
    /// Round trips over all hosts.
    pub(crate) rtt: Rtt,
    pub(crate) tally: Tally,
    /// How UDP is asked.
    pub(crate) udp: Udp,
    pub(crate) stopping: bool,
    out: VecDeque<Settled>,
    abandoned: VecDeque<ProbeId>,
}

impl Core {
    pub(crate) fn new(plan: Plan, capacity: Capacity, guards: Guards, from: &Checkpoint) -> Self {
        // What is asked together shares one window; the scarcer means bounds it.
        let sockets = plan.tcp_room(&capacity).unwrap_or(usize::MAX);
        let datagrams = if plan.asks(Transport::Udp) { capacity.datagrams } else { usize::MAX };
        let by_packets = capacity.packets > 0;
        let pings = if by_packets { capacity.packets } else { capacity.sockets };
        let pings = if plan.spec.discovery.is_some() { pings } else { usize::MAX };
        let room = sockets.min(datagrams).min(pings);
        Core {
            arrivals: Arrivals::new(&plan, Visits::new(plan.shard_hosts(), &from.done, &from.open)),
            by_packets,
            flight: Flight::new(plan.seed(), guards.cookie),
            window: plan.window(room),
            most_open: room,
            udp: Udp::new(plan.spec.probes, plan.spec.secret, guards),
            pacer: Pacer::new(plan.max_rate()),
            floor: Floor::new(plan.min_rate()),
            history: History::default(),
            trial: Trial::default(),
            slowed: None,
            shrunk: None,
            swelling: Swelling::default(),
            rtt: Rtt::default(),
            tally: Tally::default(),
            stopping: false,
            out: VecDeque::new(),
            abandoned: VecDeque::new(),
            plan,
            guards,
        }
    }

    /// Asks a TCP port, by the method that the plan asks it by.
    pub(crate) fn ask_tcp(
        &mut self,
        attempt: Attempt,
        patience: Patience,
        now: Instant,
    ) -> (ProbeId, Request) {
        let (method, to) = (self.plan.method(attempt.endpoint), attempt.endpoint);
        if !matches!(method, Method::Syn | Method::Ack) {
            // The kernel sends a SYN of its own each second that the answer is waited for: they count too.
            for _ in 0..patience.end.as_secs() {
                self.pacer.sent(now);
            }
        }
        let probe = self.launch(attempt, patience, now);
        let request = match method {
            Method::Syn => Request::Syn { probe, to },
            Method::Ack => Request::Ack { probe, to },
            Method::Connect | Method::Udp => Request::Connect { probe, to },
        };
        (probe, request)
    }

    /// Asks a host whether it is there.
    pub(crate) fn ping(
        &mut self,
        attempt: Attempt,
        ping: Ping,
        patience: Patience,
        now: Instant,
    ) -> (ProbeId, Request) {
        if !self.by_packets {
            return self.ask_tcp(attempt, patience, now);
        }
        let probe = self.launch(attempt, patience, now);
        (probe, Request::Ping { probe, to: attempt.endpoint.address, ping })
    }

    /// Sends a datagram on its way, from a port of its own if wished.
    pub(crate) fn datagram(
        &mut self,
        attempt: Attempt,
        own_port: bool,
        patience: Duration,
        now: Instant,
    ) -> (ProbeId, Request) {
        let payload = self.udp.payload(attempt.endpoint, attempt.number);
        let probe = self.launch(attempt, Patience::until(patience), now);
        (probe, Request::Datagram { probe, to: attempt.endpoint, payload, own_port })
    }

    fn launch(&mut self, attempt: Attempt, patience: Patience, now: Instant) -> ProbeId {
        self.tally.packets += 1;
        if attempt.number > 1 && !attempt.canary {
            self.tally.retries += 1;
        }
        self.pacer.sent(now);
        self.floor.sent(now);
        self.history.sent(now);
        // Over UDP silence has other causes than loss, and of pings most are silent.
        let asks = !attempt.canary && attempt.ping.is_none();
        let tells = asks && attempt.endpoint.transport == Transport::Tcp;
        self.trial.launched(tells.then_some(attempt.number), now);
        if self.trial.look(self.rtt.timeout(1), self.window.knows_queue(), now) {
            self.limit(now);
        }
        self.flight.launch(attempt, patience)
    }

    /// An attempt was not carried out: it was no packet and no retry.
    pub(crate) fn not_sent(&mut self, attempt: &Attempt) {
        self.tally.local_faults += 1;
        self.uncount(attempt);
    }

    /// An attempt needed no packet.
    pub(crate) fn not_needed(&mut self, attempt: &Attempt) {
        self.pacer.spared();
        self.uncount(attempt);
    }

    fn uncount(&mut self, attempt: &Attempt) {
        self.history.not_sent();
        self.tally.packets = self.tally.packets.saturating_sub(1);
        if attempt.number > 1 && !attempt.canary {
            self.tally.retries = self.tally.retries.saturating_sub(1);
        }
    }

    /// One measured round trip.
    pub(crate) fn sample(&mut self, rtt: Duration) {
        self.rtt.sample(rtt);
        self.history.answered();
        self.tally.round_trips.count(rtt);
    }

    /// A host answered after `rtt` whose quickest answer took `path`: fewer probes wait from now on if all that answers
    /// come late.
    pub(crate) fn watch_path(&mut self, rtt: Duration, path: Duration, now: Instant) {
        let shown = self.swelling.answered(rtt, path, now);
        if self.swelling.looks_clear(now) {
            self.window.answered();
        }
        if matches!(shown, Some(Queue::Begins | Queue::Stands)) {
            self.history.mark(Mark::Queue, now);
        }
        match shown {
            Some(Queue::Begins) => self.window.hold(),
            Some(Queue::Stands) => self.window.ease(),
            Some(Queue::None) => self.window.free(),
            None => {}
        }
    }

    /// A port answered over TCP: whether its very first packet did, which was asked then, if that is known.
    pub(crate) fn count_answer(
        &mut self,
        loss: &mut Loss,
        attempt: &Attempt,
        first: Option<(bool, Instant)>,
    ) {
        self.trial.answered(attempt.number, attempt.asked);
        let Some((first, asked)) = first else { return loss.answered_anew() };
        loss.answered(first);
        let answers = &mut self.tally.answers;
        *(if first { &mut answers.0 } else { &mut answers.1 }) += 1;
        self.trial.heard(first, asked);
        if !first && self.trial.is_undecided() && loss.answers() > 20 && loss.share() > 0.02 {
            self.window.calm();
        }
    }

    /// A port answered over UDP. That tells nothing of the scan's loss: what is missing may have been withheld, and what is
    /// late may have taken its time.
    pub(crate) fn count_datagram(&mut self, loss: &mut Loss, first: bool) {
        loss.answered(first);
        if !first && loss.answers() > 20 && loss.share() > 0.02 {
            self.window.calm();
        }
    }

    /// The end of the scan: hosts that were never begun are only counted. Those that were found come back.
    pub(crate) fn give_up_rest(&mut self) -> VecDeque<Arrival> {
        let hosts = self.arrivals.visits.left();
        let endpoints = self.plan.endpoints_at(hosts, self.arrivals.visits.to_come());
        self.tally.unlisted += endpoints;
        self.tally.unasked += if self.plan.is_for_hosts_only() { hosts.into() } else { endpoints };
        self.arrivals.give_up()
    }

    /// The same of a host that was only looked for.
    pub(crate) fn give_up_host(&mut self, product: usize) {
        let endpoints = self.plan.ports(product).len() as u128;
        self.tally.unlisted += endpoints;
        self.tally.unasked += if self.plan.is_for_hosts_only() { 1 } else { endpoints };
    }

    /// A host answered a ping; `first` if it was the first of its kind.
    pub(crate) fn count_ping(&mut self, loss: &mut Loss, first: bool) {
        self.count_datagram(loss, first);
        // What is lost of pings counts as what is lost of a scan only if that is all of it.
        if self.plan.spec.hosts_only {
            let answers = &mut self.tally.answers;
            *(if first { &mut answers.0 } else { &mut answers.1 }) += 1;
        }
    }

    /// A host of this product is not scanned.
    pub(crate) fn leave_out(&mut self, product: usize) {
        self.tally.unlisted += self.plan.ports(product).len() as u128;
    }

    /// A host is not scanned: another is, for all of its prefix.
    pub(crate) fn skip(&mut self, product: usize) {
        self.tally.hosts_aliased += 1;
        self.leave_out(product);
    }

    /// The same of so many that are left, of whichever product.
    pub(crate) fn skip_rest(&mut self, hosts: u64) {
        self.tally.hosts_aliased += hosts;
        self.tally.unlisted += self.plan.endpoints_of(hosts);
    }

    /// Answers get lost: from now on at most `rate` probes a second.
    pub(crate) fn slow_down(&mut self, rate: u64, now: Instant) {
        self.slowed = Some(rate);
        self.limit(now);
    }

    /// The pacer follows the lowest of the limits that hold now.
    fn limit(&mut self, now: Instant) {
        let lossy = [self.slowed, self.trial.limit()].into_iter().flatten().min();
        if self.slowed.is_some() || self.trial.holds() {
            self.history.mark(Mark::Loss, now);
        }
        let lossy = lossy.map(|rate| self.floor.rate().map_or(rate, |least| rate.max(least)));
        self.pacer.change([lossy, self.plan.max_rate()].into_iter().flatten().min(), now);
    }

    /// What loss depends on, if that was put to the test. To have slowed down because of it is no test.
    pub(crate) fn loss_by(&self) -> Option<LossBy> {
        self.trial.judged()
    }

    /// The pacer holds a probe back.
    pub(crate) fn held_back(&mut self, now: Instant) {
        if self.pacer.rate() == self.plan.max_rate() {
            self.history.mark(Mark::Ceiling, now);
        }
    }

    /// Our own receive queue lost so much: fewer answers may come at a time.
    pub(crate) fn overrun(&mut self, count: u64, at: Instant) {
        self.tally.overruns += count;
        self.history.mark(Mark::Ring, at);
        self.shrink_once(at);
    }

    /// Gives up every attempt for which `wanted` holds.
    pub(crate) fn abandon(&mut self, wanted: impl Fn(&Attempt) -> bool) {
        for probe in self.flight.find(wanted) {
            self.flight.claim(probe);
            self.abandoned.push_back(probe);
        }
    }

    /// The door need not wait for this attempt any more.
    pub(crate) fn let_go(&mut self, probe: ProbeId) {
        self.abandoned.push_back(probe);
    }

    /// The next attempt whose time has come; the door is told to let go of a connect that is over.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Ripe> {
        let ripe = self.flight.expire(now)?;
        // A datagram has nothing that waits, but perhaps a port of its own, which its host gives up.
        if let Ripe::Over(probe, attempt) = ripe
            && attempt.endpoint.transport == Transport::Tcp
        {
            self.let_go(probe);
            let pinged = self.by_packets && attempt.ping.is_some();
            if pinged || self.plan.is_by_packets(attempt.endpoint.address) {
                return Some(ripe);
            }
            // SYNs that the kernel sent again, a second apart; no attempt waits long enough for more than three.
            self.tally.packets += now.since(attempt.asked).as_secs().min(3);
        }
        Some(ripe)
    }

    /// How long a silent port rests before its next attempt. Losses come in bursts; retries back to back would be
    /// lost together.
    pub(crate) fn gap(&self, tries: u8) -> Duration {
        self.plan.timing().rests
            * Duration::from_millis(match tries {
                0 | 1 => 50,
                2 => 200,
                3 => 500,
                _ => 1000,
            })
    }

    /// Whether one more probe may be on its way.
    pub(crate) fn has_room(&mut self, now: Instant) -> bool {
        // What is overdue is silent, most likely, and holds nobody up; but where answers come late it may stand in a queue.
        let clear = self.swelling.looks_clear(now);
        let waiting = if clear { self.flight.on_time() } else { self.flight.sent() };
        self.flight.len() < self.most_open
            && (self.window.has_room(waiting, (self.rtt.smoothed(), clear), now) || self.floor.is_due(now))
    }

    /// The machine ran short: fewer from now on, and if it will not have more later (`for_good`), never again so many.
    pub(crate) fn shrink(&mut self, for_good: bool, now: Instant) {
        self.history.mark(Mark::Machine, now);
        if !for_good {
            return self.shrink_once(now);
        }
        let open = self.flight.len();
        self.most_open = self.most_open.min(open).max(1);
        self.window.shrink(open, true);
    }

    /// Fewer from now on. What comes of those that are on their way already is no further reason: a queue that is full
    /// refuses a whole batch at once.
    fn shrink_once(&mut self, now: Instant) {
        let rest = self.rtt.smoothed().unwrap_or_default().max(ONE_REASON);
        if self.shrunk.is_none_or(|shrunk| now.since(shrunk) > rest) {
            self.shrunk = Some(now);
            self.window.shrink(self.flight.len(), false);
        }
    }

    /// The next attempt that the door is to let go of.
    pub(crate) fn next_abandoned(&mut self) -> Option<Request> {
        self.abandoned.pop_front().map(Request::Abandon)
    }

    /// The next thing to tell.
    pub(crate) fn next_settled(&mut self) -> Option<Settled> {
        self.out.pop_front()
    }

    /// Whether everything was told and let go.
    pub(crate) fn is_drained(&self) -> bool {
        self.out.is_empty() && self.abandoned.is_empty()
    }

    pub(crate) fn tell_verdict(&mut self, verdict: Verdict) {
        self.out.push_back(Settled::Verdict(Box::new(verdict)));
    }

    pub(crate) fn tell_update(&mut self, verdict: Verdict) {
        self.out.push_back(Settled::Update(Box::new(verdict)));
    }

    pub(crate) fn tell_group(&mut self, group: Group) {
        self.out.push_back(Settled::Group(Box::new(group)));
    }

    /// A host is finished; one that is not listed is only counted.
    pub(crate) fn tell_host(&mut self, report: HostReport, listed: bool) {
        self.tally.host(&report);
        if listed {
            self.out.push_back(Settled::Host(Box::new(report)));
        }
    }

    pub(crate) fn warn(&mut self, warning: Warning) {
        self.out.push_back(Settled::Warning(Box::new(warning)));
    }
}

/// A verdict that rests on the answer to one attempt.
pub(crate) fn answered(
    plan: &Plan,
    attempt: &Attempt,
    claim: Claim,
    tries: u8,
    sent: Instant,
    at: Instant,
    fact: Fact,
) -> Verdict {
    let evidence = Evidence::new(sent, Fact::Asked { attempt: attempt.number }).and(at, fact);
    let verdict = judged(plan, attempt.endpoint, claim, tries, evidence);
    match fact {
        Fact::Local(_) => verdict,
        _ => verdict.with_rtt(at.since(sent)),
    }
}

/// A verdict that rests on silence.
pub(crate) fn unanswered(
    plan: &Plan,
    endpoint: Endpoint,
    claim: Claim,
    asked: (u8, Instant, Instant),
    witness: Option<(u16, Instant)>,
) -> Verdict {
    let (tries, first, until) = asked;
    let mut evidence = Evidence::new(until, Fact::Silence { attempts: tries, over: until.since(first) });
    if let Some((port, at)) = witness {
        evidence = evidence.and(at, Fact::Witness { port });
    }
    judged(plan, endpoint, claim, tries, evidence)
}

/// A verdict by the method that the plan asks this endpoint by.
pub(crate) fn judged(
    plan: &Plan,
    endpoint: Endpoint,
    claim: Claim,
    tries: u8,
    evidence: Evidence,
) -> Verdict {
    Verdict::new(endpoint, claim, plan.method(endpoint), tries, evidence)
}

/// The verdict on a port that the end of the scan left open.
pub(crate) fn interrupted(plan: &Plan, endpoint: Endpoint, now: Instant) -> Verdict {
    judged(plan, endpoint, technique::interrupted(), 0, Evidence::new(now, Fact::Stopped))
}

/// The verdict on a port that the end left open: of the host's time, if that was over first, or of the scan.
pub(crate) fn cut_off(core: &Core, timed_out: bool, endpoint: Endpoint, now: Instant) -> Verdict {
    if core.stopping || !timed_out {
        return interrupted(&core.plan, endpoint, now);
    }
    judged(&core.plan, endpoint, technique::timed_out(), 0, Evidence::new(now, Fact::Stopped))
}

/// The verdict on a port that our own machine could not ask.
pub(crate) fn local_verdict(
    plan: &Plan,
    endpoint: Endpoint,
    claim: Claim,
    fact: Fact,
    at: Instant,
) -> Verdict {
    judged(plan, endpoint, claim, 0, Evidence::new(at, fact))
}

/// Whether an answer to this attempt came to its very first packet: the kernel sends its second SYN after one
/// second, so a first attempt answered later than that had lost one (RFC 6298 section 2.1).
pub(crate) fn first_packet_answered(number: u8, rtt: Duration, usual: Option<Duration>) -> bool {
    let slow_path = usual.is_some_and(|usual| usual > Duration::from_millis(600));
    number == 1 && (slow_path || rtt < Duration::from_millis(950))
}
