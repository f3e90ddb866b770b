//! The interfaces of this machine and their addresses: getifaddrs(3), if_nametoindex(3).

use std::ffi::{CString, c_int};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;

use crate::Errno;
use crate::socket::last_errno;

/// One address of an interface.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct InterfaceAddress {
    /// The index of the interface: the zone of its link-local addresses (RFC 4007 section 6).
    pub index: u32,
    /// The address.
    pub ip: IpAddr,
    /// How many leading bits its neighbours on the link share with it.
    pub prefix: u8,
}

impl InterfaceAddress {
    /// The first and the last address of its prefix.
    pub fn ends(&self) -> (IpAddr, IpAddr) {
        match self.ip {
            IpAddr::V4(ip) => {
                let rest = u32::MAX.checked_shr(self.prefix.into()).unwrap_or(0);
                (
                    Ipv4Addr::from_bits(ip.to_bits() & !rest).into(),
                    Ipv4Addr::from_bits(ip.to_bits() | rest).into(),
                )
            }
            IpAddr::V6(ip) => {
                let rest = u128::MAX.checked_shr(self.prefix.into()).unwrap_or(0);
                (
                    Ipv6Addr::from_bits(ip.to_bits() & !rest).into(),
                    Ipv6Addr::from_bits(ip.to_bits() | rest).into(),
                )
            }
        }
    }

    /// Whether `ip` has the same prefix.
    pub fn shares_prefix(&self, ip: IpAddr) -> bool {
        match (self.ip, ip) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                leading(u128::from(own.to_bits()) << 96, u128::from(other.to_bits()) << 96, self.prefix)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => leading(own.to_bits(), other.to_bits(), self.prefix),
            _ => false,
        }
    }
}

/// Every IPv4 and IPv6 address of this machine (of its network namespace).
pub fn addresses() -> Result<Vec<InterfaceAddress>, Errno> {
    let list = List::read()?;
    let mut found = Vec::new();
    let mut entry = list.0;
    while !entry.is_null() {
        // SAFETY: `entry` is the head or a `next` of a list that getifaddrs made, and `list` keeps the
        // whole of it allocated and unchanged until the end of this function.
        let current = unsafe { &*entry };
        // SAFETY: as above: the pointers of an entry belong to the same list.
        found.extend(unsafe { address(current) });
        entry = current.ifa_next;
    }
    Ok(found)
}

/// The index of an interface; `None` if there is none of that name.
pub fn index_of(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: the pointer is to a string that ends in NUL and lives until the call is over.
    Some(unsafe { libc::if_nametoindex(name.as_ptr()) }).filter(|index| *index != 0)
}

fn leading(own: u128, other: u128, prefix: u8) -> bool {
    (own ^ other).leading_zeros() >= u32::from(prefix)
}

/// A list made by getifaddrs, given back when dropped.
struct List(*mut libc::ifaddrs);

impl List {
    fn read() -> Result<Self, Errno> {
        let mut head = ptr::null_mut();
        // SAFETY: the pointer is to a local variable, which the call only writes.
        if unsafe { libc::getifaddrs(&raw mut head) } == 0 { Ok(List(head)) } else { Err(last_errno()) }
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: the list came from a successful getifaddrs and is given back once, here.
        unsafe { libc::freeifaddrs(self.0) }
    }
}

/// What an entry says; nothing for one without an IP address.
///
/// # Safety
/// The pointers of `entry` must be null or point to what getifaddrs put there: sockaddrs as long as their
/// family demands, and a name that ends in NUL.
unsafe fn address(entry: &libc::ifaddrs) -> Option<InterfaceAddress> {
    // SAFETY: the caller's promise.
    let ip = unsafe { ip_of(entry.ifa_addr) }?;
    // SAFETY: the caller's promise; a mask is written as an address.
    let prefix = match unsafe { ip_of(entry.ifa_netmask) } {
        Some(IpAddr::V4(mask)) => mask.to_bits().leading_ones(),
        Some(IpAddr::V6(mask)) => mask.to_bits().leading_ones(),
        None => 128,
    };
    // SAFETY: the caller's promise.
    let index = unsafe { libc::if_nametoindex(entry.ifa_name) };
    let longest = if ip.is_ipv4() { 32 } else { 128 };
    Some(InterfaceAddress { index, ip, prefix: u8::try_from(prefix).unwrap_or(128).min(longest) })
}

/// The IP address in a sockaddr, if it is one.
///
/// # Safety
/// `address` must be null or point to a sockaddr as long as its family demands.
unsafe fn ip_of(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: not null, and every sockaddr begins with its family. The copies are unaligned reads, so
    // that nothing is asked of the alignment.
    unsafe {
        match c_int::from(address.cast::<libc::sa_family_t>().read_unaligned()) {
            libc::AF_INET => {
                let v4 = address.cast::<libc::sockaddr_in>().read_unaligned();
                Some(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into())
            }
            libc::AF_INET6 => {
                let v6 = address.cast::<libc::sockaddr_in6>().read_unaligned();
                Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_prefix(ip: &str, prefix: u8) -> InterfaceAddress {
        InterfaceAddress { index: 1, ip: ip.parse().unwrap(), prefix }
    }

    #[test]
    fn prefixes_end_at_any_bit() {
        let v4 = with_prefix("198.18.5.1", 23);
        assert!(v4.shares_prefix("198.18.4.255".parse().unwrap()));
        assert!(!v4.shares_prefix("198.18.6.0".parse().unwrap()));
        assert!(!v4.shares_prefix("::1".parse().unwrap()));
        assert!(with_prefix("198.18.5.1", 0).shares_prefix("203.0.113.9".parse().unwrap()));
        assert!(!with_prefix("198.18.5.1", 32).shares_prefix("198.18.5.0".parse().unwrap()));
        assert!(with_prefix("2001:db8::1", 64).shares_prefix("2001:db8::ffff".parse().unwrap()));
        assert!(!with_prefix("2001:db8::1", 128).shares_prefix("2001:db8::".parse().unwrap()));
    }

    #[test]
    fn the_loopback_is_found_with_its_prefix() {
        let Some(lo) = index_of("lo") else { return };
        let addresses = addresses().unwrap();
        let loopback = addresses.iter().find(|address| address.ip == Ipv4Addr::LOCALHOST);
        // A namespace whose loopback is down has no address at all.
        assert!(loopback.is_none_or(|found| found.index == lo && found.prefix == 8));
    }

    #[test]
    fn a_name_that_is_none_has_no_index() {
        assert_eq!(index_of("no such interface"), None);
        assert_eq!(index_of("lo\0lo"), None);
        assert_eq!(index_of(""), None);
    }
}
