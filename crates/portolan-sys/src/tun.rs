//! tun(4): network devices whose cable ends in this process. What the kernel sends through one is read, whole IP
//! packets; what is written arrives in the kernel.
//!
//! Before editing, read Documentation/networking/tuntap.rst of Linux.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};

use crate::Errno;
use crate::socket::last_errno;

/// One device. It is made in the network namespace of the caller, may be moved to another while it is open, and is
/// gone when this is dropped. Neither reading nor writing blocks.
#[derive(Debug)]
pub struct Tun {
    fd: OwnedFd,
}

impl Tun {
    /// A new device of this name, for IP packets without any header before them. Needs CAP_NET_ADMIN.
    pub fn create(name: &str) -> Result<Self, Errno> {
        let fd = rustix::fs::open(
            "/dev/net/tun",
            OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let mut request = request(name)?;
        let request = &raw mut request;
        // SAFETY: the descriptor is open; TUNSETIFF reads and writes one `ifreq`, a local variable that lives until the
        // call is over, with the name ended by NUL and the union's flags set.
        let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TUNSETIFF, request) };
        if result < 0 { Err(last_errno()) } else { Ok(Tun { fd }) }
    }

    /// The next packet that the kernel sent; EAGAIN if there is none. A packet longer than the buffer is cut.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        rustix::io::read(&self.fd, buffer)
    }

    /// Lets one packet arrive.
    pub fn write(&self, packet: &[u8]) -> Result<(), Errno> {
        rustix::io::write(&self.fd, packet).map(drop)
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn request(name: &str) -> Result<libc::ifreq, Errno> {
    let flags = libc::IFF_TUN | libc::IFF_NO_PI;
    Ok(libc::ifreq {
        ifr_name: name_field(name)?,
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: flags as libc::c_short },
    })
}

/// The name of an interface as an `ifreq` holds it.
pub(crate) fn name_field(name: &str) -> Result<[libc::c_char; libc::IFNAMSIZ], Errno> {
    let mut field = [0; libc::IFNAMSIZ];
    // One place is kept for the NUL; an empty name would let the kernel choose one.
    if name.is_empty() || name.len() >= field.len() || name.contains('\0') {
        return Err(Errno::INVAL);
    }
    for (to, from) in field.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    Ok(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_kernel_could_not_hold_are_refused() {
        for name in ["", "sixteen-letters-", "nul\0"] {
            assert_eq!(Tun::create(name).map(drop), Err(Errno::INVAL), "{name:?}");
        }
    }
}
