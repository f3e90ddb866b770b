//! Sending datagrams over a socket that may be holding the error of an earlier one.
//!
//! Before editing, read udp(7), ip(7) on `IP_RECVERR`, and `udp_sendmsg`, `__udp4_lib_err`, `ip_icmp_error` and
//! `sock_dequeue_err_skb` of Linux. Three traps:
//!
//! 1. Whoever sends while the error of an earlier datagram is pending is given that error, and nothing is sent.
//!    Taking the errors off their queue and sending again is the cure.
//! 2. Without `IP_RECVERR` a connected socket is not told of ICMP codes 0 and 1, and an unconnected one of none.
//!    Ours have it on.
//! 3. Without `IP_RECVERR` a datagram that found the device's queue full is said to have been sent. With it the
//!    kernel says ENOBUFS.

use std::net::SocketAddr;

use portolan_sys::Errno;
use portolan_sys::datagram::{Received, UdpSocket};
use portolan_sys::error_queue::{self, Origin, QueuedError};

/// What is needed of a socket: the real one, or one of a kernel made up for tests.
pub(super) trait Socket {
    /// Sends a datagram, or gives an error that may be an earlier one's.
    fn send(&self, to: &SocketAddr, payload: &[u8]) -> Result<(), Errno>;

    /// Takes the oldest error off its queue.
    fn next_error(&self, quote: &mut [u8]) -> Result<Option<QueuedError>, Errno>;

    /// Takes the oldest datagram off its queue, or gives an error that is an earlier datagram's.
    fn receive(&self, buffer: &mut [u8]) -> Result<Option<Received>, Errno>;
}

impl Socket for UdpSocket {
    fn send(&self, to: &SocketAddr, payload: &[u8]) -> Result<(), Errno> {
        self.send_to(to, payload)
    }

    fn next_error(&self, quote: &mut [u8]) -> Result<Option<QueuedError>, Errno> {
        error_queue::read(self, quote)
    }

    fn receive(&self, buffer: &mut [u8]) -> Result<Option<Received>, Errno> {
        UdpSocket::receive(self, buffer)
    }
}

/// What a socket had for us.
pub(super) enum Found<'a> {
    /// An error, and what it quotes of the datagram's payload.
    Error(QueuedError, &'a [u8]),
    /// A datagram and its bytes.
    Datagram(Received, &'a [u8]),
}

/// Sends a datagram, and gives how many calls before the one that did it sent nothing. Before each of them `calls` is
/// told, and what is found on the way too. If it cannot be sent, the error is our own.
pub(super) fn send(
    socket: &impl Socket,
    (to, payload): (&SocketAddr, &[u8]),
    buffer: &mut [u8],
    mut calls: impl FnMut(),
    mut tell: impl FnMut(Found<'_>),
) -> Result<u32, Errno> {
    let mut alone = false;
    for held in 0..TRIES {
        calls();
        let errno = match socket.send(to, payload) {
            Ok(()) => return Ok(held),
            Err(errno) if may_be_anothers(errno) => errno,
            Err(errno) => {
                // Whoever kept it back may have said so in the queue as well, as a firewall of ours that rejects.
                take_errors(socket, buffer, tell);
                return Err(errno);
            }
        };
        let mut pending = 0;
        take_errors(socket, buffer, |found| {
            // What this kernel itself has against the datagram, it says here and in the errno: once is enough.
            if !matches!(found, Found::Error(error, _) if error.origin == Origin::Local) {
                pending += 1;
                tell(found);
            }
        });
        // An error can be pending that is not in the queue: it found no room there, or we took it out in the moment
        // before the kernel made it pending. The call that gave it has also cleared it, so twice in a row is ours.
        let nothing = pending == 0;
        if nothing && alone {
            return Err(errno);
        }
        alone = nothing;
    }
    // Others' errors come as fast as we can send: a shortage, and it passes.
    Err(Errno::NOBUFS)
}

/// Takes what is there off both queues, up to a bound, and gives how much it was.
pub(super) fn drain(socket: &impl Socket, buffer: &mut [u8], mut tell: impl FnMut(Found<'_>)) -> usize {
    let mut count = take_errors(socket, buffer, &mut tell);
    for _ in 0..DATAGRAMS {
        match socket.receive(buffer) {
            Ok(Some(received)) => {
                count += 1;
                tell(Found::Datagram(received, buffer.get(..received.len).unwrap_or(&[])));
            }
            Ok(None) => break,
            // Pending, and cleared by this call. If it is in the queue, we shall be woken for it.
            Err(_) => {}
        }
    }
    count
}

fn take_errors(socket: &impl Socket, buffer: &mut [u8], mut tell: impl FnMut(Found<'_>)) -> usize {
    let quote = buffer.len().min(error_queue::QUOTE);
    let quote = buffer.get_mut(..quote).unwrap_or(&mut []);
    let mut count = 0;
    while count < ERRORS
        && let Ok(Some(error)) = socket.next_error(quote)
    {
        count += 1;
        tell(Found::Error(error, quote.get(..error.quoted).unwrap_or(&[])));
    }
    count
}

/// Whether the kernel may have made this errno of an ICMP error (`icmp_err_convert` and `icmpv6_err_convert`).
const fn may_be_anothers(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::CONNREFUSED
            | Errno::HOSTUNREACH
            | Errno::NETUNREACH
            | Errno::HOSTDOWN
            | Errno::NONET
            | Errno::ACCESS
            | Errno::NOPROTOOPT
            | Errno::OPNOTSUPP
            | Errno::MSGSIZE
            | Errno::PROTO
    )
}

/// How often one datagram is tried at once. Each try meets an error that came in after the one before.
const TRIES: u32 = 64;

/// How many errors and how many datagrams are taken off a socket in one go: nobody shall hold us by sending.
const ERRORS: usize = 256;
const DATAGRAMS: usize = 64;

#[cfg(test)]
mod tests;
