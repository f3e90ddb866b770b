//! The error queue of a socket: what the kernel was told about our packets, and by whom.
//!
//! Before editing, read recvmsg(2) on `MSG_ERRQUEUE`, ip(7) on `IP_RECVERR`, cmsg(3), and
//! `include/uapi/linux/errqueue.h`. TCP sockets have used the queue while connecting since Linux 5.9.

use std::ffi::c_int;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use crate::Errno;
use crate::socket::{last_errno, memory};

/// Who made an error (`SO_EE_ORIGIN_*`).
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    /// This kernel.
    Local,
    /// An ICMP message (RFC 792).
    Icmp,
    /// An ICMPv6 message (RFC 4443).
    Icmp6,
    /// Another, by its number.
    Other(u8),
}

/// How much of a quoted packet is worth room: a host quotes up to 576 bytes of its whole ICMP message
/// (RFC 1812 section 4.3.2.3).
pub const QUOTE: usize = 576;

/// One error as it was queued.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct QueuedError {
    /// Who made it.
    pub origin: Origin,
    /// The errno that the kernel made of it.
    pub errno: i32,
    /// The type field, for an ICMP of either kind.
    pub icmp_type: u8,
    /// The code field, for an ICMP of either kind.
    pub code: u8,
    /// Where our packet was going, if the kernel said so.
    pub to: Option<SocketAddr>,
    /// Who sent it, if the kernel said so; the port means nothing.
    pub offender: Option<SocketAddr>,
    /// The TTL or hop limit it arrived with, if the kernel said so.
    pub ttl: Option<u8>,
    /// How many bytes of what was quoted of our packet were written to the reader's buffer.
    pub quoted: usize,
}

/// Whether the queue of `socket` is certainly empty: what stands in it is charged to the socket's receive memory
/// (`SK_MEMINFO_RMEM_ALLOC`). Asking that costs half of reading an empty queue.
pub fn is_empty(socket: impl AsFd) -> bool {
    memory::<1>(socket.as_fd()).is_ok_and(|[received]| received == 0)
}

/// Takes the oldest error off the queue of `socket`; `None` if the queue is empty.
///
/// What it quotes of our packet goes to `quote`, as much as has room there: of a datagram its payload, of a
/// segment what follows the TCP header.
pub fn read(socket: impl AsFd, quote: &mut [u8]) -> Result<Option<QueuedError>, Errno> {
    let mut name = [0; NAME];
    let mut control = [0; CONTROL];
    match receive(socket.as_fd(), quote, &mut name, &mut control) {
        Ok(Lengths { quoted, named, controls }) => Ok(Some(QueuedError {
            to: name.get(..named).and_then(socket_address),
            quoted,
            ..parse(control.get(..controls).unwrap_or(&[]))
        })),
        Err(Errno::AGAIN) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Room for the name of a peer: struct sockaddr_in6 is the longest.
const NAME: usize = size_of::<libc::sockaddr_in6>();

/// Room for the control messages: an extended error with its IPv6 offender, a hop limit, and some more.
const CONTROL: usize = 256;

/// How many bytes of each buffer were written.
struct Lengths {
    quoted: usize,
    named: usize,
    controls: usize,
}

/// `recvmsg(MSG_ERRQUEUE)`.
fn receive(
    socket: BorrowedFd<'_>,
    quote: &mut [u8],
    name: &mut [u8; NAME],
    control: &mut [u8; CONTROL],
) -> Result<Lengths, Errno> {
    let mut vector = libc::iovec { iov_base: quote.as_mut_ptr().cast(), iov_len: quote.len() };
    // SAFETY: msghdr is a C struct of integers and pointers, for which all zeros is a valid value.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_name = name.as_mut_ptr().cast();
    message.msg_namelen = NAME as _;
    message.msg_iov = &raw mut vector;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = CONTROL as _;
    // SAFETY: the descriptor is open while it is borrowed. Every pointer in `message` points to memory that is
    // borrowed mutably by this function for the whole call, with its true length; the kernel asks nothing of
    // its alignment.
    let received = unsafe {
        libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT)
    };
    match usize::try_from(received) {
        Ok(quoted) => Ok(Lengths {
            quoted: quoted.min(quote.len()),
            named: (message.msg_namelen as usize).min(NAME),
            controls: (message.msg_controllen as usize).min(CONTROL),
        }),
        Err(_) => Err(last_errno()),
    }
}

/// Reads what is known from control messages. What is missing, short or strange is left out.
fn parse(control: &[u8]) -> QueuedError {
    let mut error = QueuedError {
        origin: Origin::Other(0),
        errno: 0,
        icmp_type: 0,
        code: 0,
        to: None,
        offender: None,
        ttl: None,
        quoted: 0,
    };
    for (level, kind, data) in Controls(control) {
        match (level, kind) {
            (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) => {
                extended_error(data, &mut error);
            }
            (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                error.ttl = int(data, 0).and_then(|ttl| u8::try_from(ttl).ok());
            }
            _ => {}
        }
    }
    error
}

/// struct sock_extended_err (errno, origin, type, code, pad, info, data), then the offender's sockaddr.
fn extended_error(data: &[u8], error: &mut QueuedError) {
    const SIZE: usize = 16;
    let (Some(errno), Some(&[origin, icmp_type, code])) = (int(data, 0), data.get(4..7)) else { return };
    let Some(offender) = data.get(SIZE..) else { return };
    error.errno = errno;
    error.origin = match origin {
        libc::SO_EE_ORIGIN_LOCAL => Origin::Local,
        libc::SO_EE_ORIGIN_ICMP => Origin::Icmp,
        libc::SO_EE_ORIGIN_ICMP6 => Origin::Icmp6,
        other => Origin::Other(other),
    };
    error.icmp_type = icmp_type;
    error.code = code;
    error.offender = socket_address(offender);
}

/// struct sockaddr_in or sockaddr_in6; AF_UNSPEC means that nobody is to blame.
fn socket_address(data: &[u8]) -> Option<SocketAddr> {
    let family = u16::from_ne_bytes(array(data, 0)?);
    let port = u16::from_be_bytes(array(data, 2)?);
    match c_int::from(family) {
        libc::AF_INET => Some(SocketAddrV4::new(Ipv4Addr::from(array::<4>(data, 4)?), port).into()),
        libc::AF_INET6 => {
            let ip = Ipv6Addr::from(array::<16>(data, 8)?);
            let scope = u32::from_ne_bytes(array(data, 24)?);
            Some(SocketAddrV6::new(ip, port, 0, scope).into())
        }
        _ => None,
    }
}

/// The control messages of a buffer: level, type and data of each, up to the first that is not sound.
struct Controls<'a>(&'a [u8]);

impl<'a> Iterator for Controls<'a> {
    type Item = (c_int, c_int, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        // struct cmsghdr { size_t cmsg_len; int cmsg_level; int cmsg_type; } with the length of header
        // and data; the next one starts at a multiple of sizeof(size_t).
        const HEADER: usize = size_of::<usize>() + 2 * size_of::<c_int>();
        let length = usize::from_ne_bytes(array(self.0, 0)?);
        let level = int(self.0, size_of::<usize>())?;
        let kind = int(self.0, size_of::<usize>() + size_of::<c_int>())?;
        let data = self.0.get(HEADER..length)?;
        let next = length.checked_next_multiple_of(size_of::<usize>())?;
        self.0 = self.0.get(next..).unwrap_or(&[]);
        Some((level, kind, data))
    }
}

fn int(data: &[u8], at: usize) -> Option<c_int> {
    Some(c_int::from_ne_bytes(array(data, at)?))
}

fn array<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests;
