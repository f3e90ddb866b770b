//! `struct rtmsg` and the attributes `RTA_*`.

use std::net::IpAddr;

use super::message::{Attributes, address, u16_at, u32_at, write_attribute};
use crate::Errno;

/// Which way packets to an address take.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Route {
    /// What lies at the end of it.
    pub kind: RouteKind,
    /// The index of the interface that packets leave by; the loopback's for [`RouteKind::Local`].
    pub interface: u32,
    /// The address that they come from, unless the sender is bound to another.
    pub source: Option<IpAddr>,
    /// The next hop; none if the address itself is on the link. A route for IPv4 may have one of IPv6 (RFC 8950).
    pub gateway: Option<IpAddr>,
}

/// What lies at the end of a route (`RTN_*`).
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum RouteKind {
    /// A host elsewhere.
    Unicast,
    /// This machine.
    Local,
    /// All hosts of a link.
    Broadcast,
    /// A group of hosts.
    Multicast,
    /// Another, by its number.
    Other(u8),
}

/// The body of a question for the way to `to`.
pub(super) fn question(to: IpAddr, zone: Option<u32>) -> Vec<u8> {
    let (family, octets) = match to {
        IpAddr::V4(v4) => (libc::AF_INET, v4.octets().to_vec()),
        IpAddr::V6(v6) => (libc::AF_INET6, v6.octets().to_vec()),
    };
    let mut body = vec![0; FIXED];
    // Both families are small numbers, and both addresses have at most 128 bits.
    body[FAMILY] = family as u8;
    body[PREFIX] = (octets.len() * 8) as u8;
    write_attribute(&mut body, libc::RTA_DST, &octets);
    if let Some(zone) = zone {
        write_attribute(&mut body, libc::RTA_OIF, &zone.to_ne_bytes());
    }
    body
}

/// The body of a question for the entry of the table that packets to `to` follow by an interface.
pub(super) fn question_of_table(to: IpAddr, interface: u32) -> Vec<u8> {
    let mut body = question(to, Some(interface));
    body[FLAGS..FLAGS + 4].copy_from_slice(&RTM_F_FIB_MATCH.to_ne_bytes());
    body
}

/// The route in the body of an answer; an error if packets do not go there.
pub(super) fn read(body: &[u8]) -> Option<Result<Route, Errno>> {
    let kind = match *body.get(KIND)? {
        libc::RTN_UNICAST => RouteKind::Unicast,
        libc::RTN_LOCAL => RouteKind::Local,
        libc::RTN_BROADCAST => RouteKind::Broadcast,
        libc::RTN_MULTICAST => RouteKind::Multicast,
        // For these kinds the kernel answers with an error instead; for IPv6 it has not always done so.
        libc::RTN_UNREACHABLE => return Some(Err(Errno::HOSTUNREACH)),
        libc::RTN_PROHIBIT => return Some(Err(Errno::ACCESS)),
        libc::RTN_BLACKHOLE => return Some(Err(Errno::INVAL)),
        libc::RTN_THROW => return Some(Err(Errno::NETUNREACH)),
        other => RouteKind::Other(other),
    };
    let mut interface = None;
    let mut route = Route { kind, interface: 0, source: None, gateway: None };
    for (attribute, data) in Attributes::after(body, FIXED) {
        match attribute {
            libc::RTA_OIF => interface = u32_at(data, 0),
            libc::RTA_PREFSRC => route.source = address(data),
            libc::RTA_GATEWAY => route.gateway = address(data),
            RTA_VIA => route.gateway = via(data),
            _ => {}
        }
    }
    Some(Ok(Route { interface: interface?, ..route }))
}

/// `struct rtvia`: a family, and an address as long as the family's are.
fn via(data: &[u8]) -> Option<IpAddr> {
    let address = address(data.get(2..)?)?;
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    (i32::from(u16_at(data, 0)?) == family).then_some(address)
}

/// Length of `struct rtmsg`, and where in it stand the family, the length of the destination in bits, the kind and the
/// flags.
const FIXED: usize = 12;
const FAMILY: usize = 0;
const PREFIX: usize = 1;
const KIND: usize = 7;
const FLAGS: usize = 8;

/// `include/uapi/linux/rtnetlink.h`, since Linux 4.13.
const RTM_F_FIB_MATCH: u32 = 0x2000;

/// `include/uapi/linux/rtnetlink.h`, since Linux 4.1; libc has it for some targets only.
const RTA_VIA: u16 = 18;
