use std::collections::BTreeMap;
use std::time::Duration;

use portolan_model::{
    Address, AddressRange, Claim, Fact, Group, LocalFault, PortSet, PortState, Reason, RttSummary, Transport,
    Verdict,
};

/// How many verdicts of a group keep their whole evidence.
const SAMPLES: usize = 3;
/// So many kinds are told apart by their sender; later ones share a kind without it. Reasons are few enough that a code
/// never reaches the high bit, which a sweep uses.
const MAX_CODES: usize = 40;

/// Verdicts alike, counted once: each distinct (state, reason, sender) has a small code, and a port keeps
/// that byte instead of a record.
#[derive(Clone, Default, Debug)]
pub(crate) struct Outcomes {
    kinds: Vec<Kind>,
}

#[derive(Clone, Debug)]
struct Kind {
    claim: Claim,
    rtt: Option<Rtts>,
    samples: Vec<Verdict>,
}

#[derive(Copy, Clone, Debug)]
struct Rtts {
    min: Duration,
    sum: Duration,
    max: Duration,
    count: u32,
}

impl Outcomes {
    /// The code (from 1) of this claim's kind, of which no verdict is counted yet.
    pub(crate) fn kind(&mut self, claim: &Claim) -> u8 {
        u8::try_from(self.place(claim) + 1).unwrap_or(u8::MAX)
    }

    /// The code (from 1) of this verdict's kind; the verdict itself is kept if it is among the first.
    pub(crate) fn code(&mut self, verdict: &Verdict) -> u8 {
        let at = self.place(&verdict.claim);
        let kind = &mut self.kinds[at];
        kind.claim.confidence.p_wrong = kind.claim.confidence.p_wrong.max(verdict.claim.confidence.p_wrong);
        if let Some(rtt) = verdict.rtt {
            let before = kind.rtt.unwrap_or(Rtts { min: rtt, sum: Duration::ZERO, max: rtt, count: 0 });
            kind.rtt = Some(Rtts {
                min: before.min.min(rtt),
                sum: before.sum + rtt,
                max: before.max.max(rtt),
                count: before.count + 1,
            });
        }
        if kind.samples.len() < SAMPLES {
            kind.samples.push(verdict.clone());
        }
        u8::try_from(at + 1).unwrap_or(u8::MAX)
    }

    /// The state behind a code.
    pub(crate) fn claim(&self, code: u8) -> Option<&Claim> {
        self.kinds.get(usize::from(code).checked_sub(1)?).map(|kind| &kind.claim)
    }

    /// The deciding fact of the first verdict with this code.
    pub(crate) fn sample_fact(&self, code: u8) -> Option<Fact> {
        let kind = self.kinds.get(usize::from(code).checked_sub(1)?)?;
        kind.samples.first()?.evidence().iter().last().map(|observation| observation.fact)
    }

    /// The fault of our own machine behind a code, if it is one.
    pub(crate) fn local_fault(&self, code: u8) -> Option<LocalFault> {
        self.claim(code).filter(|claim| claim.reason.is_local())?;
        match self.sample_fact(code)? {
            Fact::Local(fault) => Some(fault),
            _ => None,
        }
    }

    /// The group of `ports` on `targets` that all have this code.
    pub(crate) fn group(
        &self,
        code: u8,
        transport: Transport,
        targets: Vec<AddressRange>,
        ports: PortSet,
    ) -> Option<Group> {
        let kind = self.kinds.get(usize::from(code).checked_sub(1)?)?;
        let hosts: u64 = targets.iter().map(range_len).sum();
        Some(Group {
            count: hosts * ports.len() as u64,
            targets,
            transport,
            state: kind.claim.state,
            reason: kind.claim.reason,
            from: kind.claim.from,
            confidence: kind.claim.confidence.clone(),
            ports,
            rtt: kind.rtt.map(|rtts| RttSummary {
                min: rtts.min,
                mean: rtts.sum / rtts.count.max(1),
                max: rtts.max,
            }),
            samples: kind.samples.clone(),
        })
    }

    fn place(&mut self, claim: &Claim) -> usize {
        if let Some(at) = self.kinds.iter().position(|kind| alike(&kind.claim, claim)) {
            return at;
        }
        let mut claim = claim.clone();
        if self.kinds.len() >= MAX_CODES {
            claim.from = None;
            if let Some(at) = self.kinds.iter().position(|kind| alike(&kind.claim, &claim)) {
                return at;
            }
        }
        self.kinds.push(Kind { claim, rtt: None, samples: Vec::new() });
        debug_assert!(self.kinds.len() < 0x80, "a code has seven bits");
        self.kinds.len() - 1
    }
}

/// Whether two claims are of one kind: they say the same and rest on the same.
fn alike(one: &Claim, other: &Claim) -> bool {
    (one.state, one.reason, one.from) == (other.state, other.reason, other.from)
        && one.confidence.because == other.confidence.because
}

/// Ports of several hosts by code, merged where hosts are alike.
#[derive(Default)]
pub(crate) struct Alike {
    hosts: BTreeMap<(PortState, Reason, u8, Vec<u16>), Vec<Address>>,
}

impl Alike {
    /// `ports` (ascending) of `target` have this code.
    pub(crate) fn add(&mut self, outcomes: &Outcomes, code: u8, target: Address, ports: Vec<u16>) {
        if let Some(claim) = outcomes.claim(code) {
            self.hosts.entry((claim.state, claim.reason, code, ports)).or_default().push(target);
        }
    }

    /// The groups, in the order of states and reasons.
    pub(crate) fn groups(self, outcomes: &Outcomes) -> impl Iterator<Item = Group> + '_ {
        self.hosts.into_iter().filter_map(|((_, _, code, ports), hosts)| {
            outcomes.group(code, Transport::Tcp, ranges(hosts), ports.into_iter().collect())
        })
    }
}

/// Sorted addresses as ranges.
fn ranges(mut addresses: Vec<Address>) -> Vec<AddressRange> {
    addresses.sort_unstable();
    let set: portolan_target::AddressSet = addresses.into_iter().collect();
    set.ranges().collect()
}

fn range_len(range: &AddressRange) -> u64 {
    let bits = |address: Address| match address.ip() {
        std::net::IpAddr::V4(ip) => u128::from(ip.to_bits()),
        std::net::IpAddr::V6(ip) => ip.to_bits(),
    };
    u64::try_from(bits(range.last) - bits(range.first) + 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Guards;
    use crate::technique::udp::Udp;
    use crate::technique::{self, Judgement, Vouch, tcp, udp};
    use portolan_model::{Icmp, IcmpFamily, Likeness};

    /// Everything that anybody can say of a host's ports, the senders of ICMP errors first.
    fn claims(v6: bool) -> Vec<Claim> {
        let ip = |n: u32| match v6 {
            false => Address::from(std::net::Ipv4Addr::from_bits(n)),
            true => Address::with_zone(std::net::Ipv6Addr::from_bits(n.into()), 0),
        };
        let (target, family) = (ip(1 << 28), if v6 { IcmpFamily::V6 } else { IcmpFamily::V4 });
        let udp = Udp::new(&[], (1, 2), Guards::default());
        let mut claims = Vec::new();
        for sender in (0..100).map(|n| Some(ip((1 << 28) + 1 + n))).chain([Some(target), None]) {
            for (icmp_type, code) in (0u8..=16).flat_map(|kind| (0u8..=16).map(move |code| (kind, code))) {
                for with_id in [true, false] {
                    let icmp = Icmp { family, icmp_type, code, from: sender, ttl: None };
                    match udp.judge_error(target, &icmp, with_id) {
                        Judgement::Settled(claim) | Judgement::Provisional(claim) => claims.push(claim),
                        Judgement::Silence => {}
                    }
                }
            }
        }
        for likeness in [Likeness::Echoes, Likeness::Fits, Likeness::Strange, Likeness::Unlike] {
            claims.extend([false, true].into_iter().filter_map(|other_port| udp.judge(likeness, other_port)));
        }
        claims.extend([Vouch::Later, Vouch::Before, Vouch::Elsewhere, Vouch::Never].map(udp::silence));
        let faults = [
            LocalFault::Firewall,
            LocalFault::NoRoute,
            LocalFault::OwnAddress,
            LocalFault::NoNeighbour { on_link: true },
            LocalFault::NoNeighbour { on_link: false },
            LocalFault::Permission,
            LocalFault::NoPorts,
            LocalFault::NoDescriptors,
            LocalFault::NoBuffers,
            LocalFault::Other(22),
        ];
        claims.extend(faults.map(technique::local));
        claims.extend([technique::interrupted(), technique::timed_out(), technique::retries_capped()]);
        claims.push(tcp::self_connected());
        claims
    }

    #[test]
    fn whatever_strangers_say_a_code_keeps_to_seven_bits() {
        for v6 in [false, true] {
            let mut outcomes = Outcomes::default();
            let codes: Vec<u8> = claims(v6).iter().map(|claim| outcomes.kind(claim)).collect();
            assert!(codes.iter().all(|code| *code < 0x80), "{}", outcomes.kinds.len());
        }
    }
}
