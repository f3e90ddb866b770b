use std::time::Duration;

use portolan_model::sockets::{Capacity, Completion, Event, Outcome, ProbeId, Request};
use portolan_model::{
    Checkpoint, Ended, Finish, Instant, LocalFault, OpenHost, Progress, Rate, TimeLeft, Warning,
};

use crate::completeness::Share;
use crate::core::Core;
use crate::discovery::Search;
use crate::flight::Ripe;
use crate::per_host::PerHost;
use crate::plan::{Plan, StrategyKind};
use crate::progress;
use crate::settled::Settled;
use crate::sweep::Sweep;

/// How long answers are waited for after a stop.
const GRACE: Duration = Duration::from_secs(1);

/// How long to wait before looking whether slow readers have caught up.
const BACKLOG_REST: Duration = Duration::from_millis(10);

/// What protects the engine from believing too much. All are on; proofs in the atlas switch one off and show
/// that verdicts become wrong without it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Guards {
    /// Silence is asked again.
    pub retry: bool,
    /// A socket that met itself is discarded.
    pub self_connect: bool,
    /// A failure of our own machine is asked again.
    pub requeue: bool,
    /// An answer must bear the name or the id of an attempt.
    pub cookie: bool,
    /// Only the target itself can say that its port is closed.
    pub sender: bool,
}

impl Default for Guards {
    fn default() -> Self {
        Guards { retry: true, self_connect: true, requeue: true, cookie: true, sender: true }
    }
}

/// Decides what to ask next and what the answers mean.
///
/// Performs no I/O, reads no clock, cannot fail. Same plan, same seed and same inputs, same outputs.
pub struct Engine {
    core: Core,
    search: Option<Search>,
    /// Who asks first alternates.
    search_first: bool,
    strategy: Strategy,
    started: Option<Instant>,
    stop_at: Option<Instant>,
    backlogged: bool,
}

enum Strategy {
    PerHost(PerHost),
    Sweep(Sweep),
}

impl Strategy {
    /// The one that asks UDP.
    fn per_host(&mut self) -> Option<&mut PerHost> {
        match self {
            Strategy::PerHost(strategy) => Some(strategy),
            Strategy::Sweep(_) => None,
        }
    }
}

impl Engine {
    /// An engine for `plan`, on a machine that bears so much at a time.
    pub fn new(plan: Plan, capacity: Capacity) -> Self {
        Engine::with_guards(plan, capacity, Guards::default())
    }

    /// An engine that asks what `from`, a checkpoint of the same plan, left to ask. Of another plan it would leave out
    /// hosts at random: compare [`Plan::hash`] first.
    pub fn resume(plan: Plan, capacity: Capacity, from: &Checkpoint) -> Self {
        Engine::from(plan, capacity, Guards::default(), from)
    }

    /// An engine without some of its guards, for proofs only.
    pub fn with_guards(plan: Plan, capacity: Capacity, guards: Guards) -> Self {
        Engine::from(plan, capacity, guards, &Checkpoint::default())
    }

    fn from(plan: Plan, capacity: Capacity, guards: Guards, from: &Checkpoint) -> Self {
        let mut core = Core::new(plan, capacity, guards, from);
        let strategy = match core.plan.strategy() {
            StrategyKind::PerHost => Strategy::PerHost(PerHost::new(&core)),
            StrategyKind::Sweep => Strategy::Sweep(Sweep::new(&core)),
        };
        let search = Search::new(&core.plan, core.by_packets);
        if core.window.ceiling() < core.plan.timing().window.min(64) {
            core.warn(Warning::FewSockets { window: core.window.ceiling() });
        }
        Engine {
            core,
            search,
            search_first: false,
            strategy,
            started: None,
            stop_at: None,
            backlogged: false,
        }
    }

    /// How many probes may wait at a time.
    pub fn window(&self) -> usize {
        self.core.window.ceiling()
    }

    /// Something came back.
    pub fn handle_event(&mut self, event: Event) {
        let core = &mut self.core;
        match event {
            Event::Connect(completion) => self.connect_ended(completion),
            Event::Held(probe) => core.flight.hold(probe),
            Event::Left { probe, at } => core.flight.left(probe, at),
            Event::Sent { probe, at, local, held } => {
                core.tally.pending_errors += u64::from(held);
                match (core.flight.get(probe), &mut self.strategy) {
                    (Some(attempt), Strategy::PerHost(strategy)) => {
                        strategy.sent(core, &attempt, probe, (at, local));
                    }
                    // Its port was settled by a late answer to an earlier attempt: a port of its own has no use any more.
                    _ => core.let_go(probe),
                }
            }
            Event::Unsent { probe, at, fault } => self.not_sent(probe, at, fault),
            Event::Datagram(datagram) => {
                let ours =
                    self.strategy.per_host().is_some_and(|strategy| strategy.datagram(core, &datagram));
                core.tally.strays += u64::from(!ours);
            }
            Event::Error(error) => {
                let ours = self.strategy.per_host().is_some_and(|strategy| strategy.error(core, &error));
                core.tally.strays += u64::from(!ours);
            }
            Event::Overrun { count, at } => {
                core.overrun(count, at);
                self.search.iter_mut().for_each(Search::overrun);
                match &mut self.strategy {
                    Strategy::PerHost(strategy) => strategy.overrun(core.plan.most_tries_in_all(), at),
                    Strategy::Sweep(strategy) => strategy.overrun(),
                }
            }
        }
    }

    fn not_sent(&mut self, probe: ProbeId, at: Instant, fault: LocalFault) {
        let Some(attempt) = self.core.flight.claim(probe) else {
            self.core.tally.strays += 1;
            return;
        };
        let core = &mut self.core;
        if !core.guards.requeue {
            return self.silence(&attempt, at);
        }
        core.not_sent(&attempt);
        // Descriptors and ports are short for exchanges that want one of their own: a smaller window frees none.
        if fault == LocalFault::NoBuffers {
            core.shrink(false, at);
        }
        if let Some(strategy) = self.strategy.per_host() {
            strategy.unsent(core, &attempt, fault, at);
        }
    }

    fn connect_ended(&mut self, event: Completion) {
        let Some(attempt) = self.core.flight.claim(event.probe) else {
            self.core.tally.strays += 1;
            return;
        };
        let core = &mut self.core;
        if attempt.ping.is_some() {
            return match (&event.outcome, &mut self.search) {
                (Outcome::Local(fault), _) if !core.guards.requeue && !is_absence(*fault) => {
                    self.silence(&attempt, event.at);
                }
                (_, Some(search)) => search.ended(core, &attempt, &event),
                (_, None) => {}
            };
        }
        match event.outcome {
            Outcome::Local(fault) if core.guards.requeue => {
                core.not_sent(&attempt);
                if fault.is_shortage() {
                    core.shrink(fault != LocalFault::NoBuffers, event.at);
                }
                match &mut self.strategy {
                    Strategy::PerHost(strategy) => strategy.local(core, &attempt, fault, &event),
                    Strategy::Sweep(strategy) => strategy.local(core, &attempt, fault, &event),
                }
            }
            Outcome::Local(_) | Outcome::TimedOut => self.silence(&attempt, event.at),
            Outcome::Connected { local }
                if core.guards.self_connect
                    && local == attempt.endpoint.address.socket(attempt.endpoint.port) =>
            {
                core.tally.self_connects += 1;
                match &mut self.strategy {
                    Strategy::PerHost(strategy) => strategy.self_connected(core, &attempt, event.at),
                    Strategy::Sweep(strategy) => strategy.self_connected(core, &attempt, event.at),
                }
            }
            _ => match &mut self.strategy {
                Strategy::PerHost(strategy) => strategy.answer(core, &attempt, &event),
                Strategy::Sweep(strategy) => strategy.answer(core, &attempt, &event),
            },
        }
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(ripe) = self.core.expire(now) {
            match (ripe, &mut self.strategy) {
                (Ripe::Over(_, attempt), _) => self.silence(&attempt, now),
                (Ripe::Overdue(_, attempt), _) if attempt.ping.is_some() => {
                    if let Some(search) = &mut self.search {
                        search.overdue(&mut self.core, &attempt, now);
                    }
                }
                (Ripe::Overdue(probe, attempt), Strategy::PerHost(strategy)) => {
                    strategy.overdue(&self.core, probe, &attempt, now);
                }
                (Ripe::Overdue(..), Strategy::Sweep(_)) => {}
            }
        }
        self.search.iter_mut().for_each(|search| search.wake(now));
        match &mut self.strategy {
            Strategy::PerHost(strategy) => {
                if self.core.trial.take_overtaxed() {
                    strategy.overtaxed(self.core.plan.most_tries_in_all(), now);
                }
                strategy.wake(now);
            }
            // A sweep asks everybody again where it found much late.
            Strategy::Sweep(_) => {}
        }
        if self.stop_at.is_some_and(|stop_at| now >= stop_at || self.core.flight.len() == 0) {
            self.core.abandon(|_| true);
            match &mut self.search {
                Some(search) => search.give_up(&mut self.core),
                None => drop(self.core.give_up_rest()),
            }
            match &mut self.strategy {
                Strategy::PerHost(strategy) => strategy.give_up(&mut self.core, now),
                Strategy::Sweep(strategy) => strategy.give_up(&mut self.core, now),
            }
            self.stop_at = None;
        }
    }

    /// Ask nothing more; what is in flight may still be answered for a second.
    pub fn handle_stop(&mut self, now: Instant) {
        if !self.core.stopping {
            self.core.stopping = true;
            self.stop_at = Some(now + GRACE);
        }
    }

    /// The readers of the verdicts lag behind (or caught up again): while they do, nothing new is asked.
    pub fn handle_backlog(&mut self, lagging: bool) {
        self.backlogged = lagging;
    }

    /// Ask this.
    pub fn poll_probe(&mut self, now: Instant) -> Option<Request> {
        if let Some(request) = self.core.next_abandoned() {
            return Some(request);
        }
        if self.core.stopping || self.backlogged {
            self.core.history.idles(now);
            return None;
        }
        if self.core.pacer.wait(now).is_some() {
            self.core.held_back(now);
            return None;
        }
        if !self.core.has_room(now) {
            return None;
        }
        match self.next(now) {
            Some(request) => {
                self.started.get_or_insert(now);
                Some(request)
            }
            // A host that is finished by this lets go of what it held.
            None => {
                self.core.history.idles(now);
                self.core.next_abandoned()
            }
        }
    }

    /// A verdict, an update of one, a folded group, a host, a warning.
    pub fn poll_verdict(&mut self) -> Option<Settled> {
        self.core.next_settled()
    }

    /// Wake me then.
    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let strategy = match &self.strategy {
            Strategy::PerHost(strategy) => strategy.wake_at(),
            Strategy::Sweep(strategy) => strategy.wake_at(now),
        };
        let core = &self.core;
        let asking = [
            strategy,
            self.search.as_ref().and_then(|search| search.wake_at(now)),
            core.window.grows_at(),
            core.swelling.clears_at(),
            core.floor.due(),
            core.pacer.wait(now),
        ];
        // What is past is not what holds back: a poll has just shown that nothing can be asked now.
        let asking = asking.into_iter().flatten().filter(|at| *at > now);
        let asking = asking.filter(|_| !self.core.stopping && !self.backlogged);
        let look_again = self.backlogged.then(|| now + BACKLOG_REST);
        [self.core.flight.deadline(), self.stop_at, look_again].into_iter().flatten().chain(asking).min()
    }

    /// Whether everything is settled and told.
    pub fn is_done(&self) -> bool {
        let settled = match &self.strategy {
            Strategy::PerHost(strategy) => strategy.is_idle(),
            Strategy::Sweep(strategy) => strategy.is_idle(),
        };
        settled && self.core.arrivals.are_over() && self.core.is_drained()
    }

    /// What the scan did.
    pub fn finish(&self, now: Instant) -> Finish {
        let tally = &self.core.tally;
        let Share { expected, bounds } = tally.completeness(self.core.plan.questions());
        // Few attempts hide how much is lost; and what we lost ourselves, nothing hides.
        let loss = tally.loss().max(tally.completeness.loss());
        #[expect(clippy::cast_possible_truncation, reason = "shares need no more than f32")]
        let (loss, completeness, completeness_bounds) =
            (loss as f32, expected as f32, bounds.map(|(low, high)| (low as f32, high as f32)));
        Finish {
            ended: if self.core.stopping { Ended::Interrupted } else { Ended::Done },
            elapsed: now.since(self.started.unwrap_or(now)),
            counts: tally.counts,
            hosts_up: tally.hosts_up,
            hosts_down: tally.hosts_down,
            hosts_silent: tally.hosts_silent,
            hosts_aliased: tally.hosts_aliased,
            endpoints_unlisted: tally.unlisted,
            packets: tally.packets,
            rate: Rate { loss: self.core.loss_by(), ..self.core.history.told(now) },
            retries: tally.retries,
            local_faults: tally.local_faults,
            self_connects: tally.self_connects,
            strays: tally.strays,
            pending_errors: tally.pending_errors,
            overruns: tally.overruns,
            loss,
            completeness,
            completeness_bounds,
            unknown_local: tally.unknown_local,
        }
    }

    /// Where the scan is, so that [`Engine::resume`] can go on with what is left: while it runs, and, with the silences
    /// that were judged at its end, after that. Its size is bounded, however large the plan is.
    ///
    /// What it calls settled has been told, or will be by [`Engine::poll_verdict`].
    pub fn checkpoint(&self) -> Checkpoint {
        let core = &self.core;
        let mut open: Vec<OpenHost> = core.arrivals.visits.still_open().cloned().collect();
        if let Strategy::PerHost(strategy) = &self.strategy {
            open.extend(strategy.open_hosts(core));
        }
        Checkpoint {
            plan: core.plan.hash(),
            complete: core.arrivals.visits.is_complete(),
            done: core.arrivals.visits.done().clone(),
            open,
        }
    }

    /// How far the scan has come.
    pub fn progress(&self, now: Instant) -> Progress {
        let mut course = match &self.strategy {
            Strategy::PerHost(strategy) => strategy.course(&self.core, now),
            Strategy::Sweep(strategy) => strategy.course(&self.core, now),
        };
        course.looked_for = self.search.as_ref().map_or(0, |search| search.looked_for(&self.core));
        if let (None, Some(_), Some(started)) = (course.left, &self.search, self.started) {
            let (done, elapsed) = (course.looked_for, now.since(started));
            let rest = self.core.plan.shard_hosts() - self.core.arrivals.visits.earlier();
            let rest = rest.saturating_sub(done);
            let time = progress::at_this_pace(done as f64, rest as f64, elapsed)
                .filter(|_| elapsed >= progress::SILENCE_SEEN);
            course.left = time.map(|time| TimeLeft { time, at_least: !self.core.plan.is_for_hosts_only() });
        }
        progress::of(&self.core, course, self.started, now)
    }

    /// What is asked next: hosts are looked for while those that were found are scanned.
    fn next(&mut self, now: Instant) -> Option<Request> {
        let core = &mut self.core;
        self.search_first = !self.search_first;
        let (first, search) = (self.search_first, &mut self.search);
        let mut look = |core: &mut Core| search.as_mut()?.next(core, now);
        if first && let Some(request) = look(core) {
            return Some(request);
        }
        let request = match &mut self.strategy {
            Strategy::PerHost(strategy) => strategy.next(core, now),
            Strategy::Sweep(strategy) => strategy.next(core, now),
        };
        if first { request } else { request.or_else(|| look(core)) }
    }

    fn silence(&mut self, attempt: &crate::flight::Attempt, now: Instant) {
        if attempt.ping.is_some() {
            if let Some(search) = &mut self.search {
                search.silence(&mut self.core, attempt, now);
            }
            return;
        }
        match &mut self.strategy {
            Strategy::PerHost(strategy) => strategy.silence(&mut self.core, attempt, now),
            Strategy::Sweep(strategy) => strategy.silence(attempt),
        }
    }
}

/// Whether it says something of the host, and nothing of us.
const fn is_absence(fault: LocalFault) -> bool {
    matches!(fault, LocalFault::NoNeighbour { on_link: true })
}
