//! UDP sockets that never block and that keep the ICMP errors they meet.
//!
//! Before editing, read udp(7), ip(7) on `IP_RECVERR`, socket(7), and RFC 1122 section 4.1.3.
//!
//! They are not connected. A connected one is told of some errors only (RFC 1122 section 4.2.3.9 calls the
//! others soft), and one socket can speak to everybody.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{RecvFlags, SendFlags, SocketType, bind, getsockname, ipproto, recvfrom, sendto, sockopt};

use crate::Errno;
use crate::packet::Filter;
use crate::socket::{Family, memory, open};

/// A datagram as it was taken off the receive queue.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Received {
    /// From where.
    pub from: SocketAddr,
    /// How many bytes of it were written to the reader's buffer.
    pub len: usize,
    /// Whether it was longer than the buffer: the rest is lost.
    pub truncated: bool,
}

/// A UDP socket with a port of its own. Dropping it closes it.
#[derive(Debug)]
pub struct UdpSocket {
    fd: OwnedFd,
    port: u16,
}

/// A UDP port of ours over both families that nobody else can have while it is held. Whatever comes to it is thrown away
/// before it is queued: nobody reads it here, and the kernel refuses nothing in our name.
#[derive(Debug)]
pub struct HeldPort {
    _held: Vec<OwnedFd>,
    port: u16,
}

impl HeldPort {
    /// Takes this port; over IPv6 too, where this machine speaks it. [`Errno::ADDRINUSE`] if somebody has it over either.
    pub fn open(port: u16) -> Result<Self, Errno> {
        let v4 = hold(Family::V4, port)?;
        let v6 = match hold(Family::V6, port) {
            Ok(v6) => Some(v6),
            Err(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL) => None,
            Err(errno) => return Err(errno),
        };
        Ok(HeldPort { _held: [Some(v4), v6].into_iter().flatten().collect(), port })
    }

    /// Which.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

/// A socket of this port that throws away what comes; it does so before it has the port.
fn hold(family: Family, port: u16) -> Result<OwnedFd, Errno> {
    let fd = open(family, SocketType::DGRAM, ipproto::UDP)?;
    Filter::nothing().attach(fd.as_fd())?;
    let unspecified: SocketAddr = match family {
        Family::V4 => (Ipv4Addr::UNSPECIFIED, port).into(),
        Family::V6 => {
            sockopt::set_ipv6_v6only(&fd, true)?;
            (Ipv6Addr::UNSPECIFIED, port).into()
        }
    };
    bind(&fd, &unspecified)?;
    Ok(fd)
}

impl UdpSocket {
    /// A socket that does not block, is not inherited by other programs, queues ICMP errors together with the
    /// TTL or hop limit they arrived with, speaks one family only, has a port chosen by the kernel, and as much
    /// room for what it sends and receives as is allowed without privilege.
    pub fn open(family: Family) -> Result<Self, Errno> {
        let fd = open(family, SocketType::DGRAM, ipproto::UDP)?;
        // Beyond the limits of the machine (net.core.rmem_max, net.core.wmem_max) the kernel grants the limit.
        sockopt::set_socket_recv_buffer_size(&fd, 1 << 30)?;
        sockopt::set_socket_send_buffer_size(&fd, 1 << 30)?;
        let unspecified: SocketAddr = match family {
            Family::V4 => (Ipv4Addr::UNSPECIFIED, 0).into(),
            Family::V6 => {
                sockopt::set_ipv6_v6only(&fd, true)?;
                (Ipv6Addr::UNSPECIFIED, 0).into()
            }
        };
        bind(&fd, &unspecified)?;
        let port = SocketAddr::try_from(getsockname(&fd)?)?.port();
        Ok(UdpSocket { fd, port })
    }

    /// Our port.
    pub const fn local_port(&self) -> u16 {
        self.port
    }

    /// How many bytes of kernel memory the datagrams and errors that wait here may take, with all that the kernel
    /// adds to each: twice what was asked for or what is allowed, whichever is less (socket(7)).
    pub fn receive_buffer(&self) -> Result<usize, Errno> {
        sockopt::socket_recv_buffer_size(&self.fd)
    }

    /// The same for datagrams that have not left the machine: they wait up to three seconds for a neighbour that
    /// answers neither ARP nor NDP.
    pub fn send_buffer(&self) -> Result<usize, Errno> {
        sockopt::socket_send_buffer_size(&self.fd)
    }

    /// Sends a datagram.
    ///
    /// An error need not be about this datagram: if the kernel has been told of an error about an earlier one, it
    /// gives that and sends nothing.
    pub fn send_to(&self, to: &SocketAddr, payload: &[u8]) -> Result<(), Errno> {
        sendto(&self.fd, payload, SendFlags::DONTWAIT, to).map(drop)
    }

    /// Takes the oldest datagram off the receive queue; `None` if the queue is empty.
    ///
    /// An error is about an earlier datagram of ours, as with [`send_to`](Self::send_to): ask again.
    pub fn receive(&self, buffer: &mut [u8]) -> Result<Option<Received>, Errno> {
        let room = buffer.len();
        // With TRUNC the length is the true one.
        match recvfrom(&self.fd, buffer, RecvFlags::DONTWAIT | RecvFlags::TRUNC) {
            Ok((_, length, Some(from))) => Ok(Some(Received {
                from: SocketAddr::try_from(from)?,
                len: length.min(room),
                truncated: length > room,
            })),
            // Every datagram has a sender.
            Ok((_, _, None)) => Err(Errno::DESTADDRREQ),
            Err(Errno::AGAIN) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// How many datagrams this socket has lost so far because there was no room for them; it wraps around.
    ///
    /// `SO_RXQ_OVFL` gives the same number with each datagram, but as it stood when that one came in: what is lost
    /// after the last one that found room would never be told.
    pub fn overruns(&self) -> Result<u32, Errno> {
        memory::<{ MEMINFO_DROPS + 1 }>(self.fd.as_fd()).map(|counters| counters[MEMINFO_DROPS])
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// `SK_MEMINFO_DROPS` of `include/uapi/linux/sock_diag.h`.
const MEMINFO_DROPS: usize = 8;

#[cfg(test)]
mod tests;
