use portolan_model::{Claim, Counts, Endpoint, Evidence, HostReport, Instant, Verdict, Warning};

use super::{Open, TcpHost};
use crate::core::{Core, cut_off, judged, local_verdict, unanswered};
use crate::per_host::ports::{Pending, is_every_port_open};
use crate::technique::{self, Vouch, tcp};

/// Loss above this is told.
const LOSS_TOLD: f64 = 0.02;

impl TcpHost {
    /// The host is finished: what is not settled is settled by what was seen, and everything folded is told.
    pub(in crate::per_host) fn settle(&mut self, core: &mut Core, now: Instant) -> HostReport {
        let listed = self.is_listed();
        let asked = self.ports.silent_so_often();
        for port in self.ports.unsettled() {
            let pending = self.ports.pending.remove(&port);
            if let Some(pending) = pending.as_ref().filter(|_| core.stopping) {
                self.ports.ends_early(port, pending, pending.provisional.is_some());
            }
            let verdict = self.last_word(core, self.ports.endpoint(port), pending, now);
            self.ports.close(core, port, verdict, listed);
        }
        if listed {
            self.ports.tell_untold(core);
        }
        let tries = asked.unwrap_or_else(|| self.tries(core).min(core.plan.most_tries()));
        let (counted, seen) = (self.loss.counted(), self.loss.answers());
        core.tally.completeness.add(tries, counted, seen, self.ports.silent());
        self.tell_doubts(core);
        let counts = self.ports.tell_groups(core, listed);
        if listed {
            self.tell_warnings(core, counts);
        }
        self.report(counts)
    }

    /// The verdict on a port that no answer settled; `None` if it is only counted.
    fn last_word(
        &self,
        core: &Core,
        endpoint: Endpoint,
        pending: Option<Pending>,
        now: Instant,
    ) -> Option<Verdict> {
        if let Some((claim, fact, at)) = self.reach.lost().filter(|_| self.is_unreached()) {
            let told = self.is_listed() || claim.reason.is_local();
            return told.then(|| local_verdict(&core.plan, endpoint, claim.clone(), *fact, *at));
        }
        let blind = self.blind.as_ref().filter(|_| self.canary.is_blind());
        if let Some((claim, fact, at)) = blind
            && pending.as_ref().is_none_or(|pending| self.vouch(pending) != Vouch::Later)
        {
            return Some(local_verdict(&core.plan, endpoint, claim.clone(), *fact, *at));
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
        Some(self.silent(core, endpoint, &pending, now))
    }

    fn silent(&self, core: &Core, endpoint: Endpoint, pending: &Pending, now: Instant) -> Verdict {
        // Fewer attempts than the loss asks for prove nothing, whoever answered later.
        // What the user does not want asked again stays unproved; what was asked so very often is silent all the same.
        let spent = pending.spent && core.plan.caps_retries();
        let often = pending.spent && !spent;
        let short = core.guards.retry && !often && pending.tries < self.needed(core, pending);
        // What is not expected to be lost need not be asked again to be heard.
        let capped = self.loss.seen() && pending.tries >= core.plan.most_tries();
        let vouch = match self.vouch(pending) {
            Vouch::Later if short && !spent && pending.tries < core.plan.most_tries() => Vouch::Before,
            vouch => vouch,
        };
        if (core.stopping || self.timed_out) && (short || vouch != Vouch::Later) {
            return cut_off(core, self.timed_out, endpoint, now);
        }
        let unproved = spent || (short && capped) || (core.guards.retry && self.loss.is_hopeless());
        let claim = if unproved && vouch == Vouch::Later {
            technique::retries_capped()
        } else {
            tcp::silence(vouch, pending.tries, self.loss.share())
        };
        let witness = match vouch {
            Vouch::Later => self.canary.witness().map(|(port, at)| (self.ports.order.port(port), at)),
            Vouch::Before | Vouch::Elsewhere | Vouch::Never => None,
        };
        let asked = (pending.tries, pending.first, pending.until);
        unanswered(&core.plan, endpoint, claim, asked, witness)
    }

    fn vouch(&self, pending: &Pending) -> Vouch {
        match self.canary.last_heard() {
            None if self.elsewhere => Vouch::Elsewhere,
            None => Vouch::Never,
            Some(heard) if pending.last < heard => Vouch::Later,
            Some(_) => Vouch::Before,
        }
    }

    /// A port that the end left open: the scan was stopped, or the host was lost.
    fn unasked(&self, core: &Core, endpoint: Endpoint, now: Instant) -> Verdict {
        if core.stopping || self.timed_out || !self.canary.is_lost() {
            return cut_off(core, self.timed_out, endpoint, now);
        }
        let claim = tcp::silence(Vouch::Before, 0, 0.0);
        unanswered(&core.plan, endpoint, claim, (0, now, now), None)
    }

    /// Every port open: each is told again, with less confidence.
    fn tell_doubts(&self, core: &mut Core) {
        if !is_every_port_open(self.opens.len() as u64, self.ports.len()) {
            return;
        }
        let code = self.ports.codes[self.opens[0].port as usize];
        let Some(claim) = self.ports.outcomes.claim(code).cloned().map(tcp::doubted) else { return };
        for open in &self.opens {
            let update = self.open_again(core, open, claim.clone());
            core.tell_update(update);
        }
        let target = self.ports.address;
        core.warn(Warning::EveryPortOpen { target, count: self.opens.len() as u64 });
    }

    fn open_again(&self, core: &Core, open: &Open, claim: Claim) -> Verdict {
        let evidence = Evidence::new(open.at, open.fact);
        judged(&core.plan, self.ports.endpoint(open.port), claim, open.tries, evidence).with_rtt(open.rtt)
    }

    fn report(&self, counts: Counts) -> HostReport {
        let (state, reason) = self.reach.state(self.is_heard(), &self.ports);
        #[expect(clippy::cast_possible_truncation, reason = "a share needs no more than f32")]
        let loss = if self.loss.seen() { self.loss.share() as f32 } else { 0.0 };
        HostReport {
            target: self.ports.address,
            state,
            reason,
            evidence: Vec::new(),
            mac: None,
            rtt: self.rtt.smoothed(),
            loss,
            counts,
        }
    }

    fn tell_warnings(&self, core: &mut Core, counts: Counts) {
        let target = self.ports.address;
        if self.loss.seen() && self.loss.share() > LOSS_TOLD {
            #[expect(clippy::cast_possible_truncation, reason = "a share needs no more than f32")]
            core.warn(Warning::Loss { target, share: self.loss.share() as f32 });
        }
        if self.timed_out {
            core.warn(Warning::HostTimeout { target, count: counts.unknown });
        } else if self.canary.is_lost() && !core.stopping {
            core.warn(Warning::HostWentDown { target, count: counts.unknown });
        }
    }
}
