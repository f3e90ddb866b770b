use serde::Serialize;

use super::micros;
use crate::evidence::{Fact, Icmp, IcmpFamily, LocalFault, Observation, Segment};
use crate::ping::Pong;

/// One dated fact, written.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct ObservationRecord {
    /// Microseconds since the origin of the scan's clock; only differences mean anything.
    pub t_us: u64,
    /// The layer at which it was observed.
    pub layer: &'static str,
    /// What was observed.
    #[serde(flatten)]
    pub fact: FactRecord,
}

/// What was observed, written; the field `fact` says which.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum FactRecord {
    /// An attempt started.
    Asked {
        /// Its number, from 1.
        attempt: u8,
    },
    /// The host itself was asked whether it is there.
    Pinged {
        /// By what: `neighbour`, `echo`, `timestamp`, `syn`, `ack` or `udp`.
        ping: &'static str,
        /// Which port, if one is asked.
        #[serde(skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
        /// The round's number, from 1.
        attempt: u8,
    },
    /// It answered that.
    Pong {
        /// By what: `neighbour`, `echo`, `timestamp` or `datagram`.
        pong: &'static str,
        /// The hardware address that it told.
        #[serde(skip_serializing_if = "Option::is_none")]
        mac: Option<String>,
        /// The TTL or hop limit it arrived with.
        #[serde(skip_serializing_if = "Option::is_none")]
        ttl: Option<u8>,
    },
    /// The connection was made.
    Connected {
        /// Our end of it.
        local: String,
    },
    /// Refused, without an ICMP error.
    Refused,
    /// A SYN-ACK acknowledged our SYN.
    SynAck {
        /// The TTL or hop limit it arrived with.
        ttl: u8,
        /// Its window, unscaled.
        window: u16,
    },
    /// A RST acknowledged our SYN.
    Reset {
        /// The TTL or hop limit it arrived with.
        ttl: u8,
        /// Its window, unscaled.
        window: u16,
    },
    /// An ICMP error came.
    Icmp {
        /// `icmp` (RFC 792) or `icmpv6` (RFC 4443).
        family: &'static str,
        /// The type field.
        r#type: u8,
        /// The code field.
        code: u8,
        /// Who sent it, where the kernel said so.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// The TTL or hop limit it arrived with, where the kernel said so.
        #[serde(skip_serializing_if = "Option::is_none")]
        ttl: Option<u8>,
    },
    /// A datagram left.
    Sent {
        /// The attempt's number, from 1.
        attempt: u8,
        /// The probe whose payload it carried.
        probe: &'static str,
        /// The payload's length.
        bytes: u16,
    },
    /// A datagram came back.
    Datagram {
        /// From which address.
        from: String,
        /// From which port.
        port: u16,
        /// Its length.
        bytes: u16,
        /// Whether it is an answer to what was asked.
        likeness: &'static str,
        /// The TTL or hop limit it arrived with, where it was read off the wire.
        #[serde(skip_serializing_if = "Option::is_none")]
        ttl: Option<u8>,
    },
    /// Nothing came back.
    Silence {
        /// How many attempts went unanswered.
        attempts: u8,
        /// Over how many microseconds.
        over_us: u64,
    },
    /// A later probe to the same host was answered.
    Witness {
        /// The port that answered.
        port: u16,
    },
    /// This machine failed.
    Local {
        /// What failed.
        kind: &'static str,
        /// The errno, where `kind` does not name it.
        #[serde(skip_serializing_if = "Option::is_none")]
        errno: Option<i32>,
        /// For `no-neighbour`: whether the silent machine is the target itself, not a gateway.
        #[serde(skip_serializing_if = "Option::is_none")]
        on_link: Option<bool>,
    },
    /// The socket met itself.
    SelfConnected,
    /// The scan ended first.
    Stopped,
}

impl ObservationRecord {
    /// The written form of `observation`.
    pub fn new(observation: &Observation) -> Self {
        ObservationRecord {
            t_us: observation.at.as_nanos() / 1000,
            layer: observation.fact.layer().name(),
            fact: FactRecord::new(&observation.fact),
        }
    }
}

impl FactRecord {
    /// The written form of `fact`.
    pub fn new(fact: &Fact) -> Self {
        match fact {
            Fact::Asked { attempt } => FactRecord::Asked { attempt: *attempt },
            Fact::Pinged { ping, attempt } => {
                FactRecord::Pinged { ping: ping.name(), port: ping.port(), attempt: *attempt }
            }
            Fact::Pong(pong) => FactRecord::pong(*pong),
            Fact::Connected { local } => FactRecord::Connected { local: local.to_string() },
            Fact::Refused => FactRecord::Refused,
            Fact::SynAck(Segment { ttl, window }) => FactRecord::SynAck { ttl: *ttl, window: *window },
            Fact::Reset(Segment { ttl, window }) => FactRecord::Reset { ttl: *ttl, window: *window },
            Fact::Icmp(icmp) => FactRecord::icmp(icmp),
            Fact::Sent { attempt, probe, bytes } => {
                FactRecord::Sent { attempt: *attempt, probe, bytes: *bytes }
            }
            Fact::Datagram { from, bytes, likeness, ttl } => FactRecord::Datagram {
                from: from.address.to_string(),
                port: from.port,
                bytes: *bytes,
                likeness: likeness.token(),
                ttl: *ttl,
            },
            Fact::Silence { attempts, over } => {
                FactRecord::Silence { attempts: *attempts, over_us: micros(*over) }
            }
            Fact::Witness { port } => FactRecord::Witness { port: *port },
            Fact::Local(fault) => FactRecord::local(*fault),
            Fact::SelfConnected => FactRecord::SelfConnected,
            Fact::Stopped => FactRecord::Stopped,
        }
    }

    fn icmp(icmp: &Icmp) -> Self {
        FactRecord::Icmp {
            family: match icmp.family {
                IcmpFamily::V4 => "icmp",
                IcmpFamily::V6 => "icmpv6",
            },
            r#type: icmp.icmp_type,
            code: icmp.code,
            from: icmp.from.map(|address| address.to_string()),
            ttl: icmp.ttl,
        }
    }

    fn pong(pong: Pong) -> Self {
        let mac = match pong {
            Pong::Neighbour { mac } => Some(mac.to_string()),
            Pong::Echo { .. } | Pong::Timestamp { .. } | Pong::Datagram { .. } => None,
        };
        FactRecord::Pong { pong: pong.name(), mac, ttl: pong.ttl() }
    }

    fn local(fault: LocalFault) -> Self {
        FactRecord::Local { kind: fault_token(fault), errno: fault_errno(fault), on_link: on_link(fault) }
    }
}

/// The token of a local fault.
pub(super) const fn fault_token(fault: LocalFault) -> &'static str {
    match fault {
        LocalFault::Firewall => "firewall",
        LocalFault::NoRoute => "no-route",
        LocalFault::OwnAddress => "own-address",
        LocalFault::NoNeighbour { .. } => "no-neighbour",
        LocalFault::Permission => "permission",
        LocalFault::NoPorts => "no-ports",
        LocalFault::NoDescriptors => "no-descriptors",
        LocalFault::NoBuffers => "no-buffers",
        LocalFault::Other(_) => "other",
    }
}

/// The errno, for a fault without a name of its own.
pub(super) const fn fault_errno(fault: LocalFault) -> Option<i32> {
    match fault {
        LocalFault::Other(errno) => Some(errno),
        _ => None,
    }
}

const fn on_link(fault: LocalFault) -> Option<bool> {
    match fault {
        LocalFault::NoNeighbour { on_link } => Some(on_link),
        _ => None,
    }
}
