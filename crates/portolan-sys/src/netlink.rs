//! netlink(7), rtnetlink(7): what the kernel knows of routes, links and neighbours.
//!
//! Before editing, read RFC 3549 section 2, Documentation/userspace-api/netlink/intro.rst of Linux, and
//! `include/uapi/linux/{netlink,rtnetlink,if_link,neighbour}.h`.

mod link;
mod message;
mod neighbour;
mod route;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use crate::Errno;
use message::Answer;

pub use link::Link;
pub use neighbour::Neighbour;
pub use route::{Route, RouteKind};

/// One socket of the family `NETLINK_ROUTE`. It asks about the network namespace that it was opened in, whichever the
/// caller is in later, and asking needs no privilege. Dropping it closes it.
///
/// The kernel answers at once; if it does not within [`PATIENCE`], the error is ETIMEDOUT. An answer that is no netlink
/// message is EBADMSG, one too long for the buffer EMSGSIZE. None of them is to be expected; after one, open another
/// socket, since the rest of the answer may still be on its way in this one.
#[derive(Debug)]
pub struct Netlink {
    fd: OwnedFd,
    /// The number of the last question.
    sequence: u32,
    buffer: Vec<u8>,
}

/// How long a datagram of an answer is waited for.
pub const PATIENCE: Duration = Duration::from_secs(1);

impl Netlink {
    /// A socket that only the kernel can send to.
    pub fn open() -> Result<Self, Errno> {
        // No protocol is protocol 0, which is NETLINK_ROUTE.
        let fd =
            rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        sockopt::set_socket_timeout(&fd, sockopt::Timeout::Recv, Some(PATIENCE))?;
        // Port 0 is the kernel. A connected socket takes datagrams from its peer alone.
        rustix::net::connect(&fd, &SocketAddrNetlink::new(0, 0))?;
        Ok(Netlink { fd, sequence: 0, buffer: vec![0; BUFFER] })
    }

    /// Which way a packet to `to` takes (RTM_GETROUTE). `zone` is the index of the interface that it has to leave by:
    /// needed for a link-local address, which without it goes wherever the kernel finds such a route first. With a zone
    /// the kernel takes an IPv4 address that it has no route for as one on that link; without one that is ENETUNREACH.
    ///
    /// Where no packet goes is an error, as from connect(2): ENETUNREACH without a route, EHOSTUNREACH, EACCES and
    /// EINVAL by a route that says unreachable, prohibit and blackhole.
    pub fn route(&mut self, to: IpAddr, zone: Option<u32>) -> Result<Route, Errno> {
        let question = Question { kind: libc::RTM_GETROUTE, flags: 0, body: &route::question(to, zone) };
        let answer = self.ask(question, Answer::of(libc::RTM_NEWROUTE, route::read))?;
        answer.found.into_iter().next().unwrap_or(Err(Errno::BADMSG))
    }

    /// The route that the table holds for packets to `to` by the interface of this index; an error if it has none, as of
    /// [`Netlink::route`], which for IPv4 makes one up then. What there is of it is what was written down: its source may be
    /// missing. Linux before 4.13 makes one up here too.
    pub fn written_route(&mut self, to: IpAddr, interface: u32) -> Result<Route, Errno> {
        let body = route::question_of_table(to, interface);
        let question = Question { kind: libc::RTM_GETROUTE, flags: 0, body: &body };
        let answer = self.ask(question, Answer::of(libc::RTM_NEWROUTE, route::read))?;
        answer.found.into_iter().next().unwrap_or(Err(Errno::BADMSG))
    }

    /// Every interface, in no order (RTM_GETLINK).
    pub fn links(&mut self) -> Result<Vec<Link>, Errno> {
        self.list(libc::RTM_GETLINK, &link::QUESTION, || Answer::of(libc::RTM_NEWLINK, link::read))
    }

    /// What is known of the link-layer addresses of neighbours, in no order, proxied ones left out (RTM_GETNEIGH).
    pub fn neighbours(&mut self) -> Result<Vec<Neighbour>, Errno> {
        self.list(libc::RTM_GETNEIGH, &neighbour::QUESTION, || {
            Answer::of(libc::RTM_NEWNEIGH, neighbour::read)
        })
    }

    /// A list that changed while it was told is asked for anew, but not for ever: on a busy machine the last one
    /// has to do, which may have what came or went in the meantime twice or not at all.
    fn list<T>(&mut self, kind: u16, body: &[u8], empty: impl Fn() -> Answer<T>) -> Result<Vec<T>, Errno> {
        let question = Question { kind, flags: libc::NLM_F_DUMP as u16, body };
        let mut answer = self.ask(question, empty())?;
        for _ in 1..ATTEMPTS {
            if !answer.is_torn {
                break;
            }
            answer = self.ask(question, empty())?;
        }
        Ok(answer.found)
    }

    fn ask<T>(&mut self, question: Question<'_>, mut answer: Answer<T>) -> Result<Answer<T>, Errno> {
        self.sequence = self.sequence.wrapping_add(1);
        let flags = question.flags | libc::NLM_F_REQUEST as u16;
        let request = message::write(question.kind, flags, self.sequence, question.body);
        rustix::net::send(&self.fd, &request, SendFlags::empty())?;
        loop {
            let datagram = receive(&self.fd, &mut self.buffer)?;
            if answer.take(self.sequence, datagram)? {
                return Ok(answer);
            }
        }
    }
}

#[derive(Copy, Clone)]
struct Question<'a> {
    kind: u16,
    flags: u16,
    body: &'a [u8],
}

fn receive<'a>(fd: &OwnedFd, buffer: &'a mut [u8]) -> Result<&'a [u8], Errno> {
    loop {
        match rustix::net::recv(fd, &mut *buffer, RecvFlags::TRUNC) {
            // TRUNC gives the length that the datagram had, not the one that found room.
            Ok((_, length)) => return buffer.get(..length).ok_or(Errno::MSGSIZE),
            // signal(7): a receive with a timeout is never restarted by itself.
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Err(Errno::TIMEDOUT),
            Err(errno) => return Err(errno),
        }
    }
}

/// The kernel fills the buffer that it is given, up to 32 KiB at a time (`netlink_recvmsg`); a single message is longer
/// than that only for a device with hundreds of virtual functions, which are not asked for.
const BUFFER: usize = 64 * 1024;

/// How often a list is asked for that changes while it is told.
const ATTEMPTS: usize = 3;
