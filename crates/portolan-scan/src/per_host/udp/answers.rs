use std::time::Duration;

use portolan_model::sockets::{Datagram, DatagramError, Outcome};
use portolan_model::{
    Claim, Endpoint, Evidence, Fact, Icmp, Instant, Likeness, LocalFault, PortState, Service, Verdict,
};

use super::UdpHost;
use crate::core::{Core, judged};
use crate::flight::Patience;
use crate::per_host::ports::Pending;
use crate::technique::udp::Recognised;
use crate::technique::{self, Judgement};

impl UdpHost {
    /// A datagram came from this host. False if it answers nothing that was asked.
    pub(in crate::per_host) fn datagram(&mut self, core: &mut Core, host: u32, datagram: &Datagram) -> bool {
        // A port of ours that only one exchange uses is that exchange's name: whoever answers it answers that.
        let asked = match self.exchanges.iter().find(|exchange| exchange.local == datagram.local) {
            Some(exchange) => Some(exchange.port),
            None => self.ports.order.index(datagram.from.port),
        };
        let Some(port) = asked else { return false };
        let elsewhere = self.ports.order.port(port) != datagram.from.port;
        let Some(found) = self.recognise(core, port, datagram) else { return false };
        let Some(claim) = core.udp.judge(found.likeness, elsewhere) else { return false };
        self.answered(core, host, (port, found, claim), datagram);
        true
    }

    /// An ICMP error came about a datagram to this host. False if it quotes nothing that was asked.
    pub(in crate::per_host) fn error(&mut self, core: &mut Core, host: u32, error: &DatagramError) -> bool {
        let Some(port) = self.ports.order.index(error.to.port) else { return false };
        let asked = self.asked(port);
        let Some(quoted) = core.udp.recognise_quote(error.to, asked, &error.quoted) else { return false };
        let sent = self.sent_at(port, quoted.number);
        match error.outcome {
            Outcome::Icmp(icmp) => {
                // What a box on the way refuses tells nothing of the host, nor of the errors that it still sends.
                if icmp.from == Some(self.ports.address) {
                    self.hear(core, host, sent.map(|sent| error.at.since(sent)), true);
                    self.emitter.granted(error.to.port, sent.unwrap_or(Instant::ZERO), error.at);
                }
                if !self.ports.is_settled(port) && asked > 0 {
                    self.refused(core, (port, quoted.number, quoted.with_id), &icmp, error.at);
                }
            }
            Outcome::Local(fault) => self.unreached(core, port, fault, error.at),
            Outcome::Connected { .. }
            | Outcome::Refused
            | Outcome::SynAck(_)
            | Outcome::Reset(_)
            | Outcome::Pong(_)
            | Outcome::OffLink
            | Outcome::TimedOut => return false,
        }
        true
    }

    /// What a datagram is as an answer of `port`; `None` if that was never asked.
    fn recognise(&self, core: &Core, port: u32, datagram: &Datagram) -> Option<Recognised> {
        let asked = self.asked(port);
        let endpoint = self.ports.endpoint(port);
        (asked > 0).then(|| core.udp.recognise(endpoint, asked, &datagram.bytes))
    }

    fn answered(
        &mut self,
        core: &mut Core,
        host: u32,
        (port, found, claim): (u32, Recognised, Claim),
        datagram: &Datagram,
    ) {
        // Karn's rule: an answer that does not say which of several attempts it answers measures none of them.
        let number = found.number.or_else(|| Some(1).filter(|_| self.asked(port) == 1));
        let rtt = self.sent_at(port, number).map(|sent| datagram.at.since(sent));
        self.hear(core, host, rtt, false);
        // What came first gives way only to an answer that nobody else can have made.
        let (settled, echoes) = (self.ports.is_settled(port), found.likeness == Likeness::Echoes);
        let doubtful = !self.ports.is_open(port) || self.doubtful.contains(&port);
        if settled && !(doubtful && echoes) {
            return;
        }
        if echoes {
            self.doubtful.remove(&port);
        } else {
            self.doubtful.insert(port);
        }
        let fact = Fact::Datagram {
            from: datagram.from,
            bytes: u16::try_from(datagram.bytes.len()).unwrap_or(u16::MAX),
            likeness: found.likeness,
            ttl: datagram.ttl,
        };
        let mut verdict = self.verdict(core, (port, number), claim, (datagram.at, fact));
        let spoken = found.probe.filter(|_| found.likeness != Likeness::Strange);
        verdict.service = spoken.map(|probe| Box::new(Service::named(probe.service, probe.name)));
        verdict.answer = Some(datagram.bytes.clone());
        if settled {
            return self.ports.reopened(core, port, verdict);
        }
        self.conclude(core, (port, found.number), verdict, true);
    }

    fn refused(
        &mut self,
        core: &mut Core,
        (port, number, with_id): (u32, Option<u8>, bool),
        icmp: &Icmp,
        at: Instant,
    ) {
        let (claim, firm) = match core.udp.judge_error(self.ports.address, icmp, with_id) {
            Judgement::Settled(claim) => (claim, true),
            Judgement::Provisional(claim) => (claim, false),
            Judgement::Silence => return,
        };
        let only = number.or_else(|| Some(1).filter(|_| self.asked(port) == 1));
        let verdict = self.verdict(core, (port, only), claim, (at, Fact::Icmp(*icmp)));
        self.conclude(core, (port, number), verdict, firm);
    }

    /// The verdict is to be believed, at once or when it comes again. `number` is the attempt that was answered, where
    /// the answer says so.
    fn conclude(&mut self, core: &mut Core, (port, number): (u32, Option<u8>), verdict: Verdict, firm: bool) {
        let copied = |pending: &Pending| number.is_some() && pending.provisional_of == number;
        if !firm && self.ports.pending.get(&port).is_some_and(copied) {
            return;
        }
        let waiting = self.ports.pending.get_mut(&port).and_then(|pending| pending.probe.take());
        let attempt = waiting.and_then(|probe| core.flight.claim(probe));
        if attempt.is_some() {
            self.ports.in_flight -= 1;
        }
        self.end_exchanges(core, Some(port));
        if firm {
            let first =
                self.is_first(core, port, number, verdict.state()) && !self.ports.was_asked_in_vain(port);
            core.count_datagram(&mut self.loss, first);
            return self.settled(core, port, verdict);
        }
        // What is unreachable for a moment is asked again when the moment may be over. Where no attempt waits, this is
        // late news of one that counted already.
        let Some(attempt) = attempt else { return };
        self.ports.pending(&attempt).provisional_of = number;
        let at = verdict.evidence().iter().last().map_or(attempt.asked, |seen| seen.at);
        if let Some(verdict) = self.ports.provisional(&attempt, verdict, at + core.gap(4)) {
            self.settled(core, port, verdict);
        }
    }

    /// The kernel says after a while that it found nobody to hand the datagram to, or that a rule of its own refused.
    fn unreached(&mut self, core: &mut Core, port: u32, fault: LocalFault, at: Instant) {
        let waiting = self.ports.pending.get_mut(&port).and_then(|pending| pending.probe.take());
        let Some(attempt) = waiting.and_then(|probe| core.flight.claim(probe)) else {
            if !self.heard {
                self.reach.fault(&technique::local(fault), fault, at);
            }
            return;
        };
        self.ports.in_flight -= 1;
        core.not_sent(&attempt);
        self.local(core, &attempt, fault, at);
    }

    /// Whether nothing was lost before this answer. Of an open port only the questions in its own protocol count, and
    /// which that is, the answer has shown: a first round of questions loses nothing by being silent.
    fn is_first(&self, core: &Core, port: u32, number: Option<u8>, state: PortState) -> bool {
        let number = number.unwrap_or_else(|| self.ports.tries(port));
        let questions = core.udp.questions(self.ports.order.port(port));
        number <= if state == PortState::Open { questions } else { 1 }
    }

    /// The host itself answered, after that round trip where it is known which attempt: that of an ICMP error (`prompt`)
    /// is the path's alone, while a service may have taken its time.
    fn hear(&mut self, core: &mut Core, host: u32, rtt: Option<Duration>, prompt: bool) {
        let first = self.rtt.smoothed().is_none();
        self.heard = true;
        let slow = |rtt: &Duration| self.rtt.smoothed().is_some_and(|usual| *rtt > usual * 2);
        let Some(rtt) = rtt.filter(|rtt| prompt || !slow(rtt)) else { return };
        self.rtt.sample(rtt);
        core.sample(rtt);
        if first {
            self.hasten(core, host);
        }
    }

    /// The first round trip is known: what was asked before need not be waited for as long as then thought.
    fn hasten(&self, core: &mut Core, host: u32) {
        core.flight.hasten(|attempt| (attempt.host == host).then(|| Patience::until(self.patience(attempt))));
    }

    /// How many attempts were made at a port; of one that is settled nobody knows any more, so as many as are usual at
    /// most.
    fn asked(&self, port: u32) -> u8 {
        match self.ports.pending.get(&port) {
            Some(pending) => pending.number,
            None if self.ports.is_settled(port) => MOST_ATTEMPTS,
            None => 0,
        }
    }

    /// When an attempt left, where that is still known.
    fn sent_at(&self, port: u32, number: Option<u8>) -> Option<Instant> {
        let place = usize::from(number?).checked_sub(1)?;
        self.ports.pending.get(&port)?.sent.get(place).copied()
    }

    fn verdict(
        &self,
        core: &Core,
        (port, number): (u32, Option<u8>),
        claim: Claim,
        (at, fact): (Instant, Fact),
    ) -> Verdict {
        let endpoint = self.ports.endpoint(port);
        let pending = self.ports.pending.get(&port);
        let evidence = pending.and_then(|pending| all_sent(core, endpoint, pending));
        let evidence = match evidence {
            Some(evidence) => evidence.and(at, fact),
            None => Evidence::new(at, fact),
        };
        let verdict = judged(&core.plan, endpoint, claim, self.ports.tries(port), evidence);
        match self.sent_at(port, number) {
            Some(sent) => verdict.with_rtt(at.since(sent)),
            None => verdict,
        }
    }
}

/// Hardly any port is asked more often.
const MOST_ATTEMPTS: u8 = 12;

/// Everything that left for a port; `None` if nothing did.
pub(super) fn all_sent(core: &Core, endpoint: Endpoint, pending: &Pending) -> Option<Evidence> {
    let mut facts = pending.sent.iter().zip(1..=u8::MAX).map(|(at, number)| {
        let bytes = u16::try_from(core.udp.payload(endpoint, number).len()).unwrap_or(u16::MAX);
        (*at, Fact::Sent { attempt: number, probe: core.udp.probe(endpoint.port, number).name, bytes })
    });
    let (at, fact) = facts.next()?;
    Some(facts.fold(Evidence::new(at, fact), |evidence, (at, fact)| evidence.and(at, fact)))
}
