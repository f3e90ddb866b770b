//! SIOCETHTOOL: what an interface does for the network stack beyond handing over what came.

use std::os::fd::AsRawFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::Errno;
use crate::socket::last_errno;
use crate::tun::name_field;

/// Turns generic receive offload on or off at an interface of this network namespace. Needs CAP_NET_ADMIN.
///
/// A veth device with it polls for what comes. Only to such a one can an XDP program at the other end send frames back.
pub fn receive_offload(interface: &str, on: bool) -> Result<(), Errno> {
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let mut value = Value { command: ETHTOOL_SGRO, data: on.into() };
    let ifr_name = name_field(interface)?;
    let data = (&raw mut value).cast();
    let mut request = libc::ifreq { ifr_name, ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_data: data } };
    // SAFETY: the descriptor is open; SIOCETHTOOL reads one `ifreq` with its name ended by NUL, and with this command
    // reads the two words that it points to. Both are local variables that live until the call is over.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) };
    if result < 0 { Err(last_errno()) } else { Ok(()) }
}

/// `struct ethtool_value` of `include/uapi/linux/ethtool.h`.
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

// include/uapi/linux/sockios.h and include/uapi/linux/ethtool.h.
const SIOCETHTOOL: libc::Ioctl = 0x8946;
const ETHTOOL_SGRO: u32 = 0x2c;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_is_not_there_has_none() {
        assert!(receive_offload("no-such-device", true).is_err());
        assert_eq!(receive_offload("", true), Err(Errno::INVAL));
    }
}
