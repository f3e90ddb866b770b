use portolan_model::{PortSet, Transport};

/// The ports of a host, by transport protocol.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub struct Ports {
    /// To be asked over TCP.
    pub tcp: PortSet,
    /// To be asked over UDP.
    pub udp: PortSet,
}

impl Ports {
    /// TCP ports alone.
    pub const fn tcp(tcp: PortSet) -> Self {
        Ports { tcp, udp: PortSet::new() }
    }

    /// The ports of one protocol; of those that are not asked, none.
    pub const fn of(&self, transport: Transport) -> Option<&PortSet> {
        match transport {
            Transport::Tcp => Some(&self.tcp),
            Transport::Udp => Some(&self.udp),
            Transport::Sctp => None,
        }
    }

    /// How many endpoints a host has by these.
    pub fn len(&self) -> usize {
        self.tcp.len() + self.udp.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tcp.is_empty() && self.udp.is_empty()
    }

    /// The ports of either.
    #[must_use]
    pub fn union(&self, other: &Ports) -> Ports {
        Ports { tcp: self.tcp.union(&other.tcp), udp: self.udp.union(&other.udp) }
    }
}
