use portolan_model::{
    Claim, Counts, Endpoint, Evidence, Fact, HostReport, HostState, Instant, Method, PortSet, PortState,
    Reason, Transport, Verdict, Warning,
};

use super::host::{Host, Open, Pending};
use crate::core::{Core, unanswered};
use crate::technique::tcp_connect::{self, Vouch};

/// So many open ports, and no other, are more likely one box than so many services.
const ALL_OPEN: usize = 50;
/// Loss above this is told.
const LOSS_TOLD: f64 = 0.02;

impl Host {
    /// The host is finished: what is not settled is settled by what was seen, and everything folded is told.
    pub(crate) fn settle(&mut self, core: &mut Core, now: Instant) {
        let listed = self.is_listed();
        let mut unlisted: u64 = 0;
        for (port, index) in self.order.sorted() {
            if self.codes[index as usize] != 0 {
                continue;
            }
            let endpoint = Endpoint { address: self.address, transport: Transport::Tcp, port };
            let pending = self.pending.remove(&index);
            match self.last_word(core, endpoint, pending, now) {
                Some(verdict) => {
                    core.tally.unasked += u128::from(verdict.reason() == Reason::Interrupted);
                    self.settled(core, index, verdict);
                }
                None => unlisted += 1,
            }
        }
        core.tally.unlisted += u128::from(unlisted);
        if core.stopping && !listed {
            core.tally.unasked += u128::from(unlisted);
        }
        if listed {
            self.untold.drain(..).for_each(|verdict| core.tell_verdict(verdict));
        }
        core.tally.missed += self.missed_by_loss(core);
        self.tell_doubts(core);
        let counts = self.tell_groups(core, listed);
        self.tell_host(core, counts, listed);
    }

    /// The verdict on a port that no answer settled; `None` if it is only counted.
    fn last_word(
        &self,
        core: &Core,
        endpoint: Endpoint,
        pending: Option<Pending>,
        now: Instant,
    ) -> Option<Verdict> {
        if let Some((claim, fact, at)) = self.unreached.as_ref().filter(|_| self.is_unreached()) {
            let told = self.named || claim.reason.is_local();
            return told.then(|| local_verdict(endpoint, claim.clone(), *fact, *at));
        }
        let blind = self.blind.as_ref().filter(|_| self.canary.is_blind());
        if let Some((claim, fact, at)) = blind
            && pending.as_ref().is_none_or(|pending| self.vouch(pending) != Vouch::Later)
        {
            return Some(local_verdict(endpoint, claim.clone(), *fact, *at));
        }
        let Some(pending) = pending else {
            return self.is_listed().then(|| self.unasked(core, endpoint, now));
        };
        if let Some(provisional) = pending.provisional {
            let told = self.is_listed() || provisional.reason().is_local();
            return told.then_some(*provisional);
        }
        if !self.is_listed() {
            return None;
        }
        if pending.tries == 0 {
            return Some(self.unasked(core, endpoint, now));
        }
        // Fewer attempts than the loss asks for prove nothing, whoever answered later.
        let short = core.guards.retry && pending.tries < self.needed(core);
        let vouch = match self.vouch(&pending) {
            Vouch::Later if short => Vouch::Before,
            vouch => vouch,
        };
        if core.stopping && (short || vouch != Vouch::Later) {
            return Some(stopped(endpoint, now));
        }
        let claim = tcp_connect::silence(vouch, pending.tries, self.loss.share());
        let witness = match vouch {
            Vouch::Later => self.canary.witness().map(|(port, at)| (self.port(port), at)),
            Vouch::Before | Vouch::Never => None,
        };
        Some(unanswered(
            endpoint,
            claim,
            (pending.tries, pending.first, pending.last + pending.waited),
            witness,
        ))
    }

    fn vouch(&self, pending: &Pending) -> Vouch {
        match self.canary.last_heard() {
            None => Vouch::Never,
            Some(heard) if pending.last < heard => Vouch::Later,
            Some(_) => Vouch::Before,
        }
    }

    /// A port that the end left open: the scan was stopped, or the host was lost.
    fn unasked(&self, core: &Core, endpoint: Endpoint, now: Instant) -> Verdict {
        if core.stopping || !self.canary.is_lost() {
            return stopped(endpoint, now);
        }
        let claim = tcp_connect::silence(Vouch::Before, 0, 0.0);
        unanswered(endpoint, claim, (0, now, now), None)
    }

    fn missed_by_loss(&self, core: &Core) -> f64 {
        let silent = self.codes.iter().filter(|code| {
            self.outcomes.claim(**code).is_some_and(|claim| claim.reason == Reason::NoResponse)
        });
        self.loss.expected_missed(self.needed(core)).min(silent.count() as f64)
    }

    /// Every port open: each is told again, with less confidence.
    fn tell_doubts(&self, core: &mut Core) {
        if self.opens.len() < ALL_OPEN || self.opens.len() * 20 < self.codes.len() * 19 {
            return;
        }
        let code = self.codes[self.opens[0].port as usize];
        let Some(claim) = self.outcomes.claim(code).cloned().map(tcp_connect::doubted) else { return };
        for open in &self.opens {
            core.tell_update(self.open_again(open, claim.clone()));
        }
        core.warn(Warning::EveryPortOpen { target: self.address, count: self.opens.len() as u64 });
    }

    fn open_again(&self, open: &Open, claim: Claim) -> Verdict {
        let endpoint =
            Endpoint { address: self.address, transport: Transport::Tcp, port: self.port(open.port) };
        let evidence = Evidence::new(open.at, Fact::Connected { local: open.local });
        Verdict::new(endpoint, claim, Method::Connect, open.tries, evidence).with_rtt(open.rtt)
    }

    fn tell_groups(&self, core: &mut Core, listed: bool) -> Counts {
        let mut by_code: Vec<Vec<u16>> = vec![Vec::new(); 256];
        for (port, index) in self.order.sorted() {
            by_code[usize::from(self.codes[index as usize])].push(port);
        }
        let mut counts = Counts::default();
        let target = portolan_model::AddressRange { first: self.address, last: self.address };
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
            if let Some(group) = self.outcomes.group(code, vec![target], ports) {
                core.tell_group(group);
            }
        }
        counts
    }

    fn tell_host(&self, core: &mut Core, counts: Counts, listed: bool) {
        let down = self.unreached_reason().filter(|reason| *reason == Reason::NoNeighbour);
        let up = self.canary.last_heard().is_some();
        let state = match (up, down) {
            (true, _) => HostState::Up,
            (false, Some(_)) => HostState::Down,
            (false, None) => HostState::Unknown,
        };
        #[expect(clippy::cast_possible_truncation, reason = "a share needs no more than f32")]
        let loss = if self.loss.seen() { self.loss.share() as f32 } else { 0.0 };
        let report = HostReport {
            target: self.address,
            state,
            reason: if up {
                self.first_reason()
            } else {
                self.unreached_reason().or_else(|| self.told_reason())
            },
            rtt: self.rtt.smoothed(),
            loss,
            counts,
        };
        if !listed {
            core.tally.host(&report);
            return;
        }
        self.tell_warnings(core, counts);
        core.tell_host(report);
    }

    fn tell_warnings(&self, core: &mut Core, counts: Counts) {
        if self.loss.seen() && self.loss.share() > LOSS_TOLD {
            #[expect(clippy::cast_possible_truncation, reason = "a share needs no more than f32")]
            core.warn(Warning::Loss { target: self.address, share: self.loss.share() as f32 });
        }
        if self.canary.is_lost() && !core.stopping {
            core.warn(Warning::HostWentDown { target: self.address, count: counts.unknown });
        }
    }

    fn unreached_reason(&self) -> Option<Reason> {
        self.unreached.as_ref().filter(|_| self.is_unreached()).map(|(claim, _, _)| claim.reason)
    }

    /// What somebody else told of a host that said nothing itself.
    fn told_reason(&self) -> Option<Reason> {
        self.first_reason().filter(|reason| !matches!(reason, Reason::NoResponse | Reason::Interrupted))
    }

    fn first_reason(&self) -> Option<Reason> {
        self.outcomes.claim(1).map(|claim| claim.reason)
    }
}

fn stopped(endpoint: Endpoint, now: Instant) -> Verdict {
    Verdict::new(endpoint, tcp_connect::interrupted(), Method::Connect, 0, Evidence::new(now, Fact::Stopped))
}

fn local_verdict(endpoint: Endpoint, claim: Claim, fact: Fact, at: Instant) -> Verdict {
    Verdict::new(endpoint, claim, Method::Connect, 0, Evidence::new(at, fact))
}
