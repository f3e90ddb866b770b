use std::fmt;

use crate::evidence::Layer;

/// A question to a host itself: whether it is there.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Ping {
    /// ARP (RFC 826) or a neighbour solicitation (RFC 4861 section 4.3): only on a link of ours, where every host must
    /// answer.
    Neighbour,
    /// An ICMP echo request (RFC 792, RFC 4443 section 4.1).
    Echo,
    /// An ICMP timestamp request (RFC 792); IPv4 alone has it.
    Timestamp,
    /// A TCP SYN to this port: whatever answers it is there.
    Syn(u16),
    /// A TCP ACK of no connection, to this port: a host answers it with a RST (RFC 9293 section 3.10.7.1).
    Ack(u16),
    /// An empty UDP datagram to this port: a host without a listener answers with port unreachable.
    Udp(u16),
}

/// The answer to a ping that no port's answer is. It came from the host that was asked.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Pong {
    /// It says that it is behind an address of our link.
    Neighbour {
        /// Its hardware address.
        mac: Mac,
    },
    /// An echo reply with our identifier, sequence number and data.
    Echo {
        /// The TTL or hop limit it arrived with.
        ttl: u8,
    },
    /// A timestamp reply with our identifier and sequence number.
    Timestamp {
        /// The TTL it arrived with.
        ttl: u8,
    },
    /// A datagram from the port that was asked.
    Datagram {
        /// The TTL or hop limit it arrived with.
        ttl: u8,
    },
}

/// A hardware address of six bytes (IEEE 802), as Ethernet has it.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Whether somebody chose it himself (a virtual machine, a telephone that hides who made it): the bit of the first
    /// byte that IEEE 802 section 8.2.2 keeps for that is set. Such an address tells no maker.
    pub const fn is_local(self) -> bool {
        self.0[0] & 2 != 0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl Ping {
    /// The port that is asked, if it is one's.
    pub const fn port(self) -> Option<u16> {
        match self {
            Ping::Syn(port) | Ping::Ack(port) | Ping::Udp(port) => Some(port),
            Ping::Neighbour | Ping::Echo | Ping::Timestamp => None,
        }
    }

    /// The layer at which it is asked.
    pub const fn layer(self) -> Layer {
        match self {
            Ping::Neighbour => Layer::Link,
            Ping::Echo | Ping::Timestamp => Layer::Internet,
            Ping::Syn(_) | Ping::Ack(_) | Ping::Udp(_) => Layer::Transport,
        }
    }

    /// The token used in every output, without the port.
    pub const fn name(self) -> &'static str {
        match self {
            Ping::Neighbour => "neighbour",
            Ping::Echo => "echo",
            Ping::Timestamp => "timestamp",
            Ping::Syn(_) => "syn",
            Ping::Ack(_) => "ack",
            Ping::Udp(_) => "udp",
        }
    }
}

impl Pong {
    /// The layer at which it came.
    pub const fn layer(self) -> Layer {
        match self {
            Pong::Neighbour { .. } => Layer::Link,
            Pong::Echo { .. } | Pong::Timestamp { .. } => Layer::Internet,
            Pong::Datagram { .. } => Layer::Transport,
        }
    }

    /// The TTL or hop limit it arrived with; a neighbour is never further than the link.
    pub const fn ttl(self) -> Option<u8> {
        match self {
            Pong::Neighbour { .. } => None,
            Pong::Echo { ttl } | Pong::Timestamp { ttl } | Pong::Datagram { ttl } => Some(ttl),
        }
    }

    /// The token used in every output.
    pub const fn name(self) -> &'static str {
        match self {
            Pong::Neighbour { .. } => "neighbour",
            Pong::Echo { .. } => "echo",
            Pong::Timestamp { .. } => "timestamp",
            Pong::Datagram { .. } => "datagram",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hardware_address_is_written_as_people_read_it() {
        assert_eq!(Mac([0, 0x1b, 0x21, 0xa, 0xff, 9]).to_string(), "00:1b:21:0a:ff:09");
    }
}
