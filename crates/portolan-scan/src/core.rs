use std::collections::VecDeque;
use std::time::Duration;

use portolan_model::sockets::{Capacity, ProbeId, Request};
use portolan_model::{Claim, Endpoint, Evidence, Fact, Group, HostReport, Instant, Method, Transport};
use portolan_model::{Verdict, Warning};

use crate::engine::Guards;
use crate::flight::{Attempt, Flight, Patience, Ripe};
use crate::loss::Loss;
use crate::pacer::{Floor, Pacer};
use crate::plan::Plan;
use crate::rtt::Rtt;
use crate::settled::Settled;
use crate::swelling::{Queue, Swelling};
use crate::tally::Tally;
use crate::technique::{self, udp::Udp};
use crate::window::Window;

/// What both strategies share: the plan, the attempts on their way, what bounds them, and what is to be told.
pub(crate) struct Core {
    pub(crate) plan: Plan,
    pub(crate) guards: Guards,
    pub(crate) flight: Flight,
    pub(crate) window: Window,
    /// How many attempts may be on their way at a time, overdue ones included.
    most_open: usize,
    pub(crate) pacer: Pacer,
    pub(crate) floor: Floor,
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
    pub(crate) fn new(plan: Plan, capacity: Capacity, guards: Guards) -> Self {
        // What is asked together shares one window; the scarcer means bounds it.
        let sockets = plan.tcp_room(&capacity).unwrap_or(usize::MAX);
        let datagrams = if plan.asks(Transport::Udp) { capacity.datagrams } else { usize::MAX };
        Core {
            flight: Flight::new(plan.seed(), guards.cookie),
            window: plan.window(sockets.min(datagrams)),
            most_open: sockets.min(datagrams),
            udp: Udp::new(plan.spec.probes, plan.spec.secret, guards),
            pacer: Pacer::new(plan.max_rate()),
            floor: Floor::new(plan.min_rate()),
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
        if self.plan.method(attempt.endpoint) == Method::Syn {
            let probe = self.launch(attempt, patience, now);
            return (probe, Request::Syn { probe, to: attempt.endpoint });
        }
        // The kernel sends a SYN of its own each second that the answer is waited for: they count too.
        for _ in 0..patience.end.as_secs() {
            self.pacer.sent(now);
        }
        let probe = self.launch(attempt, patience, now);
        (probe, Request::Connect { probe, to: attempt.endpoint })
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
        self.flight.launch(attempt, patience)
    }

    /// An attempt was not carried out: it was no packet and no retry.
    pub(crate) fn not_sent(&mut self, attempt: &Attempt) {
        self.tally.local_faults += 1;
        self.tally.packets = self.tally.packets.saturating_sub(1);
        if attempt.number > 1 && !attempt.canary {
            self.tally.retries = self.tally.retries.saturating_sub(1);
        }
    }

    /// One measured round trip.
    pub(crate) fn sample(&mut self, rtt: Duration) {
        self.rtt.sample(rtt);
        self.tally.round_trips.count(rtt);
    }

    /// A host answered after `rtt` whose quickest answer took `path`: fewer probes wait from now on if all that answers
    /// come late.
    pub(crate) fn watch_path(&mut self, rtt: Duration, path: Duration, now: Instant) {
        let shown = self.swelling.answered(rtt, path, now);
        if self.swelling.looks_clear(now) {
            self.window.answered();
        }
        match shown {
            Some(Queue::Begins) => self.window.hold(),
            Some(Queue::Stands) => self.window.ease(),
            Some(Queue::None) => self.window.free(),
            None => {}
        }
    }

    /// A port answered; `first` if its very first packet did. Over UDP (`ambiguous`) that tells nothing of the scan's loss:
    /// what is missing may have been withheld, and what is late may have taken its time.
    pub(crate) fn count_answer(&mut self, loss: &mut Loss, first: bool, ambiguous: bool) {
        loss.answered(first);
        if !ambiguous {
            let answers = &mut self.tally.answers;
            *(if first { &mut answers.0 } else { &mut answers.1 }) += 1;
        }
        if !first && loss.answers() > 20 && loss.share() > 0.02 {
            self.window.calm();
        }
    }

    /// Answers get lost: from now on at most `rate` probes a second.
    pub(crate) fn slow_down(&mut self, rate: u64) {
        let rate = self.floor.rate().map_or(rate, |least| rate.max(least));
        let rate = self.plan.max_rate().map_or(rate, |most| rate.min(most));
        self.pacer = Pacer::new(Some(rate));
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
            if self.plan.method(attempt.endpoint) == Method::Syn {
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
    pub(crate) fn shrink(&mut self, for_good: bool) {
        let open = self.flight.len();
        if for_good {
            self.most_open = self.most_open.min(open).max(1);
        }
        self.window.shrink(open, for_good);
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
