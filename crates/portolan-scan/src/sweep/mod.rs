//! Few ports on many hosts: the line of endpoints in blocks, each in a keyed order.
//!
//! A block holds a bounded number of endpoints, one byte each; when it ends it is told and forgotten, so
//! memory does not grow with the scan. Inside a block a round asks everything once; the next round asks what
//! stayed silent, after a gap; the last asks one witness of each host that both answered and kept silent.

mod block;
mod settle;

use std::time::Duration;

use portolan_model::sockets::{Completion, Request};
use portolan_model::{Fact, Instant, LocalFault, TimeLeft};

use crate::arrivals::Arrival;
use crate::core::{Core, answered, first_packet_answered};
use crate::flight::{Attempt, Patience};
use crate::loss::Loss;
use crate::progress::{Course, at_this_pace};
use crate::technique::{self, Judgement, tcp};
use block::{Block, Stage};

/// Endpoints of a block.
const BLOCK: usize = 1 << 16;
/// Hosts of a sweep are at different distances, and one estimate serves them all: nobody is waited for less
/// than this in the first round …
const FIRST_PATIENCE: Duration = Duration::from_millis(500);
/// … nor less than this in later ones, long enough for the kernel's own second SYN, and for it to tell that
/// nobody on the link has this address.
const LATER_PATIENCE: Duration = Duration::from_millis(2600);
/// Self-connects and shortages at one endpoint before it stays unknown.
const PATIENCE_WITH_US: u8 = 250;

pub(crate) struct Sweep {
    block: Option<Box<Block>>,
    /// The visits of the open block.
    visits: Vec<u64>,
    /// Hosts of blocks so far.
    visited: u64,
    hosts_a_block: usize,
    /// When the first block was opened.
    began: Option<Instant>,
    loss: Loss,
    /// What of it the blocks so far have told: ports that answered at once and late, and all.
    told: ((u32, u32), u32),
}

impl Sweep {
    pub(crate) fn new(core: &Core) -> Self {
        Sweep {
            block: None,
            visits: Vec::new(),
            visited: 0,
            hosts_a_block: (BLOCK / core.plan.most_ports().max(1)).max(1),
            began: None,
            loss: Loss::default(),
            told: ((0, 0), 0),
        }
    }

    /// The next attempt, on its way.
    pub(crate) fn next(&mut self, core: &mut Core, now: Instant) -> Option<Request> {
        loop {
            if self.block.is_none() {
                self.open_block(core, now)?;
            }
            let block = self.block.as_mut()?;
            if let Some(attempt) = block.next(now) {
                let patience = patience(core, &attempt);
                return Some(core.ask_tcp(attempt, Patience::until(patience), now).1);
            }
            if block.in_flight > 0 || block.rests_until(now).is_some() {
                return None;
            }
            let most = if core.guards.retry { core.plan.most_tries() } else { 1 };
            let rounds = self.loss.tries().min(most);
            if let Some(rate) = block.slower() {
                core.slow_down(rate, now);
            }
            let rest = core.gap(block.rounds);
            match block.advance((rounds, most), rest, now) {
                Stage::Round(_) | Stage::Witness => {}
                Stage::Over => self.close_block(core, now),
            }
        }
    }

    pub(crate) fn answer(&mut self, core: &mut Core, attempt: &Attempt, event: &Completion) {
        let Some(block) = self.block.as_mut() else { return };
        block.in_flight -= 1;
        if attempt.canary && !tcp::is_from_target(attempt.endpoint, &event.outcome) {
            return block.silent(attempt);
        }
        let rtt = event.at.since(event.sent);
        if tcp::is_from_target(attempt.endpoint, &event.outcome) {
            core.sample(rtt);
            block.heard(attempt, rtt);
        }
        if attempt.canary || block.is_settled(attempt) {
            return;
        }
        let Some(fact) = tcp::fact(&event.outcome) else { return };
        let method = core.plan.method(attempt.endpoint);
        match tcp::judge((attempt.endpoint, method), &event.outcome, None) {
            Judgement::Silence => {}
            Judgement::Settled(claim) => {
                let alone = core.plan.is_by_packets(attempt.endpoint.address) && attempt.number == 1;
                let first = alone || first_packet_answered(attempt.number, rtt, core.rtt.smoothed());
                self.loss.answered(first);
                *(if first { &mut core.tally.answers.0 } else { &mut core.tally.answers.1 }) += 1;
                let verdict =
                    answered(&core.plan, attempt, claim, attempt.number, event.sent, event.at, fact);
                block.settled(core, attempt, verdict);
            }
            Judgement::Provisional(claim) => {
                let verdict =
                    answered(&core.plan, attempt, claim, attempt.number, event.sent, event.at, fact);
                block.provisional(attempt, &verdict);
            }
        }
    }

    pub(crate) fn silence(&mut self, attempt: &Attempt) {
        if let Some(block) = self.block.as_mut() {
            block.in_flight -= 1;
            block.silent(attempt);
        }
    }

    pub(crate) fn local(&mut self, core: &Core, attempt: &Attempt, fault: LocalFault, event: &Completion) {
        let Some(block) = self.block.as_mut() else { return };
        block.in_flight -= 1;
        let again = (fault.is_shortage() || attempt.canary)
            && block.ask_again(attempt, event.at + Duration::from_millis(50), PATIENCE_WITH_US);
        if again {
            return;
        }
        let (claim, fact) = (technique::local(fault), Fact::Local(fault));
        if attempt.canary {
            // Our own fault must not read as the host's end.
            block.hosts[attempt.host as usize].blind = Some((claim, fact, event.at));
            return;
        }
        let verdict = answered(&core.plan, attempt, claim, attempt.number, event.sent, event.at, fact);
        block.provisional(attempt, &verdict);
    }

    /// Our own ring lost something: some of what is silent was answered.
    pub(crate) fn overrun(&mut self) {
        self.loss.spell();
    }

    pub(crate) fn self_connected(&mut self, core: &mut Core, attempt: &Attempt, now: Instant) {
        let Some(block) = self.block.as_mut() else { return };
        block.in_flight -= 1;
        if !block.ask_again(attempt, now, PATIENCE_WITH_US) && !attempt.canary {
            let claim = tcp::self_connected();
            let (tries, fact) = (attempt.number, Fact::SelfConnected);
            let verdict = answered(&core.plan, attempt, claim, tries, attempt.asked, now, fact);
            block.settled(core, attempt, verdict);
        }
    }

    /// When a rest of the block ends.
    pub(crate) fn wake_at(&self, now: Instant) -> Option<Instant> {
        self.block.as_ref().filter(|block| block.in_flight == 0 || block.has_again())?.rests_until(now)
    }

    /// Whether no block is open.
    pub(crate) fn is_idle(&self) -> bool {
        self.block.is_none()
    }

    /// How far the line has come. While the first block runs, its later rounds are still to come: the estimate is too
    /// short.
    pub(crate) fn course(&self, core: &Core, now: Instant) -> Course {
        let waiting = core.arrivals.waiting();
        let Some(block) = &self.block else { return Course { heard: waiting, ..Course::default() } };
        let began = self.began.unwrap_or(block.opened);
        let hosts = block.hosts.len() as u64;
        let done = (self.visited - hosts) as f64 + hosts as f64 * block.share_asked();
        let time =
            at_this_pace(done, (self.visited + core.arrivals.to_come()) as f64 - done, now.since(began));
        let at_least = self.visited == hosts;
        let heard = block.hosts.iter().filter(|host| host.is_there()).count() as u64 + waiting;
        let rest = patience_of_later_rounds(core);
        let left = time.map(|time| TimeLeft { time: time + rest, at_least });
        Course { heard, left, ..Course::default() }
    }

    /// The scan is stopped: what is known is told, the rest is not asked.
    pub(crate) fn give_up(&mut self, core: &mut Core, now: Instant) {
        self.close_block(core, now);
    }

    fn open_block(&mut self, core: &mut Core, now: Instant) -> Option<()> {
        if !core.arrivals.has(self.hosts_a_block) {
            return None;
        }
        let (plan, arrivals) = (&core.plan, &mut core.arrivals);
        let hosts: Vec<Arrival> =
            std::iter::from_fn(|| arrivals.next(plan)).take(self.hosts_a_block).collect();
        self.visits = hosts.iter().map(|host| host.visit.number).collect();
        let salt = *self.visits.first()?;
        self.began.get_or_insert(now);
        self.visited += hosts.len() as u64;
        self.block = Some(Box::new(Block::new(&core.plan, hosts, salt, now)));
        Some(())
    }

    fn close_block(&mut self, core: &mut Core, now: Instant) {
        let Some(block) = self.block.take() else { return };
        let (counted, seen) = (self.loss.counted(), self.loss.answers());
        let of_this = ((counted.0 - self.told.0.0, counted.1 - self.told.0.1), seen - self.told.1);
        self.told = (counted, seen);
        block.settle(core, &self.loss, of_this, now);
        // A block that is cut off is asked again as a whole: its bytes do not say what was believed in time.
        if !core.stopping {
            self.visits.drain(..).for_each(|number| core.arrivals.visits.finished(number));
        }
    }
}

fn patience(core: &Core, attempt: &Attempt) -> Duration {
    let least = if attempt.number == 1 && !attempt.canary { FIRST_PATIENCE } else { LATER_PATIENCE };
    core.rtt.timeout(attempt.number).max(least)
}

/// How long the last round of a block is waited for.
fn patience_of_later_rounds(core: &Core) -> Duration {
    core.rtt.timeout(2).max(LATER_PATIENCE)
}
