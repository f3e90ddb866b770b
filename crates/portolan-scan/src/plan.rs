mod hash;

use std::fmt;
use std::time::Duration;

use portolan_model::sockets::Capacity;
use portolan_model::{Address, Endpoint, Method, Ping, Transport, UdpProbe};
use portolan_target::{AddressSet, Exclusions, Ports};

use crate::permutation::{Permutation, mix};
use crate::window::Window;

/// More ports a host than this are asked host by host, fewer in a sweep over all hosts.
const SWEEP_PORTS: usize = 16;
/// Below so many hosts a sweep gains nothing.
const SWEEP_HOSTS: u64 = 16;
/// More addresses than this cannot be ordered, and would take centuries.
const MAX_HOSTS: u128 = 1 << 48;
/// No template retries more often, however much gets lost.
const MOST_RETRIES: u8 = 11;
/// Up to so many ports a host are told one by one, as people who asked for few ports expect.
const FEW_PORTS: usize = 25;
/// And no more endpoints in all than this.
const FEW_ENDPOINTS: u128 = 50;

/// Whether ports alike are told as groups.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum Fold {
    /// As groups when there are many.
    #[default]
    Auto,
    /// Each port alone.
    Never,
}

/// A part of a scan: the `index`th (from 1) of `count` parts that are disjoint and together whole.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Shard {
    /// From 1.
    pub index: u32,
    /// At least `index`.
    pub count: u32,
}

impl Shard {
    /// The whole scan.
    pub const WHOLE: Shard = Shard { index: 1, count: 1 };

    /// How many of `len` positions fall to this shard.
    pub fn len(self, len: u64) -> u64 {
        let before = u64::from(self.index - 1);
        if len <= before { 0 } else { (len - before - 1) / u64::from(self.count) + 1 }
    }

    /// The position that this shard visits as its `n`th.
    pub fn position(self, n: u64) -> u64 {
        n * u64::from(self.count) + u64::from(self.index - 1)
    }
}

/// How hard a scan presses, nmap's templates 0 to 5. None of them lowers accuracy.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Timing {
    /// 0 to 5.
    pub template: u8,
    /// Probes that may wait at first.
    pub window: usize,
    /// Probes that may ever wait.
    pub ceiling: usize,
    /// Probes a second, if the template limits them.
    pub rate: Option<u64>,
    /// Retries of a silent port at most.
    pub retries: u8,
    /// How much longer than usual a silent port rests before a retry.
    pub rests: u32,
    /// How long a host may take.
    pub host_timeout: Option<Duration>,
    /// Whether a silent port may be asked again while its earlier attempt is still listened for.
    pub overtake: bool,
}

impl Timing {
    /// The template's numbers; `None` above 5.
    pub const fn template(template: u8) -> Option<Timing> {
        let (window, ceiling, rate) = match template {
            0 => (1, 1, Some(1)),
            1 => (4, 4, Some(10)),
            2 => (32, 64, Some(200)),
            3 | 4 => (256, 4096, None),
            5 => (512, 4096, None),
            _ => return None,
        };
        let (retries, rests) = match template {
            0 => (MOST_RETRIES, 4),
            1 | 2 => (MOST_RETRIES, 2),
            3 => (MOST_RETRIES, 1),
            4 => (6, 1),
            _ => (2, 1),
        };
        // A quarter of an hour, as people know it from nmap.
        let host_timeout = if template == 5 { Some(Duration::from_secs(900)) } else { None };
        let overtake = template > 2;
        Some(Timing { template, window, ceiling, rate, retries, rests, host_timeout, overtake })
    }
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            template: 3,
            window: 256,
            ceiling: 4096,
            rate: None,
            retries: MOST_RETRIES,
            rests: 1,
            host_timeout: None,
            overtake: true,
        }
    }
}

/// How TCP ports are asked.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum TcpMethod {
    /// By the kernel's own `connect`.
    #[default]
    Connect,
    /// By SYNs of our own making, where a packet can be sent at all.
    Syn,
    /// By ACKs of our own making, which tell what is let through. Where no packet can be sent, nothing else tells that: such
    /// addresses stay unknown.
    Ack,
}

/// How hosts are looked for before their ports are asked.
///
/// Where packets can be sent, a host on a link of ours is always asked as a neighbour first, and what it says decides: on
/// Ethernet nobody who is there can keep silent to that (RFC 826, RFC 4861 section 7.2). The other pings are for hosts
/// behind a router. Addresses of our own are there without being asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Discovery {
    /// What every host is asked; where no packet can be sent, [`Ping::Syn`] is a connect, and the others are left out.
    pub pings: Vec<Ping>,
    /// Hosts that the user named singly are looked for too, and told if they are not found.
    pub named_too: bool,
    /// If the first addresses asked of a long IPv6 range all answer alike, one machine answers for all of them: the rest
    /// is not asked.
    pub collapse_aliased: bool,
}

impl Default for Discovery {
    fn default() -> Self {
        let pings = vec![Ping::Echo, Ping::Syn(443), Ping::Ack(80), Ping::Timestamp];
        Discovery { pings, named_too: false, collapse_aliased: true }
    }
}

/// Everything a plan is made of.
#[derive(Clone, Debug, Default)]
pub struct PlanSpec {
    /// Hosts and their ports; no host stands in two.
    pub products: Vec<(AddressSet, Ports)>,
    /// Hosts that the user named singly: their silence is told port by port.
    pub named: AddressSet,
    /// Never to be asked, whatever else is said.
    pub excluded: Exclusions,
    /// How TCP ports are asked.
    pub tcp: TcpMethod,
    /// Addresses that this machine's kernel answers for (loopback, its own): no packet to them passes a wire, so they are
    /// always asked through its sockets, but for ACKs, which no socket sends.
    pub own: AddressSet,
    /// How hosts are looked for before their ports are asked; nobody is looked for without.
    pub discovery: Option<Discovery>,
    /// Nothing but hosts is looked for (`-sn`): the ports of all products may be empty.
    pub hosts_only: bool,
    /// Whether ports alike are folded.
    pub fold: Fold,
    /// How hard to press.
    pub timing: Timing,
    /// A ceiling of the user's own, in probes a second.
    pub max_rate: Option<u64>,
    /// A floor of the rate: a window that is full holds nothing back below it.
    pub min_rate: Option<u64>,
    /// Retries of a silent port at most, instead of the template's number.
    pub max_retries: Option<u8>,
    /// How long a host may take, instead of the template's time.
    pub host_timeout: Option<Duration>,
    /// Which part of the scan.
    pub shard: Option<Shard>,
    /// The seed of every order.
    pub seed: u64,
    /// What is asked over UDP.
    pub probes: &'static [UdpProbe],
    /// What the ids of our questions are made from. It is no part of the record: who knows it can forge answers.
    pub secret: (u64, u64),
}

/// Why a plan cannot be made.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PlanError {
    /// No address is left to ask.
    NoHosts,
    /// No port is left to ask.
    NoPorts,
    /// More addresses than can be ordered.
    TooManyHosts(u128),
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanError::NoHosts => write!(f, "no target is left to scan: every one of them is excluded"),
            PlanError::NoPorts => write!(f, "no port is left to scan"),
            PlanError::TooManyHosts(n) => write!(f, "{n} addresses are too many for one scan (at most 2^48)"),
        }
    }
}

impl std::error::Error for PlanError {}

/// Which of the two strategies a plan is worked by.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum StrategyKind {
    /// Few ports, many hosts.
    Sweep,
    /// Many ports a host.
    PerHost,
}

impl StrategyKind {
    /// The token used in the record.
    pub const fn name(self) -> &'static str {
        match self {
            StrategyKind::Sweep => "sweep",
            StrategyKind::PerHost => "per-host",
        }
    }
}

/// A validated scan. If you hold one, it can run.
///
/// It is a sum of products, hosts × ports. Hosts are numbered over all products, in the order of the
/// products and of addresses within, so that a number stays valid for as long as the plan does.
#[derive(Clone, Debug)]
pub struct Plan {
    products: Vec<Product>,
    hosts: u64,
    order: Permutation,
    pub(crate) spec: PlanSpec,
    pub(crate) shard: Shard,
    pub(crate) fold: bool,
}

#[derive(Clone, Debug)]
struct Product {
    first: u64,
    hosts: AddressSet,
    ports: Ports,
}

impl Plan {
    /// Validates a scan: exclusions are taken out here, before anything is numbered.
    pub fn new(mut spec: PlanSpec) -> Result<Plan, PlanError> {
        if spec.hosts_only {
            spec.discovery.get_or_insert_default();
        }
        let mut products = Vec::new();
        let mut hosts: u128 = 0;
        let mut ports_missing = false;
        for (set, ports) in &spec.products {
            let set = spec.excluded.apply(set);
            let asks_nothing = ports.is_empty() && !spec.hosts_only;
            if set.is_empty() || asks_nothing {
                ports_missing |= asks_nothing && !set.is_empty();
                continue;
            }
            let first = u64::try_from(hosts).map_err(|_| PlanError::TooManyHosts(hosts))?;
            hosts = hosts.saturating_add(set.len());
            products.push(Product { first, hosts: set, ports: ports.clone() });
        }
        if products.is_empty() {
            return Err(if ports_missing { PlanError::NoPorts } else { PlanError::NoHosts });
        }
        if hosts > MAX_HOSTS {
            return Err(PlanError::TooManyHosts(hosts));
        }
        let hosts = u64::try_from(hosts).map_err(|_| PlanError::TooManyHosts(hosts))?;
        let order = Permutation::new(hosts, mix(spec.seed));
        let shard = spec.shard.unwrap_or(Shard::WHOLE);
        let mut plan = Plan { products, hosts, order, spec, shard, fold: true };
        plan.fold = plan.spec.fold == Fold::Auto
            && (plan.most_ports() > FEW_PORTS || plan.endpoints() > FEW_ENDPOINTS);
        Ok(plan)
    }

    /// How many hosts, over all shards.
    pub fn hosts(&self) -> u64 {
        self.hosts
    }

    /// How many endpoints, over all shards.
    pub fn endpoints(&self) -> u128 {
        self.products
            .iter()
            .map(|product| product.hosts.len().saturating_mul(product.ports.len() as u128))
            .sum()
    }

    /// How many hosts fall to this plan's shard.
    pub fn shard_hosts(&self) -> u64 {
        self.shard.len(self.hosts)
    }

    /// How many endpoints `hosts` of this plan's hosts have: exact where all have the same ports, else the mean.
    pub fn endpoints_of(&self, hosts: u64) -> u128 {
        self.endpoints().saturating_mul(u128::from(hosts)) / u128::from(self.hosts.max(1))
    }

    /// How many endpoints the hosts of these visits have: exact unless they are very many of different kinds.
    pub(crate) fn endpoints_at(&self, hosts: u64, visits: impl Iterator<Item = u64>) -> u128 {
        if self.products.len() == 1 || hosts > 1 << 16 {
            return self.endpoints_of(hosts);
        }
        visits.map(|visit| self.ports(self.visit(visit).1).len() as u128).sum()
    }

    /// The `n`th host that this plan's shard visits.
    pub fn visit(&self, n: u64) -> (Address, usize) {
        self.host(self.order.index(self.shard.position(n)))
    }

    /// The ports of a product.
    pub fn ports(&self, product: usize) -> &Ports {
        &self.products[product].ports
    }

    /// How many products.
    pub fn products(&self) -> usize {
        self.products.len()
    }

    /// The most ports that any host has.
    pub fn most_ports(&self) -> usize {
        self.products.iter().map(|product| product.ports.len()).max().unwrap_or(0)
    }

    /// Whether any port of this transport is asked.
    pub fn asks(&self, transport: Transport) -> bool {
        let ports = |product: &Product| product.ports.of(transport).is_some_and(|ports| !ports.is_empty());
        self.products.iter().any(ports)
    }

    /// The ports of the product with the most hosts, for people.
    pub fn main_ports(&self) -> &Ports {
        let main = self.products.iter().max_by_key(|product| product.hosts.len());
        // A plan has at least one product.
        &main.unwrap_or(&self.products[0]).ports
    }

    /// How `endpoint` is asked.
    pub fn method(&self, endpoint: Endpoint) -> Method {
        match endpoint.transport {
            Transport::Tcp if self.spec.tcp == TcpMethod::Ack => Method::Ack,
            Transport::Tcp if self.is_by_packets(endpoint.address) => Method::Syn,
            transport => Method::of(transport),
        }
    }

    /// Whether the TCP ports of `address` are asked by packets of our own making, which nobody repeats.
    pub(crate) fn is_by_packets(&self, address: Address) -> bool {
        match self.spec.tcp {
            TcpMethod::Connect => false,
            TcpMethod::Syn => !self.spec.own.contains(address),
            TcpMethod::Ack => true,
        }
    }

    /// The methods by which ports are asked, each once.
    pub fn methods(&self) -> Vec<Method> {
        let mut methods = Vec::new();
        if self.asks(Transport::Tcp) && self.spec.tcp == TcpMethod::Ack {
            methods.push(Method::Ack);
        } else if self.asks(Transport::Tcp) {
            let syn = self.spec.tcp == TcpMethod::Syn;
            let hosts = |product: &Product| product.hosts.len();
            let own =
                |product: &Product| product.hosts.len() - product.hosts.difference(&self.spec.own).len();
            let tcp = || self.products.iter().filter(|product| !product.ports.tcp.is_empty());
            let (own, all) = (tcp().map(own).sum::<u128>(), tcp().map(hosts).sum::<u128>());
            methods.extend((!syn || own > 0).then_some(Method::Connect));
            methods.extend((syn && own < all).then_some(Method::Syn));
        }
        methods.extend(self.asks(Transport::Udp).then_some(Method::Udp));
        methods
    }

    /// How many TCP attempts may wait at a time on a machine of this capacity, if any are made.
    pub(crate) fn tcp_room(&self, capacity: &Capacity) -> Option<usize> {
        let room = |method: &Method| match method {
            Method::Connect => Some(capacity.sockets),
            Method::Syn | Method::Ack => Some(capacity.packets),
            Method::Udp => None,
        };
        self.methods().iter().filter_map(room).min()
    }

    /// How many probes may wait at a time, on a machine that bears so many.
    pub(crate) fn window(&self, room: usize) -> Window {
        let timing = self.spec.timing;
        // In a sweep every answer is its host's only one: it does not tell how long the path is without us.
        let knows_paths = self.strategy() == StrategyKind::PerHost && timing.template > 2;
        match self.spec.tcp {
            TcpMethod::Syn | TcpMethod::Ack if knows_paths => {
                Window::that_follows_answers(timing.window / 4, room)
            }
            _ => Window::new(timing.window, timing.ceiling.min(room)),
        }
    }

    /// Which strategy works this plan.
    pub fn strategy(&self) -> StrategyKind {
        // A sweep has no clock for a single host.
        let timed = self.spec.host_timeout.is_some();
        if self.most_ports() <= SWEEP_PORTS
            && self.hosts > SWEEP_HOSTS
            && !self.asks(Transport::Udp)
            && !timed
        {
            StrategyKind::Sweep
        } else {
            StrategyKind::PerHost
        }
    }

    /// How hosts are looked for before their ports are asked, if they are.
    pub fn discovery(&self) -> Option<&Discovery> {
        self.spec.discovery.as_ref()
    }

    /// Whether this host is looked for before it is scanned, if any are.
    pub(crate) fn is_sought(&self, address: Address) -> bool {
        let named_too = self.spec.discovery.as_ref().is_some_and(|discovery| discovery.named_too);
        named_too || self.spec.hosts_only || !self.is_named(address)
    }

    /// The hosts of each product.
    pub(crate) fn hosts_by_product(&self) -> impl Iterator<Item = &AddressSet> {
        self.products.iter().map(|product| &product.hosts)
    }

    /// Whether nothing but hosts is looked for.
    pub fn is_for_hosts_only(&self) -> bool {
        self.spec.hosts_only
    }

    /// What this plan's shard is to find out: the states of so many endpoints, or of hosts.
    pub(crate) fn questions(&self) -> u128 {
        if self.spec.hosts_only { self.shard_hosts().into() } else { self.endpoints_of(self.shard_hosts()) }
    }

    /// Whether the user named this host singly.
    pub fn is_named(&self, address: Address) -> bool {
        self.spec.named.contains(address)
    }

    /// The ceiling of the rate, the lower of the template's and the user's.
    pub fn max_rate(&self) -> Option<u64> {
        [self.spec.timing.rate, self.spec.max_rate].into_iter().flatten().min()
    }

    /// The floor of the rate, in probes a second.
    pub fn min_rate(&self) -> Option<u64> {
        self.spec.min_rate
    }

    /// How often a port is asked at most.
    pub fn most_tries(&self) -> u8 {
        self.spec.max_retries.unwrap_or(self.spec.timing.retries).saturating_add(1)
    }

    /// Whether the user said how often a port may be asked again.
    pub(crate) fn caps_retries(&self) -> bool {
        self.spec.max_retries.is_some()
    }

    /// How often a port is asked at most, also where its silences turned out to prove nothing: what the user said, or else
    /// so often that something else must be wrong.
    pub(crate) fn most_tries_in_all(&self) -> u8 {
        match self.spec.max_retries {
            Some(_) => self.most_tries(),
            None => self.most_tries().saturating_mul(4),
        }
    }

    /// How long a host may take.
    pub fn host_timeout(&self) -> Option<Duration> {
        self.spec.host_timeout.or(self.spec.timing.host_timeout)
    }

    /// How hard it presses.
    pub fn timing(&self) -> Timing {
        self.spec.timing
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.spec.seed
    }

    /// The shard.
    pub fn shard(&self) -> Shard {
        self.shard
    }

    /// A host by its number, with its product.
    fn host(&self, number: u64) -> (Address, usize) {
        let product = self.products.partition_point(|product| product.first <= number) - 1;
        let within = u128::from(number - self.products[product].first);
        match self.products[product].hosts.nth(within) {
            Some(address) => (address, product),
            // Numbers come from the permutation of 0..hosts, so each has an address.
            None => unreachable!("host {number} of {} has no address", self.hosts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portolan_model::AddressRange;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    fn set(first: u32, len: u32) -> AddressSet {
        let address = |n| Address::from(Ipv4Addr::from_bits(n));
        [AddressRange { first: address(first), last: address(first + len - 1) }].into_iter().collect()
    }

    fn plan(lens: &[u32], shard: Option<Shard>, seed: u64, excluded: Exclusions) -> Result<Plan, PlanError> {
        let products = lens
            .iter()
            .zip(1u32..)
            .map(|(len, n)| (set(n << 24, *len), Ports::tcp([80u16, 443].into_iter().collect())));
        Plan::new(PlanSpec { products: products.collect(), shard, seed, excluded, ..PlanSpec::default() })
    }

    proptest! {
        #[test]
        fn shards_partition(lens in prop::collection::vec(1u32..60, 1..4), count in 1u32..9, seed: u64) {
            let whole = plan(&lens, None, seed, Exclusions::default()).unwrap();
            let mut all: Vec<_> = (0..whole.shard_hosts()).map(|n| whole.visit(n)).collect();
            let mut parts = Vec::new();
            for index in 1..=count {
                let part = plan(&lens, Some(Shard { index, count }), seed, Exclusions::default()).unwrap();
                parts.extend((0..part.shard_hosts()).map(|n| part.visit(n)));
            }
            all.sort();
            parts.sort();
            prop_assert_eq!(all, parts);
        }

        #[test]
        fn excluded_hosts_are_not_numbered(len in 1u32..200, skip in 0u32..100, cut in 1u32..100, seed: u64) {
            let excluded = Exclusions::new(set((1 << 24) + skip, cut));
            match plan(&[len], None, seed, excluded.clone()) {
                Ok(plan) => (0..plan.shard_hosts()).for_each(|n| assert!(!excluded.covers(plan.visit(n).0))),
                Err(error) => prop_assert!(error == PlanError::NoHosts && skip == 0 && cut >= len),
            }
        }
    }

    #[test]
    fn few_ports_on_many_hosts_are_a_sweep() {
        assert_eq!(plan(&[200], None, 0, Exclusions::default()).unwrap().strategy(), StrategyKind::Sweep);
        assert_eq!(plan(&[2], None, 0, Exclusions::default()).unwrap().strategy(), StrategyKind::PerHost);
    }

    #[test]
    fn a_hash_says_what_changed() {
        let of = |lens: &[u32], shard, seed, excluded| plan(lens, shard, seed, excluded).unwrap().hash();
        let base = of(&[200, 7], None, 5, Exclusions::default());
        assert_eq!(base, of(&[200, 7], None, 5, Exclusions::default()));
        let more = of(&[201, 7], None, 5, Exclusions::default());
        assert!(more.targets != base.targets && more.ports == base.ports && more.excluded == base.excluded);
        let less = of(&[200, 7], None, 5, Exclusions::new(set(1 << 24, 3)));
        assert!(less.excluded != base.excluded && less.targets == base.targets);
        for (shard, seed) in [(None, 6), (Some(Shard { index: 1, count: 2 }), 5)] {
            let other = of(&[200, 7], shard, seed, Exclusions::default());
            assert!(other.order != base.order);
            assert_eq!(
                (other.targets, other.ports, other.excluded),
                (base.targets, base.ports, base.excluded)
            );
        }
    }

    /// Checkpoints are resumed by later versions on other machines. Whoever changes these numbers gives the written form
    /// of checkpoints another version.
    #[test]
    fn the_hash_of_a_plan_never_changes() {
        let hash = plan(&[200, 7], None, 5, Exclusions::new(set(9, 1))).unwrap().hash();
        let parts = [hash.targets, hash.ports, hash.excluded, hash.order].map(|part| format!("{part:032x}"));
        let kept = [
            "95002b8d80213f3f7bac47bae10a0cc6",
            "c681d27b327a53e258c5d79a1f903036",
            "20f7316accb90487f2af86a40b8de3d4",
            "d02ed2d4cbf5541ef0a399ddd0700165",
        ];
        assert_eq!(parts, kept);
    }
}
