//! The table of flows that a translator of addresses, or a firewall that keeps state, holds: no flow begins when it is
//! full, and nothing comes back that belongs to none.

use std::collections::HashMap;
use std::net::IpAddr;

use portolan_wire::{Ipv4View, Ipv6View, TcpFlags, TcpView, protocol};

use crate::narrow::nanos;
use crate::path::Room;

/// Flows begin at one end only, with a TCP segment or a datagram; what is neither, such as an ICMP error, passes.
pub(crate) struct Flows {
    room: Room,
    until: HashMap<Flow, u64>,
    /// No entry is out of date before this.
    next: u64,
    /// How many packets it did not let through.
    pub(crate) refused: u64,
}

/// Seen from the end where it begins: protocol, address and port there, address and port at the other end.
type Flow = (u8, IpAddr, u16, IpAddr, u16);

/// Which way a packet goes.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    There,
    Back,
}

impl Flows {
    pub(crate) fn new(room: Room) -> Self {
        Flows { room, until: HashMap::new(), next: u64::MAX, refused: 0 }
    }

    /// Whether a packet may pass, at a time in nanoseconds of any clock.
    pub(crate) fn passes(&mut self, packet: &[u8], way: Way, now: u64) -> bool {
        let Some((flow, is_reset)) = flow(packet, way) else { return true };
        self.forget(now);
        let is_known = self.until.contains_key(&flow);
        if !is_known && (way == Way::Back || self.until.len() >= self.room.entries) {
            self.refused += 1;
            return false;
        }
        let until = now.saturating_add(nanos(if is_reset { self.room.reset } else { self.room.idle }));
        self.next = self.next.min(until);
        self.until.insert(flow, until);
        true
    }

    fn forget(&mut self, now: u64) {
        if self.next <= now {
            self.until.retain(|_, until| *until > now);
            self.next = self.until.values().copied().min().unwrap_or(u64::MAX);
        }
    }
}

/// Whether a packet is what the times of a path count from.
pub(crate) fn is_of_a_flow(packet: &[u8]) -> bool {
    flow(packet, Way::There).is_some()
}

/// The flow of a packet, and whether it is a reset.
fn flow(packet: &[u8], way: Way) -> Option<(Flow, bool)> {
    let (source, destination, carries, payload): (IpAddr, IpAddr, _, _) = match packet.first()? >> 4 {
        4 => {
            let view = Ipv4View::new_checked(packet).ok()?;
            (view.source().into(), view.destination().into(), view.protocol(), view.payload())
        }
        _ => {
            let view = Ipv6View::new_checked(packet).ok()?;
            (view.source().into(), view.destination().into(), view.protocol(), view.payload())
        }
    };
    if ![protocol::TCP, protocol::UDP].contains(&carries) {
        return None;
    }
    let ports = payload.first_chunk::<4>()?;
    let [from, to] = [[ports[0], ports[1]], [ports[2], ports[3]]].map(u16::from_be_bytes);
    let is_reset = carries == protocol::TCP
        && TcpView::new_checked(payload).is_ok_and(|segment| segment.flags().contains(TcpFlags::RST));
    let flow = match way {
        Way::There => (carries, source, from, destination, to),
        Way::Back => (carries, destination, to, source, from),
    };
    Some((flow, is_reset))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use portolan_wire::{Ipv4Repr, PseudoHeader, TcpOptions, TcpRepr, ipv4};

    use super::*;

    const S: u64 = 1_000_000_000;

    /// A segment between port 40000 of the end where flows begin and a port of the other.
    fn segment(way: Way, port: u16, flags: TcpFlags) -> Vec<u8> {
        let (near, far) = ((Ipv4Addr::new(198, 18, 0, 1), 40_000), (Ipv4Addr::new(198, 18, 0, 2), port));
        let (from, to) = if way == Way::There { (near, far) } else { (far, near) };
        let repr = TcpRepr {
            source_port: from.1,
            destination_port: to.1,
            sequence: 1,
            acknowledgment: 0,
            flags,
            window: 0,
            urgent: 0,
            options: TcpOptions::default(),
            payload: &[],
        };
        packet(from.0, to.0, protocol::TCP, |bytes| {
            let pseudo = PseudoHeader::V4 { source: from.0, destination: to.0 };
            repr.emit(&pseudo, bytes).unwrap()
        })
    }

    fn packet(
        source: Ipv4Addr,
        destination: Ipv4Addr,
        carries: u8,
        emit: impl FnOnce(&mut [u8]) -> usize,
    ) -> Vec<u8> {
        let mut bytes = vec![0; 100];
        let payload_length = emit(&mut bytes[ipv4::HEADER_LENGTH..]);
        let header = Ipv4Repr {
            source,
            destination,
            protocol: carries,
            ttl: 64,
            identification: 0,
            dont_fragment: true,
            traffic_class: 0,
            payload_length,
        };
        header.emit(&mut bytes).unwrap();
        bytes.truncate(ipv4::HEADER_LENGTH + payload_length);
        bytes
    }

    fn flows(words: &str) -> Flows {
        let route: crate::path::Route = words.parse().unwrap();
        Flows::new(route.flows.unwrap())
    }

    #[test]
    fn a_full_table_lets_no_flow_begin_until_one_is_forgotten() {
        let mut flows = flows("flows=2,10s");
        let syn = |port| segment(Way::There, port, TcpFlags::SYN);
        assert!(flows.passes(&syn(1), Way::There, 0) && flows.passes(&syn(2), Way::There, S));
        assert!(!flows.passes(&syn(3), Way::There, 2 * S));
        // What it knows passes, and is remembered longer.
        assert!(flows.passes(&syn(1), Way::There, 9 * S));
        assert!(!flows.passes(&syn(3), Way::There, 11 * S - 1) && flows.passes(&syn(3), Way::There, 11 * S));
        assert!(!flows.passes(&syn(2), Way::There, 11 * S) && flows.passes(&syn(2), Way::There, 19 * S));
        assert_eq!(flows.refused, 3);
    }

    #[test]
    fn nothing_comes_back_that_belongs_to_no_flow() {
        let mut flows = flows("flows=2,10s,1s");
        let reset = |port| segment(Way::Back, port, TcpFlags::RST | TcpFlags::ACK);
        assert!(!flows.passes(&reset(1), Way::Back, 0));
        assert!(flows.passes(&segment(Way::There, 1, TcpFlags::SYN), Way::There, 0));
        assert!(!flows.passes(&reset(2), Way::Back, 0), "another port");
        assert!(flows.passes(&reset(1), Way::Back, 0));
        // A reset flow is forgotten sooner.
        assert!(flows.passes(&reset(1), Way::Back, S - 1) && !flows.passes(&reset(1), Way::Back, 2 * S));
    }

    #[test]
    fn what_is_of_no_flow_passes_a_full_table() {
        let mut flows = flows("flows=0,10s");
        let [here, there] = [Ipv4Addr::new(198, 18, 0, 1), Ipv4Addr::new(198, 18, 0, 2)];
        let error = packet(there, here, protocol::ICMP, |_| 8);
        assert!(flows.passes(&error, Way::Back, 0) && !is_of_a_flow(&error));
        assert!(flows.passes(&[], Way::There, 0) && flows.passes(&[0x45; 3], Way::There, 0));
        let datagram = packet(here, there, protocol::UDP, |_| 8);
        assert!(!flows.passes(&datagram, Way::There, 0) && is_of_a_flow(&datagram));
        assert_eq!(flows.refused, 1);
    }
}
