use portolan_model::PortSet;

use crate::permutation::{Permutation, mix};

/// In which order a host's ports are asked: the likeliest first, by our ranking, then the rest shuffled.
///
/// Finds come early, and no run of neighbouring ports hits a host at once.
pub(crate) struct Order {
    ports: Vec<u16>,
}

impl Order {
    pub(crate) fn new(ports: &PortSet, seed: u64) -> Self {
        let ranked = portolan_target::ranking::TCP.iter().copied().filter(|port| ports.contains(*port));
        let mut order: Vec<u16> = ranked.collect();
        let ranked: PortSet = order.iter().copied().collect();
        let rest: Vec<u16> = ports.iter().filter(|port| !ranked.contains(*port)).collect();
        let shuffle = Permutation::new(rest.len() as u64, mix(seed ^ 0x706f_7274));
        // Positions of a Vec fit in usize.
        order.extend((0..rest.len() as u64).map(|at| rest[usize::try_from(shuffle.index(at)).unwrap_or(0)]));
        Order { ports: order }
    }

    pub(crate) fn len(&self) -> usize {
        self.ports.len()
    }

    pub(crate) fn port(&self, index: u32) -> u16 {
        self.ports[index as usize]
    }

    /// Every port with its place in the order, by number.
    pub(crate) fn sorted(&self) -> Vec<(u16, u32)> {
        let mut sorted: Vec<(u16, u32)> = self.ports.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likely_ports_come_first_and_none_is_lost() {
        let order = Order::new(&PortSet::all(), 3);
        let top: PortSet = portolan_target::ranking::TCP.iter().copied().collect();
        assert!((0..top.len() as u32).all(|index| top.contains(order.port(index))));
        assert_eq!(order.ports.iter().copied().collect::<PortSet>(), PortSet::all());
        assert_ne!(
            order.ports[2000..2100],
            order.sorted()[2000..2100].iter().map(|(port, _)| *port).collect::<Vec<_>>()
        );
    }
}
