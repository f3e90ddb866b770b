//! What the doors that follow no world share: dice, what can go wrong, and a notebook of what was told.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use portolan_model::{
    Address, Counts, Endpoint, Finish, HostState, Icmp, IcmpFamily, Level, LocalFault, PortState, Reason,
    Verdict,
};
use portolan_scan::{Outlet, Settled};
use portolan_target::AddressSet;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

/// Randomness that a seed repeats.
pub(crate) struct Dice(TestRng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Dice(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n.max(1) as u64).unwrap()
    }

    pub(crate) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// True this often, of 256.
    pub(crate) fn chance(&mut self, share: u8) -> bool {
        self.next() & 255 < u64::from(share)
    }

    pub(crate) fn fault(&mut self) -> LocalFault {
        self.one(&[
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
        ])
    }

    /// An ICMP error about `target`, half of the time a port unreachable.
    pub(crate) fn icmp(&mut self, target: Address, from: Option<Address>) -> Icmp {
        let v6 = target.is_ipv6();
        let (icmp_type, code) = match self.below(2) {
            0 => PORT_UNREACHABLE[usize::from(v6)],
            _ => (self.one(&[3, 11, 1, 12, 4, 2, 255]), self.below(17) as u8),
        };
        let family = if v6 { IcmpFamily::V6 } else { IcmpFamily::V4 };
        Icmp { family, icmp_type, code, from, ttl: None }
    }
}

/// Type and code of a port unreachable, IPv4 (RFC 792) and IPv6 (RFC 4443 section 3.1).
pub(crate) const PORT_UNREACHABLE: [(u8, u8); 2] = [(3, 3), (1, 4)];

/// More turns than any of these scans takes.
const MOST_TURNS: u32 = 400_000;

/// What was told. It stops the scan after so many turns, and panics if that never ends.
#[derive(Default)]
pub(crate) struct Notebook {
    stop_after: Option<u32>,
    pub(crate) log: String,
    pub(crate) told: BTreeMap<Endpoint, (PortState, Reason, Level)>,
    mistakes: Vec<String>,
    hosts: BTreeSet<Address>,
    /// Those of them of whom no port is told: they were only looked for.
    unscanned: BTreeSet<Address>,
    pub(crate) states: BTreeMap<Address, HostState>,
    turns: Cell<u32>,
}

impl Outlet for Notebook {
    fn push(&mut self, settled: Settled) {
        self.log.push_str(&format!("{settled:?}\n"));
        let of = |verdict: &Verdict| (verdict.state(), verdict.reason(), verdict.claim.confidence.level());
        match settled {
            Settled::Verdict(verdict) => self.tell(verdict.endpoint, of(&verdict)),
            Settled::Update(verdict) => {
                if self.told.insert(verdict.endpoint, of(&verdict)).is_none() {
                    self.mistakes.push(format!("an update of nothing: {verdict:?}"));
                }
            }
            Settled::Group(group) => {
                let hosts: AddressSet = group.targets.iter().copied().collect();
                let claim = (group.state, group.reason, group.confidence.level());
                for address in hosts.iter() {
                    for port in group.ports.iter() {
                        self.tell(Endpoint { address, transport: group.transport, port }, claim);
                    }
                }
            }
            Settled::Host(host) => {
                self.states.insert(host.target, host.state);
                if host.counts.total() == 0 {
                    self.unscanned.insert(host.target);
                }
                if !self.hosts.insert(host.target) {
                    self.mistakes.push(format!("a host told twice: {host:?}"));
                }
            }
            Settled::Warning(_) | Settled::Progress(_) => {}
        }
    }

    fn is_stopped(&self) -> bool {
        self.turns.set(self.turns.get() + 1);
        assert!(self.turns.get() < MOST_TURNS, "it does not end");
        self.stop_after.is_some_and(|after| self.turns.get() > after)
    }
}

impl Notebook {
    pub(crate) fn new(stop_after: Option<u32>) -> Self {
        Notebook { stop_after, ..Notebook::default() }
    }

    fn tell(&mut self, endpoint: Endpoint, claim: (PortState, Reason, Level)) {
        if self.told.insert(endpoint, claim).is_some() {
            self.mistakes.push(format!("told twice: {endpoint}"));
        }
    }

    /// Each endpoint of the plan was told once or counted, each of a listed host told, and the sums are those of what was
    /// told.
    pub(crate) fn check(&self, plan: &BTreeSet<Endpoint>, finish: &Finish) {
        assert!(self.mistakes.is_empty(), "{:?}", self.mistakes);
        for endpoint in self.told.keys() {
            assert!(plan.contains(endpoint), "{endpoint} is not in the plan");
        }
        for endpoint in plan.iter().filter(|of| self.hosts.contains(&of.address)) {
            let scanned = !self.unscanned.contains(&endpoint.address);
            assert_eq!(self.told.contains_key(endpoint), scanned, "{endpoint}");
        }
        let mut counts = Counts::default();
        self.told.values().for_each(|(state, _, _)| counts.add(*state, 1));
        assert_eq!(counts, finish.counts);
        let all = counts.total() + u64::try_from(finish.endpoints_unlisted).unwrap();
        assert_eq!(all, plan.len() as u64, "every endpoint is told or counted");
    }
}
