//! `struct ndmsg` and the attributes `NDA_*`.

use std::ffi::c_int;
use std::net::IpAddr;

use super::message::{Attributes, address, u16_at, u32_at};

/// What is known of one neighbour.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Neighbour {
    /// The index of the interface that it is behind.
    pub interface: u32,
    /// Its address.
    pub address: IpAddr,
    /// Its link-layer address, if that is known and has six bytes as on Ethernet.
    pub link_address: Option<[u8; 6]>,
    /// Packets are sent to that address now: the entry is reachable, stale, delayed, probed, permanent, or needs no ARP
    /// (RFC 4861 section 7.3.2). Otherwise it is being asked for, or does not answer.
    pub is_usable: bool,
    /// It was not learned but written down, or is no neighbour that could be asked (`NUD_PERMANENT`, `NUD_NOARP`): nobody
    /// has to answer for it.
    pub is_written: bool,
}

/// The body of a question for all neighbours: nothing in it is set.
pub(super) const QUESTION: [u8; FIXED] = [0; FIXED];

/// The neighbour in the body of an answer; none for another protocol than IP, a bridge's table for one.
pub(super) fn read(body: &[u8]) -> Option<Neighbour> {
    let mut ip = None;
    let mut link_address = None;
    for (attribute, data) in Attributes::after(body, FIXED) {
        match attribute {
            libc::NDA_DST => ip = address(data),
            libc::NDA_LLADDR => link_address = data.try_into().ok(),
            _ => {}
        }
    }
    let ip = ip?;
    let family = if ip.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let state = u16_at(body, STATE)?;
    let told = Neighbour {
        interface: u32_at(body, INTERFACE)?,
        address: ip,
        link_address,
        is_usable: state & USABLE != 0,
        is_written: state & (libc::NUD_PERMANENT | libc::NUD_NOARP) != 0,
    };
    (c_int::from(*body.first()?) == family).then_some(told)
}

/// Length of `struct ndmsg`, and where in it stand the index of the interface and the state. The family comes first.
const FIXED: usize = 12;
const INTERFACE: usize = 4;
const STATE: usize = 8;

/// States in which the kernel sends (`NUD_*`).
const USABLE: u16 = libc::NUD_REACHABLE
    | libc::NUD_STALE
    | libc::NUD_DELAY
    | libc::NUD_PROBE
    | libc::NUD_PERMANENT
    | libc::NUD_NOARP;
