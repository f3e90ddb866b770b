//! `struct ifinfomsg` and the attributes `IFLA_*`.

use std::ffi::{OsStr, OsString, c_int};
use std::os::unix::ffi::OsStrExt;

use super::message::{Attributes, u16_at, u32_at};

/// One interface.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Link {
    /// Its index: the zone of its link-local addresses.
    pub index: u32,
    /// Its name. Any bytes but `/`, NUL and white space are allowed in it.
    pub name: OsString,
    /// What kind of link it is (`ARPHRD_*`): 1 for Ethernet and what looks like it, 772 for the loopback, 65534 for a tun
    /// device.
    pub hardware: u16,
    /// Its link-layer address, if that has six bytes as on Ethernet; all zero for the loopback.
    pub address: Option<[u8; 6]>,
    /// The longest packet that it takes, in bytes, the link's own header not counted.
    pub mtu: u32,
    /// It was switched on (`IFF_UP`).
    pub is_up: bool,
    /// Its cable is in (`IFF_LOWER_UP`).
    pub has_carrier: bool,
    /// It is the loopback (`IFF_LOOPBACK`).
    pub is_loopback: bool,
    /// Neighbours have no link-layer address to be asked for (`IFF_NOARP`); holds for IPv6 as well.
    pub no_arp: bool,
    /// There is one neighbour, at the other end (`IFF_POINTOPOINT`).
    pub point_to_point: bool,
}

/// The body of a question for all links: nothing in it is set.
pub(super) const QUESTION: [u8; FIXED] = [0; FIXED];

/// The link in the body of an answer.
pub(super) fn read(body: &[u8]) -> Option<Link> {
    let flags = u32_at(body, FLAGS)?;
    let has = |flag: c_int| flags & flag.cast_unsigned() != 0;
    let mut link = Link {
        index: u32_at(body, INDEX)?,
        name: OsString::new(),
        hardware: u16_at(body, HARDWARE)?,
        address: None,
        mtu: 0,
        is_up: has(libc::IFF_UP),
        has_carrier: has(libc::IFF_LOWER_UP),
        is_loopback: has(libc::IFF_LOOPBACK),
        no_arp: has(libc::IFF_NOARP),
        point_to_point: has(libc::IFF_POINTOPOINT),
    };
    for (attribute, data) in Attributes::after(body, FIXED) {
        match attribute {
            libc::IFLA_IFNAME => link.name = name(data),
            libc::IFLA_ADDRESS => link.address = data.try_into().ok(),
            libc::IFLA_MTU => link.mtu = u32_at(data, 0)?,
            _ => {}
        }
    }
    Some(link)
}

/// A string that ends with NUL.
fn name(data: &[u8]) -> OsString {
    OsStr::from_bytes(data.split(|byte| *byte == 0).next().unwrap_or(&[])).to_owned()
}

/// Length of `struct ifinfomsg`, and where in it stand the kind of the hardware, the index and the flags.
const FIXED: usize = 16;
const HARDWARE: usize = 2;
const INDEX: usize = 4;
const FLAGS: usize = 8;
