use std::time::Duration;

use portolan_model::{Endpoint, Evidence, Fact, HostReport, Instant, LocalFault, Reason, Verdict, Warning};

use super::answers::all_sent;
use super::{LINGER, UdpHost};
use crate::core::{Core, cut_off, judged, local_verdict};
use crate::per_host::ports::{Pending, is_every_port_open};
use crate::technique::{self, Vouch, udp};

/// So few silent ports are told one by one, also where the rest is folded.
const FEW_SILENT: usize = 10;

impl UdpHost {
    /// The host is finished: what is not settled is settled by what was seen, and everything folded is told.
    pub(in crate::per_host) fn settle(&mut self, core: &mut Core, now: Instant) -> HostReport {
        let listed = self.is_listed();
        self.end_exchanges(core, None);
        let unsettled = self.ports.unsettled();
        let few = listed && unsettled.len() <= FEW_SILENT;
        for port in unsettled {
            let pending = self.ports.pending.remove(&port);
            if let Some(pending) = pending.as_ref().filter(|_| core.stopping) {
                self.ports.ends_early(port, pending, self.may_yet_answer(core, port, pending, now));
            }
            match self.last_word(core, self.ports.endpoint(port), pending, now) {
                // Among many refusals a port or two without any are what one wants to see.
                Some(verdict) if few && verdict.reason() == Reason::NoResponse => {
                    self.ports.close_singly(core, port, verdict);
                }
                verdict => self.ports.close(core, port, verdict, listed),
            }
        }
        if listed {
            self.ports.tell_untold(core);
        }
        let counts = self.ports.tell_groups(core, listed);
        if is_every_port_open(counts.open, self.ports.len()) {
            core.warn(Warning::EveryPortOpen { target: self.ports.address, count: counts.open });
        }
        if listed && self.timed_out && !core.stopping {
            core.warn(Warning::HostTimeout { target: self.ports.address, count: counts.unknown });
        }
        let (state, reason) = self.reach.state(self.heard, &self.ports);
        HostReport {
            target: self.ports.address,
            state,
            reason,
            evidence: Vec::new(),
            mac: None,
            rtt: self.rtt.smoothed(),
            // What is missing may as well have been withheld by an ICMP limit: no share of loss can be told.
            loss: 0.0,
            counts,
        }
    }

    /// Whether this port might yet have told something, had the scan gone on.
    fn may_yet_answer(&self, core: &Core, port: u32, pending: &Pending, now: Instant) -> bool {
        let port = self.ports.order.port(port);
        let patience = (1..=pending.number).map(|number| core.udp.probe(port, number).patience_ms).max();
        let late = Duration::from_millis(patience.unwrap_or_default().into());
        pending.provisional.is_some() || now.since(pending.last) < LINGER.max(late)
    }

    /// The verdict on a port that no answer settled; `None` if it is only counted.
    fn last_word(
        &self,
        core: &Core,
        endpoint: Endpoint,
        pending: Option<Pending>,
        now: Instant,
    ) -> Option<Verdict> {
        if let Some((claim, fact, at)) = self.reach.lost().filter(|_| !self.heard) {
            let told = self.is_listed() || claim.reason.is_local();
            return told.then(|| local_verdict(&core.plan, endpoint, claim.clone(), *fact, *at));
        }
        let Some(pending) = pending else {
            return self.is_listed().then(|| cut_off(core, self.timed_out, endpoint, now));
        };
        if let Some(provisional) = pending.provisional {
            let told = self.is_listed() || provisional.reason().is_local();
            return told.then_some(*provisional);
        }
        if !self.is_listed() {
            return None;
        }
        let short = core.guards.retry && pending.tries < self.needed(core, endpoint.port);
        if pending.tries == 0 || ((core.stopping || self.timed_out) && short) {
            return Some(cut_off(core, self.timed_out, endpoint, now));
        }
        // Asked anew as often as may be, and what may have answered it was lost by ourselves once more.
        if let Some(deaf) = self.deaf.filter(|deaf| pending.last <= *deaf) {
            let fault = LocalFault::NoBuffers;
            return Some(local_verdict(
                &core.plan,
                endpoint,
                technique::local(fault),
                Fact::Local(fault),
                deaf,
            ));
        }
        Some(self.silent(core, endpoint, &pending))
    }

    fn silent(&self, core: &Core, endpoint: Endpoint, pending: &Pending) -> Verdict {
        let vouch = match self.emitter.vouch(pending.last) {
            Vouch::Never if self.heard => Vouch::Before,
            Vouch::Never if self.elsewhere => Vouch::Elsewhere,
            vouch => vouch,
        };
        let until = pending.last + pending.waited;
        let over = until.since(pending.sent.first().copied().unwrap_or(pending.first));
        let silence = Fact::Silence { attempts: pending.tries, over };
        let mut evidence = match all_sent(core, endpoint, pending) {
            Some(evidence) => evidence.and(until, silence),
            None => Evidence::new(until, silence),
        };
        if let Some((port, at)) = self.emitter.witness().filter(|_| vouch == Vouch::Later) {
            evidence = evidence.and(at, Fact::Witness { port });
        }
        judged(&core.plan, endpoint, udp::silence(vouch), pending.tries, evidence)
    }
}
