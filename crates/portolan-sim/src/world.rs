use std::collections::HashMap;

use portolan_model::{Address, AddressRange, Endpoint, PortSet, PortState, Reason, Transport};

use crate::host::{Answer, Does, HostSpec, Presence};
use crate::node::{Effect, NodeSpec};
use crate::reject::Reject;
use crate::rules::Chosen;
use crate::sockets::SimSockets;
use crate::spec::WorldSpec;
use crate::truth::{Judgement, Told, Truth};
use crate::udp::UdpAnswer;

/// A world: the truth about every endpoint, as a pure function of a seed.
#[derive(Clone, Debug)]
pub struct World {
    pub(crate) spec: WorldSpec,
    seed: u64,
    /// Whether TCP ports are asked by ACK.
    by_ack: bool,
    hosts: Vec<Host>,
    by_address: HashMap<Address, u32>,
}

/// What to scan.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// From where to where.
    pub range: AddressRange,
    /// As if the user had written each address by itself.
    pub named: bool,
}

/// A host of the world: which description it follows, and which ports the seed chose on it.
#[derive(Clone, Debug)]
struct Host {
    group: u16,
    tcp: Chosen,
    udp: Chosen,
}

impl World {
    pub(crate) fn new(spec: WorldSpec, seed: u64) -> Self {
        let mut world = World { spec, seed, by_ack: false, hosts: Vec::new(), by_address: HashMap::new() };
        for (group, spec) in (0u16..).zip(&world.spec.hosts) {
            for address in spec.addresses.iter() {
                let tcp = spec.tcp().choose(seed, address, &world.spec.ports.0);
                let udp = spec.udp().choose(seed, address, &world.spec.udp_ports.0);
                // The number of hosts was bounded when the world was read.
                let number = u32::try_from(world.hosts.len()).unwrap_or(u32::MAX);
                world.by_address.insert(address, number);
                world.hosts.push(Host { group, tcp, udp });
            }
        }
        world
    }

    /// The same world, for a scan that asks its TCP ports by ACK: what is true then is what such a scan can tell.
    #[must_use]
    pub fn by_ack(mut self) -> World {
        self.by_ack = true;
        self
    }

    /// The door to this world, through which a scan's datagrams may leave as packets too.
    pub fn sockets_with_datagrams(self) -> SimSockets {
        let mut door = SimSockets::new(self);
        door.hold_datagram_ports();
        door
    }

    /// The door to this world.
    pub fn sockets(self) -> SimSockets {
        SimSockets::new(self)
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What to scan.
    pub fn targets(&self) -> impl Iterator<Item = Target> + '_ {
        self.spec.targets.iter().map(|target| Target { range: target.addresses.0, named: target.named })
    }

    /// Which TCP ports of each target; none in a world of UDP.
    pub fn ports(&self) -> &PortSet {
        &self.spec.ports.0
    }

    /// Which UDP ports of each target; none in a world of TCP.
    pub fn udp_ports(&self) -> &PortSet {
        &self.spec.udp_ports.0
    }

    /// Whether our own machine's firewall stops some of what sockets send. Packets pass below it: what is true of a scan
    /// by connects is not true of one by packets then.
    pub fn has_local_firewall(&self) -> bool {
        !self.spec.machine.firewall.0.is_empty()
    }

    /// Whether a host of this world is our own machine. No packet to it passes a wire: only a connect can ask it.
    pub fn has_own_hosts(&self) -> bool {
        self.spec.hosts.iter().any(|host| host.own)
    }

    /// Everything that is to be scanned, of both transports.
    pub fn endpoints(&self) -> impl Iterator<Item = Endpoint> + '_ {
        let addresses = self.spec.targets.iter().flat_map(|target| target.addresses.iter());
        addresses.flat_map(|address| {
            let ports = [(Transport::Tcp, self.ports()), (Transport::Udp, self.udp_ports())];
            ports.into_iter().flat_map(move |(transport, ports)| {
                ports.iter().map(move |port| Endpoint { address, transport, port })
            })
        })
    }

    /// Everything of that which a careful scan finds open.
    pub fn open(&self) -> impl Iterator<Item = Endpoint> + '_ {
        self.endpoints().filter(|endpoint| self.truth(*endpoint).is_open())
    }

    /// What `told` of `endpoint` is worth. [`SimSockets::judge`] also knows what could be heard.
    pub fn judge(&self, endpoint: Endpoint, told: Told) -> Judgement {
        self.truth(endpoint).judge(told)
    }

    /// What is true of `endpoint`.
    pub fn truth(&self, endpoint: Endpoint) -> Truth {
        let host = self.host(endpoint.address);
        let spec = host.map(|host| self.group(host));
        let presence = spec.map_or(Presence::Absent, |spec| spec.presence);
        let mut truth =
            Truth { exists: matches!(presence, Presence::Present | Presence::Silent), ..Truth::default() };
        let by_ack = self.is_asked_by_ack(endpoint);
        let own = by_ack && spec.is_some_and(|spec| spec.own);
        let unasked = own.then_some(Reason::LocalOwnAddress);
        if let Some(reason) = unasked.or_else(|| self.local_fault(endpoint, presence)) {
            truth.right.push(Told::new(PortState::Unknown, reason));
            return truth;
        }
        let own = spec.map_or(&[][..], |spec| &spec.path);
        match on_the_way((endpoint, by_ack), self.spec.path.iter().chain(own), &mut truth) {
            Way::Stopped => {}
            Way::Free { icmp_limited } => match (host, spec) {
                (Some(host), Some(spec)) => self.host_truth(endpoint, (host, spec), icmp_limited, &mut truth),
                _ => truth.right.push(Told::silence(endpoint.transport)),
            },
        }
        if endpoint.transport == Transport::Udp && !truth.is_silent(Transport::Udp) {
            // Nothing vouches for silence over UDP yet: it says no more than that nothing was heard.
            truth.passing.push(Told::UDP_SILENCE);
        }
        if by_ack { truth.by_ack() } else { truth }
    }

    /// Whether an ACK asks it.
    pub(crate) fn is_asked_by_ack(&self, endpoint: Endpoint) -> bool {
        self.by_ack && endpoint.transport == Transport::Tcp
    }

    /// The number of the host at `address`.
    pub(crate) fn host(&self, address: Address) -> Option<u32> {
        self.by_address.get(&address).copied()
    }

    /// How many hosts.
    pub(crate) fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// The description that a host follows …
    pub(crate) fn group(&self, host: u32) -> &HostSpec {
        &self.spec.hosts[usize::from(self.group_number(host))]
    }

    /// … and its number.
    pub(crate) fn group_number(&self, host: u32) -> u16 {
        self.hosts[host as usize].group
    }

    /// What a port of a host does.
    pub(crate) fn answer(&self, host: u32, to: Endpoint) -> Does {
        let (spec, host) = (self.group(host), &self.hosts[host as usize]);
        match to.transport {
            Transport::Tcp => Does::Tcp(spec.tcp().answer(self.seed, to, &host.tcp)),
            Transport::Udp | Transport::Sctp => Does::Udp(spec.udp().answer(self.seed, to, &host.udp)),
        }
    }

    fn local_fault(&self, endpoint: Endpoint, presence: Presence) -> Option<Reason> {
        let machine = &self.spec.machine;
        if machine.has_no_route(endpoint.address) {
            return Some(Reason::LocalNoRoute);
        }
        if machine.firewall.0.contains(endpoint.port) {
            return Some(Reason::LocalFirewall);
        }
        if machine.has_no_gateway(endpoint.address) {
            return Some(Reason::LocalNoNeighbour);
        }
        matches!(presence, Presence::NoNeighbour).then_some(Reason::NoNeighbour)
    }

    fn host_truth(
        &self,
        to: Endpoint,
        (host, spec): (u32, &HostSpec),
        icmp_limited: bool,
        truth: &mut Truth,
    ) {
        match spec.presence {
            Presence::Present => {}
            Presence::Unreachable { by, .. } => {
                return refused(Reject::HostUnreach, (to, by.0), icmp_limited, truth);
            }
            Presence::Silent | Presence::Absent | Presence::NoNeighbour => {
                return truth.right.push(Told::silence(to.transport));
            }
        }
        match self.answer(host, to) {
            Does::Tcp(answer) if self.by_ack => tcp_truth(to, (answer.to_ack(), spec), icmp_limited, truth),
            Does::Tcp(answer) => tcp_truth(to, (answer, spec), icmp_limited, truth),
            Does::Udp(answer) => udp_truth(to, answer, icmp_limited, truth),
            // That is no port's.
            Does::Ping(_) => {}
        }
        truth.may_fall_silent |= spec.dies_after.is_some() || spec.ban.is_some();
    }
}

fn tcp_truth(to: Endpoint, (answer, spec): (Answer, &HostSpec), icmp_limited: bool, truth: &mut Truth) {
    const OPEN: Told = Told::new(PortState::Open, Reason::SynAck);
    const CLOSED: Told = Told::new(PortState::Closed, Reason::ConnRefused);
    match answer {
        Answer::Open => truth.right.push(OPEN),
        Answer::Busy(_) => truth.right.extend([OPEN, Told::SILENCE]),
        Answer::Closed => truth.right.push(CLOSED),
        Answer::Drop => truth.right.push(Told::SILENCE),
        Answer::Split => truth.right.extend([OPEN, CLOSED]),
        Answer::Reject { with, by, .. } => {
            refused(with, (to, by.map_or(to.address, |by| by.0)), icmp_limited, truth);
        }
    }
    if spec.turns_open_after.is_some() {
        truth.right.push(OPEN);
    }
}

fn udp_truth(to: Endpoint, answer: UdpAnswer, icmp_limited: bool, truth: &mut Truth) {
    match answer {
        UdpAnswer::Service(_) | UdpAnswer::Echo => {
            truth.right.push(Told::new(PortState::Open, Reason::UdpResponse));
        }
        UdpAnswer::Silent | UdpAnswer::Drop => truth.right.push(Told::UDP_SILENCE),
        UdpAnswer::Closed => refused(Reject::PortUnreach, (to, to.address), icmp_limited, truth),
        UdpAnswer::Reject { with, by, .. } => {
            refused(with, (to, by.map_or(to.address, |by| by.0)), icmp_limited, truth);
        }
    }
}

/// How the way to a host ends.
enum Way {
    Free { icmp_limited: bool },
    Stopped,
}

/// What the nodes on the way do to the truth about `to`.
fn on_the_way<'a>(
    (to, by_ack): (Endpoint, bool),
    path: impl Iterator<Item = &'a NodeSpec>,
    truth: &mut Truth,
) -> Way {
    let mut icmp_limited = false;
    for node in path {
        let node = node.describe();
        match if by_ack { node.effect_on_ack(to) } else { node.effect(to) } {
            Effect::None => {}
            Effect::LimitsIcmp => icmp_limited = true,
            Effect::FallsSilent => truth.may_fall_silent = true,
            Effect::Flaps(with, by) => {
                let told = refusal(with, (to, by));
                truth.passing.push(told.by(by));
            }
            Effect::Passes(told) => truth.passing.push(told),
            Effect::Drops => {
                truth.right.push(Told::silence(to.transport));
                return Way::Stopped;
            }
            Effect::Refuses(with, by) => {
                refused(with, (to, by), icmp_limited, truth);
                return Way::Stopped;
            }
        }
    }
    Way::Free { icmp_limited }
}

/// `to` is refused by `by`.
fn refused(with: Reject, (to, by): (Endpoint, Address), icmp_limited: bool, truth: &mut Truth) {
    let told = refusal(with, (to, by));
    // A reset comes in the target's name, whoever sent it.
    let is_its_own = by == to.address || with == Reject::Reset;
    truth.right.push(if is_its_own { told } else { told.by(by) });
    // Of a UDP port that is closed, silence tells nothing.
    if icmp_limited && told.state != PortState::Closed {
        truth.right.push(Told::silence(to.transport));
    }
}

/// What is told of a refusal, but for whose it is.
fn refusal(with: Reject, (to, by): (Endpoint, Address)) -> Told {
    let (state, reason) = match to.transport {
        Transport::Tcp => with.verdict(to.address),
        Transport::Udp | Transport::Sctp => with.udp_verdict(to.address, by),
    };
    Told::new(state, reason)
}
