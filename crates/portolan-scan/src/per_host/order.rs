use portolan_model::{PortSet, Transport};
use portolan_target::ranking;

use crate::permutation::{Permutation, mix};

/// In which order a host's ports are asked: the likeliest first, by our ranking, then the rest shuffled.
///
/// Finds come early, and no run of neighbouring ports hits a host at once.
pub(crate) struct Order {
    ports: Vec<u16>,
    /// Each port with its place, by number.
    sorted: Vec<(u16, u32)>,
    /// So many at the front have their verdict from an earlier run, and are asked as witnesses only.
    witnesses: usize,
    /// So many at the end have theirs too, and are asked again only if answers get lost.
    dormant: usize,
}

impl Order {
    pub(crate) fn new(transport: Transport, ports: &PortSet, seed: u64) -> Self {
        Order::among(&[], transport, ports, &PortSet::new(), seed)
    }

    /// The same between ports that have their verdict from an earlier run: before them `witnesses`, and behind them
    /// `dormant`, which are asked again only if answers get lost.
    pub(crate) fn among(
        witnesses: &[u16],
        transport: Transport,
        ports: &PortSet,
        dormant: &PortSet,
        seed: u64,
    ) -> Self {
        let likely: &[u16] = match transport {
            Transport::Tcp => &ranking::TCP,
            Transport::Udp => &ranking::UDP,
            Transport::Sctp => &[],
        };
        let first: PortSet = witnesses.iter().copied().collect();
        let others = likely.iter().copied().filter(|port| ports.contains(*port) && !first.contains(*port));
        let mut order: Vec<u16> = first.iter().chain(others).collect();
        let ranked: PortSet = order.iter().copied().collect();
        let rest: Vec<u16> = ports.iter().filter(|port| !ranked.contains(*port)).collect();
        let shuffle = Permutation::new(rest.len() as u64, mix(seed ^ 0x706f_7274));
        // Positions of a Vec fit in usize.
        order.extend((0..rest.len() as u64).map(|at| rest[usize::try_from(shuffle.index(at)).unwrap_or(0)]));
        order.extend(dormant.iter());
        let mut sorted: Vec<(u16, u32)> = order.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        Order { ports: order, sorted, witnesses: first.len(), dormant: dormant.len() }
    }

    pub(crate) fn len(&self) -> usize {
        self.ports.len()
    }

    pub(crate) fn port(&self, index: u32) -> u16 {
        self.ports[index as usize]
    }

    /// Whether the port at this place is asked as a witness only.
    pub(crate) fn is_witness(&self, index: u32) -> bool {
        (index as usize) < self.witnesses
    }

    /// The first of the places that are asked only if answers get lost.
    pub(crate) fn awake(&self) -> usize {
        self.ports.len() - self.dormant
    }

    /// The place of a port.
    pub(crate) fn index(&self, port: u16) -> Option<u32> {
        let at = self.sorted.binary_search_by_key(&port, |(port, _)| *port).ok()?;
        Some(self.sorted[at].1)
    }

    /// Every port with its place in the order, by number.
    pub(crate) fn sorted(&self) -> &[(u16, u32)] {
        &self.sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likely_ports_come_first_and_none_is_lost() {
        for (transport, likely) in [(Transport::Tcp, &ranking::TCP[..]), (Transport::Udp, &ranking::UDP[..])]
        {
            let order = Order::new(transport, &PortSet::all(), 3);
            let top: PortSet = likely.iter().copied().collect();
            assert!((0..top.len() as u32).all(|index| top.contains(order.port(index))));
            assert_eq!(order.ports.iter().copied().collect::<PortSet>(), PortSet::all());
            assert!((0..1000).all(|index| order.index(order.port(index)) == Some(index)));
            assert_ne!(
                order.ports[2000..2100],
                order.sorted()[2000..2100].iter().map(|(port, _)| *port).collect::<Vec<_>>()
            );
        }
    }
}
