//! The machine we scan from: what it can bear, and how it fails.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use portolan_model::{Address, Endpoint, LocalFault, PortSet};
use serde::Deserialize;

use crate::counters::Counters;
use crate::error::WorldError;
use crate::random::Random;
use crate::text::{Millis, Ports, Probability, Range};

/// The machine as a world's file describes it.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MachineSpec {
    /// How many connects it says may wait …
    pub(crate) sockets: usize,
    /// … and how many datagrams.
    pub(crate) datagrams: usize,
    /// How many may wait in truth; more fail with EMFILE.
    descriptors: Option<usize>,
    /// The ephemeral ports, each for one connect at a time.
    local_ports: Ports,
    /// How often ENOBUFS.
    no_buffers: Probability,
    /// Ports that its own firewall lets nobody reach.
    pub(crate) firewall: Ports,
    /// Addresses that it has no route to.
    pub(crate) no_route: Vec<Range>,
    /// Addresses behind a gateway that does not answer ARP or NDP.
    pub(crate) no_gateway: Vec<Range>,
    /// Wake-ups that come late.
    pub(crate) stall: Option<Stall>,
    /// What a `connect` costs …
    connect_us: u32,
    /// … and what a `sendto` costs.
    send_us: u32,
    /// How many answers to packets of our own making its ring holds.
    pub(crate) ring: usize,
    /// Whether answers to packets of our own making can be kept from its kernel.
    pub(crate) keeps_answers: bool,
    /// How many datagrams, and errors about datagrams, its receive queue holds in truth.
    pub(crate) rx_queue: Option<usize>,
    /// Its kernel meets a `sendto` with the error of an earlier datagram that nobody has read yet, and sends nothing.
    pub(crate) pending_errors: bool,
    /// The door calls again then; else the datagram is given up.
    pub(crate) door_repeats: bool,
    /// How often the kernel chooses the target's own port as ours, on an address of ours, beyond chance.
    self_connect: Probability,
    pub(crate) backoff: Backoff,
}

/// How late, how often.
#[derive(Copy, Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stall {
    pub(crate) probability: Probability,
    pub(crate) ms: Millis,
}

/// When the kernel sends a SYN again.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Backoff {
    /// Linux since 6.5: `tcp_syn_linear_timeouts` = 4, then doubling, `tcp_syn_retries` = 6.
    #[default]
    Linear,
    /// RFC 6298 section 5.5 from the first: Linux before.
    Exponential,
}

impl Default for MachineSpec {
    fn default() -> Self {
        MachineSpec {
            sockets: 4096,
            datagrams: 1024,
            descriptors: None,
            local_ports: Ports(std::iter::once(32768..=60999).collect()),
            no_buffers: Probability(0.0),
            firewall: Ports::default(),
            no_route: Vec::new(),
            no_gateway: Vec::new(),
            stall: None,
            connect_us: 10,
            send_us: 5,
            ring: 8192,
            keeps_answers: true,
            rx_queue: None,
            pending_errors: false,
            door_repeats: true,
            self_connect: Probability(0.0),
            backoff: Backoff::Linear,
        }
    }
}

impl MachineSpec {
    pub(crate) fn check(&self) -> Result<(), WorldError> {
        if self.sockets == 0 || self.datagrams == 0 || self.rx_queue == Some(0) {
            return Err(WorldError::invalid("a machine has at least one socket, and room for a datagram"));
        }
        if self.connect_us == 0 || self.send_us == 0 {
            return Err(WorldError::invalid("a machine's calls take time"));
        }
        if self.ring == 0 || self.ports_of_packets().is_none() {
            return Err(WorldError::invalid(
                "a machine has room for a packet, and a port that no socket is given",
            ));
        }
        Ok(())
    }

    pub(crate) fn connect_cost(&self) -> Duration {
        Duration::from_micros(self.connect_us.into())
    }

    pub(crate) fn send_cost(&self) -> Duration {
        Duration::from_micros(self.send_us.into())
    }

    /// The ports that no socket is given: those above Linux's own choice for sockets, or else the longest gap.
    fn ports_of_packets(&self) -> Option<RangeInclusive<u16>> {
        let usual = 61000..=u16::MAX;
        if self.local_ports.0.ranges().all(|given| given.end() < usual.start()) {
            return Some(usual);
        }
        let free = PortSet::from_iter([1024..=u16::MAX]).difference(&self.local_ports.0);
        free.ranges().max_by_key(RangeInclusive::len)
    }

    pub(crate) fn has_no_route(&self, to: Address) -> bool {
        self.no_route.iter().any(|range| range.contains(to))
    }

    pub(crate) fn has_no_gateway(&self, to: Address) -> bool {
        self.no_gateway.iter().any(|range| range.contains(to))
    }
}

impl Backoff {
    /// How long after `connect` the SYN goes out for the `n`th time again (from 0); the last entry is when
    /// the kernel gives up.
    pub(crate) fn after(self, n: u8) -> Option<Duration> {
        self.seconds().get(usize::from(n)).map(|seconds| Duration::from_secs(*seconds))
    }

    /// Whether the `n`th is the end.
    pub(crate) fn is_last(self, n: u8) -> bool {
        usize::from(n) + 1 >= self.seconds().len()
    }

    const fn seconds(self) -> &'static [u64] {
        match self {
            Backoff::Linear => &[1, 2, 3, 4, 5, 7, 11, 19, 35, 67, 131],
            Backoff::Exponential => &[1, 3, 7, 15, 31, 63, 127],
        }
    }
}

/// The machine at work.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) spec: MachineSpec,
    pub(crate) tcp_ports: Pool,
    pub(crate) udp_ports: Pool,
    /// From where packets of our own making come.
    pub(crate) packet_ports: RangeInclusive<u16>,
    /// From where a scan's datagrams come that are such packets, if any are.
    pub(crate) datagram_ports: Vec<u16>,
}

impl Machine {
    pub(crate) fn new(spec: MachineSpec) -> Self {
        let [tcp_ports, udp_ports] = [0, 1].map(|_| Pool::new(&spec.local_ports));
        // That there is one was seen when the world was read.
        let packet_ports = spec.ports_of_packets().unwrap_or(u16::MAX..=u16::MAX);
        Machine { spec, tcp_ports, udp_ports, packet_ports, datagram_ports: Vec::new() }
    }

    /// From now on a scan's datagrams may leave as packets too: some of the ports for packets are for those alone.
    pub(crate) fn hold_datagram_ports(&mut self) {
        let (first, last) = self.packet_ports.clone().into_inner();
        let held = DATAGRAM_PORTS.min((last - first) / 2);
        self.packet_ports = first..=last - held;
        self.datagram_ports = (last - held..=last).skip(1).collect();
    }

    /// Takes what a connect needs: our own end of it, or why there is none. `open` sockets are open already.
    pub(crate) fn open(
        &mut self,
        to: Endpoint,
        own: bool,
        open: usize,
        (random, counters): (&mut Random, &mut Counters),
    ) -> Result<SocketAddr, LocalFault> {
        self.descriptor(open, counters)?;
        self.admits(to, random, counters)?;
        let itself = own && random.chance(self.spec.self_connect.0);
        let Some(port) = self.tcp_ports.take(itself.then_some(to.port), random) else {
            counters.no_ports += 1;
            return Err(LocalFault::NoPorts);
        };
        Ok(source(to.address, own).socket(port))
    }

    /// Takes a port for datagrams. `open` sockets are open already; the one that all share was opened before.
    pub(crate) fn bind(
        &mut self,
        open: usize,
        (random, counters): (&mut Random, &mut Counters),
    ) -> Result<u16, LocalFault> {
        self.descriptor(open, counters)?;
        let Some(port) = self.udp_ports.take(None, random) else {
            counters.no_ports += 1;
            return Err(LocalFault::NoPorts);
        };
        Ok(port)
    }

    /// Whether what goes to `to` may leave.
    pub(crate) fn admits(
        &self,
        to: Endpoint,
        random: &mut Random,
        counters: &mut Counters,
    ) -> Result<(), LocalFault> {
        self.takes(random, counters)?;
        if self.spec.has_no_route(to.address) {
            counters.no_route += 1;
            return Err(LocalFault::NoRoute);
        }
        if self.spec.firewall.0.contains(to.port) {
            counters.local_firewall += 1;
            return Err(LocalFault::Firewall);
        }
        Ok(())
    }

    /// Whether it has memory for what is to leave.
    pub(crate) fn takes(&self, random: &mut Random, counters: &mut Counters) -> Result<(), LocalFault> {
        if random.chance(self.spec.no_buffers.0) {
            counters.no_buffers += 1;
            return Err(LocalFault::NoBuffers);
        }
        Ok(())
    }

    fn descriptor(&self, open: usize, counters: &mut Counters) -> Result<(), LocalFault> {
        if self.spec.descriptors.is_some_and(|n| open >= n) {
            counters.no_descriptors += 1;
            return Err(LocalFault::NoDescriptors);
        }
        Ok(())
    }
}

/// From so many ports a scan's datagrams leave, if there are enough.
const DATAGRAM_PORTS: u16 = 8;

/// The ephemeral ports of one transport that are free.
#[derive(Debug)]
pub(crate) struct Pool {
    free: Vec<u16>,
    /// Where in `free` each port stands, by its number.
    place: Vec<Option<u32>>,
}

impl Pool {
    fn new(ports: &Ports) -> Self {
        let mut pool = Pool { free: Vec::new(), place: vec![None; usize::from(u16::MAX) + 1] };
        ports.0.iter().for_each(|port| pool.release(port));
        pool
    }

    /// Gives a port back.
    pub(crate) fn release(&mut self, port: u16) {
        self.place[usize::from(port)] = u32::try_from(self.free.len()).ok();
        self.free.push(port);
    }

    fn take(&mut self, wanted: Option<u16>, random: &mut Random) -> Option<u16> {
        let wished = wanted.and_then(|port| self.place[usize::from(port)]);
        let at = match wished {
            Some(place) => place as usize,
            None => random.below(self.free.len()),
        };
        let last = *self.free.last()?;
        let port = self.free.swap_remove(at);
        self.place[usize::from(last)] = u32::try_from(at).ok();
        self.place[usize::from(port)] = None;
        Some(port)
    }
}

/// Our own address towards `to`.
pub(crate) fn source(to: Address, own: bool) -> Address {
    match to.ip() {
        _ if own => to,
        IpAddr::V4(_) => Address::from(Ipv4Addr::new(198, 18, 0, 1)),
        IpAddr::V6(_) => Address::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_lent_once_and_come_back() {
        let ports = Ports(std::iter::once(1000..=1003).collect());
        let (mut pool, mut random) = (Pool::new(&ports), Random::new(1));
        for _ in 0..100 {
            let mut taken: Vec<_> = std::iter::from_fn(|| pool.take(None, &mut random)).collect();
            taken.iter().for_each(|port| pool.release(*port));
            taken.sort_unstable();
            assert_eq!(taken, [1000, 1001, 1002, 1003]);
            assert_eq!(pool.take(Some(1002), &mut random), Some(1002));
            assert_ne!(pool.take(Some(1002), &mut random), Some(1002));
            let missing: Vec<_> = (1000..=1003).filter(|port| pool.place[*port as usize].is_none()).collect();
            missing.into_iter().for_each(|port| pool.release(port));
        }
    }
}
