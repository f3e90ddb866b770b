//! TCP sockets that never block and that keep the ICMP errors they meet.
//!
//! Before editing, read connect(2), ip(7) on `IP_RECVERR`, and RFC 9293 section 3.10.7.3 (SYN-SENT).

use std::ffi::c_int;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType, ipproto, sockopt};

use crate::Errno;

/// The two internet protocols.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    /// RFC 791.
    V4,
    /// RFC 8200.
    V6,
}

impl Family {
    /// The family of an address.
    pub const fn of(address: &SocketAddr) -> Self {
        match address {
            SocketAddr::V4(_) => Family::V4,
            SocketAddr::V6(_) => Family::V6,
        }
    }
}

/// How far a connect has come.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The peer answered with SYN-ACK.
    Connected,
    /// No verdict yet.
    InProgress,
}

/// A TCP socket. Dropping it closes it.
#[derive(Debug)]
pub struct TcpSocket {
    fd: OwnedFd,
}

impl TcpSocket {
    /// A socket that does not block, is not inherited by other programs, and queues ICMP errors
    /// together with the TTL or hop limit they arrived with.
    pub fn open(family: Family) -> Result<Self, Errno> {
        Ok(TcpSocket { fd: open(family, SocketType::STREAM, ipproto::TCP)? })
    }

    /// Starts a connection to `to`.
    ///
    /// After an error the socket is unconnected again. If the error was ECONNREFUSED it may be
    /// connected anew: that is cheaper than closing it and opening another.
    pub fn connect(&self, to: &SocketAddr) -> Result<Progress, Errno> {
        match rustix::net::connect(&self.fd, to) {
            Ok(()) | Err(Errno::ISCONN) => Ok(Progress::Connected),
            Err(Errno::INPROGRESS | Errno::ALREADY) => Ok(Progress::InProgress),
            Err(errno) => Err(errno),
        }
    }

    /// Asks what became of the connection to `to` that [`connect`](Self::connect) left in progress.
    ///
    /// A second connect(2) is that question, and the only one that also takes the socket out of the
    /// failed state. On a socket that is not connecting it would start a connection, so ask only
    /// while one is in progress.
    pub fn ask(&self, to: &SocketAddr) -> Result<Progress, Errno> {
        self.connect(to)
    }

    /// The name of our end.
    pub fn local_addr(&self) -> Result<SocketAddr, Errno> {
        SocketAddr::try_from(rustix::net::getsockname(&self.fd)?)
    }

    /// From now on closing it sends a RST if it is connected, and leaves nothing in TIME_WAIT.
    pub fn reset_on_close(&self) -> Result<(), Errno> {
        sockopt::set_socket_linger(&self.fd, Some(Duration::ZERO))
    }
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A socket that does not block, is not inherited by other programs, and queues ICMP errors together with the
/// TTL or hop limit they arrived with.
pub(crate) fn open(family: Family, kind: SocketType, protocol: Protocol) -> Result<OwnedFd, Errno> {
    let (domain, level, options) = match family {
        Family::V4 => (AddressFamily::INET, libc::IPPROTO_IP, [libc::IP_RECVERR, libc::IP_RECVTTL]),
        Family::V6 => {
            (AddressFamily::INET6, libc::IPPROTO_IPV6, [libc::IPV6_RECVERR, libc::IPV6_RECVHOPLIMIT])
        }
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let fd = rustix::net::socket_with(domain, kind, flags, Some(protocol))?;
    for option in options {
        switch_on(fd.as_fd(), level, option)?;
    }
    Ok(fd)
}

/// From now on a socket sends by the interface of this index alone, and hears what comes by it alone.
///
/// Without privilege since Linux 5.7, once for each socket; EPERM before. ENODEV: there is no such interface. Where no route
/// leads by the interface, an IPv4 socket takes the destination for one on its link all the same: that has to be looked up
/// beforehand.
pub fn bind_to_interface(socket: impl AsFd, index: u32) -> Result<(), Errno> {
    let index = c_int::try_from(index).map_err(|_| Errno::NODEV)?;
    set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_BINDTOIFINDEX, &index)
}

/// `setsockopt(fd, level, option, 1)`, for options that rustix does not know.
pub(crate) fn switch_on(fd: BorrowedFd<'_>, level: c_int, option: c_int) -> Result<(), Errno> {
    set_option::<c_int>(fd, level, option, &1)
}

/// `setsockopt`, for options that rustix does not know. The value is a C integer or struct.
pub(crate) fn set_option<T>(fd: BorrowedFd<'_>, level: c_int, option: c_int, value: &T) -> Result<(), Errno> {
    // SAFETY: the descriptor is open while it is borrowed; the value pointer and its length describe
    // a borrowed value, which the kernel only reads. It does the same with what a value points to, and answers
    // EFAULT where nothing is.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            option,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(last_errno()) }
}

/// The first counters of `SO_MEMINFO`: what a socket holds of the kernel's memory, and what it lost for want of it.
pub(crate) fn memory<const N: usize>(fd: BorrowedFd<'_>) -> Result<[u32; N], Errno> {
    counters(fd, libc::SOL_SOCKET, SO_MEMINFO)
}

/// `getsockopt`, for options that are a row of unsigned integers; what the kernel does not fill is 0.
pub(crate) fn counters<const N: usize>(
    fd: BorrowedFd<'_>,
    level: c_int,
    option: c_int,
) -> Result<[u32; N], Errno> {
    let mut counters = [0_u32; N];
    let mut length = size_of_val(&counters) as libc::socklen_t;
    // SAFETY: the descriptor is open while it is borrowed; the value pointer and the length describe a local
    // array of integers, of which the kernel writes no more than that length.
    let result = unsafe {
        libc::getsockopt(fd.as_raw_fd(), level, option, counters.as_mut_ptr().cast(), &raw mut length)
    };
    if result == 0 { Ok(counters) } else { Err(last_errno()) }
}

/// `include/uapi/asm-generic/socket.h`, since Linux 4.12.
const SO_MEMINFO: c_int = 55;

/// What the last failed call of libc on this thread left in `errno`.
pub(crate) fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;
    use crate::epoll::{Epoll, Interest, ReadyList};

    fn finish(socket: &TcpSocket, to: &SocketAddr) -> Result<Progress, Errno> {
        let epoll = Epoll::new().unwrap();
        epoll.add(socket, 0, Interest::WritableEdge).unwrap();
        let mut list = ReadyList::with_capacity(1);
        let mut progress = socket.connect(to);
        for _ in 0..20 {
            if progress != Ok(Progress::InProgress) {
                break;
            }
            epoll.wait(&mut list, Some(Duration::from_millis(50))).unwrap();
            progress = socket.ask(to);
        }
        progress
    }

    /// Bound but not listening: closed, and nobody else can take the port.
    fn closed_port() -> (OwnedFd, SocketAddr) {
        let holder = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&holder, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let name = SocketAddr::try_from(rustix::net::getsockname(&holder).unwrap()).unwrap();
        (holder, name)
    }

    #[test]
    fn a_refused_socket_can_be_connected_again() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let open = listener.local_addr().unwrap();
        let (_holder, closed) = closed_port();
        let socket = TcpSocket::open(Family::V4).unwrap();
        for _ in 0..3 {
            assert_eq!(finish(&socket, &closed), Err(Errno::CONNREFUSED));
        }
        assert_eq!(finish(&socket, &open), Ok(Progress::Connected));
        assert_eq!(socket.ask(&open), Ok(Progress::Connected));
        assert_eq!(socket.local_addr().unwrap().ip(), Ipv4Addr::LOCALHOST);
        socket.reset_on_close().unwrap();
    }

    #[test]
    fn sockets_open_in_both_families() {
        for family in [Family::V4, Family::V6] {
            match TcpSocket::open(family) {
                Ok(socket) => assert_eq!(socket.local_addr().map(|name| Family::of(&name)), Ok(family)),
                Err(errno) => assert_eq!((family, errno), (Family::V6, Errno::AFNOSUPPORT)),
            }
        }
    }
}
