use std::collections::BTreeMap;

use portolan_model::{
    Counts, Endpoint, Evidence, Fact, HostReport, HostState, Instant, PortState, Reason, Warning,
};

use super::block::{Block, PROVISIONAL, SweptHost};
use crate::core::{Core, interrupted, judged, local_verdict, unanswered};
use crate::loss::Loss;
use crate::outcomes::{Alike, Outcomes};
use crate::technique::{self, Vouch, tcp};

impl Block {
    /// The block is over: silences are judged, hosts alike are told together.
    pub(super) fn settle(
        mut self,
        core: &mut Core,
        loss: &Loss,
        (counted, seen): ((u32, u32), u32),
        now: Instant,
    ) {
        let mut by_address: Vec<usize> = (0..self.hosts.len()).collect();
        by_address.sort_unstable_by_key(|at| self.hosts[*at].address);
        let mut outcomes = std::mem::take(&mut self.outcomes);
        let mut alike = Alike::default();
        let mut reports = Vec::new();
        // Also those of hosts that nobody heard: their only answers may have been lost.
        let silent = self.codes.iter().enumerate();
        let silent = silent.filter(|(place, code)| **code == 0 && self.endpoint(*place).is_some()).count();
        for at in by_address {
            self.judge_host(core, &mut outcomes, at, loss, now);
            let report = self.fold_host(core, &outcomes, &mut alike, at);
            reports.extend(report);
        }
        core.tally.unasked += u128::from(self.not_yet_asked());
        self.warn_of_faults(core, &outcomes);
        core.tally.completeness.add(self.rounds_of_all, counted, seen, silent);
        for group in alike.groups(&outcomes) {
            core.tell_group(group);
        }
        for report in reports {
            core.tell_host(report, true);
        }
    }

    fn warn_of_faults(&self, core: &mut Core, outcomes: &Outcomes) {
        for code in 1..PROVISIONAL {
            let Some(fault) = outcomes.local_fault(code) else { continue };
            let count = self.codes.iter().filter(|other| **other == code).count() as u64;
            if count > 0 {
                core.warn(Warning::Local { fault, count });
            }
        }
    }

    /// Gives every endpoint of a host its last word.
    fn judge_host(&mut self, core: &mut Core, outcomes: &mut Outcomes, at: usize, loss: &Loss, now: Instant) {
        let host = self.hosts[at].clone();
        for place in at * self.width..(at + 1) * self.width {
            let Some(endpoint) = self.endpoint(place) else { continue };
            let code = self.codes[place];
            if code & PROVISIONAL != 0 {
                self.codes[place] = self.believe(core, outcomes, &host, (endpoint, place), now);
            } else if code == 0 {
                self.codes[place] = self.last_word(core, outcomes, &host, endpoint, (loss, now));
            }
        }
    }

    /// An answer that came once, or twice alike, and nothing better.
    fn believe(
        &self,
        core: &mut Core,
        outcomes: &mut Outcomes,
        host: &SweptHost,
        (endpoint, place): (Endpoint, usize),
        now: Instant,
    ) -> u8 {
        let code = self.codes[place] & !PROVISIONAL;
        let Some(claim) = outcomes.claim(code).cloned() else { return 0 };
        // Nobody there: counted, not listed, unless the user named the host.
        let absent = matches!(
            claim.reason,
            Reason::NoNeighbour
                | Reason::HostUnreach
                | Reason::NetUnreach
                | Reason::NoRoute
                | Reason::AddrUnreach
        );
        if absent && !host.named && !host.is_there() {
            core.tally.unlisted += 1;
            return code | PROVISIONAL;
        }
        // A place is below 2^16, and whatever is not believed yet was noted.
        let told = u32::try_from(place).ok().and_then(|place| self.told.get(&place).copied());
        let (fact, at) = told.unwrap_or((Fact::Stopped, now));
        let verdict = judged(&core.plan, endpoint, claim, self.rounds, Evidence::new(at, fact));
        core.tally.settled(&verdict, 1);
        if !core.plan.fold {
            core.tell_verdict(verdict.clone());
        }
        outcomes.code(&verdict)
    }

    fn last_word(
        &self,
        core: &mut Core,
        outcomes: &mut Outcomes,
        host: &SweptHost,
        endpoint: Endpoint,
        (loss, now): (&Loss, Instant),
    ) -> u8 {
        if !host.is_there() && !host.named {
            core.tally.unlisted += 1;
            return 0;
        }
        let vouch = match (host.heard, host.vouched) {
            (false, _) if host.found.is_some() => Vouch::Elsewhere,
            (false, _) => Vouch::Never,
            (true, Some(_)) => Vouch::Later,
            (true, None) => Vouch::Before,
        };
        let blind = host.blind.as_ref().filter(|_| vouch == Vouch::Before);
        let verdict = if let Some((claim, fact, at)) = blind {
            local_verdict(&core.plan, endpoint, claim.clone(), *fact, *at)
        } else if core.stopping && vouch != Vouch::Later {
            interrupted(&core.plan, endpoint, now)
        } else {
            // A host never heard got no more than two rounds.
            let tries = if host.is_there() { self.rounds } else { self.rounds.min(2) };
            let short = core.guards.retry && host.heard && loss.seen() && tries < loss.tries();
            let claim = if short && tries >= core.plan.most_tries() && vouch == Vouch::Later {
                technique::retries_capped()
            } else {
                tcp::silence(vouch, tries, loss.share())
            };
            let witness = host
                .vouched
                .zip(host.witness)
                .and_then(|(when, place)| Some((self.endpoint(place as usize)?.port, when)));
            unanswered(&core.plan, endpoint, claim, (tries, self.opened, self.last_round_end), witness)
        };
        let code = outcomes.code(&verdict);
        core.tally.settled(&verdict, 1);
        if !core.plan.fold {
            core.tell_verdict(verdict);
        }
        code
    }

    /// Adds a host's folded ports to those alike, and makes its report if it is listed.
    fn fold_host(
        &self,
        core: &mut Core,
        outcomes: &Outcomes,
        alike: &mut Alike,
        at: usize,
    ) -> Option<HostReport> {
        let host = &self.hosts[at];
        let (mut by_code, mut counts) = (BTreeMap::<u8, Vec<u16>>::new(), Counts::default());
        let mut absent = false;
        for place in at * self.width..(at + 1) * self.width {
            let Some(endpoint) = self.endpoint(place) else { continue };
            let code = self.codes[place];
            absent |= code & PROVISIONAL != 0;
            let Some(claim) = outcomes.claim(code) else { continue };
            counts.add(claim.state, 1);
            if claim.state != PortState::Open {
                by_code.entry(code).or_default().push(endpoint.port);
            }
        }
        if core.plan.fold {
            for (code, ports) in by_code {
                alike.add(outcomes, code, host.address, ports);
            }
        }
        let state = match (host.heard, absent) {
            (true, _) => HostState::Up,
            (false, true) => HostState::Down,
            (false, false) => HostState::Unknown,
        };
        let mut report = HostReport {
            target: host.address,
            state,
            reason: None,
            evidence: Vec::new(),
            mac: None,
            rtt: host.rtt,
            loss: 0.0,
            counts,
        };
        if let Some(found) = &host.found {
            found.complete(&mut report);
        }
        if host.is_there() || host.named {
            return Some(report);
        }
        core.tell_host(report, false);
        None
    }
}
